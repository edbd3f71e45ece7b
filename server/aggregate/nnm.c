#include <string.h>

#include "order.h"
#include "rule.h"

/*
 * Nearest-neighbour mixing: y_i = mean of the n - f rows nearest to g_i, itself included.
 *
 * Source: Allouah, Farhadkhani, Guerraoui, Gupta, Pinot, Stephan, AISTATS 2023, "Fixing by Mixing:
 * A Recipe for Optimal Byzantine ML under Heterogeneity", NNM; n >= 2f + 1.
 *
 * ret_map  (n, n): Y = ret_map G; each row has n - f entries 1 / (n - f). Ties go to the lowest
 *          index.
 *
 * O(n^2 log n), no allocation, thread safe.
 */
size_t vx_nnm(const vx_geometry *g, const vx_aggregate_options *options, vx_rule_work *work,
              vx_mat ret_map)
{
    size_t n = g->n, kept = n - options->byzantine;

    for (size_t i = 0; i < n; i++) {
        double *row = ret_map.at + i * ret_map.ld;

        for (size_t j = 0; j < n; j++)
            work->values[j] = j == i ? -1.0 : vx_d(g, i, j);
        vx_order_ascending(work->values, n, work->order);
        memset(row, 0, n * sizeof(*row));
        for (size_t k = 0; k < kept; k++)
            row[work->order[k]] = 1.0 / (double)kept;
    }
    return n;
}
