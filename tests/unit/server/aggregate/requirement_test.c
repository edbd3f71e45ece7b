/* What is said when rows are too few: the formula, as at start, and who asks for them. */
#include <vx_test/check.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

#include <vx_aggregate/aggregate.h>

#include "sample.h"

enum { N = 9, D = 5 };

typedef struct wish {
    const char *rule, *pre[2];
    size_t f, selected, bucket_size;
} wish;

static vx_aggregate_options options_of(const wish *w)
{
    vx_aggregate_options options = sample_options(w->rule, w->f, false);

    options.pre = w->pre;
    options.pre_count = w->pre[0] == NULL ? 0 : w->pre[1] == NULL ? 1 : 2;
    options.selected = w->selected;
    options.bucket_size = w->bucket_size > 0 ? w->bucket_size : 2;
    return options;
}

/* The first `absent` rows are not there. */
static void check_run(const wish *w, size_t absent, const char *message)
{
    vx_aggregate_options options = options_of(w);
    sample s = sample_make(1, N, D, 1.0);
    vx_aggregator *a = NULL;
    float update[D] = { 42.0f };
    vx_error err = { 0 };

    for (size_t i = 0; i < absent; i++)
        s.present[i] = false;
    vx_assert_ok(vx_aggregator_create(&options, N, D, &a, &err), &err);
    vx_assert_status(
        vx_aggregator_run(a, sample_view(&s), s.present, (vx_vecf){ update, D }, NULL, &err),
        VX_ERR_DOMAIN, &err);
    assert_string_equal(err.message, message);
    assert_true(update[0] == 42.0f);
    vx_aggregator_destroy(a);
    sample_free(&s);
}

static void check_start(const wish *w, size_t n, const char *message)
{
    vx_aggregate_options options = options_of(w);
    vx_aggregator *a = NULL;
    vx_error err = { 0 };

    vx_assert_status(vx_aggregator_create(&options, n, D, &a, &err), VX_ERR_DOMAIN, &err);
    assert_string_equal(err.message, message);
    assert_null(a);
}

static void a_run_names_the_formula_and_the_absent_rows(void **state)
{
    (void)state;
    check_run(&(wish){ .rule = "krum", .f = 2 }, 3,
              "krum needs n >= 2f + 3: n = 6 (of 9, 3 absent), f = 2");
    check_run(&(wish){ .rule = "mean" }, 9, "mean needs n >= 1: n = 0 (of 9, 9 absent), f = 0");
    check_run(&(wish){ .rule = "multi_krum", .f = 1, .selected = 6 }, 3,
              "multi_krum needs n >= 2f + 3 and n >= f + m: n = 6 (of 9, 3 absent), f = 1, m = 6");
}

static void a_run_of_each_rule_says_what_its_start_says(void **state)
{
    (void)state;
    for (size_t i = 0; i < vx_rule_count(); i++) {
        vx_rule_info info = vx_rule_at(i);
        char text[160];

        (void)snprintf(text, sizeof(text), "%s needs %s: n = 0 (of 9, 9 absent), f = 1", info.name,
                       info.requirement);
        check_run(&(wish){ .rule = info.name, .f = 1 }, N, text);
        (void)snprintf(text, sizeof(text), "%s needs %s: n = 0, f = 1", info.name,
                       info.requirement);
        check_start(&(wish){ .rule = info.name, .f = 1 }, 0, text);
    }
}

static void a_pre_aggregator_that_asks_for_more_rows_is_named(void **state)
{
    (void)state;
    check_run(&(wish){ .rule = "mean", .pre = { "nnm" }, .f = 3 }, 3,
              "nnm needs n >= 2f + 1: n = 6 (of 9, 3 absent), f = 3");
    check_run(&(wish){ .rule = "mean", .pre = { "unit", "arc" }, .f = 4 }, 1,
              "arc needs n >= 2f + 1: n = 8 (of 9, 1 absent), f = 4");
    check_start(&(wish){ .rule = "krum", .pre = { "nnm" }, .f = 5 }, 12,
                "krum needs n >= 2f + 3: n = 12, f = 5");
    check_start(&(wish){ .rule = "krum", .pre = { "nnm" }, .f = 5 }, 10,
                "nnm needs n >= 2f + 1: n = 10, f = 5");
}

static void bucketing_that_leaves_too_few_rows_is_named(void **state)
{
    (void)state;
    check_run(&(wish){ .rule = "krum", .pre = { "bucketing" }, .f = 1 }, 1,
              "bucketing by 2 leaves 4 of n = 8 rows (of 9, 1 absent), krum behind it needs "
              "n >= 2f + 3: f = 1; n >= 9 is enough");
    check_start(&(wish){ .rule = "median", .pre = { "bucketing" }, .f = 2 }, 8,
                "bucketing by 2 leaves 4 of n = 8 rows, median behind it needs n >= 2f + 1: "
                "f = 2; n >= 9 is enough");
    check_start(&(wish){ .rule = "mean", .pre = { "bucketing", "nnm" }, .f = 2 }, 8,
                "bucketing by 2 leaves 4 of n = 8 rows, nnm behind it needs n >= 2f + 1: f = 2; "
                "n >= 9 is enough");
    check_start(
        &(wish){ .rule = "krum", .pre = { "bucketing", "bucketing" }, .f = 1, .bucket_size = 3 },
        15,
        "bucketing by 3 leaves 2 of n = 5 rows, krum behind it needs n >= 2f + 3: f = 1; "
        "n >= 37 is enough");
}

static void rows_that_get_lost_in_buckets_are_absent(void **state)
{
    vx_aggregate_options options = sample_options("krum", 2, false);
    sample s = sample_make(1, N, D, 1.0);
    const float *rows[N];
    vx_aggregator *a = NULL;
    vx_error err = { 0 };

    (void)state;
    for (size_t i = 0; i < 3; i++)
        sample_set_row(&s, i, (float)INFINITY);
    for (size_t i = 0; i < N; i++)
        rows[i] = sample_row(&s, i);
    vx_assert_ok(vx_aggregator_create(&options, N, D, &a, &err), &err);
    vx_assert_ok(vx_aggregator_begin(a, N, s.present, &err), &err);
    vx_assert_ok(vx_aggregator_add(a, (vx_rowset){ rows, NULL, N, D }, 0, &err), &err);
    vx_assert_status(vx_aggregator_decide(a, NULL, &err), VX_ERR_DOMAIN, &err);
    assert_string_equal(err.message, "krum needs n >= 2f + 3: n = 6 (of 9, 3 absent), f = 2");
    vx_aggregator_destroy(a);
    sample_free(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_run_names_the_formula_and_the_absent_rows),
        cmocka_unit_test(a_run_of_each_rule_says_what_its_start_says),
        cmocka_unit_test(a_pre_aggregator_that_asks_for_more_rows_is_named),
        cmocka_unit_test(bucketing_that_leaves_too_few_rows_is_named),
        cmocka_unit_test(rows_that_get_lost_in_buckets_are_absent),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
