#include "server_private.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include <vx_base/alloc.h>
#include <vx_base/assert.h>
#include <vx_base/median.h>

#define MS(ns)              ((double)(ns) / (double)VX_NS_PER_MS)
#define RETRY_MS            1000
#define LAMBDA_QUIET_ROUNDS 100

/*
 * How a round becomes a fact: rule, step, digest, ledger, in one work item on the pool; then, on
 * the loop, records and the next round. Nothing is told to anybody before the ledger has it.
 */
static bool is_replay(const vx_server *server)
{
    return server->row.round < server->replay_until;
}

/* On the loop, before the work: what the record says of each slot. */
static void describe_slots(vx_server *server)
{
    const vx_roster *roster = &server->roster;
    size_t count = 0;

    for (size_t i = 0; i < roster->count; i++) {
        const vx_slot *slot = &roster->slots[i];
        vx_judgement verdict = VX_JUDGED_LATE;

        server->present[i] = slot->collected;
        server->age[i] = slot->collected ? server->row.round - slot->of_round : 0;
        if (slot->collected)
            verdict = server->age[i] == 0 ? VX_JUDGED_ACCEPTED : VX_JUDGED_LATE;
        else if (slot->answered)
            verdict = VX_JUDGED_NONFINITE;
        else if (slot->state != VX_SLOT_LIVE && server->assignment.slots[i].owner == i)
            continue;
        else if (slot->state != VX_SLOT_LIVE)
            verdict = VX_JUDGED_MAX; /* it was away; the record is of its shard */
        server->record_slots[count++] = (vx_ledger_slot){
            .slot = (uint32_t)i,
            .incarnation = slot->incarnation,
            .owner = server->assignment.slots[i].owner,
            .verdict = (uint8_t)verdict,
            .included = slot->collected,
            .samples = slot->collected ? slot->samples : 0,
            .nll = slot->collected ? slot->nll : nan(""),
            .norm = nan(""),
            .reconstruction = nan(""),
            .weight = nan(""),
        };
    }
    server->record = (vx_ledger_round){ .round = server->row.round,
                                        .epoch = server->epoch,
                                        .slots = server->record_slots,
                                        .slots_count = count };
}

/* The record's numbers that the rule has made. */
static void complete_record(vx_server *server)
{
    const vx_aggregate_report *report = &server->report;
    size_t d = server->dimension;
    vx_ledger_round *record = &server->record;

    for (size_t k = 0; k < record->slots_count; k++) {
        vx_ledger_slot *entry = &server->record_slots[k];
        size_t i = entry->slot;

        if (!entry->included)
            continue;
        if (!server->kept) {
            entry->norm = report->norm[i];
            entry->reconstruction = report->reconstruction[i];
            entry->weight = report->weight[i];
        }
        entry->gradient = vx_digest_of(server->rows + i * d, d * sizeof(float));
    }
    record->loss = server->row.loss;
    record->step_size = vx_optimiser_step_size(server->optimiser, record->round);
    record->update = vx_digest_of(server->update, d * sizeof(float));
    record->update_bytes = (vx_cbytes){ (const uint8_t *)server->update, d * sizeof(float) };
}

static const vx_ledger_slot *find_slot(const vx_ledger_round *record, uint32_t slot)
{
    for (size_t i = 0; i < record->slots_count; i++)
        if (record->slots[i].slot == slot)
            return &record->slots[i];
    return NULL;
}

/* A worker that sends something else than it did makes of a recorded round a new one, unless the
 * ledger has its update: then the round stays what it was. */
static void compare_gradients(vx_server *server)
{
    char recorded[VX_DIGEST_TEXT_SIZE];
    char made[VX_DIGEST_TEXT_SIZE];

    for (size_t k = 0; k < server->replayed.slots_count; k++) {
        const vx_ledger_slot *then = &server->replayed.slots[k];
        const vx_ledger_slot *now = find_slot(&server->record, then->slot);

        if (!then->included)
            continue;
        VX_ASSERT(now != NULL && now->included); /* the round closed with these slots */
        if (vx_digest_equal(then->gradient, now->gradient))
            continue;
        server->diverged = !server->kept;
        snprintf(server->diverged_why, sizeof(server->diverged_why),
                 "slot %u did not make its gradient of round %llu again: digest %s, recorded %s",
                 then->slot, (unsigned long long)server->row.round,
                 vx_digest_text(now->gradient, made), vx_digest_text(then->gradient, recorded));
    }
}

/* The same gradients must give the same parameters: else this is not the machine, the library or
 * the program that made the record. */
static vx_status compare_parameters(const vx_server *server, vx_error *err)
{
    char recorded[VX_DIGEST_TEXT_SIZE];
    char made[VX_DIGEST_TEXT_SIZE];

    if (vx_digest_equal(server->record.parameters, server->replayed.parameters))
        return VX_OK;
    return vx_fail(err, VX_ERR_DATA,
                   "round %llu: the same gradients gave parameters with digest %s, the ledger has "
                   "%s: another BLAS, processor or program than the one that made the record",
                   (unsigned long long)server->row.round,
                   vx_digest_text(server->record.parameters, made),
                   vx_digest_text(server->replayed.parameters, recorded));
}

static vx_status write_record(vx_server *server, vx_error *err)
{
    uint64_t first = 0;
    uint64_t end = 0;
    vx_status status = VX_OK;

    vx_ledger_range(server->ledger, &first, &end);
    if (server->forget_records) {
        vx_recover_set_aside(server, server->row.round);
        status = vx_ledger_replace(server->ledger, &server->record, err);
    } else {
        status = vx_ledger_commit(server->ledger, &server->record, err);
    }
    if (status != VX_OK)
        return status;
    server->forget_records = false;
    if (first < server->work_prune_below) {
        vx_error why = { 0 }; /* the round is recorded: it costs room, until the next commit */

        (void)!vx_ledger_prune(server->ledger, server->work_prune_below, &why);
    }
    return VX_OK;
}

static vx_status record_round(vx_server *server, vx_error *err)
{
    uint64_t before = vx_clock_monotonic_ns(&server->clock);
    vx_status status = VX_OK;

    if (is_replay(server) && !server->diverged)
        return compare_parameters(server, err);
    server->forget_records |= server->diverged;
    status = write_record(server, err);
    server->row.phases.record_ms = MS(vx_clock_monotonic_ns(&server->clock) - before);
    return status;
}

static vx_status step(vx_server *server, vx_error *err)
{
    size_t d = server->dimension;
    vx_status status =
        vx_optimiser_step(server->optimiser, server->row.round, (vx_cvecf){ server->update, d },
                          (vx_vecf){ server->theta, d });

    if (status != VX_OK)
        return vx_fail(err, status,
                       "round %llu: the step would leave the finite numbers: the training has "
                       "diverged; try a smaller optimiser.step_size",
                       (unsigned long long)server->row.round);
    vx_snapshot_fill(server->work_snapshot, server->theta, d, server->row.round + 1);
    server->row.parameters = vx_digest_of(server->theta, d * sizeof(float));
    server->record.parameters = server->row.parameters;
    return VX_OK;
}

/* A gradient of age a counts 1 / (1 + a). */
static void damp_old_rows(vx_server *server)
{
    size_t d = server->dimension;

    for (size_t i = 0; i < server->roster.count; i++) {
        float *row = server->rows + i * d;

        if (server->present[i] && server->age[i] > 0)
            for (size_t k = 0; k < d; k++)
                row[k] = (float)((double)row[k] / (double)(1 + server->age[i]));
    }
}

static vx_status make_round(vx_server *server, vx_error *err)
{
    size_t d = server->dimension;
    vx_cmatf rows = { server->rows, server->roster.count, d, d };
    uint64_t before = vx_clock_monotonic_ns(&server->clock);
    uint64_t between = 0;
    vx_status status = VX_OK;

    server->row.phases.check_ms = MS(before - server->work_started_ns);
    if (server->saver.due && !server->saver.loaded)
        vx_saver_copy(server, server->row.round);
    damp_old_rows(server);
    server->kept = false;
    server->diverged_why[0] = '\0';
    if (is_replay(server) && server->updates_kept)
        status = vx_replay_update(server, &server->kept, err);
    vx_aggregator_set_key(server->aggregator, server->row.round);
    if (status == VX_OK && !server->kept)
        status = vx_aggregator_run(server->aggregator, rows, server->present,
                                   (vx_vecf){ server->update, d }, &server->report, err);
    if (status != VX_OK)
        return status;
    complete_record(server);
    if (is_replay(server))
        compare_gradients(server);
    between = vx_clock_monotonic_ns(&server->clock);
    server->row.phases.aggregate_ms = MS(between - before);
    status = step(server, err);
    if (status != VX_OK)
        return status;
    vx_momentum_carry(server);
    server->row.phases.step_ms = MS(vx_clock_monotonic_ns(&server->clock) - between);
    return record_round(server, err);
}

static void on_work(uv_work_t *work)
{
    vx_server *server = work->data;

    server->work_started_ns = vx_clock_monotonic_ns(&server->clock);
    server->work_error = (vx_error){ 0 };
    switch (server->working) {
    case VX_WORK_RECOVER:
        vx_recover_work(server);
        return;
    case VX_WORK_FORWARD:
        vx_replay_forward_work(server);
        return;
    case VX_WORK_ROUND:
        server->work_status = make_round(server, &server->work_error);
        return;
    case VX_WORK_RECORD:
        server->work_status = write_record(server, &server->work_error);
        return;
    case VX_WORK_NONE:
        break;
    }
    VX_ASSERT(false);
}

/* Such a lambda destroys the direction that the gradients agree on. */
static void warn_of_lambda(vx_server *server)
{
    double lambda = server->job->aggregation.flag.lambda;
    double limit = server->report.lambda_limit;
    uint64_t round = server->row.round;

    if (!(lambda > 0.0 && lambda >= limit) || round < server->lambda_quiet)
        return;
    server->lambda_quiet = round + LAMBDA_QUIET_ROUNDS;
    vx_log_event(&server->log, VX_LOG_WARN, "flag.lambda",
                 "round=%llu lambda=%g limit=%.3g pairs outweigh the common direction",
                 (unsigned long long)round, lambda, limit);
}

static void take_report(vx_server *server)
{
    vx_metrics_row *row = &server->row;
    const vx_aggregate_report *report = &server->report;

    for (size_t i = 0; i < server->roster.count; i++) {
        vx_slot *slot = &server->roster.slots[i];

        if (!slot->collected)
            continue;
        slot->norm = report->norm[i];
        slot->reconstruction = report->reconstruction[i];
        slot->weight = report->weight[i];
    }
    server->loss = row->loss;
    row->update_norm = report->update_norm;
    row->median_norm = report->median_norm;
    row->eigengap = report->eigengap;
    row->objective = report->objective;
    row->step_size = vx_optimiser_step_size(server->optimiser, row->round);
}

static void add_phases(vx_server *server)
{
    vx_phases *sum = &server->phases_sum;
    const vx_phases *phases = &server->row.phases;
    uint64_t now = vx_server_now(server);

    sum->wait_ms += phases->wait_ms;
    sum->check_ms += phases->check_ms;
    sum->aggregate_ms += phases->aggregate_ms;
    sum->step_ms += phases->step_ms;
    sum->record_ms += phases->record_ms;
    sum->broadcast_ms += phases->broadcast_ms;
    server->phases_count++;
    if (server->last_commit_ns != 0 && now > server->last_commit_ns) {
        double rate = (double)VX_NS_PER_S / (double)(now - server->last_commit_ns);

        server->rate = server->rate > 0.0 ? 1.0 / (0.98 / server->rate + 0.02 / rate) : rate;
    }
    server->last_commit_ns = now;
}

/* What replaying means for the round that has just been made. */
static void note_replay(vx_server *server)
{
    uint64_t round = server->row.round;

    if (server->kept && server->diverged_why[0] != '\0') {
        vx_log_event(&server->log, VX_LOG_WARN, "replay.differs", "round=%llu why=\"%s\"",
                     (unsigned long long)round, server->diverged_why);
        vx_journal_event(server->journal, round, "replay.differs", "s:s", "why",
                         server->diverged_why);
    }
    if (server->diverged) {
        vx_log_event(&server->log, VX_LOG_WARN, "replay.diverged", "round=%llu why=\"%s\"",
                     (unsigned long long)round, server->diverged_why);
        vx_journal_event(server->journal, round, "replay.diverged", "s:s", "why",
                         server->diverged_why);
        server->replay_until = round;
        server->diverged = false;
    } else if (round + 1 == server->replay_until) {
        vx_log_event(&server->log, VX_LOG_INFO, "replay.done", "rounds=%llu",
                     (unsigned long long)server->replay_until);
        vx_journal_event(server->journal, round + 1, "replay.done", "s:I", "from",
                         (long long)server->plan.from);
    }
}

static void commit(vx_server *server)
{
    uint64_t committed = server->row.round + 1;
    uint64_t every = server->job->evaluation.every;
    bool replayed = is_replay(server);

    if (!server->kept) {
        take_report(server);
        warn_of_lambda(server);
    }
    add_phases(server);
    if (replayed)
        note_replay(server);
    vx_journal_metrics(server->journal, &server->row, &server->roster);
    vx_roster_commit_round(&server->roster, server->row.round);
    vx_assignment_commit_round(&server->assignment, server->present);
    vx_momentum_committed(server);
    server->parameters_digest = server->row.parameters;
    server->current = server->work_snapshot;
    server->work_snapshot = NULL;
    server->message[0] = '\0';
    if (every > 0 && committed % every == 0 && committed > server->replay_until)
        vx_evaluator_due(server, committed);
    vx_saver_due(server, committed);
    vx_server_census(server, VX_ROUND_EV_COMMITTED);
}

static void on_retry(uv_timer_t *timer)
{
    vx_server *server = timer->data;

    if (!server->finishing)
        vx_server_start_work(server, VX_WORK_RECORD);
}

/* The round is made, and nobody knows of it. It waits for room, or the run ends without it. */
static void wait_for_room(vx_server *server)
{
    if (!server->record_waits) {
        server->state_since_ns = vx_server_now(server);
        vx_log_event(&server->log, VX_LOG_ERROR, "record.waits", "round=%llu why=\"%s\"",
                     (unsigned long long)server->row.round, server->work_error.message);
        snprintf(server->message, sizeof(server->message),
                 "round %llu is made and cannot be recorded: %.200s; it is tried again every "
                 "second: make room, or stop the run",
                 (unsigned long long)server->row.round, server->work_error.message);
    }
    server->record_waits = true;
    vx_uv->timer_start(&server->retry_timer, on_retry, RETRY_MS, 0);
}

static void after_round(vx_server *server)
{
    bool waits = server->work_status == VX_ERR_SPACE &&
                 server->job->checkpoint.on_disk_full == VX_JOB_ON_DISK_FULL_CONTINUE;

    if (server->work_snapshot != NULL)
        server->work_snapshot->filling = false;
    if (server->saver.loaded)
        server->saver.due = false;
    vx_saver_start(server);
    if (server->work_status == VX_OK) {
        server->record_waits = false;
        commit(server);
    } else if (waits && !server->round.stop) {
        wait_for_room(server);
    } else {
        vx_log_event(&server->log, VX_LOG_ERROR, "round.failed", "round=%llu why=\"%s\"",
                     (unsigned long long)server->row.round, server->work_error.message);
        vx_server_census(server, VX_ROUND_EV_FAILED);
    }
}

static void after_work(uv_work_t *work, int canceled)
{
    vx_server *server = work->data;
    vx_work_kind kind = server->working;

    VX_ASSERT(canceled == 0);
    server->working = VX_WORK_NONE;
    if (kind == VX_WORK_RECOVER)
        vx_recover_after(server);
    else if (kind == VX_WORK_FORWARD)
        vx_replay_forward_after(server);
    else
        after_round(server);
    vx_server_work(server);
    vx_server_finish_step(server);
}

void vx_server_start_work(vx_server *server, vx_work_kind kind)
{
    VX_ASSERT(server->working == VX_WORK_NONE);
    server->working = kind;
    server->work_prune_below = server->prune_below;
    server->work.data = server;
    server->work_started_ns = vx_server_now(server);
    VX_ASSERT(vx_uv->queue_work(&server->loop, &server->work, on_work, after_work) == 0);
}

/* The median: a worker that lies about its loss cannot move it far. */
static double median_loss(const vx_roster *roster, uint64_t *ret_samples)
{
    static double losses[VX_WORKERS_MAX]; /* the loop thread's */
    size_t count = 0;

    *ret_samples = 0;
    for (size_t i = 0; i < roster->count; i++) {
        const vx_slot *slot = &roster->slots[i];

        if (!slot->collected)
            continue;
        *ret_samples += slot->samples;
        if (isfinite(slot->nll))
            losses[count++] = slot->nll;
    }
    return vx_values_median(losses, count);
}

void vx_server_work(vx_server *server)
{
    if (server->working != VX_WORK_NONE || !server->aggregate_waits || vx_saver_delays(server))
        return;
    server->work_snapshot = vx_snapshot_free_one(server);
    if (server->work_snapshot == NULL)
        return; /* tried again when a snapshot is let go */
    server->work_snapshot->filling = true;
    server->aggregate_waits = false;
    server->row.round = server->round.number;
    server->row.loss = median_loss(&server->roster, &server->row.samples);
    describe_slots(server);
    vx_momentum_mark_busy(server);
    vx_server_start_work(server, VX_WORK_ROUND);
}
