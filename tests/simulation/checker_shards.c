#include <inttypes.h>
#include <string.h>

#include <vx_transport/frame.h>
#include <vx_wire/wire.h>

#include "checker_private.h"
#include "plant.h"
#include "world.h"

/*
 * I9: who draws from which shard, worked out once more: from who is live when a round begins, and
 * from what the record of a round says. What a worker is told, what is recorded and what the rows
 * are drawn from must agree with it.
 */
static sim_shards *const self = &sim_check.shards;

static void begin_at_home(uint32_t *owners)
{
    for (uint32_t i = 0; i < SIM_WORKERS_MAX; i++)
        owners[i] = i;
}

void sim_shards_begin(void)
{
    begin_at_home(self->owners);
    begin_at_home(sim_check.records[0].owners);
    sim_check.records[0].owners_known = true;
}

void sim_shards_server_started(void)
{
    self->border = self->reassigned = 0;
    self->lent = 0;
    memset(self->now, 0, sizeof(self->now));
    memset(self->told, 0, sizeof(self->told));
    memset(self->idle, 0, sizeof(self->idle));
}

bool sim_shards_at_home(void)
{
    for (uint32_t i = 0; i < sim_check.model->workers; i++)
        if (self->owners[i] != i)
            return false;
    return true;
}

static uint32_t owned_by(unsigned slot)
{
    uint32_t shards = 0;

    for (uint32_t i = 0; i < sim_check.model->workers; i++)
        shards |= (uint32_t)(self->owners[i] == slot) << i;
    return shards;
}

sim_membership sim_checker_membership(void)
{
    return self->seen;
}

/* ---- a round begins ---- */

static bool is_overdue(const vx_server *server, unsigned slot, uint64_t now_ns)
{
    double patience_s = sim_check.model->job->workers.shard_timeout_s;
    uint64_t since_ns = server->roster.slots[slot].last_seen_ns;

    if (since_ns < server->ready_ns)
        since_ns = server->ready_ns;
    return patience_s > 0.0 && server->roster.slots[slot].state != VX_SLOT_LIVE &&
           now_ns > since_ns && (double)(now_ns - since_ns) / (double)SIM_S > patience_s;
}

static unsigned count_of(const uint32_t *owners, unsigned slot)
{
    unsigned count = 0;

    for (unsigned i = 0; i < sim_check.model->workers; i++)
        count += owners[i] == slot;
    return count;
}

/* The live slot with the fewest shards, the lowest of several; the number of slots: nobody. */
static unsigned fewest(const vx_server *server, const uint32_t *owners)
{
    unsigned found = sim_check.model->workers;

    for (unsigned i = sim_check.model->workers; i-- > 0;)
        if (server->roster.slots[i].state == VX_SLOT_LIVE &&
            (found == sim_check.model->workers || count_of(owners, i) <= count_of(owners, found)))
            found = i;
    return found;
}

/* What vexil-job(5) says of workers.shard_timeout_s. */
static void move_shards(const vx_server *server, uint64_t now_ns, uint32_t *owners)
{
    for (unsigned i = 0; i < sim_check.model->workers; i++)
        if (server->roster.slots[i].state == VX_SLOT_LIVE)
            owners[i] = i;
    for (unsigned i = 0; i < sim_check.model->workers; i++) {
        unsigned to = fewest(server, owners);

        if (to < sim_check.model->workers && is_overdue(server, owners[i], now_ns))
            owners[i] = to;
    }
}

static bool agrees(const vx_server *server, const uint32_t *owners)
{
    for (unsigned i = 0; i < sim_check.model->workers; i++)
        if (server->assignment.slots[i].owner != owners[i])
            return false;
    return true;
}

static void count_moves(const uint32_t *before, const uint32_t *owners)
{
    uint64_t given_away = 0;

    for (unsigned i = 0; i < sim_check.model->workers; i++) {
        given_away += owners[i] != before[i] && owners[i] != i;
        self->seen.returned += owners[i] != before[i] && owners[i] == i;
    }
    self->reassigned += given_away;
    self->seen.given_away += given_away;
}

/* From where the last round left them. The server has looked at its clock once, between the last
 * event, or its last commit, and the note that the round has begun. */
static bool follows_from(const vx_server *server, const uint32_t *before)
{
    uint64_t times[2] = { server->round_began_ns, self->seen_ns };
    uint32_t owners[SIM_WORKERS_MAX];

    if (server->last_commit_ns > times[1])
        times[1] = server->last_commit_ns;
    for (unsigned i = 0; i < 2; i++) {
        memcpy(owners, before, sizeof(owners));
        move_shards(server, times[i], owners);
        if (!agrees(server, owners))
            continue;
        count_moves(before, owners);
        return true;
    }
    return false;
}

/* The record of the round before is not there, or cannot be read. */
static bool has_no_record(const vx_server *server)
{
    uint64_t begin = 0;
    uint64_t end = 0;

    vx_ledger_range(server->ledger, &begin, &end);
    return server->shards_lost || server->round.number <= begin || server->round.number > end;
}

/* first: in this life of the server. It goes on from the record of the last round; without one the
 * shards begin at home, and only what is not synced, or cannot be read, may be without one. */
static void check_new(const vx_server *server, bool first)
{
    const sim_record *last = &sim_check.records[server->round.number];
    bool lost = first && server->round.number > 0 && has_no_record(server);
    uint32_t home[SIM_WORKERS_MAX];

    begin_at_home(home);
    if (lost && sim_checker_records_rounds() && !sim_check.branched)
        sim_violation("I9", "round %" PRIu64 ": where the shards were is forgotten",
                      server->round.number);
    if (!lost && !last->owners_known) {
        self->reassigned = server->assignment.reassigned; /* from where nobody has seen */
        return;
    }
    if (!follows_from(server, lost ? home : last->owners))
        sim_violation("I9",
                      "round %" PRIu64 ": the shards are not with whom they must be when it begins",
                      server->round.number);
}

/* A recorded round has its shards where they were. Of one that another history recorded, nobody has
 * seen where. */
static void check_recorded(const vx_server *server)
{
    const sim_record *record = &sim_check.records[server->round.number + 1];

    if (record->known && record->owners_known && !agrees(server, record->owners))
        sim_violation("I9",
                      "round %" PRIu64 " is made again, and its shards are not where they were",
                      server->round.number);
}

void sim_shards_look_for_border(const vx_server *server)
{
    bool open = server->round.state == VX_ROUND_COLLECTING || server->round.state == VX_ROUND_HELD;
    bool first = self->border == 0;

    if (!server->ready || server->finishing || !open || self->border == server->round.number + 1)
        return;
    sim_plant_border(server);
    self->border = server->round.number + 1;
    self->lent = 0;
    if (server->round.needed > 0)
        check_recorded(server);
    else
        check_new(server, first);
    for (unsigned i = 0; i < sim_check.model->workers; i++)
        self->owners[i] = server->assignment.slots[i].owner;
    sim_note("border round=%llu moved=%llu recorded=%llu", server->round.number, self->reassigned,
             server->round.needed);
}

/* ---- what a worker is told ---- */

static bool waits_for_lent(const vx_server *server, unsigned slot)
{
    const vx_slot *entry = &server->roster.slots[slot];

    return server->assignment.slots[slot].lent && entry->state == VX_SLOT_LIVE && !entry->answered;
}

/* A shard is lent when its round can have no quorum otherwise, or was lent in the recorded round.
 */
static void check_lent(const vx_server *server, unsigned slot)
{
    size_t reachable = server->roster.collected + server->roster.outstanding;
    bool recorded = sim_check.records[server->round.number + 1].included >> slot & 1;

    if ((self->lent >> slot & 1) != 0)
        return;
    self->lent |= 1u << slot;
    self->seen.lent++;
    sim_note("lent shard=%llu round=%llu", slot, server->round.number, 0);
    if (owned_by(slot) != 0)
        sim_violation("I9", "round %" PRIu64 ": slot %u has shards, and its own is lent to it",
                      server->round.number, slot);
    if (server->round.needed > 0 && recorded)
        return;
    for (unsigned i = 0; i < sim_check.model->workers; i++)
        reachable -= waits_for_lent(server, i);
    if (reachable >= server->round.quorum)
        sim_violation("I9",
                      "round %" PRIu64 ": the shard of slot %u is lent, but %zu gradients can come "
                      "without it, of a quorum of %zu",
                      server->round.number, slot, reachable, server->round.quorum);
}

static void check_lents(const vx_server *server)
{
    for (unsigned slot = 0; slot < sim_check.model->workers; slot++)
        if (server->assignment.slots[slot].lent)
            check_lent(server, slot);
}

static uint32_t shards_told(const vx_frame_header *header, const uint8_t *message)
{
    static vx_wire_shards shards;
    uint32_t set = 0;

    if (vx_wire_shards_decode((vx_cbytes){ message, header->message_size }, &shards, NULL) != VX_OK)
        sim_violation("I9", "slot %u is told of shards that do not decode", header->slot);
    for (size_t i = 0; i < shards.count; i++) {
        if (shards.shards[i] >= sim_check.model->workers)
            sim_violation("I9", "slot %u is told of shard %u", header->slot, shards.shards[i]);
        set |= 1u << shards.shards[i];
    }
    return set;
}

static void check_told(const vx_server *server, unsigned slot)
{
    uint32_t owned = owned_by(slot);
    uint32_t due = owned;

    if (owned == 0 && server->assignment.slots[slot].lent)
        due = 1u << slot;
    if (self->now[slot] == 0 || self->now[slot] != due)
        sim_violation("I9",
                      "round %" PRIu64 ": slot %u is to draw from the shards %x, and has been told "
                      "%x",
                      server->round.number, slot, due, self->now[slot]);
}

void sim_shards_told(const vx_server *server, const vx_frame_header *header, const uint8_t *message)
{
    unsigned slot = header->slot;

    if (header->type == VX_WIRE_WELCOME)
        self->now[slot] = 0;
    if (header->type == VX_WIRE_SHARDS)
        self->now[slot] = shards_told(header, message);
    if (header->type != VX_WIRE_PARAMETERS || header->round >= sim_check.model->rounds)
        return;
    check_lents(server);
    check_told(server, slot);
    self->told[slot][header->round] = self->now[slot];
}

uint32_t sim_shards_of(unsigned slot, uint64_t round)
{
    return self->told[slot][round];
}

/* ---- what a round is made of ---- */

/* What a hostile program draws from nobody knows: what it was to draw from counts. */
static uint32_t drawn_from(unsigned slot, uint64_t round)
{
    uint32_t owned = owned_by(slot);

    if (sim_checker_is_hostile(slot))
        return owned != 0 ? owned : 1u << slot;
    return self->told[slot][round];
}

static void check_record(const vx_server *server)
{
    uint32_t recorded[SIM_WORKERS_MAX];

    begin_at_home(recorded);
    for (size_t k = 0; k < server->record.slots_count; k++)
        recorded[server->record.slots[k].slot] = server->record.slots[k].owner;
    for (unsigned i = 0; i < sim_check.model->workers; i++)
        if (recorded[i] != self->owners[i])
            sim_violation("I9",
                          "round %" PRIu64 ": shard %u is with slot %u, the record says slot %u",
                          server->row.round, i, self->owners[i], recorded[i]);
}

void sim_shards_rows(const vx_server *server)
{
    check_record(server);
    for (unsigned slot = 0; slot < sim_check.model->workers; slot++) {
        uint32_t owned = owned_by(slot);
        uint32_t due = owned != 0 ? owned : 1u << slot;

        if (sim_check.present[slot] && drawn_from(slot, sim_check.of_round[slot]) != due)
            sim_violation("I9",
                          "round %" PRIu64 ": the row of slot %u, for round %" PRIu64
                          ", is drawn from the shards %x, the record says %x",
                          server->row.round, slot, sim_check.of_round[slot],
                          drawn_from(slot, sim_check.of_round[slot]), due);
    }
}

void sim_shards_committed(const vx_server *server)
{
    uint32_t used = 0;

    (void)server;
    for (unsigned slot = 0; slot < sim_check.model->workers; slot++)
        if (sim_check.present[slot])
            used |= drawn_from(slot, sim_check.of_round[slot]);
    for (unsigned i = 0; i < sim_check.model->workers; i++)
        self->idle[i] += (used >> i & 1) == 0;
}

static void check_counts(const vx_server *server)
{
    for (unsigned i = 0; i < sim_check.model->workers; i++)
        if (server->assignment.slots[i].idle_rounds != self->idle[i])
            sim_violation("I9",
                          "shard %u: %" PRIu64 " rounds did not use it, %" PRIu64 " are counted", i,
                          self->idle[i], server->assignment.slots[i].idle_rounds);
    if (self->border != 0 && server->assignment.reassigned != self->reassigned)
        sim_violation("I9", "%" PRIu64 " shards were given away, %" PRIu64 " are counted",
                      self->reassigned, server->assignment.reassigned);
}

void sim_shards_event(const vx_server *server)
{
    sim_shards_look_for_border(server);
    if (self->border == server->round.number + 1)
        check_lents(server);
    check_counts(server);
    self->seen_ns = vx_server_now(server);
}
