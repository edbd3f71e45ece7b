#include <vx_test/check.h>

#include <vx_round/recovery.h>

static void expect(vx_recovery plan, uint64_t from, uint64_t until, bool forget, uint64_t lost)
{
    assert_int_equal(plan.from, from);
    assert_int_equal(plan.until, until);
    assert_int_equal(plan.forget, forget);
    assert_int_equal(plan.lost, lost);
}

static void recorded_rounds_after_the_checkpoint_are_replayed(void **state)
{
    (void)state;
    expect(vx_recovery_plan(100, 0, 137), 100, 137, false, 0);
    expect(vx_recovery_plan(100, 100, 137), 100, 137, false, 0);
    expect(vx_recovery_plan(0, 0, 1), 0, 1, false, 0);
}

static void without_records_the_run_goes_on_from_the_checkpoint(void **state)
{
    (void)state;
    expect(vx_recovery_plan(100, 0, 0), 100, 100, false, 0);
    expect(vx_recovery_plan(100, 40, 100), 100, 100, false, 0);
}

static void records_that_end_before_the_checkpoint_are_forgotten(void **state)
{
    (void)state;
    expect(vx_recovery_plan(100, 40, 99), 100, 100, true, 0);
}

static void a_gap_before_the_records_is_told_as_a_loss(void **state)
{
    (void)state;
    expect(vx_recovery_plan(100, 101, 137), 100, 100, true, 37);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(recorded_rounds_after_the_checkpoint_are_replayed),
        cmocka_unit_test(without_records_the_run_goes_on_from_the_checkpoint),
        cmocka_unit_test(records_that_end_before_the_checkpoint_are_forgotten),
        cmocka_unit_test(a_gap_before_the_records_is_told_as_a_loss),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
