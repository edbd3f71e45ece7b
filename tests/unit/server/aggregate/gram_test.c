#include <vx_test/check.h>

#include <float.h>
#include <math.h>
#include <string.h>

#include <vx_base/alloc.h>
#include <vx_base/rng.h>
#include <vx_oracle/rules.h>

#include "aggregator.h"
#include "sample.h"

enum { D = 23, SHAPES = 60 };

static const char *const rules[] = { "krum", "multi_krum", "geometric_median", "mda", "smea", "caf",
                                     "cge",  "monna",      "centered_clipping" };

enum { RULES = sizeof(rules) / sizeof(rules[0]) };

static bool is_one_of(const char *rule, const char *a, const char *b)
{
    return strcmp(rule, a) == 0 || strcmp(rule, b) == 0;
}

static bool is_affine(const char *rule)
{
    return !is_one_of(rule, "cge", "centered_clipping");
}

/* What a run leaves when its aggregator is gone. */
typedef struct result {
    float update[D];
    double as_double[D], weight[SAMPLE_ROWS_MAX];
    double objective;
    size_t selected;
    char method[32];
} result;

static result run(const sample *s, const vx_aggregate_options *options)
{
    vx_aggregate_report report;
    result r = { .selected = 0 };
    vx_aggregator *a = sample_run(s, options, r.update, &report);

    for (size_t k = 0; k < D; k++)
        r.as_double[k] = (double)r.update[k];
    for (size_t i = 0; i < s->n; i++)
        r.selected += report.selected[i] ? 1 : 0;
    memcpy(r.weight, report.weight, s->n * sizeof(double));
    r.objective = report.objective;
    strncpy(r.method, report.method, sizeof(r.method) - 1);
    vx_aggregator_destroy(a);
    return r;
}

/* Some shape that the rule takes, with f at its most or less. */
static vx_aggregate_options draw(const char *rule, uint32_t seed, size_t *ret_n)
{
    vx_rng rng = vx_rng_stream(seed, VX_RNG_TEST, 7, 0);
    bool of_krum = is_one_of(rule, "krum", "multi_krum");
    size_t n = 3 + vx_rng_below(&rng, 12), most = (n - (of_krum ? 3 : 1)) / 2;

    *ret_n = n;
    return sample_options(rule, vx_rng_below(&rng, most + 1), false);
}

static double norm_apart(const double *a, const double *b)
{
    double sum = 0.0;

    for (size_t k = 0; k < D; k++)
        sum += (a[k] - b[k]) * (a[k] - b[k]);
    return sqrt(sum);
}

static void weights_are_those_of_an_average(void **state)
{
    (void)state;
    for (uint32_t seed = 0; seed < RULES * SHAPES; seed++) {
        size_t n;
        vx_aggregate_options options = draw(rules[seed % RULES], seed, &n);
        sample s = sample_make(seed, n, D, 1.0);
        result r = run(&s, &options);
        double sum = 0.0;

        for (size_t i = 0; i < n; i++) {
            assert_true(r.weight[i] >= 0.0);
            sum += r.weight[i];
        }
        vx_assert_close(sum, 1.0, 1e-12, 0.0); /* tau is longer than every row */
        sample_free(&s);
    }
}

/* Order chooses: among subsets of one diameter, and among two rows that are each other's nearest.
 */
static bool is_tied(const vx_aggregate_options *options, size_t n)
{
    return strcmp(options->rule, "mda") == 0 ||
           (is_one_of(options->rule, "krum", "multi_krum") && n - options->byzantine - 2 == 1);
}

static void order_place_and_scale_do_not_matter(void **state)
{
    (void)state;
    for (uint32_t seed = 0; seed < RULES * SHAPES; seed++) {
        const char *rule = rules[seed % RULES];
        size_t n;
        vx_aggregate_options options = draw(rule, seed, &n);
        sample s = sample_make(seed, n, D, 1.0), moved = sample_make(seed, n, D, 1.0);
        double place = is_affine(rule) ? 8.0 : 0.0;
        result a = run(&s, &options), b;

        for (size_t i = 0; i < n; i++) {
            for (size_t k = 0; k < D; k++)
                sample_row(&moved, n - 1 - i)[k] = sample_row(&s, i)[k] * 0.5f + (float)place;
        }
        options.pivot = n - 1;
        b = run(&moved, &options);
        if (strcmp(rule, "mda") == 0)
            vx_assert_close(b.objective, 0.5 * a.objective, 1e-5, 0.0);
        for (size_t k = 0; !is_tied(&options, n) && k < D; k++)
            vx_assert_close(b.as_double[k], 0.5 * a.as_double[k] + place, 1e-5, 1e-5);
        sample_free(&s);
        sample_free(&moved);
    }
}

static void a_majority_of_equal_rows_is_the_update(void **state)
{
    (void)state;
    for (uint32_t seed = 0; seed < RULES * SHAPES; seed++) {
        const char *rule = rules[seed % RULES];
        size_t n;
        vx_aggregate_options options = draw(rule, seed, &n);
        sample s = sample_make(seed, n, D, 1.0);
        result r;

        if (!is_affine(rule))
            options.byzantine = 0;
        for (size_t i = 1; i < n - options.byzantine; i++)
            sample_copy_row(&s, i, 0);
        if (options.byzantine > 0)
            sample_set_row(&s, n - 1, seed % 2 == 0 ? 1e30f : -3.0f);
        r = run(&s, &options);
        for (size_t k = 0; k < D; k++)
            vx_assert_close(r.as_double[k], (double)sample_row(&s, 0)[k], 1e-6, 1e-6);
        sample_free(&s);
    }
}

/* How far the honest rows, the first ones, are from their mean; and the update from it. */
static void check_bounded(const sample *s, const vx_aggregate_options *options, double common)
{
    double mean[D], spread = 0.0, row[D];
    vx_mat x = sample_present(s);
    result r = run(s, options);

    x.rows -= options->byzantine;
    vx_oracle_mean(vx_mat_const(x), mean);
    for (size_t i = 0; i < x.rows; i++) {
        memcpy(row, x.at + i * D, sizeof(row));
        spread = fmax(spread, norm_apart(row, mean));
    }
    if (!(norm_apart(r.as_double, mean) <= 4.0 * spread + common))
        fail_msg("%s of %zu rows, f = %zu: %g from the honest mean, spread %g", options->rule, s->n,
                 options->byzantine, norm_apart(r.as_double, mean), spread);
    vx_free(x.at);
}

/* A row of 1e30, two in one line, the largest floats, a small common lie. */
static void set_hostile(sample *s, size_t f, uint32_t kind)
{
    for (size_t i = s->n - f; i < s->n; i++) {
        float value = i % 2 == 0 ? 1e30f : 1e20f;

        if (kind == 1)
            value = i % 2 == 0 ? FLT_MAX : -FLT_MAX;
        else if (kind == 2)
            value = 40.0f;
        sample_set_row(s, i, value);
    }
}

static void f_hostile_rows_do_not_carry_the_update_away(void **state)
{
    (void)state;
    for (uint32_t seed = 0; seed < 3 * RULES * SHAPES; seed++) {
        const char *rule = rules[seed % RULES];
        bool clips = strcmp(rule, "centered_clipping") == 0;
        size_t n;
        vx_aggregate_options options = draw(rule, seed, &n);
        sample s = sample_make(seed, n, D, 1.0);

        options.tau = 5.0;
        set_hostile(&s, options.byzantine, seed / RULES % 3);
        /* a step of length tau, from zero */
        check_bounded(&s, &options, clips ? 2.0 * options.tau + 20.0 : 0.0);
        sample_free(&s);
    }
}

/* Rows that share a part of 1e6: what is left of their difference in float is still weighed. */
static void a_large_common_part_costs_no_digits(void **state)
{
    (void)state;
    for (uint32_t seed = 0; seed < RULES * SHAPES; seed++) {
        const char *rule = rules[seed % RULES];
        size_t n;
        vx_aggregate_options options = draw(rule, seed, &n);
        sample far = sample_make(seed, n, D, 1.0), near = sample_make(seed, n, D, 1.0);
        result a, b;

        for (size_t k = 0; k < n * D; k++) {
            far.at[k] = 1e6f + far.at[k];
            near.at[k] = far.at[k] - 1e6f; /* exact */
        }
        a = run(&far, &options);
        b = run(&near, &options);
        for (size_t i = 0; is_affine(rule) && i < n; i++)
            vx_assert_close(a.weight[i], b.weight[i], 1e-9, 1e-12);
        sample_free(&far);
        sample_free(&near);
    }
}

static void few_equal_and_zero_rows_are_no_trap(void **state)
{
    (void)state;
    for (size_t k = 0; k < RULES; k++) {
        for (size_t n = rules[k][0] == 'k' || rules[k][1] == 'u' ? 3 : 1; n <= 9; n++) {
            vx_aggregate_options options = sample_options(rules[k], 0, false);
            sample s = sample_make(3, n, D, 1.0);
            result r;

            for (size_t i = 1; i < n; i++)
                sample_copy_row(&s, i, 0);
            r = run(&s, &options);
            for (size_t j = 0; j < D; j++)
                vx_assert_close(r.as_double[j], (double)sample_row(&s, 0)[j], 1e-6, 0.0);
            sample_scale(&s, 0.0);
            options.byzantine = (n - (n > 2 ? 3 : 1)) / 2;
            r = run(&s, &options);
            vx_assert_close(norm_apart(r.as_double, (double[D]){ 0.0 }), 0.0, 0.0, 0.0);
            sample_free(&s);
        }
    }
}

static void without_byzantine_rows_they_are_the_mean(void **state)
{
    static const char *const means[] = {
        "mda", "smea", "caf", "cge", "monna", "centered_clipping"
    };

    (void)state;
    for (size_t k = 0; k < sizeof(means) / sizeof(means[0]); k++) {
        vx_aggregate_options options = sample_options(means[k], 0, false);
        sample s = sample_make(3, 7, D, 1.0);
        vx_mat x = sample_present(&s);
        double mean[D];
        result r = run(&s, &options);

        vx_oracle_mean(vx_mat_const(x), mean);
        assert_true(sample_error(r.update, mean, D) < 1e-6);
        vx_free(x.at);
        sample_free(&s);
    }
}

/* Rows of few small integers: many subsets are equally good. */
static void round_off(sample *s)
{
    for (size_t k = 0; k < s->n * s->d; k++)
        s->at[k] = k % D < 3 ? rintf(s->at[k]) : 0.0f;
}

static void check_best(const sample *s, size_t f, bool tied)
{
    vx_aggregate_options mda = sample_options("mda", f, false);
    vx_aggregate_options smea = sample_options("smea", f, false);
    vx_mat x = sample_present(s);
    double by_diameter[D], by_eigenvalue[D];
    double diameter = vx_oracle_mda(vx_mat_const(x), f, by_diameter);
    double eigenvalue = vx_oracle_smea(vx_mat_const(x), f, by_eigenvalue);
    result a = run(s, &mda), b = run(s, &smea);

    vx_assert_close(a.objective, diameter, 1e-9, 1e-12);
    vx_assert_close(b.objective, eigenvalue, 1e-9, 1e-12);
    assert_int_equal(a.selected, s->n - f);
    assert_int_equal(b.selected, s->n - f);
    assert_string_equal(a.method, "exact");
    assert_string_equal(b.method, "exact");
    for (size_t k = 0; k < D; k++) {
        vx_assert_close(a.as_double[k], by_diameter[k], 1e-6, 1e-6);
        if (!tied)
            vx_assert_close(b.as_double[k], by_eigenvalue[k], 1e-6, 1e-6);
    }
    smea.exact_rows = 0;
    b = run(s, &smea);
    assert_string_equal(b.method, "greedy");
    assert_true(b.objective >= eigenvalue * (1.0 - 1e-9) - 1e-12);
    vx_free(x.at);
}

static void mda_and_smea_find_the_best_of_all_subsets(void **state)
{
    (void)state;
    for (size_t n = 1; n <= 10; n++) {
        for (size_t f = 0; 2 * f + 1 <= n; f++) {
            for (uint32_t seed = 0; seed < 4; seed++) {
                sample s = sample_make(seed, n, D, 1.0);

                if (seed % 2 == 1)
                    round_off(&s);
                if (seed == 2 && f > 0)
                    sample_set_row(&s, n / 2, 1e10f);
                check_best(&s, f, seed % 2 == 1);
                sample_free(&s);
            }
        }
    }
}

/* n - f rows close together: the only subset of small diameter, however many there are. */
static void a_close_group_among_many_rows_is_found(void **state)
{
    sample s = sample_make(9, 40, D, 0.0);

    (void)state;
    for (size_t k = 0; k < 40 * D; k++)
        s.at[k] *= k / D % 10 < 6 ? 0.1f : 1.0f;
    for (size_t k = 0; k < 2; k++) {
        vx_aggregate_options options = sample_options(k == 0 ? "mda" : "smea", 16, false);
        result r = run(&s, &options);

        assert_string_equal(r.method, k == 0 ? "exact" : "greedy");
        for (size_t i = 0; i < 40; i++)
            vx_assert_close(r.weight[i], i % 10 < 6 ? 1.0 / 24.0 : 0.0, 1e-12, 0.0);
    }
    sample_free(&s);
}

static void shares_count_among_the_selected_rows(void **state)
{
    static const double share[] = { 1.0, 5.0, 2.0, 4.0, 3.0, 7.0, 6.0, 9.0, 8.0 };
    static const char *const selecting[] = { "mda", "smea", "cge", "monna" };

    (void)state;
    for (size_t k = 0; k < 4; k++) {
        vx_aggregate_options options = sample_options(selecting[k], 2, false);
        sample s = sample_make(3, 9, D, 1.0);
        result plain = run(&s, &options), r;
        double sum = 0.0;

        options.share = share;
        r = run(&s, &options);
        for (size_t i = 0; i < 9; i++)
            sum += plain.weight[i] > 0.0 ? share[i] : 0.0;
        for (size_t i = 0; i < 9; i++)
            vx_assert_close(r.weight[i], plain.weight[i] > 0.0 ? share[i] / sum : 0.0, 1e-12, 0.0);
        sample_free(&s);
    }
}

/* A row of share 2 is a row that is there twice. */
static void a_share_of_two_clips_as_two_equal_rows(void **state)
{
    static const double share[] = { 1.0, 2.0, 1.0, 1.0, 1.0 };
    vx_aggregate_options options = sample_options("centered_clipping", 1, false);
    sample s = sample_make(3, 6, D, 1.0);
    result twice, shared;

    (void)state;
    sample_copy_row(&s, 5, 1);
    options.tau = 2.0;
    options.clip_iterations = 3;
    twice = run(&s, &options);
    options.share = share;
    s.n = 5;
    shared = run(&s, &options);
    assert_true(sample_error(shared.update, twice.as_double, D) < 1e-6);
    vx_assert_close(shared.weight[1], 2.0 * twice.weight[1], 1e-9, 0.0);
    sample_free(&s);
}

static void centered_clipping_starts_from_the_update_before(void **state)
{
    vx_aggregate_options options = sample_options("centered_clipping", 1, false);
    sample s = sample_make(3, 6, D, 1.0);
    vx_mat x = sample_present(&s);
    double v[D] = { 0.0 };
    vx_aggregator *a = NULL;
    float update[D];

    (void)state;
    options.tau = 1.5;
    options.clip_iterations = 2;
    vx_assert_ok(vx_aggregator_create(&options, 6, D, &a, NULL), NULL);
    for (int round = 0; round < 5; round++) {
        vx_assert_ok(
            vx_aggregator_run(a, sample_view(&s), s.present, (vx_vecf){ update, D }, NULL, NULL),
            NULL);
        vx_oracle_centered_clipping(vx_mat_const(x), 2, 1.5, v);
        assert_true(sample_error(update, v, D) < 1e-6);
    }
    vx_aggregator_destroy(a);
    vx_free(x.at);
    sample_free(&s);
}

/* By all rows, one that is out already keeps the filter from the next one. */
static void caf_goes_on_where_compat_stands_still(void **state)
{
    vx_aggregate_options options = sample_options("caf", 2, false);
    sample s = sample_make(3, 9, D, 1.0);
    result r;

    (void)state;
    sample_set_row(&s, 7, 1e30f);
    sample_set_row(&s, 8, 1e10f);
    r = run(&s, &options);
    assert_string_equal(r.method, "filtered");
    assert_true(fabs(r.as_double[0]) < 10.0);
    options.compat = VX_COMPAT_BYZFL;
    r = run(&s, &options);
    assert_string_equal(r.method, "iteration limit");
    sample_free(&s);
}

/* The selections whose other half looks at columns, on the work memory of an aggregator. */
static void bulyan_and_aksel_choose_as_their_papers_say(void **state)
{
    (void)state;
    for (uint32_t seed = 0; seed < 20; seed++) {
        size_t f = seed % 3, n = 4 * f + 3 + seed % 2;
        sample s = sample_make(seed, n + 1, D, 1.0);
        vx_aggregate_options options = sample_options("mean", f, false);
        float update[D];
        vx_aggregator *a = sample_run(&s, &options, update, NULL);
        vx_geometry g = { .n = n, .reference = true, .k = a->raw.k, .d = a->raw.d };
        double weights[SAMPLE_ROWS_MAX], by_oracle[D], sum[D] = { 0.0 };
        bool selected[SAMPLE_ROWS_MAX];
        vx_mat x = sample_present(&s);

        x.rows = n;
        vx_oracle_bulyan_select(vx_mat_const(x), f, selected);
        vx_assert_ok(vx_bulyan_select(&g, &options, &a->work, weights), NULL);
        for (size_t i = 0; i < n; i++)
            assert_int_equal(weights[i] > 0.0, selected[i]);
        vx_oracle_nearest(vx_mat_const(x), x.at + n * D, (n + 1) / 2, by_oracle);
        vx_assert_ok(vx_aksel_weights(&g, &options, &a->work, weights), NULL);
        vx_assert_close(weights[n], 0.0, 0.0, 0.0);
        for (size_t i = 0; i < n; i++) {
            for (size_t k = 0; k < D; k++)
                sum[k] += weights[i] * x.at[i * D + k];
        }
        assert_true(norm_apart(sum, by_oracle) < 1e-12);
        vx_aggregator_destroy(a);
        vx_free(x.at);
        sample_free(&s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(weights_are_those_of_an_average),
        cmocka_unit_test(order_place_and_scale_do_not_matter),
        cmocka_unit_test(a_majority_of_equal_rows_is_the_update),
        cmocka_unit_test(f_hostile_rows_do_not_carry_the_update_away),
        cmocka_unit_test(a_large_common_part_costs_no_digits),
        cmocka_unit_test(few_equal_and_zero_rows_are_no_trap),
        cmocka_unit_test(without_byzantine_rows_they_are_the_mean),
        cmocka_unit_test(mda_and_smea_find_the_best_of_all_subsets),
        cmocka_unit_test(a_close_group_among_many_rows_is_found),
        cmocka_unit_test(shares_count_among_the_selected_rows),
        cmocka_unit_test(a_share_of_two_clips_as_two_equal_rows),
        cmocka_unit_test(centered_clipping_starts_from_the_update_before),
        cmocka_unit_test(caf_goes_on_where_compat_stands_still),
        cmocka_unit_test(bulyan_and_aksel_choose_as_their_papers_say),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
