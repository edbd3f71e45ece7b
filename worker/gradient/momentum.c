#include <vx_gradient/gradient.h>

#include <math.h>
#include <string.h>

#include <vx_base/alloc.h>
#include <vx_base/assert.h>

struct vx_momentum {
    double beta;
    bool begun;
    size_t dimension;
    float *state; /* (d) m_(t-1) */
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
    momentum->state = vx_aligned_calloc(dimension, sizeof(float));
    if (momentum->state == NULL) {
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
    vx_free(momentum->state);
    vx_free(momentum);
    return NULL;
}

void vx_momentum_apply(vx_momentum *momentum, vx_vecf gradient)
{
    double beta = momentum->beta;

    VX_ASSERT(gradient.n == momentum->dimension);
    if (beta == 0.0)
        return;
    for (size_t i = 0; i < gradient.n; i++)
        if (!isfinite(gradient.at[i]))
            return;
    if (!momentum->begun)
        memcpy(momentum->state, gradient.at, gradient.n * sizeof(float));
    momentum->begun = true;
    for (size_t i = 0; i < gradient.n; i++) {
        float next =
            (float)(beta * (double)momentum->state[i] + (1.0 - beta) * (double)gradient.at[i]);

        momentum->state[i] = next;
        gradient.at[i] = next;
    }
}
