#include "server_private.h"

#include <stdio.h>
#include <string.h>

#include <vx_base/alloc.h>
#include <vx_base/assert.h>
#include <vx_linalg/blas.h>

#define STATES_MAX 4 /* vectors of an optimiser, and the memory of a rule */

/* Those of the optimiser, and behind them the memory of the rule. */
static size_t states_of(const vx_server *server)
{
    return vx_optimiser_state_count(server->optimiser) +
           (vx_aggregator_memory(server->aggregator).at != NULL ? 1 : 0);
}

vx_status vx_saver_create(vx_server *server)
{
    vx_saver *saver = &server->saver;
    size_t states = states_of(server);
    size_t slots = server->roster.count;
    size_t d = server->dimension;

    VX_ASSERT(states <= STATES_MAX);
    saver->theta = vx_aligned_calloc(d, sizeof(float));
    saver->state = vx_aligned_calloc(states * d + 1, sizeof(float));
    saver->labels = vx_calloc(slots, sizeof(*saver->labels));
    if (saver->theta == NULL || saver->state == NULL || saver->labels == NULL)
        return VX_ERR_NOMEM;
    if (server->state_rows == NULL)
        return VX_OK;
    saver->momentum = vx_aligned_calloc(slots * d, sizeof(float));
    return saver->momentum != NULL ? VX_OK : VX_ERR_NOMEM;
}

void vx_saver_destroy(vx_server *server)
{
    vx_free(server->saver.theta);
    vx_free(server->saver.state);
    vx_free(server->saver.momentum);
    vx_free(server->saver.labels);
}

void vx_saver_copy(vx_server *server, uint64_t rounds)
{
    vx_saver *saver = &server->saver;
    size_t d = server->dimension, states = vx_optimiser_state_count(server->optimiser);
    vx_vecf memory = vx_aggregator_memory(server->aggregator);

    VX_ASSERT(!saver->loaded);
    saver->rounds = rounds;
    memcpy(saver->theta, server->theta, d * sizeof(float));
    for (size_t i = 0; i < states; i++)
        memcpy(saver->state + i * d, vx_optimiser_state_at(server->optimiser, i).at,
               d * sizeof(float));
    if (memory.at != NULL)
        memcpy(saver->state + states * d, memory.at, d * sizeof(float));
    for (size_t i = 0; i < server->roster.count && saver->momentum != NULL; i++) {
        saver->labels[i] = server->state_held[i] ? server->roster.slots[i].entered : 0;
        if (saver->labels[i] != 0)
            memcpy(saver->momentum + i * d, server->state_rows + i * d, d * sizeof(float));
    }
    saver->loaded = true;
}

static void name_parameters(const vx_server *server, vx_tensor *parameters)
{
    size_t offset = 0;

    for (size_t i = 0; i < server->tensors_count; i++) {
        const vx_wire_tensor *tensor = &server->tensors[i];

        memcpy(parameters[i].name, tensor->name, sizeof(parameters[i].name));
        parameters[i].rank = tensor->rank;
        for (size_t k = 0; k < tensor->rank; k++)
            parameters[i].shape[k] = tensor->shape[k];
        parameters[i].at = server->saver.theta + offset;
        offset += vx_tensor_numbers(&parameters[i]);
    }
    VX_ASSERT(offset == server->dimension);
}

static size_t name_states(const vx_server *server, vx_tensor state[STATES_MAX])
{
    size_t count = states_of(server), own = vx_optimiser_state_count(server->optimiser);

    for (size_t i = 0; i < count; i++) {
        snprintf(state[i].name, sizeof(state[i].name), "%s",
                 i < own ? vx_optimiser_state_name(server->optimiser, i) : VX_MEMORY_NAME);
        state[i].rank = 1;
        state[i].shape[0] = server->dimension;
        state[i].at = server->saver.state + i * server->dimension;
    }
    return count;
}

/* Those of which the server has a state; its round is its label. */
static size_t name_momentum(const vx_server *server, vx_tensor *workers, uint64_t *labels)
{
    const vx_saver *saver = &server->saver;
    size_t count = 0;

    for (size_t i = 0; i < server->roster.count && saver->momentum != NULL; i++) {
        vx_tensor *tensor = &workers[count];

        if (saver->labels[i] == 0)
            continue;
        snprintf(tensor->name, sizeof(tensor->name), "slot.%zu.momentum", i);
        labels[count] = saver->labels[i];
        tensor->rank = 1;
        tensor->shape[0] = server->dimension;
        tensor->at = saver->momentum + i * server->dimension;
        count++;
    }
    return count;
}

static vx_status write_copy(vx_server *server, vx_error *err)
{
    const vx_saver *saver = &server->saver;
    vx_tensor *parameters = vx_calloc(server->tensors_count, sizeof(*parameters));
    vx_tensor *workers = vx_calloc(server->roster.count, sizeof(*workers));
    uint64_t *labels = vx_calloc(server->roster.count, sizeof(*labels));
    vx_tensor state[STATES_MAX] = { 0 };
    vx_status status = VX_ERR_NOMEM;
    char blas[128];

    snprintf(blas, sizeof(blas), "%s %s, %d thread", vx_blas_version(), vx_blas_core(),
             vx_blas_threads());
    if (parameters != NULL && workers != NULL && labels != NULL) {
        vx_checkpoint checkpoint = {
            .rounds = saver->rounds,
            .epoch = server->epoch,
            .job = server->job->name,
            .config = server->config,
            .parameters_digest = vx_digest_of(saver->theta, server->dimension * sizeof(float)),
            .blas = blas,
            .parameters = parameters,
            .parameters_count = server->tensors_count,
            .state = state,
            .state_count = name_states(server, state),
            .workers = workers,
            .workers_count = name_momentum(server, workers, labels),
            .workers_round = labels,
        };

        name_parameters(server, parameters);
        status =
            vx_checkpoint_write(server->options.run_dir, &checkpoint, server->job->checkpoint.keep,
                                server->job->checkpoint.keep_every, err);
    } else {
        (void)vx_fail(err, VX_ERR_NOMEM, "checkpoint: out of memory");
    }
    vx_free(parameters);
    vx_free(workers);
    vx_free(labels);
    return status;
}

static void on_save(uv_work_t *work)
{
    vx_server *server = work->data;
    vx_saver *saver = &server->saver;

    if (saver->copies)
        vx_saver_copy(server, server->round.number);
    saver->status = write_copy(server, &saver->error);
    if (saver->status == VX_OK &&
        vx_checkpoint_oldest_kept(server->options.run_dir, saver->rounds,
                                  server->job->checkpoint.keep, &saver->oldest, NULL) != VX_OK)
        saver->oldest = 0; /* records that are not dropped cost room only */
}

static void note_saved(vx_server *server, uint64_t rounds)
{
    server->saved_rounds = rounds;
    server->prune_below = server->saver.oldest;
    vx_log_event(&server->log, VX_LOG_INFO, "checkpoint", "rounds=%llu",
                 (unsigned long long)rounds);
    vx_journal_event(server->journal, rounds, "checkpoint", "s:I", "rounds", (long long)rounds);
}

/* A checkpoint that cannot be written costs time at the next start, no round: they are in the
 * ledger. Without one it is the only record. The last one is the result. */
static bool can_be_left_out(const vx_server *server)
{
    if (server->finishing)
        return server->last_save_waits;
    if (server->saver.status == VX_ERR_SPACE)
        return server->job->checkpoint.on_disk_full == VX_JOB_ON_DISK_FULL_CONTINUE;
    return server->saver.status == VX_ERR_SYSTEM; /* no descriptor was free */
}

static void note_not_saved(vx_server *server)
{
    const vx_saver *saver = &server->saver;

    vx_log_event(&server->log, VX_LOG_ERROR, "checkpoint.failed", "rounds=%llu why=\"%s\"",
                 (unsigned long long)saver->rounds, saver->error.message);
    vx_journal_event(server->journal, saver->rounds, "checkpoint.failed", "s:I, s:s", "rounds",
                     (long long)saver->rounds, "why", saver->error.message);
    if (!can_be_left_out(server))
        vx_server_fail(server, saver->status, &saver->error);
}

static void after_save(uv_work_t *work, int canceled)
{
    vx_server *server = work->data;
    vx_saver *saver = &server->saver;

    VX_ASSERT(canceled == 0);
    saver->running = saver->loaded = saver->copies = false;
    if (saver->status == VX_OK)
        note_saved(server, saver->rounds);
    else
        note_not_saved(server);
    vx_server_work(server);
    vx_server_finish_step(server);
}

static void start(vx_server *server)
{
    vx_saver *saver = &server->saver;

    saver->running = true;
    saver->work.data = server;
    VX_ASSERT(vx_uv->queue_work(&server->loop, &saver->work, on_save, after_save) == 0);
}

void vx_saver_start(vx_server *server)
{
    if (server->saver.loaded && !server->saver.running)
        start(server);
}

void vx_saver_due(vx_server *server, uint64_t rounds)
{
    uint64_t every = server->job->checkpoint.every;

    if (every > 0 && rounds % every == 0 && rounds > server->replay_until)
        server->saver.due = true; /* the next round's work makes the copy of what it starts from */
}

/* While a checkpoint is on its way the next one is left out; but one that is to stay for good is
 * waited for, and so is its round. */
bool vx_saver_delays(vx_server *server)
{
    vx_saver *saver = &server->saver;
    uint64_t stays = server->job->checkpoint.keep_every;

    if (!saver->due || !saver->running)
        return false;
    if (stays > 0 && server->round.number % stays == 0)
        return true;
    saver->due = false;
    return false;
}

void vx_saver_last(vx_server *server)
{
    VX_ASSERT(!server->saver.running && !server->saver.loaded);
    server->saver.copies = true;
    start(server);
}

bool vx_saver_busy(const vx_server *server)
{
    return server->saver.running;
}
