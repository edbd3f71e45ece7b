#include <vx_test/check.h>

#include <vx_session/session.h>

static vx_session greeted(void)
{
    vx_session session;

    vx_session_init(&session, 1, 0, 0, (vx_session_patience){ 1000, 60000 });
    assert_int_equal(vx_session_next(&session), VX_SESSION_DIAL);
    assert_int_equal(vx_session_next(&session), VX_SESSION_WAIT);
    vx_session_connected(&session);
    assert_int_equal(vx_session_next(&session), VX_SESSION_GREET);
    vx_session_welcomed(&session, 1);
    return session;
}

static vx_session ready(void)
{
    vx_session session = greeted();

    assert_int_equal(vx_session_next(&session), VX_SESSION_SET_UP);
    assert_int_equal(vx_session_next(&session), VX_SESSION_WAIT);
    vx_session_set_up(&session);
    assert_int_equal(vx_session_next(&session), VX_SESSION_WAIT);
    return session;
}

static void a_round_is_computed_once_and_sent_once(void **state)
{
    vx_session session = ready();

    (void)state;
    vx_session_parameters(&session, 0);
    assert_int_equal(vx_session_next(&session), VX_SESSION_COMPUTE);
    assert_int_equal(vx_session_next(&session), VX_SESSION_WAIT);
    vx_session_computed(&session);
    assert_int_equal(vx_session_next(&session), VX_SESSION_SEND);
    assert_int_equal(vx_session_next(&session), VX_SESSION_WAIT);
}

static void parameters_that_come_while_setting_up_are_used_after_it(void **state)
{
    vx_session session = greeted();

    (void)state;
    assert_int_equal(vx_session_next(&session), VX_SESSION_SET_UP);
    vx_session_parameters(&session, 3);
    assert_int_equal(vx_session_next(&session), VX_SESSION_WAIT);
    vx_session_set_up(&session);
    assert_int_equal(vx_session_next(&session), VX_SESSION_COMPUTE);
    assert_int_equal(session.working_on, 3);
}

static void parameters_that_are_being_replaced_are_not_computed_with(void **state)
{
    vx_session session = ready();

    (void)state;
    vx_session_parameters(&session, 0);
    assert_int_equal(vx_session_next(&session), VX_SESSION_COMPUTE);
    vx_session_parameters(&session, 1); /* complete, in the other buffer */
    vx_session_replacing(&session);     /* the first bytes of round 2 lie over them */
    vx_session_computed(&session);
    assert_int_equal(vx_session_next(&session), VX_SESSION_WAIT);
    vx_session_parameters(&session, 2);
    assert_int_equal(vx_session_next(&session), VX_SESSION_COMPUTE);
    assert_int_equal(session.working_on, 2);
}

static void a_gradient_that_is_computed_while_the_epoch_changes_is_not_sent(void **state)
{
    vx_session session = ready();

    (void)state;
    vx_session_parameters(&session, 4);
    assert_int_equal(vx_session_next(&session), VX_SESSION_COMPUTE);
    vx_session_lost(&session, 10);
    assert_int_equal(vx_session_next(&session), VX_SESSION_DIAL);
    vx_session_connected(&session);
    assert_int_equal(vx_session_next(&session), VX_SESSION_GREET);
    vx_session_welcomed(&session, 2);
    vx_session_parameters(&session, 4);
    vx_session_computed(&session); /* of the parameters of epoch 1 */
    assert_int_equal(vx_session_next(&session), VX_SESSION_COMPUTE);
    vx_session_computed(&session);
    assert_int_equal(vx_session_next(&session), VX_SESSION_SEND);
}

static void a_gradient_that_is_not_too_old_is_sent_before_the_next_is_computed(void **state)
{
    vx_session session = ready();

    (void)state;
    session.staleness = 2;
    vx_session_parameters(&session, 4);
    assert_int_equal(vx_session_next(&session), VX_SESSION_COMPUTE);
    vx_session_parameters(&session, 6);
    vx_session_computed(&session);
    assert_int_equal(vx_session_next(&session), VX_SESSION_SEND);
    assert_int_equal(session.computed, 4);
    assert_int_equal(vx_session_next(&session), VX_SESSION_COMPUTE);
    vx_session_parameters(&session, 9);
    vx_session_computed(&session); /* 6: three rounds old */
    assert_int_equal(vx_session_next(&session), VX_SESSION_COMPUTE);
    assert_int_equal(session.working_on, 9);
}

static void nothing_is_computed_while_it_is_blocked(void **state)
{
    vx_session session = ready();

    (void)state;
    vx_session_block(&session, true);
    vx_session_parameters(&session, 0);
    assert_int_equal(vx_session_next(&session), VX_SESSION_WAIT);
    vx_session_block(&session, false);
    assert_int_equal(vx_session_next(&session), VX_SESSION_COMPUTE);
}

static void a_gradient_that_nobody_wants_any_more_is_not_sent(void **state)
{
    vx_session session = ready();

    (void)state;
    vx_session_parameters(&session, 0);
    assert_int_equal(vx_session_next(&session), VX_SESSION_COMPUTE);
    vx_session_parameters(&session, 1);
    vx_session_computed(&session);
    assert_int_equal(vx_session_next(&session), VX_SESSION_COMPUTE);
    assert_int_equal(session.working_on, 1);
}

static void after_a_break_the_same_gradient_is_sent_again_without_computing(void **state)
{
    vx_session session = ready();

    (void)state;
    vx_session_parameters(&session, 5);
    vx_session_next(&session);
    vx_session_computed(&session);
    assert_int_equal(vx_session_next(&session), VX_SESSION_SEND);
    vx_session_lost(&session, 10);
    assert_int_equal(vx_session_next(&session), VX_SESSION_DIAL);
    vx_session_connected(&session);
    assert_int_equal(vx_session_next(&session), VX_SESSION_GREET);
    vx_session_welcomed(&session, 1);
    assert_int_equal(vx_session_next(&session), VX_SESSION_WAIT);
    vx_session_parameters(&session, 5);
    assert_int_equal(vx_session_next(&session), VX_SESSION_SEND);
}

static void another_epoch_makes_the_gradient_worthless(void **state)
{
    vx_session session = ready();

    (void)state;
    vx_session_parameters(&session, 5);
    vx_session_next(&session);
    vx_session_computed(&session);
    vx_session_lost(&session, 10);
    vx_session_next(&session);
    vx_session_connected(&session);
    vx_session_next(&session);
    vx_session_welcomed(&session, 2);
    vx_session_parameters(&session, 5);
    assert_int_equal(vx_session_next(&session), VX_SESSION_COMPUTE);
}

static void it_backs_off_with_jitter_and_gives_up_when_patience_is_spent(void **state)
{
    vx_session session;
    uint64_t now = 0;
    uint32_t last = 0;
    int dials = 0;

    (void)state;
    vx_session_init(&session, 1, 4, 0, (vx_session_patience){ 30000, 600000 });
    while (vx_session_next(&session) == VX_SESSION_DIAL) {
        dials++;
        now += session.delay_ms + 1;
        vx_session_lost(&session, now);
        assert_in_range(session.delay_ms, 50, 5000);
        last = session.delay_ms;
    }
    assert_int_equal(vx_session_next(&session), VX_SESSION_END);
    assert_int_equal(session.outcome, VX_ERR_UNAVAILABLE);
    assert_in_range(dials, 8, 40);
    assert_true(last >= 2500);
    assert_true(now > 30000);
}

/* When the session gives up, with a dial that fails each second. */
static uint64_t gives_up_at_ms(vx_session *session, uint64_t now_ms)
{
    while (!session->ended) {
        now_ms += 1000;
        vx_session_lost(session, now_ms);
        if (vx_session_next(session) == VX_SESSION_DIAL && now_ms > 1000000)
            break;
    }
    return now_ms;
}

static void a_server_that_has_welcomed_it_is_waited_for_longer(void **state)
{
    vx_session met = ready();
    vx_session unmet;

    (void)state;
    vx_session_init(&unmet, 1, 0, 0, (vx_session_patience){ 1000, 60000 });
    (void)vx_session_next(&unmet);
    assert_int_equal(gives_up_at_ms(&unmet, 0), 2000);
    assert_int_equal(gives_up_at_ms(&met, 5000), 6000 + 61000); /* lost at 6000 */
    assert_int_equal(met.outcome, VX_ERR_UNAVAILABLE);
}

static void a_server_that_lets_it_wait_is_not_out_of_reach(void **state)
{
    vx_session session;

    (void)state;
    vx_session_init(&session, 1, 0, 0, (vx_session_patience){ 1000, 60000 });
    (void)vx_session_next(&session);
    vx_session_connected(&session);
    vx_session_heard(&session, 5000);
    vx_session_lost(&session, 5500);
    assert_false(session.ended);
    (void)vx_session_next(&session);
    vx_session_heard(&session, 5600); /* the link is not there */
    vx_session_lost(&session, 6100);
    assert_true(session.ended);
}

static void a_step_is_given_no_more_time_than_patience_has_left(void **state)
{
    vx_session session;

    (void)state;
    vx_session_init(&session, 1, 0, 0, (vx_session_patience){ 30000, 60000 });
    assert_int_equal(vx_session_limit_ms(&session, 0, 10000), 10000);
    assert_int_equal(vx_session_limit_ms(&session, 25000, 10000), 5000);
    assert_int_equal(vx_session_limit_ms(&session, 29500, 10000), 1000);
    assert_int_equal(vx_session_limit_ms(&session, 90000, 10000), 1000);
}

static void the_first_outcome_stays(void **state)
{
    vx_session session = ready();

    (void)state;
    vx_session_end(&session, VX_OK);
    vx_session_end(&session, VX_ERR_REFUSED);
    assert_int_equal(vx_session_next(&session), VX_SESSION_END);
    assert_int_equal(session.outcome, VX_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_round_is_computed_once_and_sent_once),
        cmocka_unit_test(parameters_that_come_while_setting_up_are_used_after_it),
        cmocka_unit_test(parameters_that_are_being_replaced_are_not_computed_with),
        cmocka_unit_test(a_gradient_that_is_computed_while_the_epoch_changes_is_not_sent),
        cmocka_unit_test(a_gradient_that_is_not_too_old_is_sent_before_the_next_is_computed),
        cmocka_unit_test(nothing_is_computed_while_it_is_blocked),
        cmocka_unit_test(a_gradient_that_nobody_wants_any_more_is_not_sent),
        cmocka_unit_test(after_a_break_the_same_gradient_is_sent_again_without_computing),
        cmocka_unit_test(another_epoch_makes_the_gradient_worthless),
        cmocka_unit_test(it_backs_off_with_jitter_and_gives_up_when_patience_is_spent),
        cmocka_unit_test(a_server_that_has_welcomed_it_is_waited_for_longer),
        cmocka_unit_test(a_server_that_lets_it_wait_is_not_out_of_reach),
        cmocka_unit_test(a_step_is_given_no_more_time_than_patience_has_left),
        cmocka_unit_test(the_first_outcome_stays),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
