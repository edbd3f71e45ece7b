#include "conn_private.h"

#include <netdb.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include <vx_base/alloc.h>
#include <vx_base/assert.h>

#define FINISH_MS_MAX 2000
/* More than the kernel's buffers hold of what a peer sent before it saw our last frame. */
#define DISCARD_BYTES_MAX (64u << 20)

static void enter(vx_conn *conn, vx_conn_state to)
{
    static const bool allowed[VX_CONN_STATE_MAX][VX_CONN_STATE_MAX] = {
        [VX_CONN_FRESH][VX_CONN_OPEN] = true,        [VX_CONN_FRESH][VX_CONN_CLOSING] = true,
        [VX_CONN_OPEN][VX_CONN_FINISHING] = true,    [VX_CONN_OPEN][VX_CONN_CLOSING] = true,
        [VX_CONN_FINISHING][VX_CONN_CLOSING] = true,
    };

    VX_ASSERT(allowed[conn->state][to]);
    conn->state = to;
}

void vx_transport_ignore_sigpipe(void)
{
    struct sigaction action = { 0 };

    if (sigaction(SIGPIPE, NULL, &action) == 0 && action.sa_handler == SIG_DFL) {
        action.sa_handler = SIG_IGN;
        (void)sigaction(SIGPIPE, &action, NULL);
    }
}

vx_status vx_conn_create(uv_loop_t *loop, vx_conn **ret_conn)
{
    vx_conn *conn = vx_calloc(1, sizeof(*conn));
    uint8_t *message = vx_malloc(VX_MESSAGE_BYTES_MAX);

    if (conn == NULL || message == NULL || vx_uv->tcp_init(loop, &conn->tcp) != 0) {
        vx_free(message);
        vx_free(conn);
        return VX_ERR_NOMEM;
    }
    (void)vx_uv->timer_init(loop, &conn->timer); /* cannot fail, nor can start or again below */
    conn->tcp.data = conn;
    conn->timer.data = conn;
    conn->shutdown.data = conn;
    conn->handles = 2;
    conn->message = message;
    vx_reader_init(&conn->reader, message);
    *ret_conn = conn;
    return VX_OK;
}

static void name_peer(vx_conn *conn)
{
    struct sockaddr_storage address = { 0 };
    int size = sizeof(address);
    char host[INET6_ADDRSTRLEN + 1] = "?";
    unsigned port = 0;

    if (vx_uv->tcp_getpeername(&conn->tcp, (struct sockaddr *)&address, &size) != 0) {
        snprintf(conn->peer, sizeof(conn->peer), "unknown");
    } else if (address.ss_family == AF_INET6) {
        const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)&address;
        bool is_mapped = IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr); /* came over IPv4 */

        (void)uv_ip6_name(in6, host, sizeof(host));
        port = ntohs(in6->sin6_port);
        if (is_mapped && strrchr(host, ':') != NULL)
            snprintf(conn->peer, sizeof(conn->peer), "%s:%u", strrchr(host, ':') + 1, port);
        else
            snprintf(conn->peer, sizeof(conn->peer), "[%s]:%u", host, port);
    } else {
        const struct sockaddr_in *in = (const struct sockaddr_in *)&address;

        (void)uv_ip4_name(in, host, sizeof(host));
        port = ntohs(in->sin_port);
        snprintf(conn->peer, sizeof(conn->peer), "%s:%u", host, port);
    }
}

void vx_conn_connected(vx_conn *conn)
{
    (void)vx_uv->tcp_nodelay(&conn->tcp, 1); /* a peer that is gone already shows when we read */
    name_peer(conn);
}

static void after_close(uv_handle_t *handle)
{
    vx_conn *conn = handle->data;

    VX_ASSERT(conn->handles > 0);
    if (--conn->handles > 0)
        return;
    VX_ASSERT(conn->waiting == 0);
    if (conn->events != NULL)
        conn->events->on_close(conn->owner, conn, &conn->why);
    vx_send_free_all(conn);
    vx_free(conn->message);
    vx_free(conn);
}

static void close_handles(vx_conn *conn)
{
    if (conn->state == VX_CONN_CLOSING)
        return;
    enter(conn, VX_CONN_CLOSING);
    vx_uv->close((uv_handle_t *)&conn->tcp, after_close);
    vx_uv->close((uv_handle_t *)&conn->timer, after_close);
}

void vx_conn_close_with(vx_conn *conn, const vx_error *why)
{
    if (conn->state == VX_CONN_FRESH || conn->state == VX_CONN_OPEN)
        conn->why = *why; /* else the first reason stands */
    close_handles(conn);
}

void vx_conn_close(vx_conn *conn, vx_status why, const char *detail)
{
    vx_error error = { 0 };

    (void)vx_fail(&error, why, "%s", detail);
    vx_conn_close_with(conn, &error);
}

/* The peer sees the end of our stream, never a reset that would drop what it has not read: so we
 * wait for its end too. */
static void close_if_finished(vx_conn *conn)
{
    if (conn->is_flushed && conn->is_peer_done)
        close_handles(conn);
}

void vx_conn_after_shutdown(uv_shutdown_t *request, int status)
{
    vx_conn *conn = request->data;

    if (conn->state != VX_CONN_FINISHING)
        return;
    conn->is_flushed = true;
    if (status != 0)
        close_handles(conn);
    close_if_finished(conn);
}

static void on_finish_time(uv_timer_t *timer)
{
    close_handles(timer->data);
}

void vx_conn_finish(vx_conn *conn, vx_status why, const char *detail)
{
    if (conn->state == VX_CONN_FRESH)
        vx_conn_close(conn, why, detail);
    if (conn->state != VX_CONN_OPEN)
        return;
    (void)vx_fail(&conn->why, why, "%s", detail);
    enter(conn, VX_CONN_FINISHING);
    vx_uv->update_time(conn->timer.loop);
    (void)vx_uv->timer_start(&conn->timer, on_finish_time, FINISH_MS_MAX, 0);
    if (vx_uv->shutdown(&conn->shutdown, (uv_stream_t *)&conn->tcp, vx_conn_after_shutdown) != 0)
        close_handles(conn);
}

static void arm_silence(vx_conn *conn)
{
    uint64_t limit_ms = vx_uv->timer_get_repeat(&conn->timer);

    if (limit_ms == 0 || conn->state != VX_CONN_OPEN)
        return;
    conn->silence_due_ms = vx_uv->now(conn->timer.loop) + limit_ms;
    (void)vx_uv->timer_again(&conn->timer);
}

static void on_silence(uv_timer_t *timer)
{
    vx_conn *conn = timer->data;
    uint64_t limit_ms = vx_uv->timer_get_repeat(timer);
    vx_error why = { 0 };

    /* Timers run before sockets are read: when our loop stood still, the peer is not to blame. */
    if (!conn->is_grace_used && vx_uv->now(timer->loop) > conn->silence_due_ms + limit_ms / 2 + 1) {
        conn->is_grace_used = true;
        arm_silence(conn);
        return;
    }
    (void)vx_fail(&why, VX_ERR_UNAVAILABLE, "no whole frame for %.3f s", (double)limit_ms / 1000.0);
    vx_conn_close_with(conn, &why);
}

void vx_conn_set_timeout(vx_conn *conn, uint64_t milliseconds)
{
    if (conn->state != VX_CONN_OPEN)
        return;
    vx_uv->update_time(conn->timer.loop); /* it stands still while callbacks run */
    if (milliseconds == 0) {
        (void)vx_uv->timer_stop(&conn->timer);
        vx_uv->timer_set_repeat(&conn->timer, 0);
        return;
    }
    (void)vx_uv->timer_start(&conn->timer, on_silence, milliseconds, milliseconds);
    conn->is_grace_used = false;
    arm_silence(conn);
}

static void on_room(uv_handle_t *handle, size_t suggested, uv_buf_t *ret_buffer)
{
    vx_conn *conn = handle->data;
    vx_bytes room = { conn->message, VX_MESSAGE_BYTES_MAX };

    (void)suggested;
    if (conn->state == VX_CONN_OPEN)
        room = vx_reader_room(&conn->reader);
    *ret_buffer = uv_buf_init((char *)room.at, (unsigned)room.size);
}

static bool take_header(vx_conn *conn, vx_error *err)
{
    const vx_frame_header *header = &conn->reader.header;
    uint8_t *payload = NULL;
    vx_status status = conn->events->on_header(conn->owner, conn, header, &payload, err);

    if (status == VX_OK && payload == NULL && header->payload_size > 0)
        status = vx_fail(err, VX_ERR_PROTOCOL, "a payload that nobody waits for");
    err->code = status;
    if (status == VX_OK && conn->state == VX_CONN_OPEN)
        vx_reader_give_payload(&conn->reader, payload);
    return status == VX_OK;
}

static bool take_frame(vx_conn *conn, vx_error *err)
{
    const vx_reader *reader = &conn->reader;
    vx_cbytes message = { reader->message, reader->header.message_size };
    vx_bytes payload = { reader->payload, (size_t)reader->header.payload_size };
    vx_status status;

    conn->counters.frames_received++;
    conn->is_grace_used = false;
    arm_silence(conn);
    status = conn->events->on_frame(conn->owner, conn, &reader->header, message, payload, err);
    err->code = status;
    return status == VX_OK;
}

static void digest(vx_conn *conn)
{
    vx_error err = { 0 };
    bool is_good = true;

    while (is_good && conn->state == VX_CONN_OPEN) {
        switch (vx_reader_step(&conn->reader, &err)) {
        case VX_READER_HUNGRY:
            return;
        case VX_READER_HEADER:
            is_good = take_header(conn, &err);
            break;
        case VX_READER_FRAME:
            is_good = take_frame(conn, &err);
            break;
        case VX_READER_BROKEN:
        case VX_READER_EVENT_MAX:
            is_good = false;
            break;
        }
    }
    if (!is_good && conn->state == VX_CONN_OPEN) /* a callback that finished keeps its flush */
        vx_conn_close_with(conn, &err);
}

static void on_end(vx_conn *conn, ssize_t result)
{
    vx_error why = { 0 };

    if (conn->state == VX_CONN_FINISHING) {
        conn->is_peer_done = true;
        (void)vx_uv->read_stop((uv_stream_t *)&conn->tcp);
        if (result != UV_EOF)
            close_handles(conn);
        close_if_finished(conn);
        return;
    }
    if (result != UV_EOF)
        (void)vx_fail(&why, VX_ERR_UNAVAILABLE, "connection broken: %s", uv_strerror((int)result));
    else if (vx_reader_is_between_frames(&conn->reader))
        (void)vx_fail(&why, VX_OK, "peer closed");
    else
        (void)vx_fail(&why, VX_ERR_UNAVAILABLE, "the peer closed inside a frame");
    vx_conn_close_with(conn, &why);
}

static void on_read(uv_stream_t *stream, ssize_t result, const uv_buf_t *buffer)
{
    vx_conn *conn = stream->data;

    (void)buffer;
    if (result < 0) {
        on_end(conn, result);
        return;
    }
    conn->counters.bytes_received += (uint64_t)result;
    if (conn->state == VX_CONN_FINISHING) {
        conn->discarded += (uint64_t)result;
        if (conn->discarded > DISCARD_BYTES_MAX)
            close_handles(conn);
        return;
    }
    vx_reader_advance(&conn->reader, (size_t)result);
    digest(conn);
}

void vx_conn_set_owner(vx_conn *conn, const vx_conn_events *events, void *owner)
{
    VX_ASSERT(events != NULL && events->on_header != NULL);
    VX_ASSERT(events->on_frame != NULL && events->on_close != NULL);
    conn->events = events;
    conn->owner = owner;
}

void vx_conn_start(vx_conn *conn, const vx_conn_events *events, void *owner)
{
    int result;

    VX_ASSERT(conn->state == VX_CONN_FRESH);
    vx_conn_set_owner(conn, events, owner);
    enter(conn, VX_CONN_OPEN);
    result = vx_uv->read_start((uv_stream_t *)&conn->tcp, on_room, on_read);
    if (result != 0)
        vx_conn_close(conn, VX_ERR_UNAVAILABLE, uv_strerror(result));
}

vx_conn_counters vx_conn_get_counters(const vx_conn *conn)
{
    return conn->counters;
}

const char *vx_conn_peer(const vx_conn *conn)
{
    return conn->peer;
}
