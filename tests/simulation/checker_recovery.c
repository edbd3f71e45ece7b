#include <inttypes.h>
#include <string.h>

#include <vx_optimise/optimise.h>

#include "checker_private.h"
#include "programs.h"
#include "world.h"

/* What a server begins with, and where its recovery goes. */
bool sim_checker_keeps_updates(void)
{
    vx_job_durability durability = sim_check.model->job->checkpoint.durability;

    return durability == VX_JOB_DURABILITY_FULL || durability == VX_JOB_DURABILITY_AUTO;
}

bool sim_checker_records_rounds(void)
{
    return sim_check.model->job->checkpoint.durability != VX_JOB_DURABILITY_CHECKPOINT;
}

/* The state in which the rounds go on, with the recorded ones that the workers make again. */
static void check_state_of_records(const vx_server *server)
{
    uint64_t rounds = server->round.number;

    if (!sim_check.records[rounds].known)
        sim_violation("I1", "the run goes on from round %" PRIu64 ", which nobody has committed",
                      rounds);
    sim_checker_same_state(server, &sim_check.records[rounds].state, "I1 and I4", rounds);
}

/* A recorded round was being made anew. When it was the last one, how many there are does not tell
 * which of the two is there: making it again does. */
static void adopt_replaced(uint64_t until)
{
    if (until < sim_check.recorded) {
        sim_checker_set_made();
        return;
    }
    sim_check.other = sim_checker_made();
    sim_check.records[until].owners_known = false;
}

/* What the disk has and nobody was told of: a round whose server died between the two; or, once a
 * checkpoint that could not be read was skipped, one of the run as it would have been without. */
static void adopt(const vx_server *server, uint64_t until)
{
    size_t size = sim_check.model->dimension * sizeof(float);
    sim_state state = { 0 };

    if (sim_check.replaces && until == sim_check.round + 1) {
        adopt_replaced(until);
        return;
    }
    if (sim_check.records[until].known)
        return;
    if (sim_check.can_step && until == sim_check.round + 1) {
        sim_checker_set_made();
    } else if (sim_check.branched && until == server->round.number) {
        memcpy(state.theta, server->theta, size);
        for (size_t i = 0; i < sim_check.model->states; i++)
            memcpy(state.vectors[i], vx_optimiser_state_at(server->optimiser, i).at, size);
        sim_checker_set_record(until, &state);
        sim_check.all_included = false;
    }
}

static void note_saved(uint64_t rounds)
{
    if (rounds <= sim_check.saved)
        return;
    sim_check.saved_before = sim_check.saved;
    sim_check.saved = rounds;
}

/* What is there at least when the newest checkpoint cannot be read. */
static uint64_t one_skipped(void)
{
    return sim_check.model->job->checkpoint.keep > 1 ? sim_check.saved_before : 0;
}

/* Of rounds; a recorded one may just have been made anew, and it was stated. */
static uint64_t least_left(uint64_t until)
{
    if (!sim_checker_records_rounds())
        return sim_check.saved;
    return sim_check.replaces && until == sim_check.round + 1 ? until : sim_check.recorded;
}

/* I1, I4: what a restarted server begins with. */
static void check_restored(const vx_server *server)
{
    uint64_t rounds = server->round.number;
    uint64_t until = server->replay_until > rounds ? server->replay_until : rounds;
    uint64_t least = least_left(until);
    /* A checkpoint that could not be read was skipped, and the ledger may not reach back to the one
     * before it. */
    bool excused = sim_server()->checkpoint_errors > 0;

    sim_check.branched |= excused && (until < least || !sim_check.records[until].known);
    adopt(server, until);
    if (sim_check.was_drained && !excused && rounds < sim_check.last)
        sim_violation(
            "I1", "the server was stopped after %" PRIu64 " rounds, %" PRIu64 " are there at once",
            sim_check.last, rounds);
    if (excused && sim_server()->checkpoint_errors == 1 && until < one_skipped())
        sim_violation("I11",
                      "one checkpoint was skipped, and %" PRIu64 " rounds are left of %" PRIu64,
                      until, one_skipped());
    if (until < least && !excused)
        sim_violation("I1", "%" PRIu64 " rounds are left, %" PRIu64 " were committed", until,
                      least);
    /* It may have gone back already, for momentum: then it has the updates. */
    if (sim_checker_keeps_updates() && !server->updates_kept && rounds < least && !excused)
        sim_violation("I1", "%" PRIu64 " rounds are there at once, %" PRIu64 " were committed",
                      rounds, least);
    if (until < sim_check.saved)
        sim_check.saved = until;
    if (until < sim_check.saved_before)
        sim_check.saved_before = until;
    sim_check.recorded = until;
    sim_check.replaces = false;
    check_state_of_records(server);
    sim_checker_forget_beyond(until);
    memcpy(sim_check.accepted, sim_check.records[rounds].state.momentum,
           sizeof(sim_check.accepted));
    sim_check.last = rounds;
    sim_check.seen = rounds;
    sim_note("ready rounds=%llu recorded=%llu", rounds, until, 0);
}

void sim_checker_look_for_start(const vx_server *server)
{
    if (!server->ready || sim_check.was_ready)
        return;
    sim_check.was_ready = true;
    sim_check.saved_seen = server->saved_rounds;
    check_restored(server);
}

/* Recorded rounds were applied by the server alone: who was not in them goes on with what it had.
 */
static void carry_momentum(uint64_t from, uint64_t until)
{
    for (uint64_t round = from; round < until; round++)
        for (unsigned slot = 0; slot < sim_check.model->workers; slot++)
            if ((sim_check.records[round + 1].included >> slot & 1) == 0)
                sim_check.records[round + 1].state.momentum[slot] =
                    sim_check.records[round].state.momentum[slot];
}

/* A recovery that goes back to its checkpoint, before the first round; or forward again. */
void sim_checker_look_for_move(const vx_server *server)
{
    uint64_t rounds = server->round.number;

    if (rounds < sim_check.seen) {
        sim_note("rewound rounds=%llu", rounds, 0, 0);
        check_state_of_records(server);
        sim_check.last = rounds;
    } else if (rounds > sim_check.last) {
        sim_note("applied rounds=%llu", rounds, 0, 0);
        check_state_of_records(server);
        carry_momentum(sim_check.last, rounds);
        sim_check.last = rounds;
    }
    sim_check.seen = rounds;
}

void sim_checker_look_for_save(const vx_server *server)
{
    if (server->saved_rounds == sim_check.saved_seen)
        return;
    sim_check.saved_seen = server->saved_rounds;
    note_saved(sim_check.saved_seen);
    sim_note("checkpoint rounds=%llu", sim_check.saved, 0, 0);
}
