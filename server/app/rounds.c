#include "server_private.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <vx_base/alloc.h>
#include <vx_base/assert.h>
#include <vx_linalg/blas.h>

#define MS(ns) ((double)(ns) / (double)VX_NS_PER_MS)

void vx_server_offer_parameters(vx_peer *peer)
{
    vx_server *server = peer->server;
    const vx_slot *slot = NULL;

    if (peer->slot == VX_FRAME_SLOT_NONE || peer->stage != VX_PEER_WELCOMED ||
        server->current == NULL)
        return;
    slot = &server->roster.slots[peer->slot];
    if (server->round.state != VX_ROUND_COLLECTING && server->round.state != VX_ROUND_HELD)
        return;
    if (peer->sending != NULL || slot->answered || peer->sent_round == server->round.number + 1)
        return;
    peer->sent_round = server->round.number + 1;
    vx_snapshot_send(peer, server->current, VX_WIRE_PARAMETERS);
}

static void on_deadline(uv_timer_t *timer)
{
    vx_server_census(timer->data, VX_ROUND_EV_DEADLINE);
}

static void publish(vx_server *server)
{
    uint64_t deadline_ms = (uint64_t)(server->job->workers.deadline_s * 1000.0);

    vx_roster_begin_round(&server->roster);
    server->round_began_ns = server->state_since_ns = vx_server_now(server);
    server->message[0] = '\0';
    for (size_t i = 0; i < server->roster.count; i++)
        if (server->slot_peers[i] != NULL)
            vx_server_offer_parameters(server->slot_peers[i]);
    server->published_ns = vx_server_now(server);
    uv_timer_start(&server->deadline_timer, on_deadline, deadline_ms, 0);
}

static void hold(vx_server *server)
{
    char missing[256];

    vx_roster_missing_text(&server->roster, missing, sizeof(missing));
    server->state_since_ns = vx_server_now(server);
    snprintf(server->message, sizeof(server->message),
             "round %llu is held: %zu of %zu gradients are in, %zu are needed; missing slots: %s; "
             "it goes on "
             "when they return",
             (unsigned long long)server->round.number, server->roster.collected,
             server->roster.count, server->round.quorum,
             missing[0] != '\0' ? missing : "none, but some have not answered");
    vx_log_event(&server->log, VX_LOG_WARN, "round.held",
                 "round=%llu collected=%zu quorum=%zu missing=\"%s\"",
                 (unsigned long long)server->round.number, server->roster.collected,
                 server->round.quorum, missing);
    vx_journal_event(server->journal, server->round.number, "round.held", "s:I, s:I, s:s",
                     "collected", (long long)server->roster.collected, "quorum",
                     (long long)server->round.quorum, "missing", missing);
}

static void resume(vx_server *server)
{
    server->state_since_ns = vx_server_now(server);
    server->message[0] = '\0';
    vx_log_event(&server->log, VX_LOG_INFO, "round.resumed", "round=%llu live=%zu",
                 (unsigned long long)server->round.number, server->roster.live);
    vx_journal_event(server->journal, server->round.number, "round.resumed", "s:I", "live",
                     (long long)server->roster.live);
}

static void perform(vx_server *server, vx_round_action action)
{
    vx_error err = { 0 };

    switch (action) {
    case VX_ROUND_DO_NOTHING:
        return;
    case VX_ROUND_DO_PUBLISH:
        publish(server);
        return;
    case VX_ROUND_DO_AGGREGATE:
        uv_timer_stop(&server->deadline_timer);
        server->row.phases.wait_ms = MS(vx_server_now(server) - server->published_ns);
        server->row.phases.broadcast_ms = MS(server->published_ns - server->round_began_ns);
        server->aggregate_waits = true;
        vx_server_work(server);
        return;
    case VX_ROUND_DO_HOLD:
        hold(server);
        return;
    case VX_ROUND_DO_RESUME:
        resume(server);
        return;
    case VX_ROUND_DO_FINISH:
        vx_server_finish(server, VX_OK, NULL);
        return;
    case VX_ROUND_DO_STOP:
        vx_fail(&err, VX_ERR_INTERRUPTED, "stopped at round %llu of %llu",
                (unsigned long long)server->round.number, (unsigned long long)server->round.rounds);
        vx_server_finish(server, VX_ERR_INTERRUPTED, &err);
        return;
    case VX_ROUND_DO_FAIL:
        if (server->work_status != VX_OK)
            err = server->work_error;
        else
            vx_fail(&err, VX_ERR_UNAVAILABLE, "round %llu: %s",
                    (unsigned long long)server->round.number, server->round.failure);
        vx_server_finish(server, err.code, &err);
        return;
    }
}

void vx_server_census(vx_server *server, vx_round_event_kind kind)
{
    const vx_roster *roster = &server->roster;

    if (!server->ready) {
        server->round.stop |= kind == VX_ROUND_EV_STOP;
        if (kind == VX_ROUND_EV_STOP)
            perform(server, vx_round_step(&server->round, (vx_round_event){ .kind = kind }));
        return;
    }
    perform(server,
            vx_round_step(&server->round,
                          (vx_round_event){
                              kind, { roster->live, roster->collected, roster->outstanding } }));
}

/* On the pool. */
static void aggregate_and_step(vx_server *server)
{
    size_t d = server->dimension;
    vx_cmatf rows = { server->rows, server->roster.count, d, d };
    uint64_t before = vx_clock_monotonic_ns(&server->clock);
    uint64_t between = 0;

    server->row.phases.check_ms = MS(before - server->work_started_ns);
    server->work_status =
        vx_aggregator_run(server->aggregator, rows, server->present, (vx_vecf){ server->update, d },
                          &server->report, &server->work_error);
    between = vx_clock_monotonic_ns(&server->clock);
    server->row.phases.aggregate_ms = MS(between - before);
    if (server->work_status != VX_OK)
        return;
    server->work_status =
        vx_optimiser_step(server->optimiser, server->row.round, (vx_cvecf){ server->update, d },
                          (vx_vecf){ server->theta, d });
    if (server->work_status != VX_OK) {
        vx_fail(&server->work_error, server->work_status,
                "round %llu: the step would leave the finite numbers: the training has diverged; "
                "try a smaller "
                "optimiser.step_size",
                (unsigned long long)server->row.round);
        return;
    }
    vx_snapshot_fill(server->work_snapshot, server->theta, d, server->row.round + 1);
    server->row.parameters = vx_digest_of(server->theta, d * sizeof(float));
    server->row.phases.step_ms = MS(vx_clock_monotonic_ns(&server->clock) - between);
}

static void write_checkpoint(vx_server *server, uint64_t rounds)
{
    vx_tensor *parameters = vx_calloc(server->tensors_count, sizeof(*parameters));
    vx_tensor state[4] = { 0 };
    size_t states = vx_optimiser_state_count(server->optimiser);
    char blas[128];
    vx_checkpoint checkpoint = {
        .rounds = rounds,
        .epoch = server->epoch,
        .job = server->job->name,
        .config = server->config,
        .parameters_digest = vx_digest_of(server->theta, server->dimension * sizeof(float)),
        .blas = blas,
        .parameters = parameters,
        .parameters_count = server->tensors_count,
        .state = state,
        .state_count = states,
    };
    size_t offset = 0;

    if (parameters == NULL) {
        server->work_status =
            vx_fail(&server->work_error, VX_ERR_NOMEM, "checkpoint: out of memory");
        return;
    }
    snprintf(blas, sizeof(blas), "%s %s, %d thread", vx_blas_version(), vx_blas_core(),
             vx_blas_threads());
    for (size_t i = 0; i < server->tensors_count; i++) {
        const vx_wire_tensor *tensor = &server->tensors[i];

        memcpy(parameters[i].name, tensor->name, sizeof(parameters[i].name));
        parameters[i].rank = tensor->rank;
        for (size_t k = 0; k < tensor->rank; k++)
            parameters[i].shape[k] = tensor->shape[k];
        parameters[i].at = server->theta + offset;
        offset += vx_tensor_numbers(&parameters[i]);
    }
    VX_ASSERT(offset == server->dimension);
    VX_ASSERT(states <= sizeof(state) / sizeof(state[0]));
    for (size_t i = 0; i < states; i++) {
        snprintf(state[i].name, sizeof(state[i].name), "%s",
                 vx_optimiser_state_name(server->optimiser, i));
        state[i].rank = 1;
        state[i].shape[0] = server->dimension;
        state[i].at = vx_optimiser_state_at(server->optimiser, i).at;
    }
    server->work_status =
        vx_checkpoint_write(server->options.run_dir, &checkpoint, server->job->checkpoint.keep,
                            server->job->checkpoint.keep_every, &server->work_error);
    vx_free(parameters);
}

static void on_work(uv_work_t *work)
{
    vx_server *server = work->data;

    server->work_started_ns = vx_clock_monotonic_ns(&server->clock);
    server->work_status = VX_OK;
    if (server->work_aggregates)
        aggregate_and_step(server);
    if (server->work_checkpoints && server->work_status == VX_OK)
        write_checkpoint(server, server->row.round + (server->work_aggregates ? 1 : 0));
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;

    return (x > y) - (x < y);
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
    if (count == 0)
        return nan("");
    qsort(losses, count, sizeof(losses[0]), by_value);
    return count % 2 == 1 ? losses[count / 2] : (losses[count / 2 - 1] + losses[count / 2]) / 2.0;
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
    row->loss = server->loss = median_loss(&server->roster, &row->samples);
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
    sum->broadcast_ms += phases->broadcast_ms;
    server->phases_count++;
    if (server->last_commit_ns != 0 && now > server->last_commit_ns) {
        double rate = (double)VX_NS_PER_S / (double)(now - server->last_commit_ns);

        server->rate = server->rate > 0.0 ? 1.0 / (0.98 / server->rate + 0.02 / rate) : rate;
    }
    server->last_commit_ns = now;
}

static void commit(vx_server *server)
{
    uint64_t committed = server->row.round + 1;
    uint64_t every = server->job->evaluation.every;

    take_report(server);
    add_phases(server);
    vx_journal_metrics(server->journal, &server->row, &server->roster);
    server->parameters_digest = server->row.parameters;
    server->current = server->work_snapshot;
    server->work_snapshot = NULL;
    if (every > 0 && committed % every == 0)
        vx_evaluator_due(server, committed);
    vx_server_census(server, VX_ROUND_EV_COMMITTED);
}

static void note_checkpoint(vx_server *server, uint64_t rounds)
{
    server->saved_rounds = rounds;
    vx_log_event(&server->log, VX_LOG_INFO, "checkpoint", "rounds=%llu",
                 (unsigned long long)rounds);
    vx_journal_event(server->journal, rounds, "checkpoint", "s:I", "rounds", (long long)rounds);
}

static void after_work(uv_work_t *work, int canceled)
{
    vx_server *server = work->data;
    uint64_t committed = server->row.round + (server->work_aggregates ? 1 : 0);

    VX_ASSERT(canceled == 0);
    server->working = false;
    if (server->work_snapshot != NULL)
        server->work_snapshot->filling = false;
    if (server->work_status == VX_OK && server->work_checkpoints)
        note_checkpoint(server, committed);
    if (server->work_status != VX_OK) {
        vx_log_event(&server->log, VX_LOG_ERROR, "work.failed", "why=\"%s\"",
                     server->work_error.message);
        if (server->work_aggregates)
            vx_server_census(server, VX_ROUND_EV_FAILED);
        else
            vx_server_finish(server, server->work_status, &server->work_error);
    } else if (server->work_aggregates) {
        commit(server);
    }
    vx_server_work(server);
    vx_server_finish_step(server);
}

static bool checkpoint_due(const vx_server *server, uint64_t committed)
{
    uint64_t every = server->job->checkpoint.every;

    return committed == server->round.rounds || server->round.stop ||
           (every > 0 && committed % every == 0);
}

void vx_server_work(vx_server *server)
{
    if (server->working || (!server->aggregate_waits && !server->checkpoint_waits))
        return;
    server->row.round = server->round.number;
    server->work_aggregates = server->aggregate_waits;
    server->work_checkpoints = server->checkpoint_waits;
    if (server->aggregate_waits) {
        server->work_snapshot = vx_snapshot_free_one(server);
        if (server->work_snapshot == NULL)
            return; /* tried again when a snapshot is let go */
        server->work_snapshot->filling = true;
        server->work_checkpoints = checkpoint_due(server, server->round.number + 1);
        for (size_t i = 0; i < server->roster.count; i++)
            server->present[i] = server->roster.slots[i].collected;
    }
    server->aggregate_waits = server->checkpoint_waits = false;
    server->working = true;
    server->work.data = server;
    server->work_started_ns = vx_server_now(server);
    VX_ASSERT(uv_queue_work(&server->loop, &server->work, on_work, after_work) == 0);
}
