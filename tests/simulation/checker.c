#include "checker.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include <vx_base/alloc.h>
#include <vx_base/assert.h>
#include <vx_base/file.h>
#include <vx_optimise/optimise.h>

#include "checker_private.h"
#include "loop.h"
#include "net.h"
#include "plant.h"
#include "programs.h"
#include "storage.h"
#include "stream.h"
#include "world.h"

/* The server's memory: what the job needs, and a fixed sum for each connection that limits allow.
 */
#define MEMORY_BASE     (3u << 20)
#define MEMORY_PER_CONN (160u << 10)
#define ACCEPTS_A_TURN  64 /* of the listener: they are turned away in the next turn */

sim_checker sim_check;

const vx_server *sim_checker_last_sight(const sim_process *process)
{
    if (process->loop == NULL)
        return NULL;
    return (const vx_server *)(const void *)((const char *)process->loop->uv -
                                             offsetof(vx_server, loop));
}

const vx_server *sim_checker_server(const sim_process *process)
{
    return process != NULL && process->alive ? sim_checker_last_sight(process) : NULL;
}

sim_record *sim_checker_set_record(uint64_t rounds, const sim_state *state)
{
    sim_record *record = &sim_check.records[rounds];

    *record = (sim_record){ .known = true,
                            .state = *state,
                            .digest = sim_model_digest(sim_check.model, state) };
    return record;
}

/* What the round that was made last leads to. */
sim_record sim_checker_made(void)
{
    sim_record record = { .known = true,
                          .state = sim_check.next,
                          .digest = sim_model_digest(sim_check.model, &sim_check.next),
                          .owners_known = true };

    for (unsigned slot = 0; slot < sim_check.model->workers; slot++)
        record.included |= (uint32_t)sim_check.present[slot] << slot;
    memcpy(record.of_round, sim_check.of_round, sizeof(record.of_round));
    memcpy(record.owners, sim_check.shards.owners, sizeof(record.owners));
    return record;
}

void sim_checker_set_made(void)
{
    sim_check.records[sim_check.round + 1] = sim_checker_made();
    for (unsigned slot = 0; slot < sim_check.model->workers; slot++)
        sim_check.all_included &=
            sim_check.present[slot] && sim_check.of_round[slot] == sim_check.round;
    sim_check.all_included &= sim_shards_at_home();
}

/* The ledger has the update of this recorded round: it stays what it was, whatever comes in now. */
static bool is_kept(const vx_server *server)
{
    return server->updates_kept && server->row.round < server->replay_until &&
           sim_check.records[server->row.round + 1].known;
}

/* Recorded rounds are applied from the ledger: what workers have sent for them enters nothing. */
static void begin_forward(const vx_server *server)
{
    for (unsigned slot = 0; slot < sim_check.model->workers; slot++)
        sim_check.included[slot] = server->roster.slots[slot].judged[VX_JUDGED_ACCEPTED];
}

/* The round stays what it was; what workers have sent for it is their momentum all the same. */
static void begin_kept(const vx_server *server)
{
    size_t size = sim_check.model->dimension * sizeof(float);
    const sim_state *before = &sim_check.records[sim_check.round].state;

    sim_check.can_step = true;
    sim_check.next = sim_check.records[sim_check.round + 1].state;
    for (unsigned slot = 0; slot < sim_check.model->workers; slot++) {
        if (!sim_check.present[slot]) {
            sim_check.next.momentum[slot] = before->momentum[slot];
            continue;
        }
        memcpy(sim_check.next.momentum[slot].numbers,
               server->rows + (size_t)slot * sim_check.model->dimension, size);
        sim_check.next.momentum[slot].label = sim_check.round + 1;
    }
}

/* What a recorded round was made of is not there again: a slot is missing or one more, or one has
 * sent another gradient; who is honest does so with a momentum that began anew only. */
static bool is_of_others(const sim_record *record)
{
    const sim_state *now = &sim_check.next;

    for (unsigned slot = 0; slot < sim_check.model->workers; slot++) {
        bool was_in = (record->included >> slot & 1) != 0;

        if (was_in != sim_check.present[slot])
            return true;
        if (was_in && memcmp(record->state.momentum[slot].numbers, now->momentum[slot].numbers,
                             sim_check.model->dimension * sizeof(float)) != 0)
            return true;
    }
    return false;
}

/* It was abandoned, or its slots have sent others than they did. */
static bool is_replacing(const vx_server *server)
{
    const sim_record *record = &sim_check.records[sim_check.round + 1];

    return sim_check.can_step && sim_check.recorded > sim_check.round &&
           (server->forget_records || (!is_kept(server) && is_of_others(record)));
}

static void begin_work(const vx_server *server)
{
    sim_check.aggregating = true;
    sim_check.round = server->row.round;
    sim_note("work round=%llu finishing=%llu", sim_check.round, server->finishing, 0);
    sim_checker_rows(server);
    sim_shards_rows(server);
    if (!sim_check.records[sim_check.round].known)
        sim_violation("I1", "round %" PRIu64 " is made of nothing", sim_check.round);
    if (is_kept(server))
        begin_kept(server);
    else
        sim_check.can_step = sim_model_step(
            sim_check.model, sim_check.round, server->rows, sim_check.present, sim_check.of_round,
            &sim_check.records[sim_check.round].state, &sim_check.next);
    sim_check.replaces = is_replacing(server);
    sim_plant_rows_behind(server);
}

void sim_checker_same_state(const vx_server *server, const sim_state *state, const char *promise,
                            uint64_t rounds)
{
    size_t size = sim_check.model->dimension * sizeof(float);

    if (memcmp(server->theta, state->theta, size) != 0)
        sim_violation(promise, "the parameters after %" PRIu64 " rounds are not what they must be",
                      rounds);
    for (size_t i = 0; i < sim_check.model->states; i++)
        if (memcmp(vx_optimiser_state_at(server->optimiser, i).at, state->vectors[i], size) != 0)
            sim_violation(promise,
                          "the optimiser's state after %" PRIu64 " rounds is not that of the "
                          "parameters",
                          rounds);
}

void sim_checker_forget_beyond(uint64_t rounds)
{
    for (uint64_t i = rounds + 1; i <= sim_check.model->rounds; i++)
        sim_check.records[i].known = false;
}

/* I1, I6: a round that was committed before a crash is the same when it is made again; or it is
 * made anew, of others, and the server says so. */
static void check_made_again(const vx_server *server, uint64_t rounds)
{
    const sim_record *record = &sim_check.records[rounds];
    vx_digest digest = sim_model_digest(sim_check.model, &sim_check.next);
    bool stated = server->diverged || sim_check.round >= server->replay_until;
    bool is_anew = stated && is_of_others(record);

    if (!record->known || vx_digest_equal(record->digest, digest))
        return;
    if (rounds == sim_check.recorded && sim_check.other.known &&
        vx_digest_equal(sim_check.other.digest, digest))
        return;
    if (!is_anew || sim_checker_keeps_updates())
        sim_violation("I1 and I6", "round %" PRIu64 " was committed, and becomes another one",
                      sim_check.round);
    sim_check.anew++;
}

/* What the ledger has now. A round that is made anew is its last one. */
static void note_recorded(const vx_server *server, uint64_t rounds)
{
    if (sim_check.round >= server->replay_until || rounds > sim_check.recorded) {
        sim_check.recorded = rounds;
        sim_checker_forget_beyond(rounds);
    }
    if (rounds >= sim_check.recorded)
        sim_check.other.known = false;
    sim_check.replaces = false;
}

void sim_checker_look_for_commit(const vx_server *server)
{
    uint64_t rounds = sim_check.round + 1;

    if (!sim_check.aggregating || server->current->round != rounds)
        return;
    if (!sim_check.can_step)
        sim_violation("I6", "round %" PRIu64 " cannot be aggregated, but is", sim_check.round);
    for (unsigned slot = 0; slot < sim_check.model->workers; slot++)
        sim_check.included[slot] += sim_check.present[slot];
    sim_shards_committed(server);
    sim_checker_same_state(server, &sim_check.next, "I2 and I6", rounds);
    check_made_again(server, rounds);
    sim_checker_set_made();
    if (!vx_digest_equal(server->parameters_digest, sim_check.records[rounds].digest) ||
        server->current->round != rounds ||
        memcmp(server->current->at, sim_check.next.theta,
               sim_check.model->dimension * sizeof(float)) != 0)
        sim_violation("I4", "what is told of round %" PRIu64 " is not what was made", rounds);
    sim_check.last = rounds;
    note_recorded(server, rounds);
    sim_check.commits++;
    sim_check.aggregating = false;
    sim_check.committed = true;
    sim_note("commit rounds=%llu included=%llu", rounds, sim_check.records[rounds].included, 0);
}

static void watch_work(sim_process *process, const uv_work_t *request, bool begins)
{
    const vx_server *server = sim_is_server(process) ? sim_checker_server(process) : NULL;

    if (server == NULL || request != &server->work)
        return;
    if (begins) {
        if (server->working == VX_WORK_ROUND)
            begin_work(server);
        if (server->working == VX_WORK_FORWARD)
            begin_forward(server);
        return;
    }
    if (sim_check.aggregating)
        sim_checker_look_for_commit(server);
    if (sim_check.was_ready)
        sim_shards_look_for_border(server); /* a turn has other callbacks behind this one */
    if (sim_check.committed)                /* the last one, or the next one could not begin */
        sim_check.counted_at_end = server->round.state == VX_ROUND_ENDED ||
                                   (server->finishing && !sim_check.life.finishing);
    sim_check.aggregating &= server->record_waits;
    sim_check.committed = false;
}

void sim_checker_begin(const sim_scenario *scenario, const sim_model *model)
{
    sim_check.scenario = scenario;
    sim_check.model = model;
    sim_check.saved_seen = UINT64_MAX;
    sim_check.all_included = true;
    sim_checker_set_record(0, &model->first);
    sim_shards_begin();
    sim_work_watch_install(watch_work);
    sim_frame_watch_install(sim_checker_frame);
}

void sim_checker_server_started(const sim_process *process)
{
    (void)process;
    sim_check.was_ready = sim_check.aggregating = sim_check.committed = false;
    sim_check.counted_at_end = false;
    sim_check.saved_seen = UINT64_MAX;
    sim_check.was_drained = sim_check.life.drained;
    sim_check.life = (sim_life){ 0 };
    sim_checker_look_at_documents();
    sim_shards_server_started();
    memset(sim_check.included, 0, sizeof(sim_check.included));
    memset(sim_check.told_round, 0, sizeof(sim_check.told_round));
}

static void check_accounts(const vx_server *server)
{
    if (server->working == VX_WORK_FORWARD)
        begin_forward(server);
    for (unsigned slot = 0; slot < sim_check.model->workers; slot++) {
        const vx_slot *entry = &server->roster.slots[slot];
        uint64_t open = entry->collected && !sim_check.counted_at_end ? 1 : 0;
        uint64_t sum = sim_plant_miscount(slot);

        for (unsigned i = 0; i < VX_JUDGED_MAX; i++)
            sum += entry->judged[i];
        if (sum != entry->received)
            sim_violation("I5", "slot %u: %" PRIu64 " received, %" PRIu64 " accounted for", slot,
                          entry->received, sum);
        if (entry->judged[VX_JUDGED_ACCEPTED] != sim_check.included[slot] + open)
            sim_violation("I5",
                          "slot %u: %" PRIu64 " accepted, %" PRIu64 " in rounds, %" PRIu64
                          " in this one",
                          slot, entry->judged[VX_JUDGED_ACCEPTED], sim_check.included[slot], open);
    }
}

static void check_memory(const sim_process *process, const vx_server *server)
{
    size_t connections = server->roster.count + 1 + server->job->limits.connections;
    size_t bound = MEMORY_BASE + (connections + ACCEPTS_A_TURN) * MEMORY_PER_CONN;
    size_t held = process->memory + sim_plant_leak();

    if (held > bound)
        sim_violation("I8", "the server holds %zu bytes, at most %zu are allowed", held, bound);
    if (server->peers_count > connections)
        sim_violation("I8", "%zu connections, at most %zu are allowed", server->peers_count,
                      connections);
}

void sim_checker_event(void)
{
    const sim_process *process = sim_server();
    const vx_server *server = sim_checker_server(process);

    if (server == NULL || server->roster.slots == NULL || !process->loop->polling)
        return; /* or it waits for the disk inside a callback */
    sim_check.over &= !server->card_written;
    sim_checker_look_for_start(server);
    sim_checker_look_for_finish(server);
    if (server->ready) {
        sim_checker_look_for_move(server);
        sim_checker_look_for_save(server);
    }
    check_accounts(server);
    if (server->ready)
        sim_shards_event(server);
    check_memory(process, server);
}

uint64_t sim_checker_anew(void)
{
    return sim_check.anew;
}

uint64_t sim_checker_momentum_lost(void)
{
    return sim_check.momentum_lost;
}

uint64_t sim_checker_committed(void)
{
    return sim_check.commits;
}

bool sim_checker_all_included(void)
{
    return sim_check.all_included;
}

vx_digest sim_checker_digest(void)
{
    return sim_check.records[sim_check.last].digest;
}
