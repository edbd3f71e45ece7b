#include <vx_fault/injector.h>

#include <math.h>
#include <string.h>

#include <vx_base/assert.h>
#include <vx_base/limits.h>
#include <vx_base/rng.h>

static const char *const names[VX_FAULT_KIND_MAX] = {
    [VX_FAULT_SIGN_FLIP] = "sign_flip", [VX_FAULT_SCALE] = "scale",
    [VX_FAULT_GAUSSIAN] = "gaussian",   [VX_FAULT_CONSTANT] = "constant",
    [VX_FAULT_ZERO] = "zero",           [VX_FAULT_NAN] = "nan",
    [VX_FAULT_INFINITY] = "infinity",   [VX_FAULT_DELAY] = "delay",
    [VX_FAULT_CRASH] = "crash",
};

const char *vx_fault_kind_name(vx_fault_kind kind)
{
    VX_ASSERT(kind < VX_FAULT_KIND_MAX);
    return names[kind];
}

vx_status vx_fault_kind_parse(const char *name, vx_fault_kind *ret_kind)
{
    for (int kind = 0; kind < VX_FAULT_KIND_MAX; kind++) {
        if (strcmp(name, names[kind]) != 0)
            continue;
        *ret_kind = (vx_fault_kind)kind;
        return VX_OK;
    }
    return VX_ERR_NOT_FOUND;
}

static void multiply(vx_vecf gradient, double factor)
{
    for (size_t i = 0; i < gradient.n; i++)
        gradient.at[i] = (float)((double)gradient.at[i] * factor);
}

static void fill(vx_vecf gradient, float value)
{
    for (size_t i = 0; i < gradient.n; i++)
        gradient.at[i] = value;
}

static void noise(vx_vecf gradient, double deviation, uint64_t seed, uint32_t slot, uint64_t round)
{
    vx_rng rng = vx_rng_stream(seed, VX_RNG_FAULT, slot, round % VX_ROUNDS_MAX);

    for (size_t i = 0; i < gradient.n; i++)
        gradient.at[i] = (float)(deviation * vx_rng_normal(&rng));
}

static void apply_one(const vx_fault_plan *plan, uint64_t seed, uint32_t slot, uint64_t round,
                      vx_vecf gradient, vx_fault_effect *effect)
{
    effect->altered |= plan->kind != VX_FAULT_DELAY && plan->kind != VX_FAULT_CRASH;
    switch (plan->kind) {
    case VX_FAULT_SIGN_FLIP:
        multiply(gradient, -plan->scale);
        return;
    case VX_FAULT_SCALE:
        multiply(gradient, plan->scale);
        return;
    case VX_FAULT_GAUSSIAN:
        noise(gradient, plan->scale, seed, slot, round);
        return;
    case VX_FAULT_CONSTANT:
        fill(gradient, (float)plan->scale);
        return;
    case VX_FAULT_ZERO:
        fill(gradient, 0.0f);
        return;
    case VX_FAULT_NAN:
        fill(gradient, (float)nan(""));
        return;
    case VX_FAULT_INFINITY:
        fill(gradient, (float)HUGE_VAL);
        return;
    case VX_FAULT_DELAY:
        effect->delay_s += plan->scale;
        return;
    case VX_FAULT_CRASH:
        effect->crash = true;
        return;
    case VX_FAULT_KIND_MAX:
        break;
    }
    VX_ASSERT(false);
}

vx_fault_effect vx_fault_apply(const vx_fault_plan *plans, size_t plans_count, uint64_t seed,
                               uint32_t slot, uint64_t round, vx_vecf gradient)
{
    vx_fault_effect effect = { 0 };

    for (size_t i = 0; i < plans_count; i++) {
        if (round < plans[i].from_round || round > plans[i].to_round)
            continue;
        effect.any = true;
        apply_one(&plans[i], seed, slot, round, gradient, &effect);
    }
    return effect;
}
