#include "server_private.h"

#include <string.h>

#include <vx_base/alloc.h>
#include <vx_base/assert.h>

/*
 * A worker sends its momentum, so the last vector of a slot that entered an aggregate is the state
 * that its next incarnation must go on with: the server has it, and gives it back. Rows and states
 * change places at each commit; only what did not enter is copied.
 */
vx_status vx_momentum_rows_create(vx_server *server)
{
    size_t slots = server->roster.count;

    if (server->job->workers.momentum <= 0.0)
        return VX_OK;
    server->state_rows = vx_aligned_calloc(slots * server->dimension, sizeof(float));
    server->state_held = vx_calloc(slots, sizeof(bool));
    server->row_busy = vx_calloc(slots, sizeof(bool));
    if (server->state_rows == NULL || server->state_held == NULL || server->row_busy == NULL)
        return VX_ERR_NOMEM;
    return VX_OK;
}

/* What the slot sent is its momentum: no fault changed it, and it is not damped for its age. */
static bool is_state(const vx_server *server, const vx_slot *slot)
{
    return !slot->altered && slot->of_round == server->round.number;
}

static bool tells_label(const vx_peer *peer, uint64_t label)
{
    for (size_t i = 0; i < VX_WIRE_STATES_MAX; i++)
        if (peer->hello.states[i] == label)
            return true;
    return false;
}

void vx_momentum_of(const vx_server *server, const vx_peer *peer, uint64_t *ret_label,
                    const float **ret_state)
{
    const vx_slot *slot = &server->roster.slots[peer->hello.slot];
    size_t offset = peer->hello.slot * server->dimension;
    const float *state = NULL;

    *ret_state = NULL;
    *ret_label = 0;
    if (server->state_rows == NULL)
        return;
    if (!slot->collected && slot->nameless)
        return; /* recovered from a record, which does not say what round it was made for */
    *ret_label = slot->collected ? slot->of_round + 1 : slot->entered;
    if (slot->collected && is_state(server, slot))
        state = server->rows + offset;
    else if (!slot->collected && server->state_held[peer->hello.slot])
        state = server->state_rows + offset;
    if (*ret_label == 0 || tells_label(peer, *ret_label))
        return;
    if (state == NULL)
        *ret_label = 0; /* it begins anew */
    *ret_state = state;
}

bool vx_momentum_at_hand(const vx_server *server)
{
    if (server->state_rows == NULL)
        return true;
    for (size_t i = 0; i < server->roster.count; i++) {
        const vx_peer *peer = server->slot_peers[i];
        uint64_t label = server->roster.slots[i].entered;

        if (peer != NULL && label != 0 && !server->state_held[i] && !tells_label(peer, label))
            return false;
    }
    return true;
}

void vx_momentum_mark_busy(vx_server *server)
{
    if (server->state_rows == NULL)
        return;
    for (size_t i = 0; i < server->roster.count; i++)
        server->row_busy[i] = server->slot_peers[i] != NULL && server->slot_peers[i]->in_row;
}

void vx_momentum_carry(vx_server *server)
{
    size_t d = server->dimension;

    if (server->state_rows == NULL)
        return;
    for (size_t i = 0; i < server->roster.count; i++)
        if (!server->present[i] && server->state_held[i] && !server->row_busy[i])
            memcpy(server->rows + i * d, server->state_rows + i * d, d * sizeof(float));
}

void vx_momentum_committed(vx_server *server)
{
    float *rows = server->rows;

    if (server->state_rows == NULL)
        return;
    server->rows = server->state_rows;
    server->state_rows = rows;
    for (size_t i = 0; i < server->roster.count; i++) {
        if (server->present[i])
            server->state_held[i] = is_state(server, &server->roster.slots[i]);
        else
            server->state_held[i] = server->state_held[i] && !server->row_busy[i];
    }
}
