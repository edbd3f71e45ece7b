#include "order.h"
#include "rule.h"

/* The Krum score of row i among the rows that are left: the sum of its left - f - 2 least squared
 * distances. */
static double score_among(const vx_geometry *g, size_t i, size_t left, size_t f, vx_rule_work *work)
{
    size_t count = 0, neighbours = left > f + 2 ? left - f - 2 : 0;
    double sum = 0.0;

    for (size_t j = 0; j < g->n; j++) {
        if (j != i && !work->selected[j])
            work->values[count++] = vx_d(g, i, j);
    }
    vx_order_ascending(work->values, count, work->order);
    for (size_t k = 0; k < neighbours; k++)
        sum += work->values[work->order[k]];
    return sum;
}

/*
 * Bulyan, first phase: theta = n - 2f rows by Krum repeated without replacement, scores anew on the
 * rows that are left. The second phase looks at the columns of these rows.
 *
 * Source: El Mhamdi, Guerraoui, Rouault, "The Hidden Vulnerability of Distributed Learning in
 * Byzantium", ICML 2018, Bulyan of Krum; n >= 4f + 3. (Others take theta best scores at once, or
 * never drop a row that was taken: they choose other rows.)
 *
 * work         score: of a selected row, the one with which it was taken; else the last one;
 *              selected.
 * ret_weights  (n): 1 / theta on the selected rows. Ties go to the lowest index.
 *
 * O(theta n^2 log n), no allocation, thread safe.
 */
vx_status vx_bulyan_select(const vx_geometry *g, const vx_aggregate_options *options,
                           vx_rule_work *work, double *ret_weights)
{
    size_t n = g->n, f = options->byzantine, theta = n - 2 * f;

    for (size_t i = 0; i < n; i++)
        work->selected[i] = false;
    for (size_t taken = 0; taken < theta; taken++) {
        size_t best = n;

        for (size_t i = 0; i < n; i++) {
            if (work->selected[i])
                continue;
            work->score[i] = score_among(g, i, n - taken, f, work);
            if (best == n || work->score[i] < work->score[best])
                best = i;
        }
        work->selected[best] = true;
    }
    for (size_t i = 0; i < n; i++)
        ret_weights[i] = work->selected[i] ? 1.0 / (double)theta : 0.0;
    return VX_OK;
}
