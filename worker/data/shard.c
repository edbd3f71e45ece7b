#include <vx_data/shard.h>

#include <string.h>

#include <vx_base/alloc.h>
#include <vx_base/assert.h>
#include <vx_base/rng.h>

#include "shard_lists.h"

/* What a shard is cut from. */
typedef struct cut {
    const vx_shard_spec *spec;
    vx_shard_targets targets;
    const uint32_t *slots; /* (slots_count), one but of lists, which are read once for all */
    size_t slots_count;
    uint32_t slot;   /* the first */
    uint32_t *order; /* (count), the result */
    uint32_t *spare; /* (count) */
} cut;

#define DIGITS 256u

/* The key that sorting goes by: the label, or the bits of the value in the order of the numbers. */
static uint32_t key_of(const vx_shard_targets *targets, uint32_t i)
{
    float value = 0.0f;
    uint32_t bits = 0;

    if (targets->labels != NULL)
        return targets->labels[i];
    value = targets->values[i * targets->stride] + 0.0f; /* -0 is 0 */
    memcpy(&bits, &value, sizeof(bits));
    return (bits & 0x80000000u) != 0 ? ~bits : bits | 0x80000000u;
}

/* One pass of a radix sort, stable: from[] by 8 bits of its keys into to[]. */
static void sort_digit(const cut *c, const uint32_t *from, uint32_t *to, size_t count,
                       unsigned shift)
{
    size_t places[DIGITS + 1] = { 0 };

    for (size_t i = 0; i < count; i++)
        places[(key_of(&c->targets, from[i]) >> shift) % DIGITS + 1]++;
    for (size_t d = 0; d < DIGITS; d++)
        places[d + 1] += places[d];
    for (size_t i = 0; i < count; i++)
        to[places[(key_of(&c->targets, from[i]) >> shift) % DIGITS]++] = from[i];
}

/* Sorts items[0..count) by target, stable; spare has room for as many. */
static void sort_items(const cut *c, uint32_t *items, uint32_t *spare, size_t count)
{
    for (unsigned shift = 0; shift < 32; shift += 16) {
        sort_digit(c, items, spare, count, shift);
        sort_digit(c, spare, items, count, shift + 8);
    }
}

static void number_all(uint32_t *order, size_t count)
{
    for (size_t i = 0; i < count; i++)
        order[i] = (uint32_t)i;
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

static void shuffle_all(const cut *c)
{
    vx_rng rng = vx_rng_stream(c->spec->seed, VX_RNG_SHARD, 0, 0);

    number_all(c->order, c->targets.count);
    vx_rng_shuffle(&rng, c->order, c->targets.count);
}

static size_t shard_iid(const cut *c)
{
    shuffle_all(c);
    return take_run(c->order, c->targets.count, c->spec->slots, c->slot);
}

static size_t shard_sorted(const cut *c)
{
    number_all(c->order, c->targets.count);
    sort_items(c, c->order, c->spare, c->targets.count);
    return take_run(c->order, c->targets.count, c->spec->slots, c->slot);
}

/* The others are put into their order in the files first: among equal targets that one stands. */
static size_t shard_gamma(const cut *c)
{
    size_t count = c->targets.count;
    size_t dealt = (size_t)(c->spec->gamma * (double)count);
    size_t rest = 0;
    size_t taken = 0;
    size_t taken_rest = 0;

    if (dealt > count)
        dealt = count;
    shuffle_all(c);
    memset(c->spare, 0, count * sizeof(c->spare[0]));
    for (size_t i = 0; i < dealt; i++)
        c->spare[c->order[i]] = 1;
    for (size_t i = 0; i < count; i++)
        if (c->spare[i] == 0)
            c->order[dealt + rest++] = (uint32_t)i;
    sort_items(c, c->order + dealt, c->spare, rest);
    taken = take_run(c->order, dealt, c->spec->slots, c->slot);
    taken_rest = take_run(c->order + dealt, rest, c->spec->slots, c->slot);
    memmove(c->order + taken, c->order + dealt, taken_rest * sizeof(c->order[0]));
    return taken + taken_rest;
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

static size_t shard_dirichlet(const cut *c)
{
    size_t count = c->targets.count;
    size_t used = 0;
    size_t end = 0;

    number_all(c->order, count);
    sort_items(c, c->order, c->spare, count);
    for (size_t begin = 0; begin < count; begin = end) {
        uint32_t label = c->targets.labels[c->order[begin]];
        vx_rng rng = vx_rng_stream(c->spec->seed, VX_RNG_SHARD, 1, label);
        size_t from = 0;
        size_t to = 0;

        for (end = begin; end < count && c->targets.labels[c->order[end]] == label;)
            end++;
        vx_rng_shuffle(&rng, c->order + begin, end - begin);
        dirichlet_bounds(c->spec, &rng, end - begin, c->slot, &from, &to);
        memmove(c->order + used, c->order + begin + from, (to - from) * sizeof(c->order[0]));
        used += to - from;
    }
    return used;
}

static vx_status check_spec(const vx_shard_spec *spec, const vx_shard_targets *targets,
                            uint32_t slot, vx_error *err)
{
    if (slot >= spec->slots)
        return vx_fail(err, VX_ERR_DOMAIN, "slot %u of %u", slot, spec->slots);
    if (spec->kind == VX_SHARD_DIRICHLET &&
        !(spec->alpha > 0.0 && spec->alpha <= VX_SHARD_ALPHA_MAX))
        return vx_fail(err, VX_ERR_DOMAIN, "data.alpha %g: expected a number above 0, at most %g",
                       spec->alpha, VX_SHARD_ALPHA_MAX);
    if (spec->kind == VX_SHARD_DIRICHLET && targets->labels == NULL)
        return vx_fail(err, VX_ERR_DOMAIN,
                       "data.shard dirichlet needs classes, and targets are real; iid, sorted and "
                       "gamma_similarity work");
    if (spec->kind == VX_SHARD_GAMMA_SIMILARITY && !(spec->gamma >= 0.0 && spec->gamma <= 1.0))
        return vx_fail(err, VX_ERR_DOMAIN, "data.gamma %g: expected a number from 0 to 1",
                       spec->gamma);
    if (targets->count > UINT32_MAX)
        return vx_fail(err, VX_ERR_LIMIT, "%zu observations: at most %u", targets->count,
                       UINT32_MAX);
    return VX_OK;
}

static vx_status cut_shard(cut *c, size_t *ret_kept, vx_error *err)
{
    switch (c->spec->kind) {
    case VX_SHARD_IID:
        *ret_kept = shard_iid(c);
        break;
    case VX_SHARD_DIRICHLET:
        *ret_kept = shard_dirichlet(c);
        break;
    case VX_SHARD_SORTED:
        *ret_kept = shard_sorted(c);
        break;
    case VX_SHARD_GAMMA_SIMILARITY:
        *ret_kept = shard_gamma(c);
        break;
    case VX_SHARD_FILES:
        return vx_shard_lists(c->spec, c->targets.count, c->slots, c->slots_count, c->order,
                              c->spare, ret_kept, err);
    }
    return VX_OK;
}

static vx_status take_memory(cut *c, vx_error *err)
{
    size_t count = c->targets.count > 0 ? c->targets.count : 1;

    c->order = vx_calloc(count, sizeof(*c->order));
    c->spare = vx_calloc(count, sizeof(*c->spare));
    if (c->order == NULL || c->spare == NULL)
        return vx_fail(err, VX_ERR_NOMEM, "no memory to shard %zu observations", c->targets.count);
    return VX_OK;
}

/* As vx_shard_indices, but slots may get none. */
static vx_status find_shards(const vx_shard_spec *spec, const vx_shard_targets *targets,
                             const uint32_t *slots, size_t slots_count, uint32_t **ret_indices,
                             size_t *ret_count, vx_error *err)
{
    cut c = { .spec = spec,
              .targets = *targets,
              .slots = slots,
              .slots_count = slots_count,
              .slot = slots[0] };
    vx_status status = check_spec(spec, targets, slots[slots_count - 1], err);

    if (status == VX_OK)
        status = take_memory(&c, err);
    if (status == VX_OK)
        status = cut_shard(&c, ret_count, err);
    if (status == VX_OK) {
        *ret_indices = c.order;
        c.order = NULL; /* moved */
    }
    vx_free(c.order);
    vx_free(c.spare);
    return status;
}

vx_status vx_shard_indices(const vx_shard_spec *spec, vx_shard_targets targets, uint32_t slot,
                           uint32_t **ret_indices, size_t *ret_count, vx_error *err)
{
    uint32_t *indices = NULL;
    size_t kept = 0;
    vx_status status = find_shards(spec, &targets, &slot, 1, &indices, &kept, err);

    if (status != VX_OK)
        return status;
    if (kept == 0) {
        vx_free(indices);
        if (spec->kind == VX_SHARD_FILES)
            return vx_fail(
                err, VX_ERR_DATA,
                "slot %u of %u gets none of the %zu observations: its list of data.files "
                "has no number",
                slot, spec->slots, targets.count);
        return vx_fail(
            err, VX_ERR_DATA,
            "slot %u of %u gets none of the %zu observations: use fewer workers, another seed or a "
            "larger data.alpha",
            slot, spec->slots, targets.count);
    }
    *ret_indices = indices;
    *ret_count = kept;
    return VX_OK;
}

/* ret_joined has room for count. */
static vx_status join_shards(const vx_shard_spec *spec, vx_shard_targets targets,
                             const uint32_t *slots, size_t slots_count, uint32_t *ret_joined,
                             size_t *ret_count, vx_error *err)
{
    size_t count = targets.count;
    size_t used = 0;
    size_t step = spec->kind == VX_SHARD_FILES ? slots_count : 1;

    for (size_t i = 0; i < slots_count; i += step) {
        uint32_t *indices = NULL;
        size_t kept = 0;
        vx_status status = find_shards(spec, &targets, slots + i, step, &indices, &kept, err);

        if (status != VX_OK)
            return status;
        VX_ASSERT(indices != NULL);
        VX_ASSERT(kept <= count - used);
        memcpy(ret_joined + used, indices, kept * sizeof(*indices));
        used += kept;
        vx_free(indices);
    }
    if (used == 0)
        return vx_fail(err, VX_ERR_DATA, "%zu shards hold none of the %zu observations",
                       slots_count, count);
    *ret_count = used;
    return VX_OK;
}

vx_status vx_shard_union(const vx_shard_spec *spec, vx_shard_targets targets, const uint32_t *slots,
                         size_t slots_count, uint32_t **ret_indices, size_t *ret_count,
                         vx_error *err)
{
    size_t count = targets.count;
    uint32_t *joined = NULL;
    vx_status status = VX_OK;

    VX_ASSERT(slots_count >= 1);
    for (size_t i = 1; i < slots_count; i++)
        VX_ASSERT(slots[i] > slots[i - 1]);
    if (slots_count == 1)
        return vx_shard_indices(spec, targets, slots[0], ret_indices, ret_count, err);
    joined = vx_calloc(count > 0 ? count : 1, sizeof(*joined));
    if (joined == NULL)
        return vx_fail(err, VX_ERR_NOMEM, "no memory to shard %zu observations", count);
    status = join_shards(spec, targets, slots, slots_count, joined, ret_count, err);
    if (status == VX_OK)
        *ret_indices = joined;
    else
        vx_free(joined);
    return status;
}
