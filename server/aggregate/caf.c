#include <math.h>
#include <string.h>

#include "spectral.h"

/* With compat byzfl the filter may stand still for ever. */
enum { ITERATIONS_MAX = 1000 };

/* The mass need not be an exact sum. */
static const double SAME_MASS = 1e-12;

static double largest_projection(const double *projection, const double *c, size_t n, bool all)
{
    double most = 0.0;

    for (size_t i = 0; i < n; i++) {
        if (all || c[i] > 0.0)
            most = fmax(most, projection[i]);
    }
    return most;
}

/* c_i <- c_i (1 - projection_i / most), made to sum to 1 again. Returns the part that is left. */
static double filter(const double *projection, double most, size_t n, double *c)
{
    double left = 0.0;

    for (size_t i = 0; i < n; i++) {
        c[i] *= fmax(1.0 - projection[i] / most, 0.0);
        left += c[i];
    }
    for (size_t i = 0; left > 0.0 && i < n; i++)
        c[i] /= left;
    return left;
}

/*
 * Covariance-bound agnostic filter: from c_i = 1, while the sum of c_i exceeds n - 2f,
 *
 *     mu = weighted mean,  (lambda, v) = top eigenpair of the weighted covariance,
 *     c_i <- c_i (1 - t_i / max t),      t_i = ((x_i - mu)^T v)^2;
 *
 * the mu of least lambda is the update.
 *
 * Source: Allouah, Guerraoui, Stephan, "Towards Trustworthy Federated Learning with Untrusted
 * Participants", ICML 2025, CAF; n >= 2f + 1. The maximum is over the rows that still have weight,
 * as in the filters that it goes back to: each step then takes the weight of one row, so that 2f
 * steps are enough, and a row that is out has no say. With compat byzfl it is over all rows.
 *
 * One step is always done: the mean for f = 0. Rows that are all equal end it at once.
 *
 * work         score: t_i of the last step; objective: the least lambda; iterations: steps.
 * ret_weights  (n), >= 0, sums to 1.
 *
 * VX_ERR_NONFINITE  LAPACK did not converge.
 * O(iterations n^3), no allocation; one thread at a time for one work.
 */
vx_status vx_caf(const vx_geometry *g, const vx_aggregate_options *options, vx_rule_work *work,
                 double *ret_weights)
{
    size_t n = g->n;
    double *c = work->values_third, mass = (double)n, most = 1.0;
    double enough = (double)(n - 2 * options->byzantine) * (1.0 + SAME_MASS);
    bool all = options->compat == VX_COMPAT_BYZFL;

    for (size_t i = 0; i < n; i++)
        c[i] = 1.0 / (double)n;
    work->objective = HUGE_VAL;
    do {
        double largest;
        vx_status status = vx_spectral_top(g, c, work, &largest, work->score);

        if (status != VX_OK)
            return status;
        if (largest < work->objective) {
            work->objective = largest;
            memcpy(ret_weights, c, n * sizeof(*c));
        }
        most = largest_projection(work->score, c, n, all);
        if (most > 0.0)
            mass *= filter(work->score, most, n, c);
        work->iterations++;
    } while (most > 0.0 && mass > enough && work->iterations < ITERATIONS_MAX);
    work->method = most > 0.0 && mass > enough ? "iteration limit" : "filtered";
    for (size_t i = 0; i < n; i++)
        work->selected[i] = ret_weights[i] > 0.0;
    return VX_OK;
}
