#include <math.h>
#include <string.h>

#include "rule.h"

/* v += sum over i of a_i (x_i - v) min(1, tau / ||x_i - v||), on the coefficients of v. */
static void step(const vx_geometry *g, double tau, const double *squared, double *distance,
                 double *coefficients)
{
    double moved = 0.0;

    for (size_t i = 0; i < g->n; i++) {
        distance[i] = sqrt(squared[i]);
        moved += vx_share(g, i) * (distance[i] <= tau ? 1.0 : tau / distance[i]);
    }
    for (size_t i = 0; i <= g->n; i++)
        coefficients[i] *= fmax(1.0 - moved, 0.0);
    for (size_t i = 0; i < g->n; i++)
        coefficients[i] += vx_share(g, i) * (distance[i] <= tau ? 1.0 : tau / distance[i]);
}

/*
 * Centered clipping: from v, the update before this one (zero at first), L times
 *
 *     v <- v + sum over i of a_i (x_i - v) min(1, tau / ||x_i - v||),     a_i the shares.
 *
 * Source: Karimireddy, He, Jaggi, "Learning from History for Byzantine Robust Optimization", ICML
 * 2021, centered clipping; its analysis wants f < n / 10, n >= 2f + 1 is checked. tau is a length:
 * one step moves v by at most tau, and a row far away by at most a_i tau.
 *
 * g            with a reference row, v.
 * work         score: distance to v before the last step; iterations: L.
 * ret_weights  (n + 1), >= 0, sums to 1; the last one is what is left of v.
 *
 * O(L n^2), no allocation, thread safe.
 */
vx_status vx_centered_clipping(const vx_geometry *g, const vx_aggregate_options *options,
                               vx_rule_work *work, double *ret_weights)
{
    memset(ret_weights, 0, (g->n + 1) * sizeof(*ret_weights));
    ret_weights[g->n] = 1.0;
    for (unsigned k = 0; k < options->clip_iterations; k++) {
        vx_distances_to(g, g->n + 1, ret_weights, work->values);
        step(g, options->tau, work->values, work->score, ret_weights);
    }
    work->iterations = options->clip_iterations;
    return VX_OK;
}
