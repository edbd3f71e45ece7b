#include <vx_test/check.h>

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <vx_base/alloc.h>
#include <vx_data/columns.h>

#define OBSERVATIONS 4000
#define MODELS       11

static uint32_t observations[OBSERVATIONS];
static float weights[OBSERVATIONS][MODELS + 1]; /* ld is larger */

/* Bit by bit. */
static bool are_same(const void *a, const void *b, size_t size)
{
    return memcmp(a, b, size) == 0;
}

static int setup(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < OBSERVATIONS; i++)
        observations[i] = i * 977;
    return 0;
}

static void make(vx_columns_kind kind, uint64_t seed)
{
    uint64_t before = vx_alloc_count();

    memset(weights, 0x7f, sizeof(weights));
    vx_columns_weights(kind, seed, observations, OBSERVATIONS,
                       (vx_matf){ &weights[0][0], OBSERVATIONS, MODELS, MODELS + 1 });
    assert_int_equal(vx_alloc_count(), before);
}

static double chi_square(const size_t *found, const double *expected, size_t count)
{
    double sum = 0;

    for (size_t k = 0; k < count; k++)
        sum += ((double)found[k] - expected[k]) * ((double)found[k] - expected[k]) / expected[k];
    return sum;
}

static void bootstrap_counts_are_poisson_one(void **state)
{
    size_t found[6] = { 0 };
    double expected[6], probability = exp(-1), left = 1;
    (void)state;

    make(VX_COLUMNS_BOOTSTRAP, 1);
    for (size_t i = 0; i < OBSERVATIONS; i++) {
        for (size_t k = 0; k < MODELS; k++) {
            size_t count = (size_t)weights[i][k];

            vx_assert_close((double)weights[i][k], (double)count, 0, 0);
            found[count < 5 ? count : 5]++;
        }
    }
    for (size_t k = 0; k < 5; k++) {
        expected[k] = OBSERVATIONS * MODELS * probability;
        left -= probability;
        probability /= (double)(k + 1);
    }
    expected[5] = OBSERVATIONS * MODELS * left;
    assert_true(chi_square(found, expected, 6) < 20.5); /* 5 degrees: 1 in 1000 */
}

static void bootstrap_counts_of_two_models_or_observations_are_independent(void **state)
{
    double models = 0, neighbours = 0;
    (void)state;

    make(VX_COLUMNS_BOOTSTRAP, 2);
    for (size_t i = 0; i + 1 < OBSERVATIONS; i++) {
        models += ((double)weights[i][0] - 1) * ((double)weights[i][1] - 1);
        neighbours += ((double)weights[i][0] - 1) * ((double)weights[i + 1][0] - 1);
    }
    vx_assert_close(models / OBSERVATIONS, 0, 0, 4 / sqrt(OBSERVATIONS));
    vx_assert_close(neighbours / OBSERVATIONS, 0, 0, 4 / sqrt(OBSERVATIONS));
}

static void weights_depend_on_seed_and_observation_alone(void **state)
{
    static float first[OBSERVATIONS][MODELS + 1];
    float one[MODELS];
    (void)state;

    for (int kind = VX_COLUMNS_BOOTSTRAP; kind <= VX_COLUMNS_FOLD; kind++) {
        make((vx_columns_kind)kind, 5);
        memcpy(first, weights, sizeof(weights));
        make((vx_columns_kind)kind, 5);
        assert_memory_equal(first, weights, sizeof(weights));
        vx_columns_weights((vx_columns_kind)kind, 5, &observations[77], 1,
                           (vx_matf){ one, 1, MODELS, MODELS });
        assert_memory_equal(one, first[77], sizeof(one));
        make((vx_columns_kind)kind, 6);
        assert_true(!are_same(first, weights, sizeof(weights)));
    }
}

static void an_observation_is_in_exactly_one_fold(void **state)
{
    size_t found[MODELS] = { 0 };
    double expected[MODELS];
    (void)state;

    make(VX_COLUMNS_FOLD, 3);
    for (size_t i = 0; i < OBSERVATIONS; i++) {
        size_t zeros = 0;

        for (size_t k = 0; k < MODELS; k++) {
            assert_true(!(weights[i][k] > 0) || !(weights[i][k] < 1 || weights[i][k] > 1));
            if (weights[i][k] > 0)
                continue;
            zeros++;
            found[k]++;
            assert_int_equal(vx_columns_fold(3, observations[i], MODELS), k);
        }
        assert_int_equal(zeros, 1);
    }
    for (size_t k = 0; k < MODELS; k++)
        expected[k] = (double)OBSERVATIONS / MODELS;
    assert_true(chi_square(found, expected, MODELS) < 29.6); /* 10 degrees: 1 in 1000 */
    assert_int_equal(vx_columns_fold(3, 5, 1), 0);
}

static void other_kinds_weigh_all_alike(void **state)
{
    (void)state;
    for (int k = 0; k < 2; k++) {
        make(k ? VX_COLUMNS_ONE : VX_COLUMNS_PERMUTATION, 3);
        for (size_t i = 0; i < OBSERVATIONS * MODELS; i++)
            vx_assert_close((double)weights[i / MODELS][i % MODELS], 1, 0, 0);
    }
}

static void a_permutation_is_a_permutation(void **state)
{
    static const size_t sizes[] = { 1, 2, 3, 5, 10, 97, 1000, 4095, 4096, 4097 };
    static uint32_t positions[4097], got[4097];
    (void)state;

    for (uint32_t i = 0; i < 4097; i++)
        positions[i] = i;
    for (size_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
        for (size_t k = 0; k < 5; k++) {
            uint8_t seen[4097] = { 0 };
            bool same = false;

            vx_columns_permute(7, 1, k, sizes[s], positions, sizes[s], got);
            for (size_t i = 0; i < sizes[s]; i++) {
                assert_true(got[i] < sizes[s]);
                assert_int_equal(seen[got[i]]++, 0);
            }
            same = are_same(got, positions, sizes[s] * sizeof(*got));
            assert_true(k > 0 ? sizes[s] < 97 || !same : same);
        }
    }
    /* In any order, in any batch. */
    vx_columns_permute(7, 1, 3, 4097, positions, 4097, got);
    for (size_t i = 0; i < 4097; i += 500) {
        uint32_t one = 0;

        vx_columns_permute(7, 1, 3, 4097, &positions[i], 1, &one);
        assert_int_equal(one, got[i]);
    }
}

static void permutations_are_uniform(void **state)
{
    size_t images[10] = { 0 }, orders[24] = { 0 };
    double of_images[10], of_orders[24];
    (void)state;

    for (size_t k = 1; k <= 24000; k++) {
        uint32_t four[4], place = 0;

        vx_columns_permute(11, 2, k, 10, (uint32_t[]){ 3 }, 1, &place);
        images[place]++;
        vx_columns_permute(12, 2, k, 4, (uint32_t[]){ 0, 1, 2, 3 }, 4, four);
        place = four[0] * 6 + (four[1] - (four[1] > four[0])) * 2; /* one of 24 */
        place += four[2] > four[3];
        orders[place]++;
    }
    for (size_t k = 0; k < 10; k++)
        of_images[k] = 2400;
    for (size_t k = 0; k < 24; k++)
        of_orders[k] = 1000;
    assert_true(chi_square(images, of_images, 10) < 27.9); /* 9 degrees: 1 in 1000 */
    assert_true(chi_square(orders, of_orders, 24) < 49.8); /* 23 degrees */
}

static void slots_and_seeds_have_permutations_of_their_own(void **state)
{
    uint32_t positions[100], first[100], other[100];
    (void)state;

    for (uint32_t i = 0; i < 100; i++)
        positions[i] = i;
    vx_columns_permute(1, 1, 1, 100, positions, 100, first);
    for (int k = 0; k < 4; k++) {
        vx_columns_permute(k == 1 ? 2 : 1, k == 2 ? 2 : 1, k == 3 ? 2 : 1, 100, positions, 100,
                           other);
        assert_int_equal(are_same(first, other, sizeof(first)), k == 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bootstrap_counts_are_poisson_one),
        cmocka_unit_test(bootstrap_counts_of_two_models_or_observations_are_independent),
        cmocka_unit_test(weights_depend_on_seed_and_observation_alone),
        cmocka_unit_test(an_observation_is_in_exactly_one_fold),
        cmocka_unit_test(other_kinds_weigh_all_alike),
        cmocka_unit_test(a_permutation_is_a_permutation),
        cmocka_unit_test(permutations_are_uniform),
        cmocka_unit_test(slots_and_seeds_have_permutations_of_their_own),
    };

    return cmocka_run_group_tests(tests, setup, NULL);
}
