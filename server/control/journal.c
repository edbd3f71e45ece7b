#include <vx_control/journal.h>

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <vx_base/alloc.h>
#include <vx_base/file.h>

#include "json.h"

#define LINES_MODE 0644

struct vx_journal {
    int events, metrics; /* handles; negative = not open */
    uint32_t epoch;
    uint64_t sequence;
    uint64_t next_row; /* rounds below it have their row in metrics.jsonl */
    vx_clock clock;
    uint64_t lines_lost;
    vx_error failure;
};

/* Cuts off what follows the last line feed: a crash may have left half a line. */
static int cut_unfinished_line(int handle)
{
    const vx_files *files = vx_files_current();
    vx_file_info info = { 0 };
    char byte = '\n';
    int result = files->info(files->context, handle, &info);
    uint64_t end = info.size;

    while (result >= 0 && end > 0) {
        ssize_t count = files->read_at(files->context, handle, &byte, 1, end - 1);

        if (count < 0)
            return (int)count;
        if (byte == '\n')
            break;
        end--;
    }
    return result < 0 || end == info.size ? result : files->truncate(files->context, handle, end);
}

static vx_status open_lines(const char *run_dir, const char *name, int *ret_handle, vx_error *err)
{
    const vx_files *files = vx_files_current();
    char *path = vx_path_join(run_dir, name);
    vx_status status = VX_OK;
    int handle = -1;
    int result = 0;

    if (path == NULL)
        return vx_fail(err, VX_ERR_NOMEM, "%s/%s: out of memory", run_dir, name);
    handle = files->open(files->context, path, O_RDWR | O_CREAT | O_APPEND, LINES_MODE);
    result = handle < 0 ? handle : cut_unfinished_line(handle);
    if (result < 0)
        status = vx_file_fail(err, result, "open", path);
    vx_free(path);
    *ret_handle = handle;
    return status;
}

/* Where the line that ends at `end` begins. */
static int begin_of_line(int handle, uint64_t end, uint64_t *ret_begin)
{
    const vx_files *files = vx_files_current();
    char block[4096];
    uint64_t at = end - 1; /* its line feed */

    while (at > 0) {
        size_t size = at < sizeof(block) ? (size_t)at : sizeof(block);
        ssize_t count = files->read_at(files->context, handle, block, size, at - size);
        const char *feed = NULL;

        if (count < 0)
            return (int)count;
        if ((size_t)count != size)
            return -EIO;
        feed = memrchr(block, '\n', size);
        if (feed != NULL) {
            *ret_begin = at - size + (size_t)(feed - block) + 1;
            return 0;
        }
        at -= size;
    }
    *ret_begin = 0;
    return 0;
}

/* The round of the row that begins there; UINT64_MAX: it is no row. */
static int round_of_row(int handle, uint64_t begin, uint64_t *ret_round)
{
    const vx_files *files = vx_files_current();
    char text[64] = { 0 };
    unsigned long long round = 0;
    ssize_t count = files->read_at(files->context, handle, text, sizeof(text) - 1, begin);

    if (count < 0)
        return (int)count;
    *ret_round = sscanf(text, "{\"round\":%llu,", &round) == 1 ? round : UINT64_MAX;
    return 0;
}

/* Rows stand in the order of their rounds. */
static int cut_rows(int handle, uint64_t rounds, uint64_t *ret_next)
{
    const vx_files *files = vx_files_current();
    vx_file_info info = { 0 };
    int result = files->info(files->context, handle, &info);
    uint64_t end = info.size;

    *ret_next = 0;
    while (result >= 0 && end > 0) {
        uint64_t begin = 0;
        uint64_t round = 0;

        result = begin_of_line(handle, end, &begin);
        if (result >= 0)
            result = round_of_row(handle, begin, &round);
        if (result < 0)
            return result;
        if (round < rounds) {
            *ret_next = round + 1;
            break;
        }
        end = begin;
    }
    return result < 0 || end == info.size ? result : files->truncate(files->context, handle, end);
}

vx_status vx_journal_begin_metrics(vx_journal *journal, const char *run_dir, uint64_t rounds,
                                   vx_error *err)
{
    vx_status status = open_lines(run_dir, "metrics.jsonl", &journal->metrics, err);
    int result = 0;

    if (status != VX_OK)
        return status;
    result = cut_rows(journal->metrics, rounds, &journal->next_row);
    return result < 0 ? vx_file_fail(err, result, "cut rows of metrics.jsonl in", run_dir) : VX_OK;
}

vx_status vx_journal_open(const char *run_dir, uint32_t epoch, vx_clock clock,
                          vx_journal **ret_journal, vx_error *err)
{
    vx_journal *journal = vx_calloc(1, sizeof(*journal));
    vx_status status = VX_ERR_NOMEM;

    if (journal == NULL)
        return vx_fail(err, VX_ERR_NOMEM, "out of memory");
    *journal = (vx_journal){ .events = -1, .metrics = -1, .epoch = epoch, .clock = clock };
    status = open_lines(run_dir, "events.jsonl", &journal->events, err);
    if (status != VX_OK) {
        vx_journal_close(journal);
        return status;
    }
    *ret_journal = journal;
    return VX_OK;
}

vx_journal *vx_journal_close(vx_journal *journal)
{
    if (journal == NULL)
        return NULL;
    vx_file_close(journal->events);
    vx_file_close(journal->metrics);
    vx_free(journal);
    return NULL;
}

static void keep_failure(vx_journal *journal, vx_status status, const vx_error *err)
{
    journal->lines_lost += status == VX_ERR_SPACE; /* which costs lines, not the run */
    if (status == VX_OK || status == VX_ERR_SPACE || journal->failure.code != VX_OK)
        return;
    journal->failure = *err;
    journal->failure.code = status;
}

/* Steals row; NULL: memory was out. One write call a line: lines of two writers do not mix, a crash
 * tears the last one at most. */
static void append_line(vx_journal *journal, int handle, const char *name, json_t *row)
{
    vx_bytes text = { NULL, 0 };
    vx_error err = { .message = "out of memory" };
    vx_status status = vx_json_dump(row, JSON_COMPACT, &text);

    if (status == VX_OK) {
        text.at[text.size] = '\n';
        status = vx_file_write_all(handle, (vx_cbytes){ text.at, text.size + 1 }, name, &err);
        if (status != VX_OK)
            (void)cut_unfinished_line(handle); /* or the next line would begin in this one */
    }
    keep_failure(journal, status, &err);
    vx_free(text.at);
    json_decref(row);
}

/* Not json_vpack: it gives up the whole object for one text that is not UTF-8 or one NaN. */
static int add_fields(json_t *row, const char *format, va_list list)
{
    int failed = row == NULL ? -1 : 0;

    for (const char *at = strchr(format, ':'); at != NULL && failed == 0;
         at = strchr(at + 1, ':')) {
        const char *name = va_arg(list, const char *);
        json_t *value = NULL;

        if (at[1] == 'I')
            value = json_integer(va_arg(list, json_int_t));
        else if (at[1] == 'f')
            value = vx_json_real(va_arg(list, double));
        else
            value = vx_json_text(va_arg(list, const char *));
        failed = json_object_set_new(row, name, value);
    }
    return failed;
}

void vx_journal_event(vx_journal *journal, uint64_t round, const char *event, const char *format,
                      ...)
{
    char ts[VX_TIME_TEXT_SIZE];
    json_t *row = NULL;
    va_list list;

    row = json_pack("{s:I, s:s, s:I, s:I, s:I, s:s}", "seq", (json_int_t)++journal->sequence, "ts",
                    vx_time_text(vx_clock_realtime_ns(&journal->clock), ts), "mono_ns",
                    (json_int_t)vx_clock_monotonic_ns(&journal->clock), "epoch",
                    (json_int_t)journal->epoch, "round", (json_int_t)round, "event", event);
    va_start(list, format);
    if (add_fields(row, format, list) != 0) {
        json_decref(row);
        row = NULL;
    }
    va_end(list);
    append_line(journal, journal->events, "events.jsonl", row);
}

/* One number a slot, null where the slot is not in. */
static json_t *slot_numbers(const vx_roster *roster, size_t offset)
{
    json_t *list = json_array();

    for (size_t i = 0; i < roster->count && list != NULL; i++) {
        const vx_slot *slot = &roster->slots[i];
        double value = 0.0;

        memcpy(&value, (const char *)slot + offset, sizeof(value));
        list = vx_json_list_with(list, slot->collected ? vx_json_real(value) : json_null());
    }
    return list;
}

static json_t *included_slots(const vx_roster *roster)
{
    json_t *list = json_array();

    for (size_t i = 0; i < roster->count && list != NULL; i++)
        if (roster->slots[i].collected)
            list = vx_json_list_with(list, json_integer((json_int_t)i));
    return list;
}

void vx_journal_metrics(vx_journal *journal, const vx_metrics_row *row, const vx_roster *roster)
{
    char digest[VX_DIGEST_TEXT_SIZE];
    json_t *line = NULL;

    if (row->round < journal->next_row)
        return;
    journal->next_row = row->round + 1;
    line = json_pack(
        "{s:I, s:I, s:o, s:I, s:o, s:o, s:o, s:o, s:o, s:o, s:s, s:o, s:o, s:o, s:o, s:o}", "round",
        (json_int_t)row->round, "epoch", (json_int_t)journal->epoch, "loss",
        vx_json_real(row->loss), "samples", (json_int_t)row->samples, "update_norm",
        vx_json_real(row->update_norm), "median_norm", vx_json_real(row->median_norm), "step_size",
        vx_json_real(row->step_size), "included", included_slots(roster), "eigengap",
        vx_json_real(row->eigengap), "objective", vx_json_real(row->objective), "parameters_digest",
        vx_digest_text(row->parameters, digest), "phase_ms", vx_json_phases(&row->phases), "norm",
        slot_numbers(roster, offsetof(vx_slot, norm)), "reconstruction",
        slot_numbers(roster, offsetof(vx_slot, reconstruction)), "weight",
        slot_numbers(roster, offsetof(vx_slot, weight)), "nll",
        slot_numbers(roster, offsetof(vx_slot, nll)));

    append_line(journal, journal->metrics, "metrics.jsonl", line);
}

uint64_t vx_journal_lines_lost(const vx_journal *journal)
{
    return journal->lines_lost;
}

vx_status vx_journal_status(const vx_journal *journal, vx_error *err)
{
    if (journal->failure.code != VX_OK && err != NULL)
        *err = journal->failure;
    return journal->failure.code;
}
