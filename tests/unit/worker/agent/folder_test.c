#include <vx_test/check.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <vx_agent/agent.h>
#include <vx_base/alloc.h>
#include <vx_base/file.h>

#include "folder.h"

#define PATIENCE_MS 20000

/* As a rank that was killed leaves it. */
static void litter(const char *folder)
{
    char *session = vx_path_join(folder, "session");
    char *segment = vx_path_join(session, "segment");
    char *link = vx_path_join(session, "link");

    assert_int_equal(mkdir(session, 0700), 0);
    vx_test_file_put(segment, "x", 1);
    assert_int_equal(symlink("/etc", link), 0);
    vx_free(link);
    vx_free(segment);
    vx_free(session);
}

static bool is_gone_after(const char *path, int milliseconds)
{
    struct timespec pause = { 0, 10000000L };

    for (; milliseconds > 0 && access(path, F_OK) == 0; milliseconds -= 10)
        nanosleep(&pause, NULL);
    return access(path, F_OK) != 0;
}

static void a_folder_goes_with_all_that_is_in_it(void **state)
{
    vx_folder folder = { 0 };
    vx_error err = { 0 };
    struct stat about;
    char *path = NULL;

    (void)state;
    vx_assert_ok(vx_folder_create(0, &folder, &err), &err);
    path = vx_strdup(folder.path);
    assert_int_equal(stat(path, &about), 0);
    assert_int_equal(about.st_mode & 0777, 0700);
    litter(path);
    vx_folder_empty(path);
    assert_int_equal(access(path, F_OK), 0);
    litter(path); /* it was empty */
    vx_folder_destroy(&folder);
    assert_null(folder.path);
    assert_int_not_equal(access(path, F_OK), 0);
    assert_int_equal(access("/etc/passwd", F_OK), 0);
    vx_folder_destroy(&folder);                       /* a second time: nothing */
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* no keeper is left */
    vx_free(path);
}

static void a_folder_is_in_memory_where_that_has_room(void **state)
{
    static const uint64_t wanted[] = { 1, UINT64_MAX };
    vx_error err = { 0 };

    assert_int_equal(setenv("TMPDIR", *state, 1), 0);
    for (size_t i = 0; i < 2; i++) {
        vx_folder folder = { 0 };
        bool in_memory = false;
        bool in_ours = false;

        vx_assert_ok(vx_folder_create(wanted[i], &folder, &err), &err);
        in_memory = vx_folder_is_in_memory(folder.path);
        in_ours = strncmp(folder.path, *state, strlen(*state)) == 0;
        vx_folder_destroy(&folder);
        assert_int_equal(in_memory, i == 0);
        assert_int_equal(in_ours, i == 1);
    }
    unsetenv("TMPDIR");
}

/* An agent with an mpirun, which is told when to end. Writes the folder's path to `told`. */
static pid_t start_agent(int told, int until)
{
    vx_folder folder = { 0 };
    vx_error err = { 0 };
    pid_t launcher = -1;
    pid_t agent = fork();
    char byte = 0;

    if (agent != 0)
        return agent;
    if (vx_folder_create(0, &folder, &err) != VX_OK)
        _exit(1);
    launcher = fork(); /* which has the lock too */
    if (launcher == 0)
        _exit(read(until, &byte, 1) >= 0 ? 0 : 1);
    if (launcher < 0 || write(told, folder.path, strlen(folder.path)) < 0)
        _exit(1);
    for (;;)
        pause();
}

static void what_a_killed_agent_leaves_goes_when_its_launcher_has_ended(void **state)
{
    int told[2];
    int until[2];
    char path[256] = "";
    pid_t agent = -1;

    (void)state;
    assert_int_equal(pipe(told), 0);
    assert_int_equal(pipe(until), 0);
    agent = start_agent(told[1], until[0]);
    assert_true(agent > 0);
    assert_true(read(told[0], path, sizeof(path) - 1) > 0);
    litter(path);
    kill(agent, SIGKILL);
    assert_int_equal(waitpid(agent, NULL, 0), agent);
    assert_false(is_gone_after(path, 300)); /* the launcher is still there */
    assert_int_equal(write(until[1], "x", 1), 1);
    assert_true(is_gone_after(path, PATIENCE_MS));
    for (size_t i = 0; i < 2; i++) {
        close(told[i]);
        close(until[i]);
    }
}

static void a_child_that_is_started_again_finds_its_folder_empty(void **state)
{
    vx_bootstrap bootstrap = { .max_restarts = 2 };
    char shell[] = "/bin/sh";
    char option[] = "-c";
    char script[] = "cat >/dev/null; [ -e \"$0/segment\" ] && exit 2; : > \"$0/segment\"; "
                    "echo x >> \"$1\"; [ \"$(wc -l < \"$1\")\" -ge 2 ] && exit 65; kill -9 $$";
    char *starts = vx_path_join(*state, "starts");
    vx_folder folder = { 0 };
    vx_error err = { 0 };

    vx_assert_ok(vx_folder_create(0, &folder, &err), &err);
    {
        char *words[] = { shell, option, script, folder.path, starts, NULL };
        vx_agent_child child = { words, STDIN_FILENO, SIGTERM, folder.path };

        assert_int_equal(vx_supervise_child(&bootstrap, &child), 65);
    }
    vx_folder_destroy(&folder);
    vx_free(starts);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_folder_goes_with_all_that_is_in_it),
        cmocka_unit_test_setup_teardown(a_folder_is_in_memory_where_that_has_room,
                                        vx_test_folder_setup, vx_test_folder_teardown),
        cmocka_unit_test(what_a_killed_agent_leaves_goes_when_its_launcher_has_ended),
        cmocka_unit_test_setup_teardown(a_child_that_is_started_again_finds_its_folder_empty,
                                        vx_test_folder_setup, vx_test_folder_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
