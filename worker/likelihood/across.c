#include "layer.h"

/*
 * A linear map of the pixels (patches), the same for each channel: out = W in + b 1^T for each
 * observation, in (pixels, channels) interleaved; W (pixels, pixels), b (pixels). theta holds W, b.
 * d in = W^T delta, dW = sum delta in^T, db = sums of the rows of delta.
 */
typedef VX_R(vx_layer) layer;

static size_t pixels_of(const layer *own)
{
    return own->in.height * own->in.width;
}

static vx_status plan(layer *own, vx_error *err)
{
    size_t pixels = pixels_of(own);

    if (pixels + 1 > VX_DIMENSION_MAX / pixels)
        return vx_fail(err, VX_ERR_LIMIT,
                       "model.patch: %zu patches: more than %llu parameters in a layer", pixels,
                       VX_DIMENSION_MAX);
    own->out = own->in;
    own->parameters = (pixels + 1) * pixels;
    own->tensors = 2;
    return VX_OK;
}

static vx_model_tensor tensor_at(const layer *own, size_t index)
{
    size_t pixels = pixels_of(own);

    if (index == 0)
        return (vx_model_tensor){ "weight", 2, { pixels, pixels }, 0, true };
    return (vx_model_tensor){ "bias", 1, { pixels }, pixels * pixels, false };
}

static void initialise(const layer *own, uint64_t seed, vx_rvec theta)
{
    size_t pixels = pixels_of(own);

    VX_R(vx_start)(own, seed, pixels, pixels, pixels, theta);
}

/* (pixels, channels) of an observation. */
static vx_rmat image(const layer *own, vx_rmat rows, size_t b)
{
    return (vx_rmat){ rows.at + b * rows.ld, pixels_of(own), own->in.channels, own->in.channels };
}

static vx_rcmat image_const(const layer *own, vx_rcmat rows, size_t b)
{
    return (vx_rcmat){ rows.at + b * rows.ld, pixels_of(own), own->in.channels, own->in.channels };
}

static vx_status forward(layer *own, const vx_pass *pass, vx_rcvec theta, vx_rcmat in, vx_rmat out)
{
    size_t pixels = pixels_of(own);
    vx_rcmat weight = { theta.at, pixels, pixels, pixels };
    const vx_real *bias = theta.at + pixels * pixels;
    vx_status status = VX_OK;

    for (size_t b = 0; status == VX_OK && b < pass->rows; b++) {
        vx_rmat to = image(own, out, b);

        for (size_t p = 0; p < pixels; p++)
            for (size_t c = 0; c < to.cols; c++)
                to.at[p * to.cols + c] = bias[p];
        status = vx_gemm_r(false, false, 1, weight, image_const(own, in, b), 1, to);
    }
    return status;
}

/* Sums in double of each pixel over channels and observations. */
static void bias_gradient(const layer *own, vx_rmat delta, vx_real *ret_bias)
{
    size_t channels = own->in.channels;

    for (size_t p = 0; p < pixels_of(own); p++) {
        double sum = 0.0;

        for (size_t b = 0; b < delta.rows; b++)
            for (size_t c = 0; c < channels; c++)
                sum += (double)delta.at[b * delta.ld + p * channels + c];
        ret_bias[p] = (vx_real)sum;
    }
}

static vx_status backward(layer *own, const vx_pass *pass, vx_rcvec theta, vx_rcmat in,
                          vx_rcmat out, vx_rmat delta, vx_rmat ret_delta, vx_rvec gradient)
{
    size_t pixels = pixels_of(own);
    vx_rcmat weight = { theta.at, pixels, pixels, pixels };
    vx_rmat sum = { gradient.at, pixels, pixels, pixels };
    vx_status status = VX_OK;

    (void)out;
    for (size_t b = 0; status == VX_OK && b < pass->rows; b++) {
        vx_rcmat own_delta = image_const(own, vx_rmat_const(delta), b);

        status = vx_gemm_r(false, true, 1, own_delta, image_const(own, in, b), b == 0 ? 0 : 1, sum);
        if (status == VX_OK && ret_delta.at != NULL)
            status = vx_gemm_r(true, false, 1, weight, own_delta, 0, image(own, ret_delta, b));
    }
    bias_gradient(own, delta, gradient.at + pixels * pixels);
    return status;
}

const VX_R(vx_layer_kind) VX_R(vx_layer_across) = {
    .name = "across",
    .plan = plan,
    .tensor_at = tensor_at,
    .initialise = initialise,
    .forward = forward,
    .backward = backward,
};
