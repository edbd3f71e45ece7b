#ifndef VX_AGGREGATE_AGGREGATOR_H
#define VX_AGGREGATE_AGGREGATOR_H
#include <vx_linalg/products.h>

#include "rule.h"

/* Columns that a coordinate rule handles at a time. */
#define VX_AGGREGATE_BLOCK   256
#define VX_AGGREGATE_PRE_MAX 8

typedef enum vx_bucket_stage {
    VX_BUCKETS_NONE, /* no run in buckets */
    VX_BUCKETS_OPEN, /* begun: parts are added */
    VX_BUCKETS_DECIDED
} vx_bucket_stage;

/*
 * Everything is taken at creation. Three index spaces: a slot is a row of the caller's matrix, a
 * place is the rank of a present slot among the present ones, and a seen row is one that the rule
 * sees, behind the pre-aggregators. A reference row stands behind the last place, and behind the
 * last seen row.
 */
struct vx_aggregator {
    vx_aggregate_options options; /* rule, pre, share: not used after creation */
    const vx_rule *rule;
    const vx_pre *pre[VX_AGGREGATE_PRE_MAX];
    size_t n_max, dimension, rows_min;
    vx_rule_work work;
    vx_parallel *parallel; /* NULL: one thread */
    vx_products *products;

    size_t slots;      /* of this run */
    size_t *slot;      /* (raw.n) slot of a place */
    const float **f32; /* (n_max + 1) rows of this run, in places; one of both is used */
    const double **f64;
    bool in_double;
    size_t cols; /* of these rows: the dimension, or those of a bucket */

    vx_bucket_stage stage;
    size_t added; /* columns */
    bool *lost;   /* (n_max + 1) places whose row is not finite */

    vx_geometry raw, seen;
    double *raw_k, *raw_d; /* (n_max + 1, n_max + 1) each */
    double *seen_k, *seen_d, *next_k, *next_d;
    double *map, *step, *product; /* seen rows = map (seen.n, raw.n) x raw rows */
    double *sums;                 /* (3 n_max + 3) */
    double *squares;              /* (parts, n_max), coordinate rules: ||row - update||^2 of each
                                     part of the columns; or NULL */
    double *apart;                /* (n_max + 1) aksel: of each seen row to the columns' result */
    double *share;                /* (n_max) as given, or NULL */
    double *raw_share, *seen_share;

    double *rule_weights; /* (seen.n + 1) */
    double *raw_weights;  /* (raw.n + 1) */
    double *memory_f64;   /* (d) taken by the first run in double */
    float *memory;        /* (d), VX_WAY_MEMORY */
    void **block;         /* (threads) work memory of coordinate rules, or NULL */

    double *norm, *weight, *score, *reconstruction, *distance; /* (slots) of the report */
    bool *selected;
    vx_aggregate_report report;
};

/* Where the mixed rows begin in the block of a thread, behind four lists of n pointers; and its
 * whole size: mixed rows, scratch of the rule, two results. */
static inline size_t vx_columns_offset(size_t n)
{
    return (n * (4 * sizeof(void *) + sizeof(vx_real)) + 63) / 64 * 64;
}
static inline size_t vx_columns_bytes(size_t n)
{
    return vx_columns_offset(n) +
           ((1 + VX_COLUMNS_SCRATCH) * n + 2) * VX_AGGREGATE_BLOCK * sizeof(double);
}

enum {
    VX_PART_BLOCKS_LEAST = 32,
    VX_PARTS_MOST = 1024 /* each keeps n sums */
};

/* Blocks of columns that one thread takes at a time: decided by the dimension alone, so that sums
 * over parts are. */
static inline size_t vx_part_blocks(size_t dimension)
{
    size_t most = dimension / VX_AGGREGATE_BLOCK / VX_PARTS_MOST + 1;

    return most > VX_PART_BLOCKS_LEAST ? most : VX_PART_BLOCKS_LEAST;
}
static inline size_t vx_parts(size_t dimension)
{
    size_t width = vx_part_blocks(dimension) * VX_AGGREGATE_BLOCK;

    return (dimension + width - 1) / width;
}

/* Whether the products of the raw rows are formed in a run. */
bool vx_chain_needs_products(const vx_aggregator *a);

/* The raw rows, with `more` rows behind the last place. */
vx_rowset vx_aggregator_rows(const vx_aggregator *a, size_t more);

/* aggregator.c: the places of the present slots; VX_ERR_DOMAIN: too few. */
VX_MUST_CHECK vx_status vx_aggregator_place(vx_aggregator *a, size_t slots, const bool *present,
                                            vx_error *err);
/* The memory of rules that keep a vector, once in double. */
VX_MUST_CHECK vx_status vx_aggregator_use_double(vx_aggregator *a, vx_error *err);
/* requirement.c: VX_ERR_DOMAIN when `rows` of `slots` are too few. Names who asks for more, the
 * rule or a pre-aggregator, with its formula and the numbers. a->rows_min is set before. */
VX_MUST_CHECK vx_status vx_requirement_check(const vx_aggregator *a, size_t rows, size_t slots,
                                             vx_error *err);
/* rule_weights and raw_weights from what the rule sees. */
VX_MUST_CHECK vx_status vx_aggregator_weigh(vx_aggregator *a, vx_error *err);

/* chain.c: fills raw and seen and the map between them. a->raw.reference is set before. */
VX_MUST_CHECK vx_status vx_chain_run(vx_aggregator *a, vx_error *err);
/* The same when raw_k and raw_d are there already. */
VX_MUST_CHECK vx_status vx_chain_go(vx_aggregator *a, vx_error *err);
/* raw.share from the slots that are present. */
void vx_chain_take_shares(vx_aggregator *a);
/* ret_weights (raw.n) = map^T weights (seen.n). */
void vx_chain_pull_back(const vx_aggregator *a, const double *weights, double *ret_weights);
/* Puts a reference row behind the seen rows, in d alone: its squared distances are in apart. */
VX_MUST_CHECK vx_status vx_chain_border(vx_aggregator *a, vx_error *err);

/* update.c: both write ret_update only on VX_OK. */
VX_MUST_CHECK vx_status vx_update_by_weights(vx_aggregator *a, vx_real ret_update, vx_error *err);
/* The seen rows whose weight is above 0, all of them when weights is NULL. */
void vx_update_by_columns(vx_aggregator *a, const double *weights, vx_real ret_update);
/* Adds to apart the squared distances of the seen rows to what the rule makes of their columns,
 * which goes nowhere. */
void vx_update_apart(vx_aggregator *a);
/* Whether vx_update_by_columns() leaves the distances of the raw rows to the update in squares. */
bool vx_update_measures(const vx_aggregator *a);

/* report.c; without numbers in update, its norm is that of the weights, and coordinate rules have
 * no distances. */
void vx_report_fill(vx_aggregator *a, vx_real update);
#endif
