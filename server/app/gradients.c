#include "server_private.h"

#include <string.h>

#include <vx_base/assert.h>
#include <vx_linalg/finite.h>

/* For one sending of parameters. An honest worker answers once, or twice after a lost connection;
 * each refusal costs a line in the records. */
#define GRADIENTS_MAX 16

static bool collecting(const vx_server *server)
{
    return server->round.state == VX_ROUND_COLLECTING || server->round.state == VX_ROUND_HELD;
}

static vx_wire_verdict to_verdict(vx_judgement judgement)
{
    static const vx_wire_verdict verdicts[VX_JUDGED_MAX] = {
        [VX_JUDGED_ACCEPTED] = VX_WIRE_ACCEPTED,     [VX_JUDGED_DUPLICATE] = VX_WIRE_DUPLICATE,
        [VX_JUDGED_STALE] = VX_WIRE_STALE,           [VX_JUDGED_LATE] = VX_WIRE_LATE,
        [VX_JUDGED_MALFORMED] = VX_WIRE_MALFORMED,   [VX_JUDGED_NONFINITE] = VX_WIRE_NONFINITE,
        [VX_JUDGED_OVER_QUOTA] = VX_WIRE_OVER_QUOTA,
    };

    VX_ASSERT(judgement < VX_JUDGED_MAX);
    return verdicts[judgement];
}

/* Counts it, tells the sender, and says so in the records when it is refused. */
static void conclude(vx_peer *peer, uint64_t round, vx_judgement judgement)
{
    vx_server *server = peer->server;
    vx_wire_verdict verdict = to_verdict(judgement);
    uint8_t buffer[32];
    size_t size = 0;

    vx_roster_charge(&server->roster, peer->slot, round, judgement);
    if (vx_wire_verdict_encode(&verdict, (vx_bytes){ buffer, sizeof(buffer) }, &size) == VX_OK)
        vx_peer_send(peer, VX_WIRE_VERDICT, round, (vx_cbytes){ buffer, size });
    if (judgement == VX_JUDGED_ACCEPTED)
        return;
    vx_log_event(&server->log, VX_LOG_WARN, "gradient.refused",
                 "slot=%u round=%llu current=%llu why=%s", peer->slot, (unsigned long long)round,
                 (unsigned long long)server->round.number, vx_wire_verdict_name(verdict));
    vx_journal_event(server->journal, server->round.number, "gradient.refused", "s:I, s:I, s:s",
                     "slot", (long long)peer->slot, "of_round", (long long)round, "why",
                     vx_wire_verdict_name(verdict));
}

/* Rows change places at a commit, with momentum: what came before it is not in the row. */
static bool is_torn(const vx_peer *peer)
{
    const vx_server *server = peer->server;

    return server->state_rows != NULL && peer->receive_during != server->round.number;
}

static vx_judgement judge(const vx_peer *peer, uint64_t round)
{
    const vx_server *server = peer->server;
    bool answered = round < server->roster.slots[peer->slot].last_answer;

    if (peer->sent_round != round + 1 && round >= server->round.number && !answered)
        return VX_JUDGED_OVER_QUOTA; /* parameters that it was never sent */
    return vx_roster_judge(&server->roster, peer->slot, round, server->round.number,
                           collecting(server) && !is_torn(peer));
}

vx_status vx_gradient_header(vx_peer *peer, const vx_frame_header *header, uint8_t **ret_payload,
                             vx_error *err)
{
    vx_server *server = peer->server;
    uint64_t total = server->dimension * sizeof(float);
    uint64_t want = total - (peer->receive_next < total ? peer->receive_next : 0);

    if (header->offset == 0 && peer->receive_next == 0) {
        peer->receive_round = header->round;
        peer->receive_during = server->round.number;
        peer->receive_judgement = VX_JUDGED_ACCEPTED;
        peer->receive_nonfinite = false;
        want = total;
    }
    want = want < VX_CHUNK_BYTES_MAX ? want : VX_CHUNK_BYTES_MAX;
    if (header->round != peer->receive_round || header->offset != peer->receive_next ||
        header->payload_size != want) {
        vx_roster_charge(&server->roster, peer->slot, header->round, VX_JUDGED_MALFORMED);
        return vx_fail(
            err, VX_ERR_PROTOCOL,
            "gradient chunk of round %llu at %llu, %llu bytes: expected round %llu at %llu, "
            "%llu bytes",
            (unsigned long long)header->round, (unsigned long long)header->offset,
            (unsigned long long)header->payload_size, (unsigned long long)peer->receive_round,
            (unsigned long long)peer->receive_next, (unsigned long long)want);
    }
    if (peer->receive_judgement == VX_JUDGED_ACCEPTED)
        peer->receive_judgement = judge(peer, header->round);
    *ret_payload = peer->scratch;
    peer->in_row = peer->receive_judgement == VX_JUDGED_ACCEPTED;
    if (peer->in_row)
        *ret_payload = (uint8_t *)(server->rows + peer->slot * server->dimension) + header->offset;
    return VX_OK;
}

/* For the adaptive deadline: how long after the parameters this gradient came, be it late. */
static void note_arrival(const vx_peer *peer, uint64_t round)
{
    vx_server *server = peer->server;

    if (peer->sent_round == round + 1)
        vx_pace_arrived(&server->pace,
                        (double)(vx_server_now(server) - peer->sent_ns) / (double)VX_NS_PER_MS);
}

/* True when it has sent more gradients than it was sent parameters for. */
static bool over_quota(vx_peer *peer)
{
    if (peer->gradients_of != peer->sent_round)
        peer->gradients = 0;
    peer->gradients_of = peer->sent_round;
    return ++peer->gradients > GRADIENTS_MAX;
}

static vx_status finish_gradient(vx_peer *peer, uint64_t round, vx_cbytes message, vx_error *err)
{
    vx_server *server = peer->server;
    vx_slot *slot = &server->roster.slots[peer->slot];
    vx_wire_gradient about = { 0 };
    vx_status status = vx_wire_gradient_decode(message, &about, err);
    vx_judgement judgement = peer->receive_judgement;

    peer->receive_next = 0;
    note_arrival(peer, round);
    if (status != VX_OK) {
        vx_roster_charge(&server->roster, peer->slot, round, VX_JUDGED_MALFORMED);
        return status;
    }
    if (over_quota(peer)) {
        vx_roster_charge(&server->roster, peer->slot, round, VX_JUDGED_OVER_QUOTA);
        return vx_fail(err, VX_ERR_LIMIT, "more than %d gradients for one sending of parameters",
                       GRADIENTS_MAX);
    }
    if (judgement == VX_JUDGED_ACCEPTED)
        judgement = judge(peer, round); /* the round may have closed since the last chunk */
    if (judgement == VX_JUDGED_ACCEPTED && peer->receive_nonfinite)
        judgement = VX_JUDGED_NONFINITE;
    if (judgement == VX_JUDGED_ACCEPTED) {
        slot->nll = about.nll;
        slot->samples = about.samples;
        slot->injected = about.injected;
        slot->altered = about.altered;
    }
    conclude(peer, round, judgement);
    vx_server_census(server, VX_ROUND_EV_CENSUS);
    return VX_OK;
}

vx_status vx_gradient_frame(vx_peer *peer, const vx_frame_header *header, vx_cbytes message,
                            vx_bytes payload, vx_error *err)
{
    uint64_t total = peer->server->dimension * sizeof(float);
    bool in_row = peer->in_row;

    peer->in_row = false;
    VX_ASSERT(header->offset == peer->receive_next);
    peer->receive_next += payload.size;
    if (in_row && !vx_all_finite_f32((vx_cvecf){ (const float *)(const void *)payload.at,
                                                 payload.size / sizeof(float) }))
        peer->receive_nonfinite = true;
    if (peer->receive_next < total)
        return VX_OK;
    return finish_gradient(peer, header->round, message, err);
}
