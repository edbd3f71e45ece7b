#include "descent.h"

#include <float.h>
#include <math.h>
#include <string.h>

enum { KINDS = 4 };

static const double TO_FLOAT = 1.2e-7; /* one rounding to float */

static vx_optimiser_options options_of(vx_optimiser_kind kind)
{
    vx_optimiser_options options = vx_optimiser_options_default();

    options.kind = kind;
    return options;
}

static void sgd_makes_the_steps_computed_by_hand(void **state)
{
    vx_optimiser_options options = options_of(VX_OPTIMISER_SGD);
    vx_optimiser *optimiser;

    (void)state;
    options.step_size = 0.25;
    options.weight_decay = 0.5;
    optimiser = create(&options, 1);
    /* g = 2 + 0.5: 1 - 0.625; then g = 0.1875 */
    expect_steps(optimiser, (float[]){ 2, 0 }, (double[]){ 0.375, 0.328125 }, 2);
    assert_int_equal(vx_optimiser_state_count(optimiser), 0);
    vx_optimiser_destroy(optimiser);
}

static void heavy_ball_makes_the_steps_computed_by_hand(void **state)
{
    vx_optimiser_options options = options_of(VX_OPTIMISER_HEAVY_BALL);
    vx_optimiser *optimiser;

    (void)state;
    options.step_size = 0.25;
    options.momentum = 0.5;
    optimiser = create(&options, 1);
    /* b = 2, 1 + 1 = 2, 1 */
    expect_steps(optimiser, (float[]){ 2, 1, 0 }, (double[]){ 0.5, 0, -0.25 }, 3);
    assert_string_equal(vx_optimiser_state_name(optimiser, 0), "momentum");
    vx_assert_close((double)vx_optimiser_state_at(optimiser, 0).at[0], 1.0, 0.0, 0.0);
    vx_optimiser_destroy(optimiser);
}

static void nesterov_makes_the_steps_computed_by_hand(void **state)
{
    vx_optimiser_options options = options_of(VX_OPTIMISER_NESTEROV);
    vx_optimiser *optimiser;

    (void)state;
    options.step_size = 0.25;
    options.momentum = 0.5;
    optimiser = create(&options, 1);
    /* b = 2, moves by 2 + 0.5 * 2 = 3; b = 2, moves by 1 + 1 = 2 */
    expect_steps(optimiser, (float[]){ 2, 1 }, (double[]){ 0.25, -0.25 }, 2);
    vx_optimiser_destroy(optimiser);
}

static void adamw_makes_the_steps_computed_by_hand(void **state)
{
    vx_optimiser_options options = options_of(VX_OPTIMISER_ADAMW);
    vx_optimiser *optimiser;
    float theta = 1.0f;
    double m, v, expected = 1.0;

    (void)state;
    options.step_size = 0.1;
    options.beta2 = 0.99;
    options.weight_decay = 0.5;
    optimiser = create(&options, 1);
    /* Round 0: m / (1 - 0.9) = g, v / (1 - 0.99) = g^2: the step is eta (sign g + decay theta). */
    step(optimiser, 0, (float[]){ -3 }, &theta, 1);
    expected -= 0.1 * (-3.0 / (3.0 + 1e-8) + 0.5 * expected);
    vx_assert_close((double)theta, expected, TO_FLOAT, 0.0);
    /* Round 1 by the definition. */
    m = 0.9 * -0.3 + 0.1 * 1.0;
    v = 0.99 * 0.09 + 0.01 * 1.0;
    step(optimiser, 1, (float[]){ 1 }, &theta, 1);
    expected -= 0.1 * (m / 0.19 / (sqrt(v / (1.0 - 0.9801)) + 1e-8) + 0.5 * expected);
    vx_assert_close((double)theta, expected, 3.0 * TO_FLOAT, 0.0);
    assert_string_equal(vx_optimiser_state_name(optimiser, 0), "first_moment");
    assert_string_equal(vx_optimiser_state_name(optimiser, 1), "second_moment");
    vx_assert_close((double)vx_optimiser_state_at(optimiser, 0).at[0], m, TO_FLOAT, 0.0);
    vx_assert_close((double)vx_optimiser_state_at(optimiser, 1).at[0], v, TO_FLOAT, 0.0);
    vx_optimiser_destroy(optimiser);
}

/* Everything depends on the coordinate only: all d coordinates make the steps of one. */
static void every_coordinate_makes_the_same_steps(void **state)
{
    (void)state;
    for (int kind = 0; kind < KINDS; kind++) {
        vx_optimiser_options options = options_of((vx_optimiser_kind)kind);
        vx_optimiser *one = create(&options, 1), *many = create(&options, D);
        float theta = 1.0f, thetas[D], updates[D];

        for (size_t k = 0; k < D; k++)
            thetas[k] = 1.0f;
        for (uint64_t round = 0; round < 5; round++) {
            for (size_t k = 0; k < D; k++)
                updates[k] = 0.3f - 0.1f * (float)round;
            step(one, round, updates, &theta, 1);
            step(many, round, updates, thetas, D);
            for (size_t k = 0; k < D; k++)
                assert_memory_equal(&thetas[k], &theta, sizeof(theta));
        }
        vx_optimiser_destroy(one);
        vx_optimiser_destroy(many);
    }
}

static void schedule_and_step_size_multiply(void **state)
{
    vx_optimiser_options options = options_of(VX_OPTIMISER_SGD);
    vx_optimiser *optimiser;
    float theta = 1.0f;

    (void)state;
    options.step_size = 0.5;
    options.schedule = (vx_schedule){ .kind = VX_SCHEDULE_STEP, .every = 2, .factor = 0.25 };
    optimiser = create(&options, 1);
    vx_assert_close(vx_optimiser_step_size(optimiser, 1), 0.5, 0.0, 0.0);
    vx_assert_close(vx_optimiser_step_size(optimiser, 4), 0.03125, 0.0, 0.0);
    step(optimiser, 4, (float[]){ 1 }, &theta, 1);
    vx_assert_close((double)theta, 0.96875, 0.0, 0.0);
    vx_optimiser_destroy(optimiser);
}

/* f = sum of k (theta_k - 1)^2 / 2, k = 1..8: every optimiser finds 1. */
static void every_optimiser_finds_the_minimum_of_a_quadratic(void **state)
{
    (void)state;
    for (int kind = 0; kind < KINDS; kind++) {
        vx_optimiser_options options = options_of((vx_optimiser_kind)kind);
        vx_optimiser *optimiser;
        float theta[8] = { 0 }, update[8];

        options.step_size = kind == VX_OPTIMISER_ADAMW ? 0.05 : 0.02;
        options.schedule =
            (vx_schedule){ .kind = VX_SCHEDULE_COSINE, .rounds = 3000, .final_factor = 0.0 };
        optimiser = create(&options, 8);
        for (uint64_t round = 0; round < 3000; round++) {
            for (size_t k = 0; k < 8; k++)
                update[k] = (float)(k + 1) * (theta[k] - 1.0f);
            step(optimiser, round, update, theta, 8);
        }
        for (size_t k = 0; k < 8; k++)
            vx_assert_close((double)theta[k], 1.0, 1e-5, 0.0);
        vx_optimiser_destroy(optimiser);
    }
}

static void a_restored_state_goes_on_with_the_same_bits(void **state)
{
    (void)state;
    for (int kind = 0; kind < KINDS; kind++) {
        vx_optimiser_options options = options_of((vx_optimiser_kind)kind);

        options.weight_decay = 0.01;
        expect_resumed(&options);
    }
}

static void a_step_out_of_the_finite_numbers_is_not_taken(void **state)
{
    (void)state;
    for (int kind = 0; kind < KINDS; kind++) {
        vx_optimiser_options options = options_of((vx_optimiser_kind)kind);
        vx_optimiser *optimiser = create(&options, D);
        float theta[D] = { 0 }, before[D], update[D], saved[2][D];
        const float bad[] = { nanf(""), HUGE_VALF, -HUGE_VALF };

        fill(0, update);
        step(optimiser, 0, update, theta, D);
        memcpy(before, theta, sizeof(theta));
        for (size_t i = 0; i < vx_optimiser_state_count(optimiser); i++)
            memcpy(saved[i], vx_optimiser_state_at(optimiser, i).at, sizeof(theta));
        for (size_t i = 0; i < 3; i++) {
            update[D - 1 - i] = bad[i]; /* in the last block: the first ones are done by then */
            vx_assert_status(
                vx_optimiser_step(optimiser, 1, (vx_cvecf){ update, D }, (vx_vecf){ theta, D }),
                VX_ERR_NONFINITE, NULL);
            update[D - 1 - i] = 0.0f;
        }
        assert_memory_equal(before, theta, sizeof(theta));
        for (size_t i = 0; i < vx_optimiser_state_count(optimiser); i++)
            assert_memory_equal(saved[i], vx_optimiser_state_at(optimiser, i).at, sizeof(theta));
        vx_optimiser_destroy(optimiser);
    }
}

static void a_parameter_that_would_overflow_is_refused(void **state)
{
    vx_optimiser_options options = options_of(VX_OPTIMISER_SGD);
    vx_optimiser *optimiser;
    float theta = -FLT_MAX, update = FLT_MAX;

    (void)state;
    options.step_size = 10.0;
    optimiser = create(&options, 1);
    vx_assert_status(
        vx_optimiser_step(optimiser, 0, (vx_cvecf){ &update, 1 }, (vx_vecf){ &theta, 1 }),
        VX_ERR_NONFINITE, NULL);
    assert_true(theta == -FLT_MAX);
    vx_optimiser_destroy(optimiser);
}

static void wrong_shapes_are_refused(void **state)
{
    vx_optimiser_options options = options_of(VX_OPTIMISER_SGD);
    vx_optimiser *optimiser = create(&options, 2);
    float theta[3] = { 0 };

    (void)state;
    vx_assert_status(vx_optimiser_step(optimiser, 0, (vx_cvecf){ theta, 3 }, (vx_vecf){ theta, 2 }),
                     VX_ERR_SHAPE, NULL);
    vx_assert_status(vx_optimiser_step(optimiser, 0, (vx_cvecf){ theta, 2 }, (vx_vecf){ theta, 3 }),
                     VX_ERR_SHAPE, NULL);
    optimiser = vx_optimiser_destroy(optimiser);
    vx_assert_status(vx_optimiser_create(&options, 0, &optimiser, NULL), VX_ERR_SHAPE, NULL);
    assert_null(optimiser);
}

static void refuse(vx_optimiser_options options, const char *name)
{
    vx_optimiser *optimiser = NULL;
    vx_error err;

    vx_assert_status(vx_optimiser_create(&options, 1, &optimiser, &err), VX_ERR_DOMAIN, &err);
    assert_null(optimiser);
    assert_non_null(strstr(err.message, name));
}

static void options_out_of_range_are_named(void **state)
{
    vx_optimiser_options o = options_of(VX_OPTIMISER_ADAMW);

    (void)state;
    o.step_size = 0.0;
    refuse(o, "step_size");
    o.step_size = nan("");
    refuse(o, "step_size");
    o = options_of(VX_OPTIMISER_HEAVY_BALL);
    o.momentum = 1.0;
    refuse(o, "momentum");
    o = options_of(VX_OPTIMISER_SGD);
    o.weight_decay = -0.1;
    refuse(o, "weight_decay");
    o = options_of(VX_OPTIMISER_ADAMW);
    o.beta1 = 1.0;
    refuse(o, "beta1");
    o = options_of(VX_OPTIMISER_ADAMW);
    o.beta2 = -0.1;
    refuse(o, "beta2");
    o = options_of(VX_OPTIMISER_ADAMW);
    o.epsilon = 0.0;
    refuse(o, "epsilon");
}

static void schedules_out_of_range_are_named(void **state)
{
    vx_optimiser_options o = options_of(VX_OPTIMISER_SGD);

    (void)state;
    o.schedule.kind = VX_SCHEDULE_STEP;
    o.schedule.every = 0;
    refuse(o, "every");
    o.schedule.every = 1;
    o.schedule.factor = 0.0;
    refuse(o, "factor");
    o = options_of(VX_OPTIMISER_SGD);
    o.schedule.kind = VX_SCHEDULE_COSINE;
    refuse(o, "rounds");
    o.schedule.rounds = 10;
    o.schedule.final_factor = 1.5;
    refuse(o, "final_factor");
    o.schedule.kind = VX_SCHEDULE_ONE_CYCLE;
    o.schedule.final_factor = 0.0;
    o.schedule.up_share = 1.0;
    refuse(o, "up_share");
    o.schedule.up_share = 0.5;
    o.schedule.initial_divisor = 0.5;
    refuse(o, "initial_divisor");
    o.schedule.initial_divisor = 25.0;
    o.schedule.momentum_low = 1.0;
    refuse(o, "momentum_low");
}

static void create_survives_the_failure_of_every_allocation(void **state)
{
    static const int allocations[KINDS] = { 1, 2, 2, 3 };

    (void)state;
    for (int kind = 0; kind < KINDS; kind++) {
        vx_optimiser_options options = options_of((vx_optimiser_kind)kind);

        assert_int_equal(fail_each_allocation(&options), allocations[kind]);
    }
}

static void a_step_allocates_nothing(void **state)
{
    (void)state;
    for (int kind = 0; kind < KINDS; kind++) {
        vx_optimiser_options options = options_of((vx_optimiser_kind)kind);

        expect_no_allocation(&options);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sgd_makes_the_steps_computed_by_hand),
        cmocka_unit_test(heavy_ball_makes_the_steps_computed_by_hand),
        cmocka_unit_test(nesterov_makes_the_steps_computed_by_hand),
        cmocka_unit_test(adamw_makes_the_steps_computed_by_hand),
        cmocka_unit_test(every_coordinate_makes_the_same_steps),
        cmocka_unit_test(schedule_and_step_size_multiply),
        cmocka_unit_test(every_optimiser_finds_the_minimum_of_a_quadratic),
        cmocka_unit_test(a_restored_state_goes_on_with_the_same_bits),
        cmocka_unit_test(a_step_out_of_the_finite_numbers_is_not_taken),
        cmocka_unit_test(a_parameter_that_would_overflow_is_refused),
        cmocka_unit_test(wrong_shapes_are_refused),
        cmocka_unit_test(options_out_of_range_are_named),
        cmocka_unit_test(schedules_out_of_range_are_named),
        cmocka_unit_test(create_survives_the_failure_of_every_allocation),
        cmocka_unit_test(a_step_allocates_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
