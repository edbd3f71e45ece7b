#include <inttypes.h>
#include <string.h>

#include <vx_base/assert.h>
#include <vx_transport/frame.h>
#include <vx_wire/wire.h>

#include "checker_private.h"
#include "net.h"
#include "programs.h"
#include "world.h"

bool sim_checker_is_hostile(unsigned slot)
{
    return sim_check.scenario->on[SIM_FAULT_BYZANTINE] &&
           sim_check.scenario->byzantine_slot == slot;
}

const sim_sent *sim_checker_find_sent(unsigned slot, uint32_t epoch, uint64_t round,
                                      const float *row)
{
    for (unsigned i = 1; i <= SIM_SENT_KEPT; i++) { /* the newest first */
        const sim_sent *sent =
            &sim_check.sent[slot][(sim_check.sent_count[slot] - i) % SIM_SENT_KEPT];

        if (sent->fits && sent->epoch == epoch && sent->round == round &&
            memcmp(sent->numbers, row, sim_check.model->dimension * sizeof(float)) == 0)
            return sent;
    }
    return NULL;
}

static void note_sent(const sim_socket *socket, unsigned slot, const vx_frame_header *header,
                      const uint8_t *payload)
{
    sim_sent *sent = &sim_check.sent[slot][sim_check.sent_count[slot]++ % SIM_SENT_KEPT];
    const sim_identity *identity = &sim_check.identities[socket->id];

    *sent = (sim_sent){ .epoch = header->epoch, .round = header->round };
    sent->fits = identity->epoch == header->epoch && identity->slot == header->slot &&
                 identity->incarnation == header->incarnation && header->slot == slot;
    memcpy(sent->numbers, payload, sim_check.model->dimension * sizeof(float));
}

/* It goes on with what entered before its round; or, where a gradient of an earlier round can be in
 * already when it begins to compute, with what was accepted last. */
static const sim_base *momentum_of(unsigned slot, const sim_record *record)
{
    if (sim_check.model->job->workers.staleness > 0)
        return &sim_check.accepted[slot];
    return &record->state.momentum[slot];
}

/* Over a new connection a worker sends what it has once more, while it is not too old: it cannot
 * know that it was accepted. Its momentum has moved on with it. */
static bool is_sent_again(unsigned slot, const vx_frame_header *header, const uint8_t *payload)
{
    const sim_base *accepted = &sim_check.accepted[slot];

    return sim_check.model->job->workers.staleness > 0 && accepted->label == header->round + 1 &&
           memcmp(accepted->numbers, payload, sim_check.model->dimension * sizeof(float)) == 0;
}

/* I4, I9: a worker computes with the parameters of one round, and with the samples of that round.
 */
static void check_honest(unsigned slot, const vx_frame_header *header, const uint8_t *payload)
{
    const sim_model *model = sim_check.model;
    const sim_record *record = NULL;
    const sim_base anew = { 0 };
    float expected[SIM_DIMENSION_MAX];
    uint32_t shards = 0;

    if (header->round >= model->rounds)
        sim_violation("I3", "slot %u sends a gradient of round %" PRIu64, slot, header->round);
    record = &sim_check.records[header->round];
    if (!record->known)
        sim_violation("I3", "slot %u sends a gradient of round %" PRIu64 ", which nobody has made",
                      slot, header->round);
    shards = sim_shards_of(slot, header->round);
    if (shards == 0)
        sim_violation("I9", "slot %u was not sent the parameters of round %" PRIu64, slot,
                      header->round);
    if (is_sent_again(slot, header, payload))
        return;
    sim_model_gradient(model, slot, header->round, shards, record->state.theta,
                       momentum_of(slot, record), expected);
    if (memcmp(expected, payload, model->dimension * sizeof(float)) == 0)
        return;
    sim_model_gradient(model, slot, header->round, shards, record->state.theta, &anew, expected);
    if (memcmp(expected, payload, model->dimension * sizeof(float)) != 0)
        sim_violation("I4 and I9",
                      "slot %u: its gradient of round %" PRIu64
                      " is not that of the round's parameters and samples",
                      slot, header->round);
    sim_check.momentum_lost++;
    sim_note("momentum begins anew slot=%llu round=%llu", slot, header->round, 0);
}

static bool is_whole_vector(const vx_frame_header *header)
{
    return header->offset == 0 &&
           header->payload_size == sim_check.model->dimension * sizeof(float);
}

void sim_checker_gradient(const sim_socket *socket, unsigned slot, const uint8_t *frame,
                          size_t size)
{
    vx_frame_header header;

    if (size < VX_FRAME_HEADER_SIZE || vx_frame_header_decode(frame, &header, NULL) != VX_OK ||
        header.type != VX_WIRE_GRADIENT || !is_whole_vector(&header))
        return;
    note_sent(socket, slot, &header, frame + VX_FRAME_HEADER_SIZE + header.message_size);
}

/* What goes to a server that is gone says nothing of this one. */
static bool is_of_this_epoch(const vx_frame_header *header)
{
    const vx_server *server = sim_checker_server(sim_server());

    return server != NULL && header->epoch == server->epoch;
}

/* Of a run whose newest checkpoint was skipped: it goes on from momentum that was never seen. */
static bool is_base_unknown(void)
{
    return sim_check.branched && sim_check.model->job->workers.momentum > 0.0;
}

static void from_worker(const sim_socket *socket, unsigned slot, const vx_frame_header *header,
                        const uint8_t *payload)
{
    if (header->epoch != 0) /* the identity comes with a welcome */
        socket->process->up_ns = sim_now();
    if (header->type != VX_WIRE_GRADIENT)
        return;
    VX_ASSERT(is_whole_vector(header));
    note_sent(socket, slot, header, payload);
    sim_note("gradient round=%llu epoch=%llu slot=%llu", header->round, header->epoch, slot);
    if (!sim_checker_is_hostile(slot) && !is_base_unknown() && is_of_this_epoch(header))
        check_honest(slot, header, payload);
}

/* I1, I4: what goes out as the parameters of a round are those that its commit made. */
static void check_parameters(const vx_frame_header *header, const uint8_t *payload)
{
    const sim_model *model = sim_check.model;
    vx_digest digest = vx_digest_of(payload, model->dimension * sizeof(float));

    if (header->round > model->rounds || !sim_check.records[header->round].known)
        sim_violation("I1", "parameters of round %" PRIu64 " go out, which nobody has committed",
                      header->round);
    if (!vx_digest_equal(digest, sim_check.records[header->round].digest))
        sim_violation("I4", "other parameters go out as those of round %" PRIu64, header->round);
}

static void take_verdict(const sim_socket *socket, const vx_frame_header *header,
                         const uint8_t *message)
{
    vx_wire_verdict verdict = VX_WIRE_VERDICT_MAX;
    uint32_t slot = header->slot;

    (void)socket;
    if (vx_wire_verdict_decode((vx_cbytes){ message, header->message_size }, &verdict, NULL) !=
        VX_OK)
        sim_violation("I3", "a verdict that does not decode goes to slot %u", slot);
    sim_note("verdict=%llu slot=%llu round=%llu", verdict, slot, header->round);
    if (verdict != VX_WIRE_ACCEPTED || slot >= sim_check.model->workers)
        return;
    if (sim_check.told_round[slot] > header->round)
        sim_violation("I2", "slot %u is told twice that its gradient of round %" PRIu64 " is in",
                      slot, header->round);
    sim_check.told_round[slot] = header->round + 1;
    sim_checker_accepted(sim_checker_server(sim_server()), slot, header->round);
}

/* In a history that the records do not have, what workers send is not compared: then the server's
 * word tells that a momentum begins anew. */
static void look_for_anew(const vx_server *server, const vx_frame_header *header,
                          const uint8_t *message)
{
    vx_wire_welcome welcome = { 0 };

    if (!sim_check.branched || server->state_rows == NULL ||
        server->roster.slots[header->slot].entered == 0)
        return;
    if (vx_wire_welcome_decode((vx_cbytes){ message, header->message_size }, &welcome, NULL) ==
            VX_OK &&
        welcome.state == 0)
        sim_check.momentum_lost++;
}

static void to_worker(const vx_frame_header *header, const uint8_t *message)
{
    const vx_server *server = sim_checker_server(sim_server());

    sim_checker_look_for_start(server);
    sim_checker_look_for_commit(server);
    sim_shards_look_for_border(server);
    sim_shards_told(server, header, message);
    if (header->type == VX_WIRE_WELCOME)
        look_for_anew(server, header, message);
}

/* I10: after this a worker and an evaluator end with 0. */
static void note_over(const sim_socket *socket, const vx_frame_header *header,
                      const uint8_t *message)
{
    vx_wire_refusal refusal = { .code = VX_WIRE_REFUSED_MAX };
    vx_cbytes text = { message, header->message_size };
    bool over = header->type == VX_WIRE_STOP;

    if (header->type == VX_WIRE_REFUSAL && vx_wire_refusal_decode(text, &refusal, NULL) == VX_OK)
        over = refusal.code == VX_WIRE_REFUSED_OVER;
    if (over && socket->peer != NULL && socket->peer->process != NULL)
        socket->peer->process->told_over = true;
}

static void from_server(const sim_socket *socket, const vx_frame_header *header,
                        const uint8_t *message, const uint8_t *payload)
{
    if (header->type == VX_WIRE_WELCOME && socket->peer != NULL) {
        VX_ASSERT(socket->peer->id < SIM_SOCKETS_MAX);
        sim_check.identities[socket->peer->id] =
            (sim_identity){ header->epoch, header->slot, header->incarnation };
        sim_note("welcome slot=%llu epoch=%llu incarnation=%llu", header->slot, header->epoch,
                 header->incarnation);
    }
    if ((header->type == VX_WIRE_PARAMETERS || header->type == VX_WIRE_EVALUATE) &&
        is_whole_vector(header)) {
        sim_checker_look_for_start(sim_checker_server(sim_server()));
        sim_checker_look_for_commit(sim_checker_server(sim_server()));
        check_parameters(header, payload);
    }
    if (header->slot < sim_check.model->workers && sim_checker_server(sim_server())->ready)
        to_worker(header, message);
    if (header->type == VX_WIRE_VERDICT)
        take_verdict(socket, header, message);
    note_over(socket, header, message);
}

void sim_checker_frame(sim_process *process, sim_socket *socket, const uint8_t *frame, size_t size)
{
    vx_frame_header header;
    const uint8_t *message = frame + VX_FRAME_HEADER_SIZE;

    if (size < VX_FRAME_HEADER_SIZE || vx_frame_header_decode(frame, &header, NULL) != VX_OK)
        sim_violation("I8", "%s sends a frame that is none", process->name);
    if (sim_is_server(process))
        from_server(socket, &header, message, message + header.message_size);
    else if (sim_slot_of(process) >= 0)
        from_worker(socket, (unsigned)sim_slot_of(process), &header, message + header.message_size);
}
