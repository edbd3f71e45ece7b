#include <vx_base/descriptors.h>
#include <vx_base/file.h>
#include <vx_test/check.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

static struct rlimit limit_now(void)
{
    struct rlimit limit;

    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    return limit;
}

static void an_error_of_descriptors_names_the_limit(void **state)
{
    struct rlimit old = limit_now();
    struct rlimit low = { 3, old.rlim_max };
    char text[VX_ERRNO_TEXT_SIZE];
    vx_bytes content = { NULL, 0 };
    vx_error err = { 0 };
    vx_status status = VX_OK;

    (void)state;
    assert_string_equal(vx_errno_text(EACCES, text), strerror(EACCES));
    assert_non_null(strstr(vx_errno_text(ENFILE, text), "fs.file-max"));
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
    status = vx_file_read("/proc/self/status", 100000, &content, &err);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
    assert_int_equal(status, VX_ERR_SYSTEM);
    assert_string_equal(err.message,
                        "cannot open /proc/self/status: Too many open files: 3 in this "
                        "process (ulimit -n)");
}

static void the_own_limit_is_raised_as_far_as_it_may(void **state)
{
    struct rlimit old = limit_now();
    struct rlimit low = { 64, old.rlim_max };

    (void)state;
    assert_true(old.rlim_max > 128);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
    assert_int_equal(vx_descriptors_raise(100), 100);
    assert_int_equal(limit_now().rlim_cur, 100);
    assert_int_equal(vx_descriptors_raise(50), 100); /* never lowered */
    assert_int_equal(limit_now().rlim_cur, 100);
    assert_int_equal(limit_now().rlim_max, old.rlim_max);
    if (old.rlim_max < UINT32_MAX)
        assert_int_equal(vx_descriptors_raise(old.rlim_max + 1), old.rlim_max);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_error_of_descriptors_names_the_limit),
        cmocka_unit_test(the_own_limit_is_raised_as_far_as_it_may),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
