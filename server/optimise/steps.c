#include "steps.h"

#include <math.h>

static void sgd(const vx_rates *r, const float *update, const float *theta, size_t width,
                vx_step_block *ret)
{
    for (size_t k = 0; k < width; k++) {
        double g = (double)update[k] + r->decay * (double)theta[k];

        ret->theta[k] = (float)((double)theta[k] - r->eta * g);
    }
}

static void heavy_ball(const vx_rates *r, const float *update, const float *theta, const float *b,
                       size_t width, vx_step_block *ret)
{
    for (size_t k = 0; k < width; k++) {
        double g = (double)update[k] + r->decay * (double)theta[k];
        double moved = r->momentum * (double)b[k] + g;

        ret->state[0][k] = (float)moved;
        ret->theta[k] = (float)((double)theta[k] - r->eta * moved);
    }
}

static void nesterov(const vx_rates *r, const float *update, const float *theta, const float *b,
                     size_t width, vx_step_block *ret)
{
    for (size_t k = 0; k < width; k++) {
        double g = (double)update[k] + r->decay * (double)theta[k];
        double moved = r->momentum * (double)b[k] + g;

        ret->state[0][k] = (float)moved;
        ret->theta[k] = (float)((double)theta[k] - r->eta * (g + r->momentum * moved));
    }
}

static void adamw(const vx_rates *r, const float *update, const float *theta, const float *first,
                  const float *second, size_t width, vx_step_block *ret)
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

/* What the soft threshold t takes from z: z - taken is exactly 0 where |z| <= t. In double, before
 * the rounding to float: after it a small threshold would vanish. A NaN stays one. Both choices are
 * such that several numbers are made at a time. */
static inline double taken(double z, double t)
{
    double below = t < z ? t : z;

    return -t > below ? -t : below;
}

/* That as a subgradient: divided by the weight. A round that does not step has none. */
static double inverse(double weight)
{
    return weight > 0.0 ? 1.0 / weight : 0.0;
}

static void sgd_l1(const vx_rates *r, const float *update, const float *theta, size_t width,
                   vx_step_block *ret)
{
    double threshold = r->eta * r->l1;

    for (size_t k = 0; k < width; k++) {
        double g = (double)update[k] + r->decay * (double)theta[k];
        double z = (double)theta[k] - r->eta * g;

        ret->theta[k] = (float)(z - taken(z, threshold));
    }
}

static void heavy_ball_l1(const vx_rates *r, const float *update, const float *theta,
                          const float *b, size_t width, vx_step_block *ret)
{
    double threshold = r->eta * r->l1, per_weight = inverse(r->eta);

    for (size_t k = 0; k < width; k++) {
        double g = (double)update[k] + r->decay * (double)theta[k];
        double moved = r->momentum * (double)b[k] + g;
        double z = (double)theta[k] - r->eta * moved;
        double off = taken(z, threshold);

        ret->theta[k] = (float)(z - off);
        ret->state[0][k] = (float)(moved + off * per_weight);
    }
}

static void nesterov_l1(const vx_rates *r, const float *update, const float *theta, const float *b,
                        size_t width, vx_step_block *ret)
{
    double weight = r->eta * (1.0 + r->momentum);
    double threshold = weight * r->l1, per_weight = inverse(weight);

    for (size_t k = 0; k < width; k++) {
        double g = (double)update[k] + r->decay * (double)theta[k];
        double moved = r->momentum * (double)b[k] + g;
        double z = (double)theta[k] - r->eta * (g + r->momentum * moved);
        double off = taken(z, threshold);

        ret->theta[k] = (float)(z - off);
        ret->state[0][k] = (float)(moved + off * per_weight);
    }
}

static void step_l1(const vx_step *step, const vx_rates *r, vx_step_block *ret)
{
    if (step->kind == VX_OPTIMISER_HEAVY_BALL)
        heavy_ball_l1(r, step->update, step->theta, step->state[0], step->width, ret);
    else if (step->kind == VX_OPTIMISER_NESTEROV)
        nesterov_l1(r, step->update, step->theta, step->state[0], step->width, ret);
    else
        sgd_l1(r, step->update, step->theta, step->width, ret);
}

void vx_step_try(const vx_step *step, const vx_rates *r, vx_step_block *ret)
{
    const float *update = step->update, *theta = step->theta;

    if (step->shrinks) {
        step_l1(step, r, ret);
        return;
    }
    switch (step->kind) {
    case VX_OPTIMISER_SGD:
        sgd(r, update, theta, step->width, ret);
        break;
    case VX_OPTIMISER_HEAVY_BALL:
        heavy_ball(r, update, theta, step->state[0], step->width, ret);
        break;
    case VX_OPTIMISER_NESTEROV:
        nesterov(r, update, theta, step->state[0], step->width, ret);
        break;
    case VX_OPTIMISER_ADAMW:
        adamw(r, update, theta, step->state[0], step->state[1], step->width, ret);
        break;
    }
}
