#include "disk_trial.h"

#include <errno.h>
#include <string.h>

#include <vx_test/check.h>

#define SECTOR 512u

static bool fail_one(const vx_disk_trial *trial, uint64_t k, int number)
{
    vx_sim_disk *disk = trial->begin(k);
    uint64_t before = vx_sim_disk_count(disk, VX_SIM_OP_ANY);
    vx_error err = { 0 };
    vx_status status = VX_OK;
    bool failed = false;

    vx_sim_disk_fail(disk, VX_SIM_OP_ANY, k, number);
    status = trial->change(&err);
    failed = vx_sim_disk_count(disk, VX_SIM_OP_ANY) - before >= k;
    vx_sim_disk_fail(disk, VX_SIM_OP_ANY, 0, 0);
    assert_true(status == VX_OK || status == (number == EIO ? VX_ERR_IO : VX_ERR_SPACE));
    assert_true(status == VX_OK || strstr(err.message, trial->path) != NULL);
    trial->expect_failed(disk, status);
    trial->end(disk);
    return failed;
}

void vx_disk_trial_failures(const vx_disk_trial *trial, uint64_t operations_min)
{
    static const int numbers[] = { EIO, ENOSPC };

    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        uint64_t k = 1;

        while (fail_one(trial, k, numbers[i]))
            k++;
        assert_true(k > operations_min);
    }
}

uint64_t vx_disk_trial_full(const vx_disk_trial *trial)
{
    vx_sim_disk *disk = trial->begin(1);
    uint64_t before = vx_sim_disk_used(disk);
    vx_status status = VX_ERR_SPACE;
    uint64_t room = 0;

    for (; status != VX_OK; room += SECTOR) {
        vx_error err = { 0 };

        vx_sim_disk_set_capacity(disk, before + room);
        status = trial->change(&err);
        assert_true(status == VX_OK || status == VX_ERR_SPACE);
        assert_true(status == VX_OK || strstr(err.message, "No space left") != NULL);
        trial->expect_full(status);
        assert_int_equal(vx_sim_disk_used(disk), before);
    }
    trial->end(disk);
    return room;
}
