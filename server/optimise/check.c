#include "check.h"

#include <math.h>

static vx_status check_step(const vx_schedule *s, vx_error *err)
{
    if (s->every == 0)
        return vx_fail(err, VX_ERR_DOMAIN, "schedule: every must be at least 1");
    if (!(s->factor > 0.0 && isfinite(s->factor)))
        return vx_fail(err, VX_ERR_DOMAIN, "schedule: factor %g must be above 0", s->factor);
    return VX_OK;
}

static vx_status check_end(const vx_schedule *s, vx_error *err)
{
    if (s->rounds == 0)
        return vx_fail(err, VX_ERR_DOMAIN, "schedule: needs the rounds of the job");
    if (!(s->final_factor >= 0.0 && s->final_factor <= 1.0))
        return vx_fail(err, VX_ERR_DOMAIN, "schedule: final_factor %g must be in 0..1",
                       s->final_factor);
    return VX_OK;
}

static vx_status check_cycle(const vx_optimiser_options *o, vx_error *err)
{
    const vx_schedule *s = &o->schedule;
    vx_status status = check_end(s, err);

    if (status != VX_OK)
        return status;
    if (!(s->initial_divisor >= 1.0 && isfinite(s->initial_divisor)))
        return vx_fail(err, VX_ERR_DOMAIN, "schedule: initial_divisor %g must be at least 1",
                       s->initial_divisor);
    if (!(s->up_share > 0.0 && s->up_share < 1.0))
        return vx_fail(err, VX_ERR_DOMAIN, "schedule: up_share %g must be between 0 and 1",
                       s->up_share);
    if (!(s->momentum_low >= 0.0 && s->momentum_low < 1.0))
        return vx_fail(err, VX_ERR_DOMAIN, "schedule: momentum_low %g must be in [0, 1)",
                       s->momentum_low);
    return VX_OK;
}

static vx_status check_schedule(const vx_optimiser_options *o, vx_error *err)
{
    switch (o->schedule.kind) {
    case VX_SCHEDULE_CONSTANT:
        return VX_OK;
    case VX_SCHEDULE_STEP:
        return check_step(&o->schedule, err);
    case VX_SCHEDULE_COSINE:
        return check_end(&o->schedule, err);
    case VX_SCHEDULE_ONE_CYCLE:
        return check_cycle(o, err);
    }
    return vx_fail(err, VX_ERR_DOMAIN, "schedule: no kind %d", (int)o->schedule.kind);
}

static bool is_share(double value)
{
    return value >= 0.0 && value < 1.0;
}

static vx_status check_adamw(const vx_optimiser_options *o, vx_error *err)
{
    if (o->l1 > 0.0)
        return vx_fail(err, VX_ERR_DOMAIN,
                       "l1 %g must be 0 with adamw: it divides the gradient by another number in "
                       "each coordinate, so a threshold would not minimise the loss with l1; use "
                       "sgd, heavy_ball or nesterov",
                       o->l1);
    if (!is_share(o->beta1))
        return vx_fail(err, VX_ERR_DOMAIN, "beta1 %g must be in [0, 1)", o->beta1);
    if (!is_share(o->beta2))
        return vx_fail(err, VX_ERR_DOMAIN, "beta2 %g must be in [0, 1)", o->beta2);
    if (!(o->epsilon > 0.0 && isfinite(o->epsilon)))
        return vx_fail(err, VX_ERR_DOMAIN, "epsilon %g must be above 0", o->epsilon);
    return VX_OK;
}

vx_status vx_optimiser_check(const vx_optimiser_options *o, vx_error *err)
{
    if (!(o->step_size > 0.0 && isfinite(o->step_size)))
        return vx_fail(err, VX_ERR_DOMAIN, "step_size %g must be above 0", o->step_size);
    if (!(o->weight_decay >= 0.0 && isfinite(o->weight_decay)))
        return vx_fail(err, VX_ERR_DOMAIN, "weight_decay %g must be at least 0", o->weight_decay);
    if (!is_share(o->momentum))
        return vx_fail(err, VX_ERR_DOMAIN, "momentum %g must be in [0, 1)", o->momentum);
    if ((unsigned)o->kind > VX_OPTIMISER_ADAMW)
        return vx_fail(err, VX_ERR_DOMAIN, "no optimiser %d", (int)o->kind);
    if (!(o->l1 >= 0.0 && isfinite(o->l1)))
        return vx_fail(err, VX_ERR_DOMAIN, "l1 %g must be at least 0", o->l1);
    if (o->kind == VX_OPTIMISER_ADAMW) {
        vx_status status = check_adamw(o, err);

        if (status != VX_OK)
            return status;
    }
    return check_schedule(o, err);
}
