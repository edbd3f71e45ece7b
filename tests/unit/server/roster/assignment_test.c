#include <vx_test/check.h>

#include <vx_base/alloc.h>
#include <vx_base/rng.h>
#include <vx_roster/assignment.h>

#include <string.h>

#define SLOTS 9
#define L     VX_PRESENCE_LIVE
#define A     VX_PRESENCE_AWAY
#define O     VX_PRESENCE_OVERDUE

static vx_assignment assignment_of(size_t count)
{
    vx_assignment assignment;

    vx_assert_ok(vx_assignment_create(count, &assignment), NULL);
    return assignment;
}

static void expect_owners(const vx_assignment *assignment, const uint32_t *owners)
{
    for (size_t i = 0; i < assignment->count; i++)
        assert_int_equal(assignment->slots[i].owner, owners[i]);
}

static void a_slot_has_its_own_shard_while_it_is_waited_for(void **state)
{
    static const vx_presence slots[4] = { L, A, L, A };
    vx_assignment assignment = assignment_of(4);
    vx_shard_move moves[4];
    uint32_t shards[4];

    (void)state;
    assert_int_equal(vx_assignment_border(&assignment, slots, moves), 0);
    expect_owners(&assignment, (const uint32_t[]){ 0, 1, 2, 3 });
    assert_int_equal(vx_assignment_shards(&assignment, 2, shards), 1);
    assert_int_equal(shards[0], 2);
    assert_int_equal(assignment.reassigned, 0);
    vx_assignment_destroy(&assignment);
}

static void the_shards_of_overdue_slots_go_evenly_to_the_live_ones_the_lowest_first(void **state)
{
    static const vx_presence slots[7] = { O, L, O, L, O, A, O };
    vx_assignment assignment = assignment_of(7);
    vx_shard_move moves[7];
    uint32_t shards[7];

    (void)state;
    assert_int_equal(vx_assignment_border(&assignment, slots, moves), 4);
    expect_owners(&assignment, (const uint32_t[]){ 1, 1, 3, 3, 1, 5, 3 });
    assert_int_equal(moves[0].shard, 0);
    assert_int_equal(moves[0].from, 0);
    assert_int_equal(moves[0].to, 1);
    assert_int_equal(assignment.reassigned, 4);
    assert_int_equal(vx_assignment_shards(&assignment, 3, shards), 3);
    assert_memory_equal(shards, ((const uint32_t[]){ 2, 3, 6 }), 3 * sizeof(*shards));
    assert_false(vx_assignment_has_any(&assignment, 0));
    assert_int_equal(vx_assignment_border(&assignment, slots, moves), 0);
    vx_assignment_destroy(&assignment);
}

static void a_slot_that_is_live_again_takes_its_own_shard_and_no_other(void **state)
{
    static const vx_presence before[4] = { L, L, O, O };
    static const vx_presence after[4] = { L, L, L, O };
    vx_assignment assignment = assignment_of(4);
    vx_shard_move moves[4];
    uint64_t version = 0;

    (void)state;
    vx_assignment_border(&assignment, before, moves);
    expect_owners(&assignment, (const uint32_t[]){ 0, 1, 0, 1 });
    version = assignment.slots[1].version;
    assert_int_equal(vx_assignment_border(&assignment, after, moves), 1);
    expect_owners(&assignment, (const uint32_t[]){ 0, 1, 2, 1 });
    assert_int_equal(moves[0].shard, 2);
    assert_int_equal(moves[0].from, 0);
    assert_int_equal(moves[0].to, 2);
    assert_int_equal(assignment.slots[1].version, version);
    assert_int_equal(assignment.reassigned, 2);
    vx_assignment_destroy(&assignment);
}

static void what_a_slot_had_taken_over_waits_with_it_and_moves_with_it(void **state)
{
    static const vx_presence first[4] = { L, L, L, O };
    static const vx_presence away[4] = { A, L, L, O };
    static const vx_presence overdue[4] = { O, L, L, O };
    vx_assignment assignment = assignment_of(4);
    vx_shard_move moves[4];

    (void)state;
    vx_assignment_border(&assignment, first, moves);
    expect_owners(&assignment, (const uint32_t[]){ 0, 1, 2, 0 });
    assert_int_equal(vx_assignment_border(&assignment, away, moves), 0);
    assert_int_equal(vx_assignment_border(&assignment, overdue, moves), 2);
    expect_owners(&assignment, (const uint32_t[]){ 1, 1, 2, 2 });
    vx_assignment_destroy(&assignment);
}

static void while_nobody_is_live_nothing_moves(void **state)
{
    static const vx_presence slots[3] = { O, O, A };
    vx_assignment assignment = assignment_of(3);
    vx_shard_move moves[3];

    (void)state;
    assert_int_equal(vx_assignment_border(&assignment, slots, moves), 0);
    expect_owners(&assignment, (const uint32_t[]){ 0, 1, 2 });
    vx_assignment_destroy(&assignment);
}

static void a_lent_shard_is_drawn_twice_until_the_next_border(void **state)
{
    static const vx_presence before[3] = { L, L, O };
    static const vx_presence after[3] = { L, L, L };
    vx_assignment assignment = assignment_of(3);
    vx_shard_move moves[3];
    uint32_t shards[3];

    (void)state;
    vx_assignment_border(&assignment, before, moves);
    assert_int_equal(vx_assignment_shards(&assignment, 2, shards), 0);
    vx_assignment_lend(&assignment, 2);
    assert_true(vx_assignment_has_any(&assignment, 2));
    assert_int_equal(vx_assignment_shards(&assignment, 2, shards), 1);
    assert_int_equal(shards[0], 2);
    assert_int_equal(vx_assignment_shards(&assignment, 0, shards), 2);
    assert_int_equal(vx_assignment_border(&assignment, before, moves), 0);
    assert_false(vx_assignment_has_any(&assignment, 2));
    vx_assignment_lend(&assignment, 2);
    assert_int_equal(vx_assignment_border(&assignment, after, moves), 1);
    assert_int_equal(vx_assignment_shards(&assignment, 0, shards), 1);
    vx_assignment_destroy(&assignment);
}

static void shards_that_no_included_slot_drew_from_are_counted(void **state)
{
    static const vx_presence slots[4] = { L, L, O, A };
    vx_assignment assignment = assignment_of(4);
    vx_shard_move moves[4];

    (void)state;
    vx_assignment_commit_round(&assignment, (const bool[]){ true, true, false, false });
    vx_assignment_border(&assignment, slots, moves); /* 2 goes to slot 0 */
    vx_assignment_commit_round(&assignment, (const bool[]){ true, true, false, false });
    vx_assignment_commit_round(&assignment, (const bool[]){ false, true, false, false });
    vx_assignment_lend(&assignment, 2);
    vx_assignment_commit_round(&assignment, (const bool[]){ false, true, true, false });
    assert_int_equal(assignment.slots[0].idle_rounds, 2);
    assert_int_equal(assignment.slots[1].idle_rounds, 0);
    assert_int_equal(assignment.slots[2].idle_rounds, 2);
    assert_int_equal(assignment.slots[3].idle_rounds, 4);
    vx_assignment_destroy(&assignment);
}

/* What the header promises of a border, whatever came before. */
static void expect_border(const vx_assignment *before, const vx_assignment *after,
                          const vx_presence *slots, size_t moves)
{
    size_t loads[SLOTS] = { 0 };
    size_t moved = 0;
    bool any_live = false;

    for (size_t i = 0; i < SLOTS; i++)
        any_live |= slots[i] == VX_PRESENCE_LIVE;
    for (size_t i = 0; i < SLOTS; i++) {
        uint32_t was = before->slots[i].owner;
        uint32_t is = after->slots[i].owner;
        bool back = slots[i] == VX_PRESENCE_LIVE && was != i;

        loads[is]++;
        moved += was != is;
        assert_true(!any_live || slots[is] != VX_PRESENCE_OVERDUE);
        assert_true(slots[i] != VX_PRESENCE_LIVE || is == i);
        if (was != is)
            assert_true(any_live && (back || slots[was] == VX_PRESENCE_OVERDUE));
    }
    assert_int_equal(moved, moves);
    for (size_t i = 0; i < SLOTS; i++) {
        uint32_t shards[SLOTS];

        assert_int_equal(loads[i], after->slots[i].load);
        assert_int_equal(vx_assignment_shards(after, i, shards), loads[i]);
        if (memcmp(&before->slots[i].load, &after->slots[i].load, sizeof(size_t)) != 0)
            assert_true(after->slots[i].version > before->slots[i].version);
    }
}

static void every_border_keeps_one_owner_a_shard_and_moves_no_more_than_it_must(void **state)
{
    vx_rng rng = vx_rng_stream(11, VX_RNG_TEST, 0, 0);
    vx_assignment one = assignment_of(SLOTS);
    vx_assignment other = assignment_of(SLOTS);

    (void)state;
    for (int i = 0; i < 20000; i++) {
        vx_assigned copy[SLOTS];
        vx_assignment before = { .count = SLOTS, .slots = copy };
        vx_presence slots[SLOTS];
        vx_shard_move moves[SLOTS];
        vx_shard_move same[SLOTS];
        size_t count = 0;

        for (size_t k = 0; k < SLOTS; k++)
            slots[k] = (vx_presence)vx_rng_below(&rng, 3);
        memcpy(copy, one.slots, sizeof(copy));
        count = vx_assignment_border(&one, slots, moves);
        expect_border(&before, &one, slots, count);
        assert_int_equal(vx_assignment_border(&other, slots, same), count);
        assert_memory_equal(moves, same, count * sizeof(*moves));
        assert_int_equal(vx_assignment_border(&one, slots, moves), 0);
    }
    vx_assignment_destroy(&one);
    vx_assignment_destroy(&other);
}

static void a_recorded_assignment_is_taken_up_as_it_is(void **state)
{
    static const uint32_t owners[4] = { 0, 1, 0, 1 };
    static const vx_presence slots[4] = { L, L, A, L };
    vx_assignment assignment = assignment_of(4);
    vx_shard_move moves[4];
    uint64_t version = 0;

    (void)state;
    vx_assignment_restore(&assignment, owners);
    expect_owners(&assignment, owners);
    assert_int_equal(assignment.reassigned, 0);
    version = assignment.slots[0].version;
    vx_assignment_restore(&assignment, owners);
    assert_int_equal(assignment.slots[0].version, version);
    assert_int_equal(vx_assignment_border(&assignment, slots, moves), 1);
    expect_owners(&assignment, (const uint32_t[]){ 0, 1, 0, 3 });
    vx_assignment_destroy(&assignment);
}

static void create_survives_the_failure_of_every_allocation(void **state)
{
    vx_assignment assignment = { 0 };
    int k = 0;

    (void)state;
    for (vx_status status = VX_ERR_NOMEM; status != VX_OK; k++) {
        int left = k;

        vx_alloc_set_hook(vx_test_fail_at_zero, &left);
        status = vx_assignment_create(4, &assignment);
        vx_alloc_set_hook(NULL, NULL);
        assert_true(status == VX_OK || (status == VX_ERR_NOMEM && assignment.slots == NULL));
    }
    assert_int_equal(k, 2);
    vx_assignment_destroy(&assignment);
    vx_assignment_destroy(&assignment);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_slot_has_its_own_shard_while_it_is_waited_for),
        cmocka_unit_test(the_shards_of_overdue_slots_go_evenly_to_the_live_ones_the_lowest_first),
        cmocka_unit_test(a_slot_that_is_live_again_takes_its_own_shard_and_no_other),
        cmocka_unit_test(what_a_slot_had_taken_over_waits_with_it_and_moves_with_it),
        cmocka_unit_test(while_nobody_is_live_nothing_moves),
        cmocka_unit_test(a_lent_shard_is_drawn_twice_until_the_next_border),
        cmocka_unit_test(shards_that_no_included_slot_drew_from_are_counted),
        cmocka_unit_test(every_border_keeps_one_owner_a_shard_and_moves_no_more_than_it_must),
        cmocka_unit_test(a_recorded_assignment_is_taken_up_as_it_is),
        cmocka_unit_test(create_survives_the_failure_of_every_allocation),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
