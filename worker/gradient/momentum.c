#include <vx_gradient/gradient.h>

#include <math.h>
#include <string.h>

#include <vx_base/alloc.h>
#include <vx_base/assert.h>

typedef struct held_state {
    uint64_t label; /* 0 = none */
    float *at;      /* (d), owned */
} held_state;

struct vx_momentum {
    double beta;
    size_t dimension;
    held_state base, other;
};

vx_status vx_momentum_create(double beta, size_t dimension, vx_momentum **ret_momentum,
                             vx_error *err)
{
    vx_momentum *momentum = NULL;

    if (!(beta >= 0.0 && beta < 1.0))
        return vx_fail(err, VX_ERR_DOMAIN, "worker momentum %g: expected 0 <= momentum < 1", beta);
    momentum = vx_calloc(1, sizeof(*momentum));
    if (momentum == NULL)
        return vx_fail(err, VX_ERR_NOMEM, "out of memory");
    momentum->beta = beta;
    momentum->dimension = dimension;
    momentum->base.at = vx_aligned_calloc(dimension, sizeof(float));
    momentum->other.at = vx_aligned_calloc(dimension, sizeof(float));
    if (momentum->base.at == NULL || momentum->other.at == NULL) {
        vx_momentum_destroy(momentum);
        return vx_fail(err, VX_ERR_NOMEM, "no memory for the momentum of %zu parameters",
                       dimension);
    }
    *ret_momentum = momentum;
    return VX_OK;
}

vx_momentum *vx_momentum_destroy(vx_momentum *momentum)
{
    if (momentum == NULL)
        return NULL;
    vx_free(momentum->base.at);
    vx_free(momentum->other.at);
    vx_free(momentum);
    return NULL;
}

void vx_momentum_apply(vx_momentum *momentum, uint64_t round, vx_vecf gradient)
{
    double beta = momentum->beta;
    const float *base = momentum->base.label != 0 ? momentum->base.at : gradient.at;
    held_state *next = &momentum->other;

    VX_ASSERT(gradient.n == momentum->dimension);
    VX_ASSERT(round + 1 != 0);
    if (beta == 0.0)
        return;
    for (size_t i = 0; i < gradient.n; i++)
        if (!isfinite(gradient.at[i]))
            return;
    for (size_t i = 0; i < gradient.n; i++) {
        next->at[i] = (float)(beta * (double)base[i] + (1.0 - beta) * (double)gradient.at[i]);
        gradient.at[i] = next->at[i];
    }
    next->label = round + 1;
}

static void swap_states(vx_momentum *momentum)
{
    held_state base = momentum->base;

    momentum->base = momentum->other;
    momentum->other = base;
}

void vx_momentum_accept(vx_momentum *momentum, uint64_t round)
{
    if (momentum->other.label == round + 1)
        swap_states(momentum);
}

bool vx_momentum_rebase(vx_momentum *momentum, uint64_t label)
{
    if (momentum->beta == 0.0 || momentum->base.label == label)
        return true;
    if (label == 0) {
        momentum->base.label = momentum->other.label = 0;
        return true;
    }
    if (momentum->other.label != label)
        return false;
    swap_states(momentum);
    return true;
}

void vx_momentum_restore(vx_momentum *momentum, uint64_t label, vx_cvecf state)
{
    VX_ASSERT(label > 0);
    VX_ASSERT(state.n == momentum->dimension);
    memcpy(momentum->base.at, state.at, state.n * sizeof(float));
    momentum->base.label = label;
    momentum->other.label = 0;
}

uint64_t vx_momentum_base(const vx_momentum *momentum)
{
    return momentum->base.label;
}

uint64_t vx_momentum_other(const vx_momentum *momentum)
{
    return momentum->other.label;
}
