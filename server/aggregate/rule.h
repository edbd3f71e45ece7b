#ifndef VX_AGGREGATE_RULE_H
#define VX_AGGREGATE_RULE_H
#include <vx_aggregate/aggregate.h>

#include "flag_fit.h"

/*
 * The kernels behind the door: pure functions that check nothing which the door has checked
 * (shapes, rows_min, finite Gram matrix, range of options), allocate nothing and are safe in any
 * thread that owns its work.
 */

/* What a kernel may overwrite, sized for n_max rows. */
typedef struct vx_rule_work {
    double *values, *values_more; /* (n) each */
    size_t *order;                /* (n) */
    vx_flag_fit *fit;             /* flag leaves its fit here */
    unsigned iterations;          /* out: what an iterative rule did */
} vx_rule_work;

/* gram (n, n) of the rows that the rule sees; ret_weights (n) is written only on VX_OK. */
typedef vx_status vx_rule_weights(vx_cmat gram, const vx_aggregate_options *options,
                                  vx_rule_work *work, vx_vec ret_weights);
/* block (n, width): some columns of the rows, overwritten; ret_update (width). */
typedef void vx_rule_columns(vx_matf block, const vx_aggregate_options *options, float *ret_update);
/* ret_map (n, n): row i holds the coefficients of the i-th mixed row. */
typedef void vx_pre_map(vx_cmat gram, const vx_aggregate_options *options, vx_rule_work *work,
                        vx_mat ret_map);

typedef struct vx_rule {
    vx_rule_info info;
    size_t (*rows_min)(const vx_aggregate_options *options);
    vx_rule_weights *weights; /* Gram rules, else NULL */
    vx_rule_columns *columns; /* coordinate rules, else NULL */
} vx_rule;

typedef struct vx_pre {
    const char *name;
    size_t (*rows_min)(const vx_aggregate_options *options);
    vx_pre_map *map;
} vx_pre;

const vx_rule *vx_rule_named(const char *name); /* NULL: unknown */
const vx_pre *vx_pre_named(const char *name);
void vx_rule_names(char *text, size_t size); /* "mean, unit_mean, ..." */
void vx_pre_names(char *text, size_t size);

vx_rule_weights vx_mean, vx_unit_mean, vx_krum, vx_multi_krum, vx_geometric_median, vx_flag;
vx_rule_columns vx_median, vx_trimmed_mean;
vx_pre_map vx_nnm;
#endif
