#include <vx_test/check.h>

#include <float.h>
#include <math.h>
#include <string.h>

#include "aggregator.h"
#include "sample.h"

enum {
    N = 9,
    D = 600 /* more than two blocks of columns */
};

static const char *rule_at(size_t index)
{
    return vx_rule_at(index).name;
}

/* f for 9 rows. */
static size_t bearable(size_t rule)
{
    return strcmp(rule_at(rule), "bulyan") == 0 ? 1 : 2;
}

/* Nothing measures the rows, so that no product tells how large they are. */
static void an_update_of_doubles_is_finite_or_refused(void **state)
{
    static const double sizes[] = { 1.7e308, DBL_MAX, 1e300, 1e160 };

    (void)state;
    for (size_t i = 0; i < 8 * vx_rule_count(); i++) {
        vx_aggregate_options options = sample_options(rule_at(i / 8), bearable(i / 8), false);
        double rows[N * D], update[D], size = sizes[i % 8 / 2];
        bool present[N];
        vx_aggregator *a = NULL;
        vx_status status;

        options.measure = false;
        for (size_t k = 0; k < (size_t)N * D; k++) {
            rows[k] = (i % 2 == 1 && k / D % 2 == 1 ? -size : size) * (k % 5 == 0 ? 0.5 : 1.0);
            present[k / D] = true;
        }
        vx_assert_ok(vx_aggregator_create(&options, N, D, &a, NULL), NULL);
        status = vx_aggregator_run_f64(a, (vx_cmat){ rows, N, D, D }, present,
                                       (vx_vec){ update, D }, NULL, NULL);
        if (status != VX_ERR_NONFINITE)
            vx_assert_ok(status, NULL);
        for (size_t k = 0; status == VX_OK && k < D; k++) {
            if (!isfinite(update[k]) ||
                fabs(update[k]) > fmax(size, 1.0) * (k % 5 == 0 ? 0.5 : 1.0) * (1.0 + 1e-12))
                fail_msg("%s: column %zu is %g", options.rule, k, update[k]);
        }
        if (strcmp(options.rule, "mean") == 0 || strcmp(options.rule, "phocas") == 0)
            vx_assert_ok(status, NULL);
        if (i % 2 == 0 && strcmp(options.rule, "phocas") == 0)
            vx_assert_close(update[1] / size, 1.0, 1e-12, 0.0);
        vx_aggregator_destroy(a);
    }
}

/* Large columns among small ones, by the same rule on rows that are scaled down. */
static void large_columns_are_those_of_scaled_rows(void **state)
{
    static const char *const rules[] = { "median", "trimmed_mean", "meamed", "phocas" };

    (void)state;
    for (size_t r = 0; r < 8; r++) {
        vx_aggregate_options options = sample_options(rules[r / 2], 2, false);
        sample s = sample_make((uint32_t)r, N, D, 1.0);
        double large[N * D], small[N * D], update[D], expected[D];
        static const double share[N] = { 1.0, 2.0, 3.0, 1.0, 2.0, 3.0, 1.0, 2.0, 3.0 };
        vx_aggregator *a = NULL;

        options.measure = false;
        options.share = r % 2 == 1 ? share : NULL;
        for (size_t k = 0; k < (size_t)N * D; k++) {
            small[k] = (double)s.at[k];
            large[k] = ldexp(small[k], k % D % 3 == 0 ? 1020 : 0);
        }
        vx_assert_ok(vx_aggregator_create(&options, N, D, &a, NULL), NULL);
        vx_assert_ok(vx_aggregator_run_f64(a, (vx_cmat){ large, N, D, D }, s.present,
                                           (vx_vec){ update, D }, NULL, NULL),
                     NULL);
        vx_assert_ok(vx_aggregator_run_f64(a, (vx_cmat){ small, N, D, D }, s.present,
                                           (vx_vec){ expected, D }, NULL, NULL),
                     NULL);
        for (size_t k = 0; k < D; k++)
            vx_assert_close(update[k], ldexp(expected[k], k % 3 == 0 ? 1020 : 0), 0.0, 0.0);
        vx_aggregator_destroy(a);
        sample_free(&s);
    }
}

static void aksel_needs_neither_products_nor_a_vector(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        vx_aggregate_options options = sample_options("aksel", 2, i == 1);
        sample s = sample_make(3, N, D, 1.0);
        float measured[D], alone[D];
        vx_aggregate_report report;
        vx_aggregator *a = sample_run(&s, &options, measured, NULL), *b;

        options.measure = false;
        b = sample_run(&s, &options, alone, &report);
        assert_memory_equal(measured, alone, sizeof(alone));
        assert_null(a->memory);
        assert_int_equal(isnan(report.norm[0]), i == 0);
        vx_aggregator_destroy(a);
        vx_aggregator_destroy(b);
        sample_free(&s);
    }
}

/* The update may take the memory's place: no other vector is needed then. */
static void a_memory_may_be_the_update_itself(void **state)
{
    vx_aggregate_options options = sample_options("centered_clipping", 2, false);
    vx_aggregator *a = NULL, *b = NULL;
    vx_vecf memory;

    (void)state;
    options.tau = 3.0;
    vx_assert_ok(vx_aggregator_create(&options, N, D, &a, NULL), NULL);
    vx_assert_ok(vx_aggregator_create(&options, N, D, &b, NULL), NULL);
    memory = vx_aggregator_memory(b);
    for (uint32_t round = 0; round < 3; round++) {
        sample s = sample_make(round, N, D, 1.0);
        float update[D];

        vx_assert_ok(
            vx_aggregator_run(a, sample_view(&s), s.present, (vx_vecf){ update, D }, NULL, NULL),
            NULL);
        vx_assert_ok(vx_aggregator_run(b, sample_view(&s), s.present, memory, NULL, NULL), NULL);
        assert_memory_equal(update, memory.at, sizeof(update));
        sample_free(&s);
    }
    vx_aggregator_destroy(a);
    vx_aggregator_destroy(b);
}

static void a_memory_of_doubles_may_be_the_update_itself(void **state)
{
    vx_aggregate_options options = sample_options("centered_clipping", 2, false);
    bool present[N];
    double rows[N * D], update[D];
    vx_aggregator *a = NULL, *b = NULL;
    vx_vec memory;

    (void)state;
    options.tau = 3.0;
    vx_assert_ok(vx_aggregator_create(&options, N, D, &a, NULL), NULL);
    vx_assert_ok(vx_aggregator_create(&options, N, D, &b, NULL), NULL);
    vx_assert_ok(vx_aggregator_memory_f64(b, &memory, NULL), NULL);
    assert_int_equal(memory.n, D);
    for (size_t round = 0; round < 3; round++) {
        vx_cmat at = { rows, N, D, D };

        for (size_t k = 0; k < (size_t)N * D; k++) {
            rows[k] = (double)((k * 7 + round * 5) % 11) - 4.0;
            present[k / D] = true;
        }
        vx_assert_ok(vx_aggregator_run_f64(a, at, present, (vx_vec){ update, D }, NULL, NULL),
                     NULL);
        vx_assert_ok(vx_aggregator_run_f64(b, at, present, memory, NULL, NULL), NULL);
        assert_memory_equal(update, memory.at, sizeof(update));
    }
    a = vx_aggregator_destroy(a);
    vx_aggregator_destroy(b);
    options.rule = "mean";
    vx_assert_ok(vx_aggregator_create(&options, N, D, &a, NULL), NULL);
    vx_assert_ok(vx_aggregator_memory_f64(a, &memory, NULL), NULL);
    assert_null(memory.at);
    vx_aggregator_destroy(a);
}

/* ByzFL's nu 0.1 and T 3, whatever the order of the keys; what is given stays. */
static void byzfl_takes_its_own_numbers_unless_they_are_given(void **state)
{
    static const char *const keys[][2] = {
        { NULL, NULL }, { "nu", "0.1" }, { "iterations", "3" }, { "nu", "1e-6" }
    };
    sample s = sample_make(3, N, D, 1.0);
    float update[4][D];

    (void)state;
    for (size_t k = 0; k < 4; k++) {
        vx_aggregate_options options = vx_aggregate_options_default();
        vx_aggregate_report report;
        vx_aggregator *a;

        options.rule = "geometric_median";
        if (keys[k][0] != NULL)
            vx_assert_ok(vx_aggregate_set(&options, keys[k][0], keys[k][1], NULL), NULL);
        vx_assert_ok(vx_aggregate_set(&options, "compat", "byzfl", NULL), NULL);
        a = sample_run(&s, &options, update[k], &report);
        assert_int_equal(report.iterations, 3);
        vx_aggregator_destroy(a);
    }
    assert_memory_equal(update[0], update[1], sizeof(update[0]));
    assert_memory_equal(update[0], update[2], sizeof(update[0]));
    sample_free(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_update_of_doubles_is_finite_or_refused),
        cmocka_unit_test(large_columns_are_those_of_scaled_rows),
        cmocka_unit_test(aksel_needs_neither_products_nor_a_vector),
        cmocka_unit_test(a_memory_may_be_the_update_itself),
        cmocka_unit_test(a_memory_of_doubles_may_be_the_update_itself),
        cmocka_unit_test(byzfl_takes_its_own_numbers_unless_they_are_given),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
