#include <vx_test/check.h>

#include "supervisor.h"

#define GRACE_MS 60000

static const vx_ctl_supervisor fresh = { .server_grace_ms = GRACE_MS };
static const vx_ctl_view asked_to_stop = { .server = VX_CTL_LIFE_RUNNING,
                                           .workers = VX_CTL_LIFE_RUNNING,
                                           .signals = 1 };
static const vx_ctl_view workers_failed = { .server = VX_CTL_LIFE_RUNNING,
                                            .workers = VX_CTL_LIFE_ENDED,
                                            .workers_failed = true };

static unsigned step_at(vx_ctl_supervisor *supervisor, vx_ctl_view *view, uint64_t now_ms)
{
    view->now_ms = now_ms;
    return vx_ctl_supervisor_step(supervisor, view);
}

static void a_run_that_goes_well_is_left_alone(void **state)
{
    vx_ctl_supervisor supervisor = fresh;
    vx_ctl_view view = { .server = VX_CTL_LIFE_RUNNING, .workers = VX_CTL_LIFE_NONE };

    (void)state;
    assert_int_equal(step_at(&supervisor, &view, 0), 0);
    view.workers = VX_CTL_LIFE_RUNNING;
    assert_int_equal(step_at(&supervisor, &view, 3600000), 0);
    view.server = VX_CTL_LIFE_ENDED;
    assert_int_equal(step_at(&supervisor, &view, 3600100), 0);
    view.workers = VX_CTL_LIFE_ENDED;
    assert_int_equal(step_at(&supervisor, &view, 3600200), VX_CTL_ACT_LEAVE);
    assert_int_equal(supervisor.reason, VX_CTL_REASON_NONE);
}

static void a_signal_asks_the_server_once_and_then_waits(void **state)
{
    vx_ctl_supervisor supervisor = fresh;
    vx_ctl_view view = asked_to_stop;

    (void)state;
    assert_int_equal(step_at(&supervisor, &view, 1000), VX_CTL_ACT_TERM_SERVER);
    assert_int_equal(supervisor.reason, VX_CTL_REASON_SIGNAL);
    assert_int_equal(step_at(&supervisor, &view, 1000 + GRACE_MS - 1), 0);
    assert_int_equal(step_at(&supervisor, &view, 1000 + GRACE_MS), VX_CTL_ACT_KILL_SERVER);
    assert_int_equal(step_at(&supervisor, &view, 1000 + 2 * GRACE_MS), 0);
}

static void a_second_signal_kills_both_once(void **state)
{
    vx_ctl_supervisor supervisor = fresh;
    vx_ctl_view view = asked_to_stop;

    (void)state;
    assert_int_equal(step_at(&supervisor, &view, 1000), VX_CTL_ACT_TERM_SERVER);
    view.signals = 2;
    assert_int_equal(step_at(&supervisor, &view, 1001),
                     VX_CTL_ACT_KILL_SERVER | VX_CTL_ACT_KILL_WORKERS);
    view.signals = 3;
    assert_int_equal(step_at(&supervisor, &view, 1002), 0);
}

static void two_signals_at_once_kill_at_once(void **state)
{
    vx_ctl_supervisor supervisor = fresh;
    vx_ctl_view view = { .server = VX_CTL_LIFE_RUNNING, .workers = VX_CTL_LIFE_NONE, .signals = 2 };

    (void)state;
    assert_int_equal(step_at(&supervisor, &view, 5), VX_CTL_ACT_KILL_SERVER);
    assert_int_equal(supervisor.reason, VX_CTL_REASON_SIGNAL);
    view.server = VX_CTL_LIFE_ENDED;
    assert_int_equal(step_at(&supervisor, &view, 6), VX_CTL_ACT_LEAVE);
}

static void workers_that_never_joined_a_stopped_run_are_ended_soon(void **state)
{
    vx_ctl_supervisor supervisor = fresh;
    vx_ctl_view view = asked_to_stop;
    uint64_t late_ms = 200 + VX_CTL_WORKERS_STOP_MS;

    (void)state;
    assert_true(VX_CTL_WORKERS_STOP_MS < VX_CTL_WORKERS_GRACE_MS);
    assert_int_equal(step_at(&supervisor, &view, 100), VX_CTL_ACT_TERM_SERVER);
    view.server = VX_CTL_LIFE_ENDED;
    assert_int_equal(step_at(&supervisor, &view, 200), 0);
    assert_int_equal(step_at(&supervisor, &view, late_ms - 1), 0);
    assert_int_equal(step_at(&supervisor, &view, late_ms), VX_CTL_ACT_TERM_WORKERS);
    assert_int_equal(step_at(&supervisor, &view, late_ms + VX_CTL_WORKERS_KILL_MS),
                     VX_CTL_ACT_KILL_WORKERS);
}

static void workers_that_outlive_the_server_are_ended_within_a_bound(void **state)
{
    vx_ctl_supervisor supervisor = fresh;
    vx_ctl_view view = { .server = VX_CTL_LIFE_ENDED, .workers = VX_CTL_LIFE_RUNNING };
    uint64_t late_ms = 500 + VX_CTL_WORKERS_GRACE_MS;

    (void)state;
    assert_int_equal(step_at(&supervisor, &view, 500), 0);
    assert_int_equal(step_at(&supervisor, &view, late_ms - 1), 0);
    assert_int_equal(step_at(&supervisor, &view, late_ms), VX_CTL_ACT_TERM_WORKERS);
    assert_int_equal(step_at(&supervisor, &view, late_ms + 1), 0);
    assert_int_equal(step_at(&supervisor, &view, late_ms + VX_CTL_WORKERS_KILL_MS),
                     VX_CTL_ACT_KILL_WORKERS);
    assert_int_equal(step_at(&supervisor, &view, late_ms + 2 * VX_CTL_WORKERS_KILL_MS), 0);
    view.workers = VX_CTL_LIFE_ENDED;
    assert_int_equal(step_at(&supervisor, &view, late_ms + 2 * VX_CTL_WORKERS_KILL_MS),
                     VX_CTL_ACT_LEAVE);
}

static void workers_of_a_crashed_server_are_ended_at_once(void **state)
{
    vx_ctl_supervisor supervisor = fresh;
    vx_ctl_view view = { .server = VX_CTL_LIFE_ENDED,
                         .server_crashed = true,
                         .workers = VX_CTL_LIFE_RUNNING };

    (void)state;
    assert_int_equal(step_at(&supervisor, &view, 500), VX_CTL_ACT_TERM_WORKERS);
    assert_int_equal(step_at(&supervisor, &view, 500 + VX_CTL_WORKERS_KILL_MS),
                     VX_CTL_ACT_KILL_WORKERS);
}

static void failed_workers_stop_the_server_after_it_could_say_why(void **state)
{
    vx_ctl_supervisor supervisor = fresh;
    vx_ctl_view view = workers_failed;

    (void)state;
    assert_int_equal(step_at(&supervisor, &view, 100), 0);
    assert_int_equal(step_at(&supervisor, &view, 100 + VX_CTL_BLAME_MS), VX_CTL_ACT_TERM_SERVER);
    assert_int_equal(supervisor.reason, VX_CTL_REASON_WORKERS_FAILED);
    view.server = VX_CTL_LIFE_ENDED;
    assert_int_equal(step_at(&supervisor, &view, 200 + VX_CTL_BLAME_MS), VX_CTL_ACT_LEAVE);
}

static void a_server_that_ends_by_itself_meanwhile_keeps_its_reason(void **state)
{
    vx_ctl_supervisor supervisor = fresh;
    vx_ctl_view view = workers_failed;

    (void)state;
    assert_int_equal(step_at(&supervisor, &view, 100), 0);
    view.server = VX_CTL_LIFE_ENDED;
    assert_int_equal(step_at(&supervisor, &view, 300), VX_CTL_ACT_LEAVE);
    assert_int_equal(supervisor.reason, VX_CTL_REASON_NONE);
}

static void a_server_without_workers_ends_unless_it_needs_none(void **state)
{
    vx_ctl_supervisor supervisor = fresh;
    vx_ctl_view view = { .server = VX_CTL_LIFE_RUNNING,
                         .workers = VX_CTL_LIFE_ENDED,
                         .server_needs_nobody = true };

    (void)state; /* the last evaluation can take long */
    assert_int_equal(step_at(&supervisor, &view, 100), 0);
    assert_int_equal(step_at(&supervisor, &view, 100 + 10 * VX_CTL_IDLE_MS), 0);
    view.server_needs_nobody = false;
    assert_int_equal(step_at(&supervisor, &view, 100 + 10 * VX_CTL_IDLE_MS),
                     VX_CTL_ACT_TERM_SERVER);
    assert_int_equal(supervisor.reason, VX_CTL_REASON_WORKERS_GONE);
}

static void a_start_that_fails_stops_the_server(void **state)
{
    vx_ctl_supervisor supervisor = fresh;
    vx_ctl_view view = { .server = VX_CTL_LIFE_RUNNING,
                         .workers = VX_CTL_LIFE_NONE,
                         .start_failed = true };

    (void)state;
    assert_int_equal(step_at(&supervisor, &view, 7), VX_CTL_ACT_TERM_SERVER);
    assert_int_equal(supervisor.reason, VX_CTL_REASON_START);
    view.server = VX_CTL_LIFE_ENDED;
    assert_int_equal(step_at(&supervisor, &view, 8), VX_CTL_ACT_LEAVE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_run_that_goes_well_is_left_alone),
        cmocka_unit_test(a_signal_asks_the_server_once_and_then_waits),
        cmocka_unit_test(a_second_signal_kills_both_once),
        cmocka_unit_test(two_signals_at_once_kill_at_once),
        cmocka_unit_test(workers_that_never_joined_a_stopped_run_are_ended_soon),
        cmocka_unit_test(workers_that_outlive_the_server_are_ended_within_a_bound),
        cmocka_unit_test(workers_of_a_crashed_server_are_ended_at_once),
        cmocka_unit_test(failed_workers_stop_the_server_after_it_could_say_why),
        cmocka_unit_test(a_server_that_ends_by_itself_meanwhile_keeps_its_reason),
        cmocka_unit_test(a_server_without_workers_ends_unless_it_needs_none),
        cmocka_unit_test(a_start_that_fails_stops_the_server),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
