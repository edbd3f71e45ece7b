#include "columns.h"
#include "rule.h"

/*
 * Coordinate median: per coordinate the middle value, for even n the mean of the two middle ones.
 *
 * Source: Yin, Chen, Ramchandran, Bartlett, ICML 2018, "Byzantine-Robust Distributed Learning:
 * Towards Optimal Statistical Rates", definition 1. Breakdown 1/2: n >= 2 f + 1.
 *
 * block       (n, width) finite, overwritten by its columns sorted.
 * ret_update  (width).
 *
 * O(n log^2 n) a column, no allocation, thread safe.
 */
void vx_median(vx_matf block, const vx_aggregate_options *options, float *ret_update)
{
    const float *low, *high;

    (void)options;
    vx_sort_columns(block);
    low = block.at + (block.rows - 1) / 2 * block.ld;
    high = block.at + block.rows / 2 * block.ld;
    for (size_t k = 0; k < block.cols; k++)
        ret_update[k] = (float)(0.5 * ((double)low[k] + (double)high[k]));
}
