#ifndef VX_AGGREGATE_SELECTION_H
#define VX_AGGREGATE_SELECTION_H
#include "rule.h"

/* ret_weights (g->n): the mean of the selected rows, each counting by its share. At least one row
 * is selected. */
void vx_mean_of_selected(const vx_geometry *g, const bool *selected, double *ret_weights);

/* Selects the `count` rows of least key, equal keys by index: work->selected; work->order has all
 * rows by key. key is not one of those. */
void vx_select_least(const double *key, size_t n, size_t count, vx_rule_work *work);
#endif
