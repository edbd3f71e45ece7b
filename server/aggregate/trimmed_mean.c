#include "columns.h"
#include "rule.h"

/*
 * Trimmed mean: per coordinate the mean of what is left without the f lowest and the f highest
 * values.
 *
 * Source: Yin, Chen, Ramchandran, Bartlett, ICML 2018, definition 2, with beta n = f; n >= 2f + 1.
 * f = 0 is the mean.
 *
 * Each sum in double from the lowest value on.
 *
 * O(n log^2 n) a column, no allocation, thread safe.
 */
void vx_trimmed_mean(const vx_columns *columns, const vx_aggregate_options *options,
                     vx_real ret_update)
{
    size_t f = options->byzantine, n = columns->rows.count;
    bool single = columns->rows.f32 != NULL;
    vx_matf narrow = single ? vx_sorted_f32(columns) : (vx_matf){ NULL, 0, 0, 0 };
    vx_mat wide = single ? (vx_mat){ NULL, 0, 0, 0 } : vx_sorted_f64(columns);

    for (size_t k = 0; k < columns->rows.cols; k++) {
        double sum = 0.0;

        for (size_t i = f; i < n - f; i++)
            sum += single ? (double)narrow.at[i * narrow.ld + k] : wide.at[i * wide.ld + k];
        if (single)
            ret_update.f32[k] = (float)(sum / (double)(n - 2 * f));
        else
            ret_update.f64[k] = sum / (double)(n - 2 * f);
    }
}
