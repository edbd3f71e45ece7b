#include <vx_test/check.h>

#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <vx_agent/agent.h>
#include <vx_base/alloc.h>
#include <vx_base/file.h>

static void put(const char *folder, const char *name, const char *text)
{
    char *path = vx_path_join(folder, name);

    vx_assert_ok(
        vx_file_replace(path, (vx_cbytes){ (const uint8_t *)text, strlen(text) }, 0600, NULL),
        NULL);
    vx_free(path);
}

static void only_accidents_are_restarted(void **state)
{
    (void)state;
    assert_false(vx_supervise_restarts(0));
    assert_false(vx_supervise_restarts(vx_status_exit_code(VX_ERR_CONFIG)));
    assert_false(vx_supervise_restarts(vx_status_exit_code(VX_ERR_NOT_FOUND)));
    assert_false(vx_supervise_restarts(vx_status_exit_code(VX_ERR_REFUSED)));
    assert_true(vx_supervise_restarts(137));
    assert_true(vx_supervise_restarts(134));
    assert_true(vx_supervise_restarts(1));
}

/* A shell script as the worker: real processes. */
static int supervise_script(const char *folder, const char *text)
{
    vx_bootstrap bootstrap = { .max_restarts = 2 };
    char *path = vx_path_join(folder, "worker.sh");
    int code = 0;

    put(folder, "worker.sh", text);
    assert_int_equal(chmod(path, 0700), 0);
    code = vx_supervise(&bootstrap, path);
    vx_free(path);
    return code;
}

static void a_killed_worker_is_started_again_and_its_success_is_ours(void **state)
{
    char *folder = vx_test_folder_create();
    char script[512];

    (void)state;
    snprintf(script, sizeof(script),
             "#!/bin/sh\ncat <&3 >/dev/null\necho x >> %s/starts\n"
             "[ \"$(wc -l < %s/starts)\" -ge 2 ] && exit 0\nkill -9 $$\n",
             folder, folder);
    assert_int_equal(supervise_script(folder, script), 0);
    vx_test_folder_remove(folder);
}

/* mpirun ends every slot when one agent ends with another code than 0. */
static void a_worker_that_dies_again_and_again_ends_no_other_slot(void **state)
{
    char *folder = vx_test_folder_create();

    (void)state;
    assert_int_equal(supervise_script(folder, "#!/bin/sh\nkill -9 $$\n"), 0);
    vx_test_folder_remove(folder);
}

static void a_worker_that_comes_back_after_the_end_of_the_run_is_no_failure(void **state)
{
    char *folder = vx_test_folder_create();
    char script[256];

    (void)state;
    snprintf(script, sizeof(script),
             "#!/bin/sh\n[ -e %s/died ] && exit 69\n: > %s/died\nkill -9 $$\n", folder, folder);
    assert_int_equal(supervise_script(folder, script), 0);
    assert_int_equal(supervise_script(folder, "#!/bin/sh\nexit 69\n"), 69); /* never met one */
    vx_test_folder_remove(folder);
}

/* The server may be away for a while just then. */
static void a_worker_that_is_started_again_looks_longer_for_its_server(void **state)
{
    vx_bootstrap bootstrap = { .max_restarts = 2, .patience_s = 60, .reconnect_s = 600 };
    char *folder = vx_test_folder_create();
    char *path = vx_path_join(folder, "worker.sh");
    char *told = vx_path_join(folder, "told");
    vx_bytes text = { NULL, 0 };
    vx_error err = { 0 };
    char script[512];

    (void)state;
    snprintf(script, sizeof(script),
             "#!/bin/sh\nod -An -v -t u4 -j %zu -N 4 <&3 | tr -d ' ' >> %s\n"
             "[ \"$(wc -l < %s)\" -ge 2 ] && exit 0\nkill -9 $$\n",
             offsetof(vx_bootstrap, patience_s), told, told);
    put(folder, "worker.sh", script);
    assert_int_equal(chmod(path, 0700), 0);
    assert_int_equal(vx_supervise(&bootstrap, path), 0);
    vx_assert_ok(vx_file_read(told, 100, &text, &err), &err);
    assert_string_equal((const char *)text.at, "60\n600\n");
    vx_free(text.at);
    vx_free(told);
    vx_free(path);
    vx_test_folder_remove(folder);
}

static void an_agent_that_cannot_start_its_worker_says_why(void **state)
{
    vx_bootstrap bootstrap = { .max_restarts = 1, .slot = 7 };
    char *folder = vx_test_folder_create();
    char *said = vx_path_join(folder, "said");
    struct rlimit old;
    struct rlimit low;
    vx_bytes text = { NULL, 0 };
    vx_error err = { 0 };
    int kept = dup(STDERR_FILENO);
    int code = 0;

    (void)state;
    assert_non_null(freopen(said, "w", stderr));
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
    low = (struct rlimit){ 3, old.rlim_max };
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
    code = vx_supervise(&bootstrap, "/bin/true");
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
    fflush(stderr);
    assert_true(dup2(kept, STDERR_FILENO) >= 0);
    close(kept);
    assert_int_equal(code, 0);
    vx_assert_ok(vx_file_read(said, 4000, &text, &err), &err);
    assert_non_null(strstr((const char *)text.at, "slot 7: cannot start the worker: Too many open "
                                                  "files: 3 in this process (ulimit -n)"));
    vx_free(text.at);
    vx_free(said);
    vx_test_folder_remove(folder);
}

static void a_mistake_that_stays_keeps_its_exit_code(void **state)
{
    static const int codes[] = { 2, 65, 66, 77, 78 };
    char *folder = vx_test_folder_create();
    char script[64];

    (void)state;
    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
        snprintf(script, sizeof(script), "#!/bin/sh\nexit %d\n", codes[i]);
        assert_int_equal(supervise_script(folder, script), codes[i]);
    }
    vx_test_folder_remove(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_accidents_are_restarted),
        cmocka_unit_test(a_killed_worker_is_started_again_and_its_success_is_ours),
        cmocka_unit_test(a_worker_that_dies_again_and_again_ends_no_other_slot),
        cmocka_unit_test(a_worker_that_comes_back_after_the_end_of_the_run_is_no_failure),
        cmocka_unit_test(a_worker_that_is_started_again_looks_longer_for_its_server),
        cmocka_unit_test(an_agent_that_cannot_start_its_worker_says_why),
        cmocka_unit_test(a_mistake_that_stays_keeps_its_exit_code),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
