#include "ledger_sample.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include <vx_base/alloc.h>
#include <vx_base/file.h>
#include <vx_base/rng.h>

const vx_digest sample_config = { { 1, 2, 3, 4, 5 } };

static double number(vx_rng *rng)
{
    static const double special[] = {
        (double)INFINITY, (double)-INFINITY, 0.0, -0.0,    DBL_MAX,   -DBL_MAX,          DBL_MIN,
        DBL_TRUE_MIN,     (double)NAN,       1.0, 1.0 / 3, -2.5e-300, 9007199254740993.0
    };
    uint64_t choice = vx_rng_below(rng, 20);
    uint64_t bits = vx_rng_u64(rng);
    double value;

    if (choice < sizeof(special) / sizeof(special[0]))
        return special[choice];
    if (choice == 19)
        bits |= 0x7ff0000000000001; /* a NaN with a payload, perhaps negative */
    memcpy(&value, &bits, sizeof(value));
    return value;
}

static vx_digest digest(vx_rng *rng)
{
    vx_digest digest;

    for (size_t i = 0; i < VX_DIGEST_BYTES; i++)
        digest.at[i] = (uint8_t)vx_rng_u32(rng);
    return vx_rng_below(rng, 4) == 0 ? (vx_digest){ { 0 } } : digest;
}

static vx_ledger_slot slot_of(uint32_t slot, vx_rng *rng)
{
    return (vx_ledger_slot){ .slot = slot,
                             .incarnation = vx_rng_u32(rng),
                             .owner = vx_rng_u32(rng),
                             .verdict = (uint8_t)vx_rng_u32(rng),
                             .included = vx_rng_below(rng, 2) == 0,
                             .samples = vx_rng_u64(rng),
                             .nll = number(rng),
                             .norm = number(rng),
                             .reconstruction = number(rng),
                             .weight = number(rng),
                             .gradient = digest(rng) };
}

const vx_ledger_round *sample(uint64_t round, size_t update_size)
{
    static uint8_t update[SAMPLE_UPDATE_MAX];
    static vx_ledger_slot slots[SAMPLE_SLOTS_MAX];
    static vx_ledger_round made;
    vx_rng rng = vx_rng_stream(3, VX_RNG_TEST, 0, round % VX_ROUNDS_MAX);

    assert_true(update_size <= sizeof(update));
    made = (vx_ledger_round){ .round = round,
                              .epoch = vx_rng_u32(&rng),
                              .loss = number(&rng),
                              .step_size = number(&rng),
                              .update = digest(&rng),
                              .parameters = digest(&rng),
                              .slots_count = round % (SAMPLE_SLOTS_MAX + 1),
                              .slots = slots };
    for (uint32_t i = 0; i < made.slots_count; i++)
        slots[i] = slot_of(3 * i + 1, &rng);
    for (size_t i = 0; i < update_size; i++)
        update[i] =
            (uint8_t)(((round + 1) * 0x9e3779b97f4a7c15 * (i / 4 + 1)) >> (40 - 8 * (i % 4)));
    made.update_bytes = (vx_cbytes){ update_size > 0 ? update : NULL, update_size };
    return &made;
}

vx_ledger *open_sample(const char *run_dir, vx_ledger_durability durability)
{
    vx_ledger *ledger = NULL;
    vx_error err = { 0 };

    vx_assert_ok(vx_ledger_open(run_dir, sample_config, durability, &ledger, &err), &err);
    return ledger;
}

void commit_sample(vx_ledger *ledger, uint64_t round, size_t update_size)
{
    vx_error err = { 0 };

    vx_assert_ok(vx_ledger_commit(ledger, sample(round, update_size), &err), &err);
}

/* The bits of a, b: NaN is equal to itself, -0 is not 0. */
static void expect_bits(double a, double b)
{
    assert_memory_equal(&a, &b, sizeof(a));
}

static void expect_slot(const vx_ledger_slot *found, const vx_ledger_slot *expected)
{
    assert_int_equal(found->slot, expected->slot);
    assert_int_equal(found->incarnation, expected->incarnation);
    assert_int_equal(found->owner, expected->owner);
    assert_int_equal(found->verdict, expected->verdict);
    assert_int_equal(found->included, expected->included);
    assert_true(found->samples == expected->samples);
    expect_bits(found->nll, expected->nll);
    expect_bits(found->norm, expected->norm);
    expect_bits(found->reconstruction, expected->reconstruction);
    expect_bits(found->weight, expected->weight);
    assert_true(vx_digest_equal(found->gradient, expected->gradient));
}

static void expect_round(const vx_ledger_round *found, const vx_ledger_round *expected)
{
    assert_int_equal(found->round, expected->round);
    assert_int_equal(found->epoch, expected->epoch);
    expect_bits(found->loss, expected->loss);
    expect_bits(found->step_size, expected->step_size);
    assert_true(vx_digest_equal(found->update, expected->update));
    assert_true(vx_digest_equal(found->parameters, expected->parameters));
    assert_int_equal(found->slots_count, expected->slots_count);
    for (size_t i = 0; i < expected->slots_count; i++)
        expect_slot(&found->slots[i], &expected->slots[i]);
    assert_int_equal(found->update_bytes.size, expected->update_bytes.size);
    if (expected->update_bytes.size > 0)
        assert_int_equal(
            memcmp(found->update_bytes.at, expected->update_bytes.at, expected->update_bytes.size),
            0);
}

vx_status read_sample(vx_ledger *ledger, uint64_t round, size_t update_size, vx_error *err)
{
    static uint8_t update[SAMPLE_UPDATE_MAX];
    vx_ledger_slot slots[SAMPLE_SLOTS_MAX];
    vx_ledger_round found;
    vx_bytes room = { update_size > 0 ? update : NULL, update_size };
    vx_status status = vx_ledger_read(ledger, round, slots, SAMPLE_SLOTS_MAX, room, &found, err);

    if (status == VX_OK)
        expect_round(&found, sample(round, update_size));
    return status;
}

void expect_samples(vx_ledger *ledger, uint64_t first, uint64_t end, size_t update_size)
{
    uint64_t found_first;
    uint64_t found_end;
    vx_error err = { 0 };

    vx_ledger_range(ledger, &found_first, &found_end);
    assert_int_equal(found_end - found_first, end - first);
    if (first != end)
        assert_int_equal(found_first, first);
    for (uint64_t round = found_first; round < found_end; round++)
        vx_assert_ok(read_sample(ledger, round, update_size, &err), &err);
}

char *ledger_path(const char *run_dir, const char *suffix)
{
    return vx_format("%s/" VX_LEDGER_FILE "%s", run_dir, suffix);
}

vx_bytes get_file(const char *path)
{
    vx_bytes content = { NULL, 0 };
    vx_error err = { 0 };

    vx_assert_ok(vx_file_read(path, 64u << 20, &content, &err), &err);
    return content;
}
