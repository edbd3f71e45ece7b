#include <vx_test/check.h>

#include <vx_round/pace.h>

static void before_enough_arrivals_it_is_the_most(void **state)
{
    vx_pace pace;

    (void)state;
    vx_pace_init(&pace, 10.0, 60000.0, 4.0);
    for (int i = 0; i < VX_PACE_LEAST - 1; i++) {
        vx_pace_arrived(&pace, 1.0);
        vx_assert_close(vx_pace_deadline_ms(&pace), 60000.0, 0, 0);
    }
    vx_pace_arrived(&pace, 1.0);
    vx_assert_close(vx_pace_deadline_ms(&pace), 10.0, 0, 0);
}

/* Arrivals 1..20: median 10.5; deviations 0.5, 0.5, 1.5, 1.5, ... 9.5: their median is 5. */
static void it_is_the_median_and_a_multiple_of_the_deviation(void **state)
{
    vx_pace pace;

    (void)state;
    vx_pace_init(&pace, 0.001, 1000.0, 3.0);
    for (int i = 20; i >= 1; i--)
        vx_pace_arrived(&pace, (double)i);
    vx_assert_close(vx_pace_deadline_ms(&pace), 10.5 + 3.0 * 5.0, 1e-12, 0);
}

static void one_slow_worker_in_eight_does_not_move_it(void **state)
{
    vx_pace pace;

    (void)state;
    vx_pace_init(&pace, 1.0, 60000.0, 8.0);
    for (int round = 0; round < 100; round++)
        for (int slot = 0; slot < 8; slot++)
            vx_pace_arrived(&pace, slot == 7 ? 1000.0 : 90.0 + (double)slot);
    assert_true(vx_pace_deadline_ms(&pace) < 130.0);
}

static void only_the_newest_arrivals_count(void **state)
{
    vx_pace pace;

    (void)state;
    vx_pace_init(&pace, 1.0, 60000.0, 8.0);
    for (int i = 0; i < 1000; i++)
        vx_pace_arrived(&pace, 5000.0);
    for (int i = 0; i < VX_PACE_ARRIVALS; i++)
        vx_pace_arrived(&pace, 50.0);
    vx_assert_close(vx_pace_deadline_ms(&pace), 50.0, 0, 0);
}

static void it_is_never_more_than_the_most(void **state)
{
    vx_pace pace;

    (void)state;
    vx_pace_init(&pace, 1.0, 100.0, 8.0);
    for (int i = 0; i < 50; i++)
        vx_pace_arrived(&pace, 1e6);
    vx_assert_close(vx_pace_deadline_ms(&pace), 100.0, 0, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(before_enough_arrivals_it_is_the_most),
        cmocka_unit_test(it_is_the_median_and_a_multiple_of_the_deviation),
        cmocka_unit_test(one_slow_worker_in_eight_does_not_move_it),
        cmocka_unit_test(only_the_newest_arrivals_count),
        cmocka_unit_test(it_is_never_more_than_the_most),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
