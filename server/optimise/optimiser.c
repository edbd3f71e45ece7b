#include <vx_optimise/optimise.h>

#include <math.h>
#include <string.h>

#include <vx_base/alloc.h>

#include "check.h"

enum { BLOCK = 512, STATES_MAX = 2 };

struct vx_optimiser {
    vx_optimiser_options options;
    size_t dimension, state_count;
    float *state[STATES_MAX]; /* (dimension) each */
};

/* A few coordinates after the step, before it is known whether the step is taken. */
typedef struct block {
    float theta[BLOCK], state[STATES_MAX][BLOCK];
} block;

/* The numbers of one round. */
typedef struct rates {
    double eta, decay, momentum;
    double beta1, beta2, epsilon, correction1, correction2; /* adamw */
} rates;

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

vx_status vx_optimiser_create(const vx_optimiser_options *options, size_t dimension,
                              vx_optimiser **ret_optimiser, vx_error *err)
{
    vx_status status = vx_optimiser_check(options, err);
    vx_optimiser *o;

    if (status != VX_OK)
        return status;
    if (dimension == 0)
        return vx_fail(err, VX_ERR_SHAPE, "an optimiser of no parameters");
    o = vx_calloc(1, sizeof(*o));
    if (o == NULL)
        goto nomem;
    o->options = *options;
    o->dimension = dimension;
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
    for (size_t i = 0; i < STATES_MAX; i++)
        vx_free(optimiser->state[i]);
    vx_free(optimiser);
    return NULL;
}

double vx_optimiser_step_size(const vx_optimiser *optimiser, uint64_t round)
{
    return optimiser->options.step_size * vx_schedule_factor(&optimiser->options.schedule, round);
}

static rates rates_at(const vx_optimiser *o, uint64_t round)
{
    double steps = (double)round + 1.0;

    return (rates){
        .eta = vx_optimiser_step_size(o, round),
        .decay = o->options.weight_decay,
        .momentum = vx_schedule_momentum(&o->options.schedule, o->options.momentum, round),
        .beta1 = o->options.beta1,
        .beta2 = o->options.beta2,
        .epsilon = o->options.epsilon,
        .correction1 = 1.0 / (1.0 - pow(o->options.beta1, steps)),
        .correction2 = 1.0 / (1.0 - pow(o->options.beta2, steps)),
    };
}

static void sgd(const rates *r, const float *update, const float *theta, size_t width, block *ret)
{
    for (size_t k = 0; k < width; k++) {
        double g = (double)update[k] + r->decay * (double)theta[k];

        ret->theta[k] = (float)((double)theta[k] - r->eta * g);
    }
}

static void heavy_ball(const rates *r, const float *update, const float *theta, const float *b,
                       size_t width, block *ret)
{
    for (size_t k = 0; k < width; k++) {
        double g = (double)update[k] + r->decay * (double)theta[k];
        double moved = r->momentum * (double)b[k] + g;

        ret->state[0][k] = (float)moved;
        ret->theta[k] = (float)((double)theta[k] - r->eta * moved);
    }
}

static void nesterov(const rates *r, const float *update, const float *theta, const float *b,
                     size_t width, block *ret)
{
    for (size_t k = 0; k < width; k++) {
        double g = (double)update[k] + r->decay * (double)theta[k];
        double moved = r->momentum * (double)b[k] + g;

        ret->state[0][k] = (float)moved;
        ret->theta[k] = (float)((double)theta[k] - r->eta * (g + r->momentum * moved));
    }
}

static void adamw(const rates *r, const float *update, const float *theta, const float *first,
                  const float *second, size_t width, block *ret)
{
    for (size_t k = 0; k < width; k++) {
        double g = (double)update[k];
        double m = r->beta1 * (double)first[k] + (1.0 - r->beta1) * g;
        double v = r->beta2 * (double)second[k] + (1.0 - r->beta2) * g * g;
        double along = m * r->correction1 / (sqrt(v * r->correction2) + r->epsilon);

        ret->state[0][k] = (float)m;
        ret->state[1][k] = (float)v;
        ret->theta[k] = (float)((double)theta[k] - r->eta * (along + r->decay * (double)theta[k]));
    }
}

static void compute(const vx_optimiser *o, const rates *r, const float *update, const float *theta,
                    size_t from, size_t width, block *ret)
{
    const float *u = update + from, *t = theta + from;

    switch (o->options.kind) {
    case VX_OPTIMISER_SGD:
        sgd(r, u, t, width, ret);
        break;
    case VX_OPTIMISER_HEAVY_BALL:
        heavy_ball(r, u, t, o->state[0] + from, width, ret);
        break;
    case VX_OPTIMISER_NESTEROV:
        nesterov(r, u, t, o->state[0] + from, width, ret);
        break;
    case VX_OPTIMISER_ADAMW:
        adamw(r, u, t, o->state[0] + from, o->state[1] + from, width, ret);
        break;
    }
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

static bool block_is_finite(const vx_optimiser *o, const block *b, size_t width)
{
    uint32_t carry = carry_of(b->theta, width);

    for (size_t i = 0; i < STATES_MAX && o->state[i] != NULL; i++)
        carry |= carry_of(b->state[i], width);
    return carry == 0;
}

static size_t width_at(const vx_optimiser *o, size_t from)
{
    return o->dimension - from < BLOCK ? o->dimension - from : BLOCK;
}

static bool stays_finite(const vx_optimiser *o, const rates *r, const float *update,
                         const float *theta)
{
    block after;

    for (size_t from = 0; from < o->dimension; from += BLOCK) {
        size_t width = width_at(o, from);

        compute(o, r, update, theta, from, width, &after);
        if (!block_is_finite(o, &after, width))
            return false;
    }
    return true;
}

static void take_step(vx_optimiser *o, const rates *r, const float *update, float *theta)
{
    block after;

    for (size_t from = 0; from < o->dimension; from += BLOCK) {
        size_t width = width_at(o, from);

        compute(o, r, update, theta, from, width, &after);
        memcpy(theta + from, after.theta, width * sizeof(*theta));
        for (size_t i = 0; i < STATES_MAX && o->state[i] != NULL; i++)
            memcpy(o->state[i] + from, after.state[i], width * sizeof(float));
    }
}

vx_status vx_optimiser_step(vx_optimiser *optimiser, uint64_t round, vx_cvecf update, vx_vecf theta)
{
    rates r;

    if (update.n != optimiser->dimension || theta.n != optimiser->dimension)
        return VX_ERR_SHAPE;
    r = rates_at(optimiser, round);
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
