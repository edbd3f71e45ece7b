#include <math.h>

#include "selection.h"

/*
 * Aksel: the mean of the c rows nearest to the coordinate median, the reference row; c = (n + 1) /
 * 2 or, with options->aksel trusted, n - f.
 *
 * Source: Boussetta, El-Mhamdi, Guerraoui, Maurer, Rouault, "AKSEL: Fast Byzantine SGD", OPODIS
 * 2020; n >= 2f + 1.
 *
 * g            with a reference row in d.
 * work         score: distance to the median; selected.
 * ret_weights  (n + 1), sums to 1: the shares of the selected rows, 0 for the reference. Ties go to
 *              the lowest index.
 *
 * O(n log n), no allocation, thread safe.
 */
vx_status vx_aksel_weights(const vx_geometry *g, const vx_aggregate_options *options,
                           vx_rule_work *work, double *ret_weights)
{
    size_t n = g->n;
    size_t count = options->aksel == VX_AKSEL_MIDDLE ? (n + 1) / 2 : n - options->byzantine;

    for (size_t i = 0; i < n; i++)
        work->score[i] = sqrt(vx_d(g, i, n));
    vx_select_least(work->score, n, count, work);
    vx_mean_of_selected(g, work->selected, ret_weights);
    ret_weights[n] = 0.0;
    return VX_OK;
}
