#include "conn_private.h"

#include <stdio.h>
#include <string.h>

#include <vx_base/alloc.h>
#include <vx_base/assert.h>

#define INLINE_MESSAGE_BYTES 1024u
#define FINISH_MS            2000u

/* One frame on its way out. */
typedef struct send_request {
    uv_write_t write;
    vx_conn *conn;
    struct send_request *next; /* free list */
    void *cookie;
    uint8_t *message; /* inlined, or owned when it is longer */
    uint8_t header[VX_FRAME_HEADER_SIZE];
    uint8_t inlined[INLINE_MESSAGE_BYTES];
} send_request;

typedef enum reading { READING_HEADER, READING_MESSAGE, READING_PAYLOAD } reading;

struct vx_conn {
    uv_tcp_t tcp;
    uv_timer_t timer;
    const vx_conn_events *events; /* NULL until started */
    void *owner;
    unsigned open_handles;
    bool closing, finishing;
    vx_error why;
    uint64_t timeout_ms;
    /* receiving: `have` of `want` bytes of the part `state` are at `into` */
    reading state;
    uint8_t *into;
    size_t have, want;
    vx_frame_header frame;
    uint8_t header[VX_FRAME_HEADER_SIZE];
    uint8_t *message; /* (VX_MESSAGE_BYTES_MAX) owned */
    uint8_t *payload; /* given by on_header */
    /* sending */
    send_request *free_requests;
    size_t sends_waiting;
    vx_conn_counters counters;
    char peer[80];
};

static void start_close(vx_conn *conn);

static void expect(vx_conn *conn, reading state, uint8_t *into, size_t want)
{
    conn->state = state;
    conn->into = into;
    conn->have = 0;
    conn->want = want;
}

static void keep_reason(vx_conn *conn, vx_status why, const char *detail)
{
    if (conn->closing || conn->finishing)
        return;
    vx_fail(&conn->why, why, "%s", detail);
}

void vx_conn_close(vx_conn *conn, vx_status why, const char *detail)
{
    if (conn->closing)
        return;
    keep_reason(conn, why, detail);
    start_close(conn);
}

/* A whole frame is in. False: the connection closes. */
static bool deliver(vx_conn *conn)
{
    vx_cbytes message = { conn->message, conn->frame.message_size };
    vx_bytes payload = { conn->payload, conn->frame.payload_size };
    vx_error err = { 0 };
    vx_status status = VX_OK;

    if (vx_frame_body_crc(message, (vx_cbytes){ payload.at, payload.size }) !=
        conn->frame.body_crc) {
        vx_conn_close(conn, VX_ERR_PROTOCOL, "frame with a wrong CRC of its body");
        return false;
    }
    conn->counters.frames_received++;
    if (conn->timeout_ms > 0)
        uv_timer_again(&conn->timer);
    expect(conn, READING_HEADER, conn->header, VX_FRAME_HEADER_SIZE);
    status = conn->events->on_frame(conn->owner, conn, &conn->frame, message, payload, &err);
    if (status != VX_OK)
        vx_conn_close(conn, status, err.message[0] != '\0' ? err.message : vx_status_text(status));
    return !conn->closing && !conn->finishing;
}

static bool take_header(vx_conn *conn)
{
    vx_error err = { 0 };
    vx_status status = vx_frame_header_decode(conn->header, &conn->frame, &err);

    conn->payload = NULL;
    if (status == VX_OK)
        status = conn->events->on_header(conn->owner, conn, &conn->frame, &conn->payload, &err);
    if (status == VX_OK && !conn->closing && conn->frame.payload_size > 0 && conn->payload == NULL)
        status = vx_fail(&err, VX_ERR_PROTOCOL, "no place for a payload of %llu bytes",
                         (unsigned long long)conn->frame.payload_size);
    if (status != VX_OK)
        vx_conn_close(conn, status, err.message[0] != '\0' ? err.message : vx_status_text(status));
    if (conn->closing || conn->finishing)
        return false;
    expect(conn, READING_MESSAGE, conn->message, conn->frame.message_size);
    return true;
}

/* The part that was wanted is there: goes on to the next one, over empty ones. */
static bool advance(vx_conn *conn)
{
    while (conn->have == conn->want) {
        switch (conn->state) {
        case READING_HEADER:
            if (!take_header(conn))
                return false;
            break;
        case READING_MESSAGE:
            expect(conn, READING_PAYLOAD, conn->payload, conn->frame.payload_size);
            break;
        case READING_PAYLOAD:
            if (!deliver(conn))
                return false;
            break;
        }
    }
    return true;
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
    vx_conn *conn = handle->data;

    (void)suggested;
    VX_ASSERT(conn->have < conn->want);
    *buffer = uv_buf_init((char *)conn->into + conn->have, (unsigned)(conn->want - conn->have));
}

static void on_read(uv_stream_t *stream, ssize_t size, const uv_buf_t *buffer)
{
    vx_conn *conn = stream->data;

    (void)buffer;
    if (conn->closing || size == 0)
        return;
    if (size == UV_EOF) {
        bool between = conn->state == READING_HEADER && conn->have == 0;

        vx_conn_close(conn, between ? VX_OK : VX_ERR_UNAVAILABLE,
                      between ? "peer closed" : "peer closed in the middle of a frame");
        return;
    }
    if (size < 0) {
        vx_conn_close(conn, VX_ERR_UNAVAILABLE, uv_strerror((int)size));
        return;
    }
    conn->counters.bytes_received += (uint64_t)size;
    conn->have += (size_t)size;
    advance(conn);
}

static void on_timer(uv_timer_t *timer)
{
    vx_conn *conn = timer->data;
    char detail[64];

    if (conn->finishing) {
        start_close(conn);
        return;
    }
    snprintf(detail, sizeof(detail), "no frame within %llu ms",
             (unsigned long long)conn->timeout_ms);
    vx_conn_close(conn, VX_ERR_UNAVAILABLE, detail);
}

static void free_conn(vx_conn *conn)
{
    while (conn->free_requests != NULL) {
        send_request *request = conn->free_requests;

        conn->free_requests = request->next;
        vx_free(request);
    }
    vx_free(conn->message);
    vx_free(conn);
}

/* libuv has called back every write before this: no send is under way. */
static void on_handle_closed(uv_handle_t *handle)
{
    vx_conn *conn = handle->data;

    if (--conn->open_handles > 0)
        return;
    VX_ASSERT(conn->sends_waiting == 0);
    if (conn->events != NULL)
        conn->events->on_close(conn->owner, conn, &conn->why);
    free_conn(conn);
}

static void start_close(vx_conn *conn)
{
    if (conn->closing)
        return;
    conn->closing = true;
    uv_close((uv_handle_t *)&conn->timer, on_handle_closed);
    uv_close((uv_handle_t *)&conn->tcp, on_handle_closed);
}

vx_status vx_conn_create(uv_loop_t *loop, vx_conn **ret_conn)
{
    vx_conn *conn = vx_calloc(1, sizeof(*conn));

    if (conn == NULL)
        return VX_ERR_NOMEM;
    conn->message = vx_malloc(VX_MESSAGE_BYTES_MAX);
    if (conn->message == NULL || uv_tcp_init(loop, &conn->tcp) != 0) {
        vx_free(conn->message);
        vx_free(conn);
        return VX_ERR_NOMEM;
    }
    uv_timer_init(loop, &conn->timer);
    conn->tcp.data = conn->timer.data = conn;
    conn->open_handles = 2;
    expect(conn, READING_HEADER, conn->header, VX_FRAME_HEADER_SIZE);
    *ret_conn = conn;
    return VX_OK;
}

uv_tcp_t *vx_conn_tcp(vx_conn *conn)
{
    return &conn->tcp;
}

void vx_conn_established(vx_conn *conn)
{
    struct sockaddr_storage address;
    int size = (int)sizeof(address);
    char host[64] = "?";
    int port = 0;

    memset(&address, 0, sizeof(address));
    uv_tcp_nodelay(&conn->tcp, 1);
    if (uv_tcp_getpeername(&conn->tcp, (struct sockaddr *)&address, &size) == 0) {
        if (address.ss_family == AF_INET6) {
            const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)(const void *)&address;

            uv_ip6_name(v6, host, sizeof(host));
            port = ntohs(v6->sin6_port);
        } else {
            const struct sockaddr_in *v4 = (const struct sockaddr_in *)(const void *)&address;

            uv_ip4_name(v4, host, sizeof(host));
            port = ntohs(v4->sin_port);
        }
    }
    snprintf(conn->peer, sizeof(conn->peer), "%s:%d", host, port);
}

void vx_conn_start(vx_conn *conn, const vx_conn_events *events, void *owner)
{
    int result = 0;

    VX_ASSERT(conn->events == NULL);
    conn->events = events;
    conn->owner = owner;
    if (conn->closing)
        return;
    result = uv_read_start((uv_stream_t *)&conn->tcp, on_alloc, on_read);
    if (result != 0)
        vx_conn_close(conn, VX_ERR_UNAVAILABLE, uv_strerror(result));
}

void vx_conn_set_owner(vx_conn *conn, const vx_conn_events *events, void *owner)
{
    conn->events = events;
    conn->owner = owner;
}

static send_request *take_request(vx_conn *conn)
{
    send_request *request = conn->free_requests;

    if (request == NULL)
        return vx_malloc(sizeof(*request));
    conn->free_requests = request->next;
    return request;
}

static void give_request(vx_conn *conn, send_request *request)
{
    if (request->message != request->inlined)
        vx_free(request->message);
    request->next = conn->free_requests;
    conn->free_requests = request;
}

static void on_written(uv_write_t *write, int result)
{
    send_request *request = write->data;
    vx_conn *conn = request->conn;
    void *cookie = request->cookie;

    conn->sends_waiting--;
    give_request(conn, request);
    if (result == 0)
        conn->counters.frames_sent++;
    if (cookie != NULL)
        conn->events->on_sent(conn->owner, conn, cookie);
    if (result != 0)
        vx_conn_close(conn, VX_ERR_UNAVAILABLE, uv_strerror(result));
    else if (conn->finishing && conn->sends_waiting == 0)
        start_close(conn);
}

vx_status vx_conn_send(vx_conn *conn, const vx_frame *frame)
{
    vx_frame_header header = frame->header;
    send_request *request = NULL;
    uv_buf_t buffers[3];
    unsigned count = 1;

    VX_ASSERT(frame->message.size <= VX_MESSAGE_BYTES_MAX);
    VX_ASSERT(frame->payload.size <= VX_CHUNK_BYTES_MAX);
    if (conn->closing || conn->finishing)
        return VX_ERR_UNAVAILABLE;
    if (conn->sends_waiting >= VX_CONN_SENDS_MAX)
        return VX_ERR_LIMIT;
    request = take_request(conn);
    if (request == NULL)
        return VX_ERR_NOMEM;
    request->message = request->inlined;
    if (frame->message.size > INLINE_MESSAGE_BYTES)
        request->message = vx_malloc(frame->message.size);
    if (request->message == NULL) {
        request->message = request->inlined;
        give_request(conn, request);
        return VX_ERR_NOMEM;
    }
    header.message_size = (uint32_t)frame->message.size;
    header.payload_size = frame->payload.size;
    if (!frame->crc_ready)
        header.body_crc = vx_frame_body_crc(frame->message, frame->payload);
    vx_frame_header_encode(&header, request->header);
    buffers[0] = uv_buf_init((char *)request->header, VX_FRAME_HEADER_SIZE);
    if (frame->message.size > 0) {
        memcpy(request->message, frame->message.at, frame->message.size);
        buffers[count++] = uv_buf_init((char *)request->message, (unsigned)frame->message.size);
    }
    if (frame->payload.size > 0) /* libuv only reads it */
        buffers[count++] =
            (uv_buf_t){ .base = (char *)(uintptr_t)frame->payload.at, .len = frame->payload.size };
    request->conn = conn;
    request->cookie = frame->cookie;
    request->write.data = request;
    if (uv_write(&request->write, (uv_stream_t *)&conn->tcp, buffers, count, on_written) != 0) {
        give_request(conn, request);
        return VX_ERR_UNAVAILABLE;
    }
    conn->sends_waiting++;
    conn->counters.bytes_sent += VX_FRAME_HEADER_SIZE + frame->message.size + frame->payload.size;
    return VX_OK;
}

size_t vx_conn_sends_waiting(const vx_conn *conn)
{
    return conn->sends_waiting;
}

void vx_conn_set_timeout(vx_conn *conn, uint64_t milliseconds)
{
    if (conn->closing || conn->finishing)
        return;
    conn->timeout_ms = milliseconds;
    uv_timer_stop(&conn->timer);
    if (milliseconds > 0)
        uv_timer_start(&conn->timer, on_timer, milliseconds, milliseconds);
}

void vx_conn_finish(vx_conn *conn, vx_status why, const char *detail)
{
    if (conn->closing || conn->finishing)
        return;
    keep_reason(conn, why, detail);
    conn->finishing = true;
    uv_read_stop((uv_stream_t *)&conn->tcp);
    /* Also when nothing waits the close comes from the loop, after what is under way in this
     * callback. */
    uv_timer_start(&conn->timer, on_timer, conn->sends_waiting > 0 ? FINISH_MS : 0, 0);
}

vx_conn_counters vx_conn_get_counters(const vx_conn *conn)
{
    return conn->counters;
}

const char *vx_conn_peer(const vx_conn *conn)
{
    return conn->peer;
}
