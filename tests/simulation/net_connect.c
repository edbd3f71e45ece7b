#include <errno.h>
#include <netdb.h>
#include <string.h>

#include <uv.h>

#include <vx_base/assert.h>

#include "net_private.h"
#include "world.h"

#define FD_FIRST        100000
#define FDS_MAX         65536
#define SYN_RETRY_NS    SIM_S /* doubled each time, as Linux does */
#define SYN_RETRIES_MAX 6
#define PORT_FIRST      32768

struct sim_listener {
    sim_listener *next;
    int fd;
    sim_process *process;
    uint16_t port;
    bool open;
    unsigned backlog, waiting;
    sim_socket *queue[1024];
    void (*ready)(void *subject);
    void *subject;
};

typedef struct fd_entry {
    sim_socket *socket;
    sim_listener *listener;
} fd_entry;

static sim_listener *listeners;
static fd_entry fds[FDS_MAX];
static unsigned fds_count, starved, ports;

static fd_entry *entry_of(int fd)
{
    static fd_entry none;

    return fd >= FD_FIRST && fd < FD_FIRST + (int)fds_count ? &fds[fd - FD_FIRST] : &none;
}

static int new_fd(sim_socket *socket, sim_listener *listener)
{
    VX_ASSERT(fds_count < FDS_MAX);
    fds[fds_count] = (fd_entry){ socket, listener };
    return FD_FIRST + (int)fds_count++;
}

sim_socket *sim_socket_of_fd(int fd)
{
    return entry_of(fd)->socket;
}

sim_listener *sim_listener_of_fd(int fd)
{
    return entry_of(fd)->listener;
}

static sim_listener *find_listener(const sim_host *host, uint16_t port)
{
    for (sim_listener *listener = listeners; listener != NULL; listener = listener->next)
        if (listener->open && listener->process->host == host && listener->port == port)
            return listener;
    return NULL;
}

int sim_socket_listen(const struct addrinfo *address, int backlog)
{
    const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)address->ai_addr;
    sim_process *process = sim_process_current();
    sim_listener *listener = NULL;

    VX_ASSERT(process != NULL && address->ai_family == AF_INET);
    if (ntohl(in->sin_addr.s_addr) != process->host->address) {
        errno = EADDRNOTAVAIL;
        return -1;
    }
    if (in->sin_port != 0 && find_listener(process->host, ntohs(in->sin_port)) != NULL) {
        errno = EADDRINUSE;
        return -1;
    }
    listener = sim_alloc(sizeof(*listener));
    listener->next = listeners;
    listeners = listener;
    listener->process = process;
    listener->port = in->sin_port != 0 ? ntohs(in->sin_port) : (uint16_t)(PORT_FIRST + ports++);
    listener->open = true;
    listener->backlog = backlog < 1024 ? (unsigned)backlog : 1024;
    listener->fd = new_fd(NULL, listener);
    sim_note("listen port=%llu", listener->port, 0, 0);
    return listener->fd;
}

int sim_socket_port(int fd)
{
    const sim_listener *listener = sim_listener_of_fd(fd);

    return listener != NULL ? listener->port : 0;
}

bool sim_listener_waits(const sim_listener *listener)
{
    return listener->waiting > 0;
}

void sim_listener_watch(sim_listener *listener, void (*ready)(void *subject), void *subject)
{
    listener->ready = ready;
    listener->subject = subject;
    if (ready != NULL && listener->waiting > 0)
        ready(subject);
}

void sim_net_starve_accepts(unsigned count)
{
    starved = count;
}

int sim_socket_accept(int fd)
{
    sim_listener *listener = sim_listener_of_fd(fd);
    sim_socket *socket = NULL;

    VX_ASSERT(listener != NULL);
    if (listener->waiting == 0) {
        errno = EAGAIN;
        return -1;
    }
    if (starved > 0) {
        starved--;
        errno = EMFILE;
        return -1;
    }
    socket = listener->queue[0];
    listener->waiting--;
    memmove(listener->queue, listener->queue + 1, listener->waiting * sizeof(sim_socket *));
    socket->listener = NULL;
    socket->process = listener->process;
    return new_fd(socket, NULL);
}

static void close_listener(sim_listener *listener)
{
    if (!listener->open)
        return;
    listener->open = false;
    listener->ready = NULL;
    for (unsigned i = 0; i < listener->waiting; i++)
        sim_socket_close(listener->queue[i]);
    listener->waiting = 0;
}

void sim_listeners_end(sim_process *process)
{
    for (sim_listener *listener = listeners; listener != NULL; listener = listener->next)
        if (listener->process == process)
            close_listener(listener);
}

void sim_socket_close_fd(int fd)
{
    if (sim_listener_of_fd(fd) != NULL)
        close_listener(sim_listener_of_fd(fd));
    else if (sim_socket_of_fd(fd) != NULL)
        sim_socket_close(sim_socket_of_fd(fd));
}

static void fail_connect(void *subject, uint64_t error)
{
    sim_socket *socket = subject;

    if (socket->state != SIM_SOCKET_CONNECTING)
        return;
    socket->state = SIM_SOCKET_CLOSED;
    if (socket->events != NULL)
        socket->events->connected(socket, -(int)error);
}

/* The answer of the listening side is back. */
static void on_established(void *subject, uint64_t attempt)
{
    sim_socket *socket = subject;

    if (socket->state != SIM_SOCKET_CONNECTING) { /* the client has gone meanwhile */
        if (socket->state == SIM_SOCKET_CLOSED && socket->peer->state == SIM_SOCKET_OPEN) {
            socket->state = SIM_SOCKET_OPEN;
            sim_socket_close(socket);
        }
        return;
    }
    if (sim_net_is_blocked(socket->peer_host, socket->host)) {
        sim_after(SYN_RETRY_NS << attempt, on_established, socket,
                  attempt < SYN_RETRIES_MAX ? attempt + 1 : attempt);
        return;
    }
    socket->state = SIM_SOCKET_OPEN;
    if (socket->events != NULL)
        socket->events->connected(socket, 0);
}

static void on_syn(void *subject, uint64_t attempt);

static void try_again(sim_socket *socket, uint64_t attempt)
{
    if (attempt < SYN_RETRIES_MAX)
        sim_after(SYN_RETRY_NS << attempt, on_syn, socket, attempt + 1);
    else
        fail_connect(socket, ETIMEDOUT);
}

static void on_syn(void *subject, uint64_t attempt)
{
    sim_socket *socket = subject;
    sim_listener *listener = NULL;
    sim_socket *other = NULL;
    uint64_t latency_ns = 0;

    if (socket->state != SIM_SOCKET_CONNECTING)
        return;
    if (sim_net_is_blocked(socket->host, socket->peer_host) ||
        sim_net_is_blocked(socket->peer_host, socket->host)) {
        try_again(socket, attempt);
        return;
    }
    latency_ns = sim_net_latency(socket->peer_host, socket->host);
    listener = find_listener(socket->peer_host, socket->peer_port);
    if (listener == NULL) {
        sim_after(latency_ns, fail_connect, socket, ECONNREFUSED);
        return;
    }
    if (listener->waiting == listener->backlog) {
        try_again(socket, attempt);
        return;
    }
    other = sim_socket_new(socket->peer_host, socket->host);
    other->port = listener->port;
    other->peer_port = socket->port;
    other->state = SIM_SOCKET_OPEN;
    other->peer = socket;
    other->listener = listener;
    socket->peer = other;
    listener->queue[listener->waiting++] = other;
    if (listener->ready != NULL)
        listener->ready(listener->subject);
    sim_after(latency_ns, on_established, socket, 0);
}

sim_socket *sim_socket_connect(sim_host *from, sim_process *process, uint32_t address,
                               uint16_t port, const sim_socket_events *events, void *owner)
{
    sim_host *to = sim_host_find(address);
    sim_socket *socket = sim_socket_new(from, to != NULL ? to : from);

    socket->process = process;
    socket->peer_port = port;
    socket->port = (uint16_t)(PORT_FIRST + ports++);
    socket->state = SIM_SOCKET_CONNECTING;
    socket->events = events;
    socket->owner = owner;
    sim_note("connect socket=%llu to=%llu port=%llu", socket->id, socket->peer_host->index, port);
    if (to == NULL)
        sim_after(SIM_MS, fail_connect, socket, EHOSTUNREACH);
    else
        sim_after(sim_net_latency(from, to), on_syn, socket, 0);
    return socket;
}
