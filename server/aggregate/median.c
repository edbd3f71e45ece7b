#include "columns.h"
#include "rule.h"

/*
 * Coordinate median: per coordinate the middle value, for even n the mean of the two middle ones.
 *
 * Source: Yin, Chen, Ramchandran, Bartlett, ICML 2018, "Byzantine-Robust Distributed Learning:
 * Towards Optimal Statistical Rates", definition 1. Breakdown 1/2: n >= 2f + 1.
 *
 *
 * O(n log^2 n) a column, no allocation, thread safe.
 */
void vx_median(const vx_columns *columns, const vx_aggregate_options *options, vx_real ret_update)
{
    size_t low = (columns->rows.count - 1) / 2, high = columns->rows.count / 2;

    (void)options;
    if (columns->rows.f32 != NULL) {
        vx_matf block = vx_sorted_f32(columns);

        for (size_t k = 0; k < block.cols; k++)
            ret_update.f32[k] = (float)(0.5 * ((double)block.at[low * block.ld + k] +
                                               (double)block.at[high * block.ld + k]));
    } else {
        vx_mat block = vx_sorted_f64(columns);

        for (size_t k = 0; k < block.cols; k++)
            ret_update.f64[k] =
                0.5 * block.at[low * block.ld + k] + 0.5 * block.at[high * block.ld + k];
    }
}
