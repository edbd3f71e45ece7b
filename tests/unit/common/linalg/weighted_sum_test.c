#include <vx_test/check.h>

#include <math.h>
#include <string.h>

#include <vx_base/alloc.h>
#include <vx_base/rng.h>
#include <vx_linalg/path.h>
#include <vx_linalg/products.h>

enum { N_MAX = 11, D_MAX = 40000 };

static float narrow[N_MAX][D_MAX], narrow_sum[D_MAX + 1];
static double wide[N_MAX][D_MAX], wide_sum[D_MAX + 1], weights[N_MAX];
static const float *narrow_rows[N_MAX];
static const double *wide_rows[N_MAX];

static int fill(void **state)
{
    vx_rng rng = vx_rng_stream(3, VX_RNG_TEST, 0, 0);

    (void)state;
    for (size_t i = 0; i < N_MAX; i++) {
        for (size_t k = 0; k < D_MAX; k++) {
            narrow[i][k] = (float)vx_rng_normal(&rng);
            wide[i][k] = vx_rng_normal(&rng);
        }
        weights[i] = vx_rng_normal(&rng);
        narrow_rows[i] = narrow[i];
        wide_rows[i] = wide[i];
    }
    return 0;
}

static double in_order(size_t n, size_t k, bool is_wide)
{
    double expected = 0.0;

    for (size_t i = 0; i < n; i++)
        expected += weights[i] * (is_wide ? wide[i][k] : (double)narrow[i][k]);
    return expected;
}

static void check(vx_parallel *parallel, size_t n, size_t d)
{
    narrow_sum[d] = 42.0f;
    wide_sum[d] = 42.0;
    vx_combine(parallel, (vx_rowset){ narrow_rows, NULL, n, d }, weights,
               (vx_real){ narrow_sum, NULL, d });
    vx_combine(parallel, (vx_rowset){ NULL, wide_rows, n, d }, weights,
               (vx_real){ NULL, wide_sum, d });
    for (size_t k = 0; k < d; k++) {
        assert_true(narrow_sum[k] == (float)in_order(n, k, false));
        assert_true(wide_sum[k] == in_order(n, k, true));
    }
    assert_true(narrow_sum[d] == 42.0f && wide_sum[d] == 42.0);
}

static void the_sum_is_that_of_the_rows_in_their_order_on_every_path(void **state)
{
    static const size_t ds[] = { 1, 7, 1023, 1024, 1025, 16383, 16385, D_MAX };
    static const unsigned threads[] = { 1, 2, 4 };

    (void)state;
    for (size_t t = 0; t < 3; t++) {
        vx_parallel *parallel = NULL;

        vx_assert_ok(vx_parallel_create(threads[t], &parallel), NULL);
        for (size_t path = 0; path < vx_kernel_path_count(); path++) {
            if (!vx_kernel_path_use(vx_kernel_path_name(path))) {
                print_message("skipped: this processor has no %s\n", vx_kernel_path_name(path));
                continue;
            }
            for (size_t n = 1; n <= N_MAX; n++) {
                for (size_t i = 0; i < sizeof(ds) / sizeof(ds[0]); i++)
                    check(parallel, n, ds[i]);
            }
        }
        vx_parallel_destroy(parallel);
    }
}

static void rows_of_weight_zero_are_not_read(void **state)
{
    const float first[] = { 1, 2, 3, 4 }, last[] = { 10, 20, 30, 40 };
    const float *rows[] = { first, NULL, last };
    const double w[] = { 2.0, 0.0, 1.0 };
    float sum[4];

    (void)state;
    vx_combine(NULL, (vx_rowset){ rows, NULL, 3, 4 }, w, (vx_real){ sum, NULL, 4 });
    for (size_t k = 0; k < 4; k++)
        vx_assert_close((double)sum[k], 12.0 * (double)(k + 1), 0.0, 0.0);
}

static void no_rows_give_zeros_and_no_columns_write_nothing(void **state)
{
    float sum[2] = { 1.0f, 1.0f };

    (void)state;
    vx_combine(NULL, (vx_rowset){ narrow_rows, NULL, 3, 0 }, weights, (vx_real){ sum, NULL, 0 });
    assert_true(sum[0] == 1.0f);
    vx_combine(NULL, (vx_rowset){ narrow_rows, NULL, 0, 2 }, weights, (vx_real){ sum, NULL, 2 });
    assert_true(sum[0] == 0.0f && sum[1] == 0.0f);
}

/* By hand: 1e30 - 1e30 + 1 = 1 in the order of the rows; a sum in float of 2^24 + 1 + 1 loses both.
 */
static void sums_are_in_double_in_the_order_of_the_rows(void **state)
{
    const float a[] = { 1e30f, 16777216.0f }, b[] = { -1e30f, 1.0f }, c[] = { 1.0f, 1.0f };
    const float *rows[] = { a, b, c };
    const double w[] = { 1.0, 1.0, 1.0 };
    float sum[2];

    (void)state;
    vx_combine(NULL, (vx_rowset){ rows, NULL, 3, 2 }, w, (vx_real){ sum, NULL, 2 });
    assert_true(sum[0] == 1.0f && sum[1] == 16777218.0f);
}

static void adding_allocates_nothing(void **state)
{
    uint64_t before = vx_alloc_count();

    (void)state;
    vx_combine(NULL, (vx_rowset){ narrow_rows, NULL, N_MAX, D_MAX }, weights,
               (vx_real){ narrow_sum, NULL, D_MAX });
    assert_int_equal(vx_alloc_count(), before);
}

/* Each row of the map in another order of zeros. */
static void several_sums_at_once_have_the_bits_of_each(void **state)
{
    static const size_t ds[] = { 1, 7, 8, 9, 255, 256 };
    static float many[N_MAX][256];
    static double many_wide[N_MAX][256];
    double map[N_MAX * (N_MAX + 2)];
    vx_real to[N_MAX], to_wide[N_MAX];

    (void)state;
    for (size_t i = 0; i < N_MAX; i++) {
        for (size_t j = 0; j < N_MAX; j++)
            map[i * (N_MAX + 2) + j] = (i + j) % 3 == 0 ? 0.0 : weights[(i * 5 + j) % N_MAX];
    }
    for (size_t path = 0; path < vx_kernel_path_count(); path++) {
        if (!vx_kernel_path_use(vx_kernel_path_name(path)))
            continue;
        for (size_t s = 0; s < sizeof(ds) / sizeof(ds[0]); s++) {
            size_t d = ds[s];

            for (size_t i = 0; i < N_MAX; i++) {
                to[i] = (vx_real){ many[i], NULL, d };
                to_wide[i] = (vx_real){ NULL, many_wide[i], d };
            }
            vx_combine_all((vx_rowset){ narrow_rows, NULL, N_MAX, d }, map, N_MAX + 2, N_MAX, to);
            vx_combine_all((vx_rowset){ NULL, wide_rows, N_MAX, d }, map, N_MAX + 2, N_MAX,
                           to_wide);
            for (size_t i = 0; i < N_MAX; i++) {
                vx_combine(NULL, (vx_rowset){ narrow_rows, NULL, N_MAX, d }, map + i * (N_MAX + 2),
                           (vx_real){ narrow_sum, NULL, d });
                vx_combine(NULL, (vx_rowset){ NULL, wide_rows, N_MAX, d }, map + i * (N_MAX + 2),
                           (vx_real){ NULL, wide_sum, d });
                assert_memory_equal(many[i], narrow_sum, d * sizeof(float));
                assert_memory_equal(many_wide[i], wide_sum, d * sizeof(double));
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_sum_is_that_of_the_rows_in_their_order_on_every_path),
        cmocka_unit_test(several_sums_at_once_have_the_bits_of_each),
        cmocka_unit_test(rows_of_weight_zero_are_not_read),
        cmocka_unit_test(no_rows_give_zeros_and_no_columns_write_nothing),
        cmocka_unit_test(sums_are_in_double_in_the_order_of_the_rows),
        cmocka_unit_test(adding_allocates_nothing),
    };

    return cmocka_run_group_tests(tests, fill, NULL);
}
