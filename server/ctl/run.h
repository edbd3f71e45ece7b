#ifndef VX_CTL_RUN_H
#define VX_CTL_RUN_H
#include <stdbool.h>
#include <stdint.h>

#include <vx_config/job.h>

#include "child.h"
#include "document.h"
#include "hostfile.h"
#include "launch.h"
#include "observer.h"
#include "options.h"
#include "progress.h"
#include "run_folder.h"
#include "supervisor.h"

/* A server on this machine and its workers, from the start of the first to the end of the last. */
typedef struct vx_ctl_run {
    const vx_ctl_options *options; /* borrowed */
    vx_job *job;                   /* this and the texts are owned */
    char *job_path, *run_dir, *server_log, *workers_log;
    char *vexild, *vexil_worker, *mpirun;
    vx_ctl_argv address;   /* owned: options->address, or what the hosts reach */
    unsigned mpi_major;    /* of mpirun */
    vx_ctl_hostfile hosts; /* of options->hostfile */
    vx_ctl_machine machine;
    vx_ctl_child server, workers;
    vx_ctl_supervisor supervisor;
    vx_ctl_progress progress;
    bool is_up; /* server.json was read: where and token are known */
    vx_ctl_server where;
    uint8_t token[VX_TOKEN_BYTES];
    vx_ctl_observer *observer; /* owned; NULL while there is no connection */
    vx_ctl_report report;      /* the last one */
    uint64_t begun_ms, observed_ms;
    uint64_t workers_log_from; /* where this run's part begins */
    unsigned signals;          /* that asked us to stop */
    int first_signal;
    bool start_failed;
    vx_error why; /* of start_failed */
} vx_ctl_run;

/* From here on INT, TERM, HUP and CHLD wait until the loop takes them. */
void vx_ctl_run_hold_signals(void);
VX_MUST_CHECK vx_status vx_ctl_run_start_server(vx_ctl_run *run, vx_error *err);
/* How the workers of this run are started; borrows from it. */
vx_ctl_workers_command vx_ctl_run_workers(const vx_ctl_run *run);
/* Starts the workers when the server is up, shows the progress, returns when both are gone. */
void vx_ctl_run_loop(vx_ctl_run *run);
#endif
