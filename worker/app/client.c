#include "client.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <vx_base/alloc.h>
#include <vx_base/assert.h>
#include <vx_linalg/blas.h>

static void proceed(vx_client *client);

uint64_t vx_client_now_ms(const vx_client *client)
{
    return vx_clock_monotonic_ns(&client->clock) / VX_NS_PER_MS;
}

void vx_client_end(vx_client *client, vx_status outcome, const char *why)
{
    if (!client->session.ended && outcome != VX_OK)
        vx_fail(&client->error, outcome, "%s", why);
    vx_session_end(&client->session, outcome);
}

void vx_client_send_message(vx_client *client, vx_wire_type type, uint64_t round, vx_cbytes message)
{
    vx_frame frame = { .header = client->identity, .message = message };

    if (client->conn == NULL)
        return;
    frame.header.type = (uint16_t)type;
    frame.header.round = round;
    if (vx_conn_send(client->conn, &frame) != VX_OK)
        vx_conn_close(client->conn, VX_ERR_LIMIT, "the server does not read");
}

void vx_client_send_vector(vx_client *client, vx_wire_type type, uint64_t round, const float *at,
                           size_t count, vx_cbytes message)
{
    size_t total = count * sizeof(float);

    for (size_t offset = 0; client->conn != NULL && offset < total; offset += VX_CHUNK_BYTES_MAX) {
        size_t left = total - offset;
        size_t size = left < VX_CHUNK_BYTES_MAX ? left : VX_CHUNK_BYTES_MAX;
        vx_frame frame = { .header = client->identity,
                           .payload = { (const uint8_t *)at + offset, size } };

        frame.header.type = (uint16_t)type;
        frame.header.round = round;
        frame.header.offset = offset;
        if (size == left)
            frame.message = message;
        if (vx_conn_send(client->conn, &frame) != VX_OK) {
            vx_conn_close(client->conn, VX_ERR_LIMIT, "the server does not read");
            return;
        }
    }
}

vx_status vx_client_take_theta(vx_client *client, size_t dimension, vx_error *err)
{
    if (client->dimension != 0)
        return client->dimension == dimension
                   ? VX_OK
                   : vx_fail(err, VX_ERR_PROTOCOL,
                             "the server's model has %zu parameters, ours %zu", dimension,
                             client->dimension);
    for (int i = 0; i < 2; i++) {
        client->theta[i] = vx_aligned_calloc(dimension, sizeof(float));
        if (client->theta[i] == NULL)
            return vx_fail(err, VX_ERR_NOMEM, "no memory for %zu parameters", dimension);
    }
    client->dimension = dimension;
    return VX_OK;
}

/* Where the vector that begins now goes: parameters into the buffer that is not computed with.
 * NULL: nobody waits for it. */
static float *room_of(vx_client *client, const vx_frame_header *header)
{
    if (header->type == VX_WIRE_STATE)
        return client->hooks.state_room != NULL ? client->hooks.state_room(client, header->round)
                                                : NULL;
    if (header->type != client->hooks.vectors)
        return NULL;
    client->filling = client->working ? 1 - client->computing : 0;
    vx_session_replacing(&client->session);
    return client->theta[client->filling];
}

static vx_status on_header(void *owner, vx_conn *conn, const vx_frame_header *header,
                           uint8_t **ret_payload, vx_error *err)
{
    vx_client *client = owner;
    uint64_t total = client->dimension * sizeof(float);

    (void)conn;
    if (header->payload_size == 0 && header->type != client->hooks.vectors)
        return VX_OK;
    if (header->offset == 0) {
        client->receiving_type = header->type;
        client->receiving = header->round;
        client->received_bytes = 0;
        client->receiving_at = client->dimension != 0 ? room_of(client, header) : NULL;
    }
    if (header->type != client->receiving_type || client->receiving_at == NULL ||
        header->payload_size == 0)
        return vx_fail(err, VX_ERR_PROTOCOL, "a %s frame with a payload of %llu bytes",
                       vx_wire_type_name(header->type), (unsigned long long)header->payload_size);
    if (header->round != client->receiving || header->offset != client->received_bytes ||
        header->offset > total || header->payload_size > total - header->offset)
        return vx_fail(err, VX_ERR_PROTOCOL, "%s out of order", vx_wire_type_name(header->type));
    *ret_payload = (uint8_t *)client->receiving_at + header->offset;
    return VX_OK;
}

static vx_status on_welcome(vx_client *client, vx_cbytes message, vx_error *err)
{
    vx_wire_welcome welcome;
    vx_status status = vx_wire_welcome_decode(message, &welcome, err);

    if (status != VX_OK)
        return status;
    if (client->session.link != VX_SESSION_GREETING)
        return vx_fail(err, VX_ERR_PROTOCOL, "a second welcome");
    if (client->job_text.at == NULL) {
        client->job_text.at = vx_malloc(welcome.job.size + 1);
        if (client->job_text.at == NULL)
            return vx_fail(err, VX_ERR_NOMEM, "out of memory");
        memcpy(client->job_text.at, welcome.job.at, welcome.job.size);
        client->job_text.at[welcome.job.size] = '\0';
        client->job_text.size = welcome.job.size;
    }
    if (welcome.dimension != 0) {
        status = vx_client_take_theta(client, welcome.dimension, err);
        if (status != VX_OK)
            return status;
    }
    client->identity.job = vx_load_u64(welcome.config.at);
    client->identity.epoch = welcome.epoch;
    client->identity.slot = welcome.slot;
    client->identity.incarnation = welcome.incarnation;
    vx_uv->timer_set_repeat(&client->heartbeat_timer, welcome.heartbeat_ms);
    vx_uv->timer_again(&client->heartbeat_timer);
    vx_conn_set_timeout(client->conn, welcome.heartbeat_timeout_ms);
    client->complained_of = NULL;
    vx_session_welcomed(&client->session, welcome.epoch);
    if (client->hooks.welcomed != NULL)
        status = client->hooks.welcomed(client, &welcome, err);
    vx_log_event(&client->log, VX_LOG_INFO, "welcome", "slot=%u epoch=%u incarnation=%u round=%llu",
                 welcome.slot, welcome.epoch, welcome.incarnation,
                 (unsigned long long)welcome.round);
    return status;
}

static vx_status on_refusal(vx_client *client, vx_cbytes message, vx_error *err)
{
    vx_wire_refusal refusal;
    vx_status status = vx_wire_refusal_decode(message, &refusal, err);
    char text[400];

    if (status != VX_OK)
        return status;
    snprintf(text, sizeof(text), "the server refused us (%s): %s",
             vx_wire_refusal_name(refusal.code), refusal.text);
    vx_log_event(&client->log, VX_LOG_WARN, "refused", "slot=%s code=%s retry=%d why=\"%s\"",
                 client->slot, vx_wire_refusal_name(refusal.code), refusal.retry, refusal.text);
    if (refusal.code == VX_WIRE_REFUSED_OVER)
        vx_client_end(client, VX_OK, "");
    else if (!refusal.retry)
        vx_client_end(client, VX_ERR_REFUSED, text);
    return VX_OK;
}

static vx_status on_stop(vx_client *client, vx_cbytes message, vx_error *err)
{
    vx_wire_stop stop;
    vx_status status = vx_wire_stop_decode(message, &stop, err);

    if (status == VX_OK)
        vx_client_end(client, VX_OK, stop.text);
    return status;
}

static void on_vector(vx_client *client, const vx_frame_header *header)
{
    client->received_bytes += header->payload_size;
    if (client->received_bytes < client->dimension * sizeof(float))
        return;
    client->receiving_at = NULL;
    if (header->type == VX_WIRE_STATE)
        client->hooks.state(client);
    else
        vx_session_parameters(&client->session, header->round);
}

static vx_status on_verdict(vx_client *client, uint64_t round, vx_cbytes message, vx_error *err)
{
    vx_wire_verdict verdict = VX_WIRE_ACCEPTED;
    vx_status status = vx_wire_verdict_decode(message, &verdict, err);

    if (status != VX_OK)
        return status;
    if (verdict != VX_WIRE_ACCEPTED)
        vx_log_event(&client->log, VX_LOG_INFO, "verdict", "round=%llu verdict=%s",
                     (unsigned long long)round, vx_wire_verdict_name(verdict));
    if (client->hooks.verdict != NULL)
        client->hooks.verdict(client, round, verdict);
    return VX_OK;
}

static vx_status on_frame(void *owner, vx_conn *conn, const vx_frame_header *header,
                          vx_cbytes message, vx_bytes payload, vx_error *err)
{
    vx_client *client = owner;
    vx_status status = VX_OK;

    (void)conn;
    if (header->type == VX_WIRE_HEARTBEAT)
        vx_session_heard(&client->session, vx_client_now_ms(client));
    if (payload.size > 0)
        on_vector(client, header);
    else if (header->type == VX_WIRE_WELCOME)
        status = on_welcome(client, message, err);
    else if (header->type == VX_WIRE_REFUSAL)
        status = on_refusal(client, message, err);
    else if (header->type == VX_WIRE_STOP)
        status = on_stop(client, message, err);
    else if (header->type == VX_WIRE_VERDICT)
        status = on_verdict(client, header->round, message, err);
    else if (header->type == VX_WIRE_SHARDS && client->hooks.shards != NULL)
        status = client->hooks.shards(client, message, err);
    proceed(client);
    return status;
}

static void on_close(void *owner, vx_conn *conn, const vx_error *why)
{
    vx_client *client = owner;
    bool greeting = client->session.link == VX_SESSION_GREETING;
    vx_error lost = *why;
    char text[VX_ENDPOINT_TEXT_SIZE];

    (void)conn;
    client->conn = NULL;
    vx_uv->timer_stop(&client->heartbeat_timer);
    if (!client->session.ended) {
        vx_error_prefix(&lost, "%s", vx_endpoint_text(&client->endpoints[client->endpoint], text));
        if (greeting) /* something listens there that does not welcome us */
            client->endpoint = (client->endpoint + 1) % client->endpoints_count;
        vx_link_lost(client, greeting ? "no welcome" : "connection lost", lost.message);
    }
    proceed(client);
}

static void on_dialed(void *owner, vx_conn *conn, const vx_error *err)
{
    static const vx_conn_events events = { on_header, on_frame, NULL, on_close };
    vx_client *client = owner;

    client->dialer = NULL;
    if (conn == NULL && !client->session.ended && vx_link_dial_next(client, on_dialed, err))
        return;
    if (conn != NULL && client->session.ended) {
        vx_conn_close(conn, VX_OK, "too late");
        conn = NULL;
    } else if (conn != NULL) {
        client->conn = conn;
        vx_conn_start(conn, &events, client);
        vx_conn_set_timeout(conn, vx_session_limit_ms(&client->session, vx_client_now_ms(client),
                                                      VX_WIRE_GREETING_MS));
        vx_session_connected(&client->session);
    } else if (!client->session.ended) {
        vx_link_lost(client, "no connection", client->dial_why);
    }
    proceed(client);
}

static void on_dial_time(uv_timer_t *timer)
{
    vx_client *client = timer->data;

    if (client->session.ended || client->dialer != NULL)
        return;
    vx_link_dial(client, on_dialed);
}

static void on_set_up(uv_work_t *work)
{
    vx_client *client = work->data;

    client->work_status = client->hooks.set_up(client, &client->error);
}

/* Tells the server why this worker cannot take part, then ends. */
static void leave(vx_client *client, vx_status outcome)
{
    vx_wire_leave word = { { 0 } };
    uint8_t buffer[512];
    size_t size = 0;

    snprintf(word.text, sizeof(word.text), "%.255s", client->error.message);
    if (vx_wire_leave_encode(&word, (vx_bytes){ buffer, sizeof(buffer) }, &size) == VX_OK)
        vx_client_send_message(client, VX_WIRE_LEAVE, 0, (vx_cbytes){ buffer, size });
    vx_session_end(&client->session, outcome);
}

static void after_set_up(uv_work_t *work, int canceled)
{
    vx_client *client = work->data;

    VX_ASSERT(canceled == 0);
    client->working = false;
    vx_session_set_up(&client->session);
    if (client->session.ended) {
        proceed(client);
        return;
    }
    if (client->work_status != VX_OK)
        leave(client, client->work_status);
    else
        client->hooks.ready(client);
    if (client->hooks.idle != NULL && client->work_status == VX_OK)
        client->hooks.idle(client);
    proceed(client);
}

static void on_compute(uv_work_t *work)
{
    vx_client *client = work->data;

    client->hooks.compute(client);
}

static void after_compute(uv_work_t *work, int canceled)
{
    vx_client *client = work->data;

    VX_ASSERT(canceled == 0);
    client->working = false;
    vx_session_computed(&client->session);
    if (client->hooks.idle != NULL)
        client->hooks.idle(client);
    proceed(client);
}

static void start_work(vx_client *client, uv_work_cb work, uv_after_work_cb after)
{
    client->working = true;
    client->work.data = client;
    VX_ASSERT(vx_uv->queue_work(&client->loop, &client->work, work, after) == 0);
}

static void shut_down(vx_client *client)
{
    if (client->closing)
        return;
    client->closing = true;
    if (client->dialer != NULL)
        vx_dialer_cancel(client->dialer);
    if (client->conn != NULL)
        vx_conn_finish(client->conn, VX_OK, "over");
    vx_uv->close((uv_handle_t *)&client->dial_timer, NULL);
    vx_uv->close((uv_handle_t *)&client->heartbeat_timer, NULL);
    vx_uv->close((uv_handle_t *)&client->sigterm, NULL);
    vx_uv->close((uv_handle_t *)&client->sigint, NULL);
    vx_uv->close((uv_handle_t *)&client->sigusr1, NULL);
}

/* Performs every action that is due. */
static void proceed(vx_client *client)
{
    for (;;) {
        switch (vx_session_next(&client->session)) {
        case VX_SESSION_WAIT:
            return;
        case VX_SESSION_DIAL:
            vx_uv->timer_start(&client->dial_timer, on_dial_time, client->session.delay_ms, 0);
            break;
        case VX_SESSION_GREET:
            vx_link_greet(client);
            break;
        case VX_SESSION_SET_UP:
            start_work(client, on_set_up, after_set_up);
            break;
        case VX_SESSION_COMPUTE:
            client->computing = client->filling; /* the newest that came in */
            start_work(client, on_compute, after_compute);
            break;
        case VX_SESSION_SEND:
            client->hooks.send(client);
            break;
        case VX_SESSION_END:
            shut_down(client);
            return;
        }
    }
}

static void on_signal(uv_signal_t *handle, int number)
{
    vx_client *client = handle->data;

    (void)number;
    vx_fail(&client->error, VX_ERR_INTERRUPTED, "asked to end by a signal");
    leave(client, VX_OK);
    proceed(client);
}

static vx_status open_client(vx_client *client, vx_error *err)
{
    vx_status status = vx_endpoints_parse(client->bootstrap->endpoints, client->endpoints,
                                          VX_ENDPOINTS_MAX, &client->endpoints_count, err);

    if (status != VX_OK)
        return status;
    if (vx_uv->loop_init(&client->loop) != 0)
        return vx_fail(err, VX_ERR_SYSTEM, "no event loop: too few descriptors (ulimit -n)?");
    vx_uv->timer_init(&client->loop, &client->dial_timer);
    vx_uv->timer_init(&client->loop, &client->heartbeat_timer);
    vx_uv->signal_init(&client->loop, &client->sigterm);
    vx_uv->signal_init(&client->loop, &client->sigint);
    vx_uv->signal_init(&client->loop, &client->sigusr1);
    client->dial_timer.data = client->heartbeat_timer.data = client;
    client->sigterm.data = client->sigint.data = client->sigusr1.data = client;
    vx_uv->signal_start(&client->sigterm, on_signal, SIGTERM);
    vx_uv->signal_start(&client->sigint, on_signal, SIGINT);
    vx_uv->signal_start(&client->sigusr1, on_signal, SIGUSR1);
    return VX_OK;
}

vx_status vx_client_run(vx_client *client, const vx_client_hooks *hooks, void *owner,
                        const vx_bootstrap *bootstrap, vx_error *err)
{
    vx_status status = VX_OK;

    *client = (vx_client){ .hooks = *hooks, .owner = owner, .bootstrap = bootstrap };
    client->clock = vx_clock_system();
    snprintf(client->slot, sizeof(client->slot), "%u", bootstrap->slot);
    if (bootstrap->slot == UINT32_MAX)
        snprintf(client->slot, sizeof(client->slot), "evaluator");
    client->log = vx_log_to(STDERR_FILENO, (vx_log_level)bootstrap->log_level, "vexil-worker");
    status = open_client(client, err);
    if (status != VX_OK)
        return status;
    signal(SIGPIPE, SIG_IGN);
    vx_session_init(&client->session, (uint64_t)getpid(), bootstrap->slot, vx_client_now_ms(client),
                    (vx_session_patience){ (uint64_t)bootstrap->patience_s * 1000,
                                           (uint64_t)bootstrap->reconnect_s * 1000 });
    proceed(client);
    vx_uv->run(&client->loop, UV_RUN_DEFAULT);
    VX_ASSERT(vx_uv->loop_close(&client->loop) == 0);
    status = client->session.outcome;
    if (status != VX_OK && err != NULL)
        *err = client->error;
    vx_free(client->theta[0]);
    vx_free(client->theta[1]);
    vx_free(client->job_text.at);
    return status;
}
