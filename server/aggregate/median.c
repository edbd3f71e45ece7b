#include "columns.h"

/*
 * Coordinate median: per coordinate the middle value, for even n the mean of the two middle ones.
 *
 * Source: Yin, Chen, Ramchandran, Bartlett, ICML 2018, "Byzantine-Robust Distributed Learning:
 * Towards Optimal Statistical Rates", definition 1. Breakdown 1/2: n >= 2f + 1. By shares: Dahan
 * and Levy, NeurIPS 2024, weighted coordinate-wise median.
 */
void vx_median(const vx_columns *columns, const vx_aggregate_options *options, vx_real ret_update)
{
    const vx_column_ask ask = { .rule = VX_COLUMN_MEDIAN };

    (void)options;
    vx_columns_run(columns, &ask, ret_update);
}
