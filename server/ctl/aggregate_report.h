#ifndef VX_CTL_AGGREGATE_REPORT_H
#define VX_CTL_AGGREGATE_REPORT_H
#include <stdbool.h>
#include <stdio.h>

#include <jansson.h>

#include <vx_aggregate/aggregate.h>

/* Whose report it is. */
typedef struct vx_ctl_aggregated {
    const vx_aggregate_options *options;
    const vx_aggregate_report *report;
    const bool *present; /* (rows) */
    size_t rows, dimension;
    bool is_double;
} vx_ctl_aggregated;

/* The document of --report and --json; new, the caller's. NULL: no memory. Numbers that are none
 * are null. */
json_t *vx_ctl_aggregated_json(const vx_ctl_aggregated *of);
/* A head and a line a row. */
void vx_ctl_aggregated_print(FILE *out, const vx_ctl_aggregated *of);

/* What --list prints. */
json_t *vx_ctl_rules_json(void);
void vx_ctl_rules_print(FILE *out);
#endif
