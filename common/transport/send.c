#include "conn_private.h"

#include <string.h>

#include <vx_base/alloc.h>
#include <vx_base/assert.h>

static vx_send *take_idle(vx_conn *conn)
{
    vx_send *send = conn->idle;

    if (send == NULL)
        return vx_calloc(1, sizeof(*send));
    conn->idle = send->next;
    return send;
}

static void put_idle(vx_conn *conn, vx_send *send)
{
    vx_free(send->large_message);
    send->large_message = NULL;
    send->next = conn->idle;
    conn->idle = send;
}

void vx_send_free_all(vx_conn *conn)
{
    while (conn->idle != NULL) {
        vx_send *send = conn->idle;

        conn->idle = send->next;
        vx_free(send);
    }
}

static void after_write(uv_write_t *request, int status)
{
    vx_send *send = request->data;
    vx_conn *conn = request->handle->data;
    void *cookie = send->cookie;

    VX_ASSERT(conn->waiting > 0);
    conn->waiting--;
    if (status == 0) {
        conn->counters.bytes_sent += send->size;
        conn->counters.frames_sent++;
    }
    put_idle(conn, send); /* before on_sent, which may send again */
    if (cookie != NULL && conn->events->on_sent != NULL)
        conn->events->on_sent(conn->owner, conn, cookie);
    if (status != 0 && conn->state != VX_CONN_CLOSING) {
        vx_error why = { 0 };

        (void)vx_fail(&why, VX_ERR_UNAVAILABLE, "connection broken: %s", uv_strerror(status));
        vx_conn_close_with(conn, &why);
    }
}

static bool copy_message(vx_send *send, vx_cbytes message)
{
    uint8_t *to = send->head + VX_FRAME_HEADER_SIZE;

    if (message.size > VX_SEND_INLINE_BYTES) {
        send->large_message = vx_malloc(message.size);
        if (send->large_message == NULL)
            return false;
        to = send->large_message;
    }
    if (message.size > 0)
        memcpy(to, message.at, message.size);
    return true;
}

static void encode_header(vx_send *send, const vx_frame *frame)
{
    vx_frame_header header = frame->header;

    header.message_size = (uint32_t)frame->message.size;
    header.payload_size = frame->payload.size;
    if (!frame->crc_ready)
        header.body_crc = vx_frame_body_crc(frame->message, frame->payload);
    vx_frame_header_encode(&header, send->head);
}

static uv_buf_t buffer_of(const uint8_t *at, size_t size)
{
    return (uv_buf_t){ .base = (char *)(uintptr_t)at, .len = size }; /* libuv only reads it */
}

static int write_frame(vx_conn *conn, vx_send *send, const vx_frame *frame)
{
    uv_buf_t buffers[3];
    unsigned count = 0;
    size_t head_size = VX_FRAME_HEADER_SIZE;

    if (send->large_message == NULL)
        head_size += frame->message.size;
    buffers[count++] = buffer_of(send->head, head_size);
    if (send->large_message != NULL)
        buffers[count++] = buffer_of(send->large_message, frame->message.size);
    if (frame->payload.size > 0)
        buffers[count++] = buffer_of(frame->payload.at, frame->payload.size);
    send->cookie = frame->cookie;
    send->size = VX_FRAME_HEADER_SIZE + frame->message.size + frame->payload.size;
    send->request.data = send;
    return vx_uv->write(&send->request, (uv_stream_t *)&conn->tcp, buffers, count, after_write);
}

vx_status vx_conn_send(vx_conn *conn, const vx_frame *frame)
{
    vx_send *send;

    if (conn->state != VX_CONN_OPEN)
        return VX_ERR_UNAVAILABLE;
    if (conn->waiting >= VX_CONN_SENDS_MAX)
        return VX_ERR_LIMIT;
    if (frame->message.size > VX_MESSAGE_BYTES_MAX || frame->payload.size > VX_CHUNK_BYTES_MAX)
        return VX_ERR_LIMIT;
    send = take_idle(conn);
    if (send == NULL)
        return VX_ERR_NOMEM;
    if (!copy_message(send, frame->message)) {
        put_idle(conn, send);
        return VX_ERR_NOMEM;
    }
    encode_header(send, frame);
    if (write_frame(conn, send, frame) != 0) {
        put_idle(conn, send);
        return VX_ERR_UNAVAILABLE;
    }
    conn->waiting++;
    return VX_OK;
}

size_t vx_conn_sends_waiting(const vx_conn *conn)
{
    return conn->waiting;
}
