#include "checkpoint_sample.h"

#include <errno.h>
#include <string.h>

#include <simulation/disk_trial.h>

#include <vx_base/file.h>

#define RUN   "runs/one"
#define LARGE (1u << 20)
#define SEEDS 12

/* A disk with checkpoints 10 and 20. */
static vx_sim_disk *disk_with_two(uint64_t seed)
{
    vx_sim_disk *disk = vx_sim_disk_create(seed, LARGE);

    vx_files_install(vx_sim_disk_files(disk));
    vx_assert_ok(vx_file_make_folder(RUN, NULL), NULL);
    write_sample(RUN, 10, 2);
    write_sample(RUN, 20, 2);
    return disk;
}

static void disk_end(vx_sim_disk *disk)
{
    assert_int_equal(vx_sim_disk_open_handles(disk), 0);
    vx_files_install(NULL);
    vx_sim_disk_destroy(disk);
}

static size_t names_in_run(bool temps)
{
    vx_names names = { 0 };
    size_t count = 0;

    vx_assert_ok(vx_file_list(RUN, &names, NULL), NULL);
    for (size_t i = 0; i < names.count; i++)
        count += (names.at[i][0] == '.') == temps;
    vx_names_clear(&names);
    return count;
}

static void set_back(vx_checkpoint *content, uint32_t epoch)
{
    *content = *sample(20, true);
    content->epoch = epoch;
}

static uint32_t newest_epoch(void)
{
    vx_checkpoint_loaded *loaded = NULL;
    vx_error err = { 0 };
    uint32_t epoch = 0;

    vx_assert_ok(vx_checkpoint_open_newest(RUN, NULL, NULL, &loaded, &err), &err);
    epoch = vx_checkpoint_content(loaded)->epoch;
    vx_checkpoint_close(loaded);
    return epoch;
}

static void a_crash_at_any_moment_leaves_the_newest_that_was_written_or_this_one(void **state)
{
    unsigned early = 0;

    (void)state;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        vx_status status = VX_ERR_IO;

        for (uint64_t k = 1; status != VX_OK; k++) {
            vx_sim_disk *disk = disk_with_two(seed);
            uint64_t found = 0;

            vx_sim_disk_stop(disk, k);
            status = vx_checkpoint_write(RUN, sample(30, true), 1 + seed % 2, 0, NULL);
            vx_sim_disk_crash(disk);
            found = newest(RUN, NULL);
            assert_true(found == 30 || (found == 20 && status != VX_OK));
            early += found == 30 && status != VX_OK;
            write_sample(RUN, 40, 1); /* the next process goes on */
            assert_int_equal(newest(RUN, NULL), 40);
            assert_int_equal(names_in_run(true), 0);
            assert_int_equal(names_in_run(false), 1);
            disk_end(disk);
        }
    }
    assert_true(early > 0);
}

/* The only checkpoint is replaced by one of the same rounds. */
static void a_crash_while_the_only_one_is_replaced_leaves_one_of_the_two(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        vx_status status = VX_ERR_IO;

        for (uint64_t k = 1; status != VX_OK; k++) {
            vx_sim_disk *disk = disk_with_two(seed);
            vx_checkpoint content;
            uint32_t epoch = 0;

            write_sample(RUN, 20, 1);
            vx_sim_disk_stop(disk, k);
            set_back(&content, 7);
            status = vx_checkpoint_write(RUN, &content, 1, 0, NULL);
            vx_sim_disk_crash(disk);
            assert_int_equal(newest(RUN, NULL), 20);
            epoch = newest_epoch();
            assert_true(epoch == 7 || (epoch == 3 && status != VX_OK));
            disk_end(disk);
        }
    }
}

/* A process is killed at one moment, the power goes at a moment of the next process. */
static void a_crash_after_a_kill_leaves_one_of_those_that_were_written(void **state)
{
    vx_status first = VX_ERR_IO;

    (void)state;
    for (uint64_t k = 1; first != VX_OK; k += 2) {
        vx_status second = VX_ERR_IO;

        for (uint64_t m = 1; second != VX_OK; m++) {
            vx_sim_disk *disk = disk_with_two(100 * k + m);
            vx_checkpoint content;
            uint32_t epoch = 0;

            write_sample(RUN, 20, 1);
            vx_sim_disk_stop(disk, k);
            set_back(&content, 7);
            first = vx_checkpoint_write(RUN, &content, 1, 0, NULL);
            vx_sim_disk_close_all(disk);
            vx_sim_disk_stop(disk, m);
            set_back(&content, 8);
            second = vx_checkpoint_write(RUN, &content, 1, 0, NULL);
            vx_sim_disk_crash(disk);
            assert_int_equal(newest(RUN, NULL), 20);
            epoch = newest_epoch();
            assert_true(epoch == 8 || (second != VX_OK && epoch == 7) ||
                        (second != VX_OK && first != VX_OK && epoch == 3));
            disk_end(disk);
        }
    }
}

static void expect_earlier_ones(vx_status status)
{
    uint64_t found = newest(RUN, NULL);

    assert_int_equal(names_in_run(true), 0);
    if (status == VX_OK) {
        assert_int_equal(found, 30);
        return;
    }
    assert_true(found == 20 || found == 30);
    assert_true(vx_file_exists(RUN "/checkpoint-0000000020/manifest.json"));
    if (found == 20)
        assert_true(vx_file_exists(RUN "/checkpoint-0000000010/manifest.json"));
}

static vx_status write_third(vx_error *err)
{
    return vx_checkpoint_write(RUN, sample(30, true), 2, 0, err);
}

static void expect_failed(vx_sim_disk *disk, vx_status status)
{
    expect_earlier_ones(status);
    vx_sim_disk_crash(disk);
    assert_true(newest(RUN, NULL) == 30 || (newest(RUN, NULL) == 20 && status != VX_OK));
}

static const vx_disk_trial trial = { disk_with_two, disk_end,      write_third,
                                     RUN,           expect_failed, expect_earlier_ones };

static void a_failure_of_any_operation_leaves_the_earlier_ones_and_no_rest(void **state)
{
    (void)state;
    vx_disk_trial_failures(&trial, 39);
}

static void a_full_disk_keeps_the_earlier_ones_and_says_that_it_is_full(void **state)
{
    (void)state;
    assert_true(vx_disk_trial_full(&trial) > 5 * 512u);
}

/* Whatever a sync has lost, a crash later too finds a checkpoint. */
static void a_failed_sync_and_a_crash_leave_the_newest_that_was_written(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        uint64_t k = 1;

        for (bool failed = true; failed; k++) {
            vx_sim_disk *disk = disk_with_two(seed);
            uint64_t before = vx_sim_disk_count(disk, VX_SIM_OP_SYNC);
            vx_checkpoint content;
            vx_status status = VX_OK;

            vx_sim_disk_fail(disk, VX_SIM_OP_SYNC, k, EIO);
            set_back(&content, 7);
            status = vx_checkpoint_write(RUN, &content, 1, 0, NULL);
            failed = vx_sim_disk_count(disk, VX_SIM_OP_SYNC) - before >= k;
            vx_sim_disk_crash(disk);
            assert_int_equal(newest(RUN, NULL), 20);
            assert_true(newest_epoch() == 7 || (newest_epoch() == 3 && status != VX_OK));
            disk_end(disk);
        }
        assert_true(k > 6);
    }
}

/* Not every file system can exchange two names. */
static void without_exchange_one_of_the_same_rounds_is_replaced_too(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        vx_sim_disk *disk = disk_with_two(seed);
        vx_checkpoint content;

        vx_sim_disk_fail(disk, VX_SIM_OP_EXCHANGE, 1, EINVAL);
        set_back(&content, 7);
        vx_assert_ok(vx_checkpoint_write(RUN, &content, 2, 0, NULL), NULL);
        vx_sim_disk_crash(disk);
        assert_int_equal(newest(RUN, NULL), 20);
        assert_int_equal(newest_epoch(), 7);
        assert_int_equal(names_in_run(false), 2);
        disk_end(disk);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_crash_at_any_moment_leaves_the_newest_that_was_written_or_this_one),
        cmocka_unit_test(a_crash_while_the_only_one_is_replaced_leaves_one_of_the_two),
        cmocka_unit_test(a_crash_after_a_kill_leaves_one_of_those_that_were_written),
        cmocka_unit_test(a_failure_of_any_operation_leaves_the_earlier_ones_and_no_rest),
        cmocka_unit_test(a_failed_sync_and_a_crash_leave_the_newest_that_was_written),
        cmocka_unit_test(a_full_disk_keeps_the_earlier_ones_and_says_that_it_is_full),
        cmocka_unit_test(without_exchange_one_of_the_same_rounds_is_replaced_too),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
