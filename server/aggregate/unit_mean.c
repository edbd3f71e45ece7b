#include <math.h>

#include "rule.h"

/* Where the sum of the unit rows is shorter than this, it is rounding of K and not a
 * direction: sqrt(DBL_EPSILON) with a margin. */
static const double CANCELLED = 1e-7;

/* s = sum over i, j of a_i a_j K_ij / (||g_i|| ||g_j||) = ||sum of a_i u_i||^2 */
static double unit_sum_squared(const vx_geometry *g, const double *norm)
{
    double sum = 0.0;

    for (size_t i = 0; i < g->n; i++) {
        for (size_t j = 0; norm[i] > 0.0 && j < g->n; j++) {
            if (norm[j] > 0.0)
                sum += vx_share(g, i) * vx_share(g, j) * vx_k(g, i, j) / (norm[i] * norm[j]);
        }
    }
    return sum > 0.0 ? sum : 0.0;
}

/*
 * Mean of the unit rows, rescaled: with u_i = g_i / ||g_i||, q rows that are not zero, and
 * u = sum of a_i u_i (the shares a_i, 1/q when all are the same),
 *
 *     update = median over i of ||g_i||  x  u / ||u||.
 *
 * Source: the control of Vexil's own measurements of the flag rule (which with one iteration
 * differs from it by at most 1.5 %); each row has one vote whatever its norm. The rescaling lets
 * one step size serve every rule; it is the one of VX_FLAG_SCALE_MEDIAN_NORM.
 *
 * ret_weights  (n), w_i proportional to a_i / ||g_i||; does not sum to 1. 0 for a zero row, and 0
 *              for all rows when the unit rows cancel each other.
 *
 * O(n^2), no allocation, thread safe.
 */
vx_status vx_unit_mean(const vx_geometry *g, const vx_aggregate_options *options,
                       vx_rule_work *work, double *ret_weights)
{
    double *norm = work->values;
    double median = vx_median_norm(g, norm, work->order); /* leaves the norms in values */
    double length = sqrt(unit_sum_squared(g, norm));
    bool cancelled = length <= CANCELLED;

    (void)options;
    for (size_t i = 0; i < g->n; i++)
        ret_weights[i] =
            cancelled || norm[i] <= 0.0 ? 0.0 : vx_share(g, i) * median / length / norm[i];
    return VX_OK;
}
