#ifndef VX_AGGREGATE_OPTION_RANGE_H
#define VX_AGGREGATE_OPTION_RANGE_H
#include <vx_aggregate/options.h>

/* VX_ERR_DOMAIN: a number out of its range: which, what was expected. */
VX_MUST_CHECK vx_status vx_aggregate_check_range(const vx_aggregate_options *options,
                                                 vx_error *err);
#endif
