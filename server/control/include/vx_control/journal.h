#ifndef VX_CONTROL_JOURNAL_H
#define VX_CONTROL_JOURNAL_H
#include <stdbool.h>

#include <stdint.h>

#include <vx_base/bytes.h>
#include <vx_base/clock.h>
#include <vx_base/status.h>
#include <vx_roster/assignment.h>
#include <vx_roster/roster.h>

/*
 * What a run leaves for people and programs: events.jsonl, metrics.jsonl, result.json, server.json
 * and the status document. Formats: ARCHITECTURE.md, section Run directory.
 */
typedef struct vx_phases {
    double wait_ms, check_ms, aggregate_ms, step_ms, record_ms, broadcast_ms;
} vx_phases;

typedef struct vx_test_result {
    bool known;
    uint64_t round;       /* rounds committed when it was made */
    double nll, accuracy; /* accuracy is NaN of a likelihood without classes */
    uint64_t count;
    double deviance; /* NaN of one with classes */
} vx_test_result;

typedef struct vx_journal vx_journal;

/* Opens run_dir/events.jsonl for appending; a last line that a crash left unfinished is cut off. */
VX_MUST_CHECK vx_status vx_journal_open(const char *run_dir, uint32_t epoch, vx_clock clock,
                                        vx_journal **ret_journal, vx_error *err);
vx_journal *vx_journal_close(vx_journal *journal);

/* Opens metrics.jsonl for a run of which so many rounds are committed: rows of later ones, which a
 * crash made untrue, are cut off. Rows of rounds that it has already are not written again. */
VX_MUST_CHECK vx_status vx_journal_begin_metrics(vx_journal *journal, const char *run_dir,
                                                 uint64_t rounds, vx_error *err);

/* One event with fields: "s:I, s:f, s:s" and then a name and a value of each, a long long, a double
 * (null when it is not finite), a text (bytes that are not UTF-8 are replaced). Failure to write is
 * kept: see vx_journal_status. */
void vx_journal_event(vx_journal *journal, uint64_t round, const char *event, const char *format,
                      ...);

typedef struct vx_metrics_row {
    uint64_t round;
    double loss, update_norm, median_norm, step_size, eigengap, objective;
    uint64_t samples;
    vx_digest parameters;
    vx_phases phases;
} vx_metrics_row;
/* Slots that are collected now are the included ones. */
void vx_journal_metrics(vx_journal *journal, const vx_metrics_row *row, const vx_roster *roster);

/* The first failure to write, or VX_OK; lines that found no space are not one. */
uint64_t vx_journal_lines_lost(const vx_journal *journal); /* that found no space */
vx_status vx_journal_status(const vx_journal *journal, vx_error *err);

typedef struct vx_run_summary {
    const char *job, *state, *message; /* state and message as the formats say */
    uint32_t epoch;
    uint64_t round, rounds, dimension;
    uint64_t ranks; /* processes of one worker */
    double loss, rate, eta_s, since_s, seconds;
    vx_digest parameters;
    vx_test_result test;
    vx_phases phases_mean;
    const vx_assignment *shards; /* borrowed; NULL = not known */
    const char *blas, *libuv;
    const char *const *endpoints; /* where it says that it is */
    size_t endpoints_count;
} vx_run_summary;

/* New memory with a zero after the text; the caller frees with vx_free. */
VX_MUST_CHECK vx_status vx_status_document(const vx_run_summary *run, const vx_roster *roster,
                                           vx_bytes *ret_text);
VX_MUST_CHECK vx_status vx_result_write(const char *run_dir, const vx_run_summary *run,
                                        const vx_roster *roster, vx_error *err);

typedef struct vx_server_card {
    const char *job;
    const char *const *endpoints; /* in the order in which they are to be tried */
    size_t endpoints_count;
    const char *local; /* endpoint for processes of the server's host */
    uint64_t job_id;
    vx_digest config;
    uint32_t epoch;
    size_t workers;
    uint64_t ranks; /* processes of one worker */
    uint64_t max_restarts;
    uint64_t started_realtime_ns;
} vx_server_card;
VX_MUST_CHECK vx_status vx_server_card_write(const char *run_dir, const vx_server_card *card,
                                             vx_error *err);
/* The local endpoint of the card that a killed server left in run_dir, in new memory; NULL: there
 * is none. */
char *vx_server_card_local(const char *run_dir);
bool vx_server_card_is_own(const char *run_dir); /* it names this process */

/* Of each slot that this round waits for, first of those that are not live: where it is, since
 * when, and what happens next; for messages; cut with "..." when it does not fit. Returns text. */
char *vx_roster_missing_text(const vx_roster *roster, uint64_t now_ns, char *text, size_t size);
/* The same of those only that are not live. */
char *vx_roster_absent_text(const vx_roster *roster, uint64_t now_ns, char *text, size_t size);
#endif
