#include "ledger_sample.h"

static void a_round_takes_the_place_of_its_record_and_of_those_behind_it(void **state)
{
    vx_ledger *ledger = open_sample(*state, VX_LEDGER_FULL);
    vx_bytes none = { NULL, 0 };
    vx_ledger_slot slots[SAMPLE_SLOTS_MAX];
    vx_ledger_round other;
    vx_ledger_round found;

    for (uint64_t round = 10; round < 20; round++)
        commit_sample(ledger, round, 5000);
    other = *sample(12, 5000);
    other.epoch++;
    vx_assert_ok(vx_ledger_replace(ledger, &other, NULL), NULL);
    vx_ledger_close(ledger);
    ledger = open_sample(*state, VX_LEDGER_FULL);
    vx_assert_ok(read_sample(ledger, 11, 5000, NULL), NULL);
    vx_assert_ok(vx_ledger_read(ledger, 12, slots, SAMPLE_SLOTS_MAX, none, &found, NULL), NULL);
    assert_int_equal(found.epoch, other.epoch);
    vx_assert_status(vx_ledger_read(ledger, 13, slots, SAMPLE_SLOTS_MAX, none, &found, NULL),
                     VX_ERR_NOT_FOUND, NULL);
    commit_sample(ledger, 13, 5000);
    vx_ledger_close(ledger);
}

static void a_round_of_no_record_is_replaced_by_the_next_one_only(void **state)
{
    vx_ledger *ledger = open_sample(*state, VX_LEDGER_ROUNDS);

    vx_assert_ok(vx_ledger_replace(ledger, sample(10, 0), NULL), NULL);
    vx_assert_ok(vx_ledger_replace(ledger, sample(11, 0), NULL), NULL);
    vx_assert_status(vx_ledger_replace(ledger, sample(9, 0), NULL), VX_ERR_DOMAIN, NULL);
    vx_assert_status(vx_ledger_replace(ledger, sample(13, 0), NULL), VX_ERR_DOMAIN, NULL);
    expect_samples(ledger, 10, 12, 0);
    vx_ledger_close(ledger);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            a_round_takes_the_place_of_its_record_and_of_those_behind_it, vx_test_folder_setup,
            vx_test_folder_teardown),
        cmocka_unit_test_setup_teardown(a_round_of_no_record_is_replaced_by_the_next_one_only,
                                        vx_test_folder_setup, vx_test_folder_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
