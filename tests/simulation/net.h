#ifndef VX_SIMULATION_NET_H
#define VX_SIMULATION_NET_H
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "process.h"

/*
 * TCP between hosts: bytes arrive in order or not at all, late, in other pieces than they were
 * sent; a side may close, reset, vanish with its host, or be cut off in one direction. Beyond what
 * TCP allows, by the scenario: a flipped bit, a frame twice, two frames swapped.
 */
typedef struct sim_socket sim_socket;
typedef struct sim_listener sim_listener;

typedef enum sim_socket_state {
    SIM_SOCKET_CONNECTING,
    SIM_SOCKET_OPEN,
    SIM_SOCKET_CLOSED, /* by its owner */
    SIM_SOCKET_GONE    /* its host went down with it */
} sim_socket_state;

/* What the owner of a socket is told; called by the world, never from inside a call. */
typedef struct sim_socket_events {
    void (*connected)(sim_socket *socket, int result); /* 0, or UV_... */
    void (*readable)(sim_socket *socket);              /* bytes, the end, or a reset */
    void (*writable)(sim_socket *socket);              /* room for more, or a reset */
} sim_socket_events;

typedef struct sim_segment {
    struct sim_segment *next;
    uint64_t due_ns;
    enum { SIM_SEGMENT_DATA, SIM_SEGMENT_FIN, SIM_SEGMENT_RST } kind;
    bool frame; /* one whole frame */
    size_t size;
    uint8_t bytes[];
} sim_segment;

struct sim_socket {
    sim_socket *next; /* all of the world */
    unsigned id;
    sim_host *host, *peer_host;
    uint16_t port, peer_port;
    sim_process *process; /* NULL: nobody's yet, or the world's */
    sim_listener *listener;
    sim_socket *peer;
    sim_socket_state state;
    const sim_socket_events *events;
    void *owner;
    /* on its way to the peer */
    sim_segment *first, *last;
    uint64_t arrival, last_due_ns;
    size_t in_flight, ack_owed, capacity;
    bool fin_sent;
    /* arrived and not read */
    uint8_t *rx;
    size_t rx_at, rx_size, rx_room;
    bool rx_fin, rx_reset;
};

/* What the network does to those who use it; chances are per segment or frame. */
typedef struct sim_net_faults {
    double flip, twice, swapped, spike;
    uint64_t spike_ns;
    uint64_t capacity_low, capacity_high; /* bytes on their way and unread */
} sim_net_faults;
extern sim_net_faults sim_net;

/* Nothing goes from one to the other. */
void sim_net_block(sim_host *from, sim_host *to, bool blocked);
bool sim_net_is_blocked(const sim_host *from, const sim_host *to);
void sim_net_heal(void);                /* blocks of all hosts end; what waited goes on */
void sim_net_host_down(sim_host *host); /* its programs have been ended before */
void sim_net_host_up(sim_host *host);
/* Both sides get a reset: a middlebox forgot the connection. False: there is none to break. */
bool sim_net_break_one(void);
unsigned sim_net_open_sockets(void); /* of programs, all hosts */

void sim_net_end(sim_process *process); /* the kernel closes what it had */

sim_socket *sim_socket_connect(sim_host *from, sim_process *process, uint32_t address,
                               uint16_t port, const sim_socket_events *events, void *owner);
size_t sim_socket_room(const sim_socket *socket);
/* At most room bytes are taken; returns how many. frame: they are one whole frame. */
size_t sim_socket_send(sim_socket *socket, const uint8_t *at, size_t size, bool frame);
void sim_socket_shutdown(sim_socket *socket);
size_t sim_socket_read(sim_socket *socket, uint8_t *at, size_t size);
void sim_socket_close(sim_socket *socket);

/* Members of the reactor's table for listeners. */
struct addrinfo;
int sim_socket_listen(const struct addrinfo *address, int backlog);
int sim_socket_port(int fd);
int sim_socket_accept(int fd);
void sim_socket_close_fd(int fd);
sim_socket *sim_socket_of_fd(int fd);     /* NULL */
sim_listener *sim_listener_of_fd(int fd); /* NULL */
bool sim_listener_waits(const sim_listener *listener);
void sim_listener_watch(sim_listener *listener, void (*ready)(void *subject), void *subject);
/* The next accepts fail with EMFILE. */
void sim_net_starve_accepts(unsigned count);
#endif
