#ifndef VX_FAULT_INJECTOR_H
#define VX_FAULT_INJECTOR_H
#include <stdbool.h>
#include <stdint.h>

#include <vx_base/span.h>
#include <vx_base/status.h>

/*
 * Faults that a job asks for: they change what one worker sends or does, so that people can see
 * what their model and rule make of it. Only jobs with allow_fault_injection: true may have them.
 *
 *   sign_flip  -scale x gradient
 *   scale      scale x gradient
 *   gaussian   replaced by N(0, scale^2) noise keyed by (seed, slot, round)
 *   constant   every entry = scale
 *   zero, nan, infinity   every entry (one entry of nan or infinity poisons a mean already)
 *   delay      sends its gradient scale seconds late
 *   crash      the worker process ends itself (SIGKILL) before it sends
 */
typedef enum vx_fault_kind {
    VX_FAULT_SIGN_FLIP,
    VX_FAULT_SCALE,
    VX_FAULT_GAUSSIAN,
    VX_FAULT_CONSTANT,
    VX_FAULT_ZERO,
    VX_FAULT_NAN,
    VX_FAULT_INFINITY,
    VX_FAULT_DELAY,
    VX_FAULT_CRASH,
    VX_FAULT_KIND_MAX
} vx_fault_kind;

const char *vx_fault_kind_name(vx_fault_kind kind); /* "sign_flip" */
vx_status vx_fault_kind_parse(const char *name, vx_fault_kind *ret_kind) VX_MUST_CHECK;

typedef struct vx_fault_plan {
    vx_fault_kind kind;
    double scale;
    uint64_t from_round, to_round; /* both included */
} vx_fault_plan;

/* What the caller must do besides sending the changed gradient. */
typedef struct vx_fault_effect {
    double delay_s;
    bool crash;
    bool any;     /* a plan was in force */
    bool altered; /* and it changed the gradient */
} vx_fault_effect;

/* Applies the plans in order to gradient (d). Pure but for gradient. */
vx_fault_effect vx_fault_apply(const vx_fault_plan *plans, size_t plans_count, uint64_t seed,
                               uint32_t slot, uint64_t round, vx_vecf gradient);
#endif
