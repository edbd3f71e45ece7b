#ifndef VX_AGENT_AGENT_H
#define VX_AGENT_AGENT_H
#include <stdbool.h>
#include <stdint.h>

#include <vx_base/bytes.h>
#include <vx_base/limits.h>
#include <vx_base/status.h>

/*
 * What mpirun starts: one agent a slot. It takes the job's bootstrap over MPI from rank 0, ends
 * MPI, then runs the worker as its child and starts it again when it dies. So a dead worker costs
 * mpirun nothing.
 */

/* All that a worker needs to find its server; passed to the child through a pipe, never in its
 * arguments. */
#define VX_BOOTSTRAP_ENDPOINTS_SIZE 2280 /* 8 of them */
typedef struct vx_bootstrap {
    char endpoints[VX_BOOTSTRAP_ENDPOINTS_SIZE]; /* tcp://HOST:PORT,... in their order */
    uint32_t slot;
    uint8_t token[VX_TOKEN_BYTES];
    vx_digest config;       /* the job that is expected; zero = what the server has */
    uint32_t local_workers; /* on this host */
    uint32_t max_restarts;
    uint32_t patience_s;  /* for a server that has never welcomed it */
    uint32_t reconnect_s; /* for one that has */
    int32_t log_level;
    char data_dir[VX_PATH_MAX]; /* "" = the job's paths as they are */
    char run_dir[VX_PATH_MAX];  /* "" = not known */
} vx_bootstrap;

typedef enum vx_bootstrap_role { VX_BOOTSTRAP_WORKERS, VX_BOOTSTRAP_EVALUATOR } vx_bootstrap_role;

typedef struct vx_agent_options {
    const char *run_dir; /* or */
    const char *connect, *token_file;
    const char *data_dir;             /* may be NULL */
    vx_digest config;                 /* of the user's own job file; zero = none */
    int32_t max_restarts;             /* -1 = as server.json says, else 10 */
    uint32_t patience_s, reconnect_s; /* see vx_bootstrap */
    int32_t log_level;
} vx_agent_options;

/* Reads run_dir/server.json and run_dir/tokens, waiting up to wait_s for a server, or takes connect
 * and token_file; says on standard error when it waits for long. Gives the entries (count of them,
 * one a `worker` line in their order; one for the evaluator) in new memory. VX_ERR_UNAVAILABLE: no
 * server came; VX_ERR_NOT_FOUND, at once: a server could not even make run_dir; VX_ERR_NOT_FOUND,
 * VX_ERR_DATA name file and line. */
VX_MUST_CHECK vx_status vx_bootstrap_read(const vx_agent_options *options, vx_bootstrap_role role,
                                          unsigned wait_s, vx_bootstrap **ret_entries,
                                          size_t *ret_count, vx_error *err);

/* Whether the last server of this run directory has ended in order: there is its result (of the
 * epoch that the folder is in), and no card of a server. False when run_dir is "" or nothing can be
 * seen there. */
bool vx_bootstrap_run_is_over(const char *run_dir);

/* Through the pipe. */
VX_MUST_CHECK vx_status vx_bootstrap_receive(int fd, vx_bootstrap *ret_bootstrap, vx_error *err);

/* The whole life of an agent: MPI, bootstrap, child. program is run as `program --worker-fd 3`.
 * Returns the exit code. */
int vx_agent_run(const vx_agent_options *options, int argc, char **argv, const char *program);

/* Runs and supervises one worker until it is done; no MPI. Returns the exit code: the worker's when
 * it ends by a mistake that stays, which no slot of the job survives; 0 when it died too often, or
 * when it came back and found no server, which the other slots survive. */
int vx_supervise(const vx_bootstrap *bootstrap, const char *program);

/* Whether a worker that ended with this code is started again: not after success or a mistake that
 * stays. */
bool vx_supervise_restarts(int exit_code);
#endif
