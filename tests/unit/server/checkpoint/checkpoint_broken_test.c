#include "checkpoint_sample.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <vx_base/alloc.h>
#include <vx_base/file.h>

static const char *const files[] = { "parameters.safetensors", "optimiser.safetensors",
                                     "manifest.json" };

static char *path_of(const char *run_dir, size_t file)
{
    return vx_format("%s/checkpoint-0000000020/%s", run_dir, files[file]);
}

static void expect_older(const char *run_dir)
{
    skipped_list list = { 0 };

    assert_int_equal(newest(run_dir, &list), 10);
    assert_int_equal(list.count, 1);
    assert_non_null(strstr(list.folder[0], "checkpoint-0000000020"));
    assert_true(list.why[0].code != VX_OK && list.why[0].message[0] != '\0');
}

static void write_two(const char *run_dir)
{
    write_sample(run_dir, 10, 2);
    write_sample(run_dir, 20, 2);
    assert_int_equal(newest(run_dir, NULL), 20);
}

static void every_truncated_file_is_found_and_the_older_one_used(void **state)
{
    write_two(*state);
    for (size_t file = 0; file < 3; file++) {
        char *path = path_of(*state, file);
        vx_bytes content = { NULL, 0 };

        vx_assert_ok(vx_file_read(path, 65536, &content, NULL), NULL);
        /* The manifest's last byte is a line feed: without it nothing is lost. */
        for (size_t size = 0; size + (file == 2) < content.size; size++) {
            vx_test_file_put(path, content.at, size);
            expect_older(*state);
        }
        vx_test_file_put(path, content.at, content.size);
        assert_int_equal(newest(*state, NULL), 20);
        vx_free(content.at);
        vx_free(path);
    }
}

static void every_flipped_bit_of_the_tensors_is_found(void **state)
{
    write_two(*state);
    for (size_t file = 0; file < 2; file++) {
        char *path = path_of(*state, file);
        vx_bytes content = { NULL, 0 };

        vx_assert_ok(vx_file_read(path, 65536, &content, NULL), NULL);
        for (size_t bit = 0; bit < 8 * content.size; bit++) {
            content.at[bit / 8] ^= (uint8_t)(1u << bit % 8);
            vx_test_file_put(path, content.at, content.size);
            expect_older(*state);
            content.at[bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
        vx_test_file_put(path, content.at, content.size);
        vx_free(content.at);
        vx_free(path);
    }
}

static void expect_unchanged_meaning(const char *run_dir)
{
    const vx_checkpoint *expected = sample(20, true);
    const vx_checkpoint *found = NULL;
    vx_checkpoint_loaded *loaded = NULL;

    vx_assert_ok(vx_checkpoint_open_newest(run_dir, NULL, NULL, &loaded, NULL), NULL);
    found = vx_checkpoint_content(loaded);
    assert_int_equal(found->rounds, 20);
    assert_int_equal(found->epoch, expected->epoch);
    assert_string_equal(found->job, expected->job);
    assert_true(vx_digest_equal(found->config, expected->config));
    assert_true(vx_digest_equal(found->parameters_digest, expected->parameters_digest));
    vx_checkpoint_close(loaded);
}

/* A space that became a tab, or a hex digit in another case, says the same. */
static void every_flipped_bit_of_the_manifest_is_found_or_changes_nothing(void **state)
{
    char *path = path_of(*state, 2);
    vx_bytes content = { NULL, 0 };
    size_t found = 0;

    write_two(*state);
    vx_assert_ok(vx_file_read(path, 65536, &content, NULL), NULL);
    for (size_t bit = 0; bit < 8 * content.size; bit++) {
        content.at[bit / 8] ^= (uint8_t)(1u << bit % 8);
        vx_test_file_put(path, content.at, content.size);
        if (newest(*state, NULL) == 20)
            expect_unchanged_meaning(*state);
        else
            found++;
        content.at[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    assert_true(found > 7 * content.size);
    vx_free(content.at);
    vx_free(path);
}

static void a_missing_file_is_found(void **state)
{
    for (size_t file = 0; file < 3; file++) {
        char *path = path_of(*state, file);

        write_two(*state);
        assert_int_equal(unlink(path), 0);
        expect_older(*state);
        assert_int_equal(mkdir(path, 0700), 0); /* nor does a folder of that name do */
        expect_older(*state);
        assert_int_equal(rmdir(path), 0);
        vx_free(path);
    }
}

static void a_folder_under_another_number_is_found(void **state)
{
    char *from = vx_format("%s/checkpoint-0000000020", (char *)*state);
    char *to = vx_format("%s/checkpoint-0000000021", (char *)*state);
    skipped_list list = { 0 };

    write_two(*state);
    assert_int_equal(rename(from, to), 0);
    assert_int_equal(newest(*state, &list), 10);
    assert_int_equal(list.count, 1);
    assert_memory_equal(list.why[0].message, to, strlen(to));
    assert_string_equal(list.why[0].message + strlen(to), "/manifest.json: it is of round 20");
    vx_free(to);
    vx_free(from);
}

static void names_that_are_no_checkpoint_are_passed_over(void **state)
{
    static const char *const names[] = { "checkpoint-",
                                         "checkpoint-20",
                                         "checkpoint-00000000030",
                                         "checkpoint-0000000030x",
                                         "checkpoint-+000000030",
                                         "checkpoint-99999999999999999999",
                                         ".tmp-checkpoint-1" };
    skipped_list list = { 0 };

    write_sample(*state, 10, 2);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        char *path = vx_format("%s/%s", (char *)*state, names[i]);

        assert_int_equal(mkdir(path, 0700), 0);
        vx_free(path);
    }
    assert_int_equal(newest(*state, &list), 10);
    assert_int_equal(list.count, 0);
}

static void when_all_are_broken_there_is_none(void **state)
{
    skipped_list list = { 0 };
    vx_checkpoint_loaded *loaded = NULL;
    vx_error err = { 0 };

    write_two(*state);
    for (int rounds = 10; rounds <= 20; rounds += 10) {
        char *path = vx_format("%s/checkpoint-%010d/manifest.json", (char *)*state, rounds);

        vx_test_file_put(path, (const uint8_t *)"{}", 2);
        vx_free(path);
    }
    vx_assert_status(vx_checkpoint_open_newest(*state, note_skipped, &list, &loaded, &err),
                     VX_ERR_NOT_FOUND, &err);
    assert_int_equal(list.count, 2);
    assert_non_null(strstr(list.folder[0], "0000000020"));
    assert_non_null(strstr(err.message, "no checkpoint that is valid"));
}

static void write_survives_the_failure_of_every_allocation(void **state)
{
    char *folder = vx_format("%s/checkpoint-0000000020", (char *)*state);
    int k = 0;

    write_sample(*state, 10, 2);
    for (vx_status status = VX_ERR_NOMEM; status != VX_OK; k++) {
        int left = k;

        vx_alloc_set_hook(vx_test_fail_at_zero, &left);
        status = vx_checkpoint_write(*state, sample(20, true), 2, 0, NULL);
        vx_alloc_set_hook(NULL, NULL);
        assert_int_equal(newest(*state, NULL), access(folder, F_OK) == 0 ? 20 : 10);
        assert_true(status == VX_OK || status == VX_ERR_NOMEM);
    }
    assert_int_equal(vx_test_folder_entries(*state), 2);
    assert_int_equal(newest(*state, NULL), 20);
    assert_true(k > 10);
    vx_free(folder);
}

static void open_survives_the_failure_of_every_allocation(void **state)
{
    vx_checkpoint_loaded *loaded = NULL;
    int k = 0;

    write_sample(*state, 10, 1);
    for (vx_status status = VX_ERR_NOMEM; status != VX_OK; k++) {
        int left = k;

        vx_alloc_set_hook(vx_test_fail_at_zero, &left);
        status = vx_checkpoint_open_newest(*state, NULL, NULL, &loaded, NULL);
        vx_alloc_set_hook(NULL, NULL);
        assert_true((status == VX_OK) == (loaded != NULL));
    }
    assert_true(k > 10);
    vx_checkpoint_close(loaded);
}

int main(void)
{
#define IN_FOLDER(test)                                                                            \
    cmocka_unit_test_setup_teardown(test, vx_test_folder_setup, vx_test_folder_teardown)
    const struct CMUnitTest tests[] = {
        IN_FOLDER(every_truncated_file_is_found_and_the_older_one_used),
        IN_FOLDER(every_flipped_bit_of_the_tensors_is_found),
        IN_FOLDER(every_flipped_bit_of_the_manifest_is_found_or_changes_nothing),
        IN_FOLDER(a_missing_file_is_found),
        IN_FOLDER(a_folder_under_another_number_is_found),
        IN_FOLDER(names_that_are_no_checkpoint_are_passed_over),
        IN_FOLDER(when_all_are_broken_there_is_none),
        IN_FOLDER(write_survives_the_failure_of_every_allocation),
        IN_FOLDER(open_survives_the_failure_of_every_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
