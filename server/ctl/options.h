#ifndef VX_CTL_OPTIONS_H
#define VX_CTL_OPTIONS_H
#include <stdbool.h>
#include <stdint.h>

#include <vx_base/status.h>

#include "argv.h"

typedef struct vx_ctl_options { /* of every sub-command; strings are borrowed from the command line
                                 */
    const char *job, *run_dir;
    const char *hostfile, *mpirun;              /* NULL: this machine alone; "mpirun" */
    const char *group_launcher, *group_timeout; /* as vexil-worker has them; may be NULL */
    vx_ctl_argv address;     /* owned: --bind, --interface, --advertise as vexild has them */
    vx_ctl_argv overrides;   /* owned: --set and --rounds in their order */
    vx_ctl_argv mpirun_args; /* owned, in their order */
    double watch_s;          /* 0 = once */
    bool resume, quiet, json, oversubscribe;
} vx_ctl_options;

typedef enum vx_ctl_command {
    VX_CTL_COMMAND_TRAIN,
    VX_CTL_COMMAND_CHECK,
    VX_CTL_COMMAND_STATUS,
    VX_CTL_COMMAND_STOP,
    VX_CTL_COMMAND_CHECKPOINT, /* its options: checkpoint_options.h */
    VX_CTL_COMMAND_AGGREGATE,  /* aggregate_options.h */
    VX_CTL_COMMAND_MAX
} vx_ctl_command;

/* "train"; VX_CTL_COMMAND_MAX when there is none of that name. */
vx_ctl_command vx_ctl_command_find(const char *name);

/* Reads the words after the command, argv[0] is the command itself. Wrong use, --help and --version
 * end the program here, with 2, 0 and 0. */
VX_MUST_CHECK vx_status vx_ctl_options_parse(vx_ctl_command command, int argc, char **argv,
                                             vx_ctl_options *ret_options, vx_error *err);
void vx_ctl_options_clear(vx_ctl_options *options);
#endif
