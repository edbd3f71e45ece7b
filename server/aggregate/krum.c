#include "distance.h"
#include "order.h"
#include "rule.h"

/* s(i), the nearest neighbours added from the nearest on: the value does not depend on who they
 * are. */
static double score(vx_cmat gram, size_t i, size_t f, vx_rule_work *work)
{
    size_t n = gram.rows;
    double sum = 0.0;

    for (size_t j = 0; j < n; j++)
        work->values[j] = j == i ? -1.0 : vx_distance_squared(gram, i, j); /* itself comes first */
    vx_order_ascending(work->values, n, work->order);
    for (size_t k = 1; k <= n - f - 2; k++)
        sum += work->values[work->order[k]];
    return sum;
}

static void select_best(vx_cmat gram, size_t f, size_t count, vx_rule_work *work,
                        vx_vec ret_weights)
{
    for (size_t i = 0; i < gram.rows; i++)
        work->values_more[i] = score(gram, i, f, work);
    vx_order_ascending(work->values_more, gram.rows, work->order);
    for (size_t i = 0; i < gram.rows; i++)
        ret_weights.at[i] = 0.0;
    for (size_t k = 0; k < count; k++)
        ret_weights.at[work->order[k]] = 1.0 / (double)count;
}

/*
 * Krum: weight 1 on the gradient closest to its n - f - 2 nearest neighbours, 0 elsewhere.
 *
 * Source: Blanchard, El Mhamdi, Guerraoui, Stainer, NeurIPS 2017, "Machine Learning with
 * Adversaries: Byzantine Tolerant Gradient Descent", "The Krum Function":
 *     s(i) = sum over j in N(i) of ||g_i - g_j||_2^2,   |N(i)| = n - f - 2;   n >= 2 f + 3.
 * (Others count n - f - 1 neighbours or do not square: they pick other rows.)
 *
 * gram         (n, n) symmetric, K_ij = <g_i, g_j> in (nats per observation)^2; finite.
 * ret_weights  (n), sums to 1. Ties go to the lowest index.
 *
 * O(n^2 log n), no allocation, thread safe.
 */
vx_status vx_krum(vx_cmat gram, const vx_aggregate_options *options, vx_rule_work *work,
                  vx_vec ret_weights)
{
    select_best(gram, options->byzantine, 1, work, ret_weights);
    return VX_OK;
}

/*
 * Multi-Krum: the mean of the m gradients of least Krum score.
 *
 * Source: the same paper, its experiments, where m = 1 is Krum and larger m goes towards the mean.
 * m = options->selected; 0 takes n - f - 2 (others take n - f).
 *
 * gram, ret_weights, ties, cost as vx_krum. Weight 1 / m on the selected rows.
 */
vx_status vx_multi_krum(vx_cmat gram, const vx_aggregate_options *options, vx_rule_work *work,
                        vx_vec ret_weights)
{
    size_t f = options->byzantine;
    size_t count = options->selected > 0 ? options->selected : gram.rows - f - 2;

    select_best(gram, f, count, work, ret_weights);
    return VX_OK;
}
