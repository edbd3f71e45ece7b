#include <vx_test/check.h>

#include <vx_base/alloc.h>
#include <vx_base/rng.h>
#include <vx_score/score.h>

#include <math.h>
#include <stdlib.h>

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;

    return (x > y) - (x < y);
}

static void the_interval_is_made_of_the_sorted_means(void **state)
{
    const double values[5] = { 1, 4, -2, 8, 0.5 };
    double means[101];
    double low = 0, high = 0;
    (void)state;

    for (size_t r = 0; r < 101; r++) {
        vx_rng rng = vx_rng_stream(9, VX_RNG_BOOTSTRAP, 0, r);

        means[r] = 0;
        for (size_t i = 0; i < 5; i++)
            means[r] += values[vx_rng_below(&rng, 5)] / 5;
    }
    qsort(means, 101, sizeof(means[0]), by_value);
    vx_assert_ok(vx_score_bootstrap((vx_cvec){ values, 5 }, 101, 9, 0.9, &low, &high), NULL);
    vx_assert_close(low, means[5], 1e-13, 0); /* 100 x 0.05 */
    vx_assert_close(high, means[95], 1e-13, 0);
    vx_assert_ok(vx_score_bootstrap((vx_cvec){ values, 5 }, 101, 9, 0.95, &low, &high), NULL);
    vx_assert_close(low, 0.5 * (means[2] + means[3]), 1e-12, 0); /* 100 x 0.025 */
    vx_assert_close(high, 0.5 * (means[97] + means[98]), 1e-12, 0);
}

static void equal_values_have_an_interval_without_width(void **state)
{
    const double values[3] = { 0.25, 0.25, 0.25 };
    double low = 0, high = 0;
    (void)state;

    vx_assert_ok(vx_score_bootstrap((vx_cvec){ values, 3 }, 1, 1, 0.95, &low, &high), NULL);
    assert_true(low >= 0.25 && low <= 0.25 && high >= 0.25 && high <= 0.25);
}

static void the_interval_covers_the_mean_about_as_often_as_it_says(void **state)
{
    vx_rng rng = vx_rng_stream(5, VX_RNG_TEST, 0, 0);
    double values[60];
    int covered = 0;
    (void)state;

    for (uint64_t trial = 0; trial < 400; trial++) {
        double low = 0, high = 0;

        for (size_t i = 0; i < 60; i++)
            values[i] = vx_rng_normal(&rng);
        vx_assert_ok(vx_score_bootstrap((vx_cvec){ values, 60 }, 200, trial, 0.9, &low, &high),
                     NULL);
        covered += low <= 0 && high >= 0;
    }
    /* 360 expected, less some for n = 60; the deviation of the count is 6 */
    assert_in_range(covered, 330, 384);
}

static void what_cannot_be_drawn_is_refused(void **state)
{
    const double value = 1;
    double low = 5, high = 5;
    int left = 0;
    (void)state;

    vx_assert_status(vx_score_bootstrap((vx_cvec){ &value, 0 }, 10, 1, 0.9, &low, &high),
                     VX_ERR_DOMAIN, NULL);
    vx_assert_status(vx_score_bootstrap((vx_cvec){ &value, 1 }, 0, 1, 0.9, &low, &high),
                     VX_ERR_DOMAIN, NULL);
    vx_assert_status(vx_score_bootstrap((vx_cvec){ &value, 1 }, 10, 1, 1, &low, &high),
                     VX_ERR_DOMAIN, NULL);
    vx_assert_status(vx_score_bootstrap((vx_cvec){ &value, 1 }, 10, 1, nan(""), &low, &high),
                     VX_ERR_DOMAIN, NULL);
    vx_alloc_set_hook(vx_test_fail_at_zero, &left);
    vx_assert_status(vx_score_bootstrap((vx_cvec){ &value, 1 }, 10, 1, 0.9, &low, &high),
                     VX_ERR_NOMEM, NULL);
    vx_alloc_set_hook(NULL, NULL);
    vx_assert_close(low, 5, 0, 0);
    vx_assert_close(high, 5, 0, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_interval_is_made_of_the_sorted_means),
        cmocka_unit_test(equal_values_have_an_interval_without_width),
        cmocka_unit_test(the_interval_covers_the_mean_about_as_often_as_it_says),
        cmocka_unit_test(what_cannot_be_drawn_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
