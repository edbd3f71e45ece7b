#include "ledger_sample.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include <vx_base/alloc.h>

enum { UPDATE = 50000 };

/* A file system of 1 MiB over the folder, which only this process sees. false: not permitted. */
static bool mount_small(const char *folder)
{
    if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("none", folder, "tmpfs", 0, "size=1m") != 0) {
        print_message("skipped: no mount here (%s)\n", strerror(errno));
        return false;
    }
    return true;
}

/* Takes all space that is left, but for `spare` bytes. */
static void fill(const char *path, size_t spare)
{
    static const uint8_t block[4096];
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    off_t size = 0;

    assert_true(fd >= 0);
    for (ssize_t count = 1; count > 0; size += count > 0 ? count : 0)
        count = write(fd, block, sizeof(block));
    assert_int_equal(errno, ENOSPC);
    assert_true(size > (off_t)spare);
    assert_int_equal(ftruncate(fd, size - (off_t)spare), 0);
    close(fd);
}

static uint64_t commit_until_full(vx_ledger *ledger, uint64_t round)
{
    vx_error err = { 0 };
    vx_status status = VX_OK;

    for (; status == VX_OK; round++)
        status = vx_ledger_commit(ledger, sample(round, UPDATE), &err);
    vx_assert_status(status, VX_ERR_SPACE, &err);
    return round - 1;
}

static void a_full_disk_fails_commits_until_there_is_room_again(void **state)
{
    char *filler = vx_format("%s/filler", (char *)*state);
    vx_ledger *ledger = NULL;
    vx_error err = { 0 };
    uint64_t end;

    if (!mount_small(*state)) {
        vx_free(filler);
        skip();
    }
    fill(filler, 0);
    vx_assert_status(vx_ledger_open(*state, sample_config, VX_LEDGER_FULL, &ledger, &err),
                     VX_ERR_SPACE, &err);
    fill(filler, 300000);
    ledger = open_sample(*state, VX_LEDGER_FULL);
    end = commit_until_full(ledger, 0);
    assert_true(end >= 2);
    expect_samples(ledger, 0, end, UPDATE);
    assert_int_equal(commit_until_full(ledger, end), end);
    assert_int_equal(unlink(filler), 0);
    end = commit_until_full(ledger, end);
    assert_true(end >= 8);
    expect_samples(ledger, 0, end, UPDATE);
    vx_ledger_close(ledger);
    assert_int_equal(umount2(*state, MNT_DETACH), 0);
    vx_free(filler);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_full_disk_fails_commits_until_there_is_room_again,
                                        vx_test_folder_setup, vx_test_folder_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
