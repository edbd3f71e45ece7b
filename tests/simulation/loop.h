#ifndef VX_SIMULATION_LOOP_H
#define VX_SIMULATION_LOOP_H
#include <vx_transport/reactor.h>

#include "process.h"

/*
 * libuv's loop on simulated time: its order of a turn (timers, I/O, closings), its time that stands
 * still while callbacks run, its rules for handles. What is ready in one turn comes in any order.
 */
typedef struct sim_loop sim_loop;
typedef struct sim_handle sim_handle;
struct sim_socket;
struct sim_listener;

struct sim_handle {
    sim_handle *next; /* of its loop */
    sim_loop *loop;
    uv_handle_t *uv;
    bool active, closing, closed;
    uv_close_cb close_cb;
    /* timers */
    uv_timer_cb timer_cb;
    uint64_t due_ms, repeat_ms, order;
    /* polls and signals */
    uv_poll_cb poll_cb;
    struct sim_listener *listener;
    uv_signal_cb signal_cb;
    int number;
    unsigned arrived;
    /* children */
    uv_exit_cb exit_cb;
    sim_process *child;
    int exit_code, exit_signal;
    /* streams */
    struct sim_socket *socket;
};

struct sim_loop {
    uv_loop_t *uv;
    sim_process *process;
    sim_handle *handles;
    struct sim_ready *ready, **ready_end;
    unsigned requests; /* that keep it alive */
    uint64_t now_ms, orders;
    bool polling; /* waits for I/O */
};

/* A callback that is due in the loop's next turn. */
void sim_loop_post(sim_loop *loop, void (*run)(void *subject), void *subject);

sim_handle *sim_handle_of(const void *uv_handle);
sim_loop *sim_loop_of(const uv_loop_t *uv);
sim_handle *sim_handle_new(uv_loop_t *loop, void *uv_handle, uv_handle_type type);

bool sim_loop_signal(sim_loop *loop, int number); /* false: it has no handler */
void sim_loop_child_ended(sim_handle *handle, int code, int signal);

/* The table; world_reactor.c of others would differ in nothing but this. */
const vx_reactor *sim_reactor(void);

/* loop_io.c: members of the table beside loop, handles and timers. */
int sim_uv_signal_init(uv_loop_t *loop, uv_signal_t *signal);
int sim_uv_signal_start(uv_signal_t *signal, uv_signal_cb arrived, int number);
int sim_uv_spawn(uv_loop_t *loop, uv_process_t *process, const uv_process_options_t *options);
int sim_uv_process_kill(uv_process_t *process, int number);
int sim_uv_queue_work(uv_loop_t *loop, uv_work_t *request, uv_work_cb work, uv_after_work_cb after);
int sim_uv_cancel(uv_req_t *request);
int sim_uv_getaddrinfo(uv_loop_t *loop, uv_getaddrinfo_t *request, uv_getaddrinfo_cb done,
                       const char *node, const char *service, const struct addrinfo *hints);
void sim_uv_freeaddrinfo(struct addrinfo *addresses);

/* What a program does when it is started with uv_spawn; set once by programs.c. */
typedef sim_process *(*sim_spawn)(sim_process *parent, const uv_process_options_t *options);
void sim_spawn_install(sim_spawn spawn);

/* Called before a work item of a program runs, and when its callback has run; set once by the
 * checker. */
typedef void (*sim_work_watch)(sim_process *process, const uv_work_t *request, bool begins);
void sim_work_watch_install(sim_work_watch watch);

/* How long a program computes: a range of ns, by the scenario. */
void sim_work_time(uint64_t low_ns, uint64_t high_ns);
#endif
