#include "ledger_sample.h"

#include <string.h>
#include <unistd.h>

#include <sqlite3.h>

#include <vx_base/alloc.h>
#include <vx_base/clock.h>
#include <vx_base/rng.h>

#include "faulty_vfs.h"

/* The files of a server that was killed: MOVED rounds are in the database, the others in the log.
 */
enum { MOVED = 12, ROUNDS = 18, UPDATE = 9000, FLIPS = 1500 };

typedef struct broken {
    char *folder, *paths[2];
    vx_bytes files[2]; /* the database, its log */
    vx_rng rng;
    size_t refused, damaged, shorter; /* how the opens ended */
} broken;

static int make_killed(void **state)
{
    static broken b;
    vx_clock clock = vx_clock_system();
    uint64_t seed = vx_clock_realtime_ns(&clock);
    vx_ledger *ledger;

    print_message("seed %ju\n", (uintmax_t)seed);
    b = (broken){ .folder = vx_test_folder_create(),
                  .rng = vx_rng_stream(seed, VX_RNG_TEST, 0, 0) };
    b.paths[0] = ledger_path(b.folder, "");
    b.paths[1] = ledger_path(b.folder, "-wal");
    ledger = open_sample(b.folder, VX_LEDGER_FULL);
    for (uint64_t round = 0; round < ROUNDS; round++) {
        commit_sample(ledger, round, UPDATE);
        if (round + 1 == MOVED)
            vx_assert_ok(vx_ledger_sync(ledger, NULL), NULL);
    }
    for (size_t i = 0; i < 2; i++)
        b.files[i] = get_file(b.paths[i]);
    vx_ledger_close(ledger);
    *state = &b;
    return 0;
}

static int remove_killed(void **state)
{
    broken *b = *state;

    for (size_t i = 0; i < 2; i++) {
        vx_free(b->paths[i]);
        vx_free(b->files[i].at);
    }
    vx_test_folder_remove(b->folder);
    return 0;
}

/* Each record is what was committed, or it is refused by its number. true: all are readable. */
static bool read_all(vx_ledger *ledger, uint64_t first, uint64_t end)
{
    bool good = true;

    for (uint64_t round = first; round < end; round++) {
        vx_error err = { 0 };
        vx_status status = read_sample(ledger, round, UPDATE, &err);
        char *name = vx_format("round %d is damaged: ", (int)round);

        if (status != VX_OK) {
            vx_assert_status(status, VX_ERR_DATA, &err);
            assert_non_null(strstr(err.message, name));
            good = false;
        }
        vx_free(name);
    }
    return good;
}

/* The ledger is refused as damaged, or holds nothing but what was committed. true: opened, and all
 * of it is readable. */
static bool is_safe(broken *b, uint64_t *ret_first, uint64_t *ret_end)
{
    vx_ledger *ledger = NULL;
    vx_error err = { 0 };
    vx_status status = vx_ledger_open(b->folder, sample_config, VX_LEDGER_FULL, &ledger, &err);
    bool good;

    if (status != VX_OK) {
        vx_assert_status(status, VX_ERR_DATA, &err);
        assert_non_null(strstr(err.message, b->paths[0]));
        b->refused++;
        return false;
    }
    vx_ledger_range(ledger, ret_first, ret_end);
    assert_true(*ret_end <= ROUNDS);
    good = read_all(ledger, *ret_first, *ret_end);
    b->damaged += !good;
    b->shorter += *ret_end < ROUNDS;
    vx_ledger_close(ledger);
    return good;
}

static void put_files(const broken *b, size_t database_size, size_t log_size)
{
    char *journal = ledger_path(b->folder, "-journal");

    vx_test_file_put(b->paths[0], b->files[0].at, database_size);
    vx_test_file_put(b->paths[1], b->files[1].at, log_size);
    (void)unlink(journal);
    vx_free(journal);
}

static void the_files_of_a_killed_server_are_whole(void **state)
{
    broken *b = *state;
    uint64_t first = 0;
    uint64_t end = 0;

    put_files(b, b->files[0].size, b->files[1].size);
    assert_true(is_safe(b, &first, &end));
    assert_true(first == 0 && end == ROUNDS);
}

static void expect_prefix(broken *b)
{
    uint64_t first = 0;
    uint64_t end = 0;

    assert_true(is_safe(b, &first, &end));
    assert_int_equal(first, 0);
    assert_true(end >= MOVED);
}

static void a_log_cut_anywhere_leaves_the_rounds_before_the_cut(void **state)
{
    broken *b = *state;
    const size_t size = b->files[1].size;

    for (size_t at = 0; at <= size; at += 1 + (at > 100 ? vx_rng_below(&b->rng, 500) : 0)) {
        put_files(b, b->files[0].size, at);
        expect_prefix(b);
    }
    assert_true(b->shorter > 50);
}

static void flip(vx_bytes file, uint64_t bit)
{
    file.at[bit / 8] ^= (uint8_t)(1u << bit % 8);
}

static void a_flipped_bit_of_the_log_leaves_the_rounds_before_it(void **state)
{
    broken *b = *state;
    const uint64_t bits = 8 * b->files[1].size;

    for (uint64_t k = 0; k < FLIPS; k++) {
        uint64_t bit = k < 500 ? k : vx_rng_below(&b->rng, bits);

        flip(b->files[1], bit);
        put_files(b, b->files[0].size, b->files[1].size);
        expect_prefix(b);
        flip(b->files[1], bit);
    }
    assert_true(b->shorter > FLIPS / 2);
}

/* With its log, and alone as after an orderly end. */
static void a_database_cut_anywhere_is_refused_or_a_prefix(void **state)
{
    broken *b = *state;
    const size_t size = b->files[0].size;
    uint64_t first = 0;
    uint64_t end = 0;

    for (size_t at = 0; at < size; at += 1 + (at > 200 ? vx_rng_below(&b->rng, 700) : 0))
        for (int alone = 0; alone < 2; alone++) {
            put_files(b, at, alone ? 0 : b->files[1].size);
            if (alone)
                (void)unlink(b->paths[1]);
            if (is_safe(b, &first, &end))
                assert_true(first == end || first == 0);
        }
    assert_true(b->refused > size / 700);
}

static void a_flipped_bit_of_the_database_is_found_or_changes_nothing(void **state)
{
    broken *b = *state;
    const uint64_t bits = 8 * b->files[0].size;
    uint64_t first = 0;
    uint64_t end = 0;

    for (uint64_t k = 0; k < 2 * FLIPS; k++) {
        uint64_t bit = k < 800 ? k : vx_rng_below(&b->rng, bits);

        flip(b->files[0], bit);
        put_files(b, b->files[0].size, k % 2 == 0 ? b->files[1].size : 0);
        if (is_safe(b, &first, &end))
            assert_true(first == 0 && end >= (k % 2 == 0 ? (uint64_t)ROUNDS : (uint64_t)MOVED));
        flip(b->files[0], bit);
    }
    print_message("%zu refused, %zu with a damaged record, of %d\n", b->refused, b->damaged,
                  2 * FLIPS);
    assert_true(b->refused > 100 && b->damaged > FLIPS / 2);
}

static void pages_that_read_as_zero_are_found_or_change_nothing(void **state)
{
    broken *b = *state;
    uint64_t first = 0;
    uint64_t end = 0;

    for (size_t file = 0; file < 2; file++)
        for (size_t at = 0; at + 512 <= b->files[file].size; at += 512) {
            uint8_t sector[512];

            memcpy(sector, b->files[file].at + at, sizeof(sector));
            memset(b->files[file].at + at, 0, sizeof(sector));
            put_files(b, b->files[0].size, b->files[1].size);
            if (is_safe(b, &first, &end))
                assert_true(first == 0 && end >= MOVED);
            memcpy(b->files[file].at + at, sector, sizeof(sector));
        }
    assert_true(b->refused + b->damaged > b->files[0].size / 1024);
}

static void a_damaged_record_is_cut_off_by_truncation(void **state)
{
    broken *b = *state;
    vx_ledger *ledger;
    vx_error err = { 0 };

    put_files(b, b->files[0].size, b->files[1].size);
    vx_ledger_close(open_sample(b->folder, VX_LEDGER_FULL)); /* which moves the log */
    vx_free(b->files[0].at);
    b->files[0] = get_file(b->paths[0]);
    for (size_t at = 0; at + UPDATE / 2 < b->files[0].size; at++)
        if (memcmp(b->files[0].at + at, sample(15, UPDATE)->update_bytes.at + 3000, 1000) == 0)
            b->files[0].at[at] ^= 1;
    vx_test_file_put(b->paths[0], b->files[0].at, b->files[0].size);
    ledger = open_sample(b->folder, VX_LEDGER_FULL);
    vx_assert_ok(read_sample(ledger, 14, UPDATE, &err), &err);
    vx_assert_status(read_sample(ledger, 15, UPDATE, &err), VX_ERR_DATA, &err);
    assert_non_null(strstr(err.message, "round 15 is damaged: its update does not fit its digest"));
    vx_assert_ok(vx_ledger_truncate(ledger, 15, &err), &err);
    commit_sample(ledger, 15, UPDATE);
    expect_samples(ledger, 0, 16, UPDATE);
    vx_ledger_close(ledger);
}

static void expect_refused(const broken *b, const char *text)
{
    vx_ledger *ledger = NULL;
    vx_error err = { 0 };

    vx_assert_status(vx_ledger_open(b->folder, sample_config, VX_LEDGER_FULL, &ledger, &err),
                     VX_ERR_DATA, &err);
    if (strstr(err.message, text) == NULL)
        fail_msg("'%s' is not in '%s'", text, err.message);
}

/* Bytes 32 to 35 of an SQLite file name the first free page. A commit would write over page 4. */
static void a_page_in_use_that_is_said_to_be_free_is_found_before_it_is_written_over(void **state)
{
    broken *b = *state;
    vx_ledger *ledger;

    put_files(b, b->files[0].size, b->files[1].size);
    ledger = open_sample(b->folder, VX_LEDGER_FULL);
    vx_assert_ok(vx_ledger_prune(ledger, 5, NULL), NULL);
    vx_ledger_close(ledger);
    vx_free(b->files[0].at);
    b->files[0] = get_file(b->paths[0]);
    assert_true(b->files[0].at[35] != 0);
    b->files[0].at[34] = 0;
    b->files[0].at[35] = 4;
    vx_test_file_put(b->paths[0], b->files[0].at, b->files[0].size);
    expect_refused(b, "damaged: ");
}

static void a_flipped_bit_of_the_job_is_not_taken_for_another_job(void **state)
{
    broken *b = *state;
    size_t found = 0;

    for (size_t at = 0; at + VX_DIGEST_BYTES <= b->files[0].size; at++)
        if (memcmp(b->files[0].at + at, sample_config.at, VX_DIGEST_BYTES) == 0) {
            b->files[0].at[at + 1] ^= 0x10;
            found++;
        }
    assert_int_equal(found, 1);
    put_files(b, b->files[0].size, 0);
    expect_refused(b, "the job that it names does not fit its seal");
}

static void a_round_that_is_missing_in_the_middle_is_found(void **state)
{
    broken *b = *state;
    sqlite3 *db = NULL;

    put_files(b, b->files[0].size, b->files[1].size);
    vx_ledger_close(open_sample(b->folder, VX_LEDGER_FULL));
    assert_int_equal(sqlite3_open(b->paths[0], &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db,
                                  "PRAGMA locking_mode = EXCLUSIVE;"
                                  "DELETE FROM rounds WHERE round = 7",
                                  NULL, NULL, NULL),
                     SQLITE_OK);
    sqlite3_close(db);
    expect_refused(b, "damaged: 17 records of rounds 0 to 17");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, make_killed, remove_killed)
    const struct CMUnitTest tests[] = {
        TEST(the_files_of_a_killed_server_are_whole),
        TEST(a_log_cut_anywhere_leaves_the_rounds_before_the_cut),
        TEST(a_flipped_bit_of_the_log_leaves_the_rounds_before_it),
        TEST(a_database_cut_anywhere_is_refused_or_a_prefix),
        TEST(a_flipped_bit_of_the_database_is_found_or_changes_nothing),
        TEST(pages_that_read_as_zero_are_found_or_change_nothing),
        TEST(a_damaged_record_is_cut_off_by_truncation),
        TEST(a_page_in_use_that_is_said_to_be_free_is_found_before_it_is_written_over),
        TEST(a_flipped_bit_of_the_job_is_not_taken_for_another_job),
        TEST(a_round_that_is_missing_in_the_middle_is_found),
    };

    faulty_vfs_install(); /* whose syncs cost nothing */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
