#include <vx_test/check.h>

#include <string.h>

#include <vx_base/alloc.h>

#include "argv.h"

static void words_are_kept_in_order_and_end_with_null(void **state)
{
    vx_ctl_argv argv = { 0 };

    (void)state;
    for (int i = 0; i < 100; i++)
        vx_ctl_argv_format(&argv, "word-%d", i);
    vx_assert_ok(vx_ctl_argv_status(&argv, NULL), NULL);
    assert_int_equal(argv.count, 100);
    assert_string_equal(argv.at[0], "word-0");
    assert_string_equal(argv.at[99], "word-99");
    assert_null(argv.at[100]);
    vx_ctl_argv_clear(&argv);
    assert_int_equal(argv.count, 0);
}

static void a_shell_reads_the_quoted_words_back(void **state)
{
    vx_ctl_argv argv = { 0 };
    char *text = NULL;

    (void)state;
    vx_ctl_argv_add(&argv, "vexil");
    vx_ctl_argv_add(&argv, "--set");
    vx_ctl_argv_add(&argv, "model={family: linear}");
    vx_ctl_argv_add(&argv, "it's");
    vx_ctl_argv_add(&argv, "");
    text = vx_ctl_argv_shell(&argv);
    assert_string_equal(text, "vexil --set 'model={family: linear}' 'it'\\''s' ''");
    vx_free(text);
    vx_ctl_argv_clear(&argv);
}

static void a_word_that_is_too_long_fails_the_whole_line(void **state)
{
    char word[8192];
    vx_ctl_argv argv = { 0 };

    (void)state;
    memset(word, 'a', sizeof(word));
    word[sizeof(word) - 1] = '\0';
    vx_ctl_argv_format(&argv, "x=%s", word);
    vx_ctl_argv_add(&argv, "later");
    vx_assert_status(vx_ctl_argv_status(&argv, NULL), VX_ERR_NOMEM, NULL);
    assert_int_equal(argv.count, 0);
    vx_ctl_argv_clear(&argv);
}

static void it_survives_the_failure_of_every_allocation(void **state)
{
    vx_ctl_argv argv = { 0 };
    vx_status status = VX_ERR_NOMEM;
    int k = 0;

    (void)state;
    for (; status != VX_OK; k++) {
        int left = k;

        vx_ctl_argv_clear(&argv);
        vx_alloc_set_hook(vx_test_fail_at_zero, &left);
        vx_ctl_argv_add(&argv, "a");
        vx_ctl_argv_add(&argv, "b");
        vx_alloc_set_hook(NULL, NULL);
        status = vx_ctl_argv_status(&argv, NULL);
        assert_true(status == VX_OK || status == VX_ERR_NOMEM);
    }
    assert_int_equal(k, 4); /* the list and two words, then the run that succeeds */
    assert_int_equal(argv.count, 2);
    vx_ctl_argv_clear(&argv);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_are_kept_in_order_and_end_with_null),
        cmocka_unit_test(a_shell_reads_the_quoted_words_back),
        cmocka_unit_test(a_word_that_is_too_long_fails_the_whole_line),
        cmocka_unit_test(it_survives_the_failure_of_every_allocation),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
