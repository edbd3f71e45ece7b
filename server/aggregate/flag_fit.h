#ifndef VX_AGGREGATE_FLAG_FIT_H
#define VX_AGGREGATE_FLAG_FIT_H
#include <vx_aggregate/aggregate.h>

#include <vx_linalg/eigen.h>

#include "geometry.h"

/* A subspace Y = U^T B of the unit rows u_i, by B alone, and what is measured on it. */
typedef struct vx_flag_subspace {
    double *basis;     /* (rank, q): row k holds B's column k */
    double *projector; /* (q, q): P = U Y Y^T U^T */
    size_t rank;
    double objective;
    double eigengap;
} vx_flag_subspace;

/*
 * The subspace of the flag rule and its work. Only rows that are not zero take part: q of them, the
 * active ones; arrays named (q) are in their order, arrays named (n) have a place for each row.
 */
typedef struct vx_flag_fit {
    size_t n_max, rows, count;            /* n and q of the last run */
    size_t *active;                       /* (q) the row behind each active one */
    double *norm;                         /* (q) ||g_i|| */
    double *share;                        /* (q) q a_i: 1 when all rows weigh the same */
    double *unit;                         /* (q, q) <u_i, u_j> */
    vx_flag_subspace at, next;            /* at is the result */
    unsigned iterations;                  /* that were kept */
    double trace[VX_AGGREGATE_TRACE_MAX]; /* objective after each of the first of them */
    double *ratio;                        /* (n) v_i; NaN for a zero row */

    vx_eigen *eigen;
    double *weight, *product, *moment, *values, *vectors;
} vx_flag_fit;

VX_MUST_CHECK vx_status vx_flag_fit_create(size_t n_max, vx_flag_fit **ret_fit);
vx_flag_fit *vx_flag_fit_destroy(vx_flag_fit *fit); /* takes NULL, returns NULL */

/*
 * Fits the subspace. start (n, n) is P of a first subspace, or { NULL }: uniform first weights, the
 * same on every machine. The statuses, formula and source are those of vx_flag.
 */
VX_MUST_CHECK vx_status vx_flag_fit_run(vx_flag_fit *fit, const vx_geometry *g,
                                        const vx_flag_options *options, vx_cmat start);

/* ret_weights (n): coefficients of the direction on the raw rows. median_norm serves only
 * VX_FLAG_SCALE_MEDIAN_NORM. */
void vx_flag_fit_weights(const vx_flag_fit *fit, const vx_flag_options *options, double median_norm,
                         vx_vec ret_weights);
#endif
