#include "order.h"
#include "rule.h"

/* s(i), the nearest neighbours added from the nearest on: the value does not depend on who they
 * are. */
static double score(const vx_geometry *g, size_t i, size_t f, vx_rule_work *work)
{
    size_t n = g->n;
    double sum = 0.0;

    for (size_t j = 0; j < n; j++)
        work->values[j] = j == i ? -1.0 : vx_d(g, i, j); /* itself comes first */
    vx_order_ascending(work->values, n, work->order);
    for (size_t k = 1; k <= n - f - 2; k++)
        sum += work->values[work->order[k]];
    return sum;
}

static void select_best(const vx_geometry *g, size_t f, size_t count, vx_rule_work *work,
                        double *ret_weights)
{
    for (size_t i = 0; i < g->n; i++)
        work->score[i] = score(g, i, f, work);
    vx_order_ascending(work->score, g->n, work->order);
    for (size_t i = 0; i < g->n; i++) {
        ret_weights[i] = 0.0;
        work->selected[i] = false;
    }
    for (size_t k = 0; k < count; k++) {
        ret_weights[work->order[k]] = 1.0 / (double)count;
        work->selected[work->order[k]] = true;
    }
}

/*
 * Krum: weight 1 on the gradient closest to its n - f - 2 nearest neighbours, 0 elsewhere.
 *
 * Source: Blanchard, El Mhamdi, Guerraoui, Stainer, NeurIPS 2017, "Machine Learning with
 * Adversaries: Byzantine Tolerant Gradient Descent", "The Krum Function":
 *     s(i) = sum over j in N(i) of ||g_i - g_j||_2^2,   |N(i)| = n - f - 2;   n >= 2f + 3.
 * (Others count n - f - 1 neighbours or do not square: they pick other rows.)
 *
 * ret_weights  (n), sums to 1. Ties go to the lowest index.
 *
 * O(n^2 log n), no allocation, thread safe.
 */
vx_status vx_krum(const vx_geometry *g, const vx_aggregate_options *options, vx_rule_work *work,
                  double *ret_weights)
{
    select_best(g, options->byzantine, 1, work, ret_weights);
    return VX_OK;
}

/*
 * Multi-Krum: the mean of the m gradients of least Krum score.
 *
 * Source: the same paper, its experiments, where m = 1 is Krum and larger m goes towards the mean.
 * m = options->selected; 0 takes n - f - 2 (others take n - f).
 *
 * ret_weights, ties, cost as vx_krum. Weight 1 / m on the selected rows.
 */
vx_status vx_multi_krum(const vx_geometry *g, const vx_aggregate_options *options,
                        vx_rule_work *work, double *ret_weights)
{
    size_t f = options->byzantine;
    size_t count = options->selected > 0 ? options->selected : g->n - f - 2;

    select_best(g, f, count, work, ret_weights);
    return VX_OK;
}
