#include "selection.h"

#include "order.h"

void vx_mean_of_selected(const vx_geometry *g, const bool *selected, double *ret_weights)
{
    double sum = 0.0;

    for (size_t i = 0; i < g->n; i++)
        sum += selected[i] ? (g->share != NULL ? g->share[i] : 1.0) : 0.0;
    for (size_t i = 0; i < g->n; i++)
        ret_weights[i] = selected[i] ? (g->share != NULL ? g->share[i] : 1.0) / sum : 0.0;
}

void vx_select_least(const double *key, size_t n, size_t count, vx_rule_work *work)
{
    vx_order_ascending(key, n, work->order);
    for (size_t k = 0; k < n; k++)
        work->selected[work->order[k]] = k < count;
}
