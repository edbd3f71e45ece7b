#include <vx_test/check.h>

#include <math.h>
#include <string.h>

#include <vx_base/alloc.h>
#include <vx_base/rng.h>
#include <vx_linalg/combine.h>
#include <vx_linalg/finite.h>

enum { N_MAX = 11, D_MAX = 1100 };

static float rows[N_MAX * D_MAX];
static double weights[N_MAX];

static int fill(void **state)
{
    vx_rng rng = vx_rng_stream(3, VX_RNG_TEST, 0, 0);

    (void)state;
    for (size_t i = 0; i < N_MAX * D_MAX; i++)
        rows[i] = (float)vx_rng_normal(&rng);
    for (size_t i = 0; i < N_MAX; i++)
        weights[i] = vx_rng_normal(&rng);
    return 0;
}

static void the_sum_is_that_of_the_rows_in_their_order(void **state)
{
    static const size_t ds[] = { 1, 511, 512, 513, D_MAX };
    float sum[D_MAX];

    (void)state;
    for (size_t n = 1; n <= N_MAX; n++) {
        for (size_t id = 0; id < sizeof(ds) / sizeof(ds[0]); id++) {
            vx_assert_ok(vx_combine_f32((vx_cmatf){ rows, n, ds[id], D_MAX },
                                        (vx_cvec){ weights, n }, (vx_vecf){ sum, ds[id] }),
                         NULL);
            for (size_t k = 0; k < ds[id]; k++) {
                double expected = 0.0;

                for (size_t i = 0; i < n; i++)
                    expected += weights[i] * (double)rows[i * D_MAX + k];
                assert_true(sum[k] == (float)expected);
            }
        }
    }
}

static void rows_of_weight_zero_are_not_read(void **state)
{
    float part[3 * 4] = { 1, 2, 3, 4, nanf(""), nanf(""), HUGE_VALF, nanf(""), 10, 20, 30, 40 };
    const double w[] = { 2.0, 0.0, 1.0 };
    float sum[4];

    (void)state;
    vx_assert_ok(
        vx_combine_f32((vx_cmatf){ part, 3, 4, 4 }, (vx_cvec){ w, 3 }, (vx_vecf){ sum, 4 }), NULL);
    for (size_t k = 0; k < 4; k++)
        vx_assert_close((double)sum[k], 12.0 * (double)(k + 1), 0.0, 0.0);
}

static void wrong_shapes_are_refused(void **state)
{
    float sum[4];

    (void)state;
    vx_assert_status(
        vx_combine_f32((vx_cmatf){ rows, 3, 4, 4 }, (vx_cvec){ weights, 2 }, (vx_vecf){ sum, 4 }),
        VX_ERR_SHAPE, NULL);
    vx_assert_status(
        vx_combine_f32((vx_cmatf){ rows, 3, 4, 4 }, (vx_cvec){ weights, 3 }, (vx_vecf){ sum, 3 }),
        VX_ERR_SHAPE, NULL);
    vx_assert_status(
        vx_combine_f32((vx_cmatf){ rows, 3, 4, 3 }, (vx_cvec){ weights, 3 }, (vx_vecf){ sum, 4 }),
        VX_ERR_SHAPE, NULL);
}

static void a_value_that_is_not_finite_is_found_at_every_place(void **state)
{
    const float bad[] = { nanf(""), -nanf(""), HUGE_VALF, -HUGE_VALF };
    enum { COUNT = 9000 };
    float *v = vx_calloc(COUNT, sizeof(float));

    (void)state;
    assert_non_null(v);
    for (size_t i = 0; i < COUNT; i++)
        v[i] = i % 3 == 0 ? 3.4e38f : i % 3 == 1 ? -1e-45f : -0.0f;
    assert_true(vx_all_finite_f32((vx_cvecf){ v, COUNT }));
    assert_true(vx_all_finite_f32((vx_cvecf){ v, 0 }));
    for (size_t i = 0; i < COUNT; i += i < 4090 || i > 4100 ? 37 : 1) {
        float old = v[i];

        v[i] = bad[i % 4];
        assert_false(vx_all_finite_f32((vx_cvecf){ v, COUNT }));
        assert_true(vx_all_finite_f32((vx_cvecf){ v, i }));
        v[i] = old;
    }
    vx_free(v);
}

static void a_signalling_nan_is_found(void **state)
{
    uint32_t bits = 0x7f800001u;
    float v[5] = { 0 };

    (void)state;
    memcpy(&v[3], &bits, sizeof(bits));
    assert_false(vx_all_finite_f32((vx_cvecf){ v, 5 }));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_sum_is_that_of_the_rows_in_their_order),
        cmocka_unit_test(rows_of_weight_zero_are_not_read),
        cmocka_unit_test(wrong_shapes_are_refused),
        cmocka_unit_test(a_value_that_is_not_finite_is_found_at_every_place),
        cmocka_unit_test(a_signalling_nan_is_found),
    };

    return cmocka_run_group_tests(tests, fill, NULL);
}
