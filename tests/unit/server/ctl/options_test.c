#include <vx_test/check.h>

#include <stdio.h>
#include <string.h>

#include "options.h"
#include "vexil.h"

#define WORDS_MAX 24

typedef struct words {
    char text[WORDS_MAX][64];
    char *at[WORDS_MAX + 1];
    int count;
} words;

/* line cut at blanks, as a shell would. */
static words split(const char *line)
{
    words list = { .count = 0 };

    while (*line != '\0') {
        size_t length = strcspn(line, " ");

        (void)snprintf(list.text[list.count++], 64, "%.*s", (int)length, line);
        line += length + strspn(line + length, " ");
    }
    return list;
}

static vx_ctl_options parse(const char *line)
{
    static words list; /* the options borrow from it */
    vx_ctl_options options = { 0 };
    vx_error err = { 0 };

    list = split(line);
    for (int i = 0; i < list.count; i++)
        list.at[i] = list.text[i];
    list.at[list.count] = NULL;
    vx_assert_ok(
        vx_ctl_options_parse(vx_ctl_command_find(list.at[0]), list.count, list.at, &options, &err),
        &err);
    return options;
}

static void train_takes_everything_in_any_order(void **state)
{
    vx_ctl_options options =
        parse("train --set seed=2 job.yaml --rounds 50 --run-dir=r --quiet --json "
              "--bind 127.0.0.1 --interface lo --advertise a --advertise [::1]:5 --set seed=3");

    (void)state;
    assert_string_equal(options.job, "job.yaml");
    assert_string_equal(options.run_dir, "r");
    assert_int_equal(options.address.count, 8);
    assert_string_equal(options.address.at[0], "--bind");
    assert_string_equal(options.address.at[1], "127.0.0.1");
    assert_string_equal(options.address.at[3], "lo");
    assert_string_equal(options.address.at[7], "[::1]:5");
    assert_true(options.quiet && options.json && !options.resume);
    assert_int_equal(options.overrides.count, 3);
    assert_string_equal(options.overrides.at[0], "seed=2");
    assert_string_equal(options.overrides.at[1], "rounds=50");
    assert_string_equal(options.overrides.at[2], "seed=3");
    vx_ctl_options_clear(&options);
}

static void train_takes_hosts_and_words_for_mpirun(void **state)
{
    vx_ctl_options options =
        parse("train job.yaml --hostfile hosts --oversubscribe --mpirun /opt/mpirun "
              "--mpirun-arg --map-by --mpirun-arg=node");

    (void)state;
    assert_string_equal(options.hostfile, "hosts");
    assert_string_equal(options.mpirun, "/opt/mpirun");
    assert_true(options.oversubscribe);
    assert_int_equal(options.mpirun_args.count, 2);
    assert_string_equal(options.mpirun_args.at[0], "--map-by");
    assert_string_equal(options.mpirun_args.at[1], "node");
    vx_ctl_options_clear(&options);
}

static void train_takes_what_is_for_the_ranks_of_workers(void **state)
{
    vx_ctl_options options =
        parse("train job.yaml --group-launcher mpiexec.mpich --group-timeout 1000000");

    (void)state;
    assert_string_equal(options.group_launcher, "mpiexec.mpich");
    assert_string_equal(options.group_timeout, "1000000");
    vx_ctl_options_clear(&options);
}

static void a_run_can_be_resumed_without_naming_its_job(void **state)
{
    vx_ctl_options options = parse("train --resume --run-dir r");

    (void)state;
    assert_true(options.resume);
    assert_null(options.job);
    vx_ctl_options_clear(&options);
}

static void status_takes_a_folder_and_an_interval(void **state)
{
    vx_ctl_options options = parse("status --run-dir r --watch 0.5");

    (void)state;
    assert_string_equal(options.run_dir, "r");
    vx_assert_close(options.watch_s, 0.5, 0, 0);
    vx_ctl_options_clear(&options);
}

static int exit_code_of(const char *line)
{
    const char *rest[WORDS_MAX + 1] = { NULL };
    words list = split(line);

    for (int i = 1; i < list.count; i++) /* behind "vexil" */
        rest[i - 1] = list.text[i];
    return vexil(rest);
}

static void wrong_use_ends_with_2(void **state)
{
    static const char *const lines[] = {
        "vexil",
        "vexil nonsense",
        "vexil --nonsense",
        "vexil train",
        "vexil train --resume",
        "vexil train a.yaml b.yaml",
        "vexil train a.yaml --set seed",
        "vexil train a.yaml --rounds 0",
        "vexil train a.yaml --rounds -1",
        "vexil train a.yaml --rounds 5x",
        "vexil train a.yaml --bind 127.0.0.1:x",
        "vexil train a.yaml --advertise [::1",
        "vexil train a.yaml --watch 1",
        "vexil train a.yaml --group-launcher=",
        "vexil train a.yaml --group-timeout 0",
        "vexil train a.yaml --group-timeout 1000001",
        "vexil train a.yaml --group-timeout 5s",
        "vexil check a.yaml --group-timeout 5",
        "vexil check",
        "vexil check a.yaml --quiet",
        "vexil status",
        "vexil status --run-dir r extra",
        "vexil status --run-dir r --watch 0",
        "vexil stop",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        if (exit_code_of(lines[i]) != 2)
            print_error("%s\n", lines[i]);
        assert_int_equal(exit_code_of(lines[i]), 2);
    }
}

static void help_and_version_end_with_0(void **state)
{
    (void)state;
    assert_int_equal(exit_code_of("vexil --help"), 0);
    assert_int_equal(exit_code_of("vexil --version"), 0);
    assert_int_equal(exit_code_of("vexil train --help"), 0);
    assert_int_equal(exit_code_of("vexil check --version"), 0);
}

static void what_is_missing_has_its_documented_exit_code(void **state)
{
    (void)state;
    assert_int_equal(exit_code_of("vexil check /nonexistent/job.yaml"), 66);
    assert_int_equal(exit_code_of("vexil train /nonexistent/job.yaml"), 66);
    assert_int_equal(exit_code_of("vexil status --run-dir /nonexistent"), 66);
    assert_int_equal(exit_code_of("vexil stop --run-dir /"), 69);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(train_takes_everything_in_any_order),
        cmocka_unit_test(train_takes_hosts_and_words_for_mpirun),
        cmocka_unit_test(train_takes_what_is_for_the_ranks_of_workers),
        cmocka_unit_test(a_run_can_be_resumed_without_naming_its_job),
        cmocka_unit_test(status_takes_a_folder_and_an_interval),
        cmocka_unit_test(wrong_use_ends_with_2),
        cmocka_unit_test(help_and_version_end_with_0),
        cmocka_unit_test(what_is_missing_has_its_documented_exit_code),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
