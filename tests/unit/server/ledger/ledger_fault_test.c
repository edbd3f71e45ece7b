#include "ledger_sample.h"

#include <errno.h>
#include <string.h>

#include <vx_base/alloc.h>
#include <vx_base/files.h>

#include "faulty_vfs.h"

enum { UPDATE = 9000 };

typedef struct range {
    uint64_t first, end;
} range;

typedef vx_status (*step)(vx_ledger *ledger, uint64_t round, vx_error *err);

static vx_status do_commit(vx_ledger *ledger, uint64_t round, vx_error *err)
{
    return vx_ledger_commit(ledger, sample(round, UPDATE), err);
}

static vx_status do_replace(vx_ledger *ledger, uint64_t round, vx_error *err)
{
    return vx_ledger_replace(ledger, sample(round, UPDATE), err);
}

static vx_status do_sync(vx_ledger *ledger, uint64_t round, vx_error *err)
{
    (void)round;
    return vx_ledger_sync(ledger, err);
}

/* What is done in turn, and the range after each. */
static const struct {
    step step;
    uint64_t round;
    range after;
} script[] = { { do_commit, 5, { 5, 6 } },       { do_commit, 6, { 5, 7 } },
               { do_sync, 0, { 5, 7 } },         { do_commit, 7, { 5, 8 } },
               { vx_ledger_prune, 6, { 6, 8 } }, { do_commit, 8, { 6, 9 } },
               { do_sync, 0, { 6, 9 } },         { vx_ledger_truncate, 7, { 6, 7 } },
               { do_commit, 7, { 6, 8 } },       { vx_ledger_prune, 7, { 7, 8 } },
               { do_commit, 8, { 7, 9 } },       { do_commit, 9, { 7, 10 } },
               { do_replace, 8, { 7, 9 } },      { do_commit, 9, { 7, 10 } },
               { do_replace, 7, { 7, 8 } },      { do_replace, 8, { 7, 9 } } };
#define STEPS (sizeof(script) / sizeof(script[0]))

static range range_of(const vx_ledger *ledger)
{
    range found;

    vx_ledger_range(ledger, &found.first, &found.end);
    return found;
}

static bool is_same(range a, range b)
{
    return a.end - a.first == b.end - b.first && (a.first == a.end || a.first == b.first);
}

static range after(size_t steps)
{
    return steps == 0 ? (range){ 0, 0 } : script[steps - 1].after;
}

/* Runs the script until a step fails; returns how many did not. */
static size_t run_script(vx_ledger *ledger, size_t from, vx_status *ret_status, vx_error *err)
{
    size_t done = from;

    for (*ret_status = VX_OK; done < STEPS; done++) {
        *ret_status = script[done].step(ledger, script[done].round, err);
        if (*ret_status != VX_OK)
            break;
        assert_true(is_same(range_of(ledger), after(done + 1)));
    }
    assert_true(is_same(range_of(ledger), after(done)));
    return done;
}

typedef struct attempt {
    vx_ledger *ledger; /* NULL: it could not be opened */
    size_t done;       /* steps of the script */
    vx_status status;
    vx_error err;
} attempt;

/* Opens the ledger of the folder and runs the script while operation k fails so. */
static attempt try_script(const char *folder, vx_ledger_durability durability, faulty_kind kind,
                          int k, bool images)
{
    attempt a = { 0 };

    faulty_vfs_arm(kind, k, false, images);
    a.status = vx_ledger_open(folder, sample_config, durability, &a.ledger, &a.err);
    if (a.status == VX_OK)
        a.done = run_script(a.ledger, 0, &a.status, &a.err);
    return a;
}

/* Opened anew, the ledger is as after `done` steps or, when one failed then, as after that one. */
static void expect_whole(const char *run_dir, size_t done)
{
    vx_ledger *ledger = open_sample(run_dir, VX_LEDGER_FULL);
    range found = range_of(ledger);

    if (!is_same(found, after(done)) && !(done < STEPS && is_same(found, after(done + 1))))
        fail_msg("[%d, %d) after %d steps", (int)found.first, (int)found.end, (int)done);
    expect_samples(ledger, found.first, found.end, UPDATE);
    commit_sample(ledger, found.end, UPDATE);
    vx_ledger_close(ledger);
}

static void after_no_space_at_any_write_the_same_ledger_goes_on(void **state)
{
    bool failed = true;
    int k = 0;

    (void)state;
    for (; failed; k++) {
        char *folder = vx_test_folder_create();
        attempt a = try_script(folder, VX_LEDGER_FULL, FAULTY_SPACE, k, false);

        failed = faulty_vfs_has_failed();
        if (failed && a.status != VX_OK)
            vx_assert_status(a.status, VX_ERR_SPACE, &a.err);
        if (a.ledger == NULL)
            a.ledger = open_sample(folder, VX_LEDGER_FULL);
        assert_int_equal(run_script(a.ledger, a.done, &a.status, &a.err), STEPS);
        vx_ledger_close(a.ledger);
        expect_whole(folder, STEPS);
        vx_test_folder_remove(folder);
    }
    assert_true(k > 50);
}

static void expect_broken(vx_ledger *ledger, vx_status first, const vx_error *why)
{
    vx_error err = { 0 };
    range found = range_of(ledger);

    vx_assert_status(vx_ledger_commit(ledger, sample(found.end, UPDATE), &err), first, &err);
    assert_string_equal(err.message, why->message);
    vx_assert_status(vx_ledger_replace(ledger, sample(found.end, UPDATE), &err), first, &err);
    vx_assert_status(vx_ledger_sync(ledger, &err), first, &err);
    vx_assert_status(vx_ledger_truncate(ledger, 0, &err), first, &err);
    vx_assert_status(vx_ledger_prune(ledger, found.end, NULL), first, &err);
    assert_string_equal(err.message, why->message);
    assert_true(is_same(range_of(ledger), found));
}

/* Closing a broken ledger neither writes nor syncs again. */
static void close_untouched(vx_ledger *ledger, bool is_broken)
{
    if (is_broken)
        faulty_vfs_arm(FAULTY_DEVICE, 0, false, false);
    vx_ledger_close(ledger);
    assert_false(faulty_vfs_has_failed());
}

static void after_any_device_failure_the_ledger_stays_broken_and_nothing_is_lost(void **state)
{
    bool failed = true;
    int k = 0;

    (void)state;
    for (; failed; k++) {
        char *folder = vx_test_folder_create();
        attempt a = try_script(folder, VX_LEDGER_FULL, FAULTY_DEVICE, k, false);

        if (a.status != VX_OK) {
            vx_assert_status(a.status, VX_ERR_IO, &a.err);
            assert_non_null(strstr(a.err.message, folder));
            if (a.ledger != NULL)
                expect_broken(a.ledger, a.status, &a.err);
        }
        failed = faulty_vfs_has_failed();
        close_untouched(a.ledger, a.status != VX_OK);
        expect_whole(folder, a.done);
        vx_test_folder_remove(folder);
    }
    assert_true(k > 50);
}

static void lose_power(const char *run_dir)
{
    static const char *const suffixes[] = { "", "-wal", "-journal" };

    for (size_t i = 0; i < 3; i++) {
        char *path = ledger_path(run_dir, suffixes[i]);

        faulty_vfs_lose_power(path);
        vx_free(path);
    }
}

/* Cuts the power at operation k, in `durability`. Whether it was cut before the script ended. */
static bool cut_power(int k, vx_ledger_durability durability)
{
    char *folder = vx_test_folder_create();
    vx_ledger *ledger = NULL;
    attempt a = try_script(folder, durability, FAULTY_POWER, k, true);
    size_t done = a.done;
    bool failed;

    vx_ledger_close(a.ledger);
    failed = faulty_vfs_has_failed();
    assert_true(failed || a.status == VX_OK);
    lose_power(folder);
    /* What is only written may be lost: back to the last step that makes durable. */
    while (durability == VX_LEDGER_CHECKPOINT && done > 0 && script[done - 1].step != do_sync &&
           script[done - 1].step != vx_ledger_truncate && script[done - 1].step != do_replace)
        done--;
    if (durability == VX_LEDGER_FULL) {
        expect_whole(folder, done);
    } else {
        ledger = open_sample(folder, VX_LEDGER_CHECKPOINT);
        for (; done < STEPS && !is_same(range_of(ledger), after(done)); done++)
            continue;
        assert_true(is_same(range_of(ledger), after(done)));
        expect_samples(ledger, range_of(ledger).first, range_of(ledger).end, 0);
        vx_ledger_close(ledger);
    }
    vx_test_folder_remove(folder);
    return failed;
}

static void no_committed_round_is_lost_with_the_power(void **state)
{
    int k = 0;

    (void)state;
    while (cut_power(k, VX_LEDGER_FULL))
        k++;
    assert_true(k > 50);
}

/* The device fails at operation k, perhaps while the ledger is opened; later the power goes. */
static bool lose_power_after_failure(int k)
{
    char *folder = vx_test_folder_create();
    attempt a = try_script(folder, VX_LEDGER_FULL, FAULTY_DEVICE, k, true);
    bool failed = faulty_vfs_has_failed();

    faulty_vfs_arm(FAULTY_POWER, 0, false, true);
    vx_ledger_close(a.ledger);
    (void)faulty_vfs_has_failed();
    lose_power(folder);
    expect_whole(folder, a.done);
    vx_test_folder_remove(folder);
    return failed;
}

static void after_any_device_failure_no_committed_round_is_lost_with_the_power(void **state)
{
    int k = 0;

    (void)state;
    while (lose_power_after_failure(k))
        k++;
    assert_true(k > 50);
}

static void no_synced_round_is_lost_with_the_power(void **state)
{
    int k = 0;

    (void)state;
    while (cut_power(k, VX_LEDGER_CHECKPOINT))
        k++;
    assert_true(k > 50);
}

/* A round whose commit was cut off after its last write, before its sync, is there for the next
 * process. That one may go by it, so the power may not take it any more. */
static bool lose_power_after_open(int k)
{
    char *folder = vx_test_folder_create();
    vx_ledger *ledger = NULL;
    range found;
    bool failed;

    vx_ledger_close(try_script(folder, VX_LEDGER_FULL, FAULTY_DEVICE, k, true).ledger);
    failed = faulty_vfs_has_failed();
    faulty_vfs_arm(FAULTY_NONE, 0, false, true);
    ledger = open_sample(folder, VX_LEDGER_FULL);
    found = range_of(ledger);
    faulty_vfs_arm(FAULTY_POWER, 0, false, true);
    vx_ledger_close(ledger);
    (void)faulty_vfs_has_failed();
    lose_power(folder);
    ledger = open_sample(folder, VX_LEDGER_FULL);
    assert_true(is_same(range_of(ledger), found));
    expect_samples(ledger, found.first, found.end, UPDATE);
    vx_ledger_close(ledger);
    vx_test_folder_remove(folder);
    return failed;
}

static void a_round_that_open_tells_of_is_not_lost_with_the_power(void **state)
{
    int k = 0;

    (void)state;
    while (lose_power_after_open(k))
        k++;
    assert_true(k > 50);
}

/* The only writes to the database itself come from moving a log of 4 MiB, inside a commit. */
static void a_failure_while_the_log_is_moved_fails_the_commit_that_waits_for_it(void **state)
{
    static const faulty_kind kinds[] = { FAULTY_SPACE, FAULTY_DEVICE };

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        char *folder = vx_test_folder_create();
        vx_ledger *ledger = open_sample(folder, VX_LEDGER_FULL);
        vx_status status = VX_OK;
        vx_error err = { 0 };
        uint64_t round = 0;

        faulty_vfs_arm(kinds[i], 30, true, false);
        for (; status == VX_OK && round < 50; round++)
            status = vx_ledger_commit(ledger, sample(round, 700000), &err);
        round--;
        assert_true(faulty_vfs_has_failed());
        assert_true(round > 5 && round < 10);
        vx_assert_status(status, i == 0 ? VX_ERR_SPACE : VX_ERR_IO, &err);
        expect_samples(ledger, 0, round, 700000);
        status = vx_ledger_commit(ledger, sample(round, 700000), &err);
        vx_assert_status(status, i == 0 ? VX_OK : VX_ERR_IO, &err);
        vx_ledger_close(ledger);
        ledger = open_sample(folder, VX_LEDGER_FULL);
        expect_samples(ledger, 0, round + (i == 0), 700000);
        vx_ledger_close(ledger);
        vx_test_folder_remove(folder);
    }
}

static int refuse_to_sync(void *context, int handle)
{
    (void)context;
    (void)handle;
    return -EIO;
}

static void a_ledger_whose_name_may_be_lost_with_the_power_is_not_opened(void **state)
{
    vx_files files = *vx_files_system();
    char *folder = vx_test_folder_create();
    vx_ledger *ledger = NULL;
    vx_error err = { 0 };

    (void)state;
    files.sync = refuse_to_sync;
    vx_files_install(&files);
    vx_assert_status(vx_ledger_open(folder, sample_config, VX_LEDGER_FULL, &ledger, &err),
                     VX_ERR_IO, &err);
    vx_files_install(NULL);
    assert_null(ledger);
    ledger = open_sample(folder, VX_LEDGER_FULL);
    vx_ledger_close(ledger);
    vx_test_folder_remove(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(after_no_space_at_any_write_the_same_ledger_goes_on),
        cmocka_unit_test(after_any_device_failure_the_ledger_stays_broken_and_nothing_is_lost),
        cmocka_unit_test(no_committed_round_is_lost_with_the_power),
        cmocka_unit_test(after_any_device_failure_no_committed_round_is_lost_with_the_power),
        cmocka_unit_test(no_synced_round_is_lost_with_the_power),
        cmocka_unit_test(a_round_that_open_tells_of_is_not_lost_with_the_power),
        cmocka_unit_test(a_failure_while_the_log_is_moved_fails_the_commit_that_waits_for_it),
        cmocka_unit_test(a_ledger_whose_name_may_be_lost_with_the_power_is_not_opened),
    };

    faulty_vfs_install();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
