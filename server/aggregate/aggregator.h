#ifndef VX_AGGREGATE_AGGREGATOR_H
#define VX_AGGREGATE_AGGREGATOR_H
#include "rule.h"

/* Columns that a coordinate rule handles at a time. */
#define VX_AGGREGATE_BLOCK   256
#define VX_AGGREGATE_PRE_MAX 8

/*
 * Everything is taken at creation. Two index spaces: a slot is a row of the caller's matrix, a
 * place is the rank of a present slot among the present ones. K and all maps are in places; only
 * what is multiplied with the caller's rows, and the report, is in slots.
 */
struct vx_aggregator {
    vx_aggregate_options options; /* rule, pre: not used after creation */
    const vx_rule *rule;
    const vx_pre *pre[VX_AGGREGATE_PRE_MAX];
    size_t n_max, dimension, rows_min;
    vx_rule_work work;

    size_t slots, present; /* of this run */
    size_t *slot;          /* (present) slot of a place */
    double *gram;          /* (present, present) of the raw rows */
    double *seen;          /* (present, present) Gram matrix of the rows that the rule sees */
    double *map;           /* (present, present) those rows = map x raw rows */
    double *scratch, *scratch_more; /* (n_max, n_max) */
    double *rule_weights;           /* (present) on the rows that the rule sees */
    double *raw_weights;            /* (present) on the raw rows */
    double *slot_weights;           /* (slots) */
    float *block;                   /* (n_max, VX_AGGREGATE_BLOCK), coordinate rules only */

    double *norm, *weight, *reconstruction, *distance; /* (slots) of the report */
    vx_aggregate_report report;
};

/* chain.c: K, the map of the pre-aggregators and the Gram matrix behind them. */
VX_MUST_CHECK vx_status vx_chain_run(vx_aggregator *a, vx_cmatf rows, const bool *present,
                                     vx_error *err);
/* ret_weights (present) = map^T weights. */
void vx_chain_pull_back(const vx_aggregator *a, const double *weights, double *ret_weights);

/* update.c: both write ret_update only on VX_OK. */
VX_MUST_CHECK vx_status vx_update_by_weights(vx_aggregator *a, vx_cmatf rows, vx_vecf ret_update,
                                             vx_error *err);
void vx_update_by_columns(vx_aggregator *a, vx_cmatf rows, vx_vecf ret_update);

/* report.c */
void vx_report_fill(vx_aggregator *a, vx_cmatf rows, vx_cvecf update);
#endif
