#include <string.h>

#include <vx_base/rng.h>

#include "rule.h"

static void permute(size_t n, const vx_aggregate_options *options, vx_rule_work *work)
{
    vx_rng rng = vx_rng_stream(options->bucket_seed, VX_RNG_BUCKET, 0, work->key);

    for (size_t i = 0; i < n; i++)
        work->items[i] = (uint32_t)i;
    if (!work->keep_order && options->bucket_size > 1)
        vx_rng_shuffle(&rng, work->items, n);
}

/*
 * Bucketing: the rows in a random order, cut into groups of s; y_b = mean of a group, the last one
 * may be shorter. With shares the mean is weighted, and a group's share is the sum of its rows'.
 *
 * Source: Karimireddy, He, Jaggi, "Byzantine-Robust Learning on Heterogeneous Datasets via
 * Bucketing", ICLR 2022, algorithm 1. f groups can hold a hostile row: the rule behind it sees
 * ceil(n / s) rows with the same f.
 *
 * The order is a pure function of bucket_seed and the key of the run (the round): a replayed round
 * has the same groups. Groups of one row keep its place: they are the slots. O(n^2), thread safe.
 */
size_t vx_bucketing(const vx_geometry *g, const vx_aggregate_options *options, vx_rule_work *work,
                    vx_mat ret_map)
{
    size_t n = g->n, size = options->bucket_size, buckets = (n + size - 1) / size;

    permute(n, options, work);
    for (size_t b = 0; b < buckets; b++) {
        size_t end = (b + 1) * size < n ? (b + 1) * size : n;
        double *row = ret_map.at + b * ret_map.ld, sum = 0.0;

        memset(row, 0, n * sizeof(*row));
        for (size_t k = b * size; k < end; k++)
            sum += g->share != NULL ? g->share[work->items[k]] : 1.0;
        for (size_t k = b * size; k < end; k++)
            row[work->items[k]] = (g->share != NULL ? g->share[work->items[k]] : 1.0) / sum;
    }
    return buckets;
}
