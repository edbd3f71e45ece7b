#ifndef VEXIL_AGGREGATE_H
#define VEXIL_AGGREGATE_H
#include <stddef.h>

/*
 * libvexil_aggregate: robust aggregation, (n, d) rows of which at most f may be anything -> one
 * update (d). Plain C (C89) for programs in C, C++, Python (ctypes) and Fortran (iso_c_binding);
 * examples are installed beside the library. The rules are those of `vexil aggregate --list`.
 *
 * Functions that return int return VEXIL_OK or another code; vexil_error says the rest. No function
 * ends the program for what its caller gives it, except through a pointer that is none. An
 * aggregator is for one thread at a time; different ones may run at once.
 */
#define VEXIL_OK        0
#define VEXIL_MEMORY    1 /* out of memory or threads */
#define VEXIL_LIMIT     2 /* too many rows or columns */
#define VEXIL_SHAPE     3 /* n, d or ld do not fit */
#define VEXIL_DOMAIN    4 /* too few rows for the rule or a pre-aggregator, a value out of range */
#define VEXIL_NONFINITE 5 /* products or update beyond the range of the numbers */
#define VEXIL_USAGE     6 /* calls out of their order, no such name of a report */
#define VEXIL_CONFIG    7 /* no such rule, pre-aggregator or key, or no such value */
#define VEXIL_INTERNAL  8

#if defined(__GNUC__)
#define VEXIL_API __attribute__((visibility("default")))
#else
#define VEXIL_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

typedef struct vexil_aggregator vexil_aggregator;

/* "0.1.0". Texts that functions return without a word about them live as long as the program. */
VEXIL_API const char *vexil_version(void);
/* What went wrong in the last call of this thread that failed; until its next failure. */
VEXIL_API const char *vexil_error(void);

/* The rules, the pre-aggregators and the keys of options; NULL from index = count on. */
VEXIL_API const char *vexil_rule_name(size_t index);
VEXIL_API const char *vexil_rule_requirement(size_t index); /* "n >= 2f + 3" */
VEXIL_API const char *vexil_pre_name(size_t index);
VEXIL_API const char *vexil_key_name(size_t index);
VEXIL_API const char *vexil_key_about(size_t index);

/*
 * rule       "flag"
 * pre        names of pre-aggregators in order, between commas: "clipping,nnm"; NULL or "": none
 * byzantine  f
 * options    key=value between spaces: "threads=2 flag.lambda=0.1"; NULL or "": all defaults
 * share      (rows_max) above 0, how much the data of each row weighs; NULL: all the same
 *
 * Takes all memory that runs need, but that for rows which are not contiguous.
 */
VEXIL_API int vexil_create(const char *rule, const char *pre, size_t byzantine, const char *options,
                           const double *share, size_t rows_max, size_t dimension,
                           vexil_aggregator **ret_aggregator);
VEXIL_API void vexil_destroy(vexil_aggregator *aggregator); /* takes NULL */

/* Fewest rows that rule and pre-aggregators work with. */
VEXIL_API size_t vexil_rows_min(const vexil_aggregator *aggregator);
/* What chance (bucketing) is keyed by in later runs: the number of a round, say. */
VEXIL_API void vexil_set_key(vexil_aggregator *aggregator, unsigned long key);
/* Rules with a memory (centered_clipping): (dimension) the update before, which a program that
 * goes on with an earlier run may write; NULL for other rules. Runs in float only. It may be given
 * as the update of vexil_run_f32: then there is no second vector. */
VEXIL_API float *vexil_memory_f32(vexil_aggregator *aggregator);

/*
 * rows (n, d): row i begins at rows + i * ld. d is the dimension of the aggregator, n at most its
 * rows_max. present (n), 0 where there is no row; NULL: all are there. A row with infinity or NaN
 * is absent. update (d) is written only with VEXIL_OK. The bits do not depend on threads. While a
 * rule solves an eigenproblem OpenBLAS has one thread in the whole process, then as many as before.
 * Eigenpairs, hence such rules, have the bits of OpenBLAS's kernels for the processor; no other
 * rule depends on it.
 */
VEXIL_API int vexil_run_f32(vexil_aggregator *aggregator, const float *rows, size_t n, size_t d,
                            size_t ld, const unsigned char *present, float *update);
VEXIL_API int vexil_run_f64(vexil_aggregator *aggregator, const double *rows, size_t n, size_t d,
                            size_t ld, const unsigned char *present, double *update);

/*
 * Rows that come in buckets of consecutive columns:
 *
 *     begin; add each bucket; decide; combine each bucket -> its part of the update
 *
 * Sums of products are kept from bucket to bucket, weights are decided on all of them. column is
 * where a bucket begins in the whole row; each column is added once. The result is that of a run to
 * rounding, and its bits with one bucket. A row with infinity or NaN in a bucket is absent in all.
 * A rule that looks at each column alone (median, trimmed_mean, ...) without pre-aggregators needs
 * neither add nor decide: combine works after begin. combine each bucket once, with the rows that
 * were added. The ..._rows forms take n pointers to columns numbers each.
 */
VEXIL_API int vexil_begin(vexil_aggregator *aggregator, size_t n, const unsigned char *present);
VEXIL_API int vexil_add_f32(vexil_aggregator *aggregator, const float *part, size_t columns,
                            size_t ld, size_t column);
VEXIL_API int vexil_add_f64(vexil_aggregator *aggregator, const double *part, size_t columns,
                            size_t ld, size_t column);
VEXIL_API int vexil_add_rows_f32(vexil_aggregator *aggregator, const float *const *part,
                                 size_t columns, size_t column);
VEXIL_API int vexil_add_rows_f64(vexil_aggregator *aggregator, const double *const *part,
                                 size_t columns, size_t column);
VEXIL_API int vexil_decide(vexil_aggregator *aggregator);
VEXIL_API int vexil_combine_f32(vexil_aggregator *aggregator, const float *part, size_t columns,
                                size_t ld, size_t column, float *update_part);
VEXIL_API int vexil_combine_f64(vexil_aggregator *aggregator, const double *part, size_t columns,
                                size_t ld, size_t column, double *update_part);
VEXIL_API int vexil_combine_rows_f32(vexil_aggregator *aggregator, const float *const *part,
                                     size_t columns, size_t column, float *update_part);
VEXIL_API int vexil_combine_rows_f64(vexil_aggregator *aggregator, const double *const *part,
                                     size_t columns, size_t column, double *update_part);

/*
 * What the last run or decide that was VEXIL_OK did. NaN where a rule has no such number.
 *
 * names of numbers: rows_used, update_norm, median_norm, objective, eigengap, lambda_limit,
 * iterations. Names of lists, a number a row: norm, weight, score, reconstruction, distance,
 * selected (1 or 0). A list is trace too, one number an iteration, at most 64.
 */
VEXIL_API int vexil_report_number(const vexil_aggregator *aggregator, const char *name,
                                  double *ret_value);
/* Writes at most `count` numbers; *ret_count (may be NULL) is how many there are. */
VEXIL_API int vexil_report_list(const vexil_aggregator *aggregator, const char *name,
                                double *ret_values, size_t count, size_t *ret_count);
/* "exact", "converged", "greedy", ...; "" where there is no choice. Until the next run. */
VEXIL_API const char *vexil_report_method(const vexil_aggregator *aggregator);

#ifdef __cplusplus
}
#endif
#endif
