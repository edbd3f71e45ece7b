#ifndef VX_AGGREGATE_AGGREGATE_H
#define VX_AGGREGATE_AGGREGATE_H
#include <stdbool.h>
#include <stdint.h>

#include <vx_base/limits.h>
#include <vx_base/span.h>
#include <vx_base/status.h>
#include <vx_linalg/rowset.h>

#include <vx_aggregate/options.h>

/*
 * Robust aggregation: (n, d) gradients of which at most f may be anything -> one update (d).
 *
 * A rule is one entry of a registry. Gram rules see the products K_ij = <g_i, g_j> and the
 * distances D_ij = ||g_i - g_j||^2 only and give weights w, the update is G^T w; coordinate rules
 * see columns. Pre-aggregators are linear maps on the rows: before a Gram rule they act on K, D and
 * w, before a coordinate rule the mixed rows are formed block of columns by block of columns.
 */

enum { VX_AGGREGATE_TRACE_MAX = 64 };

/* What a rule did, one struct for every rule. Per-slot arrays are (n); NaN where a rule has no such
 * number, and for absent rows. */
typedef struct vx_aggregate_report {
    size_t present; /* rows that entered */
    double update_norm;
    double median_norm;  /* of the present rows */
    double eigengap;     /* flag: (lambda_m - lambda_m+1) / lambda_1, else NaN */
    double objective;    /* what the rule minimises, at the end: flag, trimmed_flag: sum of
                            sqrt(1 - v_i); mda: diameter; smea, caf: largest eigenvalue;
                            geometric_median: sum of a_i ||g_i - update||; else NaN */
    double lambda_limit; /* flag, trimmed_flag: mean cosine of two rows x (n - 1); a lambda at or
                            above it destroys the direction that the rows agree on. Else NaN */
    double trace[VX_AGGREGATE_TRACE_MAX]; /* flag, trimmed_flag: objective after each iteration */
    size_t trace_count;
    unsigned iterations; /* of iterative rules, else 0 */
    const char *method;  /* "exact", "converged", "greedy", ...: how, where there is a choice; never
                            NULL, "" where there is none */
    const double *norm;  /* ||g_i||_2 of each row */
    const double *weight;         /* w_i on the raw rows; NaN for coordinate rules */
    const double *score;          /* the rule's own number by which it judges a row; NaN behind a
                                     chain that changes the number of rows */
    const double *reconstruction; /* v_i in [0, 1] of the raw row, against the subspace fitted
                                     (flag) or, for every other rule, the flag subspace of the
                                     raw rows with default options; trimmed_flag: its scores, of
                                     the rows behind the chain. NaN for a row of zeros */
    const double *distance;       /* ||g_i - update||_2 */
    const bool *selected;         /* the rows that a selecting rule took; else the present ones */
} vx_aggregate_report;

typedef struct vx_aggregator vx_aggregator; /* one thread at a time */

/* Takes all memory that rounds will need, and starts options->threads - 1 threads. VX_ERR_CONFIG:
 * unknown rule or pre-aggregator (the message lists the known ones); VX_ERR_DOMAIN: n_max (0 too)
 * and f do not fit the rule or a pre-aggregator (the message names it and its requirement), or an
 * option is out of range; VX_ERR_LIMIT: n_max or dimension is, or dimension is 0. */
VX_MUST_CHECK vx_status vx_aggregator_create(const vx_aggregate_options *options, size_t n_max,
                                             size_t dimension, vx_aggregator **ret_aggregator,
                                             vx_error *err);
vx_aggregator *vx_aggregator_destroy(vx_aggregator *aggregator);

/* The least number of present rows with which the rule still works for its f (and chain). */
size_t vx_aggregator_rows_min(const vx_aggregator *aggregator);

/* What chance (bucketing) is keyed by in the runs that follow: a server gives the round, so that a
 * replayed round is the same. 0 at first. */
void vx_aggregator_set_key(vx_aggregator *aggregator, uint64_t key);

/*
 * rows (n, d), n <= n_max; present (n); absent rows are never read. ret_update (d) is written only
 * on VX_OK. *ret_report borrows from the aggregator until the next run. Order of rows is slot
 * order: results are bitwise the same whatever the order of arrival, and for any number of threads.
 * All rows zero: the update is zero. VX_ERR_DOMAIN: fewer present rows than the rule or a
 * pre-aggregator needs: the message is that of create, and counts the absent ones.
 * VX_ERR_NONFINITE: finite rows whose products overflow, or an update beyond float. No heap, no
 * (n, d) temporary. centered_clipping keeps a vector (d), its memory: ret_update may be that one,
 * and there is no other then.
 */
VX_MUST_CHECK vx_status vx_aggregator_run(vx_aggregator *aggregator, vx_cmatf rows,
                                          const bool *present, vx_vecf ret_update,
                                          vx_aggregate_report *ret_report, vx_error *err);
/* The same in double. The first such run of centered_clipping takes its vector (d) in double:
 * VX_ERR_NOMEM. Its vectors of both precisions are apart. */
VX_MUST_CHECK vx_status vx_aggregator_run_f64(vx_aggregator *aggregator, vx_cmat rows,
                                              const bool *present, vx_vec ret_update,
                                              vx_aggregate_report *ret_report, vx_error *err);

/*
 * Rules with a memory (centered_clipping) start from the update before this one; { NULL, 0 } for
 * every other rule. It is the last update of a run in float that was VX_OK, and zero at first. A
 * server that goes on with a recorded run writes the last recorded update into it.
 */
vx_vecf vx_aggregator_memory(vx_aggregator *aggregator);
/* The same of runs in double, zero until the first of them. The first call takes the vector, before
 * a run does: VX_ERR_NOMEM. */
VX_MUST_CHECK vx_status vx_aggregator_memory_f64(vx_aggregator *aggregator, vx_vec *ret_memory,
                                                 vx_error *err);

/*
 * Vectors that come in buckets, parts of consecutive columns, as a hook of data-parallel training
 * has them:
 *
 *     begin; add each bucket; decide; combine each bucket -> its part of the update.
 *
 * Products are summed over the buckets, weights are decided on all of them, sums are made bucket by
 * bucket. The bits depend on how the columns are cut and on the order of the buckets; with one
 * bucket they are those of a run. A rule that looks at columns, without pre-aggregators, needs
 * neither add nor decide: combine works as soon as the run has begun.
 *
 * rows has a pointer a slot, all slots of begin; those of absent rows are not looked at. column is
 * where the bucket begins. VX_ERR_USAGE: a call out of its order. VX_ERR_SHAPE: it does not fit.
 * VX_ERR_DOMAIN: too few rows; aksel behind pre-aggregators (it needs whole vectors).
 */
VX_MUST_CHECK vx_status vx_aggregator_begin(vx_aggregator *aggregator, size_t slots,
                                            const bool *present, vx_error *err);
/* A row with infinity or NaN is absent from here on, in all buckets. Of aksel: VX_ERR_NONFINITE. */
VX_MUST_CHECK vx_status vx_aggregator_add(vx_aggregator *aggregator, vx_rowset rows, size_t column,
                                          vx_error *err);
/* As the report of a run; update_norm is that of the weights, and rules that look at columns have
 * neither norm nor distances. ret_report may be NULL. */
VX_MUST_CHECK vx_status vx_aggregator_decide(vx_aggregator *aggregator,
                                             vx_aggregate_report *ret_report, vx_error *err);
/* Each bucket once, with the rows that were added. ret_part (rows.cols), in the precision of rows.
 * A rule with a memory takes its part of it. VX_ERR_NONFINITE: before decide, a row is not finite;
 * or the part exceeds the range of float. */
VX_MUST_CHECK vx_status vx_aggregator_combine(vx_aggregator *aggregator, vx_rowset rows,
                                              size_t column, vx_real ret_part, vx_error *err);
#endif
