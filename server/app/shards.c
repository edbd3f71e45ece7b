#include "server_private.h"

#include <string.h>

#include <vx_base/alloc.h>
#include <vx_base/assert.h>

/*
 * Who draws from which shard. Shards move when a round begins, and at no other time; the record of
 * a round says where they were, so that a recorded round hands out the same ones. A worker is told
 * what it has before the parameters that it is to use it with.
 */
vx_status vx_shards_create(vx_server *server)
{
    size_t slots = server->roster.count;

    server->shard_slots = vx_calloc(slots, sizeof(*server->shard_slots));
    server->shard_moves = vx_calloc(slots, sizeof(*server->shard_moves));
    server->shard_owners = vx_calloc(slots, sizeof(*server->shard_owners));
    if (server->shard_slots == NULL || server->shard_moves == NULL || server->shard_owners == NULL)
        return VX_ERR_NOMEM;
    return vx_assignment_create(slots, &server->assignment);
}

void vx_shards_destroy(vx_server *server)
{
    vx_assignment_destroy(&server->assignment);
    vx_free(server->shard_slots);
    vx_free(server->shard_moves);
    vx_free(server->shard_owners);
}

static vx_presence presence_of(const vx_server *server, size_t slot, uint64_t now_ns)
{
    const vx_slot *entry = &server->roster.slots[slot];
    double patience_s = server->job->workers.shard_timeout_s;
    uint64_t since_ns =
        entry->last_seen_ns > server->ready_ns ? entry->last_seen_ns : server->ready_ns;

    if (entry->state == VX_SLOT_LIVE)
        return VX_PRESENCE_LIVE;
    if (patience_s > 0.0 && (double)(now_ns - since_ns) / (double)VX_NS_PER_S > patience_s)
        return VX_PRESENCE_OVERDUE;
    return VX_PRESENCE_AWAY;
}

static void tell_move(vx_server *server, const vx_shard_move *move)
{
    const char *why = vx_slot_state_name(server->roster.slots[move->from].state);
    bool back = move->to == move->shard;

    vx_log_event(&server->log, back ? VX_LOG_INFO : VX_LOG_WARN,
                 back ? "shard.returned" : "shard.reassigned",
                 "round=%llu shard=%u from=%u to=%u why=%s",
                 (unsigned long long)server->round.number, move->shard, move->from, move->to,
                 back ? "live" : why);
    vx_journal_event(server->journal, server->round.number,
                     back ? "shard.returned" : "shard.reassigned", "s:I, s:I, s:I, s:s", "shard",
                     (long long)move->shard, "from", (long long)move->from, "to",
                     (long long)move->to, "why", back ? "live" : why);
}

void vx_shards_border(vx_server *server)
{
    uint64_t now_ns = vx_server_now(server);
    size_t moves = 0;

    for (size_t i = 0; i < server->roster.count; i++)
        server->shard_slots[i] = presence_of(server, i, now_ns);
    moves = vx_assignment_border(&server->assignment, server->shard_slots, server->shard_moves);
    for (size_t i = 0; i < moves; i++) {
        const vx_shard_move *move = &server->shard_moves[i];

        tell_move(server, move);
        server->roster.slots[move->from].draws_since = server->round.number;
        server->roster.slots[move->to].draws_since = server->round.number;
    }
}

bool vx_shards_awaits(const vx_server *server, size_t slot)
{
    const vx_slot *entry = &server->roster.slots[slot];

    if (entry->state == VX_SLOT_LIVE)
        return vx_assignment_has_any(&server->assignment, slot);
    return slot < server->job->workers.count || entry->incarnation > 0;
}

void vx_shards_recorded(vx_server *server, const vx_ledger_round *record)
{
    size_t count = server->roster.count;

    for (size_t i = 0; i < count; i++)
        server->shard_owners[i] = (uint32_t)i;
    for (size_t k = 0; k < record->slots_count; k++) {
        const vx_ledger_slot *entry = &record->slots[k];

        if (entry->slot < count && entry->owner < count)
            server->shard_owners[entry->slot] = entry->owner;
    }
    vx_assignment_restore(&server->assignment, server->shard_owners);
    for (size_t k = 0; k < record->slots_count; k++) {
        const vx_ledger_slot *entry = &record->slots[k];

        if (entry->included && entry->slot < count &&
            !vx_assignment_has_any(&server->assignment, entry->slot))
            vx_assignment_lend(&server->assignment, entry->slot);
    }
}

void vx_shards_tell(vx_peer *peer)
{
    vx_server *server = peer->server;
    uint64_t version = server->assignment.slots[peer->slot].version;
    static vx_wire_shards shards; /* the loop thread's, like the buffer */
    static uint8_t buffer[VX_MESSAGE_BYTES_MAX];
    size_t size = 0;

    if (peer->shards_told == version)
        return;
    peer->shards_told = version;
    shards.count = vx_assignment_shards(&server->assignment, peer->slot, shards.shards);
    VX_ASSERT(shards.count >= 1);
    VX_ASSERT(vx_wire_shards_encode(&shards, (vx_bytes){ buffer, sizeof(buffer) }, &size) == VX_OK);
    vx_peer_send(peer, VX_WIRE_SHARDS, server->round.number, (vx_cbytes){ buffer, size });
}

/* A round that is open to everybody and cannot reach its quorum. */
static bool is_stuck(const vx_server *server)
{
    const vx_round *round = &server->round;

    if (round->state != VX_ROUND_COLLECTING && round->state != VX_ROUND_HELD)
        return false;
    return round->needed == 0 &&
           server->roster.collected + server->roster.outstanding < round->quorum;
}

void vx_shards_lend(vx_server *server)
{
    if (!is_stuck(server))
        return;
    for (size_t i = 0; i < server->roster.count; i++) {
        const vx_slot *slot = &server->roster.slots[i];

        if (slot->state != VX_SLOT_LIVE || slot->answered || server->slot_peers[i] == NULL ||
            vx_assignment_has_any(&server->assignment, i))
            continue;
        vx_assignment_lend(&server->assignment, i);
        vx_roster_expect(&server->roster, i, true);
        vx_journal_event(server->journal, server->round.number, "shard.lent", "s:I", "shard",
                         (long long)i);
        vx_server_offer_parameters(server->slot_peers[i]);
    }
}
