#include <vx_test/check.h>

#include <float.h>
#include <math.h>
#include <string.h>

#include <vx_base/alloc.h>
#include <vx_linalg/finite.h>

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

/* Every place of a whole block, of one that is not whole, and the borders between them. */
static void a_double_that_is_not_finite_is_found_at_every_place(void **state)
{
    const double bad[] = { HUGE_VAL, -HUGE_VAL, nan("") };
    static const double good[] = { DBL_MAX, -DBL_MAX, DBL_MIN / 8.0, -0.0, 1.0 };
    enum { COUNT = 4096 + 37 };
    static double at[COUNT];

    (void)state;
    for (size_t i = 0; i < COUNT; i++)
        at[i] = good[i % (sizeof(good) / sizeof(good[0]))];
    assert_true(vx_all_finite_f64((vx_cvec){ at, COUNT }));
    assert_true(vx_all_finite_f64((vx_cvec){ at, 0 }));
    for (size_t i = 0; i < COUNT; i++) {
        double kept = at[i];

        at[i] = bad[i % 3];
        assert_false(vx_all_finite_f64((vx_cvec){ at, COUNT }));
        assert_true(vx_all_finite_f64((vx_cvec){ at, i }));
        at[i] = kept;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_value_that_is_not_finite_is_found_at_every_place),
        cmocka_unit_test(a_signalling_nan_is_found),
        cmocka_unit_test(a_double_that_is_not_finite_is_found_at_every_place),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
