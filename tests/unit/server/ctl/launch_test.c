#include <vx_test/check.h>

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <vx_base/alloc.h>
#include <vx_base/file.h>

#include "launch.h"

static void check_workers(size_t cores, bool root, size_t n, size_t threads, const char *expected)
{
    vx_ctl_machine machine = { .cores = cores, .root = root };
    vx_ctl_argv argv = { 0 };
    char *text = NULL;

    vx_ctl_launch_workers(&argv, &machine, n, threads, "/bin/vexil-worker", "runs/a b");
    vx_assert_ok(vx_ctl_argv_status(&argv, NULL), NULL);
    text = vx_ctl_argv_shell(&argv);
    assert_string_equal(text, expected);
    vx_free(text);
    vx_ctl_argv_clear(&argv);
}

static void more_workers_than_cores_oversubscribe_and_are_not_bound(void **state)
{
    (void)state;
    check_workers(2, true, 8, 0,
                  "mpirun --allow-run-as-root -n 8 --map-by :OVERSUBSCRIBE --bind-to none "
                  "/bin/vexil-worker --run-dir 'runs/a b'");
    check_workers(2, false, 3, 1,
                  "mpirun -n 3 --map-by :OVERSUBSCRIBE --bind-to none "
                  "/bin/vexil-worker --run-dir 'runs/a b'");
}

static void a_core_for_each_worker_binds_them(void **state)
{
    (void)state;
    check_workers(8, false, 8, 0,
                  "mpirun -n 8 --bind-to core /bin/vexil-worker --run-dir 'runs/a b'");
    check_workers(64, false, 8, 1,
                  "mpirun -n 8 --bind-to core /bin/vexil-worker --run-dir 'runs/a b'");
}

static void a_worker_of_many_threads_gets_as_many_cores(void **state)
{
    (void)state;
    check_workers(32, false, 8, 0,
                  "mpirun -n 8 --map-by slot:PE=4 --bind-to core "
                  "/bin/vexil-worker --run-dir 'runs/a b'");
    check_workers(32, false, 8, 2,
                  "mpirun -n 8 --map-by slot:PE=2 --bind-to core "
                  "/bin/vexil-worker --run-dir 'runs/a b'");
}

static void more_threads_than_cores_are_not_bound(void **state)
{
    (void)state;
    check_workers(32, false, 8, 5,
                  "mpirun -n 8 --map-by :OVERSUBSCRIBE --bind-to none "
                  "/bin/vexil-worker --run-dir 'runs/a b'");
}

static void the_server_gets_what_the_user_gave(void **state)
{
    vx_ctl_argv overrides = { 0 }, address = { 0 }, argv = { 0 };
    vx_ctl_server_command command = { .job = "job.yaml",
                                      .run_dir = "r",
                                      .log = "r/server.log",
                                      .overrides = &overrides,
                                      .address = &address };
    char *text = NULL;

    (void)state;
    vx_ctl_launch_server(&argv, &command);
    text = vx_ctl_argv_shell(&argv);
    assert_string_equal(text, "vexild --job job.yaml --run-dir r --log r/server.log");
    vx_free(text);
    vx_ctl_argv_clear(&argv);

    vx_ctl_argv_add(&overrides, "seed=2");
    vx_ctl_argv_add(&overrides, "rounds=5");
    command.resume = true;
    vx_ctl_argv_add(&address, "--bind");
    vx_ctl_argv_add(&address, "0.0.0.0:4000");
    vx_ctl_launch_server(&argv, &command);
    text = vx_ctl_argv_shell(&argv);
    assert_string_equal(text, "vexild --job job.yaml --run-dir r --set seed=2 --set rounds=5 "
                              "--resume --bind 0.0.0.0:4000 --log r/server.log");
    vx_free(text);
    vx_ctl_argv_clear(&argv);
    vx_ctl_argv_clear(&overrides);
    vx_ctl_argv_clear(&address);
}

static void this_machine_has_a_core(void **state)
{
    vx_ctl_machine machine = vx_ctl_machine_here();

    (void)state;
    assert_true(machine.cores >= 1);
    assert_true(machine.cores <= (size_t)sysconf(_SC_NPROCESSORS_CONF));
    assert_int_equal(machine.root, geteuid() == 0);
}

static void mpirun_needs_no_remote_shell_and_the_users_choice_stays(void **state)
{
    (void)state;
    assert_int_equal(setenv("OMPI_MCA_plm_rsh_agent", "mine", 1), 0);
    assert_int_equal(unsetenv("PRTE_MCA_plm_ssh_agent"), 0);
    vx_assert_ok(vx_ctl_launch_environment(NULL), NULL);
    assert_string_equal(getenv("OMPI_MCA_plm_rsh_agent"), "mine");
    assert_string_equal(getenv("PRTE_MCA_plm_ssh_agent"), "/bin/false");
}

static void programs_are_found_in_path_or_missed_with_a_hint(void **state)
{
    char *folder = vx_test_folder_create();
    char *path = vx_path_join(folder, "vx-test-program");
    char *list = vx_format("/nonexistent:%s", folder);
    char *found = NULL;
    vx_error err = { 0 };

    (void)state;
    assert_int_equal(setenv("PATH", list, 1), 0);
    vx_assert_status(vx_ctl_launch_find("vx-test-program", false, "install it", &found, &err),
                     VX_ERR_UNAVAILABLE, NULL);
    assert_string_equal(err.message, "vx-test-program is not found in PATH: install it");
    vx_assert_ok(vx_file_replace(path, (vx_cbytes){ (const uint8_t *)"#!", 2 }, 0755, NULL), NULL);
    vx_assert_ok(vx_ctl_launch_find("vx-test-program", true, "install it", &found, NULL), NULL);
    assert_string_equal(found, path);
    vx_free(found);
    vx_free(list);
    vx_free(path);
    vx_test_folder_remove(folder);
}

static void a_program_beside_our_own_comes_first(void **state)
{
    char *found = NULL;

    (void)state; /* this test is a program in the folder of this test */
    vx_assert_ok(vx_ctl_launch_find("unit_ctl_launch_test", true, "", &found, NULL), NULL);
    assert_int_equal(found[0], '/');
    vx_free(found);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(more_workers_than_cores_oversubscribe_and_are_not_bound),
        cmocka_unit_test(a_core_for_each_worker_binds_them),
        cmocka_unit_test(a_worker_of_many_threads_gets_as_many_cores),
        cmocka_unit_test(more_threads_than_cores_are_not_bound),
        cmocka_unit_test(the_server_gets_what_the_user_gave),
        cmocka_unit_test(this_machine_has_a_core),
        cmocka_unit_test(mpirun_needs_no_remote_shell_and_the_users_choice_stays),
        cmocka_unit_test(programs_are_found_in_path_or_missed_with_a_hint),
        cmocka_unit_test(a_program_beside_our_own_comes_first),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
