#ifndef VX_AGGREGATE_GEOMETRY_H
#define VX_AGGREGATE_GEOMETRY_H
#include <stdbool.h>
#include <stddef.h>

#include <vx_base/span.h>

/*
 * All that a Gram rule knows of n rows x_i. D is a matrix of its own: rules that look at distances
 * or at rows about their centre use it, so that a large common part costs them no digits.
 */
typedef struct vx_geometry {
    size_t n;            /* rows; a reference row, if any, has index n in k and d */
    bool reference;      /* k and d are (n + 1, n + 1) */
    vx_cmat k;           /* K_ij = <x_i, x_j> */
    vx_cmat d;           /* D_ij = ||x_i - x_j||^2, 0 on the diagonal */
    const double *share; /* (n) > 0, summing to 1; NULL: all the same */
    size_t pivot;        /* place of options->pivot among the rows; n: it is absent */
} vx_geometry;

static inline double vx_k(const vx_geometry *g, size_t i, size_t j)
{
    return g->k.at[i * g->k.ld + j];
}

static inline double vx_d(const vx_geometry *g, size_t i, size_t j)
{
    return g->d.at[i * g->d.ld + j];
}

/* The share of row i: 1 / n when all are the same. */
static inline double vx_share(const vx_geometry *g, size_t i)
{
    return g->share != NULL ? g->share[i] : 1.0 / (double)g->n;
}

/*
 * ret_squared_i = ||x_i - z||^2 for z = sum over j < count of c_j x_j, i < g->n; count is g->n, or
 * one more with the reference row. With delta = e_i - c there are two forms,
 *
 *     delta^T K delta   and   (sum delta) (sum delta_k K_kk) - delta^T D delta / 2:
 *
 * the first keeps its digits where far rows have small coefficients, the second where a common part
 * is large. For each row the one with the lesser bound on its rounding is taken.
 */
void vx_distances_to(const vx_geometry *g, size_t count, const double *c, double *ret_squared);

/*
 * ret (count, count) = H X_S X_S^T H for the rows S = member[0 .. count - 1], H the centring by
 * weights c (count, summing to 1; NULL: the mean): -1/2 (I - 1 c^T) D_SS (I - c 1^T).
 * sums (count) is overwritten.
 */
void vx_centred(const vx_geometry *g, const size_t *member, size_t count, const double *c,
                double *sums, double *ret);

/* The median of sqrt(K_ii). values, order (n) are overwritten: values holds the norms. n > 0. */
double vx_median_norm(const vx_geometry *g, double *values, size_t *order);

/*
 * The geometry of Y = W X: K' = W K W^T and, with A = W D W^T, s = W 1, t = W diag(K),
 *
 *     D'_ij = A_ij - (A_ii + A_jj) / 2 + (s_i - s_j) (t_i - t_j)   or   K'_ii + K'_jj - 2 K'_ij,
 *
 * at least 0, the one with the lesser bound on its rounding. map (m, n) >= 0, product (m, n)
 * scratch, sums (3 m) scratch; ret_k, ret_d (m, m), none of them overlaps.
 */
void vx_geometry_map(vx_cmat k, vx_cmat d, vx_cmat map, double *product, double *sums, vx_mat ret_k,
                     vx_mat ret_d);
#endif
