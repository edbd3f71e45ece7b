#include <math.h>

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

static vx_real relu_slope(vx_real x)
{
    return x > 0 ? 1 : 0;
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

static vx_status forward(layer *own, const vx_pass *pass, vx_rcvec theta, vx_rcmat in, vx_rmat out)
{
    size_t n = out.rows * out.cols;

    (void)pass;
    (void)theta;
    switch (own->activation) {
    case VX_ACTIVATION_RELU:
        for (size_t i = 0; i < n; i++)
            out.at[i] = in.at[i] * relu_slope(in.at[i]);
        break;
    case VX_ACTIVATION_TANH:
        for (size_t i = 0; i < n; i++)
            out.at[i] = vx_r_tanh(in.at[i]);
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
    (void)gradient;
    if (ret_delta.at == NULL)
        return VX_OK;
    switch (own->activation) {
    case VX_ACTIVATION_RELU:
        for (size_t i = 0; i < n; i++)
            ret_delta.at[i] = delta.at[i] * relu_slope(in.at[i]);
        break;
    case VX_ACTIVATION_TANH:
        for (size_t i = 0; i < n; i++) {
            vx_real after = own->skip == 0 ? out.at[i] : vx_r_tanh(in.at[i]);

            ret_delta.at[i] = delta.at[i] * (1 - after * after);
        }
        break;
    case VX_ACTIVATION_GELU:
        for (size_t i = 0; i < n; i++)
            ret_delta.at[i] = delta.at[i] * gelu_slope(in.at[i]);
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
