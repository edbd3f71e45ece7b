#include "rule.h"

/*
 * Mean: w_i = a_i, the shares; 1 / n when all are the same. No protection: one row moves it
 * anywhere.
 *
 * ret_weights  (n), sums to 1.
 *
 * O(n), no allocation, thread safe.
 */
vx_status vx_mean(const vx_geometry *g, const vx_aggregate_options *options, vx_rule_work *work,
                  double *ret_weights)
{
    (void)options;
    (void)work;
    for (size_t i = 0; i < g->n; i++)
        ret_weights[i] = vx_share(g, i);
    return VX_OK;
}
