#include <vx_test/check.h>

#include <fcntl.h>
#include <jansson.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

#include <simulation/disk.h>

#include <vx_base/alloc.h>
#include <vx_base/file.h>
#include <vx_control/journal.h>

static json_t *last_line(const char *folder, const char *name)
{
    char *path = vx_path_join(folder, name);
    vx_bytes text = { NULL, 0 };
    char *line = NULL;
    json_t *row = NULL;

    vx_assert_ok(vx_file_read(path, 1 << 20, &text, NULL), NULL);
    assert_true(text.size > 1 && text.at[text.size - 1] == '\n');
    text.at[text.size - 1] = '\0';
    line = strrchr((char *)text.at, '\n');
    row = json_loads(line != NULL ? line + 1 : (char *)text.at, 0, NULL);
    assert_non_null(row);
    vx_free(text.at);
    vx_free(path);
    return row;
}

static void an_event_is_one_line_with_its_fields_whatever_bytes_they_hold(void **state)
{
    char *folder = vx_test_folder_create();
    vx_journal *journal = NULL;
    json_t *row = NULL;

    (void)state;
    vx_assert_ok(vx_journal_open(folder, 3, vx_clock_system(), &journal, NULL), NULL);
    vx_journal_event(journal, 7, "worker.join", "s:I, s:s", "slot", (long long)2, "why",
                     "a\n\"b\"");
    row = last_line(folder, "events.jsonl");
    assert_string_equal(json_string_value(json_object_get(row, "event")), "worker.join");
    assert_int_equal(json_integer_value(json_object_get(row, "round")), 7);
    assert_int_equal(json_integer_value(json_object_get(row, "epoch")), 3);
    assert_int_equal(json_integer_value(json_object_get(row, "slot")), 2);
    assert_string_equal(json_string_value(json_object_get(row, "why")), "a\n\"b\"");
    json_decref(row);
    vx_journal_event(journal, 7, "worker.join", "s:I, s:s", "slot", (long long)2, "why",
                     "a\xff\xc3 b");
    row = last_line(folder, "events.jsonl");
    assert_int_equal(json_integer_value(json_object_get(row, "slot")), 2);
    assert_string_equal(json_string_value(json_object_get(row, "why")), "a?? b");
    json_decref(row);
    vx_assert_ok(vx_journal_status(journal, NULL), NULL);
    vx_journal_close(journal);
    vx_test_folder_remove(folder);
}

static void a_number_of_an_event_that_is_not_finite_is_null(void **state)
{
    char *folder = vx_test_folder_create();
    vx_journal *journal = NULL;
    json_t *row = NULL;

    (void)state;
    vx_assert_ok(vx_journal_open(folder, 3, vx_clock_system(), &journal, NULL), NULL);
    vx_journal_event(journal, 7, "evaluation", "s:f, s:f, s:I", "nll", nan(""), "accuracy", 0.5,
                     "count", (long long)9);
    row = last_line(folder, "events.jsonl");
    assert_true(json_is_null(json_object_get(row, "nll")));
    vx_assert_close(json_real_value(json_object_get(row, "accuracy")), 0.5, 0, 0);
    assert_int_equal(json_integer_value(json_object_get(row, "count")), 9);
    json_decref(row);
    vx_assert_ok(vx_journal_status(journal, NULL), NULL);
    vx_journal_close(journal);
    vx_test_folder_remove(folder);
}

static void metrics_have_null_for_slots_that_are_not_in(void **state)
{
    char *folder = vx_test_folder_create();
    vx_journal *journal = NULL;
    vx_roster roster;
    vx_metrics_row metrics = { .round = 4, .loss = 0.5, .eigengap = nan("") };
    json_t *row = NULL;
    json_t *norm = NULL;

    (void)state;
    vx_assert_ok(vx_roster_create(2, &roster), NULL);
    vx_roster_join(&roster, 1, 0);
    vx_roster_begin_round(&roster, NULL);
    vx_roster_charge(&roster, 1, 4, VX_JUDGED_ACCEPTED);
    roster.slots[1].norm = 2.5;
    vx_assert_ok(vx_journal_open(folder, 1, vx_clock_system(), &journal, NULL), NULL);
    vx_assert_ok(vx_journal_begin_metrics(journal, folder, 0, NULL), NULL);
    vx_journal_metrics(journal, &metrics, &roster);
    row = last_line(folder, "metrics.jsonl");
    norm = json_object_get(row, "norm");
    assert_int_equal(json_array_size(norm), 2);
    assert_true(json_is_null(json_array_get(norm, 0)));
    vx_assert_close(json_real_value(json_array_get(norm, 1)), 2.5, 0, 0);
    assert_true(json_is_null(json_object_get(row, "eigengap")));
    assert_int_equal(json_integer_value(json_array_get(json_object_get(row, "included"), 0)), 1);
    json_decref(row);
    vx_journal_close(journal);
    vx_roster_destroy(&roster);
    vx_test_folder_remove(folder);
}

static json_int_t count_rows(const char *folder)
{
    char *path = vx_path_join(folder, "metrics.jsonl");
    vx_bytes text = { NULL, 0 };
    json_int_t rows = 0;

    vx_assert_ok(vx_file_read(path, 1 << 20, &text, NULL), NULL);
    for (size_t i = 0; i < text.size; i++)
        rows += text.at[i] == '\n';
    vx_free(text.at);
    vx_free(path);
    return rows;
}

/* Rows of rounds that were not committed are untrue; those that were are not written twice. */
static void a_resumed_run_keeps_the_rows_of_committed_rounds_only(void **state)
{
    char *folder = vx_test_folder_create();
    vx_journal *journal = NULL;
    vx_roster roster;
    json_t *row = NULL;

    (void)state;
    vx_assert_ok(vx_roster_create(900, &roster), NULL); /* rows of more than one block */
    vx_assert_ok(vx_journal_open(folder, 1, vx_clock_system(), &journal, NULL), NULL);
    vx_assert_ok(vx_journal_begin_metrics(journal, folder, 0, NULL), NULL);
    for (uint64_t round = 0; round < 6; round++)
        vx_journal_metrics(journal, &(vx_metrics_row){ .round = round }, &roster);
    vx_journal_close(journal);
    for (uint64_t committed = 6; committed + 1 > 0; committed--) {
        vx_assert_ok(vx_journal_open(folder, 2, vx_clock_system(), &journal, NULL), NULL);
        vx_assert_ok(vx_journal_begin_metrics(journal, folder, committed, NULL), NULL);
        assert_int_equal(count_rows(folder), committed);
        if (committed > 0) {
            vx_journal_metrics(journal, &(vx_metrics_row){ .round = committed - 1 }, &roster);
            assert_int_equal(count_rows(folder), committed);
            row = last_line(folder, "metrics.jsonl");
            assert_int_equal(json_integer_value(json_object_get(row, "round")), committed - 1);
            json_decref(row);
        }
        vx_journal_close(journal);
    }
    vx_roster_destroy(&roster);
    vx_test_folder_remove(folder);
}

static void a_half_line_of_a_crash_is_cut_off(void **state)
{
    char *folder = vx_test_folder_create();
    char *path = vx_path_join(folder, "events.jsonl");
    static const char torn[] = "{\"seq\":1}\n{\"seq\":2,\"ev";
    vx_journal *journal = NULL;
    vx_bytes text = { NULL, 0 };
    int fd = open(path, O_WRONLY | O_CREAT, 0644);

    (void)state;
    assert_int_equal(write(fd, torn, sizeof(torn) - 1), sizeof(torn) - 1);
    close(fd);
    vx_assert_ok(vx_journal_open(folder, 1, vx_clock_system(), &journal, NULL), NULL);
    vx_journal_close(journal);
    vx_assert_ok(vx_file_read(path, 1000, &text, NULL), NULL);
    assert_string_equal((char *)text.at, "{\"seq\":1}\n");
    vx_free(text.at);
    vx_free(path);
    vx_test_folder_remove(folder);
}

static void a_full_disk_costs_lines_that_are_counted_and_leaves_no_half_line(void **state)
{
    vx_sim_disk *disk = vx_sim_disk_create(1, 5 * 512); /* the root, two files, two sectors */
    vx_journal *journal = NULL;
    vx_error err = { 0 };
    json_t *row = NULL;
    int events = 0;

    (void)state;
    vx_files_install(vx_sim_disk_files(disk));
    vx_assert_ok(vx_journal_open("/", 1, vx_clock_system(), &journal, NULL), NULL);
    for (; vx_journal_lines_lost(journal) == 0; events++)
        vx_journal_event(journal, 7, "worker.join", "s:s", "why", "not enough room");
    assert_true(events > 1);
    vx_assert_ok(vx_journal_status(journal, &err), &err);
    vx_sim_disk_set_capacity(disk, 1 << 20);
    vx_journal_event(journal, 8, "worker.leave", "s:s", "why", "enough room");
    row = last_line("/", "events.jsonl");
    assert_int_equal(json_integer_value(json_object_get(row, "round")), 8);
    json_decref(row);
    assert_int_equal(vx_journal_lines_lost(journal), 1);
    vx_assert_ok(vx_journal_status(journal, &err), &err);
    vx_journal_close(journal);
    vx_files_install(NULL);
    vx_sim_disk_destroy(disk);
}

static void a_torn_end_of_the_journal_is_cut_off_whatever_the_crash_lost(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 50; seed++) {
        vx_sim_disk *disk = vx_sim_disk_create(seed, 1 << 20);
        vx_journal *journal = NULL;
        vx_bytes text = { NULL, 0 };

        vx_files_install(vx_sim_disk_files(disk));
        for (int run = 0; run < 2; run++) {
            vx_assert_ok(vx_journal_open("/", 1, vx_clock_system(), &journal, NULL), NULL);
            vx_assert_ok(vx_file_sync_folder("/", NULL), NULL);
            for (uint64_t round = 0; round < 20 && run == 0; round++)
                vx_journal_event(journal, round, "worker.join", "s:I", "slot", (long long)2);
            vx_assert_ok(vx_journal_status(journal, NULL), NULL);
            if (run == 0)
                vx_sim_disk_crash(disk);
            vx_journal_close(journal);
        }
        vx_assert_ok(vx_file_read("events.jsonl", 1 << 20, &text, NULL), NULL);
        assert_true(text.size == 0 || text.at[text.size - 1] == '\n');
        vx_free(text.at);
        vx_files_install(NULL);
        vx_sim_disk_destroy(disk);
    }
}

static void
the_status_document_counts_the_shards_and_leaves_out_slots_that_nobody_awaits(void **state)
{
    vx_roster roster;
    vx_assignment assignment;
    vx_shard_move moves[3];
    vx_run_summary run = {
        .job = "j", .state = "training", .message = "", .ranks = 2, .shards = &assignment
    };
    vx_bytes text = { NULL, 0 };
    json_t *document = NULL;
    json_t *shards = NULL;

    (void)state;
    vx_assert_ok(vx_roster_create(3, &roster), NULL);
    vx_roster_join(&roster, 0, 0);
    vx_roster_expect(&roster, 2, false);
    vx_assert_ok(vx_assignment_create(3, &assignment), NULL);
    vx_assignment_border(
        &assignment,
        (const vx_presence[]){ VX_PRESENCE_LIVE, VX_PRESENCE_AWAY, VX_PRESENCE_OVERDUE }, moves);
    vx_assignment_commit_round(&assignment, (const bool[]){ true, false, false });
    vx_assert_ok(vx_status_document(&run, &roster, &text), NULL);
    document = json_loads((char *)text.at, 0, NULL);
    assert_int_equal(json_array_size(json_object_get(document, "missing")), 1);
    assert_int_equal(json_integer_value(json_object_get(document, "ranks")), 2);
    shards = json_object_get(document, "shards");
    assert_int_equal(json_integer_value(json_object_get(shards, "reassigned")), 1);
    shards = json_object_get(shards, "idle_rounds");
    assert_int_equal(json_array_size(shards), 3);
    assert_int_equal(json_integer_value(json_array_get(shards, 0)), 0);
    assert_int_equal(json_integer_value(json_array_get(shards, 1)), 1);
    assert_int_equal(json_integer_value(json_array_get(shards, 2)), 0);
    json_decref(document);
    vx_free(text.at);
    vx_assignment_destroy(&assignment);
    vx_roster_destroy(&roster);
}

static void the_status_document_has_every_slot_and_the_result_its_state(void **state)
{
    char *folder = vx_test_folder_create();
    vx_roster roster;
    vx_run_summary run = { .job = "j",
                           .state = "training",
                           .message = "",
                           .round = 5,
                           .rounds = 10,
                           .loss = nan(""),
                           .rate = 2.0,
                           .eta_s = 2.5,
                           .blas = "Zen",
                           .libuv = "1",
                           .test.known = false };
    vx_bytes text = { NULL, 0 };
    json_t *document = NULL;
    json_t *slot = NULL;
    char missing[400];
    char *path = NULL;

    (void)state;
    vx_assert_ok(vx_roster_create(3, &roster), NULL);
    vx_roster_join(&roster, 0, 0);
    memcpy(roster.slots[0].host, "h\xff", 3);
    vx_assert_ok(vx_status_document(&run, &roster, &text), NULL);
    document = json_loads((char *)text.at, 0, NULL);
    assert_non_null(document);
    vx_assert_close(json_real_value(json_object_get(document, "percent")), 50.0, 0, 0);
    assert_true(json_is_null(json_object_get(document, "loss")));
    assert_int_equal(json_array_size(json_object_get(document, "missing")), 2);
    slot = json_array_get(json_object_get(document, "slots"), 0);
    assert_string_equal(json_string_value(json_object_get(slot, "state")), "live");
    assert_string_equal(json_string_value(json_object_get(slot, "host")), "h?");
    json_decref(document);
    vx_free(text.at);
    vx_roster_begin_round(&roster, NULL);
    roster.slots[0].last_seen_ns = 1500 * VX_NS_PER_MS;
    roster.slots[0].pid = 7;
    roster.slots[0].host[1] = '\0';
    assert_string_equal(
        vx_roster_missing_text(&roster, 4 * VX_NS_PER_S, missing, sizeof(missing)),
        "1: has not joined, start it with mpirun; 2: has not joined, start it with mpirun; "
        "0: live, has not answered, heard 2.5 s ago from h (pid 7)");
    assert_string_equal(vx_roster_missing_text(&roster, 4 * VX_NS_PER_S, missing, 69),
                        "1: has not joined, start it with mpirun; 2: has not joined, start...");
    assert_string_equal(
        vx_roster_absent_text(&roster, 4 * VX_NS_PER_S, missing, sizeof(missing)),
        "1: has not joined, start it with mpirun; 2: has not joined, start it with mpirun");
    vx_roster_part(&roster, 0, VX_SLOT_LOST);
    vx_roster_begin_round(&roster, (const bool[]){ true, false, false });
    assert_string_equal(vx_roster_missing_text(&roster, 4 * VX_NS_PER_S, missing, sizeof(missing)),
                        "0: lost, last heard 2 s ago on h (pid 7), its agent starts it again");
    assert_string_equal(vx_roster_missing_text(&roster, 40 * VX_NS_PER_S, missing, sizeof(missing)),
                        "0: lost, last heard 38 s ago on h (pid 7), see the output of its mpirun");
    run.state = "done";
    vx_assert_ok(vx_result_write(folder, &run, &roster, NULL), NULL);
    path = vx_path_join(folder, "result.json");
    document = json_load_file(path, 0, NULL);
    assert_string_equal(json_string_value(json_object_get(document, "state")), "done");
    assert_int_equal(json_integer_value(json_object_get(document, "rounds_total")), 10);
    json_decref(document);
    vx_free(path);
    vx_roster_destroy(&roster);
    vx_test_folder_remove(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_event_is_one_line_with_its_fields_whatever_bytes_they_hold),
        cmocka_unit_test(a_number_of_an_event_that_is_not_finite_is_null),
        cmocka_unit_test(metrics_have_null_for_slots_that_are_not_in),
        cmocka_unit_test(a_resumed_run_keeps_the_rows_of_committed_rounds_only),
        cmocka_unit_test(a_half_line_of_a_crash_is_cut_off),
        cmocka_unit_test(a_full_disk_costs_lines_that_are_counted_and_leaves_no_half_line),
        cmocka_unit_test(a_torn_end_of_the_journal_is_cut_off_whatever_the_crash_lost),
        cmocka_unit_test(
            the_status_document_counts_the_shards_and_leaves_out_slots_that_nobody_awaits),
        cmocka_unit_test(the_status_document_has_every_slot_and_the_result_its_state),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
