#include "net.h"

#include <string.h>

#include <uv.h>

#include <vx_base/assert.h>

#include "faults.h"
#include "net_private.h"
#include "plant.h"
#include "world.h"

sim_net_faults sim_net;

static bool blocks[SIM_HOSTS_MAX][SIM_HOSTS_MAX]; /* from, to */
static sim_socket *sockets;
static unsigned sockets_count;

#define RETRANSMIT_NS (200 * SIM_MS)
#define PROBE_NS      (5 * SIM_S)

bool sim_net_is_blocked(const sim_host *from, const sim_host *to)
{
    return blocks[from->index][to->index] || from->down || to->down ||
           sim_plant_deaf(from->index, to->index);
}

static bool can_pass(const sim_socket *socket)
{
    return socket->state == SIM_SOCKET_GONE
               ? !socket->host->down && !sim_net_is_blocked(socket->host, socket->peer_host)
               : !sim_net_is_blocked(socket->host, socket->peer_host);
}

uint64_t sim_net_latency(const sim_host *from, const sim_host *to)
{
    uint64_t base = from == to ? 20 * SIM_US : from->latency_ns + to->latency_ns;
    uint64_t delay = base + sim_exponential(SIM_DICE_NETWORK, base / 4 + 1);

    if (from != to && sim_chance(SIM_DICE_NETWORK, sim_net.spike))
        delay += sim_below(SIM_DICE_NETWORK, sim_net.spike_ns);
    return delay;
}

sim_socket *sim_socket_new(sim_host *host, sim_host *peer_host)
{
    sim_socket *socket = sim_alloc(sizeof(*socket));

    socket->next = sockets;
    sockets = socket;
    socket->id = sockets_count++;
    socket->host = host;
    socket->peer_host = peer_host;
    socket->capacity = sim_magnitude(SIM_DICE_NETWORK, sim_net.capacity_low, sim_net.capacity_high);
    return socket;
}

static void arrive(void *subject, uint64_t arrival);

static void arm_arrival(sim_socket *socket, uint64_t extra_ns)
{
    uint64_t due_ns = socket->first->due_ns;

    socket->arrival++;
    sim_after((due_ns > sim_now() ? due_ns - sim_now() : 0) + extra_ns, arrive, socket,
              socket->arrival);
}

static void push(sim_socket *socket, sim_segment *segment)
{
    const sim_host *slow = socket->host->bytes_per_s < socket->peer_host->bytes_per_s
                               ? socket->host
                               : socket->peer_host;
    uint64_t due_ns = sim_now() + sim_net_latency(socket->host, socket->peer_host);

    if (socket->host != socket->peer_host)
        due_ns += segment->size * SIM_S / slow->bytes_per_s;
    segment->due_ns = due_ns > socket->last_due_ns ? due_ns : socket->last_due_ns;
    socket->last_due_ns = segment->due_ns;
    if (socket->first == NULL) {
        socket->first = socket->last = segment;
        arm_arrival(socket, 0);
        return;
    }
    socket->last->next = segment;
    socket->last = segment;
}

static void push_mark(sim_socket *socket, int kind)
{
    sim_segment *segment = sim_alloc(sizeof(*segment));

    segment->kind = kind == SIM_SEGMENT_FIN ? SIM_SEGMENT_FIN : SIM_SEGMENT_RST;
    push(socket, segment);
}

/* Two neighbours of a stream change places. */
static bool swap_in(sim_socket *socket, sim_segment *segment)
{
    sim_segment *before = socket->first;

    if (before == NULL || before == socket->last)
        return false;
    while (before->next != socket->last)
        before = before->next;
    if (!socket->last->frame)
        return false;
    segment->due_ns = socket->last->due_ns;
    segment->next = socket->last;
    before->next = segment;
    return true;
}

size_t sim_socket_room(const sim_socket *socket)
{
    size_t used = socket->in_flight;

    if (socket->peer != NULL)
        used += socket->peer->rx_size - socket->peer->rx_at;
    return used < socket->capacity ? socket->capacity - used : 0;
}

size_t sim_socket_send(sim_socket *socket, const uint8_t *at, size_t size, bool frame)
{
    size_t room = sim_socket_room(socket);
    size_t taken = size < room ? size : room;
    bool whole = frame && taken == size;
    bool outside = whole && socket->host != socket->peer_host;
    int copies = outside && sim_chance(SIM_DICE_NETWORK, sim_net.twice) ? 2 : 1;

    VX_ASSERT(socket->state == SIM_SOCKET_OPEN);
    if (taken == 0 || socket->fin_sent)
        return 0;
    for (int i = 0; i < copies; i++) {
        sim_segment *segment = sim_alloc(sizeof(*segment) + taken);

        memcpy(segment->bytes, at, taken);
        segment->size = taken;
        segment->frame = whole;
        socket->in_flight += taken;
        if (i == 1)
            sim_fault_done(SIM_FAULT_TWICE);
        if (outside && sim_chance(SIM_DICE_NETWORK, sim_net.swapped) && swap_in(socket, segment))
            sim_fault_done(SIM_FAULT_SWAPPED);
        else
            push(socket, segment);
    }
    return taken;
}

void sim_socket_shutdown(sim_socket *socket)
{
    if (socket->fin_sent || socket->state != SIM_SOCKET_OPEN)
        return;
    socket->fin_sent = true;
    push_mark(socket, SIM_SEGMENT_FIN);
}

static void make_room(sim_socket *socket, size_t size)
{
    size_t unread = socket->rx_size - socket->rx_at;

    if (socket->rx_size + size <= socket->rx_room)
        return;
    if (unread + size > socket->rx_room) {
        size_t room = 2 * (unread + size);
        uint8_t *wider = sim_alloc(room);

        memcpy(wider, socket->rx + socket->rx_at, unread);
        socket->rx = wider;
        socket->rx_room = room;
    } else {
        memmove(socket->rx, socket->rx + socket->rx_at, unread);
    }
    socket->rx_at = 0;
    socket->rx_size = unread;
}

static void flip(sim_socket *from, uint8_t *at, size_t size)
{
    if (from->host == from->peer_host || size == 0 || !sim_chance(SIM_DICE_NETWORK, sim_net.flip))
        return;
    sim_fault_done(SIM_FAULT_FLIP);
    sim_fault_flip(at, size);
}

static void take_data(sim_socket *to, sim_socket *from, sim_segment *segment)
{
    flip(from, segment->bytes, segment->size);
    sim_plant_frame(segment->bytes, segment->size);
    make_room(to, segment->size);
    memcpy(to->rx + to->rx_size, segment->bytes, segment->size);
    to->rx_size += segment->size;
    if (sim_net_is_blocked(to->host, from->host))
        from->ack_owed += segment->size; /* the acknowledgement is lost for now */
    else
        from->in_flight -= segment->size;
}

static void reset(sim_socket *socket)
{
    if (socket->state != SIM_SOCKET_OPEN || socket->rx_reset)
        return;
    socket->rx_reset = true;
    socket->first = socket->last = NULL;
    socket->arrival++;
    if (sim_below(SIM_DICE_NETWORK, 2) == 0)
        socket->rx_at = socket->rx_size; /* what was not read is lost */
    if (socket->events != NULL)
        socket->events->readable(socket);
    if (socket->events != NULL) /* it may have closed itself */
        socket->events->writable(socket);
}

/* What comes to a socket that is closed, or that a crash has taken, is answered with a reset. */
static void answer_with_reset(sim_socket *to, sim_socket *from, const sim_segment *segment)
{
    if (segment->kind == SIM_SEGMENT_RST)
        return;
    if (segment->kind == SIM_SEGMENT_FIN && to->fin_sent)
        return;
    if (from->state == SIM_SOCKET_OPEN || from->state == SIM_SOCKET_CLOSED)
        push_mark(to, SIM_SEGMENT_RST);
}

static void deliver(sim_socket *from, sim_segment *segment)
{
    sim_socket *to = from->peer;

    if (to->state != SIM_SOCKET_OPEN) {
        answer_with_reset(to, from, segment);
        return;
    }
    sim_note("deliver socket=%llu kind=%llu size=%llu", to->id, (uint64_t)segment->kind,
             segment->size);
    switch (segment->kind) {
    case SIM_SEGMENT_DATA:
        take_data(to, from, segment);
        break;
    case SIM_SEGMENT_FIN:
        to->rx_fin = true;
        break;
    case SIM_SEGMENT_RST:
        reset(to);
        return;
    }
    if (to->events != NULL)
        to->events->readable(to);
    if (from->state == SIM_SOCKET_OPEN && from->events != NULL)
        from->events->writable(from);
}

static void arrive(void *subject, uint64_t arrival)
{
    sim_socket *socket = subject;

    if (arrival != socket->arrival)
        return;
    while (socket->first != NULL && socket->first->due_ns <= sim_now()) {
        sim_segment *segment = socket->first;

        if (!can_pass(socket))
            return; /* sent again when the way is free: resume_all */
        socket->first = segment->next;
        if (socket->first == NULL)
            socket->last = NULL;
        deliver(socket, segment);
        if (arrival != socket->arrival)
            return; /* reset meanwhile */
    }
    if (socket->first != NULL)
        arm_arrival(socket, 0);
}

static void resume_all(void)
{
    for (sim_socket *socket = sockets; socket != NULL; socket = socket->next) {
        if (!can_pass(socket))
            continue;
        if (socket->first != NULL)
            arm_arrival(socket, sim_below(SIM_DICE_NETWORK, RETRANSMIT_NS));
        if (socket->ack_owed > 0 && !sim_net_is_blocked(socket->peer_host, socket->host)) {
            socket->in_flight -= socket->ack_owed;
            socket->ack_owed = 0;
            if (socket->state == SIM_SOCKET_OPEN && socket->events != NULL)
                socket->events->writable(socket);
        }
    }
}

void sim_net_block(sim_host *from, sim_host *to, bool blocked)
{
    if (from == to || blocks[from->index][to->index] == blocked)
        return;
    sim_note("block from=%llu to=%llu on=%llu", from->index, to->index, blocked);
    blocks[from->index][to->index] = blocked;
    if (!blocked)
        resume_all();
}

void sim_net_heal(void)
{
    memset(blocks, 0, sizeof(blocks));
    resume_all();
}

void sim_net_host_down(sim_host *host)
{
    sim_note("host down host=%llu", host->index, 0, 0);
    host->down = true;
    for (sim_socket *socket = sockets; socket != NULL; socket = socket->next)
        if (socket->host == host) {
            socket->state = SIM_SOCKET_GONE;
            socket->first = socket->last = NULL;
            socket->arrival++;
        }
}

/* A sender whose peer took no more asks now and then whether there is room: a host that has
 * forgotten the connection answers with a reset. */
static void on_probe(void *subject, uint64_t unused)
{
    sim_socket *socket = subject;

    (void)unused;
    if (socket->state == SIM_SOCKET_OPEN && !sim_net_is_blocked(socket->peer_host, socket->host))
        reset(socket);
    else if (socket->state == SIM_SOCKET_OPEN)
        sim_after(PROBE_NS, on_probe, socket, 0);
}

void sim_net_host_up(sim_host *host)
{
    sim_note("host up host=%llu", host->index, 0, 0);
    host->down = false;
    resume_all();
    for (sim_socket *socket = sockets; socket != NULL; socket = socket->next)
        if (socket->state == SIM_SOCKET_OPEN && socket->peer->host == host &&
            socket->peer->state == SIM_SOCKET_GONE && sim_socket_room(socket) == 0)
            sim_after(sim_below(SIM_DICE_NETWORK, PROBE_NS), on_probe, socket, 0);
}

bool sim_net_break_one(void)
{
    sim_socket *picked = NULL;
    uint64_t seen = 0;

    for (sim_socket *socket = sockets; socket != NULL; socket = socket->next)
        if (socket->state == SIM_SOCKET_OPEN && socket->peer != NULL &&
            socket->peer->state == SIM_SOCKET_OPEN && socket->process != NULL &&
            socket->host != socket->peer_host && sim_below(SIM_DICE_NETWORK, ++seen) == 0)
            picked = socket;
    if (picked == NULL)
        return false;
    reset(picked);
    reset(picked->peer);
    return true;
}

unsigned sim_net_open_sockets(void)
{
    unsigned count = 0;

    for (const sim_socket *socket = sockets; socket != NULL; socket = socket->next)
        count += socket->process != NULL && socket->process->alive &&
                 (socket->state == SIM_SOCKET_OPEN || socket->state == SIM_SOCKET_CONNECTING);
    return count;
}

size_t sim_socket_read(sim_socket *socket, uint8_t *at, size_t size)
{
    size_t unread = socket->rx_size - socket->rx_at;
    size_t taken = size < unread ? size : unread;

    memcpy(at, socket->rx + socket->rx_at, taken);
    socket->rx_at += taken;
    if (taken > 0 && socket->peer->state == SIM_SOCKET_OPEN && socket->peer->events != NULL)
        socket->peer->events->writable(socket->peer);
    return taken;
}

void sim_socket_close(sim_socket *socket)
{
    bool unread = socket->rx_size > socket->rx_at;

    if (socket->state != SIM_SOCKET_OPEN) {
        if (socket->state == SIM_SOCKET_CONNECTING)
            socket->state = SIM_SOCKET_CLOSED;
        return;
    }
    socket->state = SIM_SOCKET_CLOSED;
    if (socket->rx_reset)
        return;
    if (unread && sim_below(SIM_DICE_NETWORK, 2) == 0) {
        socket->first = socket->last = NULL; /* what was on its way is lost with it */
        socket->arrival++;
    }
    if (unread)
        push_mark(socket, SIM_SEGMENT_RST);
    else if (!socket->fin_sent)
        push_mark(socket, SIM_SEGMENT_FIN);
    socket->fin_sent = true;
}

sim_socket *sim_sockets(void)
{
    return sockets;
}

void sim_net_end(sim_process *process)
{
    sim_listeners_end(process);
    for (sim_socket *socket = sockets; socket != NULL; socket = socket->next)
        if (socket->process == process) {
            socket->events = NULL;
            sim_socket_close(socket);
        }
}
