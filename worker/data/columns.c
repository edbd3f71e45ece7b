#include <vx_data/columns.h>

#include <math.h>
#include <stdbool.h>

#include <vx_base/assert.h>
#include <vx_base/rng.h>

#define ROUNDS 8 /* of the Feistel network, four on each half */

__extension__ typedef unsigned __int128 u128;

/* A block of Philox that no stream uses: under the seed of the job, these purposes have none. */
static void block_of(uint64_t seed, vx_rng_purpose purpose, const uint32_t words[3], uint32_t low,
                     uint32_t ret_block[4])
{
    const uint32_t counter[4] = { words[0], words[1], words[2], (uint32_t)purpose << 24 | low };
    const uint32_t key[2] = { (uint32_t)seed, (uint32_t)(seed >> 32) };

    vx_philox4x32_10(counter, key, ret_block);
}

/* Poisson(1) by inversion of 32 bits: how many of P(X <= k) 2^32, k = 0, 1, .. are not above. */
static float poisson_one(uint32_t uniform)
{
    static const uint32_t below[] = { 1580030168u, 3160060337u, 3950075421u, 4213413783u,
                                      4279248373u, 4292415291u, 4294609777u, 4294923276u,
                                      4294962463u, 4294966817u, 4294967252u, 4294967292u };
    int count = 0;

    for (size_t k = 0; k < sizeof(below) / sizeof(below[0]); k++)
        count += uniform >= below[k];
    return (float)count;
}

static void bootstrap_row(uint64_t seed, uint32_t observation, float *weights, size_t columns)
{
    for (size_t k = 0; k < columns; k += 4) { /* a block has the counts of four models */
        uint32_t block[4];

        block_of(seed, VX_RNG_COLUMN, (const uint32_t[]){ observation, (uint32_t)(k / 4), 0 }, 0,
                 block);
        for (size_t i = 0; i < 4 && k + i < columns; i++)
            weights[k + i] = poisson_one(block[i]);
    }
}

size_t vx_columns_fold(uint64_t seed, uint32_t observation, size_t columns)
{
    uint32_t block[4];

    VX_ASSERT(columns >= 1);
    block_of(seed, VX_RNG_FOLD, (const uint32_t[]){ observation, 0, 0 }, 0, block);
    return (size_t)((u128)((uint64_t)block[1] << 32 | block[0]) * columns >> 64);
}

void vx_columns_weights(vx_columns_kind kind, uint64_t seed, const uint32_t *observations,
                        size_t batch, vx_matf ret_weights)
{
    VX_ASSERT(ret_weights.rows == batch);
    VX_ASSERT(ret_weights.cols >= 1 && ret_weights.cols <= VX_COLUMNS_COUNT_MAX);
    for (size_t b = 0; b < batch; b++) {
        float *weights = ret_weights.at + b * ret_weights.ld;

        if (kind == VX_COLUMNS_BOOTSTRAP) {
            bootstrap_row(seed, observations[b], weights, ret_weights.cols);
            continue;
        }
        for (size_t k = 0; k < ret_weights.cols; k++)
            weights[k] = 1.0f;
        if (kind == VX_COLUMNS_FOLD)
            weights[vx_columns_fold(seed, observations[b], ret_weights.cols)] = 0.0f;
    }
}

/* A permutation of 0 .. height x width - 1, as pairs (x, y): x moves by a random function of y,
 * then y by one of x, and so on. */
typedef struct network {
    uint64_t seed;
    uint32_t slot, model;
    uint64_t height, width;
} network;

/* Below size, which is at most 2^16: by 32 bits, even to one part in 2^16. */
static uint64_t step_of(const network *n, uint32_t round, uint64_t half, uint64_t size)
{
    uint32_t block[4];

    block_of(n->seed, VX_RNG_PERMUTE, (const uint32_t[]){ (uint32_t)half, n->slot, n->model },
             round, block);
    return block[0] * size >> 32;
}

static uint64_t permute_pair(const network *n, uint64_t position)
{
    uint64_t x = position / n->width, y = position % n->width;

    for (uint32_t round = 0; round < ROUNDS; round += 2) {
        x += step_of(n, round, y, n->height);
        x -= x >= n->height ? n->height : 0;
        y += step_of(n, round + 1, x, n->width);
        y -= y >= n->width ? n->width : 0;
    }
    return x * n->width + y;
}

void vx_columns_permute(uint64_t seed, uint32_t slot, size_t k, size_t shard_count,
                        const uint32_t *positions, size_t batch, uint32_t *ret_positions)
{
    network n = { .seed = seed, .slot = slot, .model = (uint32_t)k };

    VX_ASSERT(shard_count >= 1 && shard_count <= UINT32_MAX);
    VX_ASSERT(k < VX_COLUMNS_COUNT_MAX);
    n.height = (uint64_t)ceil(sqrt((double)shard_count));
    n.width = (shard_count + n.height - 1) / n.height;
    for (size_t b = 0; b < batch; b++) {
        uint64_t at = positions[b];

        VX_ASSERT(at < shard_count);
        /* Walks the cycle of `at` until it is in the shard again, where it began. */
        for (bool outside = k > 0; outside; outside = at >= shard_count)
            at = permute_pair(&n, at);
        ret_positions[b] = (uint32_t)at;
    }
}
