#include <vx_test/check.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <vx_base/alloc.h>
#include <vx_base/file.h>

#include "mpirun.h"
#include "reach.h"

static vx_cbytes bytes_of(const char *text)
{
    return (vx_cbytes){ (const uint8_t *)text, strlen(text) };
}

static void the_version_of_open_mpi_is_found(void **state)
{
    unsigned major = 0;

    (void)state;
    vx_assert_ok(vx_ctl_mpirun_version_parse(bytes_of("mpirun (Open MPI) 4.1.4\n\nReport bugs\n"),
                                             "mpirun", &major, NULL),
                 NULL);
    assert_int_equal(major, 4);
    vx_assert_ok(vx_ctl_mpirun_version_parse(bytes_of("hello\nmpirun (Open MPI) 5.0.9rc1\n"),
                                             "mpirun", &major, NULL),
                 NULL);
    assert_int_equal(major, 5);
}

static void check_stranger(const char *text, const char *said)
{
    unsigned major = 0;
    vx_error err = { 0 };
    char *message = vx_format("mpirun is no mpirun of Open MPI, by --version it says '%s': install "
                              "openmpi-bin, or name the right one by --mpirun",
                              said);

    vx_assert_status(vx_ctl_mpirun_version_parse(bytes_of(text), "mpirun", &major, &err),
                     VX_ERR_UNAVAILABLE, NULL);
    assert_string_equal(err.message, message);
    assert_int_equal(major, 0);
    vx_free(message);
}

static void another_mpi_is_told_by_its_own_words(void **state)
{
    (void)state;
    check_stranger("HYDRA build details:\n    Version:             4.0.2\n    Release Date:\n",
                   "Version: 4.0.2");
    check_stranger("Intel(R) MPI Library for Linux* OS, Version 2021.9\nCopyright\n",
                   "Intel(R) MPI Library for Linux* OS, Version 2021.9");
    check_stranger("mpirun (Open MPI) x\n", "mpirun (Open MPI) x");
    check_stranger("\033[31mred\n", "[31mred");
    check_stranger("", "");
}

static void a_program_that_is_no_mpirun_is_run_and_refused(void **state)
{
    unsigned major = 0;
    vx_error err = { 0 };

    (void)state;
    vx_assert_status(vx_ctl_mpirun_version("/bin/false", "/bin/false", &major, &err),
                     VX_ERR_UNAVAILABLE, NULL);
    assert_non_null(strstr(err.message, "/bin/false is no mpirun of Open MPI"));
}

static void check_judged(const char *text, vx_status status, const char *message)
{
    vx_error err = { 0 };

    vx_assert_status(vx_ctl_mpirun_judge(bytes_of(text), "/runs/a", &err), status, NULL);
    if (status != VX_OK)
        assert_string_equal(err.message, message);
}

static void the_answers_of_the_hosts_are_judged(void **state)
{
    (void)state;
    check_judged("vexil-worker-probe h1 " VX_VERSION " yes vexil-compute yes\nssh: hello\n"
                 "vexil-worker-probe h2 " VX_VERSION " yes vexil-compute yes\r\n",
                 VX_OK, NULL);
    check_judged("vexil-worker-probe h1 " VX_VERSION
                 " yes vexil-compute yes\nvexil-worker-probe h2 9.9 yes\n",
                 VX_ERR_REFUSED,
                 "host h2: its vexil-worker is version 9.9, here it is " VX_VERSION
                 ": install the same everywhere");
    check_judged("vexil-worker-probe h1 " VX_VERSION " no vexil-compute yes\n", VX_ERR_NOT_FOUND,
                 "host h1 does not see the run directory /runs/a: it has to be on a file system of "
                 "all hosts");
    check_judged("vexil-worker-probe h1 " VX_VERSION " yes vexil-compute-mpi no\n",
                 VX_ERR_UNAVAILABLE,
                 "host h1: vexil-compute-mpi is not beside its vexil-worker: install all of Vexil, "
                 "the same everywhere");
    check_judged("vexil-worker-probe h1 " VX_VERSION " yes vexil-compute\n", VX_ERR_REFUSED,
                 "an answer that is not understood: 'vexil-worker-probe h1 " VX_VERSION
                 " yes vexil-compute'");
    check_judged("vexil-worker-probe h1\n", VX_ERR_REFUSED,
                 "an answer that is not understood: 'vexil-worker-probe h1'");
    check_judged("", VX_ERR_UNAVAILABLE, "no host has answered, though mpirun ended well");
}

static void the_words_of_mpirun_lose_their_ornament(void **state)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);

    (void)state;
    vx_ctl_mpirun_words_print(out, bytes_of("ssh: no route to h2\n-----------\nIt failed.\n"
                                            "Causes:\n\n* one\n  more of it\n\n* two\n-----\n"
                                            "  Node:   h2\n"));
    assert_int_equal(fclose(out), 0);
    assert_string_equal(text, "mpirun: ssh: no route to h2\nmpirun: It failed.\nmpirun: Causes:\n"
                              "mpirun: Node: h2\n");
    free(text); /* of open_memstream */
}

static void the_words_of_mpirun_are_few(void **state)
{
    char *text = NULL;
    size_t size = 0, lines = 0;
    FILE *out = open_memstream(&text, &size);
    char many[100 * 2 + 1];

    (void)state;
    for (size_t i = 0; i < 100; i++)
        memcpy(many + 2 * i, "x\n", 3);
    vx_ctl_mpirun_words_print(out, bytes_of(many));
    assert_int_equal(fclose(out), 0);
    for (size_t i = 0; i < size; i++)
        lines += text[i] == '\n';
    assert_int_equal(lines, VX_CTL_MPIRUN_LINES_MAX);
    free(text); /* of open_memstream */
}

/* A stand-in for mpirun: a script in a folder of the test. */
static vx_status probe_by(const char *script, uint64_t timeout_ms, char **ret_words, vx_error *err)
{
    char *folder = vx_test_folder_create();
    char *path = vx_path_join(folder, "mpirun");
    vx_ctl_machine machine = { .cores = 1 };
    vx_ctl_argv more = { 0 };
    vx_ctl_workers_command command = { .mpirun = "mpirun",
                                       .machine = &machine,
                                       .n = 1,
                                       .worker = "w",
                                       .run_dir = "/runs/a",
                                       .hostfile = "hosts",
                                       .mpi_major = 4,
                                       .more = &more };
    vx_ctl_hostfile hosts = { 0 };
    size_t size = 0;
    FILE *words = open_memstream(ret_words, &size);
    vx_status status = VX_OK;

    vx_assert_ok(
        vx_ctl_hostfile_parse(bytes_of("localhost\nno-such-host.invalid\n"), "hosts", &hosts, NULL),
        NULL);
    vx_assert_ok(vx_file_replace(path, bytes_of(script), 0755, NULL), NULL);
    status = vx_ctl_mpirun_probe(path, &command, &hosts, timeout_ms, words, err);
    assert_int_equal(fclose(words), 0);
    vx_ctl_hostfile_clear(&hosts);
    vx_free(path);
    vx_test_folder_remove(folder);
    return status;
}

static void a_start_that_fails_names_the_unknown_host(void **state)
{
    char *words = NULL;
    vx_error err = { 0 };

    (void)state;
    vx_assert_status(probe_by("#!/bin/sh\necho no ssh >&2\nexit 3\n", 20000, &words, &err),
                     VX_ERR_UNAVAILABLE, NULL);
    assert_string_equal(err.message, "hosts: mpirun could not start w on every host (exit code 3)");
    assert_string_equal(words, "mpirun: no ssh\nvexil: hosts:2: host no-such-host.invalid is not "
                               "known to the resolver of this machine\n");
    free(words); /* of open_memstream */
}

static void a_start_that_hangs_is_ended_and_names_who_is_silent(void **state)
{
    char *words = NULL;
    vx_error err = { 0 };

    (void)state;
    vx_assert_status(probe_by("#!/bin/sh\nsh -c 'sleep 60; :' localhost\n", 1000, &words, &err),
                     VX_ERR_UNAVAILABLE, NULL);
    assert_string_equal(err.message, "hosts: not every host has started vexil-worker within 1 s; "
                                     "try ssh to each");
    assert_non_null(strstr(words, "vexil: no answer from host localhost\n"));
    free(words); /* of open_memstream */
}

static void check_listen(const char *text, const char *expected)
{
    vx_ctl_hostfile hosts = { 0 };
    char *listen = NULL;

    vx_assert_ok(vx_ctl_hostfile_parse(bytes_of(text), "hosts", &hosts, NULL), NULL);
    vx_assert_ok(vx_ctl_reach_listen(&hosts, "hosts", &listen, NULL), NULL);
    assert_string_equal(listen, expected);
    vx_free(listen);
    vx_ctl_hostfile_clear(&hosts);
}

static void hosts_of_this_machine_reach_the_loop(void **state)
{
    (void)state;
    check_listen("127.0.0.1 slots=4\n", "tcp://127.0.0.1:0");
    check_listen("127.0.0.1\n127.0.0.2\n", "tcp://127.0.0.1:0");
}

static void hosts_that_nobody_knows_need_an_address(void **state)
{
    vx_ctl_hostfile hosts = { 0 };
    char *listen = NULL;
    vx_error err = { 0 };

    (void)state;
    vx_assert_ok(vx_ctl_hostfile_parse(bytes_of("\nno-such-host.invalid\n"), "hosts", &hosts, NULL),
                 NULL);
    vx_assert_status(vx_ctl_reach_listen(&hosts, "hosts", &listen, &err), VX_ERR_UNAVAILABLE, NULL);
    assert_non_null(strstr(err.message, "hosts:2: "));
    assert_non_null(strstr(err.message, "'no-such-host.invalid'"));
    vx_ctl_hostfile_clear(&hosts);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_version_of_open_mpi_is_found),
        cmocka_unit_test(another_mpi_is_told_by_its_own_words),
        cmocka_unit_test(a_program_that_is_no_mpirun_is_run_and_refused),
        cmocka_unit_test(the_answers_of_the_hosts_are_judged),
        cmocka_unit_test(the_words_of_mpirun_lose_their_ornament),
        cmocka_unit_test(the_words_of_mpirun_are_few),
        cmocka_unit_test(a_start_that_fails_names_the_unknown_host),
        cmocka_unit_test(a_start_that_hangs_is_ended_and_names_who_is_silent),
        cmocka_unit_test(hosts_of_this_machine_reach_the_loop),
        cmocka_unit_test(hosts_that_nobody_knows_need_an_address),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
