#include <vx_test/check.h>

#include <errno.h>
#include <string.h>

#include <simulation/disk_trial.h>

#include <vx_base/alloc.h>
#include <vx_base/file.h>

#define SEEDS 100
#define LARGE (1u << 20)
#define SIZE  3000u /* of the longer content: several sectors */

static char old_text[SIZE], new_text[SIZE];
static uint64_t disk_seed; /* of the disk that is installed */

static vx_cbytes of(const char *text)
{
    return (vx_cbytes){ (const uint8_t *)text, SIZE };
}

static vx_sim_disk *disk_with_old(uint64_t seed)
{
    vx_sim_disk *disk = vx_sim_disk_create(seed, LARGE);

    disk_seed = seed;
    memset(old_text, 'o', SIZE);
    memset(new_text, 'n', SIZE);
    vx_files_install(vx_sim_disk_files(disk));
    vx_assert_ok(vx_file_make_folder("run", NULL), NULL);
    vx_assert_ok(vx_file_replace("run/x", of(old_text), 0644, NULL), NULL);
    return disk;
}

static void disk_end(vx_sim_disk *disk)
{
    vx_files_install(NULL);
    vx_sim_disk_destroy(disk);
}

/* Whole and old, or whole and new: true. */
static bool is_new(void)
{
    vx_bytes content = { NULL, 0 };
    vx_error err = { 0 };
    bool found_new = false;

    vx_assert_ok(vx_file_read("run/x", LARGE, &content, &err), &err);
    if (content.size != SIZE ||
        (memcmp(content.at, old_text, SIZE) != 0 && memcmp(content.at, new_text, SIZE) != 0))
        fail_msg("seed %llu: neither old nor new", (unsigned long long)disk_seed);
    found_new = content.at[0] == 'n';
    vx_free(content.at);
    return found_new;
}

static size_t entries(void)
{
    vx_names names = { 0 };
    size_t count = 0;

    vx_assert_ok(vx_file_list("run", &names, NULL), NULL);
    count = names.count;
    vx_names_clear(&names);
    return count;
}

static void a_crash_at_any_moment_of_replace_leaves_the_old_file_or_the_new_one(void **state)
{
    unsigned old = 0;
    unsigned early = 0; /* the new one though replace had not returned */

    (void)state;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        vx_status status = VX_ERR_IO;

        for (uint64_t k = 1; status != VX_OK; k++) {
            vx_sim_disk *disk = disk_with_old(seed);
            vx_error err = { 0 };
            bool found_new = false;

            vx_sim_disk_stop(disk, k);
            status = vx_file_replace("run/x", of(new_text), 0644, NULL);
            vx_sim_disk_crash(disk);
            found_new = is_new();
            assert_true(found_new || status != VX_OK);
            old += !found_new;
            early += found_new && status != VX_OK;
            vx_assert_ok(vx_file_replace("run/x", of(new_text), 0644, &err), &err);
            assert_true(is_new());
            disk_end(disk);
        }
    }
    assert_true(old > 0 && early > 0);
}

static vx_status replace(vx_error *err)
{
    return vx_file_replace("run/x", of(new_text), 0644, err);
}

static void expect_failed(vx_sim_disk *disk, vx_status status)
{
    assert_int_equal(entries(), 1);
    assert_true(is_new() || status != VX_OK);
    assert_int_equal(vx_sim_disk_open_handles(disk), 0);
}

static void expect_full(vx_status status)
{
    assert_int_equal(is_new(), status == VX_OK);
    assert_int_equal(entries(), 1);
}

static const vx_disk_trial trial = { disk_with_old, disk_end,      replace,
                                     "run",         expect_failed, expect_full };

static void a_failure_of_any_operation_of_replace_leaves_no_temp_file(void **state)
{
    (void)state;
    vx_disk_trial_failures(&trial, 8);
}

static void a_full_disk_keeps_the_old_file_and_says_that_it_is_full(void **state)
{
    (void)state;
    assert_int_equal(vx_disk_trial_full(&trial), 512 * 8); /* an entry, six sectors, and one more */
}

static void a_folder_that_was_made_is_there_after_a_crash(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        vx_sim_disk *disk = vx_sim_disk_create(seed, LARGE);

        vx_files_install(vx_sim_disk_files(disk));
        vx_assert_ok(vx_file_make_folder("runs/one", NULL), NULL);
        vx_sim_disk_crash(disk);
        assert_true(vx_file_exists("runs/one"));
        disk_end(disk);
    }
}

/* The one that made it was killed before it had synced the name. */
static void a_folder_that_was_found_is_there_after_a_crash(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        vx_sim_disk *disk = vx_sim_disk_create(seed, LARGE);
        const vx_files *files = vx_sim_disk_files(disk);

        vx_files_install(files);
        assert_int_equal(files->make_folder(files->context, "runs", 0755), 0);
        assert_int_equal(files->make_folder(files->context, "runs/one", 0755), 0);
        vx_assert_ok(vx_file_make_folder("runs/one", NULL), NULL);
        vx_sim_disk_crash(disk);
        assert_true(vx_file_exists("runs/one"));
        disk_end(disk);
    }
}

static void a_folder_whose_name_cannot_be_made_durable_is_an_error(void **state)
{
    vx_sim_disk *disk = disk_with_old(1);
    vx_error err = { 0 };

    (void)state;
    vx_sim_disk_fail(disk, VX_SIM_OP_SYNC, 1, EIO);
    vx_assert_status(vx_file_make_folder("run", &err), VX_ERR_IO, &err);
    vx_assert_ok(vx_file_make_folder("run", &err), &err);
    disk_end(disk);
}

static void a_folder_above_that_may_not_be_read_is_no_obstacle(void **state)
{
    vx_sim_disk *disk = disk_with_old(1);
    vx_error err = { 0 };

    (void)state;
    vx_sim_disk_fail(disk, VX_SIM_OP_OPEN, 1, EACCES);
    vx_assert_ok(vx_file_make_folder("run", &err), &err);
    disk_end(disk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_crash_at_any_moment_of_replace_leaves_the_old_file_or_the_new_one),
        cmocka_unit_test(a_failure_of_any_operation_of_replace_leaves_no_temp_file),
        cmocka_unit_test(a_full_disk_keeps_the_old_file_and_says_that_it_is_full),
        cmocka_unit_test(a_folder_that_was_made_is_there_after_a_crash),
        cmocka_unit_test(a_folder_that_was_found_is_there_after_a_crash),
        cmocka_unit_test(a_folder_whose_name_cannot_be_made_durable_is_an_error),
        cmocka_unit_test(a_folder_above_that_may_not_be_read_is_no_obstacle),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
