#include <vx_data/shard.h>

#include <string.h>

#include <vx_base/alloc.h>
#include <vx_base/assert.h>
#include <vx_base/rng.h>

#define CLASSES_MAX 256

/* Observations by label, stable: order[] holds them class after class, begin[c] where class c
 * begins. */
static void sort_by_label(const uint8_t *labels, size_t count, uint32_t *order,
                          size_t begin[CLASSES_MAX + 1])
{
    size_t next[CLASSES_MAX];

    memset(begin, 0, (CLASSES_MAX + 1) * sizeof(begin[0]));
    for (size_t i = 0; i < count; i++)
        begin[labels[i] + 1]++;
    for (size_t c = 0; c < CLASSES_MAX; c++) {
        begin[c + 1] += begin[c];
        next[c] = begin[c];
    }
    for (size_t i = 0; i < count; i++)
        order[next[labels[i]]++] = (uint32_t)i;
}

/* Part `slot` of `slots` equal runs of order[]; the first ones are longer by one where it does not
 * divide. */
static size_t take_run(uint32_t *order, size_t count, uint32_t slots, uint32_t slot)
{
    size_t from = count * slot / slots;
    size_t to = count * ((size_t)slot + 1) / slots;

    memmove(order, order + from, (to - from) * sizeof(order[0]));
    return to - from;
}

static size_t shard_iid(const vx_shard_spec *spec, uint32_t *order, size_t count, uint32_t slot)
{
    vx_rng rng = vx_rng_stream(spec->seed, VX_RNG_SHARD, 0, 0);

    for (size_t i = 0; i < count; i++)
        order[i] = (uint32_t)i;
    vx_rng_shuffle(&rng, order, count);
    return take_run(order, count, spec->slots, slot);
}

/* Where the share of `slot` begins and ends in a class of `size` observations. */
static void dirichlet_bounds(const vx_shard_spec *spec, vx_rng *rng, size_t size, uint32_t slot,
                             size_t *ret_from, size_t *ret_to)
{
    double before = 0.0;
    double own = 0.0;
    double sum = 0.0;

    for (uint32_t k = 0; k < spec->slots; k++) {
        double draw = vx_rng_gamma(rng, spec->alpha);

        before += k < slot ? draw : 0.0;
        own = k == slot ? draw : own;
        sum += draw;
    }
    if (!(sum > 0.0)) { /* every draw underflowed: a very small alpha gives the class to one slot */
        uint32_t winner = (uint32_t)vx_rng_below(rng, spec->slots);

        before = winner < slot ? 1.0 : 0.0;
        own = winner == slot ? 1.0 : 0.0;
        sum = 1.0;
    }
    *ret_from = (size_t)((double)size * (before / sum) + 0.5);
    *ret_to = (size_t)((double)size * ((before + own) / sum) + 0.5);
    if (slot + 1 == spec->slots)
        *ret_to = size;
    VX_ASSERT(*ret_from <= *ret_to);
    VX_ASSERT(*ret_to <= size);
}

static size_t shard_dirichlet(const vx_shard_spec *spec, const uint8_t *labels, size_t count,
                              uint32_t *order, uint32_t slot)
{
    size_t begin[CLASSES_MAX + 1];
    size_t used = 0;

    sort_by_label(labels, count, order, begin);
    for (size_t c = 0; c < CLASSES_MAX; c++) {
        vx_rng rng = vx_rng_stream(spec->seed, VX_RNG_SHARD, 1, c);
        size_t size = begin[c + 1] - begin[c];
        size_t from = 0;
        size_t to = 0;

        vx_rng_shuffle(&rng, order + begin[c], size);
        dirichlet_bounds(spec, &rng, size, slot, &from, &to);
        memmove(order + used, order + begin[c] + from, (to - from) * sizeof(order[0]));
        used += to - from;
    }
    return used;
}

vx_status vx_shard_indices(const vx_shard_spec *spec, const uint8_t *labels, size_t count,
                           uint32_t slot, uint32_t **ret_indices, size_t *ret_count, vx_error *err)
{
    size_t begin[CLASSES_MAX + 1];
    uint32_t *order = NULL;
    size_t kept = 0;

    if (slot >= spec->slots)
        return vx_fail(err, VX_ERR_DOMAIN, "slot %u of %u", slot, spec->slots);
    if (spec->kind == VX_SHARD_DIRICHLET &&
        !(spec->alpha > 0.0 && spec->alpha <= VX_SHARD_ALPHA_MAX))
        return vx_fail(err, VX_ERR_DOMAIN, "data.alpha %g: expected a number above 0, at most %g",
                       spec->alpha, VX_SHARD_ALPHA_MAX);
    if (count > UINT32_MAX)
        return vx_fail(err, VX_ERR_LIMIT, "%zu observations: at most %u", count, UINT32_MAX);
    order = vx_calloc(count > 0 ? count : 1, sizeof(*order));
    if (order == NULL)
        return vx_fail(err, VX_ERR_NOMEM, "no memory to shard %zu observations", count);
    switch (spec->kind) {
    case VX_SHARD_IID:
        kept = shard_iid(spec, order, count, slot);
        break;
    case VX_SHARD_DIRICHLET:
        kept = shard_dirichlet(spec, labels, count, order, slot);
        break;
    case VX_SHARD_SORTED:
        sort_by_label(labels, count, order, begin);
        kept = take_run(order, count, spec->slots, slot);
        break;
    }
    if (kept == 0) {
        vx_free(order);
        return vx_fail(
            err, VX_ERR_DATA,
            "slot %u of %u gets none of the %zu observations: use fewer workers, another seed or a "
            "larger data.alpha",
            slot, spec->slots, count);
    }
    *ret_indices = order;
    *ret_count = kept;
    return VX_OK;
}
