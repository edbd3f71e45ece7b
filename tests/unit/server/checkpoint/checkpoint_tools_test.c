#include "checkpoint_sample.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include <simulation/disk.h>

#include <vx_base/alloc.h>
#include <vx_base/bytes.h>
#include <vx_base/file.h>

#define LARGE (1u << 20)
#define RUN   "runs/one"

typedef struct seen_list {
    size_t count;
    uint64_t rounds[8], bytes[8];
    uint32_t epoch[8];
    bool stays[8];
    char why[8][400]; /* "" = valid */
} seen_list;

static void note_entry(void *context, const vx_checkpoint_entry *entry)
{
    seen_list *seen = context;
    size_t i = seen->count++;

    assert_true(i < 8);
    seen->rounds[i] = entry->rounds;
    seen->epoch[i] = entry->epoch;
    seen->bytes[i] = entry->bytes;
    seen->stays[i] = entry->stays;
    (void)snprintf(seen->why[i], sizeof(seen->why[i]), "%s",
                   entry->broken != NULL ? entry->broken->message : "");
}

static int make_disk(void **state)
{
    *state = vx_sim_disk_create(1, LARGE);
    vx_files_install(vx_sim_disk_files(*state));
    vx_assert_ok(vx_file_make_folder(RUN, NULL), NULL);
    return 0;
}

static int end_disk(void **state)
{
    vx_files_install(NULL);
    vx_sim_disk_destroy(*state);
    return 0;
}

static char *file_of(uint64_t rounds, const char *name)
{
    return vx_format(RUN "/checkpoint-%010llu/%s", (unsigned long long)rounds, name);
}

/* Flips one bit; the size stays. Returns the digests before and after. */
static void damage(uint64_t rounds, const char *name, vx_digest *ret_before, vx_digest *ret_after)
{
    char *path = file_of(rounds, name);
    vx_bytes content = { NULL, 0 };

    vx_assert_ok(vx_file_read(path, LARGE, &content, NULL), NULL);
    *ret_before = vx_digest_of(content.at, content.size);
    content.at[content.size - 1] ^= 1;
    *ret_after = vx_digest_of(content.at, content.size);
    vx_assert_ok(vx_file_replace(path, (vx_cbytes){ content.at, content.size }, 0644, NULL), NULL);
    vx_free(content.at);
    vx_free(path);
}

static void damage_only(uint64_t rounds, const char *name)
{
    vx_digest before;
    vx_digest after;

    damage(rounds, name, &before, &after);
}

static void shorten(uint64_t rounds, const char *name)
{
    char *path = file_of(rounds, name);

    vx_assert_ok(vx_file_replace(path, (vx_cbytes){ (const uint8_t *)"{", 1 }, 0644, NULL), NULL);
    vx_free(path);
}

static void list_tells_what_there_is_the_newest_first(void **state)
{
    seen_list seen = { 0 };
    char *manifest = file_of(20, "manifest.json");
    vx_error err = { 0 };

    (void)state;
    vx_assert_ok(vx_checkpoint_list(RUN, VX_CHECKPOINT_LOOK, note_entry, &seen, &err), &err);
    assert_int_equal(seen.count, 0);
    for (uint64_t rounds = 10; rounds <= 40; rounds += 10)
        write_sample(RUN, rounds, 9);
    shorten(20, "optimiser.safetensors");
    shorten(30, "manifest.json");
    vx_assert_ok(vx_checkpoint_list(RUN, VX_CHECKPOINT_LOOK, note_entry, &seen, &err), &err);
    assert_int_equal(seen.count, 4);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(seen.rounds[i], 40 - 10 * i);
    assert_int_equal(seen.epoch[0], 3);
    assert_int_equal(seen.epoch[1], 0); /* not known */
    assert_true(seen.bytes[0] > 300 && seen.bytes[0] < 4096);
    assert_string_equal(seen.why[0], "");
    assert_non_null(strstr(seen.why[1], "manifest.json"));
    assert_non_null(strstr(seen.why[2], "optimiser.safetensors: 1 bytes, the manifest says "));
    assert_string_equal(seen.why[3], "");
    vx_free(manifest);
}

static void a_look_reads_sizes_only_and_verify_reads_all(void **state)
{
    seen_list look = { 0 };
    seen_list verify = { 0 };

    (void)state;
    write_sample(RUN, 10, 9);
    damage_only(10, "parameters.safetensors");
    vx_assert_ok(vx_checkpoint_list(RUN, VX_CHECKPOINT_LOOK, note_entry, &look, NULL), NULL);
    vx_assert_ok(vx_checkpoint_list(RUN, VX_CHECKPOINT_VERIFY, note_entry, &verify, NULL), NULL);
    assert_string_equal(look.why[0], "");
    assert_non_null(strstr(verify.why[0], "its digest is "));
}

static void verify_names_every_broken_file_with_both_digests(void **state)
{
    static const char *const names[] = { "parameters.safetensors", "optimiser.safetensors",
                                         "workers.safetensors" };
    skipped_list found = { 0 };
    vx_digest before[3];
    vx_digest after[3];
    char text[VX_DIGEST_TEXT_SIZE];
    vx_error err = { 0 };

    (void)state;
    vx_assert_ok(vx_checkpoint_write(RUN, sample_workers(10), 1, 0, &err), &err);
    vx_assert_ok(vx_checkpoint_verify(RUN "/checkpoint-0000000010", note_skipped, &found, &err),
                 &err);
    assert_int_equal(found.count, 0);
    for (size_t i = 0; i < 3; i++)
        damage(10, names[i], &before[i], &after[i]);
    vx_assert_status(vx_checkpoint_verify(RUN "/checkpoint-0000000010", note_skipped, &found, &err),
                     VX_ERR_DATA, &err);
    assert_int_equal(found.count, 3);
    for (size_t i = 0; i < 3; i++) {
        assert_non_null(strstr(found.folder[i], names[i]));
        assert_non_null(strstr(found.why[i].message, vx_digest_text(before[i], text)));
        assert_non_null(strstr(found.why[i].message, vx_digest_text(after[i], text)));
    }
    assert_string_equal(err.message, found.why[0].message);
}

static void verify_tells_of_a_missing_folder_and_a_damaged_manifest(void **state)
{
    skipped_list found = { 0 };
    vx_error err = { 0 };

    (void)state;
    vx_assert_status(vx_checkpoint_verify(RUN "/none", NULL, NULL, &err), VX_ERR_NOT_FOUND, &err);
    write_sample(RUN, 10, 9);
    shorten(10, "manifest.json");
    vx_assert_status(vx_checkpoint_verify(RUN "/checkpoint-0000000010", note_skipped, &found, &err),
                     VX_ERR_DATA, &err);
    assert_int_equal(found.count, 1);
}

static void a_checkpoint_opens_by_its_folder_under_any_name(void **state)
{
    const vx_files *files = vx_files_current();
    vx_checkpoint_loaded *loaded = NULL;
    vx_error err = { 0 };

    (void)state;
    write_sample(RUN, 10, 9);
    assert_int_equal(files->rename(files->context, RUN "/checkpoint-0000000010", RUN "/mine"), 0);
    vx_assert_ok(vx_checkpoint_open(RUN "/mine", &loaded, &err), &err);
    assert_int_equal(vx_checkpoint_content(loaded)->rounds, 10);
    assert_string_equal(vx_checkpoint_folder(loaded), RUN "/mine");
    vx_checkpoint_close(loaded);
    assert_int_equal(files->rename(files->context, RUN "/mine", RUN "/checkpoint-0000000011"), 0);
    vx_assert_status(vx_checkpoint_open(RUN "/checkpoint-0000000011", &loaded, &err), VX_ERR_DATA,
                     &err);
}

static void prune_keeps_the_newest_valid_ones_and_each_th(void **state)
{
    seen_list dry = { 0 };
    seen_list seen = { 0 };
    vx_error err = { 0 };

    (void)state;
    for (uint64_t rounds = 10; rounds <= 60; rounds += 10)
        write_sample(RUN, rounds, 9);
    damage_only(60, "parameters.safetensors"); /* stays and does not count */
    damage_only(10, "parameters.safetensors");
    vx_assert_ok(vx_checkpoint_prune(RUN, 2, 20, true, note_entry, &dry, &err), &err);
    assert_int_equal(dry.count, 6);
    vx_assert_ok(vx_checkpoint_prune(RUN, 2, 20, false, note_entry, &seen, &err), &err);
    assert_memory_equal(seen.stays, dry.stays, sizeof(seen.stays));
    for (size_t i = 0; i < 6; i++) {
        char *manifest = file_of(60 - 10 * i, "manifest.json");

        assert_int_equal(seen.rounds[i], 60 - 10 * i);
        assert_int_equal(seen.stays[i], i != 3 && i != 5);
        assert_int_equal(vx_file_exists(manifest), seen.stays[i]);
        vx_free(manifest);
    }
    assert_int_equal(newest(RUN, NULL), 50);
}

static void a_crash_while_it_is_pruned_leaves_the_newest_one(void **state)
{
    vx_status status = VX_ERR_IO;

    for (uint64_t k = 1; status != VX_OK; k++) {
        (void)end_disk(state);
        (void)make_disk(state);
        for (uint64_t rounds = 10; rounds <= 30; rounds += 10)
            write_sample(RUN, rounds, 9);
        vx_sim_disk_stop(*state, k);
        status = vx_checkpoint_prune(RUN, 1, 0, false, NULL, NULL, NULL);
        vx_sim_disk_crash(*state);
        assert_int_equal(newest(RUN, NULL), 30);
    }
}

/* Changes the manifest's text and seals it again as the writer does. */
static void rewrite_manifest(uint64_t rounds, const char *key, json_t *value)
{
    char *path = file_of(rounds, "manifest.json");
    char digest[VX_DIGEST_TEXT_SIZE];
    vx_bytes text = { NULL, 0 };
    char *dumped = NULL;
    json_t *json = NULL;

    vx_assert_ok(vx_file_read(path, LARGE, &text, NULL), NULL);
    json = json_loadb((const char *)text.at, text.size, 0, NULL);
    assert_non_null(json);
    (void)json_object_del(json, "digest");
    (void)json_object_set_new(json, key, value);
    dumped = json_dumps(json, JSON_COMPACT | JSON_SORT_KEYS);
    vx_digest_text(vx_digest_of(dumped, strlen(dumped)), digest);
    free(dumped);
    (void)json_object_set_new(json, "digest", json_string(digest));
    dumped = json_dumps(json, JSON_INDENT(2));
    vx_assert_ok(
        vx_file_replace(path, (vx_cbytes){ (const uint8_t *)dumped, strlen(dumped) }, 0644, NULL),
        NULL);
    free(dumped);
    json_decref(json);
    vx_free(text.at);
    vx_free(path);
}

static void another_format_is_refused_with_both_numbers(void **state)
{
    static const int formats[] = { 1, 3 };
    vx_error err = { 0 };

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        char expected[80];

        write_sample(RUN, 10, 9);
        rewrite_manifest(10, "format", json_integer(formats[i]));
        vx_assert_status(vx_checkpoint_verify(RUN "/checkpoint-0000000010", NULL, NULL, &err),
                         VX_ERR_DATA, &err);
        (void)snprintf(expected, sizeof(expected), "it has format %d, this program reads format 2",
                       formats[i]);
        assert_non_null(strstr(err.message, expected));
        assert_non_null(strstr(err.message, RUN "/checkpoint-0000000010/manifest.json: "));
    }
}

static void rounds_of_workers_fit_their_tensors(void **state)
{
    static const char *const objects[] = { "{}", "{\"slot.3.momentum\": 9}",
                                           "{\"slot.3.momentum\": 9, \"slot.4.momentum\": 8}",
                                           "{\"slot.3.momentum\": 9, \"slot.10.momentum\": -1}",
                                           "[9, 8]" };
    vx_error err = { 0 };

    (void)state;
    for (size_t i = 0; i < sizeof(objects) / sizeof(objects[0]); i++) {
        vx_assert_ok(vx_checkpoint_write(RUN, sample_workers(10), 9, 0, &err), &err);
        rewrite_manifest(10, "workers_round", json_loads(objects[i], 0, NULL));
        vx_assert_status(vx_checkpoint_verify(RUN "/checkpoint-0000000010", NULL, NULL, &err),
                         VX_ERR_DATA, &err);
        assert_non_null(strstr(err.message, RUN "/checkpoint-0000000010/manifest.json: "));
        assert_int_equal(newest(RUN, NULL), 0);
    }
}

static void tools_survive_the_failure_of_every_allocation(void **state)
{
    int k = 0;

    (void)state;
    for (uint64_t rounds = 10; rounds <= 30; rounds += 10)
        write_sample(RUN, rounds, 9);
    for (vx_status status = VX_ERR_NOMEM; status != VX_OK; k++) {
        int left = k;

        vx_alloc_set_hook(vx_test_fail_at_zero, &left);
        status = vx_checkpoint_prune(RUN, 1, 0, false, NULL, NULL, NULL);
        vx_alloc_set_hook(NULL, NULL);
        assert_true(status == VX_OK || status == VX_ERR_NOMEM);
        assert_int_equal(newest(RUN, NULL), 30);
    }
    assert_true(k > 20);
}

int main(void)
{
#define ON_DISK(test) cmocka_unit_test_setup_teardown(test, make_disk, end_disk)
    const struct CMUnitTest tests[] = {
        ON_DISK(list_tells_what_there_is_the_newest_first),
        ON_DISK(a_look_reads_sizes_only_and_verify_reads_all),
        ON_DISK(verify_names_every_broken_file_with_both_digests),
        ON_DISK(verify_tells_of_a_missing_folder_and_a_damaged_manifest),
        ON_DISK(a_checkpoint_opens_by_its_folder_under_any_name),
        ON_DISK(prune_keeps_the_newest_valid_ones_and_each_th),
        ON_DISK(a_crash_while_it_is_pruned_leaves_the_newest_one),
        ON_DISK(another_format_is_refused_with_both_numbers),
        ON_DISK(rounds_of_workers_fit_their_tensors),
        ON_DISK(tools_survive_the_failure_of_every_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
