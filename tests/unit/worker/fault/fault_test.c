#include <vx_test/check.h>

#include <vx_base/limits.h>
#include <vx_fault/injector.h>

#include <math.h>
#include <string.h>

#define D 20000

static vx_fault_plan always(vx_fault_kind kind, double scale)
{
    return (vx_fault_plan){ .kind = kind, .scale = scale, .to_round = UINT64_MAX };
}

/* One plan on the gradient (1, -2, 0) in round 5 of slot 3. */
static vx_fault_effect apply(vx_fault_plan plan, float g[3])
{
    memcpy(g, (float[]){ 1, -2, 0 }, 3 * sizeof(*g));
    return vx_fault_apply(&plan, 1, 11, 3, 5, (vx_vecf){ g, 3 });
}

static void names_and_kinds_go_both_ways(void **state)
{
    vx_fault_kind kind = VX_FAULT_CRASH;
    (void)state;

    for (unsigned k = 0; k < VX_FAULT_KIND_MAX; k++) {
        vx_assert_ok(vx_fault_kind_parse(vx_fault_kind_name((vx_fault_kind)k), &kind), NULL);
        assert_int_equal(kind, k);
    }
    assert_string_equal(vx_fault_kind_name(VX_FAULT_SIGN_FLIP), "sign_flip");
    assert_true(vx_fault_kind_parse("sign", &kind) != VX_OK);
    assert_true(vx_fault_kind_parse("", &kind) != VX_OK);
}

static void each_fault_changes_the_gradient_as_its_name_says(void **state)
{
    const struct {
        vx_fault_kind kind;
        double scale;
        float expected[3];
    } cases[] = {
        { VX_FAULT_SIGN_FLIP, 2, { -2, 4, 0 } },   { VX_FAULT_SCALE, 10, { 10, -20, 0 } },
        { VX_FAULT_CONSTANT, -3, { -3, -3, -3 } }, { VX_FAULT_ZERO, 9, { 0, 0, 0 } },
        { VX_FAULT_DELAY, 9, { 1, -2, 0 } },       { VX_FAULT_CRASH, 9, { 1, -2, 0 } },
    };
    (void)state;

    for (size_t c = 0; c < sizeof(cases) / sizeof(cases[0]); c++) {
        float g[3];
        vx_fault_effect effect = apply(always(cases[c].kind, cases[c].scale), g);

        for (size_t i = 0; i < 3; i++)
            assert_true(g[i] == cases[c].expected[i]);
        assert_true(effect.any);
        assert_true(effect.crash == (cases[c].kind == VX_FAULT_CRASH));
        assert_true(effect.delay_s == (cases[c].kind == VX_FAULT_DELAY ? 9 : 0));
    }
}

static void nan_and_infinity_fill_every_entry(void **state)
{
    float g[3];
    (void)state;

    apply(always(VX_FAULT_NAN, 1), g);
    assert_true(isnan(g[0]) && isnan(g[1]) && isnan(g[2]));
    apply(always(VX_FAULT_INFINITY, 1), g);
    assert_true(isinf(g[0]) && isinf(g[1]) && isinf(g[2]));
}

static void a_plan_is_in_force_from_its_first_to_its_last_round(void **state)
{
    vx_fault_plan plan = { .kind = VX_FAULT_ZERO, .from_round = 10, .to_round = 12 };
    (void)state;

    for (uint64_t round = 8; round < 15; round++) {
        float g[1] = { 1 };
        vx_fault_effect effect = vx_fault_apply(&plan, 1, 0, 0, round, (vx_vecf){ g, 1 });

        assert_true(effect.any == (round >= 10 && round <= 12));
        assert_true(g[0] == (effect.any ? 0 : 1));
    }
}

static void plans_apply_in_order_and_delays_add(void **state)
{
    const vx_fault_plan plans[] = { always(VX_FAULT_CONSTANT, 3), always(VX_FAULT_SCALE, 2),
                                    always(VX_FAULT_SIGN_FLIP, 1), always(VX_FAULT_DELAY, 0.5),
                                    always(VX_FAULT_DELAY, 0.25) };
    float g[2] = { 1, 2 };
    vx_fault_effect effect = vx_fault_apply(plans, 5, 0, 0, 0, (vx_vecf){ g, 2 });
    (void)state;

    assert_true(g[0] == -6 && g[1] == -6);
    assert_true(effect.delay_s == 0.75 && !effect.crash && effect.any);
    effect = vx_fault_apply(NULL, 0, 0, 0, 0, (vx_vecf){ g, 2 });
    assert_true(g[0] == -6 && !effect.any);
}

static void noise_is_a_function_of_seed_slot_and_round(void **state)
{
    const uint64_t keys[][3] = { { 1, 2, 3 }, { 9, 2, 3 }, { 1, 9, 3 }, { 1, 2, 9 } };
    vx_fault_plan plan = always(VX_FAULT_GAUSSIAN, 1);
    float first[8], again[8];
    (void)state;

    for (size_t k = 0; k < 4; k++) {
        float *g = k == 0 ? first : again;

        vx_fault_apply(&plan, 1, keys[k][0], (uint32_t)keys[k][1], keys[k][2], (vx_vecf){ g, 8 });
        assert_true(k == 0 || memcmp(first, again, sizeof(first)) != 0);
    }
    vx_fault_apply(&plan, 1, 1, 2, 3, (vx_vecf){ again, 8 });
    assert_memory_equal(first, again, sizeof(first));
}

static void noise_has_the_deviation_that_was_asked_for(void **state)
{
    static float g[D];
    vx_fault_plan plan = always(VX_FAULT_GAUSSIAN, 5);
    double sum = 0, squares = 0;
    (void)state;

    vx_fault_apply(&plan, 1, 7, 0, 0, (vx_vecf){ g, D });
    for (size_t i = 0; i < D; i++) {
        sum += (double)g[i];
        squares += (double)g[i] * (double)g[i];
    }
    vx_assert_close(sum / D, 0, 0, 5 * 5 / sqrt(D)); /* five standard errors */
    vx_assert_close(sqrt(squares / D), 5, 5 / sqrt(2.0 * D), 0);
}

static void a_round_number_that_no_job_reaches_does_not_stop_the_process(void **state)
{
    vx_fault_plan plan = always(VX_FAULT_GAUSSIAN, 1);
    float g[2] = { 0 };
    (void)state;

    vx_fault_apply(&plan, 1, 1, 0, VX_ROUNDS_MAX, (vx_vecf){ g, 2 });
    vx_fault_apply(&plan, 1, 1, 0, UINT64_MAX, (vx_vecf){ g, 2 });
    assert_true(isfinite(g[0]) && isfinite(g[1]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_and_kinds_go_both_ways),
        cmocka_unit_test(each_fault_changes_the_gradient_as_its_name_says),
        cmocka_unit_test(nan_and_infinity_fill_every_entry),
        cmocka_unit_test(a_plan_is_in_force_from_its_first_to_its_last_round),
        cmocka_unit_test(plans_apply_in_order_and_delays_add),
        cmocka_unit_test(noise_is_a_function_of_seed_slot_and_round),
        cmocka_unit_test(noise_has_the_deviation_that_was_asked_for),
        cmocka_unit_test(a_round_number_that_no_job_reaches_does_not_stop_the_process),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
