#ifndef VX_SIMULATION_PROCESS_H
#define VX_SIMULATION_PROCESS_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fiber.h"

/*
 * Hosts and the programs that run on them. A program is a function on a fiber; it ends by
 * returning, by _exit, by a signal, or with its host.
 */
#define SIM_HOSTS_MAX   16
#define SIM_SIGNALS_MAX 32

typedef struct sim_host {
    unsigned index;
    uint32_t address; /* 10.0.0.(1 + index), host byte order */
    char name[16];
    bool down;
    int64_t realtime_offset_ns;
    uint64_t latency_ns, bytes_per_s; /* of its link */
} sim_host;

sim_host *sim_host_at(unsigned index);
sim_host *sim_host_find(uint32_t address); /* NULL: nobody has it */

typedef struct sim_process sim_process;
struct sim_loop;
struct sim_handle;

struct sim_process {
    sim_process *next; /* all of the world, newest first */
    unsigned pid;
    char name[16];
    sim_host *host;
    sim_process *parent; /* dies with it, when not NULL */
    int (*run)(sim_process *process);
    void *program; /* of whoever started it */
    bool alive, paused;
    int exit_code, exit_signal;
    void (*on_exit)(sim_process *process);
    struct sim_handle *child_handle; /* of the parent's loop, when that spawned it */
    sim_fiber *main;
    sim_fiber *fibers[16];
    unsigned fibers_count;
    struct sim_loop *loop; /* the one it has now */
    size_t memory, memory_max;
    bool ignores[SIM_SIGNALS_MAX]; /* when no handler of the loop has it */
    /* what has happened to it, for the checker */
    uint64_t born_ns;
    unsigned signals[SIM_SIGNALS_MAX]; /* that came, by number */
    unsigned heard[SIM_SIGNALS_MAX];   /* of them, by a handler */
    unsigned disk_errors, disk_full;   /* EIO and ENOSPC that it has got */
    unsigned checkpoint_errors;        /* EIO of a read below a checkpoint */
    bool told_over;                    /* a server has told it that the run is over */
    uint64_t up_ns;                    /* it has last spoken as one that is welcome; 0: never */
};

/* run is called on a fiber of its own; what it returns is the exit code. on_exit is called by the
 * world when it has ended, however. */
sim_process *sim_process_start(const char *name, sim_host *host, int (*run)(sim_process *process),
                               void *program, void (*on_exit)(sim_process *process));
sim_process *sim_processes(void); /* newest first */
sim_process *sim_process_current(void);
const char *sim_who(void); /* name of the current program, or "world" */

void sim_process_add_fiber(sim_process *process, sim_fiber *fiber);

/* The end by _exit or a return; does not return when it is the current one. */
void sim_process_end(sim_process *process, int code, int signal);
/* As the kernel delivers a signal: to a handler of the loop; else the default action, unless the
 * process ignores it. */
void sim_process_signal(sim_process *process, int number);
void sim_process_pause(sim_process *process);
void sim_process_unpause(sim_process *process);
#endif
