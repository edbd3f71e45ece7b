#include "checkpoint_sample.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <vx_base/alloc.h>
#include <vx_base/file.h>

static void what_is_written_is_read_back(void **state)
{
    const vx_checkpoint *written = sample(1000, true);
    const vx_checkpoint *found = NULL;
    vx_checkpoint_loaded *loaded = NULL;
    char *folder = vx_format("%s/checkpoint-0000001000", (char *)*state);
    vx_error err = { 0 };

    vx_assert_ok(vx_checkpoint_write(*state, written, 3, 0, &err), &err);
    vx_assert_ok(vx_checkpoint_open_newest(*state, NULL, NULL, &loaded, &err), &err);
    found = vx_checkpoint_content(loaded);
    assert_string_equal(vx_checkpoint_folder(loaded), folder);
    assert_int_equal(found->rounds, 1000);
    assert_int_equal(found->epoch, 3);
    assert_string_equal(found->job, written->job);
    assert_string_equal(found->blas, written->blas);
    assert_true(vx_digest_equal(found->config, written->config));
    assert_true(vx_digest_equal(found->parameters_digest, written->parameters_digest));
    assert_int_equal(found->parameters_count, 2);
    assert_string_equal(found->parameters[0].name, "w");
    assert_memory_equal(found->parameters[0].at, written->parameters[0].at, 24);
    assert_string_equal(found->parameters[1].name, "b");
    assert_memory_equal(found->parameters[1].at, written->parameters[1].at, 12);
    assert_int_equal(found->state_count, 1);
    assert_memory_equal(found->state[0].at, written->state[0].at, 36);
    assert_null(vx_checkpoint_close(loaded));
    assert_int_equal(vx_test_folder_entries(folder), 3);
    assert_int_equal(vx_test_folder_entries(*state), 1);
    vx_free(folder);
}

static void a_checkpoint_without_state_has_two_files(void **state)
{
    char *folder = vx_format("%s/checkpoint-0000000000", (char *)*state);
    vx_checkpoint_loaded *loaded = NULL;
    struct stat info;

    vx_assert_ok(vx_checkpoint_write(*state, sample(0, false), 1, 0, NULL), NULL);
    assert_int_equal(vx_test_folder_entries(folder), 2);
    assert_int_equal(stat(folder, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0755);
    vx_assert_ok(vx_checkpoint_open_newest(*state, NULL, NULL, &loaded, NULL), NULL);
    assert_int_equal(vx_checkpoint_content(loaded)->state_count, 0);
    vx_checkpoint_close(loaded);
    vx_free(folder);
}

static void state_of_workers_is_read_back_with_its_rounds(void **state)
{
    const vx_checkpoint *written = sample_workers(50);
    const vx_checkpoint *found = NULL;
    vx_checkpoint_loaded *loaded = NULL;
    char *folder = vx_format("%s/checkpoint-0000000050", (char *)*state);
    vx_error err = { 0 };

    vx_assert_ok(vx_checkpoint_write(*state, written, 3, 0, &err), &err);
    assert_int_equal(vx_test_folder_entries(folder), 4);
    vx_assert_ok(vx_checkpoint_open(folder, &loaded, &err), &err);
    found = vx_checkpoint_content(loaded);
    assert_int_equal(found->state_count, 1);
    assert_int_equal(found->workers_count, 2);
    for (size_t i = 0; i < 2; i++) {
        assert_string_equal(found->workers[i].name, written->workers[i].name);
        assert_memory_equal(found->workers[i].at, written->workers[i].at, 36);
        assert_int_equal(found->workers_round[i], 49 - i);
    }
    vx_checkpoint_close(loaded);
    vx_free(folder);
}

static void state_of_workers_needs_none_of_the_optimiser(void **state)
{
    vx_checkpoint content = *sample_workers(50);
    vx_checkpoint_loaded *loaded = NULL;
    vx_error err = { 0 };

    content.state_count = 0;
    vx_assert_ok(vx_checkpoint_write(*state, &content, 3, 0, &err), &err);
    vx_assert_ok(vx_checkpoint_open_newest(*state, NULL, NULL, &loaded, &err), &err);
    assert_int_equal(vx_checkpoint_content(loaded)->state_count, 0);
    assert_int_equal(vx_checkpoint_content(loaded)->workers_count, 2);
    vx_checkpoint_close(loaded);
}

static void as_many_workers_as_a_job_may_have_fit(void **state)
{
    static vx_tensor workers[VX_WORKERS_MAX];
    static uint64_t rounds[VX_WORKERS_MAX];
    static const float value = 1.5f;
    vx_checkpoint content = *sample(VX_ROUNDS_MAX, true);
    vx_checkpoint_loaded *loaded = NULL;
    vx_error err = { 0 };

    for (size_t i = 0; i < VX_WORKERS_MAX; i++) {
        workers[i] = (vx_tensor){ .rank = 1, .shape = { 1 }, .at = &value };
        (void)snprintf(workers[i].name, sizeof(workers[i].name), "slot.%zu.momentum", i);
        rounds[i] = VX_ROUNDS_MAX - i;
    }
    content.workers = workers;
    content.workers_count = VX_WORKERS_MAX;
    content.workers_round = rounds;
    vx_assert_ok(vx_checkpoint_write(*state, &content, 1, 0, &err), &err);
    vx_assert_ok(vx_checkpoint_open_newest(*state, NULL, NULL, &loaded, &err), &err);
    assert_memory_equal(vx_checkpoint_content(loaded)->workers_round, rounds, sizeof(rounds));
    vx_checkpoint_close(loaded);
}

static void each_keep_every_th_round_stays_too(void **state)
{
    for (uint64_t rounds = 10; rounds <= 80; rounds += 10)
        vx_assert_ok(vx_checkpoint_write(*state, sample(rounds, false), 2, 30, NULL), NULL);
    assert_int_equal(vx_test_folder_entries(*state), 4); /* 30, 60, 70, 80 */
    for (uint64_t rounds = 30; rounds <= 60; rounds += 30) {
        char *folder =
            vx_format("%s/checkpoint-%010llu", (char *)*state, (unsigned long long)rounds);

        assert_true(vx_file_exists(folder));
        vx_free(folder);
    }
    write_sample(*state, 90, 1);
    assert_int_equal(vx_test_folder_entries(*state), 1);
}

static void the_newest_keep_stay(void **state)
{
    for (uint64_t rounds = 9; rounds <= 13; rounds++)
        write_sample(*state, rounds, 2);
    assert_int_equal(vx_test_folder_entries(*state), 2);
    assert_int_equal(newest(*state, NULL), 13);
    write_sample(*state, 14, 1);
    assert_int_equal(vx_test_folder_entries(*state), 1);
    write_sample(*state, 10000000000, 5); /* more digits than the names have zeros */
    assert_int_equal(newest(*state, NULL), 10000000000);
    assert_int_equal(vx_test_folder_entries(*state), 2);
}

static uint64_t oldest_kept(const char *run_dir, uint64_t rounds, uint64_t keep)
{
    uint64_t oldest = UINT64_MAX;

    vx_assert_ok(vx_checkpoint_oldest_kept(run_dir, rounds, keep, &oldest, NULL), NULL);
    return oldest;
}

/* Some were left out, some stay for good, one is of a later round that was found broken. */
static void the_oldest_that_may_be_gone_back_to_is_known(void **state)
{
    static const uint64_t written[] = { 10, 20, 50, 90 };

    (void)state;
    assert_int_equal(oldest_kept(*state, 100, 1), 0);
    for (size_t i = 0; i < sizeof(written) / sizeof(written[0]); i++)
        vx_assert_ok(vx_checkpoint_write(*state, sample(written[i], false), 9, 0, NULL), NULL);
    assert_int_equal(oldest_kept(*state, 60, 1), 50);
    assert_int_equal(oldest_kept(*state, 60, 2), 20);
    assert_int_equal(oldest_kept(*state, 90, 2), 50);
    assert_int_equal(oldest_kept(*state, 60, 4), 0);
}

static void a_run_that_was_set_back_keeps_what_it_writes(void **state)
{
    char *broken = vx_format("%s/checkpoint-0000000030/manifest.json", (char *)*state);

    write_sample(*state, 10, 5);
    write_sample(*state, 30, 5);
    assert_int_equal(remove(broken), 0);
    write_sample(*state, 20, 1);
    assert_int_equal(newest(*state, NULL), 20);
    write_sample(*state, 30, 1); /* takes the place of the broken one */
    assert_int_equal(newest(*state, NULL), 30);
    assert_int_equal(vx_test_folder_entries(*state), 1);
    vx_free(broken);
}

static void a_checkpoint_of_the_same_rounds_is_replaced(void **state)
{
    vx_checkpoint other = *sample(10, true);
    vx_checkpoint_loaded *loaded = NULL;

    write_sample(*state, 10, 2);
    other.epoch = 4;
    vx_assert_ok(vx_checkpoint_write(*state, &other, 2, 0, NULL), NULL);
    vx_assert_ok(vx_checkpoint_open_newest(*state, NULL, NULL, &loaded, NULL), NULL);
    assert_int_equal(vx_checkpoint_content(loaded)->epoch, 4);
    vx_checkpoint_close(loaded);
    assert_int_equal(vx_test_folder_entries(*state), 1);
}

static void what_a_killed_writer_left_is_removed(void **state)
{
    char *folder = vx_format("%s/.tmp-checkpoint-abcdef", (char *)*state);
    char *file = vx_format("%s/parameters.safetensors.tmp.x", folder);
    char *other = vx_format("%s/ledger.db", (char *)*state);
    vx_cbytes text = { (const uint8_t *)"x", 1 };

    assert_int_equal(mkdir(folder, 0700), 0);
    vx_assert_ok(vx_file_replace(file, text, 0600, NULL), NULL);
    vx_assert_ok(vx_file_replace(other, text, 0600, NULL), NULL);
    assert_int_equal(newest(*state, NULL), 0);
    write_sample(*state, 5, 1);
    assert_int_equal(vx_test_folder_entries(*state), 2); /* the checkpoint and the other file */
    vx_free(other);
    vx_free(file);
    vx_free(folder);
}

/* Somebody else's file in the place of a checkpoint must not stand in the way for ever. */
static void a_file_with_the_name_of_a_checkpoint_is_replaced_and_removed(void **state)
{
    static const char *const names[] = { "checkpoint-0000000010", "checkpoint-0000000020",
                                         ".tmp-checkpoint-new" };

    for (size_t i = 0; i < 3; i++) {
        char *path = vx_format("%s/%s", (char *)*state, names[i]);

        vx_test_file_put(path, "x", 1);
        write_sample(*state, 20, 1);
        write_sample(*state, 30, 1);
        assert_int_equal(newest(*state, NULL), 30);
        assert_int_equal(vx_test_folder_entries(*state), 1);
        vx_free(path);
    }
}

static void a_failed_write_leaves_the_older_ones_and_no_rest(void **state)
{
    struct rlimit old;
    vx_status status = VX_ERR_IO;
    vx_error err = { 0 };
    rlim_t limit = 0;

    write_sample(*state, 5, 1);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    (void)signal(SIGXFSZ, SIG_IGN);
    for (; status != VX_OK; limit += 10) { /* each file fails at some limit */
        struct rlimit small = { limit, old.rlim_max };

        assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
        status = vx_checkpoint_write(*state, sample(6, true), 1, 0, &err);
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
        assert_true(status == VX_OK || status == VX_ERR_IO);
        assert_int_equal(vx_test_folder_entries(*state), 1);
        assert_int_equal(newest(*state, NULL), status == VX_OK ? 6 : 5);
    }
    assert_true(limit > 300);
}

static void a_missing_run_folder_is_told(void **state)
{
    char *run_dir = vx_format("%s/none", (char *)*state);
    vx_checkpoint_loaded *loaded = NULL;
    vx_error err = { 0 };

    assert_int_equal(vx_checkpoint_open_newest(run_dir, NULL, NULL, &loaded, &err),
                     VX_ERR_NOT_FOUND);
    assert_true(vx_checkpoint_write(run_dir, sample(1, true), 1, 0, &err) != VX_OK);
    assert_non_null(strstr(err.message, run_dir));
    assert_int_equal(vx_checkpoint_open_newest(*state, NULL, NULL, &loaded, &err),
                     VX_ERR_NOT_FOUND);
    assert_non_null(strstr(err.message, "no checkpoint"));
    vx_free(run_dir);
}

int main(void)
{
#define IN_FOLDER(test)                                                                            \
    cmocka_unit_test_setup_teardown(test, vx_test_folder_setup, vx_test_folder_teardown)
    const struct CMUnitTest tests[] = {
        IN_FOLDER(what_is_written_is_read_back),
        IN_FOLDER(a_checkpoint_without_state_has_two_files),
        IN_FOLDER(state_of_workers_is_read_back_with_its_rounds),
        IN_FOLDER(state_of_workers_needs_none_of_the_optimiser),
        IN_FOLDER(as_many_workers_as_a_job_may_have_fit),
        IN_FOLDER(each_keep_every_th_round_stays_too),
        IN_FOLDER(the_newest_keep_stay),
        IN_FOLDER(the_oldest_that_may_be_gone_back_to_is_known),
        IN_FOLDER(a_run_that_was_set_back_keeps_what_it_writes),
        IN_FOLDER(a_checkpoint_of_the_same_rounds_is_replaced),
        IN_FOLDER(what_a_killed_writer_left_is_removed),
        IN_FOLDER(a_file_with_the_name_of_a_checkpoint_is_replaced_and_removed),
        IN_FOLDER(a_failed_write_leaves_the_older_ones_and_no_rest),
        IN_FOLDER(a_missing_run_folder_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
