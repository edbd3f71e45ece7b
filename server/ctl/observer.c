#include "observer.h"

#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include <uv.h>

#include <vx_base/alloc.h>
#include <vx_base/assert.h>
#include <vx_transport/conn.h>

#define HELLO_SIZE   1024
#define REQUEST_SIZE 64

typedef enum stage {
    STAGE_DIALLING,
    STAGE_GREETING, /* connected, no welcome yet */
    STAGE_IDLE,
    STAGE_ASKING,
    STAGE_ANSWERED,
    STAGE_BROKEN /* why says how */
} stage;

struct vx_ctl_observer {
    uv_loop_t loop;
    uv_timer_t timer;
    bool expired;
    stage stage;
    vx_dialer *dialer; /* while dialling */
    vx_conn *conn;     /* until on_close */
    vx_error why;
    uint64_t job_id;
    uint32_t epoch;
    uint8_t *document; /* VX_DOCUMENT_BYTES_MAX bytes, owned */
    size_t document_size;
};

static void fail(vx_ctl_observer *observer, const vx_error *why)
{
    if (observer->stage == STAGE_BROKEN)
        return;
    observer->stage = STAGE_BROKEN;
    observer->why = *why;
    if (observer->why.code == VX_OK) /* to us the server's end of the stream is a failure */
        (void)vx_fail(&observer->why, VX_ERR_UNAVAILABLE, "the server closed the connection");
}

static void on_timer(uv_timer_t *timer)
{
    vx_ctl_observer *observer = timer->data;

    observer->expired = true;
}

static vx_status on_header(void *owner, vx_conn *conn, const vx_frame_header *header,
                           uint8_t **ret_payload, vx_error *err)
{
    vx_ctl_observer *observer = owner;

    (void)conn;
    if (header->payload_size == 0)
        return VX_OK; /* on_frame judges it */
    if (header->type != VX_WIRE_DOCUMENT || header->offset != 0 ||
        header->payload_size > VX_DOCUMENT_BYTES_MAX || observer->stage != STAGE_ASKING)
        return vx_fail(err, VX_ERR_PROTOCOL, "the server sent an unexpected %s",
                       vx_wire_type_name(header->type));
    *ret_payload = observer->document;
    return VX_OK;
}

static vx_status on_refusal(vx_cbytes message, vx_error *err)
{
    vx_wire_refusal refusal;
    vx_status status = vx_wire_refusal_decode(message, &refusal, err);

    if (status != VX_OK)
        return status;
    return vx_fail(err, VX_ERR_REFUSED, "the server refuses (%s): %s",
                   vx_wire_refusal_name(refusal.code), refusal.text);
}

static vx_status on_frame(void *owner, vx_conn *conn, const vx_frame_header *header,
                          vx_cbytes message, vx_bytes payload, vx_error *err)
{
    vx_ctl_observer *observer = owner;

    (void)conn;
    if (header->type == VX_WIRE_REFUSAL)
        return on_refusal(message, err);
    if (header->type == VX_WIRE_WELCOME && observer->stage == STAGE_GREETING)
        observer->stage = STAGE_IDLE;
    if (header->type == VX_WIRE_DOCUMENT && observer->stage == STAGE_ASKING) {
        observer->document_size = payload.size;
        observer->stage = STAGE_ANSWERED;
    }
    return VX_OK; /* heartbeats and what later servers may say */
}

static void on_close(void *owner, vx_conn *conn, const vx_error *why)
{
    vx_ctl_observer *observer = owner;

    (void)conn;
    observer->conn = NULL;
    fail(observer, why);
}

static const vx_conn_events events = {
    .on_header = on_header,
    .on_frame = on_frame,
    .on_close = on_close,
};

static void on_dialled(void *owner, vx_conn *conn, const vx_error *err)
{
    vx_ctl_observer *observer = owner;

    observer->dialer = NULL;
    observer->conn = conn;
    if (conn == NULL) {
        fail(observer, err);
        return;
    }
    observer->stage = STAGE_GREETING;
    vx_conn_start(conn, &events, observer);
}

/* Runs the loop until the stage is no longer `from`, or until the time is up. */
static vx_status run_from(vx_ctl_observer *observer, stage from, uint64_t timeout_ms, vx_error *err)
{
    observer->expired = false;
    uv_update_time(&observer->loop);
    (void)uv_timer_start(&observer->timer, on_timer, timeout_ms, 0);
    while (observer->stage == from && !observer->expired)
        (void)uv_run(&observer->loop, UV_RUN_ONCE);
    (void)uv_timer_stop(&observer->timer);
    if (observer->stage == from)
        return vx_fail(err, VX_ERR_UNAVAILABLE, "the server does not answer within %u ms",
                       (unsigned)timeout_ms);
    if (observer->stage != STAGE_BROKEN)
        return VX_OK;
    if (err != NULL)
        *err = observer->why;
    return observer->why.code;
}

static vx_status send_message(vx_ctl_observer *observer, vx_wire_type type, const uint8_t *at,
                              size_t size, vx_error *err)
{
    vx_frame frame = {
        .header = { .type = (uint16_t)type,
                    .job = observer->job_id,
                    .epoch = observer->epoch,
                    .slot = VX_FRAME_SLOT_NONE },
        .message = { at, size },
    };
    vx_status status = vx_conn_send(observer->conn, &frame);

    return status == VX_OK ? VX_OK : vx_fail(err, status, "%s", vx_status_text(status));
}

static vx_status greet(vx_ctl_observer *observer, const uint8_t token[VX_TOKEN_BYTES],
                       vx_error *err)
{
    vx_wire_hello hello = {
        .role = VX_WIRE_ROLE_OBSERVER,
        .slot = VX_FRAME_SLOT_NONE,
        .version = VX_VERSION,
        .pid = (uint32_t)getpid(),
    };
    uint8_t bytes[HELLO_SIZE];
    size_t size = 0;
    vx_status status = VX_OK;

    memcpy(hello.token, token, VX_TOKEN_BYTES);
    (void)gethostname(hello.host, sizeof(hello.host) - 1);
    status = vx_wire_hello_encode(&hello, (vx_bytes){ bytes, sizeof(bytes) }, &size);
    if (status != VX_OK)
        return vx_fail(err, status, "hello: %s", vx_status_text(status));
    return send_message(observer, VX_WIRE_HELLO, bytes, size, err);
}

/* Ends what is open on the loop. Whatever was asked to close says so within its own bound. */
static void settle(vx_ctl_observer *observer)
{
    if (observer->dialer != NULL)
        vx_dialer_cancel(observer->dialer);
    while (observer->dialer != NULL)
        (void)uv_run(&observer->loop, UV_RUN_ONCE);
    if (observer->conn != NULL)
        vx_conn_close(observer->conn, VX_OK, "done");
    while (observer->conn != NULL)
        (void)uv_run(&observer->loop, UV_RUN_ONCE);
}

static vx_status dial_and_greet(vx_ctl_observer *observer, const vx_endpoint *endpoint,
                                const uint8_t token[VX_TOKEN_BYTES], uint64_t timeout_ms,
                                vx_error *err)
{
    vx_status status = VX_OK;

    VX_ASSERT(observer != NULL);
    observer->stage = STAGE_DIALLING;
    status = vx_dial(&observer->loop, endpoint, timeout_ms, on_dialled, observer, &observer->dialer,
                     err);
    if (status == VX_OK)
        status = run_from(observer, STAGE_DIALLING, timeout_ms, err);
    if (status == VX_OK)
        status = greet(observer, token, err);
    if (status == VX_OK)
        status = run_from(observer, STAGE_GREETING, timeout_ms, err);
    if (status != VX_OK)
        settle(observer);
    return status;
}

static vx_status observer_create(const vx_ctl_server *server, vx_ctl_observer **ret_observer,
                                 vx_error *err)
{
    vx_ctl_observer *observer = vx_calloc(1, sizeof(*observer));

    if (observer == NULL)
        return vx_fail(err, VX_ERR_NOMEM, "no memory for a connection");
    observer->job_id = server->job_id;
    observer->epoch = server->epoch;
    observer->document = vx_malloc(VX_DOCUMENT_BYTES_MAX);
    if (observer->document == NULL || uv_loop_init(&observer->loop) != 0) {
        vx_free(observer->document);
        vx_free(observer);
        return vx_fail(err, VX_ERR_NOMEM, "no memory for a connection");
    }
    (void)uv_timer_init(&observer->loop, &observer->timer);
    observer->timer.data = observer;
    *ret_observer = observer;
    return VX_OK;
}

vx_status vx_ctl_observer_connect(const vx_ctl_server *server, const uint8_t token[VX_TOKEN_BYTES],
                                  uint64_t timeout_ms, vx_ctl_observer **ret_observer,
                                  vx_error *err)
{
    vx_ctl_observer *observer = NULL;
    vx_status status = observer_create(server, &observer, err);

    if (status != VX_OK)
        return status;
    VX_ASSERT(server->endpoints_count > 0);
    for (size_t i = 0; i < server->endpoints_count; i++) {
        status = dial_and_greet(observer, &server->endpoints[i], token, timeout_ms, err);
        if (status == VX_OK || status == VX_ERR_REFUSED)
            break;
    }
    if (status == VX_OK)
        *ret_observer = observer;
    else
        vx_ctl_observer_destroy(observer);
    return status;
}

vx_status vx_ctl_observer_ask(vx_ctl_observer *observer, vx_wire_request request,
                              uint64_t timeout_ms, vx_cbytes *ret_document, vx_error *err)
{
    uint8_t bytes[REQUEST_SIZE];
    size_t size = 0;
    vx_status status = vx_wire_request_encode(&request, (vx_bytes){ bytes, sizeof(bytes) }, &size);

    VX_ASSERT(status == VX_OK);
    if (observer->conn == NULL)
        return vx_fail(err, VX_ERR_UNAVAILABLE, "the server closed the connection");
    observer->stage = STAGE_ASKING;
    status = send_message(observer, VX_WIRE_REQUEST, bytes, size, err);
    if (status == VX_OK)
        status = run_from(observer, STAGE_ASKING, timeout_ms, err);
    if (status != VX_OK)
        return status;
    *ret_document = (vx_cbytes){ observer->document, observer->document_size };
    observer->stage = STAGE_IDLE;
    return VX_OK;
}

vx_ctl_observer *vx_ctl_observer_destroy(vx_ctl_observer *observer)
{
    if (observer == NULL)
        return NULL;
    settle(observer);
    uv_close((uv_handle_t *)&observer->timer, NULL);
    (void)uv_run(&observer->loop, UV_RUN_DEFAULT);
    (void)uv_loop_close(&observer->loop);
    vx_free(observer->document);
    vx_free(observer);
    return NULL;
}
