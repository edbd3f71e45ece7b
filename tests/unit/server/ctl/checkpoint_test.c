#include <checkpoint_sample.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include <vx_base/alloc.h>
#include <vx_base/bytes.h>
#include <vx_base/file.h>

#include "vexil.h"

#define WORDS_MAX 12

/* Runs `vexil checkpoint WORDS`. */
static int run(const char *const *words)
{
    const char *all[WORDS_MAX + 2] = { "checkpoint" };

    for (size_t i = 0; words[i] != NULL; i++)
        all[i + 1] = words[i];
    return vexil(all);
}

#define RUN(...) run((const char *const[]){ __VA_ARGS__, NULL })

static char *path_of(const char *run_dir, uint64_t rounds, const char *name)
{
    return vx_format("%s/checkpoint-%010llu%s%s", run_dir, (unsigned long long)rounds,
                     name[0] != '\0' ? "/" : "", name);
}

/* Flips a bit of the last byte, and tells the digests of both. */
static void damage(const char *path, vx_digest *ret_before, vx_digest *ret_after)
{
    vx_bytes content = { NULL, 0 };

    vx_assert_ok(vx_file_read(path, 1 << 20, &content, NULL), NULL);
    *ret_before = vx_digest_of(content.at, content.size);
    content.at[content.size - 1] ^= 1;
    *ret_after = vx_digest_of(content.at, content.size);
    vx_assert_ok(vx_file_replace(path, (vx_cbytes){ content.at, content.size }, 0644, NULL), NULL);
    vx_free(content.at);
}

static void list_prints_a_row_a_checkpoint(void **state)
{
    char *manifest = path_of(*state, 20, "manifest.json");
    char *row = NULL;

    assert_int_equal(RUN("list", "--run-dir", *state), 0);
    assert_null(strstr(vexil_output, "complete"));
    write_sample(*state, 10, 9);
    write_sample(*state, 20, 9);
    vx_assert_ok(vx_file_replace(manifest, (vx_cbytes){ (const uint8_t *)"{}", 2 }, 0644, NULL),
                 NULL);
    assert_int_equal(RUN("list", "--run-dir", *state), 0);
    vexil_says("rounds  epoch        size      age  state\n        20      -");
    vexil_says("broken: ");
    vexil_says(manifest);
    vexil_says(": no digest\n");
    row = strstr(vexil_output, "\n        10      3");
    assert_non_null(row);
    assert_non_null(strstr(row, "complete"));
    vx_free(manifest);
}

static void list_as_json_is_one_object(void **state)
{
    json_t *root = NULL;
    const json_t *entry = NULL;

    write_sample(*state, 10, 9);
    assert_int_equal(RUN("list", "--run-dir", *state, "--json"), 0);
    root = json_loads(vexil_output, 0, NULL);
    assert_int_equal(json_integer_value(json_object_get(root, "format")), 1);
    assert_string_equal(json_string_value(json_object_get(root, "run_dir")), *state);
    assert_int_equal(json_array_size(json_object_get(root, "checkpoints")), 1);
    entry = json_array_get(json_object_get(root, "checkpoints"), 0);
    assert_int_equal(json_integer_value(json_object_get(entry, "rounds")), 10);
    assert_int_equal(json_integer_value(json_object_get(entry, "epoch")), 3);
    assert_true(json_integer_value(json_object_get(entry, "bytes")) > 300);
    assert_string_equal(json_string_value(json_object_get(entry, "state")), "complete");
    assert_string_equal(json_string_value(json_object_get(entry, "why")), "");
    assert_int_equal(strlen(json_string_value(json_object_get(entry, "written"))), 27);
    json_decref(root);
}

static void verify_exits_with_65_and_names_both_digests(void **state)
{
    char *file = path_of(*state, 20, "optimiser.safetensors");
    char *folder = path_of(*state, 20, "");
    char *older = path_of(*state, 10, "");
    char text[VX_DIGEST_TEXT_SIZE];
    vx_digest before;
    vx_digest after;

    write_sample(*state, 10, 9);
    write_sample(*state, 20, 9);
    assert_int_equal(RUN("verify", "--run-dir", *state), 0);
    assert_int_equal(RUN("verify", folder), 0);
    vexil_says("valid");
    damage(file, &before, &after);
    assert_int_equal(RUN("verify", "--run-dir", *state), 65);
    vexil_says(file);
    vexil_says(vx_digest_text(before, text));
    vexil_says(vx_digest_text(after, text));
    vexil_says("1 of 2 checkpoints broken");
    assert_int_equal(RUN("verify", folder), 65);
    assert_int_equal(RUN("verify", older), 0);
    assert_int_equal(unlink(file), 0);
    assert_int_equal(RUN("verify", folder), 65);
    vexil_says(file);
    vx_free(older);
    vx_free(folder);
    vx_free(file);
}

static void prune_removes_what_a_dry_run_says(void **state)
{
    for (uint64_t rounds = 10; rounds <= 60; rounds += 10)
        write_sample(*state, rounds, 9);
    assert_int_equal(RUN("prune", "--run-dir", *state, "--keep", "2", "--every", "30", "--dry-run"),
                     0);
    vexil_says("would remove checkpoint-0000000040\n"
               "would remove checkpoint-0000000020\n"
               "would remove checkpoint-0000000010\n"
               "3 would be removed, 3 stay\n");
    assert_int_equal(vx_test_folder_entries(*state), 7); /* run.lock too */
    assert_int_equal(RUN("prune", "--run-dir", *state, "--keep", "2", "--every", "30"), 0);
    vexil_says("removed checkpoint-0000000040\n");
    vexil_says("3 removed, 3 stay\n");
    assert_int_equal(vx_test_folder_entries(*state), 4);
    assert_int_equal(newest(*state, NULL), 60);
}

static void prune_refuses_while_a_server_holds_the_folder(void **state)
{
    char *lock = vx_path_join(*state, "run.lock");
    char expected[64];
    int handle = -1;

    write_sample(*state, 10, 9);
    write_sample(*state, 20, 9);
    vx_assert_ok(vx_file_lock(lock, &handle, NULL), NULL);
    assert_int_equal(RUN("prune", "--run-dir", *state, "--keep", "1"), 73);
    (void)snprintf(expected, sizeof(expected), "locked by process %ld", (long)getpid());
    vexil_says(expected);
    assert_int_equal(vx_test_folder_entries(*state), 3);
    vx_file_close(handle);
    assert_int_equal(RUN("prune", "--run-dir", *state, "--keep", "1"), 0);
    assert_int_equal(vx_test_folder_entries(*state), 2);
    vx_free(lock);
}

static void export_writes_one_file_with_notes(void **state)
{
    const vx_checkpoint *expected = sample(10, true);
    char *folder = path_of(*state, 10, "");
    char *out = vx_path_join(*state, "out.safetensors");
    vx_tensor_file *file = NULL;
    vx_error err = { 0 };

    write_sample(*state, 10, 9);
    assert_int_equal(RUN("export", folder, "--out", out), 0);
    vexil_says("2 tensors, 9 parameters after 10 rounds");
    vx_assert_ok(vx_safetensors_open(out, &file, &err), &err);
    assert_int_equal(vx_tensor_file_count(file), 2);
    assert_memory_equal(vx_tensor_file_at(file, 0).at, expected->parameters[0].at, 24);
    assert_string_equal(vx_tensor_file_note(file, "vexil.rounds"), "10");
    assert_string_equal(vx_tensor_file_note(file, "vexil.job"), expected->job);
    vx_tensor_file_close(file);
    vx_free(out);
    vx_free(folder);
}

static void export_writes_a_folder_of_npy_files(void **state)
{
    char *folder = path_of(*state, 10, "");
    char *out = vx_format("%s/deep/arrays/", (char *)*state);
    vx_bytes content = { NULL, 0 };
    char *file = vx_format("%sw.npy", out);

    write_sample(*state, 10, 9);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(RUN("export", folder, "--out", out), 0);
        assert_int_equal(vx_test_folder_entries(out), 2);
        out[strlen(out) - 1] = '\0'; /* a folder that is there needs no slash */
    }
    vx_assert_ok(vx_file_read(file, 4096, &content, NULL), NULL);
    assert_memory_equal(content.at + content.size - 24, sample(10, true)->parameters[0].at, 24);
    vx_free(content.at);
    vx_free(file);
    vx_free(out);
    vx_free(folder);
}

static void a_broken_checkpoint_is_not_exported(void **state)
{
    char *folder = path_of(*state, 10, "");
    char *file = path_of(*state, 10, "parameters.safetensors");
    char *out = vx_path_join(*state, "out.safetensors");
    vx_digest before;
    vx_digest after;

    write_sample(*state, 10, 9);
    damage(file, &before, &after);
    assert_int_equal(RUN("export", folder, "--out", out), 65);
    assert_false(vx_file_exists(out));
    vx_free(out);
    vx_free(file);
    vx_free(folder);
}

static void what_is_not_there_is_told(void **state)
{
    char *none = vx_path_join(*state, "none");
    char *lock = vx_path_join(none, "run.lock");

    assert_int_equal(RUN("list", "--run-dir", none), 66);
    assert_int_equal(RUN("list", "--run-dir", none, "--json"), 66);
    assert_int_equal(RUN("verify", "--run-dir", none), 66);
    assert_int_equal(RUN("verify", none), 66);
    vexil_says(none);
    assert_int_equal(RUN("verify", "--run-dir", *state), 66);
    vexil_says("no checkpoint");
    assert_int_equal(RUN("prune", "--run-dir", none, "--keep", "1"), 66);
    assert_false(vx_file_exists(lock));
    assert_int_equal(RUN("export", none, "--out", "x.safetensors"), 66);
    vx_free(lock);
    vx_free(none);
}

static void wrong_use_exits_with_2_and_says_what_was_expected(void **state)
{
    char *folder = path_of(*state, 10, "");
    static const struct {
        const char *words[8];
        const char *says;
    } uses[] = {
        { { NULL }, "an action is missing" },
        { { "lst" }, "unknown action 'lst'" },
        { { "list" }, "--run-dir is missing" },
        { { "list", "--run-dir", "a", "b" }, "unexpected argument 'b'" },
        { { "verify" }, "expected --run-dir or the folder" },
        { { "verify", "a", "--run-dir", "b" }, "expected --run-dir or the folder" },
        { { "prune", "--run-dir", "a" }, "--keep is missing" },
        { { "prune", "--run-dir", "a", "--keep", "0" }, "--keep: expected a number from 1" },
        { { "prune", "--run-dir", "a", "--keep", "1x" }, "found '1x'" },
        { { "prune", "--run-dir", "a", "--keep", "1", "--every", "0" }, "--every: expected" },
        { { "export", "a" }, "--out is missing" },
        { { "export", "--out", "x.safetensors" }, "expected the folder of a checkpoint" },
        { { "export", "a", "b", "--out", "c" }, "unexpected argument 'b'" },
    };

    for (size_t i = 0; i < sizeof(uses) / sizeof(uses[0]); i++) {
        assert_int_equal(run(uses[i].words), 2);
        vexil_says(uses[i].says);
        vexil_says("vexil checkpoint");
    }
    write_sample(*state, 10, 9);
    assert_int_equal(RUN("export", folder, "--out", "x.txt"), 2);
    vexil_says("expected FILE.safetensors");
    vx_free(folder);
}

static void help_names_every_action(void **state)
{
    static const char *const actions[] = { "list", "verify", "prune", "export" };
    static const char *const titles[] = { "vexil checkpoint list", "vexil checkpoint verify",
                                          "vexil checkpoint prune", "vexil checkpoint export" };

    (void)state;
    assert_int_equal(RUN("--help"), 0);
    for (size_t i = 0; i < 4; i++)
        vexil_says(actions[i]);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(RUN(actions[i], "--help"), 0);
        vexil_says(titles[i]);
    }
}

int main(void)
{
#define IN_FOLDER(test)                                                                            \
    cmocka_unit_test_setup_teardown(test, vx_test_folder_setup, vx_test_folder_teardown)
    const struct CMUnitTest tests[] = {
        IN_FOLDER(list_prints_a_row_a_checkpoint),
        IN_FOLDER(list_as_json_is_one_object),
        IN_FOLDER(verify_exits_with_65_and_names_both_digests),
        IN_FOLDER(prune_removes_what_a_dry_run_says),
        IN_FOLDER(prune_refuses_while_a_server_holds_the_folder),
        IN_FOLDER(export_writes_one_file_with_notes),
        IN_FOLDER(export_writes_a_folder_of_npy_files),
        IN_FOLDER(a_broken_checkpoint_is_not_exported),
        IN_FOLDER(what_is_not_there_is_told),
        IN_FOLDER(wrong_use_exits_with_2_and_says_what_was_expected),
        IN_FOLDER(help_names_every_action),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
