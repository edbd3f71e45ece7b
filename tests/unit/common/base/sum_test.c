#include <vx_test/check.h>

#include <string.h>

#include <vx_base/rng.h>
#include <vx_base/sum.h>

#define SIZE 1100 /* more than two chunks, and no multiple of one */

/* T(n) as the header says it, from its runs. */
static float plain_sum(const float *parts, size_t count)
{
    float sums[VX_BLOCKS_MAX];
    size_t left = count;
    size_t run = count;

    while (run % 2 == 0)
        run /= 2;
    left = count / run;
    for (size_t i = 0; i < left; i++) {
        sums[i] = parts[i * run];
        for (size_t k = 1; k < run; k++)
            sums[i] += parts[i * run + k];
    }
    for (; left > 1; left /= 2)
        for (size_t i = 0; i < left / 2; i++)
            sums[i] = sums[2 * i] + sums[2 * i + 1];
    return sums[0];
}

/* Numbers of many magnitudes: another order gives other bits. */
static void fill(float parts[][SIZE], size_t count)
{
    vx_rng rng = vx_rng_stream(5, VX_RNG_TEST, 0, count);

    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < SIZE; k++)
            parts[i][k] = (float)(vx_rng_normal(&rng) * (double)(1u << vx_rng_below(&rng, 20)));
}

static float parts[VX_BLOCKS_MAX][SIZE];
static float sum[SIZE], of_runs[SIZE];
static float runs[VX_BLOCKS_MAX][SIZE];

static void sum_of(float from[][SIZE], size_t first, size_t count, float *ret_sum)
{
    const float *list[VX_BLOCKS_MAX];

    for (size_t i = 0; i < count; i++)
        list[i] = from[first + i];
    vx_sum_parts_f32(list, count, SIZE, ret_sum);
}

static void the_order_is_the_stated_one_for_every_count(void **state)
{
    (void)state;
    for (size_t count = 1; count <= VX_BLOCKS_MAX; count++) {
        fill(parts, count);
        sum_of(parts, 0, count, sum);
        for (size_t k = 0; k < SIZE; k++) {
            float column[VX_BLOCKS_MAX];
            float expected = 0;

            for (size_t i = 0; i < count; i++)
                column[i] = parts[i][k];
            expected = plain_sum(column, count);
            assert_memory_equal(&sum[k], &expected, sizeof(expected));
        }
    }
}

static void runs_that_split_the_tree_give_its_bits(void **state)
{
    (void)state;
    for (size_t count = 1; count <= VX_BLOCKS_MAX; count++) {
        fill(parts, count);
        sum_of(parts, 0, count, sum);
        for (size_t ranks = 1; ranks <= count; ranks++) {
            if (!vx_sum_splits(count, ranks))
                continue;
            for (size_t r = 0; r < ranks; r++)
                sum_of(parts, r * (count / ranks), count / ranks, runs[r]);
            sum_of(runs, 0, ranks, of_runs);
            assert_memory_equal(of_runs, sum, sizeof(sum));
        }
    }
}

static void powers_of_two_and_all_split(void **state)
{
    static const struct {
        size_t count;
        size_t ranks[8]; /* 0 ends them */
    } cases[] = {
        { 1, { 1 } },          { 2, { 1, 2 } }, { 3, { 1, 3 } },         { 6, { 1, 2, 6 } },
        { 8, { 1, 2, 4, 8 } }, { 9, { 1, 9 } }, { 12, { 1, 2, 4, 12 } }, { 24, { 1, 2, 4, 8, 24 } }
    };

    (void)state;
    for (size_t c = 0; c < sizeof(cases) / sizeof(cases[0]); c++) {
        size_t next = 0;

        for (size_t ranks = 1; ranks <= VX_BLOCKS_MAX; ranks++) {
            bool expected = cases[c].ranks[next] == ranks;

            assert_int_equal(vx_sum_splits(cases[c].count, ranks), expected);
            next += expected ? 1 : 0;
        }
    }
}

/* Halves and thirds of six are not nodes of one tree: that splits refuses them is no whim. */
static void runs_that_do_not_split_the_tree_give_other_bits(void **state)
{
    (void)state;
    fill(parts, 6);
    sum_of(parts, 0, 6, sum);
    for (size_t r = 0; r < 3; r++)
        sum_of(parts, 2 * r, 2, runs[r]);
    sum_of(runs, 0, 3, of_runs);
    assert_memory_not_equal(of_runs, sum, sizeof(sum));
}

static void parts_that_come_one_by_one_need_few_places(void **state)
{
    (void)state;
    for (size_t count = 1; count <= VX_BLOCKS_MAX; count++) {
        size_t places = vx_sum_places(count);
        float at[VX_SUM_PLACES_MAX];
        float column[VX_BLOCKS_MAX];
        float expected = 0;

        assert_in_range(places, 1, VX_SUM_PLACES_MAX);
        fill(parts, count);
        for (size_t i = 0; i < count; i++) {
            size_t place = vx_sum_place(count, i);

            assert_true(place < places);
            at[place] = column[i] = parts[i][0];
            for (size_t k = vx_sum_merges(count, i); k > 0; k--, place--)
                at[place - 1] += at[place];
        }
        expected = plain_sum(column, count);
        assert_memory_equal(&at[0], &expected, sizeof(expected));
    }
    assert_int_equal(vx_sum_places(1), 1);
    assert_int_equal(vx_sum_places(8), 4);
    assert_int_equal(vx_sum_places(3), 2);
    assert_int_equal(vx_sum_places(64), VX_SUM_PLACES_MAX);
}

static void a_sum_may_take_the_place_of_a_part(void **state)
{
    (void)state;
    fill(parts, 4);
    sum_of(parts, 0, 4, sum);
    sum_of(parts, 0, 4, parts[2]);
    assert_memory_equal(parts[2], sum, sizeof(sum));
}

static void doubles_are_added_in_the_same_order(void **state)
{
    static const double values[] = { 1e16, 1, -1e16, 1, 1, 1 };

    (void)state;
    assert_true(vx_sum_parts_f64(values, 2) == 1e16 + 1);
    assert_true(vx_sum_parts_f64(values, 3) == ((1e16 + 1) + -1e16));
    assert_true(vx_sum_parts_f64(values, 4) == (1e16 + 1) + (-1e16 + 1));
    assert_true(vx_sum_parts_f64(values, 6) == ((1e16 + 1) + -1e16) + ((1.0 + 1) + 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_order_is_the_stated_one_for_every_count),
        cmocka_unit_test(runs_that_split_the_tree_give_its_bits),
        cmocka_unit_test(powers_of_two_and_all_split),
        cmocka_unit_test(runs_that_do_not_split_the_tree_give_other_bits),
        cmocka_unit_test(parts_that_come_one_by_one_need_few_places),
        cmocka_unit_test(a_sum_may_take_the_place_of_a_part),
        cmocka_unit_test(doubles_are_added_in_the_same_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
