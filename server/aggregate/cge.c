#include <math.h>

#include "selection.h"

/*
 * Comparative gradient elimination: the mean of the n - f rows of least norm.
 *
 * Source: Gupta, Vaidya, "Fault-Tolerance in Distributed Optimization: The Case of Redundancy",
 * PODC 2020, the CGE filter; n >= 2f + 1 and costs that are redundant. Rows of small norm pass.
 *
 * work         score: norm; selected.
 * ret_weights  (n), sums to 1: the shares of the selected rows. Ties go to the lowest index.
 *
 * O(n log n), no allocation, thread safe.
 */
vx_status vx_cge(const vx_geometry *g, const vx_aggregate_options *options, vx_rule_work *work,
                 double *ret_weights)
{
    for (size_t i = 0; i < g->n; i++)
        work->score[i] = sqrt(vx_k(g, i, i));
    vx_select_least(work->score, g->n, g->n - options->byzantine, work);
    vx_mean_of_selected(g, work->selected, ret_weights);
    return VX_OK;
}
