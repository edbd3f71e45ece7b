#include "fake_server.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include <uv.h>

#include <vx_base/alloc.h>
#include <vx_wire/wire.h>

struct fake_server {
    pthread_t thread;
    uv_loop_t loop;
    uv_async_t stop;
    fake_mood mood;
    vx_listener *listener;
    vx_conn *conn;
    char document[64];
};

static void send_frame(fake_server *server, vx_wire_type type, vx_cbytes message, vx_cbytes payload)
{
    vx_frame frame = { .header = { .type = (uint16_t)type, .slot = VX_FRAME_SLOT_NONE },
                       .message = message,
                       .payload = payload,
                       .cookie = payload.size > 0 ? server : NULL };

    assert_int_equal(vx_conn_send(server->conn, &frame), VX_OK);
}

static void welcome(fake_server *server)
{
    vx_wire_welcome message = { .slot = VX_FRAME_SLOT_NONE,
                                .epoch = 1,
                                .workers = 1,
                                .heartbeat_ms = 1000,
                                .heartbeat_timeout_ms = 5000,
                                .job = { (const uint8_t *)"name: j\n", 8 } };
    uint8_t bytes[1024];
    size_t size = 0;

    assert_int_equal(vx_wire_welcome_encode(&message, (vx_bytes){ bytes, sizeof(bytes) }, &size),
                     VX_OK);
    send_frame(server, VX_WIRE_WELCOME, (vx_cbytes){ bytes, size }, (vx_cbytes){ NULL, 0 });
}

static void refuse(fake_server *server)
{
    vx_wire_refusal message = { .code = VX_WIRE_REFUSED_TOKEN, .text = "the token is another one" };
    uint8_t bytes[1024];
    size_t size = 0;

    assert_int_equal(vx_wire_refusal_encode(&message, (vx_bytes){ bytes, sizeof(bytes) }, &size),
                     VX_OK);
    send_frame(server, VX_WIRE_REFUSAL, (vx_cbytes){ bytes, size }, (vx_cbytes){ NULL, 0 });
    vx_conn_finish(server->conn, VX_OK, "refused");
}

static void answer(fake_server *server, vx_cbytes message)
{
    vx_wire_request request = VX_WIRE_REQUEST_MAX;
    vx_wire_type type = server->mood == FAKE_BABBLES ? VX_WIRE_PARAMETERS : VX_WIRE_DOCUMENT;

    assert_int_equal(vx_wire_request_decode(message, &request, NULL), VX_OK);
    (void)snprintf(server->document, sizeof(server->document), "{\"format\":1,\"request\":%d}",
                   (int)request);
    send_frame(server, type, (vx_cbytes){ NULL, 0 },
               (vx_cbytes){ (const uint8_t *)server->document, strlen(server->document) });
}

static vx_status on_header(void *owner, vx_conn *conn, const vx_frame_header *header,
                           uint8_t **ret_payload, vx_error *err)
{
    (void)owner;
    (void)conn;
    (void)ret_payload;
    return header->payload_size == 0 ? VX_OK : vx_fail(err, VX_ERR_PROTOCOL, "a payload");
}

static vx_status on_frame(void *owner, vx_conn *conn, const vx_frame_header *header,
                          vx_cbytes message, vx_bytes payload, vx_error *err)
{
    fake_server *server = owner;

    (void)payload;
    (void)err;
    if (server->mood == FAKE_IS_SILENT)
        return VX_OK;
    if (header->type == VX_WIRE_HELLO && server->mood == FAKE_REFUSES)
        refuse(server);
    else if (header->type == VX_WIRE_HELLO)
        welcome(server);
    else if (server->mood == FAKE_HANGS_UP)
        vx_conn_close(conn, VX_OK, "hangs up");
    else
        answer(server, message);
    return VX_OK;
}

static void on_sent(void *owner, vx_conn *conn, void *cookie)
{
    (void)owner;
    (void)conn;
    (void)cookie;
}

static void on_close(void *owner, vx_conn *conn, const vx_error *why)
{
    fake_server *server = owner;

    (void)why;
    if (server->conn == conn)
        server->conn = NULL;
}

static void on_accept(void *owner, vx_conn *conn)
{
    static const vx_conn_events events = { on_header, on_frame, on_sent, on_close };
    fake_server *server = owner;

    server->conn = conn;
    vx_conn_start(conn, &events, server);
}

static void on_stop(uv_async_t *stop)
{
    fake_server *server = stop->data;

    vx_listener_close(server->listener);
    if (server->conn != NULL)
        vx_conn_close(server->conn, VX_OK, "stop");
    uv_close((uv_handle_t *)&server->stop, NULL);
}

static void *run(void *context)
{
    fake_server *server = context;

    (void)uv_run(&server->loop, UV_RUN_DEFAULT);
    return NULL;
}

fake_server *fake_server_start(fake_mood mood, vx_ctl_server *ret_where)
{
    vx_endpoint endpoint = { .host = "127.0.0.1" };
    fake_server *server = vx_calloc(1, sizeof(*server));
    vx_error err = { 0 };

    assert_non_null(server);
    server->mood = mood;
    assert_int_equal(uv_loop_init(&server->loop), 0);
    assert_int_equal(uv_async_init(&server->loop, &server->stop, on_stop), 0);
    server->stop.data = server;
    vx_assert_ok(
        vx_listener_create(&server->loop, &endpoint, on_accept, server, &server->listener, &err),
        &err);
    *ret_where = (vx_ctl_server){ .pid = 1, .job_id = 7, .epoch = 1, .endpoints_count = 1 };
    ret_where->endpoints[0] = vx_listener_endpoint(server->listener);
    assert_int_equal(pthread_create(&server->thread, NULL, run, server), 0);
    return server;
}

void fake_server_stop(fake_server *server)
{
    (void)uv_async_send(&server->stop);
    assert_int_equal(pthread_join(server->thread, NULL), 0);
    assert_int_equal(uv_loop_close(&server->loop), 0);
    vx_free(server);
}
