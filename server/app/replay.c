#include "server_private.h"

#include <vx_base/assert.h>

/*
 * Recorded rounds that the workers make again: when the ledger has no updates, or when a worker
 * lacks the momentum that it should go on with. And back: when they cannot, and the ledger can.
 */
static void part_with_workers(vx_server *server)
{
    for (size_t i = 0; i < server->roster.count; i++)
        if (server->slot_peers[i] != NULL)
            vx_conn_close(server->slot_peers[i]->conn, VX_OK, "the recorded rounds are made again");
}

vx_status vx_replay_update(vx_server *server, bool *ret_kept, vx_error *err)
{
    size_t size = server->dimension * sizeof(float);
    vx_ledger_round record;
    vx_status status = vx_ledger_read(server->ledger, server->row.round, server->replayed_slots,
                                      server->roster.count,
                                      (vx_bytes){ (uint8_t *)server->update, size }, &record, err);

    *ret_kept = status == VX_OK && record.update_bytes.size == size;
    if (*ret_kept)
        vx_server_remember(server);
    return status;
}

void vx_replay_forward(vx_server *server)
{
    server->ready = false; /* who comes meanwhile waits */
    vx_uv->timer_stop(&server->deadline_timer);
    vx_uv->timer_stop(&server->stall_timer);
    part_with_workers(server);
    vx_roster_begin_round(&server->roster, NULL); /* what is in enters nothing */
    for (size_t i = 0; i < server->roster.count; i++) {
        server->recovered[i] = server->roster.slots[i].entered;
        server->recovered_old[i] = server->roster.slots[i].nameless;
    }
    server->row.round = server->round.number;
    vx_server_start_work(server, VX_WORK_FORWARD);
}

void vx_replay_forward_work(vx_server *server)
{
    vx_roster past = { 0 };
    vx_status status = vx_roster_create(server->roster.count, &past);

    while (status == VX_OK && server->row.round < server->plan.until) {
        status = vx_recover_apply(server, server->row.round, &past, &server->work_error);
        server->row.round += status == VX_OK;
    }
    vx_roster_destroy(&past);
    if (status == VX_OK)
        status = vx_recover_shards(server, server->row.round, &server->work_error);
    server->work_status = status;
}

void vx_replay_forward_after(vx_server *server)
{
    const vx_round before = server->round;

    if (server->finishing)
        return;
    if (server->work_status != VX_OK) {
        vx_server_finish(server, server->work_status, &server->work_error);
        return;
    }
    vx_round_init(&server->round, server->plan.until, server->job->rounds, server->roster.count,
                  before.quorum);
    vx_round_plan(&server->round, before.planned, before.least);
    server->round.enough = before.enough;
    server->round.stop = before.stop;
    vx_recover_take_up(server, server->plan.until);
    server->ready = true;
    vx_uv->timer_again(&server->start_timer);
    vx_server_welcome_waiting(server);
    vx_server_census(server, VX_ROUND_EV_CENSUS);
}

bool vx_replay_rewinds(vx_server *server)
{
    vx_error err = { 0 };

    if (!server->may_rewind)
        return false;
    if (vx_momentum_at_hand(server)) {
        vx_recover_done(server);
        return false;
    }
    vx_log_event(&server->log, VX_LOG_WARN, "recovery.rewinds", "from=%llu to=%llu",
                 (unsigned long long)server->round.number, (unsigned long long)server->plan.from);
    vx_journal_event(server->journal, server->round.number, "recovery.rewinds", "s:I", "to",
                     (long long)server->plan.from);
    if (vx_recover_restore(server, &err) != VX_OK) { /* it fitted when the server started */
        vx_server_finish(server, err.code, &err);
        return true;
    }
    vx_round_rewind(&server->round, server->plan.from);
    vx_recover_take_up(server, server->plan.from);
    vx_recover_done(server);
    part_with_workers(server);
    vx_uv->timer_again(&server->start_timer);
    return true;
}
