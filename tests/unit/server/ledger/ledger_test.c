#include "ledger_sample.h"

#include <dirent.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <vx_base/alloc.h>

static void every_record_comes_back_with_the_same_bits(void **state)
{
    vx_ledger *ledger = open_sample(*state, VX_LEDGER_ROUNDS);

    for (uint64_t round = 0; round < 300; round++)
        commit_sample(ledger, round, 0);
    expect_samples(ledger, 0, 300, 0);
    vx_ledger_close(ledger);
    ledger = open_sample(*state, VX_LEDGER_CHECKPOINT);
    expect_samples(ledger, 0, 300, 0);
    vx_ledger_close(ledger);
}

static void an_update_of_any_size_comes_back(void **state)
{
    static const size_t sizes[] = {
        1, 4, 4096, 100001, 1u << 20, (1u << 20) + 1, 2u << 20, (2u << 20) + 4, (3u << 20) - 1
    };
    const size_t count = sizeof(sizes) / sizeof(sizes[0]);
    vx_ledger *ledger = open_sample(*state, VX_LEDGER_FULL);
    vx_error err = { 0 };

    for (size_t i = 0; i < count; i++)
        commit_sample(ledger, i, sizes[i]);
    vx_ledger_close(ledger);
    ledger = open_sample(*state, VX_LEDGER_FULL);
    for (size_t i = 0; i < count; i++)
        vx_assert_ok(read_sample(ledger, i, sizes[i], &err), &err);
    vx_ledger_close(ledger);
}

static void an_update_is_kept_only_by_full_and_read_only_when_asked(void **state)
{
    vx_ledger *ledger = open_sample(*state, VX_LEDGER_ROUNDS);
    vx_ledger_slot slots[SAMPLE_SLOTS_MAX];
    vx_ledger_round found;
    uint8_t room[100];

    commit_sample(ledger, 0, 100);
    vx_assert_ok(
        vx_ledger_read(ledger, 0, slots, SAMPLE_SLOTS_MAX, (vx_bytes){ room, 100 }, &found, NULL),
        NULL);
    assert_int_equal(found.update_bytes.size, 0);
    vx_ledger_close(ledger);
    ledger = open_sample(*state, VX_LEDGER_FULL);
    commit_sample(ledger, 1, 100);
    vx_assert_ok(read_sample(ledger, 1, 0, NULL), NULL);
    vx_assert_ok(read_sample(ledger, 1, 100, NULL), NULL);
    vx_assert_status(vx_ledger_commit(ledger, sample(2, 0), NULL), VX_ERR_SHAPE, NULL);
    expect_samples(ledger, 0, 2, 0);
    vx_ledger_close(ledger);
}

static void the_first_record_may_be_any_and_then_only_the_next_is_taken(void **state)
{
    vx_ledger *ledger = open_sample(*state, VX_LEDGER_ROUNDS);
    vx_error err = { 0 };

    expect_samples(ledger, 0, 0, 0);
    commit_sample(ledger, 41, 0);
    for (int k = 0; k < 2; k++) {
        vx_assert_status(vx_ledger_commit(ledger, sample(41, 0), &err), VX_ERR_DOMAIN, &err);
        assert_non_null(strstr(err.message, "round 41, the next is 42"));
        vx_assert_status(vx_ledger_commit(ledger, sample(43, 0), &err), VX_ERR_DOMAIN, &err);
        vx_assert_status(vx_ledger_commit(ledger, sample(40, 0), &err), VX_ERR_DOMAIN, &err);
        expect_samples(ledger, 41, 42, 0);
        vx_ledger_close(ledger);
        ledger = open_sample(*state, VX_LEDGER_ROUNDS);
    }
    commit_sample(ledger, 42, 0);
    expect_samples(ledger, 41, 43, 0);
    vx_assert_status(read_sample(ledger, 40, 0, &err), VX_ERR_NOT_FOUND, &err);
    vx_assert_status(read_sample(ledger, 43, 0, &err), VX_ERR_NOT_FOUND, &err);
    vx_ledger_close(ledger);
}

static void the_last_round_number_fits_and_a_larger_one_is_refused(void **state)
{
    vx_ledger *ledger = open_sample(*state, VX_LEDGER_FULL);

    vx_assert_status(vx_ledger_commit(ledger, sample(VX_ROUNDS_MAX, 8), NULL), VX_ERR_LIMIT, NULL);
    commit_sample(ledger, VX_ROUNDS_MAX - 1, (2u << 20) + 1);
    vx_assert_status(vx_ledger_commit(ledger, sample(VX_ROUNDS_MAX, 8), NULL), VX_ERR_LIMIT, NULL);
    vx_ledger_close(ledger);
    ledger = open_sample(*state, VX_LEDGER_FULL);
    expect_samples(ledger, VX_ROUNDS_MAX - 1, VX_ROUNDS_MAX, (2u << 20) + 1);
    vx_assert_ok(vx_ledger_truncate(ledger, VX_ROUNDS_MAX - 1, NULL), NULL);
    expect_samples(ledger, 0, 0, 8);
    vx_ledger_close(ledger);
}

static void slots_are_at_most_the_limit_and_ascend(void **state)
{
    static vx_ledger_slot slots[VX_WORKERS_MAX + 1];
    static vx_ledger_slot found_slots[VX_WORKERS_MAX];
    vx_ledger *ledger = open_sample(*state, VX_LEDGER_ROUNDS);
    vx_ledger_round round = { .slots = slots, .slots_count = VX_WORKERS_MAX + 1 };
    vx_ledger_round found;
    vx_bytes none = { NULL, 0 };

    for (uint32_t i = 0; i <= VX_WORKERS_MAX; i++)
        slots[i].slot = i;
    vx_assert_status(vx_ledger_commit(ledger, &round, NULL), VX_ERR_LIMIT, NULL);
    round.slots_count = VX_WORKERS_MAX;
    slots[7].slot = 6;
    vx_assert_status(vx_ledger_commit(ledger, &round, NULL), VX_ERR_DOMAIN, NULL);
    slots[7].slot = 7;
    vx_assert_ok(vx_ledger_commit(ledger, &round, NULL), NULL);
    vx_assert_status(vx_ledger_read(ledger, 0, found_slots, VX_WORKERS_MAX - 1, none, &found, NULL),
                     VX_ERR_LIMIT, NULL);
    vx_assert_ok(vx_ledger_read(ledger, 0, found_slots, VX_WORKERS_MAX, none, &found, NULL), NULL);
    assert_int_equal(found.slots_count, VX_WORKERS_MAX);
    assert_int_equal(found.slots[VX_WORKERS_MAX - 1].slot, VX_WORKERS_MAX - 1);
    vx_ledger_close(ledger);
}

static void an_update_that_does_not_fit_is_refused(void **state)
{
    vx_ledger *ledger = open_sample(*state, VX_LEDGER_FULL);

    commit_sample(ledger, 0, 100);
    vx_assert_status(read_sample(ledger, 0, 99, NULL), VX_ERR_LIMIT, NULL);
    vx_ledger_close(ledger);
}

static void truncated_rounds_are_forgotten_and_may_be_committed_anew(void **state)
{
    vx_ledger *ledger = open_sample(*state, VX_LEDGER_FULL);

    for (uint64_t round = 10; round < 20; round++)
        commit_sample(ledger, round, 5000);
    vx_assert_ok(vx_ledger_truncate(ledger, 25, NULL), NULL);
    vx_assert_ok(vx_ledger_truncate(ledger, 20, NULL), NULL);
    expect_samples(ledger, 10, 20, 5000);
    vx_assert_ok(vx_ledger_truncate(ledger, 16, NULL), NULL);
    for (int k = 0; k < 2; k++) {
        expect_samples(ledger, 10, 16, 5000);
        vx_ledger_close(ledger);
        ledger = open_sample(*state, VX_LEDGER_FULL);
    }
    commit_sample(ledger, 16, 5000);
    expect_samples(ledger, 10, 17, 5000);
    vx_assert_ok(vx_ledger_truncate(ledger, 3, NULL), NULL);
    vx_ledger_close(ledger);
    ledger = open_sample(*state, VX_LEDGER_FULL);
    expect_samples(ledger, 0, 0, 5000);
    commit_sample(ledger, 7, 5000);
    expect_samples(ledger, 7, 8, 5000);
    vx_ledger_close(ledger);
}

static void pruned_rounds_are_gone_and_the_work_of_a_call_is_bounded(void **state)
{
    const uint64_t count = 2 * VX_LEDGER_PRUNE_MAX;
    vx_ledger *ledger = open_sample(*state, VX_LEDGER_CHECKPOINT);

    for (uint64_t round = 0; round < count; round++)
        commit_sample(ledger, round, 0);
    vx_assert_ok(vx_ledger_prune(ledger, count - 6, NULL), NULL);
    expect_samples(ledger, VX_LEDGER_PRUNE_MAX, count, 0);
    vx_assert_ok(vx_ledger_prune(ledger, count - 6, NULL), NULL);
    vx_assert_ok(vx_ledger_prune(ledger, count - 6, NULL), NULL);
    vx_assert_ok(vx_ledger_prune(ledger, 2, NULL), NULL);
    for (int k = 0; k < 2; k++) {
        expect_samples(ledger, count - 6, count, 0);
        vx_ledger_close(ledger);
        ledger = open_sample(*state, VX_LEDGER_CHECKPOINT);
    }
    commit_sample(ledger, count, 0);
    vx_assert_ok(vx_ledger_prune(ledger, count + 100, NULL), NULL);
    expect_samples(ledger, 0, 0, 0);
    vx_ledger_close(ledger);
}

static off_t size_of(const char *run_dir, const char *suffix)
{
    char *path = ledger_path(run_dir, suffix);
    struct stat info = { 0 };

    assert_true(stat(path, &info) == 0 || suffix[0] == '-');
    vx_free(path);
    return info.st_size;
}

static void the_files_stay_small_over_many_commits_with_pruning(void **state)
{
    const size_t update = 20000;
    const uint64_t kept = 50;
    const off_t window = (off_t)(kept * (update + 3000));
    vx_ledger *ledger = open_sample(*state, VX_LEDGER_FULL);
    off_t settled = 0;

    for (uint64_t round = 0; round < 3000; round++) {
        commit_sample(ledger, round, update);
        if (round % 10 == 9 && round >= kept)
            vx_assert_ok(vx_ledger_prune(ledger, round + 1 - kept, NULL), NULL);
        assert_true(size_of(*state, "") <= 2 * window);
        assert_true(size_of(*state, "-wal") <= (5 << 20));
        if (round == 1000)
            settled = size_of(*state, "");
    }
    assert_true(settled > window / 2);
    assert_true(size_of(*state, "") <= settled + 65536);
    expect_samples(ledger, 3000 - kept, 3000, update);
    vx_ledger_close(ledger);
    assert_int_equal(size_of(*state, "-wal"), 0);
}

static size_t count_files(const char *run_dir)
{
    DIR *folder = opendir(run_dir);
    size_t count = 0;

    for (struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder)) {
        if (entry->d_name[0] == '.')
            continue;
        assert_true(strcmp(entry->d_name, "ledger.db") == 0 ||
                    strcmp(entry->d_name, "ledger.db-wal") == 0);
        count++;
    }
    closedir(folder);
    return count;
}

static void nothing_stands_beside_the_database_but_its_log(void **state)
{
    for (uint64_t round = 0; round < 3; round++) {
        vx_ledger *ledger = open_sample(*state, VX_LEDGER_ROUNDS);

        commit_sample(ledger, round, 0);
        assert_int_equal(count_files(*state), 2);
        vx_ledger_close(ledger);
        assert_int_equal(count_files(*state), 1);
    }
}

static void expect_refused(const char *run_dir, vx_digest config, vx_status expected,
                           const char *text)
{
    vx_ledger *ledger = NULL;
    vx_error err = { 0 };

    vx_assert_status(vx_ledger_open(run_dir, config, VX_LEDGER_ROUNDS, &ledger, &err), expected,
                     &err);
    assert_null(ledger);
    if (strstr(err.message, text) == NULL)
        fail_msg("'%s' is not in '%s'", text, err.message);
}

static void the_ledger_of_another_job_is_refused_with_both_digests(void **state)
{
    const vx_digest other = { { 0xab, 0xcd } };
    vx_ledger *ledger = open_sample(*state, VX_LEDGER_ROUNDS);

    commit_sample(ledger, 0, 0);
    vx_ledger_close(ledger);
    expect_refused(*state, other, VX_ERR_CONFIG, "01020304050000000000000000000000");
    expect_refused(*state, other, VX_ERR_CONFIG, "abcd0000000000000000000000000000");
    ledger = open_sample(*state, VX_LEDGER_ROUNDS);
    expect_samples(ledger, 0, 1, 0);
    vx_ledger_close(ledger);
}

/* A job whose first start failed is mended and started again. */
static void a_ledger_without_records_becomes_that_of_another_job(void **state)
{
    const vx_digest other = { { 0xab, 0xcd } };
    vx_ledger *ledger = NULL;
    vx_error err = { 0 };

    vx_ledger_close(open_sample(*state, VX_LEDGER_ROUNDS));
    vx_assert_ok(vx_ledger_open(*state, other, VX_LEDGER_ROUNDS, &ledger, &err), &err);
    commit_sample(ledger, 0, 0);
    vx_ledger_close(ledger);
    expect_refused(*state, sample_config, VX_ERR_CONFIG, "abcd0000000000000000000000000000");
}

/* Bytes of the header of an SQLite file, by its file format: 60 user version, 68 application id. */
static void another_format_or_application_is_refused(void **state)
{
    static const size_t at[] = { 63, 71 };
    static const char *const texts[] = { "it has format 1, this program reads format 2",
                                         "it is not a ledger of Vexil" };
    char *path = ledger_path(*state, "");
    vx_bytes content;

    vx_ledger_close(open_sample(*state, VX_LEDGER_ROUNDS));
    content = get_file(path);
    for (size_t i = 0; i < 2; i++) {
        uint8_t before = content.at[at[i]];

        content.at[at[i]] = 1;
        vx_test_file_put(path, content.at, content.size);
        expect_refused(*state, sample_config, VX_ERR_DATA, texts[i]);
        content.at[at[i]] = before;
    }
    vx_test_file_put(path, content.at, content.size);
    vx_ledger_close(open_sample(*state, VX_LEDGER_ROUNDS));
    vx_free(content.at);
    vx_free(path);
}

static void a_file_that_is_no_database_is_refused_and_not_touched(void **state)
{
    char *path = ledger_path(*state, "");
    uint8_t text[8192];
    vx_bytes after;

    memset(text, 'x', sizeof(text));
    vx_test_file_put(path, text, sizeof(text));
    expect_refused(*state, sample_config, VX_ERR_DATA, path);
    after = get_file(path);
    assert_int_equal(after.size, sizeof(text));
    assert_memory_equal(after.at, text, sizeof(text));
    vx_free(after.at);
    vx_free(path);
}

static void a_folder_that_is_missing_and_a_path_that_is_a_folder_are_told(void **state)
{
    char *path = ledger_path(*state, "");

    expect_refused("/nonexistent/folder", sample_config, VX_ERR_NOT_FOUND, "/nonexistent/folder");
    assert_int_equal(mkdir(path, 0700), 0);
    expect_refused(*state, sample_config, VX_ERR_IO, path);
    vx_free(path);
}

static void an_empty_file_with_a_log_is_refused(void **state)
{
    char *path = ledger_path(*state, "");
    char *log = ledger_path(*state, "-wal");

    vx_test_file_put(path, NULL, 0);
    vx_ledger_close(open_sample(*state, VX_LEDGER_ROUNDS)); /* as a crash at creation leaves it */
    vx_test_file_put(path, NULL, 0);
    vx_test_file_put(log, (const uint8_t *)"log", 3);
    expect_refused(*state, sample_config, VX_ERR_DATA, "it is empty and has a log");
    vx_free(log);
    vx_free(path);
}

static void expect_busy_elsewhere(const char *run_dir)
{
    pid_t child = fork();
    int end = 0;

    if (child == 0) {
        vx_ledger *second = NULL;

        _exit(vx_ledger_open(run_dir, sample_config, VX_LEDGER_ROUNDS, &second, NULL) == VX_ERR_BUSY
                  ? 0
                  : 1);
    }
    assert_int_equal(waitpid(child, &end, 0), child);
    assert_int_equal(end, 0);
}

static void an_open_ledger_is_refused_to_a_second_one_here_and_in_another_process(void **state)
{
    for (uint64_t round = 0; round < 3; round++) {
        vx_ledger *ledger = open_sample(*state, VX_LEDGER_ROUNDS);

        expect_busy_elsewhere(*state);
        expect_refused(*state, sample_config, VX_ERR_BUSY, "it is open elsewhere");
        commit_sample(ledger, round, 0);
        expect_busy_elsewhere(*state);
        expect_samples(ledger, 0, round + 1, 0);
        vx_ledger_close(ledger);
    }
}

static void remove_ledger(const char *run_dir)
{
    char *path = ledger_path(run_dir, "");

    (void)unlink(path);
    vx_free(path);
}

/* SQLite can do without some allocations: the loop ends when none was refused. */
static void open_survives_the_failure_of_every_allocation(void **state)
{
    int failed = 0;
    int left = -1;

    for (int k = 0; left < 0; k++) {
        vx_ledger *ledger = NULL;
        vx_error err = { 0 };
        vx_status status;

        left = k;
        vx_alloc_set_hook(vx_test_fail_at_zero, &left);
        status = vx_ledger_open(*state, sample_config, VX_LEDGER_FULL, &ledger, &err);
        vx_alloc_set_hook(NULL, NULL);
        if (status != VX_OK)
            vx_assert_status(status, VX_ERR_NOMEM, &err);
        assert_true((status == VX_OK) == (ledger != NULL));
        failed += status != VX_OK;
        vx_ledger_close(ledger);
        if (k % 2 == 0) /* an odd one finds what the even one left */
            remove_ledger(*state);
    }
    assert_true(failed > 50);
    vx_ledger_close(open_sample(*state, VX_LEDGER_FULL));
}

static void commit_survives_the_failure_of_every_allocation(void **state)
{
    const size_t update = 3u << 20;
    vx_ledger *ledger = open_sample(*state, VX_LEDGER_FULL);
    uint64_t round = 0;
    int failed = 0;
    int left = -1;

    for (int k = 0; left < 0; k++) {
        vx_error err = { 0 };
        vx_status status;

        left = k;
        vx_alloc_set_hook(vx_test_fail_at_zero, &left);
        status = vx_ledger_commit(ledger, sample(round, update), &err);
        vx_alloc_set_hook(NULL, NULL);
        if (status != VX_OK)
            vx_assert_status(status, VX_ERR_NOMEM, &err);
        failed += status != VX_OK;
        round += status == VX_OK;
        expect_samples(ledger, round - (status == VX_OK), round, update);
        vx_assert_ok(vx_ledger_prune(ledger, round, &err), &err);
    }
    assert_true(failed > 5);
    vx_ledger_close(ledger);
}

/* All of them are SQLite's: pages of its cache and of the index of its log come once, the copy of a
 * record and its cursor each time. */
static void a_commit_allocates_a_few_times_for_sqlite(void **state)
{
    vx_ledger *ledger = open_sample(*state, VX_LEDGER_ROUNDS);
    uint64_t before = 0;

    for (uint64_t round = 0; round < 2000; round++) {
        if (round == 1000)
            before = vx_alloc_count();
        commit_sample(ledger, round, 0);
    }
    assert_true(vx_alloc_count() - before <= 4000);
    vx_ledger_close(ledger);
}

int main(void)
{
#define TEST(name)                                                                                 \
    cmocka_unit_test_setup_teardown(name, vx_test_folder_setup, vx_test_folder_teardown)
    const struct CMUnitTest tests[] = {
        TEST(open_survives_the_failure_of_every_allocation), /* first: SQLite is not up yet */
        TEST(commit_survives_the_failure_of_every_allocation),
        TEST(a_commit_allocates_a_few_times_for_sqlite),
        TEST(every_record_comes_back_with_the_same_bits),
        TEST(an_update_of_any_size_comes_back),
        TEST(an_update_is_kept_only_by_full_and_read_only_when_asked),
        TEST(the_first_record_may_be_any_and_then_only_the_next_is_taken),
        TEST(the_last_round_number_fits_and_a_larger_one_is_refused),
        TEST(slots_are_at_most_the_limit_and_ascend),
        TEST(an_update_that_does_not_fit_is_refused),
        TEST(truncated_rounds_are_forgotten_and_may_be_committed_anew),
        TEST(pruned_rounds_are_gone_and_the_work_of_a_call_is_bounded),
        TEST(the_files_stay_small_over_many_commits_with_pruning),
        TEST(nothing_stands_beside_the_database_but_its_log),
        TEST(the_ledger_of_another_job_is_refused_with_both_digests),
        TEST(a_ledger_without_records_becomes_that_of_another_job),
        TEST(another_format_or_application_is_refused),
        TEST(a_file_that_is_no_database_is_refused_and_not_touched),
        TEST(a_folder_that_is_missing_and_a_path_that_is_a_folder_are_told),
        TEST(an_empty_file_with_a_log_is_refused),
        TEST(an_open_ledger_is_refused_to_a_second_one_here_and_in_another_process),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
