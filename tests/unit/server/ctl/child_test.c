#include <vx_test/check.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <vx_base/alloc.h>
#include <vx_base/file.h>

#include "child.h"

static vx_ctl_child start_program(const char *program, const char *option, const char *word,
                                  const char *last, int out_fd)
{
    char *argv[] = { vx_strdup(program), vx_strdup(option), vx_strdup(word),
                     last != NULL ? vx_strdup(last) : NULL, NULL };
    vx_ctl_child child = { 0 };
    vx_error err = { 0 };

    vx_assert_ok(vx_ctl_child_start(program, argv, out_fd, STDERR_FILENO, &child, &err), &err);
    assert_true(child.pid > 0);
    for (size_t i = 0; argv[i] != NULL; i++)
        vx_free(argv[i]);
    return child;
}

static vx_ctl_child start(const char *script, int out_fd)
{
    return start_program("/bin/sh", "-c", script, NULL, out_fd);
}

static void wait_end(vx_ctl_child *child)
{
    for (int i = 0; i < 1000 && !vx_ctl_child_poll(child); i++)
        (void)usleep(10000);
    assert_true(child->ended);
}

/* Whether the process is gone within two seconds, by whoever reaps it. */
static bool is_gone(pid_t pid)
{
    for (int i = 0; i < 200; i++) {
        (void)waitpid(pid, NULL, WNOHANG); /* ours when we are the subreaper */
        if (kill(pid, 0) != 0)
            return true;
        (void)usleep(10000);
    }
    return false;
}

static pid_t read_pid(int fd)
{
    char text[32] = "";

    assert_true(read(fd, text, sizeof(text) - 1) > 0);
    return (pid_t)strtol(text, NULL, 10);
}

static void an_exit_code_and_a_signal_are_told_apart(void **state)
{
    vx_ctl_child child = start("exit 75", STDERR_FILENO);

    (void)state;
    wait_end(&child);
    assert_int_equal(child.exit_code, 75);
    assert_int_equal(child.signal, 0);
    child = start("kill -KILL $$", STDERR_FILENO);
    wait_end(&child);
    assert_int_equal(child.exit_code, 137);
    assert_int_equal(child.signal, SIGKILL);
}

static void a_missing_program_is_an_error_and_no_child(void **state)
{
    char name[] = "nothing";
    char *argv[] = { name, NULL };
    vx_ctl_child child = { 0 };
    vx_error err = { 0 };

    (void)state;
    vx_assert_status(vx_ctl_child_start("/nonexistent/nothing", argv, STDERR_FILENO, STDERR_FILENO,
                                        &child, &err),
                     VX_ERR_NOT_FOUND, NULL);
    assert_string_equal(err.message, "/nonexistent/nothing: No such file or directory");
    assert_int_equal(child.pid, 0);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

static void it_leads_a_session_with_empty_input_and_default_signals(void **state)
{
    int ends[2];
    char text[64] = "";
    vx_ctl_child child;
    sigset_t set, old;

    (void)state;
    assert_int_equal(pipe(ends), 0);
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGTERM);
    (void)sigprocmask(SIG_BLOCK, &set, &old);
    (void)signal(SIGPIPE, SIG_IGN);
    /* No shell, which would unblock them itself. */
    child = start_program("/bin/grep", "-E", "^Sig(Blk|Ign)", "/proc/self/status", ends[1]);
    wait_end(&child);
    (void)sigprocmask(SIG_SETMASK, &old, NULL);
    (void)signal(SIGPIPE, SIG_DFL);
    assert_true(read(ends[0], text, sizeof(text) - 1) > 0);
    assert_string_equal(text, "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n");
    child = start("cat; echo $$", ends[1]);
    wait_end(&child);
    memset(text, 0, sizeof(text));
    assert_true(read(ends[0], text, sizeof(text) - 1) > 0);
    assert_int_equal(strtol(text, NULL, 10), child.pid);
    (void)close(ends[0]);
    (void)close(ends[1]);
}

static void what_a_leader_leaves_behind_is_killed(void **state)
{
    int ends[2];
    pid_t left = 0;
    vx_ctl_child child;

    (void)state;
    assert_int_equal(pipe(ends), 0);
    child = start("trap '' TERM; sleep 600 & echo $!", ends[1]);
    left = read_pid(ends[0]);
    wait_end(&child);
    assert_int_equal(child.exit_code, 0);
    assert_true(is_gone(left));
    (void)close(ends[0]);
    (void)close(ends[1]);
}

static void kill_reaches_the_whole_session(void **state)
{
    int ends[2];
    pid_t left = 0;
    vx_ctl_child child;

    (void)state;
    assert_int_equal(pipe(ends), 0);
    child = start("trap '' TERM; sleep 600 & echo $!; wait", ends[1]);
    left = read_pid(ends[0]);
    vx_ctl_child_kill(&child);
    wait_end(&child);
    assert_int_equal(child.signal, SIGKILL);
    assert_true(is_gone(left));
    (void)close(ends[0]);
    (void)close(ends[1]);
}

static void it_gets_term_when_we_are_killed(void **state)
{
    int ends[2];
    pid_t middle = 0, left = 0;

    (void)state;
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
    middle = fork();
    if (middle == 0) { /* a vexil that is killed at once */
        vx_ctl_child child = start("echo $$; exec sleep 600", ends[1]);

        (void)child;
        (void)pause();
        _exit(1);
    }
    left = read_pid(ends[0]);
    (void)kill(middle, SIGKILL);
    (void)waitpid(middle, NULL, 0);
    assert_true(is_gone(left));
    (void)close(ends[0]);
    (void)close(ends[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_exit_code_and_a_signal_are_told_apart),
        cmocka_unit_test(a_missing_program_is_an_error_and_no_child),
        cmocka_unit_test(it_leads_a_session_with_empty_input_and_default_signals),
        cmocka_unit_test(what_a_leader_leaves_behind_is_killed),
        cmocka_unit_test(kill_reaches_the_whole_session),
        cmocka_unit_test(it_gets_term_when_we_are_killed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
