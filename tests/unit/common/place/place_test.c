#include <vx_test/check.h>

#include <sched.h>
#include <stdio.h>
#include <string.h>

#include <vx_place/place.h>

#define TWO_NODES "numa:2 core:4 pu:2" /* processors 0-7 on node 0, 8-15 on node 1 */

/* Shares that are nobody's own go by "-". */
static void check_shares(const char *machine, const char *cpus, size_t count, uint32_t cores,
                         const char *expected)
{
    char text[1024] = "";
    size_t used = 0;

    for (size_t i = 0; i < count; i++) {
        vx_place place;
        bool own = false;
        vx_error err = { 0 };

        vx_assert_ok(vx_place_share_of(machine, cpus, i, count, &own, &place, &err), &err);
        assert_int_equal(place.cores, cores);
        used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s", i > 0 ? " " : "",
                                 own ? place.cpus : "-");
    }
    assert_string_equal(text, expected);
}

static void cores_are_shared_out_in_the_order_of_the_machine(void **state)
{
    (void)state;
    check_shares(TWO_NODES, NULL, 2, 4, "0-7 8-15");
    check_shares(TWO_NODES, NULL, 4, 2, "0-3 4-7 8-11 12-15");
    check_shares(TWO_NODES, NULL, 8, 1, "0-1 2-3 4-5 6-7 8-9 10-11 12-13 14-15");
    check_shares("package:2 core:2 pu:1", NULL, 4, 1, "0 1 2 3");
}

static void no_share_lies_on_two_nodes_unless_it_must(void **state)
{
    (void)state;
    check_shares(TWO_NODES, NULL, 3, 2, "0-3 4-7 8-11");
    check_shares("numa:3 core:3 pu:1", NULL, 4, 2, "0-1 2-3 4-5 6-7"); /* 3 would be whole only */
    check_shares("numa:3 core:3 pu:1", NULL, 3, 3, "0-2 3-5 6-8");
}

static void fewer_cores_than_workers_are_nobodys_own(void **state)
{
    (void)state;
    check_shares("core:2 pu:2", NULL, 3, 2, "- - -");
    check_shares("core:4 pu:1", NULL, 1, 4, "-");
}

static void what_may_not_be_used_is_in_no_share(void **state)
{
    (void)state;
    check_shares(TWO_NODES, "0-3", 2, 1, "0-1 2-3");
    check_shares(TWO_NODES, "0,2,8,10", 2, 2, "0,2 8,10"); /* a half of each core */
    check_shares(TWO_NODES, "1", 2, 1, "- -");
    check_shares(TWO_NODES, "6-9", 2, 1, "6-7 8-9");
}

static void a_place_knows_its_cores_processors_and_node(void **state)
{
    vx_place place;
    bool own = true;
    vx_error err = { 0 };

    (void)state;
    vx_assert_ok(vx_place_share_of(TWO_NODES, "8-11", 0, 1, &own, &place, &err), &err);
    assert_false(own);
    assert_int_equal(place.cores, 2);
    assert_int_equal(place.processors, 4);
    assert_int_equal(place.node, 1);
    vx_assert_ok(vx_place_share_of(TWO_NODES, NULL, 0, 1, &own, &place, &err), &err);
    assert_int_equal(place.cores, 8);
    assert_int_equal(place.processors, 16);
    assert_int_equal(place.node, -1);
    assert_string_equal(place.cpus, "0-15");
}

static void a_long_list_is_cut_and_a_bad_machine_refused(void **state)
{
    vx_place place;
    bool own = false;
    char odd[2000] = "";

    (void)state;
    for (int i = 1; i < 200; i += 2)
        snprintf(odd + strlen(odd), sizeof(odd) - strlen(odd), "%s%d", i > 1 ? "," : "", i);
    vx_assert_ok(vx_place_share_of("core:200 pu:1", odd, 0, 1, &own, &place, NULL), NULL);
    assert_int_equal(place.cores, 100);
    assert_int_equal(strlen(place.cpus), sizeof(place.cpus) - 1);
    assert_string_equal(place.cpus + sizeof(place.cpus) - 4, "...");
    vx_assert_status(vx_place_share_of("nonsense", NULL, 0, 1, &own, &place, NULL), VX_ERR_CONFIG,
                     NULL);
    vx_assert_status(vx_place_share_of("core:2 pu:1", "x", 0, 1, &own, &place, NULL), VX_ERR_CONFIG,
                     NULL);
    vx_assert_status(vx_place_share_of("core:2 pu:1", "7", 0, 1, &own, &place, NULL), VX_ERR_SYSTEM,
                     NULL);
}

static void this_process_has_the_processors_that_are_left_to_it(void **state)
{
    cpu_set_t all, one;
    vx_place place;
    vx_error err = { 0 };
    char expected[16];
    size_t first = 0;
    bool own = true;

    (void)state;
    assert_int_equal(sched_getaffinity(0, sizeof(all), &all), 0);
    vx_assert_ok(vx_place_here(&place, &err), &err);
    assert_int_equal(place.processors, CPU_COUNT(&all));
    assert_int_equal(vx_place_processors(), CPU_COUNT(&all));
    while (!CPU_ISSET(first, &all))
        first++;
    CPU_ZERO(&one);
    CPU_SET(first, &one);
    assert_int_equal(sched_setaffinity(0, sizeof(one), &one), 0);
    snprintf(expected, sizeof(expected), "%zu", first);
    vx_assert_ok(vx_place_here(&place, &err), &err);
    assert_string_equal(place.cpus, expected);
    assert_int_equal(place.cores, 1);
    assert_int_equal(vx_place_processors(), 1);
    vx_assert_ok(vx_place_share(1, 2, true, &own, &place, &err), &err); /* nothing to share out */
    assert_false(own);
    assert_int_equal(sched_setaffinity(0, sizeof(all), &all), 0);
}

static void a_process_can_be_bound_to_its_share(void **state)
{
    cpu_set_t all;
    vx_place before, share, after;
    bool own = false;

    (void)state;
    assert_int_equal(sched_getaffinity(0, sizeof(all), &all), 0);
    vx_assert_ok(vx_place_here(&before, NULL), NULL);
    if (before.cores < 2)
        skip();
    vx_assert_ok(vx_place_share(1, 2, true, &own, &share, NULL), NULL);
    assert_true(own);
    vx_assert_ok(vx_place_here(&after, NULL), NULL);
    assert_int_equal(after.cores, before.cores / 2);
    assert_string_equal(after.cpus, share.cpus);
    assert_int_equal(sched_setaffinity(0, sizeof(all), &all), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cores_are_shared_out_in_the_order_of_the_machine),
        cmocka_unit_test(no_share_lies_on_two_nodes_unless_it_must),
        cmocka_unit_test(fewer_cores_than_workers_are_nobodys_own),
        cmocka_unit_test(what_may_not_be_used_is_in_no_share),
        cmocka_unit_test(a_place_knows_its_cores_processors_and_node),
        cmocka_unit_test(a_long_list_is_cut_and_a_bad_machine_refused),
        cmocka_unit_test(this_process_has_the_processors_that_are_left_to_it),
        cmocka_unit_test(a_process_can_be_bound_to_its_share),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
