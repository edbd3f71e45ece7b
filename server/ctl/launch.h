#ifndef VX_CTL_LAUNCH_H
#define VX_CTL_LAUNCH_H
#include <stdbool.h>
#include <stddef.h>

#include <vx_base/status.h>

#include "argv.h"

/* How the server and the workers of one machine are started: every rule about mpirun is here. */
typedef struct vx_ctl_machine {
    size_t cores; /* physical, that we may run on; at least 1 */
    bool root;
} vx_ctl_machine;
vx_ctl_machine vx_ctl_machine_here(void);

typedef struct vx_ctl_server_command { /* strings are borrowed */
    const char *job, *run_dir, *log;
    const vx_ctl_argv *overrides, *address;
    bool resume;
} vx_ctl_server_command;
void vx_ctl_launch_server(vx_ctl_argv *ret_argv, const vx_ctl_server_command *command);

typedef struct vx_ctl_workers_command { /* all is borrowed */
    const char *mpirun; /* how the user calls it: by a path it finds libraries beside itself */
    const vx_ctl_machine *machine;
    size_t n, threads; /* cores that a worker uses; 0 = its share */
    size_t ranks;      /* of a worker */
    const char *worker, *run_dir;
    const char *group_launcher, *group_timeout; /* options of the worker's; may be NULL */
    const char *hostfile;                       /* NULL: all on this machine */
    bool oversubscribe;                         /* more workers than slots are right */
    unsigned mpi_major;                         /* of Open MPI */
    const vx_ctl_argv *more; /* words for mpirun; those about mapping and binding replace ours */
} vx_ctl_workers_command;

/*
 * mpirun's command line for n workers. On this machine a worker is bound to cores of its own when
 * there are enough for all, to none when there are not. With a host file slots are filled host by
 * host and nothing is bound, and the death of a host, of an orted or of an agent costs its slots
 * alone (deploy/mpirun.md says by which flags). Understood by Open MPI 4.1 and 5.
 */
void vx_ctl_launch_workers(vx_ctl_argv *ret_argv, const vx_ctl_workers_command *command);

/* mpirun's command line that starts `vexil-worker --probe` once on each host of the file. */
void vx_ctl_launch_probe(vx_ctl_argv *ret_argv, const vx_ctl_workers_command *command);

/* What mpirun and the workers find in their environment beside ours; what the user has set stays.
 * remote: other hosts are reached. */
VX_MUST_CHECK vx_status vx_ctl_launch_environment(bool remote, vx_error *err);

/* The program beside our own executable, else in PATH, in new memory; one with a slash in its name
 * is a path. VX_ERR_UNAVAILABLE; the message ends with hint. */
VX_MUST_CHECK vx_status vx_ctl_launch_find(const char *program, bool beside_us, const char *hint,
                                           char **ret_path, vx_error *err);
#endif
