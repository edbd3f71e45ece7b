#include <vx_test/check.h>

#include <float.h>
#include <math.h>
#include <string.h>

#include <vx_linalg/path.h>

#include "rows.h"

enum { N = 9, D = 3001 };

static double k[N * N], d[N * N];

/* K within the bound of its size, D to rtol, on every path that this processor has. */
static void check(const rows *r, double rtol)
{
    for (size_t path = 0; path < vx_kernel_path_count(); path++) {
        if (!vx_kernel_path_use(vx_kernel_path_name(path)))
            continue;
        rows_products(r, NULL, k, d);
        for (size_t i = 0; i < r->n * r->n; i++) {
            long double of_k, size, of_d;

            rows_oracle(r, i / r->n, i % r->n, &of_k, &size, &of_d);
            vx_assert_close(k[i], (double)of_k, 0.0, 1e-14 * (double)size);
            vx_assert_close(d[i], (double)of_d, rtol, 0.0);
        }
    }
}

static void a_common_part_of_a_million_times_the_spread_leaves_the_distances_exact(void **state)
{
    rows narrow = rows_make(N, D, false, 1e6), wide = rows_make(N, D, true, 1e12);

    (void)state;
    check(&narrow, 1e-10);
    check(&wide, 1e-10);
    assert_true(d[1] > 0.0 && d[1] < 1e-20 * k[0]);
    rows_free(&narrow);
    rows_free(&wide);
}

static void distances_are_exact_whatever_share_the_rows_have_in_common(void **state)
{
    (void)state;
    for (double common = 1.0; common < 1e6; common *= 3.0) {
        rows r = rows_make(3, 600, false, common);

        check(&r, 1e-10);
        rows_free(&r);
    }
}

static void identical_rows_are_at_distance_zero(void **state)
{
    static const double factors[] = { 1.0, 1e-30, 1e30, 1e-200, 1e200, 1e307, 5e-324 };

    (void)state;
    for (size_t f = 0; f < sizeof(factors) / sizeof(factors[0]); f++) {
        rows r = rows_make(N, D, f >= 3, 0.0);

        for (size_t i = 0; i < N; i++) {
            for (size_t c = 0; c < D; c++)
                rows_put(&r, i, c, rows_at(&r, 0, c) * (i == 0 ? 0.3 * factors[f] : 1.0));
        }
        for (size_t path = 0; path < vx_kernel_path_count(); path++) {
            if (!vx_kernel_path_use(vx_kernel_path_name(path)))
                continue;
            rows_products(&r, NULL, k, d);
            for (size_t i = 0; i < N * N; i++)
                assert_true(d[i] == 0.0);
        }
        rows_free(&r);
    }
}

static void norms_from_1e_minus_30_to_1e30_stand_side_by_side(void **state)
{
    rows r = rows_make(N, D, false, 0.0), wide = rows_make(N, D, true, 3.0);

    (void)state;
    for (size_t i = 0; i < N; i++) {
        rows_scale(&r, i, pow(10.0, 7.5 * (double)i - 30.0));
        rows_scale(&wide, i, pow(10.0, 30.0 * (double)i - 120.0));
    }
    check(&r, 1e-10);
    check(&wide, 1e-10);
    rows_free(&r);
    rows_free(&wide);
}

static void subnormal_rows_and_zero_rows_lose_nothing(void **state)
{
    rows r = rows_make(N, D, false, 0.0);

    (void)state;
    for (size_t i = 0; i < N; i++)
        rows_scale(&r, i, i == 4 ? 0.0 : i == 5 ? 1.0 : 1e-44);
    assert_true(rows_at(&r, 0, 0) != 0.0 && fabs(rows_at(&r, 0, 0)) < (double)FLT_MIN);
    check(&r, 1e-10);
    assert_true(k[4 * N + 4] == 0.0 && k[0] > 0.0);
    rows_free(&r);
}

static void huge_floats_do_not_overflow(void **state)
{
    rows r = rows_make(2, D, false, 0.0);

    (void)state;
    for (size_t c = 0; c < D; c++) {
        rows_put(&r, 0, c, (double)FLT_MAX);
        rows_put(&r, 1, c, -(double)FLT_MAX);
    }
    check(&r, 1e-10);
    rows_free(&r);
}

static void what_overflows_stays_in_the_entries_of_its_row(void **state)
{
    rows r = rows_make(N, D, true, 0.0);
    double good_k[N * N], good_d[N * N];

    (void)state;
    rows_products(&r, NULL, good_k, good_d);
    rows_scale(&r, 6, 1e200);
    for (size_t path = 0; path < vx_kernel_path_count(); path++) {
        if (!vx_kernel_path_use(vx_kernel_path_name(path)))
            continue;
        rows_products(&r, NULL, k, d);
        assert_true(isinf(k[6 * N + 6]) && isinf(d[6 * N + 1]));
        assert_true(d[6 * N + 6] == 0.0);
        for (size_t i = 0; i < N * N; i++) {
            if (i / N != 6 && i % N != 6)
                assert_true(rows_same_bits(&k[i], &good_k[i], 1) &&
                            rows_same_bits(&d[i], &good_d[i], 1));
        }
    }
    rows_free(&r);
}

/* By hand: 3 (1.2e154)^2 = 4.3e308 is infinite, the distance of the rows is not. */
static void rows_whose_squares_overflow_keep_their_finite_distance(void **state)
{
    rows r = rows_make(2, 3, true, 0.0);

    (void)state;
    for (size_t c = 0; c < 3; c++) {
        rows_put(&r, 0, c, 1.2e154);
        rows_put(&r, 1, c, 1.1e154);
    }
    rows_products(&r, NULL, k, d);
    assert_true(isinf(k[0]));
    vx_assert_close(d[1] / 3e306, 1.0, 1e-12, 0.0);
    rows_free(&r);
}

/* By hand: 1e7 * 1e7 + 1 - 1e7 * 1e7 = 1; in float the 1 is lost. */
static void the_sum_is_exact_where_float_would_cancel(void **state)
{
    rows r = rows_make(2, 16, false, 0.0);

    (void)state;
    rows_scale(&r, 0, 0.0);
    rows_scale(&r, 1, 0.0);
    for (size_t i = 0; i < 2; i++) {
        rows_put(&r, i, 0, 1e7);
        rows_put(&r, i, 1, 1.0);
        rows_put(&r, i, 8, i == 0 ? 1e7 : -1e7); /* the lane of column 0 */
    }
    rows_products(&r, NULL, k, d);
    assert_true(k[1] == 1.0);
    rows_free(&r);
}

/* By hand: 1e17 and -1e17 in the first and last block hide the ones of the blocks between from a
 * plain sum of blocks. */
static void sums_over_blocks_do_not_round(void **state)
{
    enum { BLOCKS = 1000 };
    rows r = rows_make(2, (size_t)BLOCKS * 256, true, 0.0);

    (void)state;
    for (size_t c = 0; c < r.d; c++) {
        rows_put(&r, 0, c, c % 256 == 7 ? 1.0 : 0.0);
        rows_put(&r, 1, c, 1.0);
    }
    rows_put(&r, 0, 7, 1e17);
    rows_put(&r, 0, (BLOCKS - 1) * 256 + 7, -1e17);
    rows_products(&r, NULL, k, d);
    assert_true(k[1] == BLOCKS - 2);
    rows_free(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_common_part_of_a_million_times_the_spread_leaves_the_distances_exact),
        cmocka_unit_test(distances_are_exact_whatever_share_the_rows_have_in_common),
        cmocka_unit_test(identical_rows_are_at_distance_zero),
        cmocka_unit_test(norms_from_1e_minus_30_to_1e30_stand_side_by_side),
        cmocka_unit_test(subnormal_rows_and_zero_rows_lose_nothing),
        cmocka_unit_test(huge_floats_do_not_overflow),
        cmocka_unit_test(what_overflows_stays_in_the_entries_of_its_row),
        cmocka_unit_test(rows_whose_squares_overflow_keep_their_finite_distance),
        cmocka_unit_test(the_sum_is_exact_where_float_would_cancel),
        cmocka_unit_test(sums_over_blocks_do_not_round),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
