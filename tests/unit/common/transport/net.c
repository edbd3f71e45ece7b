#include "net.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static void act(net_side *side, vx_conn *conn, net_act what)
{
    if (what == NET_CLOSE)
        vx_conn_close(conn, VX_ERR_LIMIT, "closed in a callback");
    else if (what == NET_FINISH)
        vx_conn_finish(conn, VX_ERR_LIMIT, "finished in a callback");
    assert_ptr_equal(side->conn, conn);
}

static vx_status on_header(void *owner, vx_conn *conn, const vx_frame_header *header,
                           uint8_t **ret_payload, vx_error *err)
{
    net_side *side = owner;

    side->headers++;
    side->header = *header;
    act(side, conn, side->on_header);
    if (side->on_header == NET_REFUSE)
        return vx_fail(err, VX_ERR_REFUSED, "header refused");
    if (side->on_header != NET_GIVE_NOTHING)
        *ret_payload = side->payload;
    return VX_OK;
}

static vx_status on_frame(void *owner, vx_conn *conn, const vx_frame_header *header,
                          vx_cbytes message, vx_bytes payload, vx_error *err)
{
    net_side *side = owner;

    side->frames++;
    side->header = *header;
    assert_int_equal(message.size, header->message_size);
    assert_int_equal(payload.size, header->payload_size);
    memcpy(side->message, message.at, message.size);
    side->payload_seen = payload.at;
    side->payload_size = payload.size;
    if (side->echo) {
        vx_frame frame = { .header = *header,
                           .message = message,
                           .payload = { payload.at, payload.size },
                           .cookie = side };

        vx_assert_ok(vx_conn_send(conn, &frame), NULL);
    }
    act(side, conn, side->on_frame);
    if (side->on_frame == NET_REFUSE)
        return vx_fail(err, VX_ERR_REFUSED, "frame refused");
    return VX_OK;
}

static void on_sent(void *owner, vx_conn *conn, void *cookie)
{
    net_side *side = owner;

    assert_non_null(cookie);
    assert_int_equal(side->closes, 0);
    side->sent++;
    act(side, conn, side->on_sent);
}

static void on_close(void *owner, vx_conn *conn, const vx_error *why)
{
    net_side *side = owner;
    vx_frame frame = { .cookie = NULL };

    side->closes++;
    side->why = *why;
    vx_conn_close(conn, VX_ERR_IO, "twice"); /* harmless here too */
    vx_conn_finish(conn, VX_ERR_IO, "twice");
    vx_assert_status(vx_conn_send(conn, &frame), VX_ERR_UNAVAILABLE, NULL);
    side->conn = NULL;
}

const vx_conn_events net_events = { on_header, on_frame, on_sent, on_close };

static void start(net_side *side, vx_conn *conn)
{
    side->conn = conn;
    side->closes = 0;
    vx_conn_start(conn, &net_events, side);
    vx_conn_set_timeout(conn, side->timeout_ms);
}

void net_on_accept(void *owner, vx_conn *conn)
{
    vx_test_net *self = owner;

    self->accepts++;
    if (self->on_accept == NET_CLOSE) {
        vx_conn_close(conn, VX_ERR_LIMIT, "not wanted");
        return;
    }
    start(&self->server, conn);
}

void net_on_dialed(void *owner, vx_conn *conn, const vx_error *err)
{
    vx_test_net *self = owner;

    self->dones++;
    assert_true((conn != NULL) == (err == NULL));
    if (conn != NULL)
        start(&self->client, conn);
    else
        self->dial_error = *err;
}

static void take_memory(net_side *side)
{
    side->message = malloc(VX_MESSAGE_BYTES_MAX);
    side->payload = malloc(VX_CHUNK_BYTES_MAX + 1);
    assert_non_null(side->message);
    assert_non_null(side->payload);
    memset(side->payload, NET_GUARD, VX_CHUNK_BYTES_MAX + 1);
}

vx_test_net *net_create(void)
{
    vx_test_net *self = calloc(1, sizeof(*self));
    vx_error err = { 0 };
    vx_endpoint any;

    assert_non_null(self);
    assert_int_equal(uv_loop_init(&self->loop), 0);
    vx_assert_ok(vx_endpoint_parse("tcp://127.0.0.1:0", &any, &err), &err);
    vx_assert_ok(vx_listener_create(&self->loop, &any, net_on_accept, self, &self->listener, &err),
                 &err);
    self->endpoint = vx_listener_endpoint(self->listener);
    assert_int_not_equal(self->endpoint.port, 0);
    take_memory(&self->server);
    take_memory(&self->client);
    return self;
}

static void drop_side(net_side *side)
{
    if (side->conn != NULL)
        vx_conn_close(side->conn, VX_OK, "test over");
}

void net_destroy(vx_test_net *self)
{
    drop_side(&self->server);
    drop_side(&self->client);
    vx_listener_close(self->listener);
    net_until(self, !uv_loop_alive(&self->loop));
    assert_int_equal(uv_loop_close(&self->loop), 0);
    assert_int_equal(self->server.payload[VX_CHUNK_BYTES_MAX], NET_GUARD);
    assert_int_equal(self->client.payload[VX_CHUNK_BYTES_MAX], NET_GUARD);
    free(self->server.message);
    free(self->server.payload);
    free(self->client.message);
    free(self->client.payload);
    free(self);
}

int net_raw(vx_test_net *self)
{
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_port = htons(self->endpoint.port),
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    unsigned accepts = self->accepts;
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
    net_until(self, self->accepts > accepts);
    return fd;
}

void net_dial(vx_test_net *self)
{
    vx_dialer *dialer = NULL;
    vx_error err = { 0 };
    unsigned accepts = self->accepts;

    vx_assert_ok(vx_dial(&self->loop, &self->endpoint, 5000, net_on_dialed, self, &dialer, &err),
                 &err);
    net_until(self, self->accepts > accepts && self->client.conn != NULL);
}

void net_raw_send(int fd, const void *at, size_t size)
{
    const uint8_t *next = at;

    while (size > 0) {
        ssize_t sent = send(fd, next, size, MSG_NOSIGNAL);

        assert_true(sent > 0);
        next += sent;
        size -= (size_t)sent;
    }
}

void net_raw_reset(int fd)
{
    struct linger linger = { .l_onoff = 1, .l_linger = 0 };

    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)), 0);
    close(fd);
}

uint64_t net_now_ms(void)
{
    return uv_hrtime() / 1000000;
}

void net_turn(vx_test_net *self)
{
    uv_run(&self->loop, UV_RUN_NOWAIT);
}

void net_pause(vx_test_net *self)
{
    struct timespec moment = { .tv_nsec = 100000 };

    net_turn(self);
    nanosleep(&moment, NULL);
}

void net_run_for(vx_test_net *self, uint64_t milliseconds)
{
    uint64_t end_ms = net_now_ms() + milliseconds;

    while (net_now_ms() < end_ms)
        net_pause(self);
}

void net_fill(uint8_t *at, size_t size, unsigned seed)
{
    for (size_t i = 0; i < size; i++)
        at[i] = (uint8_t)((i * 2654435761u + seed * 40503u) >> 7);
}

uint8_t *net_frame_bytes(size_t message_size, size_t payload_size, unsigned seed, size_t *ret_size)
{
    size_t size = VX_FRAME_HEADER_SIZE + message_size + payload_size;
    uint8_t *bytes = malloc(size);
    vx_cbytes message;
    vx_frame_header header = { .type = 7, .round = seed };

    assert_non_null(bytes);
    message = (vx_cbytes){ bytes + VX_FRAME_HEADER_SIZE, message_size + payload_size };
    net_fill(bytes + VX_FRAME_HEADER_SIZE, message.size, seed);
    header.message_size = (uint32_t)message_size;
    header.payload_size = payload_size;
    header.body_crc = vx_frame_body_crc(message, (vx_cbytes){ NULL, 0 });
    vx_frame_header_encode(&header, bytes);
    *ret_size = size;
    return bytes;
}

unsigned net_count_fds(void)
{
    DIR *folder = opendir("/proc/self/fd");
    unsigned count = 0;

    assert_non_null(folder);
    while (readdir(folder) != NULL)
        count++;
    closedir(folder);
    return count;
}
