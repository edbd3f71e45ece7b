#include <vx_test/check.h>

#include <math.h>
#include <string.h>

#include <vx_base/alloc.h>
#include <vx_base/rng.h>
#include <vx_linalg/path.h>
#include <vx_oracle/rules.h>

#include "aggregator.h"
#include "columns.h"
#include "network.h"

enum { ROWS_MAX = 80, WIDTH_MAX = 256 };

/* Columns of values in both precisions. */
typedef struct block {
    size_t n, width;
    float single[ROWS_MAX * WIDTH_MAX];
    double at[ROWS_MAX * WIDTH_MAX];
    const float *f32[ROWS_MAX];
    const double *f64[ROWS_MAX];
    double share[ROWS_MAX];
    _Alignas(64) char scratch[VX_COLUMNS_SCRATCH * ROWS_MAX * VX_AGGREGATE_BLOCK * sizeof(double)];
} block;

static block *shared_block(size_t n, size_t width)
{
    static block b;

    b.n = n;
    b.width = width;
    for (size_t i = 0; i < n; i++) {
        b.f32[i] = b.single + i * width;
        b.f64[i] = b.at + i * width;
    }
    return &b;
}

/* levels > 0: so many different values, symmetric about 0, so that ties abound. */
static block *make(uint32_t seed, size_t n, size_t width, uint32_t levels)
{
    vx_rng rng = vx_rng_stream(seed, VX_RNG_TEST, (uint32_t)n, (uint32_t)width);
    block *b = shared_block(n, width);

    for (size_t i = 0; i < n * width; i++) {
        b->single[i] = levels > 0 ? (float)vx_rng_below(&rng, levels) - (float)(levels - 1) / 2.0f
                                  : (float)vx_rng_normal(&rng);
        if (levels > 0 && vx_rng_below(&rng, 2) > 0)
            b->single[i] = -b->single[i]; /* also -0 */
        b->at[i] = (double)b->single[i];
    }
    return b;
}

static void run_f32(block *b, const vx_column_ask *ask, const double *share, float *ret)
{
    vx_columns columns = { { b->f32, NULL, b->n, b->width }, share, b->scratch };

    vx_columns_run(&columns, ask, (vx_real){ ret, NULL, b->width });
}

static void run_f64(block *b, const vx_column_ask *ask, const double *share, double *ret)
{
    vx_columns columns = { { NULL, b->f64, b->n, b->width }, share, b->scratch };

    vx_columns_run(&columns, ask, (vx_real){ NULL, ret, b->width });
}

static void by_oracle(const block *b, const vx_column_ask *ask, double *ret)
{
    vx_cmat x = { b->at, b->n, b->width, b->width };
    double centre[WIDTH_MAX];

    if (ask->rule == VX_COLUMN_MEDIAN || ask->rule == VX_COLUMN_NEAREST_MEDIAN)
        vx_oracle_median(x, centre);
    else
        vx_oracle_trimmed_mean(x, ask->f, centre);
    if (ask->rule == VX_COLUMN_MEDIAN || ask->rule == VX_COLUMN_TRIMMED)
        memcpy(ret, centre, b->width * sizeof(*ret));
    else
        vx_oracle_nearest_values(x, ask->keep, centre, ret);
}

#define RULE_COUNT 4

static vx_column_ask ask_of(size_t rule, size_t f, size_t keep)
{
    static const vx_column_rule rules[] = { VX_COLUMN_MEDIAN, VX_COLUMN_TRIMMED,
                                            VX_COLUMN_NEAREST_MEDIAN, VX_COLUMN_NEAREST_TRIMMED };

    return (vx_column_ask){ rules[rule], f, keep };
}

/* All 2^n inputs, 64 at a time: the lesser of two bits is their conjunction. */
static bool sorts_zeros_and_ones(size_t n, uint64_t from, const uint64_t *low_bits)
{
#define PAIR(a, b) { a, b },
    static const unsigned char pairs[][2] = { VX_NETWORK(PAIR) };
#undef PAIR
    uint64_t v[VX_NETWORK_MAX];

    for (size_t i = 0; i < n; i++)
        v[i] = i < 6 ? low_bits[i] : (from >> i & 1) != 0 ? ~UINT64_C(0) : 0;
    for (size_t k = 0; k < sizeof(pairs) / sizeof(pairs[0]); k++) {
        size_t a = pairs[k][0], b = pairs[k][1];

        if (b < n) {
            uint64_t low = v[a] & v[b];

            v[b] |= v[a];
            v[a] = low;
        }
    }
    for (size_t i = 1; i < n; i++) {
        if ((v[i - 1] & ~v[i]) != 0)
            return false;
    }
    return true;
}

/* A network that sorts all inputs of zeros and ones sorts everything (Knuth 5.3.4, theorem Z). */
static void the_network_sorts_all_zeros_and_ones(void **state)
{
    static const uint64_t low_bits[] = {
        0xaaaaaaaaaaaaaaaa, 0xcccccccccccccccc, 0xf0f0f0f0f0f0f0f0,
        0xff00ff00ff00ff00, 0xffff0000ffff0000, 0xffffffff00000000
    };

    (void)state;
    for (size_t n = 1; n <= 20; n++) {
        for (uint64_t from = 0; from < UINT64_C(1) << n; from += 64)
            assert_true(sorts_zeros_and_ones(n, from, low_bits));
    }
}

/* Every count up to 35 and some beyond, no f, the largest and two between: on each path the
 * processor has. */
static void check_counts(uint32_t levels, double *worst)
{
    float single[WIDTH_MAX];
    double got[WIDTH_MAX], expected[WIDTH_MAX];

    for (size_t n = 1; n <= ROWS_MAX; n += n < 35 ? 1 : 9) {
        block *b = make(7, n, 67, levels);

        for (size_t i = 0; i < RULE_COUNT * 4; i++) {
            const size_t counts[] = { 0, 1 % ((n + 1) / 2), n / 4, (n - 1) / 2 };
            size_t f = counts[i / RULE_COUNT];
            vx_column_ask ask = ask_of(i % RULE_COUNT, f, n - f);

            by_oracle(b, &ask, expected);
            run_f32(b, &ask, NULL, single);
            run_f64(b, &ask, NULL, got);
            for (size_t k = 0; k < b->width; k++) {
                *worst = fmax(*worst, fabs(got[k] - expected[k]));
                assert_true((float)got[k] == single[k]);
            }
        }
    }
}

static void every_count_of_rows_is_the_oracle_on_every_path(void **state)
{
    (void)state;
    for (size_t path = 0; path < vx_kernel_path_count(); path++) {
        double worst = 0.0;

        if (!vx_kernel_path_use(vx_kernel_path_name(path))) {
            print_message("%s: not on this processor\n", vx_kernel_path_name(path));
            continue;
        }
        check_counts(0, &worst);
        check_counts(6, &worst);
        print_message("%-9s worst %.2g\n", vx_kernel_path_in_use(), worst);
        assert_true(worst < 1e-14);
    }
}

/* Keeping fewer than half of the rows, as the second half of bulyan may. */
static void few_kept_values_are_the_oracle_with_ties_by_slot(void **state)
{
    double got[WIDTH_MAX], expected[WIDTH_MAX];

    (void)state;
    for (size_t n = 1; n <= 40; n += 3) {
        for (size_t keep = 1; keep <= n; keep += 1 + n / 8) {
            block *b = make((uint32_t)keep, n, 66, 5);
            vx_column_ask ask = ask_of(2, 0, keep);

            by_oracle(b, &ask, expected);
            run_f64(b, &ask, NULL, got);
            for (size_t k = 0; k < b->width; k++)
                vx_assert_close(got[k], expected[k], 0.0, 1e-14);
        }
    }
}

/* 1 and 3 are equally far from the median 2: the first of both counts. */
static void of_two_values_equally_far_the_lower_slot_wins(void **state)
{
    static const float up[] = { 1.0f, 2.0f, 3.0f }, down[] = { 3.0f, 2.0f, 1.0f };
    const vx_column_ask ask = ask_of(2, 0, 2);
    float got;

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        block *b = shared_block(3, 1);

        memcpy(b->single, i == 0 ? up : down, sizeof(up));
        run_f32(b, &ask, NULL, &got);
        vx_assert_close((double)got, i == 0 ? 1.5 : 2.5, 0.0, 0.0);
    }
}

static void paths_give_the_same_bits(void **state)
{
    static const size_t counts[] = { 1, 2, 7, 10, 15, 20, 31, 32, 33, 64 };

    (void)state;
    for (size_t i = 0; i < RULE_COUNT * sizeof(counts) / sizeof(counts[0]); i++) {
        size_t n = counts[i / RULE_COUNT];
        vx_column_ask ask = ask_of(i % RULE_COUNT, (n - 1) / 3, n - (n - 1) / 3);
        block *b = make(3, n, 131, n % 2 == 0 ? 6 : 0);
        float first[WIDTH_MAX], other[WIDTH_MAX];
        double first_wide[WIDTH_MAX], other_wide[WIDTH_MAX], apart[ROWS_MAX], more[ROWS_MAX];

        for (size_t path = 0; path < vx_kernel_path_count(); path++) {
            if (!vx_kernel_path_use(vx_kernel_path_name(path)))
                continue;
            memset(more, 0, sizeof(more));
            run_f32(b, &ask, NULL, path == 0 ? first : other);
            run_f64(b, &ask, NULL, path == 0 ? first_wide : other_wide);
            vx_columns_apart((vx_rowset){ b->f32, NULL, n, b->width },
                             (vx_real){ first, NULL, b->width }, more);
            if (path == 0) {
                memcpy(apart, more, sizeof(apart));
                continue;
            }
            assert_memory_equal(first, other, b->width * sizeof(float));
            assert_memory_equal(first_wide, other_wide, b->width * sizeof(double));
            assert_memory_equal(apart, more, n * sizeof(double));
        }
    }
}

static void equal_shares_change_nothing(void **state)
{
    double plain[WIDTH_MAX], shared[WIDTH_MAX];

    (void)state;
    for (size_t n = 1; n <= 23; n++) {
        block *b = make(9, n, 40, 0);

        for (size_t i = 0; i < n; i++)
            b->share[i] = 1.0 / (double)n;
        for (size_t i = 0; i < RULE_COUNT * ((n + 1) / 2); i++) {
            vx_column_ask ask = ask_of(i % RULE_COUNT, i / RULE_COUNT, n - i / RULE_COUNT);

            run_f64(b, &ask, NULL, plain);
            run_f64(b, &ask, b->share, shared);
            for (size_t k = 0; k < b->width; k++)
                vx_assert_close(shared[k], plain[k], 1e-12, 1e-12);
        }
    }
}

/* A row of share 2 / n is as good as two equal rows; so are all rules that cut by mass. */
static void a_share_counts_as_so_many_equal_rows(void **state)
{
    enum { N = 6, TWICE = 4 };
    double shared[WIDTH_MAX], plain[WIDTH_MAX];

    (void)state;
    for (uint32_t seed = 0; seed < 20; seed++) {
        for (size_t rule = 0; rule < RULE_COUNT; rule++) {
            block *b = make(seed, N, 30, 0);
            /* f / n is the same share of the mass: 1 of 6 and 2 of 12 */
            vx_column_ask ask = ask_of(rule, 1, N - 1), doubled = ask_of(rule, 2, 2 * N - 2);
            size_t at = N;

            for (size_t i = 0; i < N; i++)
                b->share[i] = (i < TWICE ? 1.0 : 4.0) / 12.0;
            run_f64(b, &ask, b->share, shared);
            for (size_t i = TWICE; i < N; i++) { /* 4 rows once and 2 rows four times: 12 */
                for (size_t copy = 1; copy < 4; copy++)
                    memcpy(b->at + at++ * b->width, b->at + i * b->width,
                           b->width * sizeof(double));
            }
            b = shared_block(at, b->width);
            run_f64(b, &doubled, NULL, plain);
            for (size_t k = 0; k < b->width; k++)
                vx_assert_close(shared[k], plain[k], 1e-12, 1e-12);
        }
    }
}

static void the_weighted_median_by_hand(void **state)
{
    static const double values[] = { 5.0, 1.0, 3.0 }, heavy[] = { 0.2, 0.6, 0.2 },
                        half[] = { 0.25, 0.5, 0.25 }, even[] = { 0.3, 0.3, 0.4 };
    const vx_column_ask ask = ask_of(0, 0, 0);
    block *b = shared_block(3, 1);
    double got;

    (void)state;
    memcpy(b->at, values, sizeof(values));
    run_f64(b, &ask, heavy, &got);
    vx_assert_close(got, 1.0, 0.0, 0.0);
    run_f64(b, &ask, half, &got); /* 1 holds exactly half */
    vx_assert_close(got, 2.0, 0.0, 0.0);
    run_f64(b, &ask, even, &got);
    vx_assert_close(got, 3.0, 0.0, 0.0);
}

static void signs_vote_and_a_tie_is_zero(void **state)
{
    static const float votes[] = { 3.0f, -1e-30f, 2.0f, -5.0f, 0.0f, -0.0f };
    static const double share[] = { 0.1, 0.5, 0.4 };
    block *b = shared_block(3, 2);
    vx_columns columns = { { b->f32, NULL, 3, 2 }, NULL, b->scratch };
    float got[2];

    (void)state;
    memcpy(b->single, votes, sizeof(votes)); /* columns: 3, 2, 0 and -1e-30, -5, -0 */
    vx_sign_majority(&columns, NULL, (vx_real){ got, NULL, 2 });
    vx_assert_close((double)got[0], 1.0, 0.0, 0.0);
    vx_assert_close((double)got[1], -1.0, 0.0, 0.0);
    b->single[4] = -1.0f; /* 3, 2, -1 by shares: 0.6 against 0.4 */
    b->single[2] = -2.0f; /* 3, -2, -1 */
    columns.share = share;
    vx_sign_majority(&columns, NULL, (vx_real){ got, NULL, 2 });
    vx_assert_close((double)got[0], -1.0, 0.0, 0.0);
    b->single[4] = 1.0f; /* 0.5 against 0.5 */
    vx_sign_majority(&columns, NULL, (vx_real){ got, NULL, 2 });
    vx_assert_close((double)got[0], 0.0, 0.0, 0.0);
}

/* The whole aggregator on rows of length d: update and distances. */
static void aggregate(const char *rule, const float *rows, size_t n, size_t d, unsigned threads,
                      bool measure, float *update, double *distance)
{
    vx_aggregate_options options = vx_aggregate_options_default();
    vx_aggregator *a = NULL;
    vx_aggregate_report report;
    vx_error err;
    bool present[ROWS_MAX];

    memset(present, 1, sizeof(present));
    options.rule = rule;
    options.byzantine = (n - 1) / 4;
    options.threads = threads;
    options.measure = measure;
    vx_assert_ok(vx_aggregator_create(&options, n, d, &a, &err), &err);
    vx_assert_ok(vx_aggregator_run(a, (vx_cmatf){ rows, n, d, d }, present, (vx_vecf){ update, d },
                                   &report, &err),
                 &err);
    memcpy(distance, report.distance, n * sizeof(*distance));
    for (size_t i = 0; i < n; i++)
        assert_true(isnan(report.reconstruction[i]) == !measure);
    vx_aggregator_destroy(a);
}

static void check_threads(const char *rule, const float *rows, size_t n, size_t d)
{
    float *update = vx_calloc(3 * d, sizeof(*update));
    double distance[ROWS_MAX], other[ROWS_MAX];

    assert_non_null(update);
    aggregate(rule, rows, n, d, 1, true, update, distance);
    for (size_t i = 0; i < n; i++) {
        double squares = 0.0;

        for (size_t k = 0; k < d; k++)
            squares += pow((double)rows[i * d + k] - (double)update[k], 2.0);
        vx_assert_close(distance[i], sqrt(squares), 1e-12, 0.0);
    }
    for (unsigned threads = 2; threads <= 4; threads += 2) {
        aggregate(rule, rows, n, d, threads, true, update + d, other);
        assert_memory_equal(update, update + d, d * sizeof(*update));
        assert_memory_equal(distance, other, n * sizeof(*other));
    }
    aggregate(rule, rows, n, d, 2, false, update + 2 * d, other);
    assert_memory_equal(update, update + 2 * d, d * sizeof(*update));
    for (size_t i = 0; i < n; i++)
        assert_true(isnan(other[i]));
    vx_free(update);
}

static void threads_block_borders_and_measuring_leave_the_bits_alone(void **state)
{
    static const size_t lengths[] = { 1, 255, 256, 257, 8193, 20000 }, counts[] = { 9, 40 };
    static const char *const rules[] = { "median", "trimmed_mean", "meamed", "phocas",
                                         "sign_majority" };
    vx_rng rng = vx_rng_stream(5, VX_RNG_TEST, 0, 0);
    float *rows = vx_calloc(40 * 20000, sizeof(*rows));

    (void)state;
    assert_non_null(rows);
    for (size_t i = 0; i < (size_t)40 * 20000; i++)
        rows[i] = (float)vx_rng_normal(&rng);
    for (size_t k = 0; k < sizeof(lengths) / sizeof(lengths[0]); k++) {
        for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
            for (size_t c = 0; c < 2; c++) {
                if (counts[c] == 9 || lengths[k] < 300)
                    check_threads(rules[i], rows, counts[c], lengths[k]);
            }
        }
    }
    vx_free(rows);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_network_sorts_all_zeros_and_ones),
        cmocka_unit_test(every_count_of_rows_is_the_oracle_on_every_path),
        cmocka_unit_test(few_kept_values_are_the_oracle_with_ties_by_slot),
        cmocka_unit_test(of_two_values_equally_far_the_lower_slot_wins),
        cmocka_unit_test(paths_give_the_same_bits),
        cmocka_unit_test(equal_shares_change_nothing),
        cmocka_unit_test(a_share_counts_as_so_many_equal_rows),
        cmocka_unit_test(the_weighted_median_by_hand),
        cmocka_unit_test(signs_vote_and_a_tie_is_zero),
        cmocka_unit_test(threads_block_borders_and_measuring_leave_the_bits_alone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
