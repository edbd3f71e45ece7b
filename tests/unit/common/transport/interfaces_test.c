#include <vx_test/check.h>
#include <vx_transport/interfaces.h>

#include <stdio.h>
#include <string.h>

#include <vx_base/alloc.h>

#define UP(name, host)                                                                             \
    {                                                                                              \
        name, host, .is_up = true                                                                  \
    }
#define UP6(name, host)                                                                            \
    {                                                                                              \
        name, host, .is_ipv6 = true, .is_up = true                                                 \
    }

static const vx_interface_address machine[] = {
    { "lo", "127.0.0.1", .is_loopback = true, .is_up = true },
    { "lo", "::1", .is_ipv6 = true, .is_loopback = true, .is_up = true },
    { "eth1", "", .is_up = false },
    UP6("ib0", "fd00::5"),
    { "ib0", "fe80::5%ib0", .is_ipv6 = true, .is_link_local = true, .is_up = true },
    UP("eth0", "10.0.0.5"),
    UP("docker0", "172.17.0.1"),
    UP("br-1f2e3d", "172.18.0.1"),
    UP("br0", "192.168.7.1"),
    { "eth0", "169.254.3.4", .is_link_local = true, .is_up = true },
    { "wlan0", "10.9.9.9", .is_up = false },
    UP("ib0", "10.1.0.5"),
    { "p2p0", "fe80::9%p2p0", .is_ipv6 = true, .is_link_local = true, .is_up = true },
};
#define COUNT (sizeof(machine) / sizeof(machine[0]))

static void check_hosts(const size_t *indices, size_t count, const char *expected)
{
    char text[512] = "";
    size_t used = 0;

    for (size_t i = 0; i < count; i++)
        used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s", i > 0 ? " " : "",
                                 machine[indices[i]].host);
    assert_string_equal(text, expected);
}

static void what_others_can_reach_is_told_ipv4_first(void **state)
{
    size_t indices[8];

    (void)state;
    check_hosts(indices, vx_interfaces_reachable(machine, COUNT, true, indices, 8),
                "10.0.0.5 192.168.7.1 10.1.0.5 fd00::5");
    check_hosts(indices, vx_interfaces_reachable(machine, COUNT, false, indices, 8),
                "10.0.0.5 192.168.7.1 10.1.0.5");
    check_hosts(indices, vx_interfaces_reachable(machine, COUNT, true, indices, 2),
                "10.0.0.5 192.168.7.1");
    assert_int_equal(vx_interfaces_reachable(machine, 3, true, indices, 8), 0);
}

static void an_interface_has_its_addresses_ipv4_first(void **state)
{
    size_t indices[8];
    bool known = false;

    (void)state;
    check_hosts(indices, vx_interfaces_of(machine, COUNT, "ib0", indices, 8, &known),
                "10.1.0.5 fd00::5");
    check_hosts(indices, vx_interfaces_of(machine, COUNT, "lo", indices, 8, &known),
                "127.0.0.1 ::1");
    assert_true(known);
    check_hosts(indices, vx_interfaces_of(machine, COUNT, "p2p0", indices, 8, &known),
                "fe80::9%p2p0");
    assert_int_equal(vx_interfaces_of(machine, COUNT, "eth1", indices, 8, &known), 0);
    assert_true(known);
    assert_int_equal(vx_interfaces_of(machine, COUNT, "eth", indices, 8, &known), 0);
    assert_false(known);
}

static void interfaces_of_containers_go_by_their_names(void **state)
{
    (void)state;
    assert_true(vx_interface_is_inward("docker0"));
    assert_true(vx_interface_is_inward("br-0123456789ab"));
    assert_true(vx_interface_is_inward("virbr0"));
    assert_true(vx_interface_is_inward("veth12"));
    assert_false(vx_interface_is_inward("br0"));
    assert_false(vx_interface_is_inward("bond0"));
    assert_false(vx_interface_is_inward("eth0"));
    assert_false(vx_interface_is_inward("ib0"));
}

static void the_list_is_told_an_interface_at_a_time_and_cut(void **state)
{
    char text[256];
    char small[16];

    (void)state;
    assert_string_equal(vx_interfaces_text(machine, 6, text, sizeof(text)),
                        "lo 127.0.0.1 ::1, eth1 (down), ib0 fd00::5 fe80::5%ib0, eth0 10.0.0.5");
    assert_string_equal(vx_interfaces_text(machine, 6, small, sizeof(small)), "lo 127.0.0.1...");
    assert_string_equal(vx_interfaces_text(machine, 0, text, sizeof(text)), "");
}

static void this_machine_has_a_loopback(void **state)
{
    vx_interface_address *list = NULL;
    size_t count = 0;
    bool found = false;
    vx_error err = { 0 };

    (void)state;
    vx_assert_ok(vx_interfaces_list(&list, &count, &err), &err);
    for (size_t i = 0; i < count; i++) {
        found |= list[i].is_loopback;
        if (strcmp(list[i].host, "127.0.0.1") == 0)
            assert_true(list[i].is_loopback && !list[i].is_ipv6 && !list[i].is_link_local);
        if (strcmp(list[i].host, "::1") == 0)
            assert_true(list[i].is_loopback && list[i].is_ipv6);
        if (strncmp(list[i].host, "fe80:", 5) == 0)
            assert_true(list[i].is_link_local && strchr(list[i].host, '%') != NULL);
    }
    assert_true(found);
    vx_free(list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_others_can_reach_is_told_ipv4_first),
        cmocka_unit_test(an_interface_has_its_addresses_ipv4_first),
        cmocka_unit_test(interfaces_of_containers_go_by_their_names),
        cmocka_unit_test(the_list_is_told_an_interface_at_a_time_and_cut),
        cmocka_unit_test(this_machine_has_a_loopback),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
