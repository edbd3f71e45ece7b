#ifndef VX_CTL_AGGREGATE_OUTPUT_H
#define VX_CTL_AGGREGATE_OUTPUT_H
#include <jansson.h>

#include <vx_tensor_file/npy.h>

#include "aggregate_options.h"

/* VX_ERR_USAGE when two of --in, --out and --report are one file: one would be lost. */
VX_MUST_CHECK vx_status vx_ctl_aggregate_check_paths(const vx_ctl_aggregate_options *words,
                                                     vx_error *err);

/* The document on standard output. Takes root; NULL: VX_ERR_NOMEM. */
VX_MUST_CHECK vx_status vx_ctl_aggregate_print_json(json_t *root, vx_error *err);

/*
 * Writes --out and --report as far as they are asked for: both are complete beside their places
 * before either takes its place, so that what was there before stands when one cannot be written.
 * Takes report, which may be NULL without --report. Statuses of vx_file_stage, VX_ERR_NOMEM.
 */
VX_MUST_CHECK vx_status vx_ctl_aggregate_write(const vx_ctl_aggregate_options *words,
                                               const vx_npy_array *update, json_t *report,
                                               vx_error *err);
#endif
