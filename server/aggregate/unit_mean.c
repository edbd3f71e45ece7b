#include <math.h>

#include "distance.h"
#include "rule.h"

/* Where the sum of the unit rows is shorter than this per row, it is rounding of K and not a
 * direction: sqrt(DBL_EPSILON) with a margin. */
static const double CANCELLED = 1e-7;

/* s = sum over i, j of K_ij / (||g_i|| ||g_j||) = ||sum of u_i||^2 */
static double unit_sum_squared(vx_cmat gram, const double *norm)
{
    double sum = 0.0;

    for (size_t i = 0; i < gram.rows; i++) {
        for (size_t j = 0; norm[i] > 0.0 && j < gram.rows; j++) {
            if (norm[j] > 0.0)
                sum += gram.at[i * gram.ld + j] / (norm[i] * norm[j]);
        }
    }
    return sum > 0.0 ? sum : 0.0;
}

/*
 * Mean of the unit rows, rescaled: with u_i = g_i / ||g_i||, q rows that are not zero, and
 * u = (1/q) sum of u_i,
 *
 *     update = median over i of ||g_i||  x  u / ||u||.
 *
 * Source: the control of Vexil's own measurements of the flag rule (which with one iteration
 * differs from it by at most 1.5 %); each row has one vote whatever its norm. The rescaling lets
 * one step size serve every rule; it is the one of VX_FLAG_SCALE_MEDIAN_NORM.
 *
 * gram         (n, n) in (nats per observation)^2; finite.
 * ret_weights  (n), w_i proportional to 1 / ||g_i||; does not sum to 1. 0 for a zero row, and 0
 *              for all rows when the unit rows cancel each other.
 *
 * O(n^2), no allocation, thread safe.
 */
vx_status vx_unit_mean(vx_cmat gram, const vx_aggregate_options *options, vx_rule_work *work,
                       vx_vec ret_weights)
{
    double *norm = work->values;
    double median = vx_median_norm(gram, norm, work->order); /* leaves the norms in values */
    double length = sqrt(unit_sum_squared(gram, norm));
    bool cancelled = length <= CANCELLED * (double)gram.rows;

    (void)options;
    for (size_t i = 0; i < gram.rows; i++)
        ret_weights.at[i] = cancelled || norm[i] <= 0.0 ? 0.0 : median / length / norm[i];
    return VX_OK;
}
