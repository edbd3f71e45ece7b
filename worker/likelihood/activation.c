#include <math.h>
#include <string.h>

#include "elementary.h"
#include "layer.h"

/*
 * relu   max(0, x)
 * tanh   tanh(x)
 * gelu   x Phi(x), Phi the normal distribution function (Hendrycks, Gimpel 2016), exact by erf;
 *        derivative Phi(x) + x phi(x)
 * NaN stays NaN.
 */
typedef VX_R(vx_layer) layer;

static vx_status plan(layer *own, vx_error *err)
{
    (void)err;
    own->out = own->in;
    return VX_OK;
}

/* The slopes of relu and tanh can be had from what they gave. */
static bool overwrites(const layer *own)
{
    return own->activation != VX_ACTIVATION_GELU && own->skip == 0;
}

static vx_real normal_below(vx_real x)
{
    return (vx_real)0.5 * (1 + vx_r_erf(x * (vx_real)M_SQRT1_2));
}

static vx_real gelu_slope(vx_real x)
{
    vx_real density =
        vx_r_exp_minus((vx_real)0.5 * x * x) * (vx_real)(M_SQRT1_2 * M_2_SQRTPI / 2.0);

    return normal_below(x) + x * density;
}

/* Selections in one array, not products in two that may overlap: compilers make vectors of them. */
static void relu(size_t n, vx_real *x)
{
    for (size_t i = 0; i < n; i++)
        x[i] = x[i] <= 0 ? 0 : x[i];
}

static void relu_back(size_t n, const vx_real *restrict x, vx_real *restrict delta)
{
    for (size_t i = 0; i < n; i++)
        delta[i] = x[i] > 0 ? delta[i] : 0;
}

/* In place. */
static void tanh_all(size_t n, vx_real *x)
{
    for (size_t i = 0; i < n; i++)
        x[i] = vx_r_tanh(x[i]);
}

static void tanh_back(size_t n, const vx_real *restrict after, vx_real *restrict delta)
{
    for (size_t i = 0; i < n; i++)
        delta[i] *= 1 - after[i] * after[i];
}

/* out holds what a skip has added: the tanh is computed again. */
static void tanh_back_skipped(size_t n, const vx_real *restrict before, vx_real *restrict delta)
{
    for (size_t i = 0; i < n; i++) {
        vx_real after = vx_r_tanh(before[i]);

        delta[i] *= 1 - after * after;
    }
}

static vx_status forward(layer *own, const vx_pass *pass, vx_rcvec theta, vx_rcmat in, vx_rmat out)
{
    size_t n = out.rows * out.cols;

    (void)pass;
    (void)theta;
    if (own->activation != VX_ACTIVATION_GELU && out.at != in.at)
        memcpy(out.at, in.at, n * sizeof(vx_real));
    switch (own->activation) {
    case VX_ACTIVATION_RELU:
        relu(n, out.at);
        break;
    case VX_ACTIVATION_TANH:
        tanh_all(n, out.at);
        break;
    case VX_ACTIVATION_GELU:
        for (size_t i = 0; i < n; i++)
            out.at[i] = in.at[i] * normal_below(in.at[i]);
        break;
    }
    return VX_OK;
}

static vx_status backward(layer *own, const vx_pass *pass, vx_rcvec theta, vx_rcmat in,
                          vx_rcmat out, vx_rmat delta, vx_rmat ret_delta, vx_rvec gradient)
{
    size_t n = delta.rows * delta.cols;

    (void)pass;
    (void)theta;
    (void)ret_delta; /* is delta, or nobody asks */
    (void)gradient;
    switch (own->activation) {
    case VX_ACTIVATION_RELU:
        relu_back(n, in.at, delta.at);
        break;
    case VX_ACTIVATION_TANH:
        if (own->skip == 0)
            tanh_back(n, out.at, delta.at);
        else
            tanh_back_skipped(n, in.at, delta.at);
        break;
    case VX_ACTIVATION_GELU:
        for (size_t i = 0; i < n; i++)
            delta.at[i] *= gelu_slope(in.at[i]);
        break;
    }
    return VX_OK;
}

const VX_R(vx_layer_kind) VX_R(vx_layer_activation) = {
    .name = "activation",
    .reads_out = true,
    .delta_in_place = true,
    .plan = plan,
    .overwrites = overwrites,
    .forward = forward,
    .backward = backward,
};
