#include "columns.h"

/*
 * Phocas: per coordinate the mean of the n - f values nearest the trimmed mean.
 *
 * Source: Xie, Koyejo, Gupta, 2018, "Phocas: dimensional Byzantine-resilient stochastic gradient
 * descent"; n >= 2f + 1. Of values equally far the one of the lower slot is nearer.
 */
void vx_phocas(const vx_columns *columns, const vx_aggregate_options *options, vx_real ret_update)
{
    const vx_column_ask ask = { .rule = VX_COLUMN_NEAREST_TRIMMED,
                                .f = options->byzantine,
                                .keep = columns->rows.count - options->byzantine };

    vx_columns_run(columns, &ask, ret_update);
}
