#ifndef VX_DATA_COLUMNS_H
#define VX_DATA_COLUMNS_H
#include <stdint.h>

#include <vx_base/span.h>
#include <vx_base/status.h>

/*
 * Many models at once over shared observations: model k of K weighs them, or has targets of its
 * own, by a pure function of (seed, observation, k). Observations are the numbers that they have in
 * the files, so that the shards of all slots together are one resample, one partition.
 *
 *   one          weights 1
 *   bootstrap    counts ~ Poisson(1), independent; model 0 too. The limit of resampling with
 *                replacement (Oza and Russell 2001; Chamandy et al. 2012)
 *   fold         0 where the observation is in fold k, else 1: model k never sees its fold. Each
 *                observation is in exactly one of the K folds, uniform
 *   permutation  weights 1; the targets of model k >= 1 are permuted within the shard, those of
 *                model 0 are as they are
 */
typedef enum vx_columns_kind {
    VX_COLUMNS_ONE,
    VX_COLUMNS_BOOTSTRAP,
    VX_COLUMNS_FOLD,
    VX_COLUMNS_PERMUTATION
} vx_columns_kind;

#define VX_COLUMNS_COUNT_MAX ((size_t)65536)

/* ret_weights (batch, K), K = its cols. No allocation, O(batch K). */
void vx_columns_weights(vx_columns_kind kind, uint64_t seed, const uint32_t *observations,
                        size_t batch, vx_matf ret_weights);

/* In which of K folds. */
size_t vx_columns_fold(uint64_t seed, uint32_t observation, size_t columns);

/*
 * Whose targets an observation has in model k: ret_positions[b] in 0 .. shard_count - 1 for
 * positions[b] in the shard; for k = 0 the same. For each k it is a permutation of the shard: a
 * Feistel network of Philox over the positions, walked until it is inside (Black and Rogaway 2002),
 * so that no table of K x shard_count is held. Expected O(batch).
 */
void vx_columns_permute(uint64_t seed, uint32_t slot, size_t k, size_t shard_count,
                        const uint32_t *positions, size_t batch, uint32_t *ret_positions);
#endif
