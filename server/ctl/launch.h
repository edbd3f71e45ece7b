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

/*
 * mpirun's command line for n workers that use `threads` cores each (0 = their share). A worker is
 * bound to cores of its own when there are enough for all, to none when there are not. Understood
 * by Open MPI 4.1 and 5. The first word is a bare "mpirun": called by its path it would change
 * where its workers look for libraries.
 */
void vx_ctl_launch_workers(vx_ctl_argv *ret_argv, const vx_ctl_machine *machine, size_t n,
                           size_t threads, const char *worker, const char *run_dir);

/* What mpirun and the workers find in their environment beside ours; what the user has set stays.
 */
VX_MUST_CHECK vx_status vx_ctl_launch_environment(vx_error *err);

/* The program beside our own executable, else in PATH, in new memory. VX_ERR_UNAVAILABLE; the
 * message ends with hint. */
VX_MUST_CHECK vx_status vx_ctl_launch_find(const char *program, bool beside_us, const char *hint,
                                           char **ret_path, vx_error *err);
#endif
