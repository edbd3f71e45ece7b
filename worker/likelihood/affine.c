#include "layer.h"

/*
 * out = scale_c in + shift_c for each channel c of each pixel (Touvron et al., "ResMLP", 2021);
 * images interleaved. theta holds scale (channels), which starts at the layer's rate, and shift
 * (channels), which starts at 0.
 */
typedef VX_R(vx_layer) layer;

static vx_status plan(layer *own, vx_error *err)
{
    (void)err;
    own->out = own->in;
    own->parameters = 2 * own->in.channels;
    own->tensors = 2;
    return VX_OK;
}

static vx_model_tensor tensor_at(const layer *own, size_t index)
{
    size_t n = own->in.channels;

    return index == 0 ? (vx_model_tensor){ "scale", 1, { n }, 0, false }
                      : (vx_model_tensor){ "shift", 1, { n }, n, false };
}

static void initialise(const layer *own, uint64_t seed, vx_rvec theta)
{
    (void)seed;
    for (size_t c = 0; c < own->in.channels; c++)
        theta.at[c] = (vx_real)own->rate;
}

static vx_status forward(layer *own, const vx_pass *pass, vx_rcvec theta, vx_rcmat in, vx_rmat out)
{
    size_t channels = own->in.channels;
    const vx_real *scale = theta.at;
    const vx_real *shift = theta.at + channels;

    (void)pass;
    for (size_t b = 0; b < out.rows; b++)
        for (size_t from = 0; from < out.cols; from += channels) {
            const vx_real *pixel = in.at + b * in.ld + from;
            vx_real *to = out.at + b * out.ld + from;

            for (size_t c = 0; c < channels; c++)
                to[c] = scale[c] * pixel[c] + shift[c];
        }
    return VX_OK;
}

static vx_status backward(layer *own, const vx_pass *pass, vx_rcvec theta, vx_rcmat in,
                          vx_rcmat out, vx_rmat delta, vx_rmat ret_delta, vx_rvec gradient)
{
    size_t channels = own->in.channels;
    const vx_real *scale = theta.at;
    vx_rcmat pixels = { delta.at, delta.rows * delta.cols / channels, channels, channels };

    (void)pass;
    (void)out;
    (void)ret_delta; /* is delta, or nobody asks */
    VX_R(vx_column_sums)(pixels, gradient.at + channels);
    for (size_t c = 0; c < channels; c++)
        gradient.at[c] = 0;
    for (size_t b = 0; b < delta.rows; b++)
        for (size_t from = 0; from < delta.cols; from += channels) {
            const vx_real *pixel = in.at + b * in.ld + from;
            vx_real *at = delta.at + b * delta.ld + from;

            for (size_t c = 0; c < channels; c++) {
                gradient.at[c] += at[c] * pixel[c];
                at[c] *= scale[c];
            }
        }
    return VX_OK;
}

const VX_R(vx_layer_kind) VX_R(vx_layer_affine) = {
    .name = "affine",
    .delta_in_place = true,
    .plan = plan,
    .tensor_at = tensor_at,
    .initialise = initialise,
    .forward = forward,
    .backward = backward,
};
