#ifndef VX_OPTIMISE_STEPS_H
#define VX_OPTIMISE_STEPS_H
#include <vx_optimise/optimise.h>

enum { VX_STEP_BLOCK = 512, VX_STATES_MAX = 2 };

/* A few coordinates after the step, before it is known whether the step is taken. */
typedef struct vx_step_block {
    float theta[VX_STEP_BLOCK], state[VX_STATES_MAX][VX_STEP_BLOCK];
} vx_step_block;

/* The numbers of one round. */
typedef struct vx_rates {
    double eta, decay, momentum, l1;
    double beta1, beta2, epsilon, correction1, correction2; /* adamw */
} vx_rates;

/* A few coordinates of a step. */
typedef struct vx_step {
    vx_optimiser_kind kind;
    bool shrinks;                                       /* l1 holds for them */
    size_t width;                                       /* <= VX_STEP_BLOCK */
    const float *update, *theta, *state[VX_STATES_MAX]; /* (width) each that the kind has */
} vx_step;

/* The formulas of vx_optimiser_kind and vx_optimiser_step; nothing is looked at for NaN. */
void vx_step_try(const vx_step *step, const vx_rates *r, vx_step_block *ret);
#endif
