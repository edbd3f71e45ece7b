#include "columns.h"
#include "rule.h"

/*
 * Trimmed mean: per coordinate the mean of what is left without the f lowest and the f highest
 * values.
 *
 * Source: Yin, Chen, Ramchandran, Bartlett, ICML 2018, definition 2, with beta n = f; n >= 2 f + 1.
 * f = 0 is the mean.
 *
 * block       (n, width) finite, overwritten by its columns sorted.
 * ret_update  (width); each sum in double from the lowest value on.
 *
 * O(n log^2 n) a column, no allocation, thread safe.
 */
void vx_trimmed_mean(vx_matf block, const vx_aggregate_options *options, float *ret_update)
{
    size_t f = options->byzantine;
    double share = (double)(block.rows - 2 * f);

    vx_sort_columns(block);
    for (size_t k = 0; k < block.cols; k++) {
        double sum = 0.0;

        for (size_t i = f; i < block.rows - f; i++)
            sum += (double)block.at[i * block.ld + k];
        ret_update[k] = (float)(sum / share);
    }
}
