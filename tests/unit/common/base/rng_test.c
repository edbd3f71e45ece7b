#include <vx_base/rng.h>
#include <vx_test/check.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define DRAWS 200000

static vx_rng stream(uint32_t slot)
{
    return vx_rng_stream(20260131, VX_RNG_TEST, slot, 0);
}

/* Random123, tests/kat_vectors, the three lines "philox4x32 10". */
static void philox_gives_the_known_answers(void **state)
{
    static const struct {
        uint32_t counter[4], key[2], block[4];
    } known[] = {
        { { 0, 0, 0, 0 }, { 0, 0 }, { 0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8 } },
        { { 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff },
          { 0xffffffff, 0xffffffff },
          { 0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd } },
        { { 0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344 },
          { 0xa4093822, 0x299f31d0 },
          { 0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1 } },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        uint32_t block[4];

        vx_philox4x32_10(known[i].counter, known[i].key, block);
        assert_memory_equal(block, known[i].block, sizeof(block));
    }
}

static void arguments_fill_key_and_counter_without_overlap(void **state)
{
    static const uint32_t counter[4] = { 0, 0x33333333, 0x88776655, 0x03AA9900 };
    vx_rng rng = vx_rng_stream(0x1111111122222222, VX_RNG_SAMPLE, 0x33333333, 0xAA9988776655);

    (void)state;
    assert_int_equal(rng.key[0], 0x22222222);
    assert_int_equal(rng.key[1], 0x11111111);
    assert_memory_equal(rng.counter, counter, sizeof(counter));
}

static void streams_that_differ_in_one_bit_differ(void **state)
{
    vx_rng base = vx_rng_stream(0, VX_RNG_TEST, 0, 0);
    uint64_t first = vx_rng_u64(&base);
    vx_rng other = vx_rng_stream(0, VX_RNG_SHARD, 0, 0);

    (void)state;
    assert_true(vx_rng_u64(&other) != first);
    for (int bit = 0; bit < 64; bit++) {
        other = vx_rng_stream(1ULL << bit, VX_RNG_TEST, 0, 0);
        assert_true(vx_rng_u64(&other) != first);
        if (bit < 48) {
            other = vx_rng_stream(0, VX_RNG_TEST, 0, 1ULL << bit);
            assert_true(vx_rng_u64(&other) != first);
        }
        if (bit < 32) {
            other = vx_rng_stream(0, VX_RNG_TEST, 1u << bit, 0);
            assert_true(vx_rng_u64(&other) != first);
        }
    }
}

static void a_stream_is_a_function_of_its_arguments(void **state)
{
    vx_rng a = stream(3);
    vx_rng b = stream(3);

    (void)state;
    for (int i = 0; i < 1000; i++)
        assert_int_equal(vx_rng_u32(&a), vx_rng_u32(&b));
}

static void words_are_those_of_the_blocks_in_order(void **state)
{
    vx_rng rng = stream(1);
    uint32_t counter[4];
    uint32_t block[4];

    (void)state;
    memcpy(counter, rng.counter, sizeof(counter));
    for (uint32_t index = 0; index < 3; index++) {
        counter[0] = index;
        vx_philox4x32_10(counter, rng.key, block);
        assert_int_equal(vx_rng_u32(&rng), block[0]);
        assert_int_equal(vx_rng_u32(&rng), block[1]);
        assert_true(vx_rng_u64(&rng) == ((uint64_t)block[3] << 32 | block[2]));
    }
}

/* A model of 2^32 parameters with noise of 4 words each uses 2^32 blocks. */
static void the_block_index_goes_on_above_32_bits(void **state)
{
    vx_rng rng = stream(1);
    uint32_t purpose_and_round = rng.counter[3];

    (void)state;
    rng.counter[0] = UINT32_MAX;
    (void)vx_rng_u32(&rng);
    assert_int_equal(rng.counter[0], 0);
    assert_int_equal(rng.counter[1], 1);
    assert_int_equal(rng.counter[3], purpose_and_round + 1);
}

/* Pearson's sum over cells of equal probability. */
static double chi_square(const unsigned *counts, size_t cells, double draws)
{
    double expected = draws / (double)cells;
    double sum = 0;

    for (size_t i = 0; i < cells; i++)
        sum += ((double)counts[i] - expected) * ((double)counts[i] - expected) / expected;
    return sum;
}

static void below_a_small_bound_is_uniform(void **state)
{
    vx_rng rng = stream(4);
    unsigned counts[6] = { 0 };

    (void)state;
    for (int i = 0; i < DRAWS; i++) {
        uint64_t pick = vx_rng_below(&rng, 6);

        assert_in_range(pick, 0, 5);
        counts[pick]++;
    }
    assert_true(chi_square(counts, 6, DRAWS) < 20.5); /* 5 degrees of freedom, p = 0.001 */
}

/* Without rejection, a third of the values below 3 2^62 come from two of the 2^64 numbers and the
 * others from one: remainders by 3 would be 1/2, 1/4, 1/4. */
static void below_a_large_bound_rejects_what_would_bias(void **state)
{
    const uint64_t bound = 3ULL << 62;
    vx_rng rng = stream(5);
    unsigned counts[3] = { 0 };

    (void)state;
    for (int i = 0; i < DRAWS; i++) {
        uint64_t pick = vx_rng_below(&rng, bound);

        assert_true(pick < bound);
        counts[pick % 3]++;
    }
    assert_true(chi_square(counts, 3, DRAWS) < 13.8); /* 2 degrees of freedom, p = 0.001 */
}

static void below_one_is_zero(void **state)
{
    vx_rng rng = stream(6);

    (void)state;
    for (int i = 0; i < 100; i++)
        assert_int_equal(vx_rng_below(&rng, 1), 0);
}

typedef struct moments {
    double mean, variance, third, fourth; /* central */
} moments;

static moments moments_of(const double *x, size_t count)
{
    moments m = { 0 };

    for (size_t i = 0; i < count; i++)
        m.mean += x[i];
    m.mean /= (double)count;
    for (size_t i = 0; i < count; i++) {
        double d = x[i] - m.mean;

        m.variance += d * d;
        m.third += d * d * d;
        m.fourth += d * d * d * d;
    }
    m.variance /= (double)count;
    m.third /= (double)count;
    m.fourth /= (double)count;
    return m;
}

/* Bounds are five standard errors of each moment. */
static void uniform_fills_zero_to_one(void **state)
{
    vx_rng rng = stream(7);
    double *x = calloc(DRAWS, sizeof(*x));
    moments m;

    (void)state;
    assert_non_null(x);
    for (int i = 0; i < DRAWS; i++) {
        x[i] = vx_rng_uniform(&rng);
        assert_true(x[i] >= 0.0 && x[i] < 1.0);
    }
    m = moments_of(x, DRAWS);
    vx_assert_close(m.mean, 0.5, 0, 5 * sqrt(1.0 / 12 / DRAWS));
    vx_assert_close(m.variance, 1.0 / 12, 0, 5 * sqrt(1.0 / 180 / DRAWS));
    free(x);
}

static void the_ends_of_uniform_are_zero_and_below_one(void **state)
{
    vx_rng rng = stream(7);

    (void)state;
    rng.used = 0;
    memset(rng.block, 0, sizeof(rng.block));
    vx_assert_close(vx_rng_uniform(&rng), 0.0, 0, 0);
    rng.used = 0;
    memset(rng.block, 0xff, sizeof(rng.block));
    vx_assert_close(vx_rng_uniform(&rng), 1.0 - 0x1p-53, 0, 0);
}

/* The lowest uniform: its logarithm would be infinite. */
static void normal_is_finite_at_the_end_of_uniform(void **state)
{
    vx_rng rng = stream(7);

    (void)state;
    rng.used = 0;
    memset(rng.block, 0, sizeof(rng.block));
    assert_true(isfinite(vx_rng_normal(&rng)));
    rng.used = 0;
    memset(rng.block, 0xff, sizeof(rng.block));
    assert_true(isfinite(vx_rng_normal(&rng)));
}

static void normal_has_the_moments_of_a_standard_normal(void **state)
{
    vx_rng rng = stream(8);
    double *x = calloc(DRAWS, sizeof(*x));
    moments m;

    (void)state;
    assert_non_null(x);
    for (int i = 0; i < DRAWS; i++)
        x[i] = vx_rng_normal(&rng);
    m = moments_of(x, DRAWS);
    vx_assert_close(m.mean, 0.0, 0, 5 * sqrt(1.0 / DRAWS));
    vx_assert_close(m.variance, 1.0, 0, 5 * sqrt(2.0 / DRAWS));
    vx_assert_close(m.third, 0.0, 0, 5 * sqrt(15.0 / DRAWS));
    vx_assert_close(m.fourth, 3.0, 0, 5 * sqrt(96.0 / DRAWS));
    free(x);
}

static void normal_uses_four_words(void **state)
{
    vx_rng rng = stream(9);

    (void)state;
    for (uint32_t i = 0; i < 10; i++) {
        (void)vx_rng_normal(&rng);
        assert_int_equal(rng.used, 4);
        assert_int_equal(rng.counter[0], i + 1);
    }
}

/* Mean a, variance a, third central moment 2a, fourth 3a^2 + 6a. */
static void gamma_has_the_moments_of_its_shape(void **state)
{
    static const double shapes[] = { 0.1, 0.5, 1.0, 2.5, 50.0 };
    double *x = calloc(DRAWS, sizeof(*x));

    (void)state;
    assert_non_null(x);
    for (uint32_t k = 0; k < sizeof(shapes) / sizeof(shapes[0]); k++) {
        vx_rng rng = stream(10 + k);
        double a = shapes[k];
        moments m;

        for (int i = 0; i < DRAWS; i++) {
            x[i] = vx_rng_gamma(&rng, a);
            assert_true(x[i] >= 0.0 && isfinite(x[i]));
        }
        m = moments_of(x, DRAWS);
        vx_assert_close(m.mean, a, 0, 5 * sqrt(a / DRAWS));
        vx_assert_close(m.variance, a, 0, 5 * sqrt((2 * a * a + 6 * a) / DRAWS));
        vx_assert_close(m.third, 2 * a, 0.15, 0);
    }
    free(x);
}

/* Gamma(1) is the exponential distribution: P(X > x) = exp(-x). */
static void gamma_of_shape_one_has_an_exponential_tail(void **state)
{
    vx_rng rng = stream(20);
    unsigned above[3] = { 0 };

    (void)state;
    for (int i = 0; i < DRAWS; i++) {
        double x = vx_rng_gamma(&rng, 1.0);

        above[0] += x > 0.1;
        above[1] += x > 1.0;
        above[2] += x > 3.0;
    }
    vx_assert_close(above[0] / (double)DRAWS, exp(-0.1), 0, 5 * sqrt(0.25 / DRAWS));
    vx_assert_close(above[1] / (double)DRAWS, exp(-1.0), 0, 5 * sqrt(0.25 / DRAWS));
    vx_assert_close(above[2] / (double)DRAWS, exp(-3.0), 0, 5 * sqrt(0.05 / DRAWS));
}

static void shuffle_is_a_permutation(void **state)
{
    enum { COUNT = 1000 };
    vx_rng rng = stream(21);
    uint32_t items[COUNT];
    bool seen[COUNT] = { false };
    unsigned in_place = 0;

    (void)state;
    for (uint32_t i = 0; i < COUNT; i++)
        items[i] = i;
    vx_rng_shuffle(&rng, items, COUNT);
    for (uint32_t i = 0; i < COUNT; i++) {
        assert_in_range(items[i], 0, COUNT - 1);
        assert_false(seen[items[i]]);
        seen[items[i]] = true;
        in_place += items[i] == i;
    }
    assert_true(in_place < 10); /* one is expected */
}

static void shuffle_gives_every_order_alike(void **state)
{
    vx_rng rng = stream(22);
    unsigned counts[27] = { 0 };
    unsigned orders[6];

    (void)state;
    for (int i = 0; i < DRAWS; i++) {
        uint32_t items[3] = { 0, 1, 2 };

        vx_rng_shuffle(&rng, items, 3);
        counts[9 * items[0] + 3 * items[1] + items[2]]++;
    }
    orders[0] = counts[0 + 3 + 2];
    orders[1] = counts[0 + 6 + 1];
    orders[2] = counts[9 + 0 + 2];
    orders[3] = counts[9 + 6 + 0];
    orders[4] = counts[18 + 0 + 1];
    orders[5] = counts[18 + 3 + 0];
    assert_true(chi_square(orders, 6, DRAWS) < 20.5); /* 5 degrees of freedom, p = 0.001 */
}

static void shuffle_takes_nothing_and_one(void **state)
{
    vx_rng rng = stream(23);
    uint32_t one = 7;

    (void)state;
    vx_rng_shuffle(&rng, NULL, 0);
    vx_rng_shuffle(&rng, &one, 1);
    assert_int_equal(one, 7);
    assert_int_equal(rng.used, 4); /* no word was spent */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(philox_gives_the_known_answers),
        cmocka_unit_test(arguments_fill_key_and_counter_without_overlap),
        cmocka_unit_test(streams_that_differ_in_one_bit_differ),
        cmocka_unit_test(a_stream_is_a_function_of_its_arguments),
        cmocka_unit_test(words_are_those_of_the_blocks_in_order),
        cmocka_unit_test(the_block_index_goes_on_above_32_bits),
        cmocka_unit_test(below_a_small_bound_is_uniform),
        cmocka_unit_test(below_a_large_bound_rejects_what_would_bias),
        cmocka_unit_test(below_one_is_zero),
        cmocka_unit_test(uniform_fills_zero_to_one),
        cmocka_unit_test(the_ends_of_uniform_are_zero_and_below_one),
        cmocka_unit_test(normal_is_finite_at_the_end_of_uniform),
        cmocka_unit_test(normal_has_the_moments_of_a_standard_normal),
        cmocka_unit_test(normal_uses_four_words),
        cmocka_unit_test(gamma_has_the_moments_of_its_shape),
        cmocka_unit_test(gamma_of_shape_one_has_an_exponential_tail),
        cmocka_unit_test(shuffle_is_a_permutation),
        cmocka_unit_test(shuffle_gives_every_order_alike),
        cmocka_unit_test(shuffle_takes_nothing_and_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
