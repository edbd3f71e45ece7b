#include <vx_test/check.h>

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <vx_base/alloc.h>
#include <vx_base/file.h>

#include "launch.h"

static const vx_ctl_argv nothing = { 0 };

static void check_command(const vx_ctl_workers_command *command, bool probe, const char *expected)
{
    vx_ctl_argv argv = { 0 };
    char *text = NULL;

    if (probe)
        vx_ctl_launch_probe(&argv, command);
    else
        vx_ctl_launch_workers(&argv, command);
    vx_assert_ok(vx_ctl_argv_status(&argv, NULL), NULL);
    text = vx_ctl_argv_shell(&argv);
    assert_string_equal(text, expected);
    vx_free(text);
    vx_ctl_argv_clear(&argv);
}

static void check_workers(size_t cores, bool root, size_t n, size_t threads, const char *expected)
{
    vx_ctl_machine machine = { .cores = cores, .root = root };
    vx_ctl_workers_command command = { .mpirun = "mpirun",
                                       .machine = &machine,
                                       .n = n,
                                       .threads = threads,
                                       .worker = "/bin/vexil-worker",
                                       .run_dir = "runs/a b",
                                       .mpi_major = 4,
                                       .more = &nothing };

    check_command(&command, false, expected);
}

static const vx_ctl_machine four_cores = { .cores = 4, .root = true };
static const vx_ctl_workers_command on_hosts = { .mpirun = "/opt/bin/mpirun",
                                                 .machine = &four_cores,
                                                 .n = 8,
                                                 .worker = "/bin/vexil-worker",
                                                 .run_dir = "/r",
                                                 .hostfile = "my hosts",
                                                 .mpi_major = 4,
                                                 .more = &nothing };

static void on_hosts_the_loss_of_one_is_no_matter_of_mpirun(void **state)
{
    vx_ctl_workers_command command = on_hosts;

    (void)state;
    check_command(&command, false,
                  "/opt/bin/mpirun --allow-run-as-root --hostfile 'my hosts' "
                  "--mca plm_rsh_no_tree_spawn 1 --mca routed direct --enable-recovery "
                  "--mca orte_abort_on_non_zero_status 0 -n 8 --map-by slot --bind-to none "
                  "/bin/vexil-worker --run-dir /r");
    command.mpi_major = 5;
    command.oversubscribe = true;
    check_command(&command, false,
                  "/opt/bin/mpirun --allow-run-as-root --hostfile 'my hosts' --enable-recovery "
                  "-n 8 --map-by slot:OVERSUBSCRIBE --bind-to none "
                  "/bin/vexil-worker --run-dir /r");
}

static void words_of_the_user_go_to_mpirun_and_replace_ours(void **state)
{
    vx_ctl_workers_command command = on_hosts;
    vx_ctl_argv more = { 0 };

    (void)state;
    vx_ctl_argv_add(&more, "--map-by");
    vx_ctl_argv_add(&more, "node");
    vx_ctl_argv_add(&more, "-bind-to");
    vx_ctl_argv_add(&more, "core");
    vx_ctl_argv_add(&more, "-v");
    command.more = &more;
    command.mpi_major = 5;
    command.oversubscribe = true;
    check_command(&command, false,
                  "/opt/bin/mpirun --allow-run-as-root --hostfile 'my hosts' --enable-recovery "
                  "-n 8 --oversubscribe --map-by node -bind-to core -v "
                  "/bin/vexil-worker --run-dir /r");
    command.hostfile = NULL;
    check_command(&command, false,
                  "/opt/bin/mpirun --allow-run-as-root -n 8 --map-by node -bind-to core -v "
                  "/bin/vexil-worker --run-dir /r");
    vx_ctl_argv_clear(&more);
}

static void workers_are_told_what_starts_their_ranks(void **state)
{
    vx_ctl_workers_command command = on_hosts;

    (void)state;
    command.mpi_major = 5;
    command.group_launcher = "mpirun --hostfile ranks";
    command.group_timeout = "30";
    check_command(&command, false,
                  "/opt/bin/mpirun --allow-run-as-root --hostfile 'my hosts' --enable-recovery "
                  "-n 8 --map-by slot --bind-to none /bin/vexil-worker --run-dir /r "
                  "--group-launcher 'mpirun --hostfile ranks' --group-timeout 30");
}

static void a_probe_is_one_rank_a_host_and_ends_when_one_fails(void **state)
{
    vx_ctl_workers_command command = on_hosts;
    vx_ctl_argv more = { 0 };

    (void)state;
    vx_ctl_argv_add(&more, "--map-by");
    vx_ctl_argv_add(&more, "node");
    vx_ctl_argv_add(&more, "-v");
    command.more = &more;
    check_command(&command, true,
                  "/opt/bin/mpirun --allow-run-as-root --hostfile 'my hosts' "
                  "--mca plm_rsh_no_tree_spawn 1 --mca routed direct "
                  "--map-by ppr:1:node:OVERSUBSCRIBE --bind-to none -v "
                  "/bin/vexil-worker --probe --run-dir /r");
    command.ranks = 4;
    check_command(&command, true,
                  "/opt/bin/mpirun --allow-run-as-root --hostfile 'my hosts' "
                  "--mca plm_rsh_no_tree_spawn 1 --mca routed direct "
                  "--map-by ppr:1:node:OVERSUBSCRIBE --bind-to none -v "
                  "/bin/vexil-worker --probe --ranks 4 --run-dir /r");
    vx_ctl_argv_clear(&more);
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

static void on_one_machine_mpirun_needs_no_remote_shell_and_the_users_choice_stays(void **state)
{
    (void)state;
    assert_int_equal(setenv("OMPI_MCA_plm_rsh_agent", "mine", 1), 0);
    assert_int_equal(unsetenv("PRTE_MCA_plm_ssh_agent"), 0);
    vx_assert_ok(vx_ctl_launch_environment(true, NULL), NULL);
    assert_null(getenv("PRTE_MCA_plm_ssh_agent"));
    vx_assert_ok(vx_ctl_launch_environment(false, NULL), NULL);
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
    vx_assert_ok(vx_ctl_launch_find(path, false, "install it", &found, NULL), NULL);
    assert_string_equal(found, path);
    vx_free(found);
    vx_assert_status(vx_ctl_launch_find("/nonexistent/mpirun", false, "install it", &found, &err),
                     VX_ERR_UNAVAILABLE, NULL);
    assert_string_equal(err.message, "/nonexistent/mpirun: No such file or directory: install it");
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
        cmocka_unit_test(on_hosts_the_loss_of_one_is_no_matter_of_mpirun),
        cmocka_unit_test(words_of_the_user_go_to_mpirun_and_replace_ours),
        cmocka_unit_test(workers_are_told_what_starts_their_ranks),
        cmocka_unit_test(a_probe_is_one_rank_a_host_and_ends_when_one_fails),
        cmocka_unit_test(the_server_gets_what_the_user_gave),
        cmocka_unit_test(this_machine_has_a_core),
        cmocka_unit_test(on_one_machine_mpirun_needs_no_remote_shell_and_the_users_choice_stays),
        cmocka_unit_test(programs_are_found_in_path_or_missed_with_a_hint),
        cmocka_unit_test(a_program_beside_our_own_comes_first),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
