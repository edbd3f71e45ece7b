#include <math.h>

#include "selection.h"

/*
 * MoNNA: the mean of the n - f rows nearest to a trusted one, the pivot, itself included.
 *
 * Source: Farhadkhani, Guerraoui, Gupta, Hoang, Pinot, Stephan, "Robust Collaborative Learning with
 * Linear Gradient Overhead", ICML 2023, nearest-neighbour averaging, where a worker trusts its own
 * row; n >= 2f + 1 and an honest pivot. A server has no row of its own: it names a slot.
 *
 * g            pivot is a row.
 * work         score: distance to the pivot; selected.
 * ret_weights  (n), sums to 1: the shares of the selected rows. Ties go to the lowest index.
 *
 * O(n log n), no allocation, thread safe.
 */
vx_status vx_monna(const vx_geometry *g, const vx_aggregate_options *options, vx_rule_work *work,
                   double *ret_weights)
{
    for (size_t i = 0; i < g->n; i++) {
        work->score[i] = sqrt(vx_d(g, g->pivot, i));
        work->values[i] = i == g->pivot ? -1.0 : work->score[i]; /* itself comes first */
    }
    vx_select_least(work->values, g->n, g->n - options->byzantine, work);
    vx_mean_of_selected(g, work->selected, ret_weights);
    return VX_OK;
}
