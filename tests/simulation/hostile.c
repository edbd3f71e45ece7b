#include "hostile.h"

#include <stdio.h>
#include <string.h>

#include <vx_transport/frame.h>
#include <vx_wire/wire.h>

#include "checker_private.h"
#include "faults.h"
#include "hostile_private.h"
#include "programs.h"
#include "world.h"

#define STRANGERS 4 /* hosts of theirs */

static sim_hostile *hostiles;

uint64_t sim_hostile_roll(uint64_t bound)
{
    return sim_below(SIM_DICE_HOSTILE, bound);
}

void sim_hostile_say(sim_hostile *self, const uint8_t *at, size_t size)
{
    if (self->socket == NULL || self->socket->state != SIM_SOCKET_OPEN || self->socket->rx_reset)
        return;
    (void)sim_socket_send(self->socket, at, size, false); /* what does not fit is lost */
}

size_t sim_hostile_frame(uint8_t *frame, vx_frame_header header, vx_cbytes message,
                         vx_cbytes payload)
{
    header.message_size = (uint32_t)message.size;
    header.payload_size = payload.size;
    header.body_crc = vx_frame_body_crc(message, payload);
    vx_frame_header_encode(&header, frame);
    if (message.size > 0)
        memcpy(frame + VX_FRAME_HEADER_SIZE, message.at, message.size);
    if (payload.size > 0)
        memcpy(frame + VX_FRAME_HEADER_SIZE + message.size, payload.at, payload.size);
    return VX_FRAME_HEADER_SIZE + message.size + payload.size;
}

void sim_hostile_close(sim_hostile *self)
{
    if (self->socket != NULL) {
        self->socket->events = NULL;
        sim_socket_close(self->socket);
    }
    self->socket = NULL;
}

static void on_close_time(void *subject, uint64_t unused)
{
    (void)unused;
    sim_hostile_close(subject);
}

static size_t hello_frame(uint8_t *frame, vx_wire_hello *hello)
{
    uint8_t message[1024];
    size_t size = 0;

    snprintf(hello->version, sizeof(hello->version), "%s", VX_VERSION);
    snprintf(hello->host, sizeof(hello->host), "elsewhere");
    snprintf(hello->blas, sizeof(hello->blas), "none");
    hello->pid = 666;
    if (vx_wire_hello_encode(hello, (vx_bytes){ message, sizeof(message) }, &size) != VX_OK)
        return 0;
    return sim_hostile_frame(frame, (vx_frame_header){ .type = VX_WIRE_HELLO, .slot = hello->slot },
                             (vx_cbytes){ message, size }, (vx_cbytes){ NULL, 0 });
}

size_t sim_hostile_hello(uint8_t *frame, unsigned slot)
{
    const vx_server *server = sim_checker_server(sim_server());
    vx_wire_hello hello = { .role = VX_WIRE_ROLE_WORKER, .slot = slot };

    if (server != NULL && server->slot_tokens != NULL)
        memcpy(hello.token, server->slot_tokens[slot], VX_TOKEN_BYTES);
    return hello_frame(frame, &hello);
}

/* A hello that is wrong somewhere. */
static void say_wrong_hello(sim_hostile *self)
{
    uint8_t frame[2048];
    vx_wire_hello hello = { .role = (vx_wire_role)(1 + sim_hostile_roll(3)) };
    size_t size = 0;

    hello.slot = (uint32_t)sim_hostile_roll(10);
    if (hello.role != VX_WIRE_ROLE_WORKER)
        hello.slot = VX_FRAME_SLOT_NONE;
    for (size_t i = 0; i < VX_TOKEN_BYTES; i++)
        hello.token[i] = (uint8_t)sim_hostile_roll(256);
    if (sim_hostile_roll(3) == 0)
        hello.config.at[0] = 1;
    size = hello_frame(frame, &hello);
    if (size > VX_FRAME_HEADER_SIZE && sim_hostile_roll(2) == 0) { /* of another shape */
        size_t at = VX_FRAME_HEADER_SIZE + sim_hostile_roll(size - VX_FRAME_HEADER_SIZE);
        vx_frame_header header = { .type = VX_WIRE_HELLO };
        uint8_t body[2048];

        frame[at] = (uint8_t)sim_hostile_roll(256);
        memcpy(body, frame + VX_FRAME_HEADER_SIZE, size - VX_FRAME_HEADER_SIZE);
        size = sim_hostile_frame(frame, header, (vx_cbytes){ body, size - VX_FRAME_HEADER_SIZE },
                                 (vx_cbytes){ NULL, 0 });
    }
    sim_hostile_say(self, frame, size);
}

static void say_garbage(sim_hostile *self)
{
    uint8_t bytes[2000];
    size_t size = 1 + sim_hostile_roll(sizeof(bytes));

    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)sim_hostile_roll(256);
    if (sim_hostile_roll(3) == 0)
        memcpy(bytes, "GET / HTTP/1.1\r\nHost: vexil\r\n\r\n", size < 32 ? size : 32);
    sim_hostile_say(self, bytes, size);
}

/* A header that decodes, with numbers at their borders. */
static void say_wild_header(sim_hostile *self)
{
    static const uint64_t borders[] = { 0, 1, 63, 1u << 20, UINT32_MAX, 1ull << 63, UINT64_MAX };
    uint8_t frame[VX_FRAME_HEADER_SIZE];
    vx_frame_header header = { .type = (uint16_t)sim_hostile_roll(20) };

    header.job = borders[sim_hostile_roll(7)];
    header.epoch = (uint32_t)borders[sim_hostile_roll(7)];
    header.slot = (uint32_t)borders[sim_hostile_roll(7)];
    header.round = borders[sim_hostile_roll(7)];
    header.offset = borders[sim_hostile_roll(7)];
    header.payload_size = borders[sim_hostile_roll(7)];
    header.message_size = (uint32_t)borders[sim_hostile_roll(5)];
    vx_frame_header_encode(&header, frame);
    sim_hostile_say(self, frame, sizeof(frame));
}

static void on_drip(void *subject, uint64_t at)
{
    sim_hostile *self = subject;
    uint8_t frame[2048];
    size_t size = sim_hostile_hello(frame, 0);

    if (self->socket == NULL || at >= size)
        return;
    sim_hostile_say(self, frame + at, 1);
    sim_after(SIM_S / 2, on_drip, self, at + 1);
}

static void begin_stranger(sim_hostile *self)
{
    switch (self->kind) {
    case SIM_HOSTILE_GARBAGE:
        say_garbage(self);
        break;
    case SIM_HOSTILE_WRONG_HELLO:
        say_wrong_hello(self);
        break;
    case SIM_HOSTILE_WILD_HEADER:
        say_wild_header(self);
        break;
    case SIM_HOSTILE_DRIP:
        on_drip(self, 0);
        break;
    case SIM_HOSTILE_IMPOSTOR: {
        uint8_t frame[2048];

        sim_hostile_say(self, frame, sim_hostile_hello(frame, self->slot));
        break;
    }
    case SIM_HOSTILE_SILENT:
    case SIM_HOSTILE_BYZANTINE:
    case SIM_HOSTILE_MAX:
        break;
    }
}

static void on_connected(sim_socket *socket, int result)
{
    sim_hostile *self = socket->owner;

    if (result != 0) {
        self->socket = NULL;
        return;
    }
    begin_stranger(self);
}

static void on_readable(sim_socket *socket)
{
    uint8_t bytes[4096];

    while (sim_socket_read(socket, bytes, sizeof(bytes)) > 0)
        ;
    if (socket->rx_fin || socket->rx_reset)
        sim_hostile_close(socket->owner);
}

static void on_writable(sim_socket *socket)
{
    (void)socket;
}

sim_hostile *sim_hostile_new(sim_hostile_kind kind, unsigned slot)
{
    sim_hostile *self = sim_alloc(sizeof(*self));

    self->next = hostiles;
    hostiles = self;
    self->kind = kind;
    self->slot = slot;
    return self;
}

static void connect_stranger(sim_hostile_kind kind, unsigned slot)
{
    static const sim_socket_events events = { on_connected, on_readable, on_writable };
    sim_hostile *self = sim_hostile_new(kind, slot);
    sim_host *host = sim_host_at(1 + SIM_WORKERS_MAX + (unsigned)sim_hostile_roll(STRANGERS));

    self->socket =
        sim_socket_connect(host, NULL, sim_server_host()->address, SIM_PORT, &events, self);
    sim_after(sim_magnitude(SIM_DICE_HOSTILE, 10 * SIM_MS, 8 * SIM_S), on_close_time, self, 0);
}

bool sim_hostile_stranger(void)
{
    sim_hostile_kind kind = (sim_hostile_kind)sim_hostile_roll(SIM_HOSTILE_IMPOSTOR);
    uint64_t count = sim_hostile_roll(4) == 0 ? 20 : 1;

    for (uint64_t i = 0; i < count; i++)
        connect_stranger(kind, 0);
    return true;
}

bool sim_hostile_impostor(unsigned slot)
{
    connect_stranger(SIM_HOSTILE_IMPOSTOR, slot);
    return true;
}

void sim_hostile_end(void)
{
    for (sim_hostile *self = hostiles; self != NULL; self = self->next)
        if (self->kind == SIM_HOSTILE_BYZANTINE)
            sim_byzantine_end(self);
        else
            sim_hostile_close(self);
}
