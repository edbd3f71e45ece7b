#include <vx_test/check.h>

#include <stdio.h>
#include <string.h>

#include <vx_base/alloc.h>

#include "hostfile.h"

static vx_cbytes bytes_of(const char *text)
{
    return (vx_cbytes){ (const uint8_t *)text, strlen(text) };
}

static void a_host_file_of_open_mpi_is_read(void **state)
{
    static const char text[] = "# the rack\n"
                               "node1 slots=2\n"
                               "\n"
                               "  user@node2\tslots = 3 max_slots=4 # half of it\r\n"
                               "10.0.0.7 cpus=1\n"
                               "fe80::1 count=4\n"
                               "node1 slots=1";
    vx_ctl_hostfile hosts = { 0 };

    (void)state;
    vx_assert_ok(vx_ctl_hostfile_parse(bytes_of(text), "hosts", &hosts, NULL), NULL);
    assert_int_equal(hosts.count, 4);
    assert_string_equal(hosts.at[0].name, "node1");
    assert_int_equal(hosts.at[0].line, 2);
    assert_string_equal(hosts.at[1].name, "user@node2");
    assert_string_equal(vx_ctl_host_bare(&hosts.at[1]), "node2");
    assert_string_equal(vx_ctl_host_bare(&hosts.at[2]), "10.0.0.7");
    assert_int_equal(hosts.slots, 11);
    assert_true(hosts.counted);
    vx_ctl_hostfile_clear(&hosts);
}

static void a_line_without_slots_leaves_their_number_open(void **state)
{
    vx_ctl_hostfile hosts = { 0 };

    (void)state;
    vx_assert_ok(
        vx_ctl_hostfile_parse(bytes_of("a slots=2\nb max_slots=2\n"), "hosts", &hosts, NULL), NULL);
    assert_int_equal(hosts.slots, 2);
    assert_false(hosts.counted);
    vx_ctl_hostfile_clear(&hosts);
}

static void check_refused(const char *text, vx_status status, const char *message)
{
    vx_ctl_hostfile hosts = { 0 };
    vx_error err = { 0 };

    vx_assert_status(vx_ctl_hostfile_parse(bytes_of(text), "hosts", &hosts, &err), status, NULL);
    assert_string_equal(err.message, message);
    assert_null(hosts.at);
}

static void a_mistake_is_told_with_its_line(void **state)
{
    (void)state;
    check_refused("", VX_ERR_CONFIG,
                  "hosts: there is no host in it; expected 'HOST [slots=N] [max_slots=N]' a line");
    check_refused("# nobody\n\n", VX_ERR_CONFIG,
                  "hosts: there is no host in it; expected 'HOST [slots=N] [max_slots=N]' a line");
    check_refused("a slots=1\nb slits=1\n", VX_ERR_CONFIG,
                  "hosts:2: expected 'HOST [slots=N] [max_slots=N]', found 'b slits=1'");
    check_refused("a 4\n", VX_ERR_CONFIG,
                  "hosts:1: expected 'HOST [slots=N] [max_slots=N]', found 'a 4'");
    check_refused("a slots=\n", VX_ERR_CONFIG,
                  "hosts:1: expected 'HOST [slots=N] [max_slots=N]', found 'a slots='");
    check_refused("^a\n", VX_ERR_CONFIG,
                  "hosts:1: expected 'HOST [slots=N] [max_slots=N]', found '^a'");
    check_refused("-oProxyCommand=x\n", VX_ERR_CONFIG,
                  "hosts:1: expected 'HOST [slots=N] [max_slots=N]', found '-oProxyCommand=x'");
}

static void slots_are_a_number_above_zero(void **state)
{
    static const char *const wrong[] = { "0", "-1", "x", "2x", "1000001", "99999999999999999999" };
    char text[64], message[128];

    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        (void)snprintf(text, sizeof(text), "a slots=%s\n", wrong[i]);
        (void)snprintf(message, sizeof(message),
                       "hosts:1: slots: expected a number from 1 to 1000000, found '%s'", wrong[i]);
        check_refused(text, VX_ERR_CONFIG, message);
    }
}

static void the_form_of_mpich_is_named(void **state)
{
    (void)state;
    check_refused("node7:4\n", VX_ERR_CONFIG,
                  "hosts:1: 'node7:4': HOST:N is the form of MPICH; for mpirun of Open MPI write "
                  "'HOST slots=N'");
}

static void what_is_no_text_or_too_much_is_refused(void **state)
{
    vx_ctl_hostfile hosts = { 0 };
    vx_error err = { 0 };
    char *text = vx_malloc(VX_CTL_HOSTFILE_BYTES + 1);
    size_t at = 0;

    (void)state;
    vx_assert_status(
        vx_ctl_hostfile_parse((vx_cbytes){ (const uint8_t *)"a\0b", 3 }, "hosts", &hosts, &err),
        VX_ERR_CONFIG, NULL);
    assert_string_equal(err.message, "hosts: this is no text");
    memset(text, 'a', VX_CTL_HOSTFILE_BYTES + 1);
    vx_assert_status(
        vx_ctl_hostfile_parse((vx_cbytes){ (const uint8_t *)text, VX_CTL_HOSTFILE_BYTES + 1 },
                              "hosts", &hosts, &err),
        VX_ERR_LIMIT, NULL);
    assert_string_equal(err.message, "hosts: more than 1048576 bytes");
    for (unsigned i = 0; i <= VX_CTL_HOSTS_MAX; i++)
        at += (size_t)snprintf(text + at, 16, "h%u\n", i);
    vx_assert_status(
        vx_ctl_hostfile_parse((vx_cbytes){ (const uint8_t *)text, at }, "hosts", &hosts, &err),
        VX_ERR_LIMIT, NULL);
    assert_string_equal(err.message, "hosts:4097: more than 4096 hosts");
    vx_free(text);
}

static void a_file_that_is_not_there_is_named(void **state)
{
    vx_ctl_hostfile hosts = { 0 };
    vx_error err = { 0 };

    (void)state;
    vx_assert_status(vx_ctl_hostfile_load("/nonexistent/hosts", &hosts, &err), VX_ERR_NOT_FOUND,
                     NULL);
    assert_non_null(strstr(err.message, "/nonexistent/hosts"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_host_file_of_open_mpi_is_read),
        cmocka_unit_test(a_line_without_slots_leaves_their_number_open),
        cmocka_unit_test(a_mistake_is_told_with_its_line),
        cmocka_unit_test(slots_are_a_number_above_zero),
        cmocka_unit_test(the_form_of_mpich_is_named),
        cmocka_unit_test(what_is_no_text_or_too_much_is_refused),
        cmocka_unit_test(a_file_that_is_not_there_is_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
