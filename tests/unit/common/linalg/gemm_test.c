#include <vx_test/check.h>

#include <math.h>
#include <stdlib.h>

#include <vx_base/rng.h>
#include <vx_linalg/blas.h>
#include <vx_linalg/gemm.h>

enum { M = 3, N = 4, K = 5, LD = 7 };

static vx_rng rng;

static void fill(double *at, size_t count)
{
    for (size_t i = 0; i < count; i++)
        at[i] = vx_rng_normal(&rng);
}

static double entry(bool transpose, const double *at, size_t i, size_t j)
{
    return transpose ? at[j * LD + i] : at[i * LD + j];
}

static void compare_f64(bool ta, bool tb)
{
    double a[LD * LD], b[LD * LD], c[LD * LD], before[LD * LD];
    vx_cmat va = { a, ta ? K : M, ta ? M : K, LD }, vb = { b, tb ? N : K, tb ? K : N, LD };

    fill(a, LD * LD);
    fill(b, LD * LD);
    fill(c, LD * LD);
    for (size_t i = 0; i < LD * LD; i++)
        before[i] = c[i];
    vx_assert_ok(vx_gemm_f64(ta, tb, 1.5, va, vb, -2.0, (vx_mat){ c, M, N, LD }), NULL);
    for (size_t i = 0; i < LD; i++) {
        for (size_t j = 0; j < LD; j++) {
            double sum = -2.0 * before[i * LD + j];

            for (size_t k = 0; k < K; k++)
                sum += 1.5 * entry(ta, a, i, k) * entry(tb, b, k, j);
            vx_assert_close(c[i * LD + j], i < M && j < N ? sum : before[i * LD + j], 1e-14, 1e-14);
        }
    }
}

static void products_in_double_are_those_of_the_definition(void **state)
{
    (void)state;
    for (int transposed = 0; transposed < 4; transposed++)
        compare_f64((transposed & 1) != 0, (transposed & 2) != 0);
}

static void products_in_float_are_those_of_the_definition(void **state)
{
    /* By hand: [1 2; 3 4] [5 6; 7 8] = [19 22; 43 50]; transposed a: [26 30; 38 44]. */
    const float a[] = { 1, 2, 3, 4 }, b[] = { 5, 6, 7, 8 };
    float c[4] = { 1, 1, 1, 1 };
    vx_cmatf va = { a, 2, 2, 2 }, vb = { b, 2, 2, 2 };
    vx_matf vc = { c, 2, 2, 2 };

    (void)state;
    vx_assert_ok(vx_gemm_f32(false, false, 1.0f, va, vb, 0.0f, vc), NULL);
    vx_assert_close((double)c[1], 22.0, 0.0, 0.0);
    vx_assert_close((double)c[2], 43.0, 0.0, 0.0);
    vx_assert_ok(vx_gemm_f32(true, false, 1.0f, va, vb, 1.0f, vc), NULL);
    vx_assert_close((double)c[0], 19.0 + 26.0, 0.0, 0.0);
    vx_assert_close((double)c[3], 50.0 + 44.0, 0.0, 0.0);
    vx_assert_ok(vx_gemm_f32(false, true, 1.0f, va, vb, 0.0f, vc), NULL);
    vx_assert_close((double)c[1], 23.0, 0.0, 0.0); /* (1, 2) . (7, 8) */
}

static void beta_of_zero_overwrites_without_reading(void **state)
{
    const float one[] = { 2.0f };
    float c[] = { nanf("") };

    (void)state;
    vx_assert_ok(vx_gemm_f32(false, false, 1.0f, (vx_cmatf){ one, 1, 1, 1 },
                             (vx_cmatf){ one, 1, 1, 1 }, 0.0f, (vx_matf){ c, 1, 1, 1 }),
                 NULL);
    vx_assert_close((double)c[0], 4.0, 0.0, 0.0);
}

static void an_empty_inner_dimension_gives_zeros(void **state)
{
    const float none[] = { 1.0f };
    float c[] = { 7.0f, 7.0f };

    (void)state;
    vx_assert_ok(vx_gemm_f32(false, false, 1.0f, (vx_cmatf){ none, 1, 0, 0 },
                             (vx_cmatf){ none, 0, 2, 2 }, 0.0f, (vx_matf){ c, 1, 2, 2 }),
                 NULL);
    vx_assert_close((double)c[0], 0.0, 0.0, 0.0);
    vx_assert_close((double)c[1], 0.0, 0.0, 0.0);
    vx_assert_ok(vx_gemm_f32(false, false, 1.0f, (vx_cmatf){ none, 0, 1, 1 },
                             (vx_cmatf){ none, 1, 1, 1 }, 0.0f, (vx_matf){ c, 0, 1, 1 }),
                 NULL);
}

static void shapes_that_do_not_fit_are_refused(void **state)
{
    double at[16] = { 0 };
    vx_cmat a = { at, 2, 3, 3 }, b = { at, 2, 3, 3 };
    vx_mat c = { at, 2, 3, 3 };

    (void)state;
    vx_assert_status(vx_gemm_f64(false, false, 1.0, a, b, 0.0, c), VX_ERR_SHAPE, NULL);
    b = (vx_cmat){ at, 3, 2, 2 };
    vx_assert_status(vx_gemm_f64(false, false, 1.0, a, b, 0.0, c), VX_ERR_SHAPE, NULL);
    c = (vx_mat){ at, 2, 2, 1 };
    vx_assert_status(vx_gemm_f64(false, false, 1.0, a, b, 0.0, c), VX_ERR_SHAPE, NULL);
    a = (vx_cmat){ at, 2, (size_t)1 << 31, (size_t)1 << 31 };
    b = (vx_cmat){ at, (size_t)1 << 31, 2, 2 };
    c = (vx_mat){ at, 2, 2, 2 };
    vx_assert_status(vx_gemm_f64(false, false, 1.0, a, b, 0.0, c), VX_ERR_SHAPE, NULL);
}

static void threads_and_names_of_the_library_can_be_read(void **state)
{
    (void)state;
    vx_blas_set_threads(1);
    assert_int_equal(vx_blas_threads(), 1);
    assert_true(vx_blas_core()[0] != '\0');
    assert_true(vx_blas_version()[0] != '\0');
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(products_in_double_are_those_of_the_definition),
        cmocka_unit_test(products_in_float_are_those_of_the_definition),
        cmocka_unit_test(beta_of_zero_overwrites_without_reading),
        cmocka_unit_test(an_empty_inner_dimension_gives_zeros),
        cmocka_unit_test(shapes_that_do_not_fit_are_refused),
        cmocka_unit_test(threads_and_names_of_the_library_can_be_read),
    };

    rng = vx_rng_stream(1, VX_RNG_TEST, 0, 0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
