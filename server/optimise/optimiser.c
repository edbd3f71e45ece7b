#include <vx_optimise/optimise.h>

#include <math.h>
#include <string.h>

#include <vx_base/alloc.h>

#include "check.h"
#include "steps.h"

struct vx_optimiser {
    vx_optimiser_options options;
    size_t dimension, state_count;
    float *state[VX_STATES_MAX]; /* (dimension) each */
    vx_optimiser_part *exempt;   /* of l1; NULL without */
    size_t exempt_count;
};

/* A piece of the parameters that l1 holds for, or not, as a whole. */
typedef struct piece {
    size_t from, width; /* <= VX_STEP_BLOCK */
    size_t exempt;      /* the first part that does not end before it */
    bool shrinks;
} piece;

vx_optimiser_options vx_optimiser_options_default(void)
{
    return (vx_optimiser_options){
        .kind = VX_OPTIMISER_HEAVY_BALL,
        .step_size = 0.1,
        .momentum = 0.9,
        .beta1 = 0.9,
        .beta2 = 0.999,
        .epsilon = 1e-8,
        .schedule = { .kind = VX_SCHEDULE_CONSTANT,
                      .every = 1,
                      .factor = 1.0,
                      .initial_divisor = 25.0,
                      .up_share = 0.3,
                      .momentum_low = 0.85 },
    };
}

static size_t states_of(vx_optimiser_kind kind)
{
    switch (kind) {
    case VX_OPTIMISER_SGD:
        return 0;
    case VX_OPTIMISER_HEAVY_BALL:
    case VX_OPTIMISER_NESTEROV:
        return 1;
    case VX_OPTIMISER_ADAMW:
        return 2;
    }
    return 0;
}

static vx_status check_exempt(const vx_optimiser_options *options, size_t dimension, vx_error *err)
{
    size_t end = 0;

    for (size_t i = 0; i < options->exempt_count; i++) {
        const vx_optimiser_part *part = &options->exempt[i];

        if (part->from < end || part->from > dimension || part->count > dimension - part->from)
            return vx_fail(err, VX_ERR_SHAPE,
                           "part %zu without l1, %zu parameters from %zu, does not fit behind %zu "
                           "of %zu",
                           i, part->count, part->from, end, dimension);
        end = part->from + part->count;
    }
    return VX_OK;
}

static bool copy_exempt(vx_optimiser *o, const vx_optimiser_options *options)
{
    size_t count = options->l1 > 0.0 ? options->exempt_count : 0;

    if (count == 0)
        return true;
    o->exempt = vx_calloc(count, sizeof(*o->exempt));
    if (o->exempt == NULL)
        return false;
    memcpy(o->exempt, options->exempt, count * sizeof(*o->exempt));
    o->exempt_count = count;
    return true;
}

vx_status vx_optimiser_create(const vx_optimiser_options *options, size_t dimension,
                              vx_optimiser **ret_optimiser, vx_error *err)
{
    vx_status status = vx_optimiser_check(options, err);
    vx_optimiser *o;

    if (status != VX_OK)
        return status;
    if (dimension == 0)
        return vx_fail(err, VX_ERR_SHAPE, "an optimiser of no parameters");
    status = check_exempt(options, dimension, err);
    if (status != VX_OK)
        return status;
    o = vx_calloc(1, sizeof(*o));
    if (o == NULL)
        goto nomem;
    o->options = *options;
    o->options.exempt = NULL; /* borrowed until now */
    o->dimension = dimension;
    if (!copy_exempt(o, options))
        goto nomem;
    o->state_count = states_of(options->kind);
    for (size_t i = 0; i < o->state_count; i++) {
        o->state[i] = vx_aligned_calloc(dimension, sizeof(float));
        if (o->state[i] == NULL)
            goto nomem;
    }
    *ret_optimiser = o;
    return VX_OK;
nomem:
    vx_optimiser_destroy(o);
    return vx_fail(err, VX_ERR_NOMEM, "no memory for an optimiser of %zu parameters", dimension);
}

vx_optimiser *vx_optimiser_destroy(vx_optimiser *optimiser)
{
    if (optimiser == NULL)
        return NULL;
    for (size_t i = 0; i < VX_STATES_MAX; i++)
        vx_free(optimiser->state[i]);
    vx_free(optimiser->exempt);
    vx_free(optimiser);
    return NULL;
}

double vx_optimiser_step_size(const vx_optimiser *optimiser, uint64_t round)
{
    return optimiser->options.step_size * vx_schedule_factor(&optimiser->options.schedule, round);
}

static vx_rates rates_at(const vx_optimiser *o, uint64_t round)
{
    double steps = (double)round + 1.0;

    return (vx_rates){
        .eta = vx_optimiser_step_size(o, round),
        .decay = o->options.weight_decay,
        .momentum = vx_schedule_momentum(&o->options.schedule, o->options.momentum, round),
        .l1 = o->options.l1,
        .beta1 = o->options.beta1,
        .beta2 = o->options.beta2,
        .epsilon = o->options.epsilon,
        .correction1 = 1.0 / (1.0 - pow(o->options.beta1, steps)),
        .correction2 = 1.0 / (1.0 - pow(o->options.beta2, steps)),
    };
}

/* Bits, not values: an exponent of ones carries into the sign bit. */
static uint32_t carry_of(const float *at, size_t width)
{
    uint32_t carry = 0;

    for (size_t k = 0; k < width; k++) {
        uint32_t bits;

        memcpy(&bits, at + k, sizeof(bits));
        carry |= (bits & 0x7fffffffu) + 0x00800000u;
    }
    return carry & 0x80000000u;
}

static bool block_is_finite(const vx_optimiser *o, const vx_step_block *b, size_t width)
{
    uint32_t carry = carry_of(b->theta, width);

    for (size_t i = 0; i < VX_STATES_MAX && o->state[i] != NULL; i++)
        carry |= carry_of(b->state[i], width);
    return carry == 0;
}

/* The piece behind `at`, which begins as all zeros; false at the end. */
static bool next_piece(const vx_optimiser *o, piece *at)
{
    size_t from = at->from + at->width;
    const vx_optimiser_part *part = o->exempt;
    size_t end = o->dimension - from < VX_STEP_BLOCK ? o->dimension : from + VX_STEP_BLOCK;

    at->shrinks = o->options.l1 > 0.0;
    while (at->exempt < o->exempt_count && part[at->exempt].from + part[at->exempt].count <= from)
        at->exempt++;
    if (at->exempt < o->exempt_count) {
        size_t border = part[at->exempt].from;

        if (border <= from) {
            at->shrinks = false;
            border += part[at->exempt].count;
        }
        end = border < end ? border : end;
    }
    at->from = from;
    at->width = end - from;
    return from < o->dimension;
}

static void try_piece(const vx_optimiser *o, const vx_rates *r, const float *update,
                      const float *theta, const piece *at, vx_step_block *ret)
{
    vx_step step = { .kind = o->options.kind,
                     .shrinks = at->shrinks,
                     .width = at->width,
                     .update = update + at->from,
                     .theta = theta + at->from };

    for (size_t i = 0; i < o->state_count; i++)
        step.state[i] = o->state[i] + at->from;
    vx_step_try(&step, r, ret);
}

static bool stays_finite(const vx_optimiser *o, const vx_rates *r, const float *update,
                         const float *theta)
{
    vx_step_block after;
    piece at = { 0 };

    while (next_piece(o, &at)) {
        try_piece(o, r, update, theta, &at, &after);
        if (!block_is_finite(o, &after, at.width))
            return false;
    }
    return true;
}

static void take_step(vx_optimiser *o, const vx_rates *r, const float *update, float *theta)
{
    vx_step_block after;
    piece at = { 0 };

    while (next_piece(o, &at)) {
        try_piece(o, r, update, theta, &at, &after);
        memcpy(theta + at.from, after.theta, at.width * sizeof(*theta));
        for (size_t i = 0; i < VX_STATES_MAX && o->state[i] != NULL; i++)
            memcpy(o->state[i] + at.from, after.state[i], at.width * sizeof(float));
    }
}

vx_status vx_optimiser_step(vx_optimiser *optimiser, uint64_t round, vx_cvecf update, vx_vecf theta)
{
    vx_rates r;

    if (update.n != optimiser->dimension || theta.n != optimiser->dimension)
        return VX_ERR_SHAPE;
    r = rates_at(optimiser, round);
    if (!isfinite(r.eta * (1.0 + r.momentum) * r.l1)) /* it would turn any parameter into 0 */
        return VX_ERR_NONFINITE;
    /* All of it is tried before any of it is written. */
    if (!stays_finite(optimiser, &r, update.at, theta.at))
        return VX_ERR_NONFINITE;
    take_step(optimiser, &r, update.at, theta.at);
    return VX_OK;
}

size_t vx_optimiser_state_count(const vx_optimiser *optimiser)
{
    return optimiser->state_count;
}

const char *vx_optimiser_state_name(const vx_optimiser *optimiser, size_t index)
{
    VX_ASSERT(index < optimiser->state_count);
    if (optimiser->options.kind != VX_OPTIMISER_ADAMW)
        return "momentum";
    return index == 0 ? "first_moment" : "second_moment";
}

vx_vecf vx_optimiser_state_at(vx_optimiser *optimiser, size_t index)
{
    VX_ASSERT(index < optimiser->state_count);
    return (vx_vecf){ optimiser->state[index], optimiser->dimension };
}
