#ifndef VX_AGENT_AGENT_H
#define VX_AGENT_AGENT_H
#include <stdbool.h>

#include <vx_bootstrap/bootstrap.h>

/*
 * What mpirun starts: one agent a slot. It takes the job's bootstrap over MPI from rank 0, ends
 * MPI, then runs the worker as its child and starts it again when it dies. So a dead worker costs
 * mpirun nothing.
 */

typedef struct vx_agent_options {
    vx_bootstrap_options source;
    const char *job;      /* may be NULL */
    const char *launcher; /* words that start the ranks of a worker; NULL: mpirun */
    bool bind_cores;      /* each agent to its share of the cores that it has with others */
    bool probe;           /* only print where this is */
} vx_agent_options;

/* VX_AGAIN: help, version or the answer of a probe was printed. VX_ERR_USAGE, VX_ERR_CONFIG (the
 * file of --job). */
VX_MUST_CHECK vx_status vx_agent_options_parse(int argc, char **argv, vx_agent_options *ret_options,
                                               vx_error *err);

/* The whole life of an agent: MPI, bootstrap, child: vexil-compute, or the launcher of a worker's
 * ranks. Returns the exit code. */
int vx_agent_run(const vx_agent_options *options, int argc, char **argv);

/* What is run and supervised. The bootstrap comes to it through the descriptor fd; when the agent
 * dies it gets the signal. */
typedef struct vx_agent_child {
    char *const *argv; /* ends with NULL; the first is looked for in PATH */
    int fd, death_signal;
    const char *folder; /* emptied after each end of it; may be NULL */
} vx_agent_child;

/* Runs and supervises one worker until it is done; no MPI. Returns the exit code: the worker's when
 * it ends by a mistake that stays, which no slot of the job survives; 0 when it died too often, or
 * when it came back and found no server, which the other slots survive. */
int vx_supervise_child(const vx_bootstrap *bootstrap, const vx_agent_child *what);
/* The same for `program --worker-fd 3`. */
int vx_supervise(const vx_bootstrap *bootstrap, const char *program);

/* Whether a worker that ended with this code is started again: not after success or a mistake that
 * stays. */
bool vx_supervise_restarts(int exit_code);
#endif
