#ifndef VX_DATA_SHARD_H
#define VX_DATA_SHARD_H
#include <stdint.h>

#include <vx_base/status.h>
#include <vx_data/dataset.h>

/*
 * Which observations belong to which slot: a pure function of (targets, spec). Every observation
 * belongs to exactly one slot; with `files` to at most one.
 *
 *   iid               a random permutation cut into equal runs (sizes differ by at most 1)
 *   dirichlet         for each class, shares ~ Dirichlet(alpha 1_slots) cut its shuffled
 *                     observations (Hsu, Qi, Brown 2019); needs classes
 *   gamma_similarity  the first floor(gamma count) of a random permutation are dealt as iid, the
 *                     others sorted and cut into equal runs (ByzFL's gamma_similarity_niid). gamma
 *                     1 is iid, gamma 0 sorted
 *   sorted            sorted by label, or by the value of the first target column (stable), cut
 *                     into equal runs
 *   files             a list a slot: text, one observation number a line, counted from 0; empty
 *                     lines and what follows a # count for nothing
 */
typedef enum vx_shard_kind {
    VX_SHARD_IID,
    VX_SHARD_DIRICHLET,
    VX_SHARD_SORTED,
    VX_SHARD_GAMMA_SIMILARITY,
    VX_SHARD_FILES
} vx_shard_kind;

#define VX_SHARD_ALPHA_MAX 1e9 /* beyond it no share can be told from an equal one */

typedef struct vx_shard_spec {
    vx_shard_kind kind;
    double alpha; /* dirichlet: 0 < alpha <= VX_SHARD_ALPHA_MAX */
    double gamma; /* gamma_similarity: 0 .. 1 */
    uint64_t seed;
    uint32_t slots;
    const char *const *files; /* (slots) paths, borrowed */
} vx_shard_spec;

/* What observations are told apart by. One of both is there. Borrowed. */
typedef struct vx_shard_targets {
    const uint32_t *labels; /* (count) */
    const float *values;    /* (count), value i at values[i x stride] */
    size_t stride;
    size_t count;
} vx_shard_targets;

/* Of a whole set: asserted that vx_dataset_keep was not called. Borrowed from it. */
vx_shard_targets vx_dataset_shard_targets(const vx_dataset *dataset);

/* ret_indices: new memory, ascending order is not promised; the caller frees with vx_free.
 * VX_ERR_DATA when the slot gets no observation (message: which, and what to change), or a list of
 * `files` is wrong (file and line: no number, a number that is not below count, one that this or
 * another slot's list has already: all lists are read); VX_ERR_DOMAIN alpha or gamma out of its
 * range, slot >= slots, dirichlet of real targets; VX_ERR_NOT_FOUND, VX_ERR_IO. O(count) and a
 * sort. */
VX_MUST_CHECK vx_status vx_shard_indices(const vx_shard_spec *spec, vx_shard_targets targets,
                                         uint32_t slot, uint32_t **ret_indices, size_t *ret_count,
                                         vx_error *err);

/* Of several slots, ascending: their observations one after the other. Of one slot it is the
 * function above. VX_ERR_DATA when all of them together get none. O(slots_count count);
 * lists are read once. */
VX_MUST_CHECK vx_status vx_shard_union(const vx_shard_spec *spec, vx_shard_targets targets,
                                       const uint32_t *slots, size_t slots_count,
                                       uint32_t **ret_indices, size_t *ret_count, vx_error *err);

/*
 * Which observations of its shard, or of the union of its shards, a slot uses in a round: a pure
 * function of (seed, slot, round, number of observations), no state to lose. Draws run without
 * replacement through a permutation of the shard keyed by (seed, slot, data epoch): position p =
 * round x batch + b is entry p mod count of the permutation of data epoch p div count. So every
 * observation is used once a data epoch. The permutation of the last epoch asked for is cached. Any
 * round is taken: p is kept modulo 2^64, the data epoch modulo VX_ROUNDS_MAX.
 */
typedef struct vx_sampler vx_sampler;
VX_MUST_CHECK vx_status vx_sampler_create(uint64_t seed, uint32_t slot, size_t shard_count,
                                          size_t batch, vx_sampler **ret_sampler);
vx_sampler *vx_sampler_destroy(vx_sampler *sampler);
/* ret_positions (batch): positions in the shard, 0..shard_count-1. No allocation. */
void vx_sampler_draw(vx_sampler *sampler, uint64_t round, uint32_t *ret_positions);
#endif
