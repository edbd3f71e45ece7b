#include <vx_test/check.h>

#include <float.h>
#include <math.h>
#include <string.h>

#include <vx_base/alloc.h>
#include <vx_base/rng.h>
#include <vx_oracle/rules.h>

#include "sample.h"

enum { N = 11, D = 300, F = 2, RULES = 20 };

typedef struct result {
    float update[D];
    double as_double[D];
    double weight[N];
    vx_aggregate_report report; /* arrays are gone, numbers stand */
} result;

static result run_with_pivot(const sample *s, size_t rule, bool nnm, size_t pivot)
{
    vx_aggregate_options options = sample_options(vx_rule_at(rule).name, F, nnm);
    vx_aggregator *aggregator;
    result r;

    options.pivot = pivot;
    aggregator = sample_run(s, &options, r.update, &r.report);
    for (size_t k = 0; k < D; k++)
        r.as_double[k] = (double)r.update[k];
    memcpy(r.weight, r.report.weight, sizeof(r.weight));
    vx_aggregator_destroy(aggregator);
    return r;
}

static result run(const sample *s, size_t rule, bool nnm)
{
    return run_with_pivot(s, rule, nnm, 0);
}

static bool is(size_t rule, const char *name)
{
    return strcmp(vx_rule_at(rule).name, name) == 0;
}

static bool is_direction(size_t rule)
{
    return is(rule, "flag") || is(rule, "trimmed_flag") || is(rule, "unit_mean");
}

/* Rules that treat rows as points; the others see directions or lengths from an origin. */
static bool is_affine(size_t rule)
{
    return !is_direction(rule) && !is(rule, "cge") && !is(rule, "centered_clipping") &&
           !is(rule, "sign_majority");
}

static void weights_of_averages_sum_to_one(void **state)
{
    sample s = sample_make(1, N, D, 1.0);

    (void)state;
    for (size_t i = 0; i < 2 * RULES; i++) {
        double sum = 0.0;
        result r = run(&s, i / 2, i % 2 == 1);

        for (size_t k = 0; k < N; k++)
            sum += r.weight[k];
        if (vx_rule_at(i / 2).gram && is_affine(i / 2))
            vx_assert_close(sum, 1.0, 1e-12, 0.0);
    }
    sample_free(&s);
}

static void permuting_workers_permutes_weights(void **state)
{
    vx_rng rng = vx_rng_stream(6, VX_RNG_TEST, 0, 0);
    uint32_t place[N];

    (void)state;
    for (uint32_t i = 0; i < N; i++)
        place[i] = i;
    for (size_t i = 0; i < 2 * RULES; i++) {
        sample s = sample_make(1, N, D, 1.0), moved = sample_make(1, N, D, 1.0);
        result a, b;

        vx_rng_shuffle(&rng, place, N);
        for (size_t k = 0; k < N; k++)
            memcpy(sample_row(&moved, place[k]), sample_row(&s, k), D * sizeof(float));
        a = run(&s, i / 2, i % 2 == 1);
        b = run_with_pivot(&moved, i / 2, i % 2 == 1, place[0]);
        if (is(i / 2, "mda")) { /* several subsets share the least diameter: order chooses */
            vx_assert_close(b.report.objective, a.report.objective, 1e-9, 0.0);
            sample_free(&s);
            sample_free(&moved);
            continue;
        }
        if (is(i / 2, "bulyan")) { /* the last rows are chosen by one distance: both have it */
            sample_free(&s);
            sample_free(&moved);
            continue;
        }
        assert_true(sample_error(b.update, a.as_double, D) < 1e-6);
        for (size_t k = 0; vx_rule_at(i / 2).gram && k < N; k++)
            vx_assert_close(b.weight[place[k]], a.weight[k], 1e-9, 1e-12);
        sample_free(&s);
        sample_free(&moved);
    }
}

static void translating_all_rows_translates_the_update(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2 * RULES; i++) {
        sample s, moved;
        result a, b;

        if (!is_affine(i / 2))
            continue;
        s = sample_make(1, N, D, 1.0);
        moved = sample_make(1, N, D, 1.0);
        for (size_t k = 0; k < N * D; k++)
            moved.at[k] = (float)((double)s.at[k] + 16.0 * ((double)(k % D) / D - 0.5));
        a = run(&s, i / 2, i % 2 == 1);
        b = run(&moved, i / 2, i % 2 == 1);
        for (size_t k = 0; k < D; k++)
            vx_assert_close(b.as_double[k] - 16.0 * ((double)k / D - 0.5), a.as_double[k], 1e-5,
                            1e-5);
        sample_free(&s);
        sample_free(&moved);
    }
}

/* Of three points the one at an angle of 120 degrees or more is the geometric median. */
static void a_common_part_does_not_blur_the_geometric_median(void **state)
{
    vx_aggregate_options options = sample_options("geometric_median", 1, false);
    sample s = sample_make(1, 3, D, 0.0);
    float update[D];
    vx_aggregate_report report;

    (void)state;
    for (size_t i = 0; i < 3; i++)
        sample_set_row(&s, i, 1048576.0f);
    sample_row(&s, 1)[0] += 1.0f;
    sample_row(&s, 2)[0] -= 1.0f;
    sample_row(&s, 1)[1] += 0.5f;
    sample_row(&s, 2)[1] += 0.5f;
    vx_aggregator_destroy(sample_run(&s, &options, update, &report));
    for (size_t k = 0; k < D; k++)
        vx_assert_close((double)update[k], 1048576.0, 0.0, 1e-4);
    sample_free(&s);
}

static void scaling_all_rows_scales_the_update(void **state)
{
    static const double factors[] = { 0x1p-100, 0x1p-20, 0x1p3, 0x1p110 };

    (void)state;
    for (size_t i = 0; i < 2 * RULES; i++) {
        if (is(i / 2, "centered_clipping")) /* tau is a length */
            continue;
        for (size_t j = 0; j < sizeof(factors) / sizeof(factors[0]); j++) {
            sample s = sample_make(1, N, D, 1.0);
            result a = run(&s, i / 2, i % 2 == 1), b;
            double factor = is(i / 2, "sign_majority") ? 1.0 : factors[j]; /* has no length */

            sample_scale(&s, factors[j]);
            b = run(&s, i / 2, i % 2 == 1);
            for (size_t k = 0; k < D; k++)
                a.as_double[k] *= factor;
            assert_true(sample_error(b.update, a.as_double, D) < 1e-6);
            sample_free(&s);
        }
    }
}

static void identical_rows_give_that_row(void **state)
{
    sample s = sample_make(1, N, D, 1.0);

    (void)state;
    for (size_t k = 1; k < N; k++)
        sample_copy_row(&s, k, 0);
    for (size_t i = 0; i < 2 * RULES; i++) {
        result r = run(&s, i / 2, i % 2 == 1);

        for (size_t k = 0; k < D; k++) {
            double row = (double)sample_row(&s, 0)[k];

            vx_assert_close(r.as_double[k], is(i / 2, "sign_majority") ? copysign(1.0, row) : row,
                            3e-7, 0.0);
        }
    }
    sample_free(&s);
}

static void a_majority_of_identical_rows_is_the_update(void **state)
{
    sample s = sample_make(1, N, D, 1.0);

    (void)state;
    for (size_t k = 0; k < N - F; k++)
        sample_copy_row(&s, k, 0);
    sample_set_row(&s, N - 1, 1e20f);
    for (size_t i = 0; i < 2 * RULES; i++) {
        result r = run(&s, i / 2, i % 2 == 1);

        if (!is_affine(i / 2) || is(i / 2, "mean"))
            continue;
        for (size_t k = 0; k < D; k++)
            vx_assert_close(r.as_double[k], (double)sample_row(&s, 0)[k], 1e-5, 1e-5);
    }
    sample_free(&s);
}

/* The mean of the honest rows, and how far they are from it. */
static double spread_about_mean(const sample *s, double *ret_mean)
{
    vx_mat x = sample_present(s);
    double widest = 0.0;

    x.rows -= F;
    vx_oracle_mean(vx_mat_const(x), ret_mean);
    for (size_t i = 0; i < x.rows; i++) {
        double sum = 0.0;

        for (size_t k = 0; k < D; k++)
            sum += pow(x.at[i * D + k] - ret_mean[k], 2.0);
        widest = fmax(widest, sqrt(sum));
    }
    vx_free(x.at);
    return widest;
}

static void check_bounded(const sample *s, const char *what)
{
    double mean[D], spread = spread_about_mean(s, mean);

    for (size_t i = 0; i < 2 * RULES; i++) {
        result r = run(s, i / 2, i % 2 == 1);
        double apart = 0.0;

        for (size_t k = 0; k < D; k++)
            apart += pow(r.as_double[k] - mean[k], 2.0);
        apart = sqrt(apart);
        if (is(i / 2, "mean"))
            continue;
        if (is_affine(i / 2) ? apart > 2.0 * spread : r.report.update_norm > 4.0 * spread)
            fail_msg("%s %s against %s: %g from the honest mean, spread %g",
                     i % 2 == 1 ? "nnm" : "", vx_rule_at(i / 2).name, what, apart, spread);
    }
}

static void f_hostile_rows_cannot_carry_the_update_away(void **state)
{
    sample s = sample_make(1, N, D, 1.0);

    (void)state;
    for (size_t k = N - F; k < N; k++)
        sample_set_row(&s, k, 1e30f);
    check_bounded(&s, "1e30");
    for (size_t k = N - F; k < N; k++)
        sample_set_row(&s, k, k % 2 == 0 ? FLT_MAX : -FLT_MAX);
    check_bounded(&s, "the largest float");
    for (size_t k = N - F; k < N; k++)
        sample_set_row(&s, k, FLT_TRUE_MIN);
    check_bounded(&s, "the least float");
    for (size_t k = N - F; k < N; k++)
        sample_set_row(&s, k, 0.0f);
    check_bounded(&s, "zero rows");
    sample_free(&s);
}

static void the_mean_is_carried_away_by_one_row(void **state)
{
    sample s = sample_make(1, N, D, 1.0);

    (void)state;
    sample_set_row(&s, 3, 1e30f);
    assert_true(run(&s, 0, false).update[0] > 1e28f);
    sample_free(&s);
}

static void rows_of_zeros_only_give_zero(void **state)
{
    sample s = sample_make(1, N, D, 1.0);

    (void)state;
    for (size_t k = 0; k < N; k++)
        sample_set_row(&s, k, 0.0f);
    for (size_t i = 0; i < 2 * RULES; i++) {
        result r = run(&s, i / 2, i % 2 == 1);

        vx_assert_close(r.report.update_norm, 0.0, 0.0, 0.0);
        vx_assert_close(r.report.median_norm, 0.0, 0.0, 0.0);
    }
    sample_free(&s);
}

static void directions_are_given_the_median_norm(void **state)
{
    sample s = sample_make(1, N, D, 1.0);

    (void)state;
    sample_set_row(&s, 2, 1e10f);
    for (size_t i = 0; i < RULES; i++) {
        result r = run(&s, i, false);

        if (is_direction(i))
            vx_assert_close(r.report.update_norm, r.report.median_norm, 1e-6, 0.0);
    }
    sample_free(&s);
}

/* A direction of one coordinate with the norm of rows that fill float's range everywhere. */
static void an_update_beyond_float_is_refused(void **state)
{
    sample s = sample_make(1, 5, D, 1.0);
    vx_aggregate_options options = sample_options("unit_mean", 0, false);
    vx_aggregator *aggregator = NULL;
    float update[D] = { 42.0f };
    vx_error err;

    (void)state;
    for (size_t i = 0; i < 5; i++) {
        for (size_t k = 0; k < D; k++)
            sample_row(&s, i)[k] = (i + k) % 2 == 0 ? 3e38f : -3e38f;
        sample_row(&s, i)[0] = 3e38f;
    }
    s.n = 4; /* what they share is coordinate 0 */
    vx_assert_ok(vx_aggregator_create(&options, 4, D, &aggregator, &err), &err);
    vx_assert_status(vx_aggregator_run(aggregator, sample_view(&s), s.present,
                                       (vx_vecf){ update, D }, NULL, &err),
                     VX_ERR_NONFINITE, &err);
    assert_true(update[0] == 42.0f);
    vx_aggregator_destroy(aggregator);
    sample_free(&s);
}

/* d is no whole number of blocks, stripes or chunks. */
static void threads_change_no_bit_of_any_rule(void **state)
{
    enum { WIDE = 40001 };
    sample s = sample_make(5, N, WIDE, 1.0);
    float *first = vx_calloc(WIDE, sizeof(float)), *update = vx_calloc(WIDE, sizeof(float));

    (void)state;
    s.present[3] = false;
    for (size_t i = 0; i < 2 * RULES; i++) {
        vx_aggregate_options options =
            sample_options(vx_rule_at(i / 2).name, is(i / 2, "bulyan") ? 1 : F, i % 2 == 1);
        double kept[3 * N];

        options.pivot = 1;
        for (unsigned threads = 1; threads <= 4; threads *= 2) {
            vx_aggregate_report report;
            double numbers[3 * N];
            vx_aggregator *a;

            options.threads = threads;
            a = sample_run(&s, &options, threads == 1 ? first : update, &report);
            memcpy(numbers, report.reconstruction, N * sizeof(double));
            memcpy(numbers + N, report.distance, N * sizeof(double));
            memcpy(numbers + 2 * N, report.weight, N * sizeof(double));
            if (threads == 1) {
                memcpy(kept, numbers, sizeof(kept));
            } else {
                assert_memory_equal(update, first, WIDE * sizeof(float));
                for (size_t k = 0; k < 3 * N; k++)
                    assert_true(memcmp(&numbers[k], &kept[k], sizeof(double)) == 0);
            }
            vx_aggregator_destroy(a);
        }
    }
    vx_free(first);
    vx_free(update);
    sample_free(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(weights_of_averages_sum_to_one),
        cmocka_unit_test(threads_change_no_bit_of_any_rule),
        cmocka_unit_test(permuting_workers_permutes_weights),
        cmocka_unit_test(translating_all_rows_translates_the_update),
        cmocka_unit_test(a_common_part_does_not_blur_the_geometric_median),
        cmocka_unit_test(scaling_all_rows_scales_the_update),
        cmocka_unit_test(identical_rows_give_that_row),
        cmocka_unit_test(a_majority_of_identical_rows_is_the_update),
        cmocka_unit_test(f_hostile_rows_cannot_carry_the_update_away),
        cmocka_unit_test(the_mean_is_carried_away_by_one_row),
        cmocka_unit_test(rows_of_zeros_only_give_zero),
        cmocka_unit_test(directions_are_given_the_median_norm),
        cmocka_unit_test(an_update_beyond_float_is_refused),
    };

    assert_int_equal(vx_rule_count(), RULES);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
