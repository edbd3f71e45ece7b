#ifndef VX_CTL_AGGREGATE_OPTIONS_H
#define VX_CTL_AGGREGATE_OPTIONS_H
#include <stdbool.h>

#include <vx_aggregate/options.h>

enum { VX_CTL_PRE_MAX = 8, VX_CTL_SETS_MAX = 64 };

typedef struct vx_ctl_aggregate_options { /* strings are borrowed from the command line */
    const char *rule, *in, *out, *report, *share, *bench;
    const char *pre[VX_CTL_PRE_MAX];
    size_t pre_count;
    const char *sets[VX_CTL_SETS_MAX]; /* key=value */
    size_t sets_count;
    size_t byzantine;
    bool list, json, quiet;
} vx_ctl_aggregate_options;

/* Reads the words after `vexil aggregate`; argv[0] is "aggregate". Wrong use and --help end the
 * program here, with 2 and 0. VX_ERR_NOMEM. */
VX_MUST_CHECK vx_status vx_ctl_aggregate_options_parse(int argc, char **argv,
                                                       vx_ctl_aggregate_options *ret_options,
                                                       vx_error *err);

/* The rule's options of --rule, --byzantine, --pre and --set. VX_ERR_CONFIG names the key. pre is
 * borrowed from options. */
VX_MUST_CHECK vx_status vx_ctl_aggregate_rule_options(const vx_ctl_aggregate_options *options,
                                                      vx_aggregate_options *ret_options,
                                                      vx_error *err);
#endif
