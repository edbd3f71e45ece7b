#ifndef VX_WORKER_APP_WORKER_H
#define VX_WORKER_APP_WORKER_H
#include <vx_agent/agent.h>
#include <vx_base/status.h>

typedef enum vx_worker_mode {
    VX_WORKER_MODE_NONE,     /* help or version was printed */
    VX_WORKER_MODE_AGENT,    /* what mpirun starts */
    VX_WORKER_MODE_CHILD,    /* the worker itself: bootstrap through a pipe */
    VX_WORKER_MODE_EVALUATOR /* started by the server */
} vx_worker_mode;

typedef struct vx_worker_options {
    vx_worker_mode mode;
    vx_agent_options agent;
    const char *job;
    int fd;         /* of a child */
    int server_pid; /* of an evaluator */
} vx_worker_options;

/* VX_ERR_USAGE, VX_ERR_CONFIG (the file of --job). */
VX_MUST_CHECK vx_status vx_worker_options_parse(int argc, char **argv,
                                                vx_worker_options *ret_options, vx_error *err);

/* Both run until the server says that the run is over, or until something that stays is wrong. */
VX_MUST_CHECK vx_status vx_worker_run(const vx_bootstrap *bootstrap, vx_error *err);
VX_MUST_CHECK vx_status vx_evaluator_run(const vx_bootstrap *bootstrap, vx_error *err);
#endif
