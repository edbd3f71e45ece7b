#include "server_private.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include <vx_base/alloc.h>
#include <vx_base/assert.h>
#include <vx_base/file.h>
#include <vx_base/files.h>
#include <vx_base/median.h>
#include <vx_plan/plan.h>

#define FULL_BYTES_MAX (4u << 20) /* of an update that durability auto keeps */

/*
 * From what is on the disk to the state in which the run was. The newest valid checkpoint gives
 * parameters, optimiser state and worker momentum; the ledger the rounds since. Updates that it
 * kept are applied again, and give the same digests; rounds without them are made again by the
 * workers, from the momentum of the checkpoint.
 */
static vx_status check_memory(const vx_server *server, vx_error *err)
{
    uint64_t slots = server->roster.count;
    uint64_t copies = server->job->workers.momentum > 0.0 ? 3 : 1; /* rows, states, saver */
    uint64_t vectors = copies * slots + 2 + VX_SNAPSHOTS + 2 + 3;
    uint64_t mib = (vectors * server->dimension * sizeof(float)) >> 20;

    if (server->job->limits.memory_mib > 0 && mib > server->job->limits.memory_mib)
        return vx_job_fail(server->job, "limits.memory_mib", err,
                           "%zu parameters and %zu workers need %llu MiB", server->dimension,
                           server->roster.count, (unsigned long long)mib);
    return VX_OK;
}

static vx_status take_memory(vx_server *server)
{
    size_t d = server->dimension;
    size_t slots = server->roster.count;

    server->rows = vx_aligned_calloc(slots * d, sizeof(float));
    server->update = vx_aligned_calloc(d, sizeof(float));
    server->record_slots = vx_calloc(slots, sizeof(*server->record_slots));
    server->replayed_slots = vx_calloc(slots, sizeof(*server->replayed_slots));
    server->expected = vx_calloc(slots, sizeof(*server->expected));
    server->recovered = vx_calloc(slots, sizeof(*server->recovered));
    server->recovered_old = vx_calloc(slots, sizeof(*server->recovered_old));
    if (server->rows == NULL || server->update == NULL || server->record_slots == NULL ||
        server->replayed_slots == NULL || server->expected == NULL || server->recovered == NULL ||
        server->recovered_old == NULL)
        return VX_ERR_NOMEM;
    if (vx_momentum_rows_create(server) != VX_OK || vx_saver_create(server) != VX_OK)
        return VX_ERR_NOMEM;
    return vx_snapshots_create(server);
}

vx_status vx_server_make_ready(vx_server *server, vx_error *err)
{
    vx_status status = check_memory(server, err);

    if (status == VX_OK)
        status =
            vx_plan_aggregator_create(server->job, server->dimension, &server->aggregator, err);
    if (status == VX_OK)
        status = vx_server_optimiser_create(server, err);
    if (status == VX_OK && take_memory(server) != VX_OK)
        status = vx_fail(err, VX_ERR_NOMEM, "no memory for %zu workers x %zu parameters",
                         server->roster.count, server->dimension);
    if (status == VX_OK)
        vx_server_start_work(server, VX_WORK_RECOVER);
    return status;
}

static vx_status restore_parameters(vx_server *server, const vx_checkpoint *content,
                                    const char *folder, vx_error *err)
{
    size_t offset = 0;

    for (size_t i = 0; i < content->parameters_count; i++) {
        const vx_tensor *tensor = &content->parameters[i];
        size_t numbers = vx_tensor_numbers(tensor);

        if (i >= server->tensors_count || strcmp(tensor->name, server->tensors[i].name) != 0 ||
            numbers > server->dimension - offset)
            return vx_fail(err, VX_ERR_DATA, "%s: tensor %s is not of this model", folder,
                           tensor->name);
        memcpy(server->theta + offset, tensor->at, numbers * sizeof(float));
        offset += numbers;
    }
    if (offset != server->dimension)
        return vx_fail(err, VX_ERR_DATA, "%s: %zu parameters: expected %zu", folder, offset,
                       server->dimension);
    return VX_OK;
}

/* What optimiser.safetensors holds of that name, into to. */
static vx_status restore_state(const vx_checkpoint *content, const char *name, vx_vecf to,
                               const char *folder, vx_error *err)
{
    for (size_t i = 0; i < content->state_count; i++) {
        if (strcmp(content->state[i].name, name) != 0 ||
            vx_tensor_numbers(&content->state[i]) != to.n)
            continue;
        memcpy(to.at, content->state[i].at, to.n * sizeof(float));
        return VX_OK;
    }
    return vx_fail(err, VX_ERR_DATA, "%s: there is no %s of %zu numbers", folder, name, to.n);
}

static vx_status restore_states(vx_server *server, const vx_checkpoint *content, const char *folder,
                                vx_error *err)
{
    vx_vecf memory = vx_aggregator_memory(server->aggregator);
    size_t count = vx_optimiser_state_count(server->optimiser);
    size_t all = count + (memory.at != NULL ? 1 : 0);
    vx_status status = VX_OK;

    if (content->state_count != all)
        return vx_fail(err, VX_ERR_DATA, "%s: %zu states of optimiser and rule: expected %zu",
                       folder, content->state_count, all);
    for (size_t i = 0; status == VX_OK && i < count; i++)
        status = restore_state(content, vx_optimiser_state_name(server->optimiser, i),
                               vx_optimiser_state_at(server->optimiser, i), folder, err);
    if (status == VX_OK && memory.at != NULL)
        status = restore_state(content, VX_MEMORY_NAME, memory, folder, err);
    return status;
}

/* What does not fit is left out: that slot begins its momentum anew. */
static void restore_momentum(vx_server *server, const vx_checkpoint *content)
{
    size_t d = server->dimension;

    if (server->state_rows == NULL || server->state_held == NULL)
        return;
    for (size_t i = 0; i < content->workers_count; i++) {
        const vx_tensor *tensor = &content->workers[i];
        size_t slot = 0;
        uint64_t label = content->workers_round[i];
        int end = 0;

        if (sscanf(tensor->name, "slot.%zu.momentum%n", &slot, &end) != 1 || end == 0 ||
            tensor->name[end] != '\0' || slot >= server->roster.count || label == 0 ||
            label > content->rounds || vx_tensor_numbers(tensor) != d)
            continue;
        memcpy(server->state_rows + slot * d, tensor->at, d * sizeof(float));
        server->state_held[slot] = true;
        server->recovered[slot] = label;
    }
}

vx_status vx_recover_restore(vx_server *server, vx_error *err)
{
    const vx_checkpoint *content = NULL;
    const char *folder = NULL;
    vx_vecf memory = vx_aggregator_memory(server->aggregator);
    vx_status status = VX_OK;

    memset(server->recovered, 0, server->roster.count * sizeof(*server->recovered));
    memset(server->recovered_old, 0, server->roster.count * sizeof(*server->recovered_old));
    if (server->state_held != NULL)
        memset(server->state_held, 0, server->roster.count * sizeof(*server->state_held));
    if (server->loaded == NULL) {
        for (size_t i = 0; i < vx_optimiser_state_count(server->optimiser); i++) {
            vx_vecf state = vx_optimiser_state_at(server->optimiser, i);

            memset(state.at, 0, state.n * sizeof(float));
        }
        if (memory.at != NULL)
            memset(memory.at, 0, memory.n * sizeof(float));
        if (server->initial != NULL)
            memcpy(server->theta, server->initial, server->dimension * sizeof(float));
        return VX_OK;
    }
    content = vx_checkpoint_content(server->loaded);
    folder = vx_checkpoint_folder(server->loaded);
    status = restore_parameters(server, content, folder, err);
    if (status == VX_OK)
        status = restore_states(server, content, folder, err);
    if (status == VX_OK)
        restore_momentum(server, content);
    return status;
}

static vx_ledger_durability durability_of(const vx_server *server)
{
    switch (server->job->checkpoint.durability) {
    case VX_JOB_DURABILITY_CHECKPOINT:
        return VX_LEDGER_CHECKPOINT;
    case VX_JOB_DURABILITY_LEDGER:
        return VX_LEDGER_ROUNDS;
    case VX_JOB_DURABILITY_FULL:
        return VX_LEDGER_FULL;
    case VX_JOB_DURABILITY_AUTO:
        break;
    }
    if (server->job->workers.staleness > 0) /* such rounds cannot be made again */
        return VX_LEDGER_FULL;
    return server->dimension * sizeof(float) <= FULL_BYTES_MAX ? VX_LEDGER_FULL : VX_LEDGER_ROUNDS;
}

typedef struct beyond {
    const vx_server *server;
    uint64_t rounds;
} beyond;

static void set_aside(void *context, const vx_checkpoint_entry *entry)
{
    const beyond *where = context;
    const vx_files *files = vx_files_current();
    char *name = vx_format("%s/skipped-%010llu-%u", where->server->options.run_dir,
                           (unsigned long long)entry->rounds, where->server->epoch);

    if (entry->rounds > where->rounds && name != NULL)
        (void)files->rename(files->context, entry->folder, name);
    vx_free(name);
}

void vx_recover_set_aside(vx_server *server, uint64_t rounds)
{
    beyond where = { server, rounds };

    (void)!vx_checkpoint_list(server->options.run_dir, VX_CHECKPOINT_LOOK, set_aside, &where, NULL);
}

/* A checkpoint that is damaged is left behind. One that only could not be read is not, when rounds
 * that it holds are nowhere else: the next start may read it. */
static vx_status check_unread(const vx_server *server, vx_error *err)
{
    const vx_recovery *plan = &server->plan;

    if (server->unread.code == VX_OK || (plan->lost == 0 && server->unread_rounds <= plan->until))
        return VX_OK;
    return vx_fail(err, VX_ERR_IO,
                   "%s: the run would lose rounds without it; move it away to go on all the same",
                   server->unread.message);
}

static vx_status open_ledger(vx_server *server, vx_error *err)
{
    uint64_t first = 0;
    uint64_t end = 0;
    uint64_t rounds = server->loaded != NULL ? vx_checkpoint_content(server->loaded)->rounds : 0;
    vx_status status = vx_ledger_open(server->options.run_dir, server->config,
                                      durability_of(server), &server->ledger, err);

    if (status != VX_OK)
        return status;
    vx_ledger_range(server->ledger, &first, &end);
    if (end > server->job->rounds)
        return vx_fail(err, VX_ERR_DATA, "%s/%s: %llu rounds, the job has %llu",
                       server->options.run_dir, VX_LEDGER_FILE, (unsigned long long)end,
                       (unsigned long long)server->job->rounds);
    server->plan = vx_recovery_plan(rounds, first, end);
    status = check_unread(server, err);
    if (status != VX_OK)
        return status;
    vx_recover_set_aside(server, server->plan.until);
    if (server->plan.forget)
        status = vx_ledger_truncate(server->ledger, first, err);
    return status;
}

/* The row of a round that was recorded just before a crash: most of it is in the ledger. past is a
 * roster that only serves for this. */
static void write_row(vx_server *server, const vx_ledger_round *record, vx_roster *past)
{
    static double norms[VX_WORKERS_MAX]; /* one work item at a time */
    vx_metrics_row row = { .round = record->round,
                           .loss = record->loss,
                           .step_size = record->step_size,
                           .eigengap = nan(""),
                           .objective = nan(""),
                           .parameters = record->parameters };
    double square = 0.0;
    size_t count = 0;

    for (size_t i = 0; i < past->count; i++)
        past->slots[i].collected = false;
    for (size_t k = 0; k < record->slots_count; k++) {
        const vx_ledger_slot *entry = &record->slots[k];

        if (!entry->included || entry->slot >= past->count)
            continue;
        past->slots[entry->slot] = (vx_slot){ .collected = true,
                                              .answered = true,
                                              .norm = entry->norm,
                                              .nll = entry->nll,
                                              .weight = entry->weight,
                                              .reconstruction = entry->reconstruction };
        row.samples += entry->samples;
        norms[count++] = entry->norm;
    }
    row.median_norm = vx_values_median(norms, count);
    for (size_t i = 0; i < server->dimension; i++)
        square += (double)server->update[i] * (double)server->update[i];
    row.update_norm = sqrt(square);
    vx_journal_metrics(server->journal, &row, past);
}

void vx_server_remember(vx_server *server)
{
    vx_vecf memory = vx_aggregator_memory(server->aggregator);

    if (memory.at != NULL)
        memcpy(memory.at, server->update, memory.n * sizeof(float));
}

vx_status vx_recover_apply(vx_server *server, uint64_t round, vx_roster *past, vx_error *err)
{
    size_t d = server->dimension;
    char recorded[VX_DIGEST_TEXT_SIZE];
    char made[VX_DIGEST_TEXT_SIZE];
    vx_digest parameters;
    vx_ledger_round record;
    vx_status status =
        vx_ledger_read(server->ledger, round, server->replayed_slots, server->roster.count,
                       (vx_bytes){ (uint8_t *)server->update, d * sizeof(float) }, &record, err);

    if (status != VX_OK)
        return status;
    if (record.update_bytes.size != d * sizeof(float))
        return VX_AGAIN;
    vx_server_remember(server);
    status = vx_optimiser_step(server->optimiser, round, (vx_cvecf){ server->update, d },
                               (vx_vecf){ server->theta, d });
    if (status != VX_OK)
        return vx_fail(err, VX_ERR_DATA, "round %llu of the ledger cannot be applied",
                       (unsigned long long)round);
    parameters = vx_digest_of(server->theta, d * sizeof(float));
    if (!vx_digest_equal(parameters, record.parameters))
        return vx_fail(
            err, VX_ERR_DATA,
            "round %llu: its recorded update gives parameters with digest %s, the ledger "
            "has %s: the checkpoint or the program is another one",
            (unsigned long long)round, vx_digest_text(parameters, made),
            vx_digest_text(record.parameters, recorded));
    for (size_t k = 0; k < record.slots_count; k++) {
        const vx_ledger_slot *entry = &record.slots[k];

        if (!entry->included || entry->slot >= server->roster.count)
            continue;
        server->recovered[entry->slot] = round + 1;
        server->recovered_old[entry->slot] = entry->verdict == VX_JUDGED_LATE;
        if (server->state_held != NULL)
            server->state_held[entry->slot] = false; /* it is older */
    }
    write_row(server, &record, past);
    return VX_OK;
}

/* A run without checkpoint can only be rewound to its first parameters: they are kept for that. */
static vx_status keep_initial(vx_server *server, vx_error *err)
{
    size_t d = server->dimension;

    if (server->loaded != NULL || server->state_rows == NULL ||
        server->plan.until == server->plan.from)
        return VX_OK;
    server->initial = vx_aligned_calloc(d, sizeof(float));
    if (server->initial == NULL)
        return vx_fail(err, VX_ERR_NOMEM, "no memory for %zu parameters", d);
    memcpy(server->initial, server->theta, d * sizeof(float));
    return VX_OK;
}

vx_status vx_recover_shards(vx_server *server, uint64_t round, vx_error *err)
{
    uint64_t first = 0;
    uint64_t end = 0;
    vx_ledger_round record;
    vx_status status = VX_OK;

    vx_ledger_range(server->ledger, &first, &end);
    if (round <= first || round > end)
        return VX_OK;
    status = vx_ledger_read(server->ledger, round - 1, server->replayed_slots, server->roster.count,
                            (vx_bytes){ NULL, 0 }, &record, err);
    if (status == VX_OK)
        vx_shards_recorded(server, &record);
    server->shards_lost = status == VX_ERR_DATA;
    return status == VX_ERR_DATA ? VX_OK : status;
}

void vx_recover_work(vx_server *server)
{
    vx_error *err = &server->work_error;
    uint64_t round = 0;
    vx_roster past = { 0 };
    vx_status status = open_ledger(server, err);

    if (status == VX_OK)
        status = vx_roster_create(server->roster.count, &past);
    if (status == VX_OK)
        status = vx_journal_begin_metrics(server->journal, server->options.run_dir,
                                          server->plan.until, err);
    if (status == VX_OK)
        status = keep_initial(server, err);
    if (status == VX_OK)
        status = vx_recover_restore(server, err);
    for (round = server->plan.from; status == VX_OK && round < server->plan.until; round++)
        status = vx_recover_apply(server, round, &past, err);
    if (status == VX_AGAIN) {
        status = VX_OK;
        round--; /* the workers make this one, and those that follow */
    }
    vx_roster_destroy(&past);
    if (status == VX_OK)
        status = vx_recover_shards(server, round, err);
    server->row.round = round;
    server->work_status = status;
}

void vx_recover_take_up(vx_server *server, uint64_t round)
{
    size_t d = server->dimension;

    for (size_t i = 0; i < server->roster.count; i++) {
        server->roster.slots[i].entered = server->recovered[i];
        server->roster.slots[i].nameless = server->recovered_old[i];
        server->roster.slots[i].draws_since = round;
    }
    server->current = &server->snapshots[0];
    vx_snapshot_fill(server->current, server->theta, d, round);
    server->parameters_digest = vx_digest_of(server->theta, d * sizeof(float));
}

static void tell_recovery(vx_server *server)
{
    const vx_recovery *plan = &server->plan;
    uint64_t round = server->round.number;

    if (plan->lost > 0) {
        vx_log_event(&server->log, VX_LOG_ERROR, "recovery.lost", "rounds=%llu from=%llu",
                     (unsigned long long)plan->lost, (unsigned long long)plan->from);
        vx_journal_event(server->journal, round, "recovery.lost", "s:I, s:I", "rounds",
                         (long long)plan->lost, "from", (long long)plan->from);
    }
    if (server->shards_lost) {
        vx_log_event(&server->log, VX_LOG_WARN, "shards.begin_anew",
                     "the record of the round before %llu is damaged", (unsigned long long)round);
        vx_journal_event(server->journal, round, "shards.begin_anew", "");
    }
    if (!server->options.resume)
        return;
    vx_log_event(&server->log, VX_LOG_INFO, "recovery",
                 "checkpoint=%llu applied=%llu to_replay=%llu", (unsigned long long)plan->from,
                 (unsigned long long)(round - plan->from),
                 (unsigned long long)(plan->until - round));
    vx_journal_event(server->journal, round, "recovery", "s:I, s:I, s:I", "checkpoint",
                     (long long)plan->from, "applied", (long long)(round - plan->from), "to_replay",
                     (long long)(plan->until - round));
}

void vx_recover_after(vx_server *server)
{
    const vx_job *job = server->job;

    if (server->finishing)
        return;
    if (server->work_status != VX_OK) {
        vx_server_finish(server, server->work_status, &server->work_error);
        return;
    }
    vx_round_init(&server->round, server->row.round, job->rounds, server->roster.count,
                  vx_plan_quorum(job, server->aggregator));
    vx_round_plan(&server->round, job->workers.count,
                  vx_plan_least_workers(job, server->aggregator));
    server->ready_ns = vx_server_now(server);
    server->replay_until = server->plan.until;
    server->updates_kept = server->row.round == server->plan.until;
    server->may_rewind = server->row.round > server->plan.from && server->state_rows != NULL &&
                         job->workers.staleness == 0;
    server->roster.staleness = job->workers.staleness;
    server->saved_rounds = server->loaded != NULL ? server->plan.from : UINT64_MAX;
    vx_recover_take_up(server, server->row.round);
    server->ready = true;
    vx_log_event(&server->log, VX_LOG_INFO, "server.ready", "dimension=%zu quorum=%zu round=%llu",
                 server->dimension, server->round.quorum, (unsigned long long)server->round.number);
    vx_journal_event(server->journal, server->round.number, "server.ready", "s:I, s:I", "dimension",
                     (long long)server->dimension, "quorum", (long long)server->round.quorum);
    tell_recovery(server);
    if (!server->may_rewind)
        vx_recover_done(server);
    vx_server_welcome_waiting(server);
    vx_server_census(server, VX_ROUND_EV_CENSUS);
}

void vx_recover_done(vx_server *server)
{
    server->may_rewind = false;
    server->loaded = vx_checkpoint_close(server->loaded);
    vx_free(server->initial);
    server->initial = NULL;
}
