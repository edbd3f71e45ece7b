#ifndef VX_BOOTSTRAP_BOOTSTRAP_H
#define VX_BOOTSTRAP_BOOTSTRAP_H
#include <stdbool.h>
#include <stdint.h>

#include <vx_base/bytes.h>
#include <vx_base/limits.h>
#include <vx_base/status.h>

#define VX_BOOTSTRAP_ENDPOINTS_SIZE 2280 /* 8 of them */

/* All that a worker needs to find its server; passed to the child through a pipe, never in its
 * arguments. */
typedef struct vx_bootstrap {
    char endpoints[VX_BOOTSTRAP_ENDPOINTS_SIZE]; /* tcp://HOST:PORT,... in their order */
    uint32_t slot;
    uint8_t token[VX_TOKEN_BYTES];
    vx_digest config;       /* the job that is expected; zero = what the server has */
    uint32_t local_workers; /* on this host, with the same cores as this one: they share them */
    uint32_t ranks;         /* processes of one worker, at least 1 */
    uint32_t max_restarts;
    uint32_t patience_s;  /* for a server that has never welcomed it */
    uint32_t reconnect_s; /* for one that has */
    uint32_t group_s;     /* for a gradient of several ranks; 0 = not said */
    int32_t log_level;
    char data_dir[VX_PATH_MAX]; /* "" = the job's paths as they are */
    char run_dir[VX_PATH_MAX];  /* "" = not known */
} vx_bootstrap;

typedef enum vx_bootstrap_role { VX_BOOTSTRAP_WORKERS, VX_BOOTSTRAP_EVALUATOR } vx_bootstrap_role;

typedef struct vx_bootstrap_options {
    const char *run_dir; /* or */
    const char *connect, *token_file;
    const char *data_dir;                      /* may be NULL */
    vx_digest config;                          /* of the user's own job file; zero = none */
    int32_t max_restarts;                      /* -1 = as server.json says, else 10 */
    uint32_t ranks;                            /* 0 = as server.json says, else 1 */
    uint32_t patience_s, reconnect_s, group_s; /* see vx_bootstrap */
    int32_t log_level;
} vx_bootstrap_options;

/* Reads run_dir/server.json and run_dir/tokens, waiting up to wait_s for a server, or takes connect
 * and token_file; says on standard error when it waits for long. Gives the entries (count of them,
 * one a `worker` line in their order; one for the evaluator) in new memory. VX_ERR_UNAVAILABLE: no
 * server came; VX_ERR_NOT_FOUND, at once: a server could not even make run_dir; VX_ERR_NOT_FOUND,
 * VX_ERR_DATA name file and line. */
VX_MUST_CHECK vx_status vx_bootstrap_read(const vx_bootstrap_options *options,
                                          vx_bootstrap_role role, unsigned wait_s,
                                          vx_bootstrap **ret_entries, size_t *ret_count,
                                          vx_error *err);

/* Whether the last server of this run directory has ended in order: there is its result (of the
 * epoch that the folder is in), and no card of a server. False when run_dir is "" or nothing can be
 * seen there. */
bool vx_bootstrap_run_is_over(const char *run_dir);

/* Through the pipe. */
VX_MUST_CHECK vx_status vx_bootstrap_receive(int fd, vx_bootstrap *ret_bootstrap, vx_error *err);
#endif
