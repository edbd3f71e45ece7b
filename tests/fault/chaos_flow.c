#include "chaos_flow.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <vx_base/alloc.h>
#include <vx_base/assert.h>
#include <vx_base/clock.h>

#define RATE_SLICE_NS (10 * VX_NS_PER_MS)

void vx_chaos_say(const char *event, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    printf("{\"event\":\"%s\"", event);
    vprintf(format, arguments);
    va_end(arguments);
    printf("}\n");
    fflush(stdout);
}

static void say_piece(const char *event, const vx_chaos_flow *flow, const vx_chaos_piece *piece,
                      uint64_t at)
{
    vx_chaos_say(event,
                 ",\"conn\":%" PRIu64 ",\"slot\":%lld,\"way\":\"%s\",\"frame\":%lld,\"type\":%u"
                 ",\"at\":%" PRIu64,
                 flow->place.conn,
                 flow->place.slot == VX_CHAOS_ANY ? -1LL : (long long)flow->place.slot,
                 flow->place.way == VX_CHAOS_UP ? "up" : "down",
                 piece->is_frame ? (long long)piece->frame : -1LL, piece->type, at);
}

void vx_chaos_flow_init(vx_chaos_flow *flow, vx_chaos_plan *plan, vx_chaos_place place,
                        uint64_t seed)
{
    *flow = (vx_chaos_flow){ .plan = plan, .place = place };
    flow->rng = vx_rng_stream(seed, VX_RNG_TEST, (uint32_t)place.way, place.conn);
}

static void free_pieces(vx_chaos_piece *piece)
{
    while (piece != NULL) {
        vx_chaos_piece *next = piece->next;

        vx_free(piece);
        piece = next;
    }
}

void vx_chaos_flow_release(vx_chaos_flow *flow)
{
    free_pieces(flow->head);
    free_pieces(flow->parked);
    vx_free(flow->assembly);
    flow->head = flow->tail = flow->parked = NULL;
    flow->assembly = NULL;
}

/* The first rule of this verb that selects this piece; one that is for once is used up. */
static bool find(vx_chaos_flow *flow, vx_chaos_verb verb, const vx_chaos_piece *piece,
                 vx_chaos_rule *ret_rule)
{
    for (unsigned i = 0; i < flow->plan->count; i++) {
        vx_chaos_rule *rule = &flow->plan->rules[i];

        if (rule->verb != verb || rule->after != VX_CHAOS_ANY ||
            !vx_chaos_rule_covers(rule, &flow->place))
            continue;
        if (vx_chaos_rule_selects(rule) && !piece->is_frame)
            continue;
        if ((rule->type != VX_CHAOS_ANY && rule->type != piece->type) ||
            (rule->frame != VX_CHAOS_ANY && rule->frame != piece->frame) ||
            (rule->every != VX_CHAOS_ANY && (piece->frame + 1) % rule->every != 0) ||
            (rule->at != VX_CHAOS_ANY &&
             (rule->at < piece->vector_at || rule->at - piece->vector_at >= piece->size)) ||
            (rule->chance < 1.0 && vx_rng_uniform(&flow->rng) >= rule->chance))
            continue;
        *ret_rule = *rule;
        if (rule->once)
            vx_chaos_plan_remove(flow->plan, i);
        return true;
    }
    return false;
}

static const vx_chaos_rule *standing(const vx_chaos_flow *flow, vx_chaos_verb verb)
{
    for (unsigned i = 0; i < flow->plan->count; i++)
        if (flow->plan->rules[i].verb == verb &&
            vx_chaos_rule_covers(&flow->plan->rules[i], &flow->place))
            return &flow->plan->rules[i];
    return NULL;
}

static void flip(vx_chaos_flow *flow, vx_chaos_piece *piece)
{
    const vx_chaos_rule *rule = standing(flow, VX_CHAOS_FLIP);
    uint64_t window = rule != NULL ? (uint64_t)rule->amount : 0;

    for (size_t offset = 0; rule != NULL && offset < piece->size;) {
        uint64_t take = 0;

        if (flow->flip_done >= window)
            flow->flip_done = 0;
        if (flow->flip_done == 0)
            flow->flip_at = vx_rng_below(&flow->rng, window);
        take = window - flow->flip_done;
        take = take < piece->size - offset ? take : piece->size - offset;
        if (flow->flip_at >= flow->flip_done && flow->flip_at < flow->flip_done + take) {
            size_t at = offset + (size_t)(flow->flip_at - flow->flip_done);

            piece->at[at] ^= (uint8_t)(1u << vx_rng_below(&flow->rng, 8));
            say_piece("flip", flow, piece, at);
        }
        flow->flip_done += take;
        offset += (size_t)take;
    }
}

static void append(vx_chaos_flow *flow, vx_chaos_piece *piece)
{
    if (flow->tail != NULL && flow->tail->due_ns > piece->due_ns)
        piece->due_ns = flow->tail->due_ns;
    piece->next = NULL;
    if (flow->tail != NULL)
        flow->tail->next = piece;
    else
        flow->head = piece;
    flow->tail = piece;
    flow->queued += piece->size;
}

static vx_chaos_piece *copy_of(const vx_chaos_piece *piece)
{
    vx_chaos_piece *copy = vx_malloc(sizeof(*copy) + piece->size);

    if (copy != NULL)
        memcpy(copy, piece, sizeof(*copy) + piece->size);
    return copy;
}

/* Decides the fate of a piece and queues it; takes it. */
static vx_status admit(vx_chaos_flow *flow, vx_chaos_piece *piece, uint64_t now_ns)
{
    vx_chaos_rule rule;
    vx_chaos_piece *twin = NULL;
    vx_chaos_piece *parked = flow->parked;

    if (find(flow, VX_CHAOS_DROP, piece, &rule)) {
        say_piece("drop", flow, piece, 0);
        vx_free(piece);
        return VX_OK;
    }
    flip(flow, piece);
    piece->due_ns = now_ns;
    if (find(flow, VX_CHAOS_DELAY, piece, &rule))
        piece->due_ns += (uint64_t)((rule.amount + rule.jitter * vx_rng_uniform(&flow->rng)) *
                                    (double)VX_NS_PER_MS);
    if (find(flow, VX_CHAOS_DUPLICATE, piece, &rule)) {
        say_piece("duplicate", flow, piece, 0);
        twin = copy_of(piece);
        if (twin == NULL) {
            vx_free(piece);
            return VX_ERR_NOMEM;
        }
    }
    if (!flow->is_doomed && find(flow, VX_CHAOS_CUT, piece, &rule)) {
        flow->is_doomed = true;
        piece->cut_at = rule.at != VX_CHAOS_ANY ? rule.at - piece->vector_at : 0;
        piece->cut_resets = rule.reset;
    }
    if (parked == NULL && find(flow, VX_CHAOS_SWAP, piece, &rule)) {
        say_piece("swap", flow, piece, 0);
        flow->parked = piece;
        piece = twin;
        twin = NULL;
    }
    if (piece != NULL)
        append(flow, piece);
    if (twin != NULL)
        append(flow, twin);
    if (parked != NULL) {
        flow->parked = NULL;
        append(flow, parked);
    }
    return VX_OK;
}

static vx_status admit_bytes(vx_chaos_flow *flow, const uint8_t *at, size_t size,
                             const vx_frame_header *header, uint64_t now_ns)
{
    vx_chaos_piece *piece = vx_malloc(sizeof(*piece) + size);

    if (piece == NULL)
        return VX_ERR_NOMEM;
    *piece = (vx_chaos_piece){ .size = size, .cut_at = VX_CHAOS_ANY };
    memcpy(piece->at, at, size);
    if (header != NULL) {
        if (header->offset == 0)
            flow->vector_bytes = 0;
        piece->is_frame = true;
        piece->type = header->type;
        piece->frame = flow->frames++;
        piece->vector_at = flow->vector_bytes;
        flow->vector_bytes += size;
    }
    return admit(flow, piece, now_ns);
}

/* Bytes of the frame at the front that are wanted in all; 0: they are no frame. */
static size_t wanted(const vx_chaos_flow *flow, vx_frame_header *ret_header)
{
    if (flow->have < VX_FRAME_HEADER_SIZE)
        return VX_FRAME_HEADER_SIZE;
    if (vx_frame_header_decode(flow->assembly, ret_header, NULL) != VX_OK)
        return 0;
    return VX_FRAME_HEADER_SIZE + ret_header->message_size + (size_t)ret_header->payload_size;
}

static vx_status flush_raw(vx_chaos_flow *flow, uint64_t now_ns)
{
    size_t size = flow->have;

    flow->have = 0;
    return size > 0 ? admit_bytes(flow, flow->assembly, size, NULL, now_ns) : VX_OK;
}

static vx_status split(vx_chaos_flow *flow, uint64_t now_ns)
{
    vx_status status = VX_OK;

    while (status == VX_OK && !flow->is_raw) {
        vx_frame_header header;
        size_t size = wanted(flow, &header);

        if (flow->have >= VX_FRAME_HEADER_SIZE && size == 0) {
            flow->is_raw = true;
            break;
        }
        if (flow->have < size || flow->have < VX_FRAME_HEADER_SIZE)
            return VX_OK;
        if (flow->place.way == VX_CHAOS_UP && flow->place.slot == VX_CHAOS_ANY)
            flow->place.slot = header.slot;
        status = admit_bytes(flow, flow->assembly, size, &header, now_ns);
        flow->have -= size;
        memmove(flow->assembly, flow->assembly + size, flow->have);
    }
    return status == VX_OK ? flush_raw(flow, now_ns) : status;
}

vx_status vx_chaos_flow_take(vx_chaos_flow *flow, vx_cbytes bytes, uint64_t now_ns)
{
    if (flow->have + bytes.size > flow->room) {
        size_t room = 2 * (flow->have + bytes.size);
        uint8_t *grown = vx_realloc(flow->assembly, room);

        if (grown == NULL)
            return VX_ERR_NOMEM;
        flow->assembly = grown;
        flow->room = room;
    }
    memcpy(flow->assembly + flow->have, bytes.at, bytes.size);
    flow->have += bytes.size;
    flow->bytes_in += bytes.size;
    return split(flow, now_ns);
}

vx_status vx_chaos_flow_end(vx_chaos_flow *flow, uint64_t now_ns)
{
    vx_status status = flush_raw(flow, now_ns);

    flow->has_ended = true;
    if (flow->parked != NULL) {
        append(flow, flow->parked);
        flow->parked = NULL;
    }
    return status;
}

static bool end_is_lost(const vx_chaos_flow *flow)
{
    const vx_chaos_rule *rule = standing(flow, VX_CHAOS_DROP);

    return rule != NULL && !vx_chaos_rule_selects(rule);
}

/* Bytes of the head that may go before a cut; *ret_reset is its kind. */
static uint64_t until_cut(const vx_chaos_flow *flow, bool *ret_reset)
{
    const vx_chaos_piece *piece = flow->head;
    uint64_t left = piece->cut_at == VX_CHAOS_ANY ? UINT64_MAX : piece->cut_at - piece->sent;

    *ret_reset = piece->cut_resets;
    for (unsigned i = 0; i < flow->plan->count; i++) {
        const vx_chaos_rule *rule = &flow->plan->rules[i];
        uint64_t after = rule->after > flow->bytes_out ? rule->after - flow->bytes_out : 0;

        if (rule->verb != VX_CHAOS_CUT || rule->after == VX_CHAOS_ANY ||
            !vx_chaos_rule_covers(rule, &flow->place) || after >= left)
            continue;
        left = after;
        *ret_reset = rule->reset;
    }
    return left;
}

static vx_chaos_action send_or_cut(vx_chaos_flow *flow, uint64_t now_ns)
{
    const vx_chaos_piece *piece = flow->head;
    const vx_chaos_rule *rate = standing(flow, VX_CHAOS_RATE);
    size_t size = piece->size - piece->sent;
    bool reset = false;
    uint64_t left = until_cut(flow, &reset);

    if (left == 0) {
        say_piece("cut", flow, piece, piece->sent);
        return (vx_chaos_action){ .what = VX_CHAOS_DO_CUT, .reset = reset };
    }
    size = left < size ? (size_t)left : size;
    if (rate != NULL) {
        size_t slice = (size_t)(rate->amount * (double)RATE_SLICE_NS / (double)VX_NS_PER_S) + 1;

        if (flow->credit_ns > now_ns)
            return (vx_chaos_action){ .what = VX_CHAOS_DO_WAIT, .wake_ns = flow->credit_ns };
        size = size < slice ? size : slice;
    }
    return (vx_chaos_action){ .what = VX_CHAOS_DO_SEND,
                              .bytes = { piece->at + piece->sent, size } };
}

vx_chaos_action vx_chaos_flow_next(vx_chaos_flow *flow, uint64_t now_ns)
{
    if (standing(flow, VX_CHAOS_HOLD) != NULL)
        return (vx_chaos_action){ .what = VX_CHAOS_DO_NOTHING };
    if (flow->head == NULL)
        return (vx_chaos_action){ .what = flow->has_ended && !end_is_lost(flow)
                                              ? VX_CHAOS_DO_END
                                              : VX_CHAOS_DO_NOTHING };
    if (flow->head->due_ns > now_ns)
        return (vx_chaos_action){ .what = VX_CHAOS_DO_WAIT, .wake_ns = flow->head->due_ns };
    return send_or_cut(flow, now_ns);
}

void vx_chaos_flow_sent(vx_chaos_flow *flow, size_t size, uint64_t now_ns)
{
    const vx_chaos_rule *rate = standing(flow, VX_CHAOS_RATE);
    vx_chaos_piece *piece = flow->head;

    VX_ASSERT(piece != NULL);
    VX_ASSERT(size <= piece->size - piece->sent);
    flow->bytes_out += size;
    flow->queued -= size;
    piece->sent += size;
    if (rate != NULL) {
        uint64_t from_ns = flow->credit_ns > now_ns ? flow->credit_ns : now_ns;

        flow->credit_ns = from_ns + (uint64_t)((double)size / rate->amount * (double)VX_NS_PER_S);
    }
    if (piece->sent < piece->size)
        return;
    flow->head = piece->next;
    if (flow->head == NULL)
        flow->tail = NULL;
    vx_free(piece);
}
