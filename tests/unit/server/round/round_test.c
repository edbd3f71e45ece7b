#include <vx_test/check.h>

#include <vx_base/rng.h>
#include <vx_round/round.h>

static vx_round_action step(vx_round *round, vx_round_event_kind kind, size_t live,
                            size_t collected, size_t outstanding)
{
    return vx_round_step(round, (vx_round_event){ kind, { live, collected, outstanding, 0 } });
}

static vx_round_action refuse(vx_round *round, size_t live, size_t collected, size_t outstanding,
                              size_t refused)
{
    return vx_round_step(
        round, (vx_round_event){ VX_ROUND_EV_CENSUS, { live, collected, outstanding, refused } });
}

static void begins_when_every_slot_is_there(void **state)
{
    vx_round round;

    (void)state;
    vx_round_init(&round, 0, 2, 3, 2);
    assert_int_equal(step(&round, VX_ROUND_EV_CENSUS, 2, 0, 2), VX_ROUND_DO_NOTHING);
    assert_int_equal(step(&round, VX_ROUND_EV_CENSUS, 3, 0, 3), VX_ROUND_DO_PUBLISH);
    assert_int_equal(round.state, VX_ROUND_COLLECTING);
}

static void begins_with_the_quorum_after_the_start_timeout(void **state)
{
    vx_round round;

    (void)state;
    vx_round_init(&round, 0, 2, 3, 2);
    assert_int_equal(step(&round, VX_ROUND_EV_START_TIMEOUT, 2, 0, 2), VX_ROUND_DO_PUBLISH);
    vx_round_init(&round, 0, 2, 3, 2);
    assert_int_equal(step(&round, VX_ROUND_EV_START_TIMEOUT, 1, 0, 1), VX_ROUND_DO_FAIL);
    assert_non_null(round.failure);
}

static void a_round_closes_when_all_have_answered_or_at_the_deadline_with_the_quorum(void **state)
{
    vx_round round;

    (void)state;
    vx_round_init(&round, 0, 2, 3, 2);
    step(&round, VX_ROUND_EV_CENSUS, 3, 0, 3);
    assert_int_equal(step(&round, VX_ROUND_EV_CENSUS, 3, 2, 1), VX_ROUND_DO_NOTHING);
    assert_int_equal(step(&round, VX_ROUND_EV_CENSUS, 3, 3, 0), VX_ROUND_DO_AGGREGATE);
    assert_int_equal(step(&round, VX_ROUND_EV_CENSUS, 3, 3, 0), VX_ROUND_DO_NOTHING);
    assert_int_equal(step(&round, VX_ROUND_EV_COMMITTED, 3, 3, 0), VX_ROUND_DO_PUBLISH);
    assert_int_equal(round.number, 1);
    assert_int_equal(step(&round, VX_ROUND_EV_CENSUS, 3, 2, 1), VX_ROUND_DO_NOTHING);
    assert_int_equal(step(&round, VX_ROUND_EV_DEADLINE, 3, 2, 1), VX_ROUND_DO_AGGREGATE);
    assert_int_equal(step(&round, VX_ROUND_EV_COMMITTED, 3, 2, 1), VX_ROUND_DO_FINISH);
    assert_int_equal(round.state, VX_ROUND_ENDED);
}

static void below_the_quorum_a_round_is_held_until_workers_return(void **state)
{
    vx_round round;

    (void)state;
    vx_round_init(&round, 0, 2, 3, 2);
    step(&round, VX_ROUND_EV_CENSUS, 3, 0, 3);
    assert_int_equal(step(&round, VX_ROUND_EV_CENSUS, 1, 1, 0), VX_ROUND_DO_HOLD);
    assert_int_equal(step(&round, VX_ROUND_EV_CENSUS, 1, 1, 0), VX_ROUND_DO_NOTHING);
    assert_int_equal(step(&round, VX_ROUND_EV_CENSUS, 2, 1, 1), VX_ROUND_DO_RESUME);
    assert_int_equal(step(&round, VX_ROUND_EV_CENSUS, 2, 2, 0), VX_ROUND_DO_AGGREGATE);
}

static void a_held_round_past_its_deadline_closes_as_soon_as_it_has_the_quorum(void **state)
{
    vx_round round;

    (void)state;
    vx_round_init(&round, 0, 2, 3, 2);
    step(&round, VX_ROUND_EV_CENSUS, 3, 0, 3);
    assert_int_equal(step(&round, VX_ROUND_EV_DEADLINE, 3, 1, 2), VX_ROUND_DO_HOLD);
    assert_int_equal(step(&round, VX_ROUND_EV_CENSUS, 3, 2, 1), VX_ROUND_DO_AGGREGATE);
}

static void a_run_with_more_slots_begins_with_the_planned_ones_and_grows(void **state)
{
    vx_round round;

    (void)state;
    vx_round_init(&round, 0, 2, 5, 2);
    vx_round_plan(&round, 3, 2);
    assert_int_equal(step(&round, VX_ROUND_EV_CENSUS, 2, 0, 2), VX_ROUND_DO_NOTHING);
    assert_int_equal(step(&round, VX_ROUND_EV_CENSUS, 3, 0, 3), VX_ROUND_DO_PUBLISH);
    assert_int_equal(step(&round, VX_ROUND_EV_CENSUS, 3, 3, 0), VX_ROUND_DO_AGGREGATE);
    assert_int_equal(step(&round, VX_ROUND_EV_COMMITTED, 5, 3, 0), VX_ROUND_DO_PUBLISH);
    assert_int_equal(step(&round, VX_ROUND_EV_CENSUS, 5, 4, 1), VX_ROUND_DO_NOTHING);
    assert_int_equal(step(&round, VX_ROUND_EV_CENSUS, 5, 5, 0), VX_ROUND_DO_AGGREGATE);
}

static void with_fewer_workers_than_the_least_a_round_is_held_though_it_has_the_quorum(void **state)
{
    vx_round round;

    (void)state;
    vx_round_init(&round, 0, 2, 5, 2);
    vx_round_plan(&round, 4, 3);
    assert_int_equal(step(&round, VX_ROUND_EV_START_TIMEOUT, 3, 0, 3), VX_ROUND_DO_PUBLISH);
    assert_int_equal(step(&round, VX_ROUND_EV_CENSUS, 2, 0, 2), VX_ROUND_DO_HOLD);
    assert_int_equal(step(&round, VX_ROUND_EV_CENSUS, 2, 2, 0), VX_ROUND_DO_NOTHING);
    assert_int_equal(step(&round, VX_ROUND_EV_DEADLINE, 2, 2, 0), VX_ROUND_DO_NOTHING);
    assert_int_equal(step(&round, VX_ROUND_EV_CENSUS, 3, 2, 1), VX_ROUND_DO_AGGREGATE);
}

static void a_gradient_that_is_in_counts_for_a_worker_that_has_gone(void **state)
{
    vx_round round;

    (void)state;
    vx_round_init(&round, 0, 2, 4, 2);
    vx_round_plan(&round, 3, 3);
    step(&round, VX_ROUND_EV_CENSUS, 3, 0, 3);
    assert_int_equal(step(&round, VX_ROUND_EV_CENSUS, 2, 1, 2), VX_ROUND_DO_NOTHING);
    assert_int_equal(step(&round, VX_ROUND_EV_CENSUS, 2, 3, 0), VX_ROUND_DO_AGGREGATE);
    assert_int_equal(step(&round, VX_ROUND_EV_COMMITTED, 2, 3, 0), VX_ROUND_DO_PUBLISH);
    assert_int_equal(step(&round, VX_ROUND_EV_CENSUS, 2, 0, 2), VX_ROUND_DO_HOLD);
    assert_int_equal(step(&round, VX_ROUND_EV_STOP, 2, 2, 0), VX_ROUND_DO_STOP);
}

static void backup_workers_are_not_waited_for(void **state)
{
    vx_round round;

    (void)state;
    vx_round_init(&round, 0, 2, 4, 2);
    round.enough = 3;
    step(&round, VX_ROUND_EV_CENSUS, 4, 0, 4);
    assert_int_equal(step(&round, VX_ROUND_EV_CENSUS, 4, 2, 2), VX_ROUND_DO_NOTHING);
    assert_int_equal(step(&round, VX_ROUND_EV_CENSUS, 4, 3, 1), VX_ROUND_DO_AGGREGATE);
}

static void a_recorded_round_closes_with_the_recorded_gradients_only(void **state)
{
    vx_round round;

    (void)state;
    vx_round_init(&round, 7, 9, 4, 1);
    assert_int_equal(step(&round, VX_ROUND_EV_CENSUS, 4, 0, 4), VX_ROUND_DO_PUBLISH);
    vx_round_replay(&round, 3);
    assert_int_equal(step(&round, VX_ROUND_EV_CENSUS, 4, 2, 1), VX_ROUND_DO_NOTHING);
    assert_int_equal(step(&round, VX_ROUND_EV_CENSUS, 3, 2, 0), VX_ROUND_DO_HOLD);
    assert_int_equal(step(&round, VX_ROUND_EV_CENSUS, 3, 2, 0), VX_ROUND_DO_NOTHING);
    assert_int_equal(step(&round, VX_ROUND_EV_CENSUS, 4, 2, 1), VX_ROUND_DO_RESUME);
    assert_int_equal(step(&round, VX_ROUND_EV_CENSUS, 4, 3, 0), VX_ROUND_DO_AGGREGATE);
    assert_int_equal(step(&round, VX_ROUND_EV_COMMITTED, 4, 3, 0), VX_ROUND_DO_PUBLISH);
    assert_int_equal(round.needed, 0);
}

static void a_recorded_round_that_cannot_be_made_again_becomes_a_new_one(void **state)
{
    vx_round round;

    (void)state;
    vx_round_init(&round, 7, 9, 4, 2);
    step(&round, VX_ROUND_EV_CENSUS, 4, 0, 4);
    vx_round_replay(&round, 4);
    assert_int_equal(step(&round, VX_ROUND_EV_CENSUS, 3, 3, 0), VX_ROUND_DO_HOLD);
    assert_int_equal(step(&round, VX_ROUND_EV_DEADLINE, 3, 3, 0), VX_ROUND_DO_ABANDON);
    assert_int_equal(round.state, VX_ROUND_COLLECTING);
    assert_int_equal(step(&round, VX_ROUND_EV_CENSUS, 3, 3, 0), VX_ROUND_DO_AGGREGATE);
}

static void a_rewound_run_begins_with_the_earlier_round(void **state)
{
    vx_round round;

    (void)state;
    vx_round_init(&round, 7, 9, 2, 2);
    vx_round_rewind(&round, 4);
    assert_int_equal(step(&round, VX_ROUND_EV_CENSUS, 2, 0, 2), VX_ROUND_DO_PUBLISH);
    assert_int_equal(round.number, 4);
}

static void too_few_finite_gradients_end_the_run(void **state)
{
    vx_round round;

    (void)state;
    vx_round_init(&round, 0, 2, 3, 2);
    step(&round, VX_ROUND_EV_CENSUS, 3, 0, 3);
    assert_int_equal(refuse(&round, 3, 1, 0, 2), VX_ROUND_DO_FAIL);
}

static void one_gradient_that_is_not_finite_and_one_worker_that_is_away_hold_the_round(void **state)
{
    vx_round round;

    (void)state;
    vx_round_init(&round, 0, 2, 4, 3);
    step(&round, VX_ROUND_EV_CENSUS, 4, 0, 4);
    assert_int_equal(refuse(&round, 3, 2, 0, 1), VX_ROUND_DO_HOLD);
    assert_int_equal(refuse(&round, 4, 2, 1, 1), VX_ROUND_DO_RESUME);
    assert_int_equal(refuse(&round, 4, 3, 0, 1), VX_ROUND_DO_AGGREGATE);
}

static void a_round_that_no_worker_can_complete_any_more_ends_the_run(void **state)
{
    vx_round round;

    (void)state;
    vx_round_init(&round, 0, 2, 4, 3);
    step(&round, VX_ROUND_EV_CENSUS, 4, 0, 4);
    assert_int_equal(refuse(&round, 4, 1, 1, 2), VX_ROUND_DO_HOLD);
    assert_int_equal(refuse(&round, 3, 1, 0, 2), VX_ROUND_DO_FAIL);
}

static void a_stop_finishes_the_round_first(void **state)
{
    vx_round round;

    (void)state;
    vx_round_init(&round, 0, 5, 3, 2);
    step(&round, VX_ROUND_EV_CENSUS, 3, 0, 3);
    assert_int_equal(step(&round, VX_ROUND_EV_STOP, 3, 1, 2), VX_ROUND_DO_NOTHING);
    assert_int_equal(step(&round, VX_ROUND_EV_CENSUS, 3, 3, 0), VX_ROUND_DO_AGGREGATE);
    assert_int_equal(step(&round, VX_ROUND_EV_COMMITTED, 3, 3, 0), VX_ROUND_DO_STOP);
    assert_int_equal(round.number, 1);
}

static void a_stop_ends_a_run_that_has_not_begun_or_is_held(void **state)
{
    vx_round round;

    (void)state;
    vx_round_init(&round, 0, 5, 3, 2);
    assert_int_equal(step(&round, VX_ROUND_EV_STOP, 1, 0, 1), VX_ROUND_DO_STOP);
    vx_round_init(&round, 0, 5, 3, 2);
    step(&round, VX_ROUND_EV_CENSUS, 3, 0, 3);
    step(&round, VX_ROUND_EV_CENSUS, 1, 0, 1);
    assert_int_equal(round.state, VX_ROUND_HELD);
    assert_int_equal(step(&round, VX_ROUND_EV_STOP, 1, 0, 1), VX_ROUND_DO_STOP);
}

static void a_failed_aggregation_ends_the_run(void **state)
{
    vx_round round;

    (void)state;
    vx_round_init(&round, 0, 5, 3, 2);
    step(&round, VX_ROUND_EV_CENSUS, 3, 0, 3);
    step(&round, VX_ROUND_EV_CENSUS, 3, 3, 0);
    assert_int_equal(step(&round, VX_ROUND_EV_FAILED, 3, 3, 0), VX_ROUND_DO_FAIL);
}

static void a_run_that_is_complete_already_only_finishes(void **state)
{
    vx_round round;

    (void)state;
    vx_round_init(&round, 5, 5, 3, 2);
    assert_int_equal(step(&round, VX_ROUND_EV_CENSUS, 0, 0, 0), VX_ROUND_DO_FINISH);
}

/* Random events with a consistent census: no aggregation below the quorum, no action after the end.
 */
static void random_events_never_close_a_round_below_the_quorum(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 2000; seed++) {
        vx_rng rng = vx_rng_stream(seed, VX_RNG_TEST, 0, 0);
        size_t slots = 1 + vx_rng_below(&rng, 6);
        vx_round round;

        vx_round_init(&round, 0, 4, slots, 1 + vx_rng_below(&rng, slots));
        for (int i = 0; i < 200; i++) {
            size_t live = vx_rng_below(&rng, slots + 1);
            size_t outstanding = vx_rng_below(&rng, live + 1);
            size_t collected = vx_rng_below(&rng, slots - outstanding + 1);
            bool ended = round.state == VX_ROUND_ENDED;
            vx_round_event_kind kind = (vx_round_event_kind)vx_rng_below(&rng, 60);
            vx_round_action action = VX_ROUND_DO_NOTHING;

            if (kind > VX_ROUND_EV_STOP)
                kind = i % 2 == 0 ? VX_ROUND_EV_CENSUS : VX_ROUND_EV_COMMITTED;
            action = step(&round, kind, live, collected, outstanding);
            if (action == VX_ROUND_DO_AGGREGATE && collected < round.quorum)
                fail_msg("seed %llu closes a round with %zu of %zu", (unsigned long long)seed,
                         collected, round.quorum);
            if (ended)
                assert_int_equal(action, VX_ROUND_DO_NOTHING);
            assert_true(round.number <= round.rounds);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(begins_when_every_slot_is_there),
        cmocka_unit_test(begins_with_the_quorum_after_the_start_timeout),
        cmocka_unit_test(a_round_closes_when_all_have_answered_or_at_the_deadline_with_the_quorum),
        cmocka_unit_test(below_the_quorum_a_round_is_held_until_workers_return),
        cmocka_unit_test(a_held_round_past_its_deadline_closes_as_soon_as_it_has_the_quorum),
        cmocka_unit_test(a_run_with_more_slots_begins_with_the_planned_ones_and_grows),
        cmocka_unit_test(
            with_fewer_workers_than_the_least_a_round_is_held_though_it_has_the_quorum),
        cmocka_unit_test(a_gradient_that_is_in_counts_for_a_worker_that_has_gone),
        cmocka_unit_test(backup_workers_are_not_waited_for),
        cmocka_unit_test(a_recorded_round_closes_with_the_recorded_gradients_only),
        cmocka_unit_test(a_recorded_round_that_cannot_be_made_again_becomes_a_new_one),
        cmocka_unit_test(a_rewound_run_begins_with_the_earlier_round),
        cmocka_unit_test(too_few_finite_gradients_end_the_run),
        cmocka_unit_test(
            one_gradient_that_is_not_finite_and_one_worker_that_is_away_hold_the_round),
        cmocka_unit_test(a_round_that_no_worker_can_complete_any_more_ends_the_run),
        cmocka_unit_test(a_stop_finishes_the_round_first),
        cmocka_unit_test(a_stop_ends_a_run_that_has_not_begun_or_is_held),
        cmocka_unit_test(a_failed_aggregation_ends_the_run),
        cmocka_unit_test(a_run_that_is_complete_already_only_finishes),
        cmocka_unit_test(random_events_never_close_a_round_below_the_quorum),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
