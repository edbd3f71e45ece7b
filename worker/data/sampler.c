#include <vx_data/shard.h>

#include <vx_base/alloc.h>
#include <vx_base/assert.h>
#include <vx_base/limits.h>
#include <vx_base/rng.h>

struct vx_sampler {
    uint64_t seed;
    uint32_t slot;
    size_t count, batch;
    uint64_t epoch;        /* of the cached permutation; UINT64_MAX = none */
    uint32_t *permutation; /* (count) */
};

vx_status vx_sampler_create(uint64_t seed, uint32_t slot, size_t shard_count, size_t batch,
                            vx_sampler **ret_sampler)
{
    vx_sampler *sampler = NULL;

    VX_ASSERT(shard_count >= 1);
    VX_ASSERT(batch >= 1);
    sampler = vx_calloc(1, sizeof(*sampler));
    if (sampler == NULL)
        return VX_ERR_NOMEM;
    *sampler = (vx_sampler){
        .seed = seed, .slot = slot, .count = shard_count, .batch = batch, .epoch = UINT64_MAX
    };
    sampler->permutation = vx_calloc(shard_count, sizeof(*sampler->permutation));
    if (sampler->permutation == NULL) {
        vx_sampler_destroy(sampler);
        return VX_ERR_NOMEM;
    }
    *ret_sampler = sampler;
    return VX_OK;
}

vx_sampler *vx_sampler_destroy(vx_sampler *sampler)
{
    if (sampler == NULL)
        return NULL;
    vx_free(sampler->permutation);
    vx_free(sampler);
    return NULL;
}

static void permute(vx_sampler *sampler, uint64_t epoch)
{
    vx_rng rng = vx_rng_stream(sampler->seed, VX_RNG_SAMPLE, sampler->slot, epoch);

    if (sampler->epoch == epoch)
        return;
    for (size_t i = 0; i < sampler->count; i++)
        sampler->permutation[i] = (uint32_t)i;
    vx_rng_shuffle(&rng, sampler->permutation, sampler->count);
    sampler->epoch = epoch;
}

void vx_sampler_draw(vx_sampler *sampler, uint64_t round, uint32_t *ret_positions)
{
    for (size_t b = 0; b < sampler->batch; b++) {
        uint64_t position = round * sampler->batch + b;

        permute(sampler, position / sampler->count % VX_ROUNDS_MAX);
        ret_positions[b] = sampler->permutation[position % sampler->count];
    }
}
