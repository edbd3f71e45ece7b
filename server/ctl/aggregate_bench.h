#ifndef VX_CTL_AGGREGATE_BENCH_H
#define VX_CTL_AGGREGATE_BENCH_H
#include <stdbool.h>

#include <vx_aggregate/aggregate.h>

/* Prints how long the rule takes on rows of shape "NxD" (float32, made), the least of several runs,
 * with the report's measurements of each row and without them, beside one reading of the same bytes
 * by the same threads. VX_ERR_CONFIG: no shape; what the
 * aggregator says. */
VX_MUST_CHECK vx_status vx_ctl_aggregate_bench(const char *shape,
                                               const vx_aggregate_options *options, bool json,
                                               vx_error *err);
#endif
