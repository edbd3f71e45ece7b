#ifndef VX_AGGREGATE_RULE_H
#define VX_AGGREGATE_RULE_H
#include <vx_aggregate/aggregate.h>
#include <vx_linalg/rowset.h>

#include "flag_fit.h"
#include "geometry.h"

/*
 * The kernels behind the door: pure functions that check nothing which the door has checked
 * (shapes, rows_min, finite geometry, range of options), allocate nothing and are safe in any
 * thread that owns its work.
 */

/* What a kernel may overwrite, sized for n = n_max + 1 rows, and what it tells. */
typedef struct vx_rule_work {
    double *values, *values_more, *values_third;                 /* (n) each */
    size_t *order, *order_more;                                  /* (n) each */
    bool *marks;                                                 /* (n) */
    double *square, *square_more, *square_third, *square_fourth; /* (n, n) each */
    double *sums;                                                /* (3 n) */
    vx_flag_fit *fit; /* flag and trimmed_flag leave their fit here */
    vx_eigen *eigen;
    const double **rows; /* (n) */
    uint32_t *items;     /* (n) */
    uint64_t key;        /* in: of the run, for what is drawn */
    bool keep_order;     /* in: bucketing does not shuffle; tests */
    unsigned iterations; /* out: what an iterative rule did; 0 before */
    const char *method;  /* out: "" before */
    double objective;    /* out: NaN before */
    double *score;       /* (n) out: NaN before; of the rows that the rule sees */
    bool *selected;      /* (n) out: true before; of the rows that the rule sees */
} vx_rule_work;

/* ret_weights (g->n, and one more for the reference when there is one) on the rows that the rule
 * sees, written only on VX_OK. */
typedef vx_status vx_rule_weights(const vx_geometry *g, const vx_aggregate_options *options,
                                  vx_rule_work *work, double *ret_weights);

/* Some columns of the rows that a coordinate rule sees: rows.count pointers to rows.cols numbers,
 * at most VX_AGGREGATE_BLOCK of them. Not to be written. */
typedef struct vx_columns {
    vx_rowset rows;
    const double *share; /* (count) > 0, summing to 1; NULL: all the same */
    void *scratch;       /* (VX_COLUMNS_SCRATCH x count, VX_AGGREGATE_BLOCK) of their precision */
} vx_columns;
#define VX_COLUMNS_SCRATCH 2u
typedef void vx_rule_columns(const vx_columns *columns, const vx_aggregate_options *options,
                             vx_real ret_update);

/* ret_map (rows returned, g->n): row i holds the coefficients of the i-th mixed row. */
typedef size_t vx_pre_map(const vx_geometry *g, const vx_aggregate_options *options,
                          vx_rule_work *work, vx_mat ret_map);

/* How a rule goes about it. */
typedef enum vx_rule_way {
    VX_WAY_WEIGHTS,        /* weights -> G^T w */
    VX_WAY_MEMORY,         /* the same, with the update before as a reference row */
    VX_WAY_COLUMNS,        /* columns -> update */
    VX_WAY_SELECT_COLUMNS, /* weights > 0 choose the rows whose columns are looked at: bulyan */
    VX_WAY_COLUMNS_WEIGHTS /* distances to what columns -> make; weights by them: aksel */
} vx_rule_way;

typedef struct vx_rule {
    vx_rule_info info;
    vx_rule_way way;
    size_t (*rows_min)(const vx_aggregate_options *options);
    vx_rule_weights *weights;
    vx_rule_columns *columns;
} vx_rule;

typedef struct vx_pre {
    vx_pre_info info;
    /* rows that it needs to hand at least `behind` rows on */
    size_t (*rows_min)(const vx_aggregate_options *options, size_t behind);
    vx_pre_map *map;
} vx_pre;

const vx_rule *vx_rule_named(const char *name); /* NULL: unknown */
const vx_pre *vx_pre_named(const char *name);
void vx_rule_names(char *text, size_t size); /* "mean, unit_mean, ..." */
void vx_pre_names(char *text, size_t size);

/* What the rule needs of n and f: info.requirement, or that of compat. */
const char *vx_rule_requirement(const vx_rule *rule, const vx_aggregate_options *options);

vx_rule_weights vx_mean, vx_unit_mean, vx_krum, vx_multi_krum, vx_geometric_median;
vx_rule_weights vx_flag, vx_trimmed_flag;
vx_rule_weights vx_mda, vx_monna, vx_cge, vx_caf, vx_smea, vx_centered_clipping;
vx_rule_weights vx_bulyan_select, vx_aksel_weights;
vx_rule_columns vx_median, vx_trimmed_mean, vx_meamed, vx_phocas, vx_bulyan, vx_sign_majority;
vx_pre_map vx_nnm, vx_unit, vx_clipping, vx_arc, vx_bucketing;
#endif
