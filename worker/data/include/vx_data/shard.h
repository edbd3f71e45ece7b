#ifndef VX_DATA_SHARD_H
#define VX_DATA_SHARD_H
#include <stdint.h>

#include <vx_base/status.h>

/*
 * Which observations belong to which slot: a pure function of (labels, kind, alpha, seed, slots).
 * Every observation belongs to exactly one slot.
 *
 *   iid        a random permutation cut into equal runs (sizes differ by at most 1)
 *   dirichlet  for each class, shares ~ Dirichlet(alpha 1_slots) cut its shuffled
 *              observations (Hsu, Qi, Brown 2019)
 *   sorted     sorted by label (stable), cut into equal runs
 */
typedef enum vx_shard_kind { VX_SHARD_IID, VX_SHARD_DIRICHLET, VX_SHARD_SORTED } vx_shard_kind;

#define VX_SHARD_ALPHA_MAX 1e9 /* beyond it no share can be told from an equal one */

typedef struct vx_shard_spec {
    vx_shard_kind kind;
    double alpha; /* dirichlet: 0 < alpha <= VX_SHARD_ALPHA_MAX */
    uint64_t seed;
    uint32_t slots;
} vx_shard_spec;

/* ret_indices: new memory, ascending order is not promised; the caller frees with vx_free.
 * VX_ERR_DATA when the slot gets no observation (message: which, and what to change); VX_ERR_DOMAIN
 * alpha out of its range, slot >= slots. O(count). */
VX_MUST_CHECK vx_status vx_shard_indices(const vx_shard_spec *spec, const uint8_t *labels,
                                         size_t count, uint32_t slot, uint32_t **ret_indices,
                                         size_t *ret_count, vx_error *err);

/*
 * Which observations of its shard a slot uses in a round: a pure function of (seed, slot, round),
 * no state to lose. Draws run without replacement through a permutation of the shard keyed by
 * (seed, slot, data epoch): position p = round x batch + b is entry p mod count of the permutation
 * of data epoch p div count. So every observation is used once a data epoch. The permutation of the
 * last epoch asked for is cached. Any round is taken: p is kept modulo 2^64, the data epoch modulo
 * VX_ROUNDS_MAX.
 */
typedef struct vx_sampler vx_sampler;
VX_MUST_CHECK vx_status vx_sampler_create(uint64_t seed, uint32_t slot, size_t shard_count,
                                          size_t batch, vx_sampler **ret_sampler);
vx_sampler *vx_sampler_destroy(vx_sampler *sampler);
/* ret_positions (batch): positions in the shard, 0..shard_count-1. No allocation. */
void vx_sampler_draw(vx_sampler *sampler, uint64_t round, uint32_t *ret_positions);
#endif
