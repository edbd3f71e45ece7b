#include <vx_test/check.h>

#include <math.h>
#include <string.h>

#include <vx_base/alloc.h>

#include "sample.h"

enum { N = 13, D = 700, F = 2, CUTS = 4 };
static const size_t cuts[CUTS + 1] = { 0, 250, 251, 507, D };

/* The rows of a sample, in one precision, and where their results go. */
typedef struct setting {
    sample s;
    double *wide; /* (N, D) */
    bool in_double;
    float update_f32[D];
    double update[D];
} setting;

static setting make(uint32_t seed, bool in_double)
{
    setting t = { .s = sample_make(seed, N, D, 1.0), .in_double = in_double };

    t.wide = vx_calloc((size_t)N * D, sizeof(double));
    assert_non_null(t.wide);
    for (size_t i = 0; i < (size_t)N * D; i++)
        t.wide[i] = (double)t.s.at[i];
    return t;
}

static void drop(setting *t)
{
    vx_free(t->wide);
    sample_free(&t->s);
}

static void widen(setting *t)
{
    for (size_t k = 0; !t->in_double && k < D; k++)
        t->update[k] = (double)t->update_f32[k];
}

static vx_aggregator *create(const char *rule, bool nnm)
{
    vx_aggregate_options options = sample_options(rule, F, nnm);
    vx_aggregator *a = NULL;
    vx_error err = { 0 };

    vx_assert_ok(vx_aggregator_create(&options, N, D, &a, &err), &err);
    return a;
}

static void run_whole(vx_aggregator *a, setting *t)
{
    vx_error err = { 0 };

    if (t->in_double)
        vx_assert_ok(vx_aggregator_run_f64(a, (vx_cmat){ t->wide, N, D, D }, t->s.present,
                                           (vx_vec){ t->update, D }, NULL, &err),
                     &err);
    else
        vx_assert_ok(vx_aggregator_run(a, sample_view(&t->s), t->s.present,
                                       (vx_vecf){ t->update_f32, D }, NULL, &err),
                     &err);
    widen(t);
}

typedef struct bucket {
    const float *f32[N];
    const double *f64[N];
} bucket;

static vx_rowset part_of(const setting *t, bucket *b, size_t from, size_t to)
{
    for (size_t i = 0; i < N; i++) { /* of absent rows there is nothing to point at */
        b->f32[i] = t->s.present[i] ? t->s.at + i * D + from : NULL;
        b->f64[i] = t->s.present[i] ? t->wide + i * D + from : NULL;
    }
    return (vx_rowset){ t->in_double ? NULL : b->f32, t->in_double ? b->f64 : NULL, N, to - from };
}

static vx_status add(vx_aggregator *a, const setting *t, size_t from, size_t to)
{
    bucket b;

    return vx_aggregator_add(a, part_of(t, &b, from, to), from, NULL);
}

static vx_status combine(vx_aggregator *a, setting *t, size_t from, size_t to)
{
    bucket b;
    vx_real part = { t->in_double ? NULL : t->update_f32 + from,
                     t->in_double ? t->update + from : NULL, to - from };

    return vx_aggregator_combine(a, part_of(t, &b, from, to), from, part, NULL);
}

/* Buckets from the last to the first, as gradients become ready. */
static void run_in_buckets(vx_aggregator *a, setting *t, vx_aggregate_report *ret_report)
{
    vx_assert_ok(vx_aggregator_begin(a, N, t->s.present, NULL), NULL);
    for (size_t k = CUTS; k-- > 0;)
        vx_assert_ok(add(a, t, cuts[k], cuts[k + 1]), NULL);
    vx_assert_ok(vx_aggregator_decide(a, ret_report, NULL), NULL);
    for (size_t k = CUTS; k-- > 0;)
        vx_assert_ok(combine(a, t, cuts[k], cuts[k + 1]), NULL);
    widen(t);
}

static void run_in_one_bucket(vx_aggregator *a, setting *t)
{
    vx_assert_ok(vx_aggregator_begin(a, N, t->s.present, NULL), NULL);
    vx_assert_ok(add(a, t, 0, D), NULL);
    vx_assert_ok(vx_aggregator_decide(a, NULL, NULL), NULL);
    vx_assert_ok(combine(a, t, 0, D), NULL);
    widen(t);
}

static bool needs_whole_vectors(const char *rule, bool nnm)
{
    return nnm && strcmp(rule, "aksel") == 0;
}

static void expect_close(const double *a, const double *b, double rtol, const char *rule)
{
    double apart = 0.0, size = 0.0;

    for (size_t k = 0; k < D; k++) {
        apart += (a[k] - b[k]) * (a[k] - b[k]);
        size += b[k] * b[k];
    }
    if (!(sqrt(apart) <= rtol * sqrt(size)))
        fail_msg("%s: buckets give another update, apart by %g of %g", rule, sqrt(apart),
                 sqrt(size));
}

/* Twice each: a rule with a memory has one at the second run. */
static void compare(const char *rule, bool nnm, bool in_double)
{
    vx_aggregator *whole = create(rule, nnm), *parts = create(rule, nnm), *one = create(rule, nnm);

    for (uint32_t pass = 0; pass < 2; pass++) {
        setting a = make(pass, in_double), b = make(pass, in_double), c = make(pass, in_double);

        a.s.present[4] = b.s.present[4] = c.s.present[4] = false;
        run_whole(whole, &a);
        run_in_buckets(parts, &b, NULL);
        run_in_one_bucket(one, &c);
        expect_close(b.update, a.update, in_double ? 1e-12 : 1e-7, rule);
        for (size_t k = 0; k < D; k++) {
            if (c.update[k] != a.update[k])
                fail_msg("%s: one bucket gives other bits than the whole", rule);
        }
        drop(&a);
        drop(&b);
        drop(&c);
    }
    vx_aggregator_destroy(whole);
    vx_aggregator_destroy(parts);
    vx_aggregator_destroy(one);
}

static void buckets_give_what_whole_vectors_give(void **state)
{
    (void)state;
    for (size_t i = 0; i < 4 * vx_rule_count(); i++) {
        const char *rule = vx_rule_at(i / 4).name;

        if (!needs_whole_vectors(rule, i % 2 == 1))
            compare(rule, i % 2 == 1, i % 4 >= 2);
    }
}

static void rules_of_columns_need_no_decision(void **state)
{
    (void)state;
    for (size_t i = 0; i < vx_rule_count(); i++) {
        const char *rule = vx_rule_at(i).name;
        vx_aggregator *whole = create(rule, false), *parts = create(rule, false);
        setting a = make(7, false), b = make(7, false);

        vx_assert_ok(vx_aggregator_begin(parts, N, b.s.present, NULL), NULL);
        if (combine(parts, &b, 0, cuts[1]) == VX_OK) {
            for (size_t k = 1; k < CUTS; k++)
                vx_assert_ok(combine(parts, &b, cuts[k], cuts[k + 1]), NULL);
            run_whole(whole, &a);
            assert_memory_equal(a.update_f32, b.update_f32, sizeof(a.update_f32));
            b.s.at[D + 3] = INFINITY;
            vx_assert_status(combine(parts, &b, 0, cuts[1]), VX_ERR_NONFINITE, NULL);
        } else {
            assert_false(strcmp(rule, "median") == 0 || strcmp(rule, "trimmed_mean") == 0);
        }
        vx_aggregator_destroy(whole);
        vx_aggregator_destroy(parts);
        drop(&a);
        drop(&b);
    }
}

static void a_row_that_is_not_finite_is_absent_in_every_bucket(void **state)
{
    static const char *const rules[] = { "mean", "krum", "flag", "geometric_median" };

    (void)state;
    for (size_t i = 0; i < 8; i++) {
        vx_aggregator *whole = create(rules[i / 2], false), *parts = create(rules[i / 2], false);
        setting a = make(3, i % 2 == 1), b = make(3, i % 2 == 1);
        vx_aggregate_report report;

        a.s.present[5] = false;
        b.s.at[5 * D + 300] = NAN;
        b.wide[5 * D + 300] = (double)INFINITY;
        run_whole(whole, &a);
        run_in_buckets(parts, &b, &report);
        expect_close(b.update, a.update, i % 2 == 1 ? 1e-12 : 1e-7, rules[i / 2]);
        assert_int_equal(report.present, N - 1);
        assert_true(isnan(report.norm[5]));
        vx_aggregator_destroy(whole);
        vx_aggregator_destroy(parts);
        drop(&a);
        drop(&b);
    }
}

static void too_many_lost_rows_are_told_at_the_decision(void **state)
{
    vx_aggregator *a = create("krum", false);
    setting t = make(3, false);
    vx_error err = { 0 };

    (void)state;
    for (size_t i = 0; i < N - 6; i++)
        t.s.at[i * D] = NAN;
    vx_assert_ok(vx_aggregator_begin(a, N, t.s.present, NULL), NULL);
    vx_assert_ok(add(a, &t, 0, D), NULL);
    vx_assert_status(vx_aggregator_decide(a, NULL, &err), VX_ERR_DOMAIN, &err);
    assert_non_null(strstr(err.message, "krum needs n >= 2f + 3: n = 6 (of"));
    vx_assert_status(combine(a, &t, 0, D), VX_ERR_USAGE, NULL);
    vx_aggregator_destroy(a);
    drop(&t);
}

static void the_report_of_a_decision_has_norm_and_weights(void **state)
{
    vx_aggregator *a = create("multi_krum", false);
    setting t = make(3, true);
    vx_aggregate_report report;
    double sum = 0.0, squared = 0.0;

    (void)state;
    run_in_buckets(a, &t, &report);
    for (size_t i = 0; i < N; i++)
        sum += report.weight[i];
    for (size_t k = 0; k < D; k++)
        squared += t.update[k] * t.update[k];
    vx_assert_close(sum, 1.0, 1e-12, 0.0);
    vx_assert_close(report.update_norm, sqrt(squared), 1e-12, 0.0);
    vx_aggregator_destroy(a);
    drop(&t);
}

/* The distances of an earlier run are not those of the buckets. */
static void a_decision_on_columns_knows_no_distances(void **state)
{
    static const char *const rules[] = { "median", "bulyan" };

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        vx_aggregator *a = create(rules[i], true);
        setting t = make(3, false);
        vx_aggregate_report report;

        run_whole(a, &t);
        run_in_buckets(a, &t, &report);
        for (size_t k = 0; k < N; k++)
            assert_true(isnan(report.distance[k]));
        vx_aggregator_destroy(a);
        drop(&t);
    }
}

static void calls_out_of_order_and_shape_are_refused(void **state)
{
    vx_aggregator *a = create("krum", false);
    setting t = make(3, false);

    (void)state;
    vx_assert_status(add(a, &t, 0, D), VX_ERR_USAGE, NULL);
    vx_assert_status(vx_aggregator_decide(a, NULL, NULL), VX_ERR_USAGE, NULL);
    vx_assert_status(vx_aggregator_begin(a, N + 1, t.s.present, NULL), VX_ERR_SHAPE, NULL);
    vx_assert_ok(vx_aggregator_begin(a, N, t.s.present, NULL), NULL);
    vx_assert_status(combine(a, &t, 0, D), VX_ERR_USAGE, NULL);
    vx_assert_status(add(a, &t, 5, D + 1), VX_ERR_SHAPE, NULL);
    vx_assert_status(add(a, &t, 5, 5), VX_ERR_SHAPE, NULL);
    vx_assert_ok(add(a, &t, 0, D - 1), NULL);
    vx_assert_status(vx_aggregator_decide(a, NULL, NULL), VX_ERR_SHAPE, NULL);
    vx_assert_ok(add(a, &t, D - 1, D), NULL);
    vx_assert_ok(vx_aggregator_decide(a, NULL, NULL), NULL);
    vx_assert_status(add(a, &t, 0, D), VX_ERR_USAGE, NULL);
    run_whole(a, &t); /* a run ends what was begun */
    vx_assert_status(combine(a, &t, 0, D), VX_ERR_USAGE, NULL);
    vx_aggregator_destroy(a);
    drop(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(buckets_give_what_whole_vectors_give),
        cmocka_unit_test(rules_of_columns_need_no_decision),
        cmocka_unit_test(a_row_that_is_not_finite_is_absent_in_every_bucket),
        cmocka_unit_test(too_many_lost_rows_are_told_at_the_decision),
        cmocka_unit_test(the_report_of_a_decision_has_norm_and_weights),
        cmocka_unit_test(a_decision_on_columns_knows_no_distances),
        cmocka_unit_test(calls_out_of_order_and_shape_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
