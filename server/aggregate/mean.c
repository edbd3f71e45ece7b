#include "rule.h"

/*
 * Mean: w_i = 1 / n. No protection: one row moves it anywhere.
 *
 * gram         (n, n), only its size counts.
 * ret_weights  (n), sums to 1.
 *
 * O(n), no allocation, thread safe.
 */
vx_status vx_mean(vx_cmat gram, const vx_aggregate_options *options, vx_rule_work *work,
                  vx_vec ret_weights)
{
    (void)options;
    (void)work;
    for (size_t i = 0; i < gram.rows; i++)
        ret_weights.at[i] = 1.0 / (double)gram.rows;
    return VX_OK;
}
