#include <vx_test/check.h>

#include <vx_base/alloc.h>
#include <vx_base/rng.h>
#include <vx_roster/roster.h>

static void a_join_is_a_new_incarnation(void **state)
{
    vx_roster roster;

    (void)state;
    vx_assert_ok(vx_roster_create(2, &roster), NULL);
    assert_int_equal(vx_roster_join(&roster, 1, 5), 1);
    assert_int_equal(roster.live, 1);
    assert_int_equal(roster.outstanding, 1);
    vx_roster_part(&roster, 1, VX_SLOT_LOST);
    assert_int_equal(roster.live, 0);
    assert_int_equal(vx_roster_join(&roster, 1, 9), 2);
    assert_int_equal(roster.slots[0].incarnation, 0);
    vx_roster_destroy(&roster);
}

static void a_gradient_is_judged_by_its_round(void **state)
{
    vx_roster roster;

    (void)state;
    vx_assert_ok(vx_roster_create(1, &roster), NULL);
    vx_roster_join(&roster, 0, 0);
    vx_roster_begin_round(&roster, NULL);
    assert_int_equal(vx_roster_judge(&roster, 0, 4, 4, true), VX_JUDGED_ACCEPTED);
    assert_int_equal(vx_roster_judge(&roster, 0, 5, 4, true), VX_JUDGED_MALFORMED);
    assert_int_equal(vx_roster_judge(&roster, 0, 3, 4, true), VX_JUDGED_LATE);
    assert_int_equal(vx_roster_judge(&roster, 0, 2, 4, true), VX_JUDGED_STALE);
    assert_int_equal(vx_roster_judge(&roster, 0, 4, 4, false), VX_JUDGED_LATE);
    vx_roster_charge(&roster, 0, 4, VX_JUDGED_ACCEPTED);
    assert_int_equal(vx_roster_judge(&roster, 0, 4, 4, true), VX_JUDGED_DUPLICATE);
    assert_int_equal(vx_roster_judge(&roster, 0, 4, 5, true), VX_JUDGED_DUPLICATE);
    assert_int_equal(vx_roster_judge(&roster, 0, 3, 5, true), VX_JUDGED_STALE);
    vx_roster_destroy(&roster);
}

static void a_gradient_that_is_not_finite_answers_the_round_but_is_absent(void **state)
{
    vx_roster roster;

    (void)state;
    vx_assert_ok(vx_roster_create(2, &roster), NULL);
    vx_roster_join(&roster, 0, 0);
    vx_roster_join(&roster, 1, 0);
    vx_roster_begin_round(&roster, NULL);
    vx_roster_charge(&roster, 0, 0, VX_JUDGED_NONFINITE);
    assert_int_equal(roster.collected, 0);
    assert_int_equal(roster.outstanding, 1);
    vx_roster_charge(&roster, 1, 0, VX_JUDGED_ACCEPTED);
    assert_int_equal(roster.collected, 1);
    assert_int_equal(roster.outstanding, 0);
    vx_roster_destroy(&roster);
}

static void
a_gradient_stays_in_when_its_worker_dies_and_is_a_duplicate_when_it_comes_again(void **state)
{
    vx_roster roster;

    (void)state;
    vx_assert_ok(vx_roster_create(2, &roster), NULL);
    vx_roster_join(&roster, 0, 0);
    vx_roster_begin_round(&roster, NULL);
    vx_roster_charge(&roster, 0, 0, VX_JUDGED_ACCEPTED);
    vx_roster_part(&roster, 0, VX_SLOT_LOST);
    assert_int_equal(roster.collected, 1);
    vx_roster_join(&roster, 0, 1);
    assert_int_equal(roster.outstanding, 0);
    assert_int_equal(vx_roster_judge(&roster, 0, 0, 0, true), VX_JUDGED_DUPLICATE);
    vx_roster_destroy(&roster);
}

static void a_slot_that_is_not_expected_owes_nothing_until_it_is(void **state)
{
    vx_roster roster;

    (void)state;
    vx_assert_ok(vx_roster_create(2, &roster), NULL);
    vx_roster_begin_round(&roster, (const bool[]){ true, false });
    vx_roster_join(&roster, 0, 0);
    vx_roster_join(&roster, 1, 0);
    assert_int_equal(roster.outstanding, 1);
    assert_int_equal(vx_roster_judge(&roster, 1, 4, 4, true), VX_JUDGED_OVER_QUOTA);
    vx_roster_expect(&roster, 1, true);
    assert_int_equal(roster.outstanding, 2);
    assert_int_equal(vx_roster_judge(&roster, 1, 4, 4, true), VX_JUDGED_ACCEPTED);
    vx_roster_destroy(&roster);
}

static void an_older_gradient_enters_once_while_the_slot_owes_one(void **state)
{
    vx_roster roster;

    (void)state;
    vx_assert_ok(vx_roster_create(2, &roster), NULL);
    roster.staleness = 2;
    vx_roster_join(&roster, 0, 0);
    vx_roster_begin_round(&roster, NULL);
    assert_int_equal(vx_roster_judge(&roster, 0, 6, 9, true), VX_JUDGED_STALE);
    assert_int_equal(vx_roster_judge(&roster, 0, 7, 9, false), VX_JUDGED_STALE);
    assert_int_equal(vx_roster_judge(&roster, 0, 7, 9, true), VX_JUDGED_ACCEPTED);
    vx_roster_charge(&roster, 0, 7, VX_JUDGED_ACCEPTED);
    assert_int_equal(roster.collected, 1);
    assert_int_equal(vx_roster_judge(&roster, 0, 7, 9, true), VX_JUDGED_DUPLICATE);
    assert_int_equal(vx_roster_judge(&roster, 0, 9, 9, true), VX_JUDGED_DUPLICATE);
    vx_roster_commit_round(&roster, 9);
    assert_int_equal(roster.slots[0].entered, 8);
    vx_roster_begin_round(&roster, NULL);
    assert_int_equal(vx_roster_judge(&roster, 0, 7, 10, true), VX_JUDGED_DUPLICATE);
    assert_int_equal(vx_roster_judge(&roster, 0, 9, 10, true), VX_JUDGED_ACCEPTED);
    vx_roster_destroy(&roster);
}

static void what_was_drawn_from_other_shards_is_stale(void **state)
{
    vx_roster roster;

    (void)state;
    vx_assert_ok(vx_roster_create(1, &roster), NULL);
    roster.staleness = 5;
    vx_roster_join(&roster, 0, 0);
    vx_roster_begin_round(&roster, NULL);
    roster.slots[0].draws_since = 8;
    assert_int_equal(vx_roster_judge(&roster, 0, 7, 9, true), VX_JUDGED_STALE);
    assert_int_equal(vx_roster_judge(&roster, 0, 8, 9, true), VX_JUDGED_ACCEPTED);
    assert_int_equal(vx_roster_judge(&roster, 0, 9, 9, true), VX_JUDGED_ACCEPTED);
    vx_roster_destroy(&roster);
}

static void what_entered_before_this_start_of_the_server_is_stale(void **state)
{
    vx_roster roster;

    (void)state;
    vx_assert_ok(vx_roster_create(1, &roster), NULL);
    roster.staleness = 5;
    roster.slots[0].entered = 9; /* its gradient of round 8, says the ledger */
    vx_roster_join(&roster, 0, 0);
    vx_roster_begin_round(&roster, NULL);
    assert_int_equal(vx_roster_judge(&roster, 0, 8, 9, true), VX_JUDGED_STALE);
    assert_int_equal(vx_roster_judge(&roster, 0, 9, 9, true), VX_JUDGED_ACCEPTED);
    vx_roster_destroy(&roster);
}

static void received_is_always_the_sum_of_the_judgements(void **state)
{
    vx_rng rng = vx_rng_stream(7, VX_RNG_TEST, 0, 0);
    vx_roster roster;
    uint64_t current = 0;

    (void)state;
    vx_assert_ok(vx_roster_create(3, &roster), NULL);
    for (uint32_t i = 0; i < 3; i++)
        vx_roster_join(&roster, i, 0);
    for (int i = 0; i < 5000; i++) {
        size_t slot = vx_rng_below(&rng, 3);
        uint64_t round = vx_rng_below(&rng, current + 2);
        uint64_t sum = 0;

        if (vx_rng_below(&rng, 10) == 0) {
            current++;
            vx_roster_begin_round(&roster, NULL);
        }
        vx_roster_charge(&roster, slot, round,
                         vx_roster_judge(&roster, slot, round, current, true));
        for (int k = 0; k < VX_JUDGED_MAX; k++)
            sum += roster.slots[slot].judged[k];
        assert_int_equal(sum, roster.slots[slot].received);
        assert_true(roster.slots[slot].judged[VX_JUDGED_ACCEPTED] <= current + 1);
    }
    vx_roster_destroy(&roster);
}

static void create_survives_the_failure_of_every_allocation(void **state)
{
    vx_roster roster = { 0 };
    int k = 0;

    (void)state;
    for (vx_status status = VX_ERR_NOMEM; status != VX_OK; k++) {
        int left = k;

        vx_alloc_set_hook(vx_test_fail_at_zero, &left);
        status = vx_roster_create(4, &roster);
        vx_alloc_set_hook(NULL, NULL);
        assert_true(status == VX_OK || (status == VX_ERR_NOMEM && roster.slots == NULL));
    }
    assert_int_equal(k, 2);
    vx_roster_destroy(&roster);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_join_is_a_new_incarnation),
        cmocka_unit_test(a_gradient_is_judged_by_its_round),
        cmocka_unit_test(a_gradient_that_is_not_finite_answers_the_round_but_is_absent),
        cmocka_unit_test(
            a_gradient_stays_in_when_its_worker_dies_and_is_a_duplicate_when_it_comes_again),
        cmocka_unit_test(an_older_gradient_enters_once_while_the_slot_owes_one),
        cmocka_unit_test(what_entered_before_this_start_of_the_server_is_stale),
        cmocka_unit_test(what_was_drawn_from_other_shards_is_stale),
        cmocka_unit_test(a_slot_that_is_not_expected_owes_nothing_until_it_is),
        cmocka_unit_test(received_is_always_the_sum_of_the_judgements),
        cmocka_unit_test(create_survives_the_failure_of_every_allocation),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
