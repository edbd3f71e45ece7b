#include <float.h>
#include <math.h>
#include <string.h>

#include "order.h"
#include "rule.h"

/* A distance below this share of what it is the difference of is rounding. */
static const double RESOLUTION = 1e-8;

/* With nu = 0 a row at z has all the weight, without an overflow. */
static const double LEAST_NU = 1e-150;

/* What ByzFL takes when nobody says otherwise, and what we take. */
static double nu_of(const vx_aggregate_options *options)
{
    if (options->geometric_nu >= 0.0)
        return options->geometric_nu;
    return options->compat == VX_COMPAT_BYZFL ? 0.1 : 1e-6;
}

static unsigned iterations_of(const vx_aggregate_options *options)
{
    if (options->geometric_iterations > 0)
        return options->geometric_iterations;
    return options->compat == VX_COMPAT_BYZFL ? 3 : 1000;
}

/* ret_start_i = the median over j of ||g_i - g_j||, j = i included. */
static void typical_distances(const vx_geometry *g, vx_rule_work *work, double *ret_start)
{
    for (size_t i = 0; i < g->n; i++) {
        for (size_t j = 0; j < g->n; j++)
            work->values[j] = sqrt(vx_d(g, i, j));
        ret_start[i] = vx_median_of(work->values, g->n, work->order);
    }
}

/* distance_i -> weight_i proportional to a_i / max(least, distance_i), summing to 1. */
static void weigh(const vx_geometry *g, const double *distance, double least, double *ret_weights)
{
    double sum = 0.0;

    for (size_t i = 0; i < g->n; i++) {
        ret_weights[i] = vx_share(g, i) * least / fmax(least, distance[i]); /* cannot overflow */
        sum += ret_weights[i];
    }
    for (size_t i = 0; i < g->n; i++)
        ret_weights[i] /= sum;
}

static void distances_to(const vx_geometry *g, const double *c, double *ret_distance)
{
    vx_distances_to(g, g->n, c, ret_distance);
    for (size_t i = 0; i < g->n; i++)
        ret_distance[i] = sqrt(ret_distance[i]);
}

/* Below this a distance to z is rounding: vx_distances_to() takes the form of the lesser terms,
 * products or distances of rows. values, order are overwritten. */
static double resolution(const vx_geometry *g, const double *c, double median_norm, double *values,
                         size_t *order)
{
    for (size_t i = 0; i < g->n; i++) {
        double far = 0.0;

        for (size_t j = 0; j < g->n; j++)
            far += c[j] * vx_d(g, i, j);
        values[i] = sqrt(far);
    }
    return RESOLUTION * fmin(median_norm, vx_median_of(values, g->n, order));
}

/* Copies, and tells the largest relative change of a weight. */
static double take(double *to, const double *from, size_t n)
{
    double change = 0.0;

    for (size_t i = 0; i < n; i++) {
        change = fmax(change, fabs(from[i] - to[i]) / fmax(from[i], DBL_MIN));
        to[i] = from[i];
    }
    return change;
}

/* What the report says of z. */
static void tell_distances(const vx_geometry *g, const double *c, vx_rule_work *work)
{
    distances_to(g, c, work->score);
    work->objective = 0.0;
    for (size_t i = 0; i < g->n; i++)
        work->objective += vx_share(g, i) * work->score[i];
}

/* The iterate after so many steps from z = 0, nu a distance. */
static void count_steps(const vx_geometry *g, const vx_aggregate_options *options,
                        vx_rule_work *work, double *ret_weights)
{
    memset(ret_weights, 0, g->n * sizeof(*ret_weights));
    for (unsigned k = 0; k < iterations_of(options); k++) {
        distances_to(g, ret_weights, work->values);
        weigh(g, work->values, fmax(nu_of(options), LEAST_NU), ret_weights);
    }
    work->iterations = iterations_of(options);
    work->method = "counted steps";
    tell_distances(g, ret_weights, work);
}

/*
 * Geometric median: z minimising sum over i of a_i ||g_i - z||_2 (a_i the shares), by smoothed
 * Weiszfeld steps
 *
 *     w_i = a_i / max(nu s, ||g_i - z||),   z = sum of w_i g_i / sum of w_i,   z = G^T c
 * throughout.
 *
 * Source: Pillutla, Kakade, Harchaoui, "Robust Aggregation for Federated Learning", IEEE TSP 2022,
 * the smoothed Weiszfeld algorithm, run until it converges; n >= 2f + 1.
 *
 * s, the unit of nu, is the median over i of the median over j of ||g_i - g_j||: the result does
 * not depend on the scale of gradients, and fewer than half of the rows cannot stretch it. The
 * start is w_i = 1 / median over j of ||g_i - g_j||, for the same reason: from the mean, a row of
 * 1e30 costs dozens of steps. Steps end when no weight changes by more than geometric_tolerance of
 * itself (the objective would stop too early: it is all that row's), or after geometric_iterations.
 *
 * With compat byzfl nu is a distance, the start is z = 0, and geometric_iterations steps are done:
 * 0.1 and 3, ByzFL's defaults, when they are not set.
 *
 * work         score: ||g_i - z||; objective: the sum of a_i ||g_i - z||; iterations: steps done.
 * ret_weights  (n), >= 0, sums to 1.
 *
 * O(n^2 log n + iterations n^2), no allocation, thread safe.
 */
vx_status vx_geometric_median(const vx_geometry *g, const vx_aggregate_options *options,
                              vx_rule_work *work, double *ret_weights)
{
    double *distance = work->values, *next = work->values_more;
    double least, change = HUGE_VAL, median_norm;

    if (options->compat == VX_COMPAT_BYZFL) {
        count_steps(g, options, work, ret_weights);
        return VX_OK;
    }
    median_norm = vx_median_norm(g, work->values, work->order);
    typical_distances(g, work, next);
    least = fmax(nu_of(options) * vx_median_of(next, g->n, work->order), DBL_MIN);
    weigh(g, next, least, ret_weights);
    least = fmax(least, resolution(g, ret_weights, median_norm, work->values, work->order));
    while (change > options->geometric_tolerance && work->iterations < iterations_of(options)) {
        distances_to(g, ret_weights, distance);
        weigh(g, distance, least, next);
        change = take(ret_weights, next, g->n);
        work->iterations++;
    }
    work->method = change > options->geometric_tolerance ? "iteration limit" : "converged";
    tell_distances(g, ret_weights, work);
    return VX_OK;
}
