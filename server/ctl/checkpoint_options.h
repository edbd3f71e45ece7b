#ifndef VX_CTL_CHECKPOINT_OPTIONS_H
#define VX_CTL_CHECKPOINT_OPTIONS_H
#include <stdbool.h>
#include <stdint.h>

#include <vx_base/status.h>

typedef enum vx_ctl_checkpoint_action {
    VX_CTL_CHECKPOINT_LIST,
    VX_CTL_CHECKPOINT_VERIFY,
    VX_CTL_CHECKPOINT_PRUNE,
    VX_CTL_CHECKPOINT_EXPORT,
    VX_CTL_CHECKPOINT_MAX
} vx_ctl_checkpoint_action;

typedef struct vx_ctl_checkpoint_options { /* strings are borrowed from the command line */
    vx_ctl_checkpoint_action action;
    const char *run_dir, *folder, *out;
    uint64_t keep, keep_every;
    bool json, dry_run;
} vx_ctl_checkpoint_options;

/* Reads the words after `vexil checkpoint`; argv[0] is "checkpoint". Wrong use and --help end the
 * program here, with 2 and 0. */
VX_MUST_CHECK vx_status vx_ctl_checkpoint_options_parse(int argc, char **argv,
                                                        vx_ctl_checkpoint_options *ret_options,
                                                        vx_error *err);
#endif
