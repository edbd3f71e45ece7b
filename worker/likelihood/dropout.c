#include <string.h>

#include <vx_base/assert.h>
#include <vx_base/rng.h>

#include "layer.h"

/*
 * Inverted dropout (Srivastava et al., JMLR 2014): in training each number becomes 0 with
 * probability rate, else number / (1 - rate), so that its expectation stays; otherwise nothing is
 * changed. What is dropped is a pure function of (seed, slot, round, layer, observation, place):
 * word i % 4 of block i / 4 of a counter that rng.h keeps apart for it. work holds the factors.
 */
typedef VX_R(vx_layer) layer;

#define WORDS 4

static vx_status plan(layer *own, vx_error *err)
{
    if (!(own->rate >= 0.0 && own->rate < 1.0))
        return vx_fail(err, VX_ERR_CONFIG,
                       "model.dropout: expected at least 0 and below 1, found %g", own->rate);
    if (vx_shape_size(own->in) > VX_RNG_DROPOUT_WORDS_MAX)
        return vx_fail(err, VX_ERR_LIMIT, "model.dropout: a layer of %zu numbers, at most %zu can",
                       vx_shape_size(own->in), (size_t)VX_RNG_DROPOUT_WORDS_MAX);
    own->out = own->in;
    return VX_OK;
}

static bool overwrites(const layer *own)
{
    return own->skip == 0;
}

static size_t work_bytes(const layer *own, size_t batch_max)
{
    return batch_max * vx_shape_size(own->in) * sizeof(vx_real);
}

/* The factors of one observation. */
static void draw(const layer *own, const vx_pass *pass, uint32_t observation, size_t n,
                 vx_real *ret_factors)
{
    uint32_t least = (uint32_t)(own->rate * 0x1p32); /* words below it drop */
    vx_real kept = (vx_real)(1.0 / (1.0 - own->rate));
    uint32_t words[WORDS];

    for (size_t i = 0; i < n; i += WORDS) {
        vx_rng_dropout(pass->seed, pass->slot, pass->round, own->index, observation, i / WORDS,
                       words);
        for (size_t k = 0; k < WORDS && i + k < n; k++)
            ret_factors[i + k] = words[k] >= least ? kept : 0;
    }
}

static vx_status forward(layer *own, const vx_pass *pass, vx_rcvec theta, vx_rcmat in, vx_rmat out)
{
    (void)theta;
    for (size_t b = 0; b < out.rows; b++) {
        uint32_t observation = pass->observations != NULL ? pass->observations[b] : (uint32_t)b;
        const vx_real *from = in.at + b * in.ld;
        vx_real *factors = (vx_real *)own->work + b * out.cols;
        vx_real *to = out.at + b * out.ld;

        if (!pass->training) {
            memmove(to, from, out.cols * sizeof(vx_real));
            continue;
        }
        draw(own, pass, observation, out.cols, factors);
        for (size_t k = 0; k < out.cols; k++)
            to[k] = from[k] * factors[k];
    }
    return VX_OK;
}

static vx_status backward(layer *own, const vx_pass *pass, vx_rcvec theta, vx_rcmat in,
                          vx_rcmat out, vx_rmat delta, vx_rmat ret_delta, vx_rvec gradient)
{
    const vx_real *factors = own->work;

    (void)theta;
    (void)in;
    (void)out;
    (void)ret_delta; /* is delta, or nobody asks */
    (void)gradient;
    for (size_t i = 0; pass->training && i < delta.rows * delta.cols; i++)
        delta.at[i] *= factors[i];
    return VX_OK;
}

const VX_R(vx_layer_kind) VX_R(vx_layer_dropout) = {
    .name = "dropout",
    .delta_in_place = true,
    .plan = plan,
    .work_bytes = work_bytes,
    .overwrites = overwrites,
    .forward = forward,
    .backward = backward,
};
