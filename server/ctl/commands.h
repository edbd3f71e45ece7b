#ifndef VX_CTL_COMMANDS_H
#define VX_CTL_COMMANDS_H
#include "options.h"

/* Each does one sub-command and returns the exit code. */
int vx_ctl_train(const vx_ctl_options *options);
int vx_ctl_check(const vx_ctl_options *options);
int vx_ctl_status(const vx_ctl_options *options);
int vx_ctl_stop(const vx_ctl_options *options);
/* This one reads its words itself; argv[0] is "checkpoint". */
int vx_ctl_checkpoint(int argc, char **argv);
int vx_ctl_aggregate(int argc, char **argv); /* the same; "aggregate" */

/* "vexil: message" on standard error; returns the exit code of err->code. */
int vx_ctl_complain(const vx_error *err);
#endif
