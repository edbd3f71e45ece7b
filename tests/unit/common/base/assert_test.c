#include <vx_base/assert.h>
#include <vx_base/span.h>
#include <vx_test/check.h>

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* Runs body in a child whose standard error is text; returns its wait status. */
static int run_in_child(void (*body)(void), char *text, size_t size)
{
    int ends[2];
    int status = 0;
    ssize_t count;
    pid_t child;

    assert_int_equal(pipe(ends), 0);
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        signal(SIGABRT, SIG_DFL); /* the test runner catches it */
        dup2(ends[1], STDERR_FILENO);
        body();
        _exit(0);
    }
    close(ends[1]);
    assert_int_equal(waitpid(child, &status, 0), child);
    count = read(ends[0], text, size - 1);
    assert_true(count >= 0);
    text[count] = '\0';
    close(ends[0]);
    return status;
}

static void assert_false_condition(void)
{
    int answer = 41;

    VX_ASSERT(answer == 42);
}

static void assert_true_condition(void)
{
    int answer = 42;

    VX_ASSERT(answer == 42);
}

static void take_a_row_outside(void)
{
    double one[1] = { 0 };

    (void)vx_mat_row((vx_mat){ .at = one, .rows = 1, .cols = 1, .ld = 1 }, 1);
}

static void a_false_condition_says_where_and_aborts(void **state)
{
    char text[512];
    int status = run_in_child(assert_false_condition, text, sizeof(text));

    (void)state;
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    assert_non_null(strstr(text, "assert_test.c:"));
    assert_non_null(strstr(text, "assert_false_condition"));
    assert_non_null(strstr(text, "answer == 42"));
    assert_int_equal(text[strlen(text) - 1], '\n');
}

static void a_true_condition_says_nothing(void **state)
{
    char text[512];
    int status = run_in_child(assert_true_condition, text, sizeof(text));

    (void)state;
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    assert_string_equal(text, "");
}

static void a_row_outside_its_matrix_aborts(void **state)
{
    char text[512];
    int status = run_in_child(take_a_row_outside, text, sizeof(text));

    (void)state;
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

static void a_row_is_found_by_the_leading_dimension(void **state)
{
    double at[6] = { 1, 2, -1, 3, 4, -1 };
    vx_vec row = vx_mat_row((vx_mat){ .at = at, .rows = 2, .cols = 2, .ld = 3 }, 1);

    (void)state;
    assert_ptr_equal(row.at, at + 3);
    assert_int_equal(row.n, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_false_condition_says_where_and_aborts),
        cmocka_unit_test(a_true_condition_says_nothing),
        cmocka_unit_test(a_row_outside_its_matrix_aborts),
        cmocka_unit_test(a_row_is_found_by_the_leading_dimension),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
