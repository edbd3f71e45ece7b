#include <vx_test/check.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <vx_base/alloc.h>
#include <vx_base/rng.h>

#include "aggregator.h"

enum { D = 23, ROWS = 12 };

typedef struct rows {
    double at[ROWS * D];
    bool present[ROWS];
    size_t n;
} rows;

static rows rows_make(uint32_t seed, size_t n)
{
    vx_rng rng = vx_rng_stream(seed, VX_RNG_TEST, 0, 0);
    rows r = { .n = n };

    for (size_t i = 0; i < n; i++) {
        r.present[i] = true;
        for (size_t k = 0; k < D; k++)
            r.at[i * D + k] = vx_rng_normal(&rng) * (1.0 + (double)i) + 0.5;
    }
    return r;
}

static double norm_of(const double *x)
{
    double sum = 0.0;

    for (size_t k = 0; k < D; k++)
        sum += x[k] * x[k];
    return sqrt(sum);
}

/* The rows behind a chain, and a copy of the geometry that the rule saw. */
typedef struct seen {
    double at[ROWS * D], k[ROWS * ROWS], d[ROWS * ROWS], share[ROWS];
    size_t n;
} seen;

static vx_aggregator *run(const rows *r, const vx_aggregate_options *options, double *ret_update)
{
    vx_aggregator *a = NULL;
    vx_error err;

    vx_assert_ok(vx_aggregator_create(options, r->n, D, &a, &err), &err);
    vx_assert_ok(vx_aggregator_run_f64(a, (vx_cmat){ r->at, r->n, D, D }, r->present,
                                       (vx_vec){ ret_update, D }, NULL, &err),
                 &err);
    return a;
}

static seen seen_of(const vx_aggregator *a, const rows *r)
{
    seen s = { .n = a->seen.n };

    for (size_t i = 0; i < s.n; i++) {
        s.share[i] = vx_share(&a->seen, i);
        for (size_t j = 0; j < s.n; j++) {
            s.k[i * s.n + j] = vx_k(&a->seen, i, j);
            s.d[i * s.n + j] = vx_d(&a->seen, i, j);
        }
        for (size_t j = 0; j < a->raw.n; j++) {
            for (size_t k = 0; k < D; k++)
                s.at[i * D + k] += a->map[i * a->raw.n + j] * r->at[a->slot[j] * D + k];
        }
    }
    return s;
}

static void check_geometry(const seen *s)
{
    for (size_t i = 0; i < s->n; i++) {
        for (size_t j = 0; j < s->n; j++) {
            double product = 0.0, apart = 0.0;

            for (size_t k = 0; k < D; k++) {
                double gap = s->at[i * D + k] - s->at[j * D + k];

                product += s->at[i * D + k] * s->at[j * D + k];
                apart += gap * gap;
            }
            vx_assert_close(s->k[i * s->n + j], product, 1e-11, 1e-11);
            vx_assert_close(s->d[i * s->n + j], apart, 1e-10, 1e-11);
        }
    }
}

static vx_aggregate_options chain_of(const char *const *pre, size_t count)
{
    vx_aggregate_options options = vx_aggregate_options_default();

    options.rule = "mean";
    options.byzantine = 2;
    options.pre = pre;
    options.pre_count = count;
    return options;
}

/* K and D behind every chain are those of the rows that it makes. */
static void a_chain_on_products_is_the_chain_on_rows(void **state)
{
    static const char *const chains[][3] = {
        { "nnm" },
        { "unit" },
        { "clipping" },
        { "arc" },
        { "bucketing" },
        { "clipping", "nnm" },
        { "nnm", "bucketing" },
        { "unit", "nnm", "arc" },
        { "bucketing", "unit", "clipping" },
    };

    (void)state;
    for (size_t c = 0; c < sizeof(chains) / sizeof(chains[0]); c++) {
        rows r = rows_make((uint32_t)c, 11);
        vx_aggregate_options options = chain_of(chains[c], 1);
        double update[D];
        vx_aggregator *a;
        seen s;

        while (options.pre_count < 3 && chains[c][options.pre_count] != NULL)
            options.pre_count++;
        options.clip_norm = 12.0;
        r.present[4] = false;
        a = run(&r, &options, update);
        s = seen_of(a, &r);
        assert_int_equal(s.n, strcmp(chains[c][options.pre_count - 1], "bucketing") == 0 ||
                                      strcmp(chains[c][0], "bucketing") == 0
                                  ? 5
                                  : 10);
        check_geometry(&s);
        vx_aggregator_destroy(a);
    }
}

static void unit_rows_have_norm_one_and_zero_rows_stay(void **state)
{
    static const char *const chain[] = { "unit" };
    rows r = rows_make(3, 9);
    vx_aggregate_options options = chain_of(chain, 1);
    double update[D];
    vx_aggregator *a;
    seen s;

    (void)state;
    memset(r.at + 2 * D, 0, D * sizeof(double));
    a = run(&r, &options, update);
    s = seen_of(a, &r);
    for (size_t i = 0; i < 9; i++)
        vx_assert_close(norm_of(s.at + i * D), i == 2 ? 0.0 : 1.0, 1e-14, 0.0);
    vx_aggregator_destroy(a);
}

static void clipping_shortens_what_is_longer_and_nothing_else(void **state)
{
    static const char *const chain[] = { "clipping" };
    rows r = rows_make(4, 9);
    vx_aggregate_options options = chain_of(chain, 1);
    double update[D];

    (void)state;
    for (options.clip_norm = 1.0; options.clip_norm < 60.0; options.clip_norm *= 2.0) {
        vx_aggregator *a = run(&r, &options, update);
        seen s = seen_of(a, &r);

        for (size_t i = 0; i < 9; i++) {
            double before = norm_of(r.at + i * D);

            vx_assert_close(norm_of(s.at + i * D), fmin(before, options.clip_norm), 1e-13, 0.0);
            if (before <= options.clip_norm)
                assert_memory_equal(s.at + i * D, r.at + i * D, D * sizeof(double));
        }
        vx_aggregator_destroy(a);
    }
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static void a_quantile_of_the_norms_clips_the_rows_above_it(void **state)
{
    static const char *const chain[] = { "clipping" };
    rows r = rows_make(5, 9);
    vx_aggregate_options options = chain_of(chain, 1);
    double update[D], norms[9];
    vx_aggregator *a;
    seen s;

    (void)state;
    memset(r.at + 8 * D, 0, D * sizeof(double));
    r.at[8 * D] = 1e30; /* one row cannot move the median */
    for (size_t i = 0; i < 9; i++)
        norms[i] = norm_of(r.at + i * D);
    qsort(norms, 9, sizeof(double), compare);
    options.clip_quantile = 0.5;
    a = run(&r, &options, update);
    s = seen_of(a, &r);
    for (size_t i = 0; i < 9; i++)
        vx_assert_close(norm_of(s.at + i * D), fmin(norm_of(r.at + i * D), norms[4]), 1e-13, 0.0);
    vx_aggregator_destroy(a);
    options.clip_quantile = 0.45; /* between the 4th and the 5th: 0.6 of the way */
    a = run(&r, &options, update);
    s = seen_of(a, &r);
    vx_assert_close(norm_of(s.at + 8 * D), norms[3] + 0.6 * (norms[4] - norms[3]), 1e-13, 0.0);
    vx_aggregator_destroy(a);
}

static void arc_shortens_the_longest_rows_to_the_next_norm(void **state)
{
    static const char *const chain[] = { "arc" };
    rows r = rows_make(6, 9);
    vx_aggregate_options options = chain_of(chain, 1);
    double update[D], norms[9];
    vx_aggregator *a = run(&r, &options, update);
    seen s = seen_of(a, &r);

    (void)state;
    for (size_t i = 0; i < 9; i++)
        norms[i] = norm_of(r.at + i * D);
    qsort(norms, 9, sizeof(double), compare);
    for (size_t i = 0; i < 9; i++) /* floor(2 * 2 * 7 / 9) = 3 rows */
        vx_assert_close(norm_of(s.at + i * D), fmin(norm_of(r.at + i * D), norms[5]), 1e-13, 0.0);
    vx_aggregator_destroy(a);
    options.byzantine = 0;
    a = run(&r, &options, update);
    s = seen_of(a, &r);
    assert_memory_equal(s.at, r.at, 9 * D * sizeof(double));
    vx_aggregator_destroy(a);
}

/* Which bucket a row is in: its coefficient there is not zero. */
static void each_row_is_in_one_bucket_and_the_key_decides_which(void **state)
{
    static const char *const chain[] = { "bucketing" };
    rows r = rows_make(7, 11);
    vx_aggregate_options options = chain_of(chain, 1);
    vx_aggregator *a = NULL;
    double update[D], first[ROWS * ROWS], map[ROWS * ROWS];
    size_t changed = 0;
    vx_error err;

    (void)state;
    options.bucket_size = 3;
    vx_assert_ok(vx_aggregator_create(&options, r.n, D, &a, &err), &err);
    for (uint64_t key = 0; key < 22; key++) {
        vx_aggregator_set_key(a, key % 11);
        vx_assert_ok(vx_aggregator_run_f64(a, (vx_cmat){ r.at, r.n, D, D }, r.present,
                                           (vx_vec){ update, D }, NULL, &err),
                     &err);
        assert_int_equal(a->seen.n, 4);
        memcpy(map, a->map, 4 * 11 * sizeof(double));
        for (size_t j = 0; j < 11; j++) {
            size_t buckets = 0;

            for (size_t b = 0; b < 4; b++) {
                double share = map[b * 11 + j];

                buckets += share > 0.0 ? 1 : 0;
                assert_true(share <= 0.0 || fabs(share - (b < 3 ? 1.0 / 3.0 : 0.5)) < 1e-15);
            }
            assert_int_equal(buckets, 1);
        }
        if (key == 0)
            memcpy(first, map, sizeof(first));
        if (key == 11)
            assert_memory_equal(first, map, 44 * sizeof(double));
        changed += key > 0 && key < 11 && memcmp(first, map, 44 * sizeof(double)) != 0 ? 1 : 0;
    }
    assert_true(changed >= 9);
    vx_aggregator_destroy(a);
}

static void a_rule_gets_enough_buckets_or_the_chain_is_refused(void **state)
{
    static const char *const chain[] = { "bucketing" };
    vx_aggregate_options options = chain_of(chain, 1);
    vx_aggregator *a = NULL;
    vx_error err;

    (void)state;
    options.rule = "median";
    options.bucket_size = 2;
    vx_assert_ok(vx_aggregator_create(&options, 9, D, &a, &err), &err);
    assert_int_equal(vx_aggregator_rows_min(a), 9); /* 5 buckets of 2: 2 * 4 + 1 */
    a = vx_aggregator_destroy(a);
    vx_assert_status(vx_aggregator_create(&options, 8, D, &a, &err), VX_ERR_DOMAIN, &err);
    assert_non_null(strstr(err.message, "median behind it needs n >= 2f + 1"));
}

/* Shares: a mean by shares is the same before and behind buckets. */
static void a_bucket_weighs_what_its_rows_weigh(void **state)
{
    static const char *const chain[] = { "bucketing" };
    rows r = rows_make(8, 11);
    vx_aggregate_options options = chain_of(chain, 1);
    double share[11], with[D], without[D];

    (void)state;
    for (size_t i = 0; i < 11; i++)
        share[i] = 100.0 * (double)(1 + i * i);
    options.share = share;
    options.bucket_size = 4;
    vx_aggregator_destroy(run(&r, &options, with));
    options.pre_count = 0;
    vx_aggregator_destroy(run(&r, &options, without));
    for (size_t k = 0; k < D; k++)
        vx_assert_close(with[k], without[k], 1e-13, 1e-13);
}

/* Buckets of one row are the rows: slots, shares and the pivot keep their meaning. */
static void buckets_of_one_row_leave_each_row_in_its_slot(void **state)
{
    static const char *const chain[] = { "bucketing" };
    rows r = rows_make(9, 11);
    vx_aggregate_options options = chain_of(chain, 1);
    double share[11], with[D], without[D];
    vx_aggregator *behind, *plain;

    (void)state;
    for (size_t i = 0; i < 11; i++)
        share[i] = (double)(1 + i * i);
    options.rule = "monna";
    options.share = share;
    options.pivot = 3;
    options.bucket_size = 1;
    behind = run(&r, &options, with);
    options.pre_count = 0;
    plain = run(&r, &options, without);
    for (size_t k = 0; k < D; k++)
        vx_assert_close(with[k], without[k], 1e-13, 1e-13);
    for (size_t i = 0; i < 11; i++) {
        assert_int_equal(behind->report.selected[i], plain->report.selected[i]);
        vx_assert_close(behind->report.score[i], plain->report.score[i], 1e-13, 1e-13);
        vx_assert_close(behind->report.weight[i], plain->report.weight[i], 1e-13, 1e-13);
    }
    vx_aggregator_destroy(behind);
    vx_aggregator_destroy(plain);
}

static void a_chain_that_asks_for_more_rows_than_the_rule_is_named(void **state)
{
    static const char *const chain[] = { "bucketing", "nnm" };
    vx_aggregate_options options = chain_of(chain, 2);
    vx_aggregator *a = NULL;
    vx_error err;

    (void)state;
    vx_assert_status(vx_aggregator_create(&options, 8, D, &a, &err), VX_ERR_DOMAIN, &err);
    assert_string_equal(err.message,
                        "bucketing by 2 leaves 4 of n = 8 rows, nnm behind it needs n >= 2f + 1: "
                        "f = 2; n >= 9 is enough");
    options.byzantine = 5;
    options.pre = chain + 1;
    options.pre_count = 1;
    vx_assert_status(vx_aggregator_create(&options, 8, D, &a, &err), VX_ERR_DOMAIN, &err);
    assert_string_equal(err.message, "nnm needs n >= 2f + 1: n = 8, f = 5");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_chain_on_products_is_the_chain_on_rows),
        cmocka_unit_test(unit_rows_have_norm_one_and_zero_rows_stay),
        cmocka_unit_test(clipping_shortens_what_is_longer_and_nothing_else),
        cmocka_unit_test(a_quantile_of_the_norms_clips_the_rows_above_it),
        cmocka_unit_test(arc_shortens_the_longest_rows_to_the_next_norm),
        cmocka_unit_test(each_row_is_in_one_bucket_and_the_key_decides_which),
        cmocka_unit_test(a_rule_gets_enough_buckets_or_the_chain_is_refused),
        cmocka_unit_test(a_bucket_weighs_what_its_rows_weigh),
        cmocka_unit_test(buckets_of_one_row_leave_each_row_in_its_slot),
        cmocka_unit_test(a_chain_that_asks_for_more_rows_than_the_rule_is_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
