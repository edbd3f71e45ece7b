#include "columns.h"

/*
 * Second half of Bulyan: per coordinate the mean of the theta - 2f values nearest the median of the
 * theta rows that repeated Krum chose.
 *
 * Source: El Mhamdi, Guerraoui, Rouault, ICML 2018, "The hidden vulnerability of distributed
 * learning in Byzantium", section 4; theta = n - 2f, n >= 4f + 3. Of values equally far the one of
 * the lower slot is nearer. Shares do not count.
 */
void vx_bulyan(const vx_columns *columns, const vx_aggregate_options *options, vx_real ret_update)
{
    const vx_columns alike = { columns->rows, NULL, columns->scratch };
    const vx_column_ask ask = { .rule = VX_COLUMN_NEAREST_MEDIAN,
                                .keep = columns->rows.count - 2 * options->byzantine };

    vx_columns_run(&alike, &ask, ret_update);
}
