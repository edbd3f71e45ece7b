#include <string.h>

#include "order.h"
#include "rule.h"

/* Of each row its distances to the rows that are left, ascending, and whose they are. */
typedef struct neighbours {
    size_t n, left;
    double *distance; /* (n, n) of which each row begins with left - 1 */
    uint32_t *whose;  /* (n, n) */
} neighbours;

static void sort_neighbours(const vx_geometry *g, vx_rule_work *work, neighbours *of)
{
    size_t n = g->n;

    for (size_t i = 0; i < n; i++) {
        size_t count = 0;

        for (size_t j = 0; j < n; j++)
            work->values[j] = j == i ? -1.0 : vx_d(g, i, j); /* itself comes first */
        vx_order_ascending(work->values, n, work->order);
        for (size_t k = 1; k < n; k++) {
            of->distance[i * n + count] = work->values[work->order[k]];
            of->whose[i * n + count++] = (uint32_t)work->order[k];
        }
    }
}

/* The Krum score of row i among the rows that are left: the sum of its left - f - 2 least squared
 * distances. */
static double score_among(const neighbours *of, size_t i, size_t f)
{
    size_t count = of->left > f + 2 ? of->left - f - 2 : 0;
    double sum = 0.0;

    for (size_t k = 0; k < count; k++)
        sum += of->distance[i * of->n + k];
    return sum;
}

/* Row `gone` is no neighbour of row i any more. */
static void forget(const neighbours *of, size_t i, size_t gone)
{
    double *distance = of->distance + i * of->n;
    uint32_t *whose = of->whose + i * of->n;
    size_t at = 0, last = of->left - 2;

    while (whose[at] != gone)
        at++;
    memmove(distance + at, distance + at + 1, (last - at) * sizeof(*distance));
    memmove(whose + at, whose + at + 1, (last - at) * sizeof(*whose));
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
 * O(n^2 log n + theta n^2), no allocation, thread safe.
 */
vx_status vx_bulyan_select(const vx_geometry *g, const vx_aggregate_options *options,
                           vx_rule_work *work, double *ret_weights)
{
    size_t n = g->n, f = options->byzantine, theta = n - 2 * f;
    neighbours of = { n, n, work->square, (uint32_t *)(void *)work->square_more };

    sort_neighbours(g, work, &of);
    for (size_t i = 0; i < n; i++)
        work->selected[i] = false;
    for (; of.left > n - theta; of.left--) {
        size_t best = n;

        for (size_t i = 0; i < n; i++) {
            if (work->selected[i])
                continue;
            work->score[i] = score_among(&of, i, f);
            if (best == n || work->score[i] < work->score[best])
                best = i;
        }
        work->selected[best] = true;
        for (size_t i = 0; i < n; i++) {
            if (!work->selected[i])
                forget(&of, i, best);
        }
    }
    for (size_t i = 0; i < n; i++)
        ret_weights[i] = work->selected[i] ? 1.0 / (double)theta : 0.0;
    return VX_OK;
}
