#ifndef VX_TEST_CHAOS_FLOW_H
#define VX_TEST_CHAOS_FLOW_H
#include <vx_base/rng.h>
#include <vx_base/span.h>
#include <vx_transport/frame.h>

#include "chaos_rule.h"

/*
 * One direction of one connection, without sockets: bytes go in, are cut into frames, changed as
 * the rules say, and come out when they are due. A frame leaves when it is whole; bytes that are no
 * frames (and all that follow them) leave as they come.
 */
typedef struct vx_chaos_piece {
    struct vx_chaos_piece *next;
    size_t size, sent;
    uint64_t due_ns;
    uint64_t cut_at; /* bytes of this piece after which the connection ends; VX_CHAOS_ANY = never */
    bool cut_resets;
    bool is_frame;
    uint16_t type;
    uint64_t frame;     /* its number in this direction */
    uint64_t vector_at; /* bytes of its vector's frames before it */
    uint8_t at[];
} vx_chaos_piece;

typedef struct vx_chaos_flow {
    vx_chaos_plan *plan; /* borrowed */
    vx_chaos_place place;
    vx_rng rng;
    uint8_t *assembly; /* owned; of the frame that is coming in */
    size_t have, room;
    bool is_raw;
    vx_chaos_piece *head, *tail, *parked; /* owned; parked waits for the next frame */
    size_t queued;                        /* bytes in them */
    uint64_t frames, vector_bytes;
    uint64_t bytes_in, bytes_out;
    uint64_t flip_done, flip_at; /* of the window of now */
    uint64_t credit_ns;          /* when the next byte may leave under a rate */
    bool is_doomed;              /* a frame in the queue is to be cut */
    bool has_ended;              /* nothing more comes */
} vx_chaos_flow;

/* Rows of output, one JSON object a line; format gives the pairs. */
void vx_chaos_say(const char *event, const char *format, ...) __attribute__((format(printf, 2, 3)));

void vx_chaos_flow_init(vx_chaos_flow *flow, vx_chaos_plan *plan, vx_chaos_place place,
                        uint64_t seed);
void vx_chaos_flow_release(vx_chaos_flow *flow);
/* VX_ERR_NOMEM. */
VX_MUST_CHECK vx_status vx_chaos_flow_take(vx_chaos_flow *flow, vx_cbytes bytes, uint64_t now_ns);
VX_MUST_CHECK vx_status vx_chaos_flow_end(vx_chaos_flow *flow, uint64_t now_ns);

typedef enum vx_chaos_do {
    VX_CHAOS_DO_NOTHING, /* until something comes or a rule changes */
    VX_CHAOS_DO_WAIT,    /* until wake_ns */
    VX_CHAOS_DO_SEND,    /* bytes, borrowed until vx_chaos_flow_sent */
    VX_CHAOS_DO_CUT,
    VX_CHAOS_DO_END /* everything is out and the source has ended */
} vx_chaos_do;

typedef struct vx_chaos_action {
    vx_chaos_do what;
    vx_cbytes bytes;
    uint64_t wake_ns;
    bool reset;
} vx_chaos_action;

/* What is due. Not while a send is under way. */
vx_chaos_action vx_chaos_flow_next(vx_chaos_flow *flow, uint64_t now_ns);
void vx_chaos_flow_sent(vx_chaos_flow *flow, size_t size, uint64_t now_ns);
#endif
