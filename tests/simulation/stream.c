#include "stream.h"

#include <string.h>

#include <vx_base/assert.h>

#include "net.h"
#include "world.h"

#define READS_A_TURN    32
#define BUFFERS_MAX     4
#define FRAME_BYTES_MAX 16384

typedef struct sim_write {
    struct sim_write *next;
    uv_write_t *request;
    uv_write_cb written;
    uv_buf_t buffers[BUFFERS_MAX];
    unsigned count, at;
    size_t offset; /* in buffers[at] */
    int result;
} sim_write;

typedef struct sim_stream {
    sim_handle *handle;
    uv_alloc_cb room;
    uv_read_cb read;
    bool reading, read_posted, flush_posted, ended;
    uv_connect_t *connect;
    uv_connect_cb connected;
    int connect_result;
    sim_write *waiting, **waiting_end; /* not wholly taken by the socket */
    sim_write *done, **done_end;       /* their callbacks are due */
    uv_shutdown_t *shutdown;
    uv_shutdown_cb shut;
} sim_stream;

static sim_frame_watch frame_watch;
static size_t piece_max;

void sim_frame_watch_install(sim_frame_watch watch)
{
    frame_watch = watch;
}

void sim_read_pieces(size_t bytes_max)
{
    piece_max = bytes_max;
}

static sim_stream *stream_of(const void *uv)
{
    return sim_handle_of(uv)->socket->owner;
}

static void settle(sim_stream *stream)
{
    stream->handle->active =
        !stream->handle->closing &&
        (stream->reading || stream->connect != NULL || stream->waiting != NULL ||
         stream->done != NULL || stream->shutdown != NULL);
}

static bool has_input(const sim_socket *socket)
{
    return socket->rx_at < socket->rx_size || socket->rx_fin || socket->rx_reset;
}

static void run_read(void *subject);

static void post_read(sim_stream *stream)
{
    if (!stream->reading || stream->read_posted || !has_input(stream->handle->socket))
        return;
    stream->read_posted = true;
    sim_loop_post(stream->handle->loop, run_read, stream);
}

static void end_of_stream(sim_stream *stream, ssize_t result)
{
    uv_buf_t none = { NULL, 0 };

    stream->reading = false;
    stream->ended = true;
    settle(stream);
    stream->read((uv_stream_t *)stream->handle->uv, result, &none);
}

static bool read_once(sim_stream *stream)
{
    sim_socket *socket = stream->handle->socket;
    uv_buf_t buffer = { NULL, 0 };
    size_t size = socket->rx_size - socket->rx_at;

    if (size == 0 && (socket->rx_reset || socket->rx_fin)) {
        end_of_stream(stream, socket->rx_reset ? UV_ECONNRESET : UV_EOF);
        return false;
    }
    if (size == 0)
        return false;
    if (piece_max > 0)
        size = size < piece_max ? size : 1 + sim_below(SIM_DICE_NETWORK, piece_max);
    stream->room(stream->handle->uv, 65536, &buffer);
    VX_ASSERT(buffer.len > 0);
    size = sim_socket_read(socket, (uint8_t *)buffer.base, size < buffer.len ? size : buffer.len);
    stream->read((uv_stream_t *)stream->handle->uv, (ssize_t)size, &buffer);
    return true;
}

static void run_read(void *subject)
{
    sim_stream *stream = subject;

    stream->read_posted = false;
    for (int i = 0; i < READS_A_TURN; i++)
        if (!stream->reading || stream->handle->closing || !read_once(stream))
            return;
    if (!stream->handle->closing)
        post_read(stream);
}

static void finish_writes(sim_stream *stream, int result)
{
    while (stream->waiting != NULL) {
        sim_write *write = stream->waiting;

        stream->waiting = write->next;
        write->next = NULL;
        write->result = result;
        *stream->done_end = write;
        stream->done_end = &write->next;
    }
    stream->waiting_end = &stream->waiting;
}

static void run_flush(void *subject)
{
    sim_stream *stream = subject;
    uv_shutdown_t *shutdown = stream->shutdown;

    stream->flush_posted = false;
    if (stream->handle->closing || stream->handle->closed)
        return;
    while (stream->done != NULL) {
        sim_write *write = stream->done;

        stream->done = write->next;
        if (stream->done == NULL)
            stream->done_end = &stream->done;
        settle(stream);
        write->written(write->request, write->result);
        if (stream->handle->closing || stream->handle->closed)
            return;
    }
    if (shutdown != NULL && stream->waiting == NULL) {
        stream->shutdown = NULL;
        settle(stream);
        stream->shut(shutdown, stream->handle->socket->rx_reset ? UV_ENOTCONN : 0);
    }
}

static void post_flush(sim_stream *stream)
{
    if (stream->flush_posted || (stream->done == NULL && stream->shutdown == NULL))
        return;
    stream->flush_posted = true;
    sim_loop_post(stream->handle->loop, run_flush, stream);
}

/* All buffers of a write that has not begun, in one piece; false when that is too long. */
static bool gather(const sim_write *write, const uint8_t **ret_frame, size_t *ret_size)
{
    static uint8_t frame[FRAME_BYTES_MAX];
    size_t used = 0;

    for (unsigned i = 0; i < write->count; i++) {
        size_t size = write->buffers[i].len;

        if (size > sizeof(frame) - used)
            return false;
        if (size > 0)
            memcpy(frame + used, write->buffers[i].base, size);
        used += size;
    }
    *ret_frame = frame;
    *ret_size = used;
    return write->at == 0 && write->offset == 0;
}

/* True when the whole write is with the socket. */
static bool take_write(sim_socket *socket, sim_write *write)
{
    const uint8_t *frame = NULL;
    size_t size = 0;

    if (gather(write, &frame, &size) && sim_socket_room(socket) >= size) {
        VX_ASSERT(sim_socket_send(socket, frame, size, true) == size);
        return true;
    }
    while (write->at < write->count) {
        const uv_buf_t *buffer = &write->buffers[write->at];
        size_t left = buffer->len - write->offset;
        size_t taken = 0;

        if (left > 0)
            taken =
                sim_socket_send(socket, (const uint8_t *)buffer->base + write->offset, left, false);
        write->offset += taken;
        if (taken < left)
            return false;
        write->at++;
        write->offset = 0;
    }
    return true;
}

static void pump(sim_stream *stream)
{
    sim_socket *socket = stream->handle->socket;

    if (socket->rx_reset) {
        finish_writes(stream, UV_ECONNRESET);
    } else if (socket->state == SIM_SOCKET_OPEN) {
        while (stream->waiting != NULL && take_write(socket, stream->waiting)) {
            sim_write *write = stream->waiting;

            stream->waiting = write->next;
            if (stream->waiting == NULL)
                stream->waiting_end = &stream->waiting;
            write->next = NULL;
            *stream->done_end = write;
            stream->done_end = &write->next;
        }
        if (stream->waiting == NULL && stream->shutdown != NULL)
            sim_socket_shutdown(socket);
    }
    if (stream->waiting == NULL || stream->done != NULL)
        post_flush(stream);
    settle(stream);
}

static void on_writable(sim_socket *socket)
{
    sim_stream *stream = socket->owner;

    if (stream->waiting != NULL)
        pump(stream);
}

static void on_readable(sim_socket *socket)
{
    post_read(socket->owner);
}

static void run_connected(void *subject)
{
    sim_stream *stream = subject;
    uv_connect_t *connect = stream->connect;

    if (connect == NULL || stream->handle->closing || stream->handle->closed)
        return;
    stream->connect = NULL;
    settle(stream);
    stream->connected(connect, stream->connect_result);
}

static void on_connected(sim_socket *socket, int result)
{
    sim_stream *stream = socket->owner;

    stream->connect_result = result;
    sim_loop_post(stream->handle->loop, run_connected, stream);
}

static const sim_socket_events events = { on_connected, on_readable, on_writable };

static sim_stream *stream_new(sim_handle *handle)
{
    sim_stream *stream = sim_alloc(sizeof(*stream));

    stream->handle = handle;
    stream->waiting_end = &stream->waiting;
    stream->done_end = &stream->done;
    return stream;
}

int sim_uv_tcp_init(uv_loop_t *loop, uv_tcp_t *tcp)
{
    (void)sim_handle_new(loop, tcp, UV_TCP);
    return 0;
}

int sim_uv_tcp_open(uv_tcp_t *tcp, uv_os_sock_t fd)
{
    sim_handle *handle = sim_handle_of(tcp);
    sim_socket *socket = sim_socket_of_fd(fd);

    VX_ASSERT(socket != NULL && handle->socket == NULL);
    handle->socket = socket;
    socket->events = &events;
    socket->owner = stream_new(handle);
    return 0;
}

int sim_uv_tcp_nodelay(uv_tcp_t *tcp, int enable)
{
    (void)tcp;
    (void)enable;
    return 0;
}

int sim_uv_tcp_connect(uv_connect_t *request, uv_tcp_t *tcp, const struct sockaddr *address,
                       uv_connect_cb connected)
{
    const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)address;
    sim_handle *handle = sim_handle_of(tcp);
    sim_stream *stream = stream_new(handle);

    VX_ASSERT(handle->socket == NULL && address->sa_family == AF_INET);
    handle->socket =
        sim_socket_connect(handle->loop->process->host, handle->loop->process,
                           ntohl(in->sin_addr.s_addr), ntohs(in->sin_port), &events, stream);
    stream->connect = request;
    stream->connected = connected;
    request->handle = (uv_stream_t *)tcp;
    settle(stream);
    return 0;
}

int sim_uv_tcp_getpeername(const uv_tcp_t *tcp, struct sockaddr *name, int *size)
{
    const sim_socket *socket = sim_handle_of(tcp)->socket;
    struct sockaddr_in in = { .sin_family = AF_INET };

    if (socket == NULL || socket->rx_reset || (size_t)*size < sizeof(in))
        return UV_ENOTCONN;
    in.sin_port = htons(socket->peer_port);
    in.sin_addr.s_addr = htonl(socket->peer_host->address);
    memcpy(name, &in, sizeof(in));
    *size = sizeof(in);
    return 0;
}

int sim_uv_read_start(uv_stream_t *uv, uv_alloc_cb room, uv_read_cb read)
{
    sim_stream *stream = NULL;

    if (sim_handle_of(uv)->closing || sim_handle_of(uv)->socket == NULL)
        return UV_EINVAL;
    stream = stream_of(uv);
    stream->room = room;
    stream->read = read;
    stream->reading = !stream->ended;
    settle(stream);
    post_read(stream);
    return 0;
}

int sim_uv_read_stop(uv_stream_t *uv)
{
    sim_stream *stream = stream_of(uv);

    stream->reading = false;
    settle(stream);
    return 0;
}

static void watch_frame(sim_handle *handle, const sim_write *write)
{
    const uint8_t *frame = NULL;
    size_t size = 0;

    if (frame_watch != NULL && gather(write, &frame, &size))
        frame_watch(handle->loop->process, handle->socket, frame, size);
}

int sim_uv_write(uv_write_t *request, uv_stream_t *uv, const uv_buf_t buffers[], unsigned count,
                 uv_write_cb written)
{
    sim_handle *handle = sim_handle_of(uv);
    sim_stream *stream = stream_of(uv);
    sim_write *write = sim_alloc(sizeof(*write));

    VX_ASSERT(count <= BUFFERS_MAX && stream->shutdown == NULL);
    if (handle->socket->state != SIM_SOCKET_OPEN)
        return UV_EBADF;
    *write = (sim_write){ .request = request, .written = written, .count = count };
    memcpy(write->buffers, buffers, count * sizeof(buffers[0]));
    request->handle = uv;
    *stream->waiting_end = write;
    stream->waiting_end = &write->next;
    watch_frame(handle, write);
    pump(stream);
    return 0;
}

int sim_uv_shutdown(uv_shutdown_t *request, uv_stream_t *uv, uv_shutdown_cb done)
{
    sim_stream *stream = stream_of(uv);

    if (sim_handle_of(uv)->socket->state != SIM_SOCKET_OPEN)
        return UV_ENOTCONN;
    stream->shutdown = request;
    stream->shut = done;
    request->handle = uv;
    pump(stream);
    return 0;
}

void sim_stream_cancel(sim_handle *handle)
{
    sim_stream *stream = handle->socket->owner;

    handle->socket->events = NULL;
    stream->reading = false;
    if (stream->connect != NULL)
        stream->connected(stream->connect, UV_ECANCELED);
    stream->connect = NULL;
    finish_writes(stream, UV_ECANCELED);
    while (stream->done != NULL) {
        sim_write *write = stream->done;

        stream->done = write->next;
        write->written(write->request, write->result);
    }
    if (stream->shutdown != NULL)
        stream->shut(stream->shutdown, UV_ECANCELED);
    stream->shutdown = NULL;
}

static void run_poll(void *subject)
{
    sim_handle *handle = subject;

    if (!handle->active || handle->closing || !sim_listener_waits(handle->listener))
        return;
    handle->poll_cb((uv_poll_t *)handle->uv, 0, UV_READABLE);
    if (handle->active && sim_listener_waits(handle->listener))
        sim_loop_post(handle->loop, run_poll, handle); /* level-triggered */
}

static void on_waiting(void *subject)
{
    sim_handle *handle = subject;

    sim_loop_post(handle->loop, run_poll, handle);
}

int sim_uv_poll_init(uv_loop_t *loop, uv_poll_t *poll, int fd)
{
    sim_handle *handle = sim_handle_new(loop, poll, UV_POLL);

    handle->listener = sim_listener_of_fd(fd);
    return handle->listener != NULL ? 0 : UV_EBADF;
}

int sim_uv_poll_start(uv_poll_t *poll, int events_wanted, uv_poll_cb ready)
{
    sim_handle *handle = sim_handle_of(poll);

    VX_ASSERT(events_wanted == UV_READABLE);
    handle->active = true;
    handle->poll_cb = ready;
    sim_listener_watch(handle->listener, on_waiting, handle);
    return 0;
}

int sim_uv_poll_stop(uv_poll_t *poll)
{
    sim_handle *handle = sim_handle_of(poll);

    handle->active = false;
    sim_listener_watch(handle->listener, NULL, NULL);
    return 0;
}
