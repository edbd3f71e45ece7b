#include <math.h>
#include <string.h>

#include <vx_wire/wire.h>

#include "checker_private.h"
#include "faults.h"
#include "hostile_private.h"
#include "programs.h"
#include "world.h"

/*
 * A worker with a good token and no manners: what it sends in a round is one of the shapes below,
 * or several.
 */
static void reconnect(sim_hostile *self);

static void numbers(float *row, size_t count, unsigned shape)
{
    static const float extremes[] = { INFINITY, -INFINITY, NAN, 3e38f, -3e38f, 1e-45f, 0.0f };

    for (size_t i = 0; i < count; i++)
        row[i] = shape == 0 ? (float)(sim_uniform(SIM_DICE_HOSTILE) - 0.5)
                            : extremes[sim_hostile_roll(7)];
}

static size_t gradient(sim_hostile *self, uint8_t *frame, vx_frame_header header, size_t count,
                       unsigned shape)
{
    vx_wire_gradient about = { .nll = 1.0, .samples = 5 };
    float row[2 * SIM_DIMENSION_MAX];
    uint8_t message[64];
    size_t size = 0;

    (void)self;
    numbers(row, count, shape);
    if (vx_wire_gradient_encode(&about, (vx_bytes){ message, sizeof(message) }, &size) != VX_OK)
        return 0;
    if (sim_hostile_roll(20) == 0)
        message[sim_hostile_roll(size)] ^= 0x55; /* it may not decode */
    header.type = VX_WIRE_GRADIENT;
    return sim_hostile_frame(frame, header, (vx_cbytes){ message, size },
                             (vx_cbytes){ (const uint8_t *)row, count * sizeof(float) });
}

static void say(sim_hostile *self, vx_frame_header header, size_t count, unsigned shape)
{
    uint8_t frame[2048];
    size_t size = gradient(self, frame, header, count, shape);

    if (self->socket == NULL)
        return;
    sim_checker_gradient(self->socket, self->slot, frame, size);
    sim_hostile_say(self, frame, size);
}

static void say_half(sim_hostile *self, vx_frame_header header, size_t count)
{
    uint8_t frame[2048];
    size_t size = gradient(self, frame, header, count, 0);

    sim_hostile_say(self, frame, 1 + sim_hostile_roll(size - 1));
    if (sim_hostile_roll(2) == 0)
        reconnect(self);
}

static void say_of_another(sim_hostile *self, vx_frame_header header, size_t count)
{
    switch (sim_hostile_roll(6)) {
    case 0:
        header.epoch -= 1;
        break;
    case 1:
        header.incarnation -= 1;
        break;
    case 2:
        header.slot = (header.slot + 1) % sim_check.model->workers;
        break;
    case 3:
        header.job ^= 1;
        break;
    case 4:
        header.offset = sim_hostile_roll(200);
        break;
    default:
        header.round = sim_hostile_roll(2) == 0 ? UINT64_MAX : header.round + 1;
        break;
    }
    say(self, header, count, 0);
}

static void say_of_another_type(sim_hostile *self, vx_frame_header header)
{
    uint8_t frame[256];

    header.type = (uint16_t)sim_hostile_roll(20);
    sim_hostile_say(
        self, frame,
        sim_hostile_frame(frame, header, (vx_cbytes){ NULL, 0 }, (vx_cbytes){ NULL, 0 }));
}

static void answer(sim_hostile *self)
{
    size_t count = sim_check.model->dimension;
    vx_frame_header header = self->identity;

    header.round = self->round;
    sim_fault_done(SIM_FAULT_BYZANTINE);
    switch (sim_hostile_roll(10)) {
    case 0:
        return; /* nothing at all */
    case 1:
        say(self, header, count, 0);
        say(self, header, count, 0); /* another one for the same round */
        return;
    case 2:
        say(self, header, count, 1);
        return;
    case 3:
        say_of_another(self, header, count);
        return;
    case 4:
        say(self, header, sim_hostile_roll(2) == 0 ? count - 1 : count + 1, 0);
        return;
    case 5:
        say_half(self, header, count);
        return;
    case 6:
        for (int i = 0; i < 50; i++)
            say(self, header, count, 0);
        return;
    case 7:
        header.round -= header.round > 0 ? 1 + sim_hostile_roll(header.round) : 0;
        say(self, header, count, 0);
        return;
    case 8:
        say_of_another_type(self, header);
        return;
    default:
        say(self, header, count, 0);
        return;
    }
}

static void take_frame(sim_hostile *self, const vx_frame_header *header)
{
    if (header->type == VX_WIRE_WELCOME)
        self->identity = *header;
    if (header->type == VX_WIRE_PARAMETERS) {
        self->round = header->round;
        answer(self);
    }
}

static void take_bytes(sim_hostile *self)
{
    vx_frame_header header;

    while (self->socket != NULL && self->rx_size >= VX_FRAME_HEADER_SIZE) {
        size_t size = 0;

        if (vx_frame_header_decode(self->rx, &header, NULL) != VX_OK) {
            reconnect(self);
            return;
        }
        size = VX_FRAME_HEADER_SIZE + header.message_size + (size_t)header.payload_size;
        if (size > sizeof(self->rx)) {
            reconnect(self);
            return;
        }
        if (self->rx_size < size)
            return;
        take_frame(self, &header);
        if (self->rx_size < size)
            return; /* it has reconnected meanwhile */
        self->rx_size -= size;
        memmove(self->rx, self->rx + size, self->rx_size);
    }
}

static void on_readable(sim_socket *socket)
{
    sim_hostile *self = socket->owner;
    size_t got = 0;

    do {
        got = sim_socket_read(socket, self->rx + self->rx_size, sizeof(self->rx) - self->rx_size);
        self->rx_size += got;
        take_bytes(self);
    } while (got > 0 && self->socket == socket);
    if (self->socket == socket && (socket->rx_fin || socket->rx_reset))
        reconnect(self);
}

static void on_writable(sim_socket *socket)
{
    (void)socket;
}

static void on_connected(sim_socket *socket, int result)
{
    sim_hostile *self = socket->owner;
    uint8_t frame[2048];

    if (result != 0) {
        reconnect(self);
        return;
    }
    sim_hostile_say(self, frame, sim_hostile_hello(frame, self->slot));
}

static void on_time(void *subject, uint64_t unused)
{
    static const sim_socket_events events = { on_connected, on_readable, on_writable };
    sim_hostile *self = subject;

    (void)unused;
    if (self->over || self->socket != NULL || sim_run_is_done())
        return;
    self->rx_size = 0;
    self->socket = sim_socket_connect(sim_worker_host(self->slot), NULL, sim_server_host()->address,
                                      SIM_PORT, &events, self);
}

static void reconnect(sim_hostile *self)
{
    sim_hostile_close(self);
    self->rx_size = 0;
    sim_after(sim_magnitude(SIM_DICE_HOSTILE, 20 * SIM_MS, SIM_S), on_time, self, 0);
}

void sim_hostile_byzantine(const sim_scenario *scenario)
{
    sim_after(300 * SIM_MS, on_time,
              sim_hostile_new(SIM_HOSTILE_BYZANTINE, scenario->byzantine_slot), 0);
}

void sim_byzantine_end(sim_hostile *self)
{
    self->over = true;
    sim_hostile_close(self);
    sim_worker_begin(self->slot);
}
