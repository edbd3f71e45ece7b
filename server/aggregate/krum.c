#include "order.h"
#include "selection.h"

static size_t neighbours_of(size_t n, const vx_aggregate_options *options)
{
    return n - options->byzantine - (options->compat == VX_COMPAT_BYZFL ? 1 : 2);
}

/* s(i), the nearest neighbours added from the nearest on: the value does not depend on who they
 * are. */
static double score(const vx_geometry *g, size_t i, size_t neighbours, vx_rule_work *work)
{
    size_t n = g->n;
    double sum = 0.0;

    for (size_t j = 0; j < n; j++)
        work->values[j] = j == i ? -1.0 : vx_d(g, i, j); /* itself comes first */
    vx_order_ascending(work->values, n, work->order);
    for (size_t k = 1; k <= neighbours; k++)
        sum += work->values[work->order[k]];
    return sum;
}

static void select_best(const vx_geometry *g, size_t neighbours, size_t count, vx_rule_work *work,
                        double *ret_weights)
{
    for (size_t i = 0; i < g->n; i++)
        work->score[i] = score(g, i, neighbours, work);
    vx_select_least(work->score, g->n, count, work);
    for (size_t i = 0; i < g->n; i++)
        ret_weights[i] = work->selected[i] ? 1.0 / (double)count : 0.0;
}

/*
 * Krum: weight 1 on the gradient closest to its n - f - 2 nearest neighbours, 0 elsewhere.
 *
 * Source: Blanchard, El Mhamdi, Guerraoui, Stainer, NeurIPS 2017, "Machine Learning with
 * Adversaries: Byzantine Tolerant Gradient Descent", "The Krum Function":
 *     s(i) = sum over j in N(i) of ||g_i - g_j||_2^2,   |N(i)| = n - f - 2;   n >= 2f + 3.
 * (Others count n - f - 1 neighbours or do not square: they pick other rows.) With compat byzfl
 * there are n - f - 1 neighbours, and n >= 2f + 1 is enough.
 *
 * work         score: s(i); selected.
 * ret_weights  (n), sums to 1. Ties go to the lowest index.
 *
 * O(n^2 log n), no allocation, thread safe.
 */
vx_status vx_krum(const vx_geometry *g, const vx_aggregate_options *options, vx_rule_work *work,
                  double *ret_weights)
{
    select_best(g, neighbours_of(g->n, options), 1, work, ret_weights);
    return VX_OK;
}

/*
 * Multi-Krum: the mean of the m gradients of least Krum score.
 *
 * Source: the same paper, its experiments, where m = 1 is Krum and larger m goes towards the mean.
 * m = options->selected; 0 takes n - f - 2, with compat byzfl n - f.
 *
 * work, ret_weights, ties, cost as vx_krum. Weight 1 / m on the selected rows.
 */
vx_status vx_multi_krum(const vx_geometry *g, const vx_aggregate_options *options,
                        vx_rule_work *work, double *ret_weights)
{
    size_t usual = g->n - options->byzantine - (options->compat == VX_COMPAT_BYZFL ? 0 : 2);
    size_t count = options->selected > 0 ? options->selected : usual;

    select_best(g, neighbours_of(g->n, options), count, work, ret_weights);
    return VX_OK;
}
