#include <float.h>
#include <math.h>

#include "distance.h"
#include "order.h"
#include "rule.h"

/* A distance below this share of the median norm is rounding of K. */
static const double RESOLUTION = 1e-8;

/* ret_start_i = the median over j of ||g_i - g_j||, j = i included. */
static void typical_distances(vx_cmat gram, vx_rule_work *work, vx_vec ret_start)
{
    for (size_t i = 0; i < gram.rows; i++) {
        for (size_t j = 0; j < gram.rows; j++)
            work->values[j] = sqrt(vx_distance_squared(gram, i, j));
        ret_start.at[i] = vx_median_of(work->values, gram.rows, work->order);
    }
}

/* distance_i -> weight_i proportional to 1 / max(least, distance_i), summing to 1. */
static void weigh(const double *distance, double least, vx_vec ret_weights)
{
    double sum = 0.0;

    for (size_t i = 0; i < ret_weights.n; i++) {
        ret_weights.at[i] = least / fmax(least, distance[i]); /* in (0, 1]: cannot overflow */
        sum += ret_weights.at[i];
    }
    for (size_t i = 0; i < ret_weights.n; i++)
        ret_weights.at[i] /= sum;
}

/* ret_distance_i = ||g_i - z||, z = G^T c: K_ii - 2 (K c)_i + c^T K c. */
static void distances_to(vx_cmat gram, const double *c, double *ret_distance)
{
    double of_z = 0.0;

    for (size_t i = 0; i < gram.rows; i++) {
        double product = 0.0;

        for (size_t j = 0; j < gram.rows; j++)
            product += gram.at[i * gram.ld + j] * c[j];
        ret_distance[i] = gram.at[i * gram.ld + i] - 2.0 * product;
        of_z += c[i] * product;
    }
    for (size_t i = 0; i < gram.rows; i++)
        ret_distance[i] = sqrt(fmax(ret_distance[i] + of_z, 0.0));
}

/* Copies, and tells the largest relative change of a weight. */
static double take(vx_vec to, const double *from)
{
    double change = 0.0;

    for (size_t i = 0; i < to.n; i++) {
        change = fmax(change, fabs(from[i] - to.at[i]) / fmax(from[i], DBL_MIN));
        to.at[i] = from[i];
    }
    return change;
}

/*
 * Geometric median: z minimising sum over i of ||g_i - z||_2, by smoothed Weiszfeld steps
 *
 *     w_i = 1 / max(nu s, ||g_i - z||),   z = sum of w_i g_i / sum of w_i,   z = G^T c throughout.
 *
 * Source: Pillutla, Kakade, Harchaoui, "Robust Aggregation for Federated Learning", IEEE TSP 2022,
 * the smoothed Weiszfeld algorithm, run until it converges; n >= 2 f + 1.
 *
 * s, the unit of nu, is the median over i of the median over j of ||g_i - g_j||: the result does
 * not depend on the scale of gradients, and fewer than half of the rows cannot stretch it. The
 * start is w_i = 1 / median over j of ||g_i - g_j||, for the same reason: from the mean, a row of
 * 1e30 costs dozens of steps. Steps end when no weight changes by more than geometric_tolerance of
 * itself (the objective would stop too early: it is all that row's), or after geometric_iterations.
 *
 * gram         (n, n) symmetric, finite.
 * work         iterations: steps done.
 * ret_weights  (n), >= 0, sums to 1.
 *
 * O(n^2 log n + iterations n^2), no allocation, thread safe.
 */
vx_status vx_geometric_median(vx_cmat gram, const vx_aggregate_options *options, vx_rule_work *work,
                              vx_vec ret_weights)
{
    double *distance = work->values;
    vx_vec next = { work->values_more, gram.rows };
    double least, change = HUGE_VAL;
    double median_norm = vx_median_norm(gram, work->values, work->order);

    typical_distances(gram, work, next);
    least = fmax(options->geometric_nu * vx_median_of(next.at, next.n, work->order),
                 RESOLUTION * median_norm);
    least = fmax(least, DBL_MIN);
    weigh(next.at, least, ret_weights);
    work->iterations = 0;
    while (change > options->geometric_tolerance &&
           work->iterations < options->geometric_iterations) {
        distances_to(gram, ret_weights.at, distance);
        weigh(distance, least, next);
        change = take(ret_weights, next.at);
        work->iterations++;
    }
    return VX_OK;
}
