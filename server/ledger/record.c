#include "record.h"

static uint8_t *put_u32(uint8_t *at, uint32_t value)
{
    vx_store_u32(at, value);
    return at + 4;
}

static uint8_t *put_u64(uint8_t *at, uint64_t value)
{
    vx_store_u64(at, value);
    return at + 8;
}

static uint8_t *put_f64(uint8_t *at, double value)
{
    uint64_t bits;

    memcpy(&bits, &value, sizeof(bits));
    return put_u64(at, bits);
}

static uint8_t *put_digest(uint8_t *at, vx_digest digest)
{
    memcpy(at, digest.at, sizeof(digest.at));
    return at + sizeof(digest.at);
}

static uint8_t *put_slot(uint8_t *at, const vx_ledger_slot *slot)
{
    at = put_u32(at, slot->slot);
    at = put_u32(at, slot->incarnation);
    *at++ = slot->verdict;
    *at++ = slot->included;
    at = put_u64(at, slot->samples);
    at = put_f64(at, slot->nll);
    at = put_f64(at, slot->norm);
    at = put_f64(at, slot->reconstruction);
    at = put_f64(at, slot->weight);
    return put_digest(at, slot->gradient);
}

size_t vx_ledger_record_encode(const vx_ledger_round *round, vx_cbytes kept, uint8_t *at)
{
    uint8_t *next = put_u64(at, round->round);

    next = put_u32(next, round->epoch);
    next = put_u32(next, (uint32_t)round->slots_count);
    next = put_f64(next, round->loss);
    next = put_f64(next, round->step_size);
    next = put_digest(next, round->update);
    next = put_digest(next, round->parameters);
    next = put_u64(next, kept.size);
    next =
        put_digest(next, kept.size > 0 ? vx_digest_of(kept.at, kept.size) : (vx_digest){ { 0 } });
    VX_ASSERT((size_t)(next - at) == VX_LEDGER_HEAD_BYTES);
    for (size_t i = 0; i < round->slots_count; i++)
        next = put_slot(next, &round->slots[i]);
    VX_ASSERT((size_t)(next - at) ==
              VX_LEDGER_HEAD_BYTES + round->slots_count * VX_LEDGER_SLOT_BYTES);
    return (size_t)(next - at);
}

static double load_f64(const uint8_t *at)
{
    uint64_t bits = vx_load_u64(at);
    double value;

    memcpy(&value, &bits, sizeof(value));
    return value;
}

static vx_digest load_digest(const uint8_t *at)
{
    vx_digest digest;

    memcpy(digest.at, at, sizeof(digest.at));
    return digest;
}

static vx_ledger_slot load_slot(const uint8_t *at)
{
    return (vx_ledger_slot){ .slot = vx_load_u32(at),
                             .incarnation = vx_load_u32(at + 4),
                             .verdict = at[8],
                             .included = at[9] != 0,
                             .samples = vx_load_u64(at + 10),
                             .nll = load_f64(at + 18),
                             .norm = load_f64(at + 26),
                             .reconstruction = load_f64(at + 34),
                             .weight = load_f64(at + 42),
                             .gradient = load_digest(at + 50) };
}

bool vx_ledger_record_decode(vx_cbytes bytes, vx_ledger_slot *slots, size_t slots_max,
                             vx_ledger_round *ret_round, vx_ledger_kept *ret_kept)
{
    const uint8_t *at = bytes.at;
    size_t count;

    if (bytes.size < VX_LEDGER_HEAD_BYTES)
        return false;
    count = vx_load_u32(at + 12);
    if (count > VX_WORKERS_MAX || bytes.size != VX_LEDGER_HEAD_BYTES + count * VX_LEDGER_SLOT_BYTES)
        return false;
    *ret_round = (vx_ledger_round){ .round = vx_load_u64(at),
                                    .epoch = vx_load_u32(at + 8),
                                    .loss = load_f64(at + 16),
                                    .step_size = load_f64(at + 24),
                                    .update = load_digest(at + 32),
                                    .parameters = load_digest(at + 48),
                                    .slots_count = count,
                                    .slots = slots };
    *ret_kept = (vx_ledger_kept){ .size = vx_load_u64(at + 64), .digest = load_digest(at + 72) };
    if (count > slots_max)
        return true;
    for (size_t i = 0; i < count; i++)
        slots[i] = load_slot(at + VX_LEDGER_HEAD_BYTES + i * VX_LEDGER_SLOT_BYTES);
    return true;
}
