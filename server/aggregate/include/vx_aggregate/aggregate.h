#ifndef VX_AGGREGATE_AGGREGATE_H
#define VX_AGGREGATE_AGGREGATE_H
#include <stdbool.h>
#include <stdint.h>

#include <vx_base/limits.h>
#include <vx_base/span.h>
#include <vx_base/status.h>

/*
 * Robust aggregation: (n, d) gradients of which at most f may be anything -> one update (d).
 *
 * A rule is one entry of a registry. Gram rules see K = G G^T only and give weights w, the update
 * is G^T w; coordinate rules see columns. Pre-aggregators are linear maps on the rows: before a
 * Gram rule they act on K and w, before a coordinate rule the mixed rows are formed block of
 * columns by block of columns.
 */
typedef enum vx_flag_scale {
    VX_FLAG_SCALE_MEDIAN_NORM, /* direction / its norm x median norm of the rows that the rule sees
                                  (mixed ones behind a pre-aggregator): the default */
    VX_FLAG_SCALE_SUBSPACE,    /* 1/m, the released code */
    VX_FLAG_SCALE_COUNT        /* 1/n, the paper; n counts the rows that are not zero */
} vx_flag_scale;

typedef struct vx_flag_options {
    size_t subspace;     /* m; 0 = ceil((n + 1) / 2) of the rows that are not zero; at most n */
    unsigned iterations; /* of reweighting; default 1 */
    double lambda;       /* weight of the pair term, 0..1e6; default 0 */
    double tolerance;    /* stop when the objective falls by less; default 1e-10 */
    vx_flag_scale scale;
    bool paper_loss; /* pairs divided by D_ij^2, raw differences; false = the released loss */
    bool raw;        /* direction from raw rows; false = from unit rows */
} vx_flag_options;

typedef struct vx_aggregate_options {
    const char *rule;       /* a name of the registry; borrowed during create */
    const char *const *pre; /* pre-aggregators in order, e.g. {"nnm"}; borrowed during create */
    size_t pre_count;
    size_t byzantine;              /* f */
    size_t selected;               /* multi_krum: m; 0 = n - f - 2 (paper) */
    double geometric_nu;           /* geometric_median: distances below this share of the typical
                                      distance between rows count as that; default 1e-6 */
    double geometric_tolerance;    /* relative change of a weight that ends it; default 1e-10 */
    unsigned geometric_iterations; /* default 1000 */
    vx_flag_options flag;
} vx_aggregate_options;

vx_aggregate_options vx_aggregate_options_default(void); /* flag, no pre, f = 0 */

/* What a rule did, one struct for every rule. Per-slot arrays are (n); NaN where a rule has no such
 * number. */
typedef struct vx_aggregate_report {
    size_t present; /* rows that entered */
    double update_norm;
    double median_norm;           /* of the present rows */
    double eigengap;              /* flag: (lambda_m - lambda_m+1) / lambda_1, else NaN */
    double objective;             /* flag: sum of sqrt(1 - v_i) at the end, else NaN */
    unsigned iterations;          /* of flag and geometric_median, else 0 */
    const double *norm;           /* ||g_i||_2 of each row */
    const double *weight;         /* w_i on the raw rows; NaN for coordinate rules */
    const double *reconstruction; /* v_i in [0, 1] of the raw row, against the subspace fitted
                                     (flag) or, for every other rule, the flag subspace of the raw
                                     rows with default options */
    const double *distance;       /* ||g_i - update||_2 */
} vx_aggregate_report;

/* One line of the registry, for lists and checks. */
typedef struct vx_rule_info {
    const char *name;
    const char *requirement; /* "n >= 2 f + 3" */
    const char *source;
    bool gram;   /* false = coordinate rule */
    bool robust; /* false = mean: worker momentum is then off by default */
} vx_rule_info;
size_t vx_rule_count(void);
vx_rule_info vx_rule_at(size_t index);
bool vx_rule_find(const char *name, vx_rule_info *ret_info);
bool vx_pre_find(const char *name); /* "nnm" */

typedef struct vx_aggregator vx_aggregator; /* one thread at a time */

/* Takes all memory that rounds will need. VX_ERR_CONFIG: unknown rule or pre-aggregator (the
 * message lists the known ones); VX_ERR_DOMAIN: n_max and f do not fit the rule (the message names
 * the requirement), or an option is out of range; VX_ERR_LIMIT: n_max or dimension is. */
VX_MUST_CHECK vx_status vx_aggregator_create(const vx_aggregate_options *options, size_t n_max,
                                             size_t dimension, vx_aggregator **ret_aggregator,
                                             vx_error *err);
vx_aggregator *vx_aggregator_destroy(vx_aggregator *aggregator);

/* The least number of present rows with which the rule still works for its f (and chain). */
size_t vx_aggregator_rows_min(const vx_aggregator *aggregator);

/*
 * rows (n, d), n <= n_max; present (n); absent rows are never read. ret_update (d) is written only
 * on VX_OK. *ret_report borrows from the aggregator until the next run. Order of rows is slot
 * order: results are bitwise the same whatever the order of arrival. All rows zero: the update is
 * zero. VX_ERR_DOMAIN: fewer present rows than the rule needs. VX_ERR_NONFINITE: finite rows whose
 * products overflow, or an update beyond float. No heap, no (n, d) temporary.
 */
VX_MUST_CHECK vx_status vx_aggregator_run(vx_aggregator *aggregator, vx_cmatf rows,
                                          const bool *present, vx_vecf ret_update,
                                          vx_aggregate_report *ret_report, vx_error *err);
#endif
