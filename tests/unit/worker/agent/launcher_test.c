#include <vx_test/check.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <vx_base/alloc.h>
#include <vx_base/file.h>

#include "launcher.h"

/* A shell script that answers --version. New memory. */
static char *put_script(const char *folder, const char *text)
{
    char *path = vx_path_join(folder, "launcher");

    vx_assert_ok(
        vx_file_replace(path, (vx_cbytes){ (const uint8_t *)text, strlen(text) }, 0700, NULL),
        NULL);
    assert_int_equal(chmod(path, 0700), 0);
    return path;
}

static vx_status ask(const char *script, vx_launcher_kind *ret_kind, vx_error *err)
{
    char *folder = vx_test_folder_create();
    char *path = put_script(folder, script);
    vx_status status = vx_launcher_ask(path, ret_kind, err);

    vx_free(path);
    vx_test_folder_remove(folder);
    return status;
}

static void a_launcher_is_known_by_what_it_says_of_itself(void **state)
{
    vx_launcher_kind kind = VX_LAUNCHER_MPICH;
    vx_error err = { 0 };

    (void)state;
    vx_assert_ok(ask("#!/bin/sh\necho 'mpirun (Open MPI) 4.1.4'\n", &kind, &err), &err);
    assert_int_equal(kind, VX_LAUNCHER_OPEN_MPI);
    vx_assert_ok(ask("#!/bin/sh\necho 'HYDRA build details:'\necho more\n", &kind, &err), &err);
    assert_int_equal(kind, VX_LAUNCHER_MPICH);
}

static void a_launcher_that_cannot_start_ranks_is_named_with_what_it_did(void **state)
{
    static const struct {
        const char *script, *words;
    } cases[] = {
        { "#!/bin/sh\necho gizmo 7\necho more\n", "launcher --version said 'gizmo 7': the ranks" },
        { "#!/bin/sh\necho libopen-rte.so: not found >&2\nexit 3\n",
          "launcher --version ended with 3 and said 'libopen-rte.so: not found'" },
        { "#!/bin/sh\nkill -11 $$\n", "launcher --version was ended by signal 11" },
        { "#!/bin/sh\n", "launcher --version said ''" },
    };
    vx_launcher_kind kind = VX_LAUNCHER_OPEN_MPI;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        vx_error err = { 0 };

        vx_assert_status(ask(cases[i].script, &kind, &err), VX_ERR_UNAVAILABLE, &err);
        assert_non_null(strstr(err.message, cases[i].words));
        assert_non_null(strstr(err.message, "--group-launcher"));
    }
}

static void a_launcher_that_is_not_there_is_no_accident(void **state)
{
    vx_launcher_kind kind = VX_LAUNCHER_OPEN_MPI;
    vx_error err = { 0 };

    (void)state;
    vx_assert_status(vx_launcher_ask("no-such-mpirun -x", &kind, &err), VX_ERR_UNAVAILABLE, &err);
    assert_non_null(strstr(err.message, "no-such-mpirun cannot be started (is it in PATH?)"));
    vx_assert_status(vx_launcher_ask("  ", &kind, &err), VX_ERR_USAGE, &err);
}

static void expect_words(const char *launcher, vx_launcher_kind kind, bool root, char *folder,
                         const char *wanted)
{
    char program[] = "/bin/compute";
    char text[800] = "";
    vx_launcher_command command;
    vx_error err = { 0 };

    vx_assert_ok(vx_launcher_words(launcher, kind, root, 3, folder, program, &command, &err), &err);
    for (size_t i = 0; command.words[i] != NULL; i++)
        snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%s", i > 0 ? " " : "",
                 command.words[i]);
    assert_string_equal(text, wanted);
    vx_launcher_words_clear(&command);
}

static void a_bare_launcher_is_told_to_stay_on_this_host(void **state)
{
    (void)state;
    expect_words("mpirun", VX_LAUNCHER_OPEN_MPI, true, NULL,
                 "mpirun --allow-run-as-root --map-by :OVERSUBSCRIBE --bind-to none --mca "
                 "plm_rsh_agent /bin/false --mca plm_ssh_agent /bin/false -n 3 /bin/compute");
    expect_words("mpiexec.mpich", VX_LAUNCHER_MPICH, true, NULL,
                 "mpiexec.mpich -launcher fork -n 3 /bin/compute");
}

static void a_bare_mpirun_is_told_where_its_files_go(void **state)
{
    char folder[] = "/dev/shm/f";
    char on_disk[] = "/f";

    (void)state;
    expect_words("mpirun", VX_LAUNCHER_OPEN_MPI, false, folder,
                 "mpirun --map-by :OVERSUBSCRIBE --bind-to none --mca plm_rsh_agent /bin/false "
                 "--mca plm_ssh_agent /bin/false --mca btl_vader_backing_directory /dev/shm/f "
                 "--mca btl_sm_backing_directory /dev/shm/f --mca orte_tmpdir_base /dev/shm/f "
                 "--mca prte_tmpdir_base /dev/shm/f --mca osc_sm_backing_directory /dev/shm/f "
                 "-n 3 /bin/compute");
    expect_words("mpirun", VX_LAUNCHER_OPEN_MPI, false, on_disk,
                 "mpirun --map-by :OVERSUBSCRIBE --bind-to none --mca plm_rsh_agent /bin/false "
                 "--mca plm_ssh_agent /bin/false --mca btl_vader_backing_directory /f --mca "
                 "btl_sm_backing_directory /f --mca orte_tmpdir_base /f --mca prte_tmpdir_base /f "
                 "-n 3 /bin/compute");
    expect_words("mpiexec", VX_LAUNCHER_MPICH, false, folder,
                 "mpiexec -launcher fork -n 3 /bin/compute");
}

static void a_launcher_with_words_of_its_own_is_told_the_number_alone(void **state)
{
    char folder[] = "/f"; /* its ranks may be where that is not */

    (void)state;
    expect_words("mpirun  --hostfile h", VX_LAUNCHER_OPEN_MPI, false, folder,
                 "mpirun --hostfile h -n 3 /bin/compute");
}

static void too_many_words_are_refused(void **state)
{
    char words[2 * VX_LAUNCHER_WORDS_MAX + 1];
    char program[] = "p";
    vx_launcher_command command;
    vx_error err = { 0 };

    (void)state;
    for (size_t i = 0; i < VX_LAUNCHER_WORDS_MAX; i++)
        memcpy(words + 2 * i, "a ", 3);
    vx_assert_status(
        vx_launcher_words(words, VX_LAUNCHER_OPEN_MPI, false, 2, NULL, program, &command, &err),
        VX_ERR_USAGE, &err);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_launcher_is_known_by_what_it_says_of_itself),
        cmocka_unit_test(a_launcher_that_cannot_start_ranks_is_named_with_what_it_did),
        cmocka_unit_test(a_launcher_that_is_not_there_is_no_accident),
        cmocka_unit_test(a_bare_launcher_is_told_to_stay_on_this_host),
        cmocka_unit_test(a_bare_mpirun_is_told_where_its_files_go),
        cmocka_unit_test(a_launcher_with_words_of_its_own_is_told_the_number_alone),
        cmocka_unit_test(too_many_words_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
