#ifndef VX_CTL_SUPERVISOR_H
#define VX_CTL_SUPERVISOR_H
#include <stdbool.h>
#include <stdint.h>

/*
 * Who is told to end, and when, while a server and its workers run: pure, time comes in. Each wait
 * has a bound, and after the last one both are gone.
 */
#define VX_CTL_WORKERS_GRACE_MS                                                                    \
    15000 /* the server is gone: mpirun ends by itself, else gets TERM */
/* The same when the user asked for the end: workers that had joined are gone in a moment, one that
 * had not may wait for a server that never comes. */
#define VX_CTL_WORKERS_STOP_MS 3000
#define VX_CTL_WORKERS_KILL_MS 5000  /* after TERM, mpirun gets KILL */
#define VX_CTL_BLAME_MS        2000  /* mpirun failed: the server may say why by its own end */
#define VX_CTL_IDLE_MS         10000 /* mpirun ended well, yet the server waits for workers */

typedef enum vx_ctl_life { VX_CTL_LIFE_NONE, VX_CTL_LIFE_RUNNING, VX_CTL_LIFE_ENDED } vx_ctl_life;

typedef struct vx_ctl_view { /* what is known at a moment */
    uint64_t now_ms;
    unsigned signals; /* that asked us to stop, so far */
    vx_ctl_life server, workers;
    bool server_crashed;      /* ended by a signal: nobody told the workers */
    bool workers_failed;      /* ended, and not by exit code 0 */
    bool server_needs_nobody; /* it evaluates, stops or is done */
    bool start_failed;        /* the server is not up in time, or mpirun cannot be started */
} vx_ctl_view;

typedef enum vx_ctl_reason { /* why the server was asked to stop */
                             VX_CTL_REASON_NONE,
                             VX_CTL_REASON_SIGNAL,
                             VX_CTL_REASON_WORKERS_FAILED,
                             VX_CTL_REASON_WORKERS_GONE,
                             VX_CTL_REASON_START
} vx_ctl_reason;

enum { /* actions, or-ed */
       VX_CTL_ACT_TERM_SERVER = 1,
       VX_CTL_ACT_KILL_SERVER = 2,
       VX_CTL_ACT_TERM_WORKERS = 4,
       VX_CTL_ACT_KILL_WORKERS = 8,
       VX_CTL_ACT_LEAVE = 16 /* both are gone */
};

typedef struct vx_ctl_supervisor { /* start with all zero but the grace */
    uint64_t server_grace_ms;      /* from TERM to KILL: a round and a checkpoint fit in */
    vx_ctl_reason reason;
    uint64_t asked_ms; /* when the server got TERM */
    bool server_killed;
    bool server_gone_seen, workers_gone_seen;
    uint64_t server_gone_ms, workers_gone_ms;
    bool workers_termed, workers_killed;
} vx_ctl_supervisor;

/* Each action is given once. */
unsigned vx_ctl_supervisor_step(vx_ctl_supervisor *supervisor, const vx_ctl_view *view);
#endif
