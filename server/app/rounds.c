#include "server_private.h"

#include <stdio.h>
#include <string.h>

#include <vx_base/assert.h>

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
    if (peer->sending != NULL || slot->answered || !slot->expected ||
        peer->sent_round == server->round.number + 1)
        return;
    peer->sent_round = server->round.number + 1;
    peer->sent_ns = vx_server_now(server);
    vx_shards_tell(peer);
    vx_snapshot_send(peer, server->current, VX_WIRE_PARAMETERS);
}

static void offer_to_all(vx_server *server)
{
    for (size_t i = 0; i < server->roster.count; i++)
        if (server->slot_peers[i] != NULL)
            vx_server_offer_parameters(server->slot_peers[i]);
}

static void on_deadline(uv_timer_t *timer)
{
    vx_server_census(timer->data, VX_ROUND_EV_DEADLINE);
}

/* Long before the deadline: who keeps the others waiting. */
static void on_stall(uv_timer_t *timer)
{
    vx_server *server = timer->data;
    char missing[400];

    vx_roster_missing_text(&server->roster, vx_server_now(server), missing, sizeof(missing));
    vx_log_event(&server->log, VX_LOG_WARN, "round.stalls",
                 "round=%llu waited_s=%.1f collected=%zu quorum=%zu missing=\"%s\"",
                 (unsigned long long)server->round.number,
                 MS(vx_server_now(server) - server->round_began_ns) / 1000.0,
                 server->roster.collected, server->round.quorum, missing);
}

static void arm_deadline(vx_server *server)
{
    const vx_job_workers *workers = &server->job->workers;
    double deadline_ms = workers->deadline_s * 1000.0;

    if (workers->deadline == VX_JOB_DEADLINE_ADAPTIVE && server->round.needed == 0)
        deadline_ms = vx_pace_deadline_ms(&server->pace);
    vx_uv->timer_start(&server->deadline_timer, on_deadline, (uint64_t)(deadline_ms + 1.0), 0);
    vx_uv->timer_start(&server->stall_timer, on_stall, (uint64_t)(deadline_ms / 4.0 + 1000.0), 0);
}

/* Of a round that is recorded: which slots made it, and what. */
static vx_status load_record(vx_server *server, size_t *ret_needed, vx_error *err)
{
    vx_status status =
        vx_ledger_read(server->ledger, server->round.number, server->replayed_slots,
                       server->roster.count, (vx_bytes){ NULL, 0 }, &server->replayed, err);

    *ret_needed = 0;
    if (status != VX_OK)
        return status;
    memset(server->expected, 0, server->roster.count * sizeof(*server->expected));
    for (size_t k = 0; k < server->replayed.slots_count; k++) {
        const vx_ledger_slot *entry = &server->replayed_slots[k];

        if (!entry->included || entry->slot >= server->roster.count)
            continue;
        server->expected[entry->slot] = true;
        ++*ret_needed;
    }
    vx_shards_recorded(server, &server->replayed);
    return VX_OK;
}

static size_t at_least(size_t least, size_t value)
{
    return value > least ? value : least;
}

/* A round of its own: the shards are where they belong now, and whoever has one is asked. */
static void begin_new(vx_server *server)
{
    size_t live = at_least(server->round.planned, server->roster.live);

    vx_shards_border(server);
    for (size_t i = 0; i < server->roster.count; i++)
        server->expected[i] = vx_shards_awaits(server, i);
    server->round.enough = live - (size_t)server->job->workers.backup;
}

static void publish(vx_server *server)
{
    bool replay = server->round.number < server->replay_until;
    size_t needed = 0;
    vx_error err = { 0 };

    if (replay && load_record(server, &needed, &err) != VX_OK) {
        vx_server_finish(server, err.code, &err);
        return;
    }
    if (needed == 0)
        begin_new(server);
    vx_roster_begin_round(&server->roster, server->expected);
    vx_round_replay(&server->round, needed);
    server->round_began_ns = server->state_since_ns = vx_server_now(server);
    server->message[0] = '\0';
    offer_to_all(server);
    server->published_ns = vx_server_now(server);
    arm_deadline(server);
    if (replay || server->roster.live < server->round.least)
        vx_server_census(server, VX_ROUND_EV_CENSUS); /* some are missing already */
}

static void hold(vx_server *server)
{
    char missing[250];

    vx_roster_missing_text(&server->roster, vx_server_now(server), missing, sizeof(missing));
    server->state_since_ns = vx_server_now(server);
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

/* The recorded slots did not come back in time: the round is made by whoever is there. */
static void abandon(vx_server *server)
{
    char missing[250];

    vx_roster_missing_text(&server->roster, vx_server_now(server), missing, sizeof(missing));
    vx_log_event(&server->log, VX_LOG_WARN, "replay.abandoned", "round=%llu missing=\"%s\"",
                 (unsigned long long)server->round.number, missing);
    vx_journal_event(server->journal, server->round.number, "replay.abandoned", "s:s, s:I",
                     "missing", missing, "recorded_until", (long long)server->replay_until);
    server->message[0] = '\0';
    if (server->updates_kept) {
        vx_replay_forward(server);
        return;
    }
    server->replay_until = server->round.number;
    server->forget_records = true;
    for (size_t i = 0; i < server->roster.count; i++)
        vx_roster_expect(&server->roster, i, vx_shards_awaits(server, i));
    offer_to_all(server);
    arm_deadline(server);
    vx_server_census(server, VX_ROUND_EV_CENSUS);
}

static void close_round(vx_server *server)
{
    vx_uv->timer_stop(&server->deadline_timer);
    vx_uv->timer_stop(&server->stall_timer);
    server->row.phases.wait_ms = MS(vx_server_now(server) - server->published_ns);
    server->row.phases.broadcast_ms = MS(server->published_ns - server->round_began_ns);
    server->aggregate_waits = true;
    vx_server_work(server);
}

static void fail(vx_server *server)
{
    vx_error err = server->work_error;

    if (server->work_status == VX_OK)
        vx_waiting_failed(server, &err);
    vx_server_finish(server, err.code, &err);
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
        close_round(server);
        return;
    case VX_ROUND_DO_HOLD:
        hold(server);
        return;
    case VX_ROUND_DO_RESUME:
        resume(server);
        return;
    case VX_ROUND_DO_ABANDON:
        abandon(server);
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
        fail(server);
        return;
    }
}

void vx_server_census(vx_server *server, vx_round_event_kind kind)
{
    const vx_roster *roster = &server->roster;
    vx_round_event event = { .kind = kind };
    bool begins = false;

    if (!server->ready) {
        server->round.stop |= kind == VX_ROUND_EV_STOP;
        if (kind == VX_ROUND_EV_STOP)
            perform(server, vx_round_step(&server->round, event));
        return;
    }
    if (server
            ->finishing) { /* a round that was being made may still be committed, no more begins */
        if (kind == VX_ROUND_EV_COMMITTED) {
            (void)vx_round_step(&server->round, event);
            vx_roster_begin_round(&server->roster, NULL);
        }
        return;
    }
    begins = server->round.state == VX_ROUND_STARTING && !server->round.stop &&
             (roster->live >= server->round.planned || kind == VX_ROUND_EV_START_TIMEOUT);
    if (begins && vx_replay_rewinds(server))
        return; /* the workers come back */
    vx_shards_lend(server);
    event.census =
        (vx_round_census){ roster->live, roster->collected, roster->outstanding, roster->refused };
    perform(server, vx_round_step(&server->round, event));
}
