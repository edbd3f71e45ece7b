#include <vx_test/check.h>

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <vx_base/alloc.h>
#include <vx_base/file.h>
#include <vx_base/program.h>

static void assert_is(char *found, const char *expected)
{
    if (expected == NULL)
        assert_null(found);
    else
        assert_string_equal(found, expected);
    vx_free(found);
}

static void a_program_is_found_beside_us(void **state)
{
    char *own = vx_program_beside("unit_program_test");

    (void)state;
    assert_non_null(own);
    assert_int_equal(own[0], '/');
    assert_string_equal(vx_path_name(own), "unit_program_test");
    assert_is(vx_program_or_name("unit_program_test"), own);
    vx_free(own);
    assert_is(vx_program_beside("no-such-program"), NULL);
    assert_is(vx_program_or_name("no-such-program"), "no-such-program");
}

static void a_program_is_found_in_the_first_folder_of_path_that_may_run_it(void **state)
{
    char *folder = *state;
    char *path = vx_path_join(folder, "there");
    char *list = vx_format("/no/such/folder:%s:/usr/bin", folder);

    vx_assert_ok(
        vx_file_replace(path, (vx_cbytes){ (const uint8_t *)"#!/bin/sh\n", 10 }, 0755, NULL), NULL);
    assert_int_equal(setenv("PATH", list, 1), 0);
    assert_is(vx_program_in_path("there"), path);
    assert_is(vx_program_in_path("env"), "/usr/bin/env");
    assert_is(vx_program_in_path("no-such-program"), NULL);
    assert_int_equal(chmod(path, 0644), 0);
    assert_is(vx_program_in_path("there"), NULL);
    assert_int_equal(unsetenv("PATH"), 0);
    assert_is(vx_program_in_path("env"), NULL);
    vx_free(list);
    vx_free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_program_is_found_beside_us),
        cmocka_unit_test_setup_teardown(
            a_program_is_found_in_the_first_folder_of_path_that_may_run_it, vx_test_folder_setup,
            vx_test_folder_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
