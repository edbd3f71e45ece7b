#include <vx_test/check.h>

#include <math.h>

#include <vx_optimise/optimise.h>

static double factor(const vx_schedule *s, uint64_t round)
{
    return vx_schedule_factor(s, round);
}

static void constant_is_one_at_every_round(void **state)
{
    vx_schedule s = { .kind = VX_SCHEDULE_CONSTANT };

    (void)state;
    vx_assert_close(factor(&s, 0), 1.0, 0.0, 0.0);
    vx_assert_close(factor(&s, UINT64_MAX), 1.0, 0.0, 0.0);
}

static void warmup_rises_linearly_and_meets_the_kind(void **state)
{
    vx_schedule s = { .kind = VX_SCHEDULE_CONSTANT, .warmup = 4 };
    const double by_hand[] = { 0.2, 0.4, 0.6, 0.8, 1.0, 1.0 };

    (void)state;
    for (uint64_t round = 0; round < 6; round++)
        vx_assert_close(factor(&s, round), by_hand[round], 1e-15, 0.0);
}

static void step_multiplies_every_so_many_rounds(void **state)
{
    vx_schedule s = { .kind = VX_SCHEDULE_STEP, .every = 10, .factor = 0.2, .warmup = 3 };

    (void)state;
    vx_assert_close(factor(&s, 3), 1.0, 1e-15, 0.0);
    vx_assert_close(factor(&s, 12), 1.0, 1e-15, 0.0);
    vx_assert_close(factor(&s, 13), 0.2, 1e-15, 0.0);
    vx_assert_close(factor(&s, 33), 0.008, 1e-14, 0.0);
}

static void cosine_has_its_closed_form(void **state)
{
    vx_schedule s = {
        .kind = VX_SCHEDULE_COSINE, .rounds = 101 + 5, .warmup = 5, .final_factor = 0.1
    };

    (void)state;
    vx_assert_close(factor(&s, 5), 1.0, 1e-15, 0.0);
    vx_assert_close(factor(&s, 5 + 50), 0.55, 1e-14, 0.0); /* half way: the middle of 1 and 0.1 */
    vx_assert_close(factor(&s, 5 + 25), 0.1 + 0.45 * (1.0 + sqrt(0.5)), 1e-14, 0.0);
    vx_assert_close(factor(&s, 105), 0.1, 1e-14, 0.0); /* the last round of the job */
    vx_assert_close(factor(&s, 1000), 0.1, 1e-14, 0.0);
}

static vx_schedule cycle(void)
{
    return (vx_schedule){ .kind = VX_SCHEDULE_ONE_CYCLE,
                          .rounds = 101,
                          .initial_divisor = 25.0,
                          .up_share = 0.3,
                          .final_factor = 0.001,
                          .momentum_low = 0.85 };
}

static void one_cycle_goes_up_and_down_linearly(void **state)
{
    vx_schedule s = cycle();

    (void)state;
    vx_assert_close(factor(&s, 0), 0.04, 1e-14, 0.0);
    vx_assert_close(factor(&s, 15), 0.52, 1e-14, 0.0); /* half way up */
    vx_assert_close(factor(&s, 30), 1.0, 1e-14, 0.0);
    vx_assert_close(factor(&s, 65), 0.5005, 1e-14, 0.0); /* half way down */
    vx_assert_close(factor(&s, 100), 0.001, 1e-12, 0.0);
    vx_assert_close(factor(&s, 5000), 0.001, 1e-12, 0.0);
}

static void momentum_runs_opposite_to_one_cycle(void **state)
{
    vx_schedule s = cycle(), constant = { .kind = VX_SCHEDULE_CONSTANT };

    (void)state;
    vx_assert_close(vx_schedule_momentum(&s, 0.95, 0), 0.95, 1e-15, 0.0);
    vx_assert_close(vx_schedule_momentum(&s, 0.95, 15), 0.9, 1e-14, 0.0);
    vx_assert_close(vx_schedule_momentum(&s, 0.95, 30), 0.85, 1e-14, 0.0);
    vx_assert_close(vx_schedule_momentum(&s, 0.95, 100), 0.95, 1e-14, 0.0);
    vx_assert_close(vx_schedule_momentum(&constant, 0.95, 30), 0.95, 0.0, 0.0);
}

/* Of a job of a million rounds no step may be larger than the steepest slope. */
static void schedules_have_no_jump_at_their_joints(void **state)
{
    vx_schedule cycle_schedule = cycle();
    vx_schedule cosine = { .kind = VX_SCHEDULE_COSINE };
    uint64_t joints[] = { 1000, 1000 + 299700, 999999 };

    (void)state;
    cycle_schedule.rounds = cosine.rounds = 1000000;
    cycle_schedule.warmup = cosine.warmup = 1000;
    for (size_t i = 0; i < 3; i++) {
        for (uint64_t round = joints[i] - 3; round < joints[i] + 3; round++) {
            double step = factor(&cosine, round + 1) - factor(&cosine, round);
            double step_of_cycle =
                factor(&cycle_schedule, round + 1) - factor(&cycle_schedule, round);

            assert_true(fabs(step) < 1.1e-3); /* the slope of the warm-up */
            assert_true(fabs(step_of_cycle) < 1e-4);
            assert_true(fabs(vx_schedule_momentum(&cycle_schedule, 0.95, round + 1) -
                             vx_schedule_momentum(&cycle_schedule, 0.95, round)) < 1e-6);
        }
    }
}

static void jobs_of_one_round_are_in_range(void **state)
{
    vx_schedule s = cycle();

    (void)state;
    s.rounds = 1;
    assert_true(factor(&s, 0) > 0.0 && factor(&s, 0) <= 1.0);
    s.kind = VX_SCHEDULE_COSINE;
    vx_assert_close(factor(&s, 0), 1.0, 0.0, 0.0);
    s.warmup = 5; /* longer than the job */
    assert_true(factor(&s, 0) > 0.0 && factor(&s, 0) <= 1.0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(constant_is_one_at_every_round),
        cmocka_unit_test(warmup_rises_linearly_and_meets_the_kind),
        cmocka_unit_test(step_multiplies_every_so_many_rounds),
        cmocka_unit_test(cosine_has_its_closed_form),
        cmocka_unit_test(one_cycle_goes_up_and_down_linearly),
        cmocka_unit_test(momentum_runs_opposite_to_one_cycle),
        cmocka_unit_test(schedules_have_no_jump_at_their_joints),
        cmocka_unit_test(jobs_of_one_round_are_in_range),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
