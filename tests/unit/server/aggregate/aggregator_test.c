#include <vx_test/check.h>

#include <math.h>
#include <string.h>

#include <vx_base/alloc.h>

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

static bool fits_subspace(const char *rule)
{
    return strcmp(rule, "flag") == 0 || strcmp(rule, "trimmed_flag") == 0;
}

static void the_registry_lists_what_can_be_found(void **state)
{
    vx_rule_info info;

    (void)state;
    assert_int_equal(vx_rule_count(), 20);
    for (size_t i = 0; i < vx_rule_count(); i++) {
        assert_true(vx_rule_find(rule_at(i), &info));
        assert_string_equal(info.name, rule_at(i));
        assert_true(info.requirement[0] != '\0' && info.source[0] != '\0');
        assert_int_equal(info.robust, strcmp(info.name, "mean") != 0);
    }
    assert_false(vx_rule_find("Krum", NULL));
    assert_false(vx_rule_find("", NULL));
    assert_true(vx_pre_find("nnm"));
    assert_false(vx_pre_find("flag"));
}

static void unknown_names_are_refused_with_the_known_ones(void **state)
{
    vx_aggregate_options options = sample_options("trimmed", 1, false);
    const char *const chain[] = { "nnm", "mix" };
    vx_aggregator *aggregator = NULL;
    vx_error err;

    (void)state;
    vx_assert_status(vx_aggregator_create(&options, N, D, &aggregator, &err), VX_ERR_CONFIG, &err);
    assert_non_null(strstr(err.message, "'trimmed'"));
    for (size_t i = 0; i < vx_rule_count(); i++)
        assert_non_null(strstr(err.message, rule_at(i)));
    options = sample_options("median", 1, false);
    options.pre = chain;
    options.pre_count = 2;
    vx_assert_status(vx_aggregator_create(&options, N, D, &aggregator, &err), VX_ERR_CONFIG, &err);
    assert_non_null(strstr(err.message, "'mix'"));
    assert_non_null(strstr(err.message, "nnm"));
    assert_null(aggregator);
}

static void each_rule_needs_the_rows_that_its_paper_says(void **state)
{
    static const struct {
        const char *rule;
        size_t f, selected, rows_min;
        bool nnm;
    } by_hand[] = {
        { "mean", 3, 0, 1, false },         { "mean", 3, 0, 7, true },
        { "unit_mean", 3, 0, 7, false },    { "median", 3, 0, 7, false },
        { "trimmed_mean", 2, 0, 5, false }, { "meamed", 3, 0, 7, false },
        { "phocas", 2, 0, 5, false },       { "sign_majority", 2, 0, 5, false },
        { "mda", 3, 0, 7, false },          { "smea", 3, 0, 7, false },
        { "caf", 3, 0, 7, false },          { "cge", 3, 0, 7, false },
        { "monna", 3, 0, 7, false },        { "centered_clipping", 3, 0, 7, false },
        { "bulyan", 2, 0, 11, false },      { "aksel", 3, 0, 7, false },
        { "trimmed_flag", 3, 0, 7, false }, { "krum", 3, 0, 9, false },
        { "krum", 3, 0, 9, true },          { "multi_krum", 2, 0, 7, false },
        { "multi_krum", 2, 6, 8, false },   { "geometric_median", 1, 0, 3, false },
        { "flag", 2, 0, 5, false },         { "flag", 0, 0, 1, false },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(by_hand) / sizeof(by_hand[0]); i++) {
        vx_aggregate_options options =
            sample_options(by_hand[i].rule, by_hand[i].f, by_hand[i].nnm);
        vx_aggregator *aggregator = NULL;
        vx_error err;

        options.selected = by_hand[i].selected;
        vx_assert_ok(vx_aggregator_create(&options, by_hand[i].rows_min, 3, &aggregator, &err),
                     &err);
        assert_int_equal(vx_aggregator_rows_min(aggregator), by_hand[i].rows_min);
        aggregator = vx_aggregator_destroy(aggregator);
        if (by_hand[i].rows_min == 1)
            continue;
        vx_assert_status(
            vx_aggregator_create(&options, by_hand[i].rows_min - 1, 3, &aggregator, &err),
            VX_ERR_DOMAIN, &err);
        assert_non_null(strstr(err.message, i == 1 ? "nnm needs" : by_hand[i].rule));
        assert_non_null(strstr(err.message, "n >= "));
    }
}

static void options_out_of_range_are_refused(void **state)
{
    vx_aggregate_options good = sample_options("flag", 1, false), bad;
    vx_aggregator *aggregator = NULL;

    (void)state;
    bad = good;
    bad.flag.lambda = -1.0;
    vx_assert_status(vx_aggregator_create(&bad, N, D, &aggregator, NULL), VX_ERR_DOMAIN, NULL);
    bad = good;
    bad.flag.lambda = nan("");
    vx_assert_status(vx_aggregator_create(&bad, N, D, &aggregator, NULL), VX_ERR_DOMAIN, NULL);
    bad = good;
    bad.flag.iterations = 0;
    vx_assert_status(vx_aggregator_create(&bad, N, D, &aggregator, NULL), VX_ERR_DOMAIN, NULL);
    bad = good;
    bad.geometric_nu = nan("");
    vx_assert_status(vx_aggregator_create(&bad, N, D, &aggregator, NULL), VX_ERR_DOMAIN, NULL);
    bad = good;
    bad.byzantine = (size_t)-1;
    vx_assert_status(vx_aggregator_create(&bad, N, D, &aggregator, NULL), VX_ERR_DOMAIN, NULL);
    vx_assert_status(vx_aggregator_create(&good, 0, D, &aggregator, NULL), VX_ERR_DOMAIN, NULL);
    vx_assert_status(vx_aggregator_create(&good, N, 0, &aggregator, NULL), VX_ERR_LIMIT, NULL);
    vx_assert_status(vx_aggregator_create(&good, VX_WORKERS_MAX + 1, D, &aggregator, NULL),
                     VX_ERR_LIMIT, NULL);
    assert_null(aggregator);
}

static void too_few_rows_and_wrong_shapes_leave_the_update_alone(void **state)
{
    vx_aggregate_options options = sample_options("median", 4, false);
    sample s = sample_make(1, N, D, 1.0);
    vx_aggregator *aggregator = NULL;
    float update[D + 1] = { 42.0f };
    vx_vecf ret = { update, D };
    vx_error err;

    (void)state;
    vx_assert_ok(vx_aggregator_create(&options, N, D, &aggregator, &err), &err);
    s.present[2] = false;
    vx_assert_status(vx_aggregator_run(aggregator, sample_view(&s), s.present, ret, NULL, &err),
                     VX_ERR_DOMAIN, &err);
    assert_non_null(strstr(err.message, "median needs n >= 2f + 1: n = 8 (of 9, 1 absent), f = 4"));
    ret.n = D - 1;
    vx_assert_status(vx_aggregator_run(aggregator, sample_view(&s), s.present, ret, NULL, &err),
                     VX_ERR_SHAPE, &err);
    ret.n = D;
    vx_assert_status(
        vx_aggregator_run(aggregator, (vx_cmatf){ s.at, N, D - 1, D }, s.present, ret, NULL, &err),
        VX_ERR_SHAPE, &err);
    vx_assert_status(
        vx_aggregator_run(aggregator, (vx_cmatf){ s.at, N + 1, D, 0 }, s.present, ret, NULL, &err),
        VX_ERR_SHAPE, &err);
    assert_true(update[0] == 42.0f);
    vx_aggregator_destroy(aggregator);
    sample_free(&s);
}

static void a_present_row_that_is_not_finite_is_named(void **state)
{
    (void)state;
    for (size_t i = 0; i < vx_rule_count(); i++) {
        vx_aggregate_options options = sample_options(rule_at(i), 1, true);
        sample s = sample_make(1, N, D, 1.0);
        vx_aggregator *aggregator = NULL;
        float update[D] = { 42.0f };
        vx_error err;

        sample_row(&s, 6)[D - 1] = i % 2 == 0 ? nanf("") : HUGE_VALF;
        vx_assert_ok(vx_aggregator_create(&options, N, D, &aggregator, &err), &err);
        vx_assert_status(vx_aggregator_run(aggregator, sample_view(&s), s.present,
                                           (vx_vecf){ update, D }, NULL, &err),
                         VX_ERR_NONFINITE, &err);
        assert_non_null(strstr(err.message, "6"));
        assert_true(update[0] == 42.0f);
        vx_aggregator_destroy(aggregator);
        sample_free(&s);
    }
}

/* Absent rows hold NaN; the result is, to the bit, that of the present rows alone. */
static void absent_rows_are_never_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2 * vx_rule_count(); i++) {
        vx_aggregate_options options = sample_options(rule_at(i / 2), 1, i % 2 == 1);
        sample s = sample_make(1, N + 3, D, 1.0), packed = sample_make(1, N, D, 1.0);
        vx_aggregate_report report, expected_report;
        float update[D], expected[D];
        vx_aggregator *a, *b;

        options.pivot = 1; /* slot 0 is absent */
        for (size_t from = N, to = N + 3; to-- > 0;) {
            bool absent = to == 0 || to == 4 || to == 5;

            s.present[to] = !absent;
            if (!absent)
                memcpy(sample_row(&s, to), sample_row(&packed, --from), D * sizeof(float));
            else
                sample_set_row(&s, to, to == 0 ? nanf("") : HUGE_VALF);
        }
        a = sample_run(&s, &options, update, &report);
        options.pivot = 0;
        b = sample_run(&packed, &options, expected, &expected_report);
        assert_memory_equal(update, expected, sizeof(update));
        assert_int_equal(report.present, N);
        assert_true(isnan(report.norm[4]) && isnan(report.distance[4]) &&
                    isnan(report.reconstruction[4]));
        assert_true(isnan(expected_report.weight[0]) || report.weight[4] == 0.0);
        vx_assert_close(report.distance[6], expected_report.distance[3], 0.0, 0.0);
        vx_assert_close(report.reconstruction[6], expected_report.reconstruction[3], 0.0, 0.0);
        vx_aggregator_destroy(a);
        vx_aggregator_destroy(b);
        sample_free(&s);
        sample_free(&packed);
    }
}

static void monna_without_its_pivot_names_the_slot(void **state)
{
    sample s = sample_make(1, N, D, 1.0);
    vx_aggregate_options options = sample_options("monna", 1, false);
    vx_aggregator *a = NULL;
    float update[D] = { 42.0f };
    vx_error err;

    (void)state;
    options.pivot = 2;
    s.present[2] = false;
    vx_assert_ok(vx_aggregator_create(&options, N, D, &a, &err), &err);
    vx_assert_status(
        vx_aggregator_run(a, sample_view(&s), s.present, (vx_vecf){ update, D }, NULL, &err),
        VX_ERR_DOMAIN, &err);
    assert_string_equal(err.message, "monna needs its pivot, slot 2, which is absent");
    assert_true(update[0] == 42.0f);
    vx_aggregator_destroy(a);
    options.pivot = N;
    a = NULL;
    vx_assert_status(vx_aggregator_create(&options, N, D, &a, &err), VX_ERR_DOMAIN, &err);
    assert_null(a);
    sample_free(&s);
}

static void with_compat_krum_needs_a_majority(void **state)
{
    vx_aggregate_options options = sample_options("krum", 2, false);
    vx_aggregator *a = NULL;
    vx_error err;

    (void)state;
    vx_assert_status(vx_aggregator_create(&options, 6, D, &a, &err), VX_ERR_DOMAIN, &err);
    assert_string_equal(err.message, "krum needs n >= 2f + 3: n = 6, f = 2");
    options.compat = VX_COMPAT_BYZFL;
    vx_assert_ok(vx_aggregator_create(&options, 5, D, &a, &err), &err);
    assert_int_equal(vx_aggregator_rows_min(a), 5);
    a = vx_aggregator_destroy(a);
    vx_assert_status(vx_aggregator_create(&options, 4, D, &a, &err), VX_ERR_DOMAIN, &err);
    assert_string_equal(err.message, "krum needs n >= 2f + 1: n = 4, f = 2");
}

static double norm_of(const float *row)
{
    double sum = 0.0;

    for (size_t k = 0; k < D; k++)
        sum += (double)row[k] * (double)row[k];
    return sqrt(sum);
}

static double distance(const float *a, const float *b)
{
    double sum = 0.0;

    for (size_t k = 0; k < D; k++)
        sum += ((double)a[k] - (double)b[k]) * ((double)a[k] - (double)b[k]);
    return sqrt(sum);
}

static bool has_objective(const char *rule)
{
    static const char *const those[] = { "flag", "trimmed_flag", "geometric_median",
                                         "mda",  "smea",         "caf" };

    for (size_t i = 0; i < sizeof(those) / sizeof(those[0]); i++) {
        if (strcmp(those[i], rule) == 0)
            return true;
    }
    return false;
}

static void the_report_says_what_can_be_recomputed(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2 * vx_rule_count(); i++) {
        vx_aggregate_options options = sample_options(rule_at(i / 2), bearable(i / 2), i % 2 == 1);
        sample s = sample_make(1, N, D, 1.0);
        double sum[D] = { 0.0 }, norms[N];
        vx_aggregate_report report;
        float update[D];
        vx_aggregator *aggregator = sample_run(&s, &options, update, &report);
        bool weighed = vx_rule_at(i / 2).gram || strcmp(rule_at(i / 2), "aksel") == 0;

        assert_int_equal(report.present, N);
        for (size_t r = 0; r < N; r++) {
            norms[r] = norm_of(sample_row(&s, r));
            vx_assert_close(report.norm[r], norms[r], 1e-14, 0.0);
            vx_assert_close(report.distance[r], distance(sample_row(&s, r), update), 1e-6, 1e-5);
            assert_true(report.reconstruction[r] > 0.0 && report.reconstruction[r] <= 1.0);
            assert_int_equal(isnan(report.weight[r]), !weighed);
            for (size_t k = 0; k < D; k++)
                sum[k] += weighed ? report.weight[r] * (double)sample_row(&s, r)[k] : 0.0;
        }
        assert_true(!weighed || sample_error(update, sum, D) < 1e-6);
        vx_assert_close(report.update_norm, norm_of(update), 1e-14, 0.0);
        assert_int_equal(isnan(report.eigengap), !fits_subspace(rule_at(i / 2)));
        assert_int_equal(isnan(report.objective), !has_objective(rule_at(i / 2)));
        vx_aggregator_destroy(aggregator);
        sample_free(&s);
    }
}

static void reconstruction_is_the_default_flag_fit_of_the_raw_rows(void **state)
{
    sample s = sample_make(1, N, D, 1.0);
    vx_aggregate_options options = sample_options("flag", 1, false);
    vx_aggregate_report of_flag, of_other;
    float update[D];
    vx_aggregator *flag = sample_run(&s, &options, update, &of_flag);

    (void)state;
    for (size_t i = 0; i < 2 * vx_rule_count(); i++) {
        vx_aggregate_options other = sample_options(rule_at(i / 2), 1, i % 2 == 1);
        vx_aggregator *aggregator;

        if (fits_subspace(other.rule))
            continue;
        other.flag.iterations = 5; /* not those of the rule flag: the default ones count */
        aggregator = sample_run(&s, &other, update, &of_other);
        for (size_t r = 0; r < N; r++)
            vx_assert_close(of_other.reconstruction[r], of_flag.reconstruction[r], 1e-10, 0.0);
        vx_aggregator_destroy(aggregator);
    }
    vx_aggregator_destroy(flag);
    sample_free(&s);
}

/* Behind a mixing the subspace is one of the mixed rows: the raw rows are projected on it. */
static void reconstruction_behind_mixing_is_of_the_raw_rows(void **state)
{
    sample s = sample_make(4, 7, D, 1.0);
    vx_aggregate_options options = sample_options("flag", 2, true);
    vx_aggregate_report report;
    float update[D];
    vx_aggregator *aggregator;

    (void)state;
    sample_set_row(&s, 3, 20.0f);
    options.flag.subspace = 2;
    aggregator = sample_run(&s, &options, update, &report);
    for (size_t i = 0; i < 7; i++) /* row 3 is mixed into no row but its own */
        assert_true(report.reconstruction[i] > 0.0 && report.reconstruction[i] <= 1.0);
    assert_true(report.reconstruction[3] > 0.5 && report.reconstruction[0] > 0.3);
    vx_aggregator_destroy(aggregator);
    sample_free(&s);
}

static void a_row_of_zeros_has_no_reconstruction(void **state)
{
    (void)state;
    for (size_t i = 0; i < vx_rule_count(); i++) {
        vx_aggregate_options options = sample_options(rule_at(i), bearable(i), false);
        sample s = sample_make(1, N, D, 1.0);
        vx_aggregate_report report;
        float update[D];
        vx_aggregator *aggregator;

        sample_set_row(&s, 2, 0.0f);
        aggregator = sample_run(&s, &options, update, &report);
        assert_true(isnan(report.reconstruction[2]));
        vx_aggregator_destroy(aggregator);
        sample_free(&s);
    }
}

static void create_survives_the_failure_of_every_allocation(void **state)
{
    (void)state;
    for (size_t i = 0; i < vx_rule_count(); i++) {
        vx_aggregate_options options = sample_options(rule_at(i), 1, true);
        vx_aggregator *aggregator = NULL;
        int k = 0;

        for (vx_status status = VX_ERR_NOMEM; status != VX_OK; k++) {
            int left = k;

            vx_alloc_set_hook(vx_test_fail_at_zero, &left);
            status = vx_aggregator_create(&options, N, D, &aggregator, NULL);
            vx_alloc_set_hook(NULL, NULL);
            assert_true(status == VX_OK || (status == VX_ERR_NOMEM && aggregator == NULL));
        }
        assert_true(k > 30);
        vx_aggregator_destroy(aggregator);
    }
}

static void a_round_allocates_nothing_and_a_second_has_the_same_bits(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2 * vx_rule_count(); i++) {
        vx_aggregate_options options = sample_options(rule_at(i / 2), bearable(i / 2), i % 2 == 1);
        sample s = sample_make(1, N, D, 1.0), other = sample_make(2, N - 1, D, 0.0);
        float first[D], second[D];
        vx_aggregator *aggregator = sample_run(&s, &options, first, NULL);
        uint64_t before = vx_alloc_count();
        vx_error err;

        vx_assert_ok(vx_aggregator_run(aggregator, sample_view(&other), other.present,
                                       (vx_vecf){ second, D }, NULL, &err),
                     &err);
        vx_assert_ok(vx_aggregator_run(aggregator, sample_view(&s), s.present,
                                       (vx_vecf){ second, D }, NULL, &err),
                     &err);
        assert_int_equal(vx_alloc_count(), before);
        assert_memory_equal(first, second, sizeof(first));
        vx_aggregator_destroy(aggregator);
        sample_free(&s);
        sample_free(&other);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_registry_lists_what_can_be_found),
        cmocka_unit_test(unknown_names_are_refused_with_the_known_ones),
        cmocka_unit_test(each_rule_needs_the_rows_that_its_paper_says),
        cmocka_unit_test(options_out_of_range_are_refused),
        cmocka_unit_test(too_few_rows_and_wrong_shapes_leave_the_update_alone),
        cmocka_unit_test(a_present_row_that_is_not_finite_is_named),
        cmocka_unit_test(absent_rows_are_never_read),
        cmocka_unit_test(monna_without_its_pivot_names_the_slot),
        cmocka_unit_test(with_compat_krum_needs_a_majority),
        cmocka_unit_test(the_report_says_what_can_be_recomputed),
        cmocka_unit_test(reconstruction_is_the_default_flag_fit_of_the_raw_rows),
        cmocka_unit_test(reconstruction_behind_mixing_is_of_the_raw_rows),
        cmocka_unit_test(a_row_of_zeros_has_no_reconstruction),
        cmocka_unit_test(create_survives_the_failure_of_every_allocation),
        cmocka_unit_test(a_round_allocates_nothing_and_a_second_has_the_same_bits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
