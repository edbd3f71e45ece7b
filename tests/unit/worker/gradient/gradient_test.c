#include <vx_test/check.h>

#include <vx_base/alloc.h>
#include <vx_gradient/gradient.h>

#include <math.h>
#include <string.h>

static vx_momentum *momentum_of(double beta, size_t dimension)
{
    vx_momentum *momentum = NULL;
    vx_error err = { 0 };

    vx_assert_ok(vx_momentum_create(beta, dimension, &momentum, &err), &err);
    return momentum;
}

/* A round whose momentum enters. */
static void advance(vx_momentum *momentum, uint64_t round, vx_vecf gradient)
{
    vx_momentum_apply(momentum, round, gradient);
    vx_momentum_accept(momentum, round);
}

static void momentum_follows_the_recursion_by_hand(void **state)
{
    vx_momentum *momentum = momentum_of(0.75, 2);
    float g[2] = { 4, -8 };
    (void)state;

    advance(momentum, 0, (vx_vecf){ g, 2 }); /* m_1 = g_1 */
    assert_true(g[0] == 4 && g[1] == -8);
    memcpy(g, (float[]){ 8, 0 }, sizeof(g));
    advance(momentum, 1, (vx_vecf){ g, 2 }); /* 0.75 (4, -8) + 0.25 (8, 0) */
    assert_true(g[0] == 5 && g[1] == -6);
    memcpy(g, (float[]){ 1, 2 }, sizeof(g));
    advance(momentum, 2, (vx_vecf){ g, 2 }); /* 0.75 (5, -6) + 0.25 (1, 2) */
    assert_true(g[0] == 4 && g[1] == -4);
    vx_momentum_destroy(momentum);
}

static void the_first_momentum_is_the_first_gradient_to_the_bit(void **state)
{
    vx_momentum *momentum = momentum_of(0.9, 4);
    const float first[4] = { 0.1f, -3.3e-30f, 1e-45f, 3.4e38f };
    float g[4];
    (void)state;

    memcpy(g, first, sizeof(g));
    advance(momentum, 0, (vx_vecf){ g, 4 });
    assert_memory_equal(g, first, sizeof(g));
    vx_momentum_destroy(momentum);
}

static void beta_zero_changes_nothing(void **state)
{
    vx_momentum *momentum = momentum_of(0, 2);
    float g[2] = { 1, 2 };
    (void)state;

    advance(momentum, 0, (vx_vecf){ g, 2 });
    memcpy(g, (float[]){ 3, -7 }, sizeof(g));
    advance(momentum, 1, (vx_vecf){ g, 2 });
    assert_true(g[0] == 3 && g[1] == -7);
    vx_momentum_destroy(momentum);
}

static void a_gradient_that_is_not_finite_passes_and_leaves_the_state(void **state)
{
    const float bad[] = { (float)HUGE_VAL, -(float)HUGE_VAL, (float)nan("") };
    (void)state;

    for (size_t k = 0; k < sizeof(bad) / sizeof(bad[0]); k++) {
        vx_momentum *momentum = momentum_of(0.5, 2);
        float g[2] = { 7, bad[k] };

        advance(momentum, 0, (vx_vecf){ g, 2 }); /* before any state: stays the first */
        assert_true(g[0] == 7 && memcmp(&g[1], &bad[k], sizeof(float)) == 0);
        memcpy(g, (float[]){ 2, 4 }, sizeof(g));
        advance(momentum, 1, (vx_vecf){ g, 2 });
        memcpy(g, (float[]){ bad[k], 1 }, sizeof(g));
        advance(momentum, 2, (vx_vecf){ g, 2 });
        assert_true(memcmp(&g[0], &bad[k], sizeof(float)) == 0 && g[1] == 1);
        memcpy(g, (float[]){ 4, 0 }, sizeof(g));
        advance(momentum, 3, (vx_vecf){ g, 2 });
        assert_true(g[0] == 3 && g[1] == 2);
        vx_momentum_destroy(momentum);
    }
}

static void a_round_that_is_asked_for_again_is_made_of_the_same_base(void **state)
{
    vx_momentum *momentum = momentum_of(0.5, 1);
    float g[1] = { 8 };
    (void)state;

    advance(momentum, 0, (vx_vecf){ g, 1 });
    g[0] = 4;
    vx_momentum_apply(momentum, 1, (vx_vecf){ g, 1 });
    assert_true(g[0] == 6);
    g[0] = 4; /* round 1 was not committed: it comes again */
    vx_momentum_apply(momentum, 1, (vx_vecf){ g, 1 });
    assert_true(g[0] == 6);
    vx_momentum_accept(momentum, 1);
    assert_int_equal(vx_momentum_base(momentum), 2);
    assert_int_equal(vx_momentum_other(momentum), 1);
    assert_true(vx_momentum_rebase(momentum, 1)); /* the server has lost round 1 */
    g[0] = 4;
    vx_momentum_apply(momentum, 1, (vx_vecf){ g, 1 });
    assert_true(g[0] == 6);
    vx_momentum_destroy(momentum);
}

static void a_gradient_that_did_not_enter_leaves_no_trace(void **state)
{
    vx_momentum *momentum = momentum_of(0.5, 1);
    float g[1] = { 8 };
    (void)state;

    advance(momentum, 0, (vx_vecf){ g, 1 });
    g[0] = 1000;
    vx_momentum_apply(momentum, 1, (vx_vecf){ g, 1 }); /* late */
    g[0] = 4;
    vx_momentum_apply(momentum, 2, (vx_vecf){ g, 1 });
    assert_true(g[0] == 6);
    vx_momentum_accept(momentum, 1); /* nobody holds it any more */
    assert_int_equal(vx_momentum_base(momentum), 1);
    vx_momentum_destroy(momentum);
}

static void a_state_can_be_given_taken_and_forgotten(void **state)
{
    vx_momentum *momentum = momentum_of(0.5, 1);
    float g[1] = { 4 };
    (void)state;

    assert_false(vx_momentum_rebase(momentum, 7));
    vx_momentum_restore(momentum, 7, (vx_cvecf){ (const float[]){ 8 }, 1 });
    vx_momentum_apply(momentum, 9, (vx_vecf){ g, 1 });
    assert_true(g[0] == 6);
    assert_int_equal(vx_momentum_other(momentum), 10);
    assert_true(vx_momentum_rebase(momentum, 10));
    assert_true(vx_momentum_rebase(momentum, 7));
    assert_true(vx_momentum_rebase(momentum, 0));
    assert_false(vx_momentum_rebase(momentum, 10));
    g[0] = 4;
    vx_momentum_apply(momentum, 9, (vx_vecf){ g, 1 });
    assert_true(g[0] == 4);
    vx_momentum_destroy(momentum);
}

static void applying_momentum_allocates_nothing(void **state)
{
    vx_momentum *momentum = momentum_of(0.5, 3);
    float g[3] = { 1, 2, 3 };
    uint64_t before = vx_alloc_count();
    (void)state;

    advance(momentum, 0, (vx_vecf){ g, 3 });
    advance(momentum, 1, (vx_vecf){ g, 3 });
    assert_int_equal(vx_alloc_count(), before);
    vx_momentum_destroy(momentum);
}

static void beta_outside_its_range_is_refused(void **state)
{
    const double bad[] = { -0.1, 1, 2, HUGE_VAL, nan("") };
    (void)state;

    for (size_t k = 0; k < sizeof(bad) / sizeof(bad[0]); k++) {
        vx_momentum *momentum = NULL;
        vx_error err = { 0 };

        vx_assert_status(vx_momentum_create(bad[k], 3, &momentum, &err), VX_ERR_DOMAIN, &err);
        assert_null(momentum);
        assert_non_null(strstr(err.message, "expected 0 <= "));
    }
}

static void create_survives_the_failure_of_every_allocation(void **state)
{
    vx_momentum *momentum = NULL;
    int k = 0;
    (void)state;

    for (vx_status status = VX_ERR_NOMEM; status != VX_OK; k++) {
        int left = k;

        vx_alloc_set_hook(vx_test_fail_at_zero, &left);
        status = vx_momentum_create(0.9, 5, &momentum, NULL);
        vx_alloc_set_hook(NULL, NULL);
        assert_true(status == VX_OK || (status == VX_ERR_NOMEM && momentum == NULL));
    }
    assert_int_equal(k, 4); /* the object, its two states, then the run that succeeds */
    vx_momentum_destroy(momentum);
    assert_null(vx_momentum_destroy(NULL));
}

static void clipping_scales_only_what_is_longer(void **state)
{
    float v[2] = { 3, 4 };
    (void)state;

    vx_assert_close(vx_clip_norm((vx_vecf){ v, 2 }, 0), 5, 0, 0); /* 0: no limit */
    vx_assert_close(vx_clip_norm((vx_vecf){ v, 2 }, 5), 5, 0, 0);
    assert_true(v[0] == 3 && v[1] == 4);
    vx_assert_close(vx_clip_norm((vx_vecf){ v, 2 }, 1), 5, 1e-15, 0);
    vx_assert_close((double)v[0], 0.6, 1e-7, 0);
    vx_assert_close((double)v[1], 0.8, 1e-7, 0);
    vx_assert_close(vx_clip_norm((vx_vecf){ v, 2 }, 0), 1, 1e-7, 0);
}

static void clipping_takes_norms_that_float_cannot_square(void **state)
{
    float v[19];
    (void)state;

    for (size_t i = 0; i < 19; i++)
        v[i] = 3e38f;
    vx_assert_close(vx_clip_norm((vx_vecf){ v, 19 }, 2), 3e38 * sqrt(19), 1e-7, 0);
    for (size_t i = 0; i < 19; i++)
        vx_assert_close((double)v[i], 2 / sqrt(19), 1e-6, 0);
    for (size_t i = 0; i < 19; i++)
        v[i] = 1e-38f;
    vx_assert_close(vx_clip_norm((vx_vecf){ v, 19 }, 2), 1e-38 * sqrt(19), 1e-6, 0);
}

static void a_norm_that_is_not_finite_leaves_the_vector(void **state)
{
    float v[2] = { 3, (float)HUGE_VAL };
    float w[2] = { 3, (float)nan("") };
    (void)state;

    assert_true(isinf(vx_clip_norm((vx_vecf){ v, 2 }, 1)));
    assert_true(v[0] == 3 && isinf(v[1]));
    assert_true(isnan(vx_clip_norm((vx_vecf){ w, 2 }, 1)));
    assert_true(w[0] == 3 && isnan(w[1]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(momentum_follows_the_recursion_by_hand),
        cmocka_unit_test(the_first_momentum_is_the_first_gradient_to_the_bit),
        cmocka_unit_test(beta_zero_changes_nothing),
        cmocka_unit_test(a_gradient_that_is_not_finite_passes_and_leaves_the_state),
        cmocka_unit_test(a_round_that_is_asked_for_again_is_made_of_the_same_base),
        cmocka_unit_test(a_gradient_that_did_not_enter_leaves_no_trace),
        cmocka_unit_test(a_state_can_be_given_taken_and_forgotten),
        cmocka_unit_test(applying_momentum_allocates_nothing),
        cmocka_unit_test(beta_outside_its_range_is_refused),
        cmocka_unit_test(create_survives_the_failure_of_every_allocation),
        cmocka_unit_test(clipping_scales_only_what_is_longer),
        cmocka_unit_test(clipping_takes_norms_that_float_cannot_square),
        cmocka_unit_test(a_norm_that_is_not_finite_leaves_the_vector),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
