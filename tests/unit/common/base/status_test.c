#include <vx_base/status.h>
#include <vx_test/check.h>

#include <string.h>

static void only_success_exits_with_zero(void **state)
{
    (void)state;
    assert_int_equal(vx_status_exit_code(VX_OK), 0);
    for (int status = VX_OK + 1; status < VX_STATUS_MAX; status++) {
        int code = vx_status_exit_code((vx_status)status);

        assert_in_range(code, 1, 125); /* a shell uses 126 and above for itself */
    }
}

/* The numbers of <sysexits.h>. */
static void exit_codes_are_the_documented_ones(void **state)
{
    (void)state;
    assert_int_equal(vx_status_exit_code(VX_ERR_USAGE), 2);
    assert_int_equal(vx_status_exit_code(VX_ERR_DATA), 65);
    assert_int_equal(vx_status_exit_code(VX_ERR_NOT_FOUND), 66);
    assert_int_equal(vx_status_exit_code(VX_ERR_UNAVAILABLE), 69);
    assert_int_equal(vx_status_exit_code(VX_ERR_SYSTEM), 71);
    assert_int_equal(vx_status_exit_code(VX_ERR_BUSY), 73);
    assert_int_equal(vx_status_exit_code(VX_ERR_IO), 74);
    assert_int_equal(vx_status_exit_code(VX_ERR_SPACE), 74);
    assert_int_equal(vx_status_exit_code(VX_ERR_INTERRUPTED), 75);
    assert_int_equal(vx_status_exit_code(VX_ERR_PROTOCOL), 76);
    assert_int_equal(vx_status_exit_code(VX_ERR_REFUSED), 77);
    assert_int_equal(vx_status_exit_code(VX_ERR_CONFIG), 78);
}

static void every_status_has_a_name_and_a_text(void **state)
{
    (void)state;
    assert_string_equal(vx_status_name(VX_ERR_IO), "VX_ERR_IO");
    assert_string_equal(vx_status_text(VX_ERR_IO), "input or output failed");
    for (int status = VX_OK; status < VX_STATUS_MAX; status++) {
        assert_int_equal(strncmp(vx_status_name((vx_status)status), "VX_", 3), 0);
        assert_true(strlen(vx_status_text((vx_status)status)) > 0);
    }
}

static void a_number_that_is_no_status_is_named_so(void **state)
{
    (void)state;
    assert_string_equal(vx_status_name(VX_STATUS_MAX), "VX_STATUS_UNKNOWN");
    assert_string_equal(vx_status_text((vx_status)1000), "unknown status");
    assert_int_equal(vx_status_exit_code((vx_status)1000), 70);
}

static void fail_fills_the_error_and_returns_the_code(void **state)
{
    vx_error err = { 0 };
    int line = __LINE__ + 1;
    vx_status status = vx_fail(&err, VX_ERR_CONFIG, "quorum %u of %u", 9u, 8u);

    (void)state;
    assert_int_equal(status, VX_ERR_CONFIG);
    assert_int_equal(err.code, VX_ERR_CONFIG);
    assert_int_equal(err.line, line);
    assert_non_null(strstr(err.file, "status_test.c"));
    assert_string_equal(err.message, "quorum 9 of 8");
}

static void fail_takes_no_error(void **state)
{
    (void)state;
    assert_int_equal(vx_fail(NULL, VX_ERR_IO, "%s", "x"), VX_ERR_IO);
}

static void a_message_is_one_line_whatever_it_quotes(void **state)
{
    vx_error err;

    (void)state;
    vx_fail(&err, VX_ERR_IO, "cannot read %s", "a\nb\033[1m\177c");
    assert_string_equal(err.message, "cannot read a b [1m c");
}

static void a_long_message_is_cut(void **state)
{
    vx_error err;
    char text[1000];

    (void)state;
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    vx_fail(&err, VX_ERR_IO, "%s", text);
    assert_int_equal(strlen(err.message), sizeof(err.message) - 1);
    vx_error_prefix(&err, "checkpoint %d", 7);
    assert_int_equal(strlen(err.message), sizeof(err.message) - 1);
    assert_int_equal(strncmp(err.message, "checkpoint 7: xxx", 17), 0);
    vx_error_prefix(&err, "%s", text);
    assert_int_equal(strlen(err.message), sizeof(err.message) - 1);
}

static void a_prefix_keeps_code_and_place(void **state)
{
    vx_error err;
    int line = __LINE__ + 1;
    vx_status first = vx_fail(&err, VX_ERR_DATA, "row 3 is short");
    vx_status second = vx_error_prefix(&err, "shard %d", 2);

    (void)state;
    assert_int_equal(first, second);
    assert_int_equal(err.line, line);
    assert_string_equal(err.message, "shard 2: row 3 is short");
}

static void a_message_can_quote_itself(void **state)
{
    vx_error err;

    (void)state;
    vx_fail(&err, VX_ERR_DATA, "inner");
    vx_fail(&err, VX_ERR_CONFIG, "outer: %s", err.message);
    assert_string_equal(err.message, "outer: inner");
    assert_int_equal(err.code, VX_ERR_CONFIG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_success_exits_with_zero),
        cmocka_unit_test(exit_codes_are_the_documented_ones),
        cmocka_unit_test(every_status_has_a_name_and_a_text),
        cmocka_unit_test(a_number_that_is_no_status_is_named_so),
        cmocka_unit_test(fail_fills_the_error_and_returns_the_code),
        cmocka_unit_test(fail_takes_no_error),
        cmocka_unit_test(a_message_is_one_line_whatever_it_quotes),
        cmocka_unit_test(a_long_message_is_cut),
        cmocka_unit_test(a_prefix_keeps_code_and_place),
        cmocka_unit_test(a_message_can_quote_itself),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
