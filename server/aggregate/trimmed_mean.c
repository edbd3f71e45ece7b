#include "columns.h"

/*
 * Trimmed mean: per coordinate the mean of what is left without the f lowest and the f highest
 * values.
 *
 * Source: Yin, Chen, Ramchandran, Bartlett, ICML 2018, definition 2, with beta n = f; n >= 2f + 1.
 * f = 0 is the mean.
 */
void vx_trimmed_mean(const vx_columns *columns, const vx_aggregate_options *options,
                     vx_real ret_update)
{
    const vx_column_ask ask = { .rule = VX_COLUMN_TRIMMED, .f = options->byzantine };

    vx_columns_run(columns, &ask, ret_update);
}
