#include <math.h>
#include <tgmath.h>

#include "layer.h"

/*
 * Ba, Kiros, Hinton, "Layer normalization", 2016: each observation by itself,
 *     out_k = scale_k n_k + shift_k,   n = (in - mean) / sqrt(variance + 1e-5),
 * mean and variance over its n numbers (variance with 1 / n). theta holds scale (n), shift (n).
 * With e = scale * delta: d in = (e - mean(e) - n mean(e n)) / sqrt(variance + 1e-5).
 * work holds mean and 1 / sqrt(variance + 1e-5) of each observation.
 */
typedef VX_R(vx_layer) layer;

#define SMALL 1e-5

static vx_status plan(layer *own, vx_error *err)
{
    (void)err;
    own->out = own->in;
    own->parameters = 2 * vx_shape_size(own->in);
    own->tensors = 2;
    return VX_OK;
}

static size_t work_bytes(const layer *own, size_t batch_max)
{
    (void)own;
    return batch_max * 2 * sizeof(vx_real);
}

static vx_model_tensor tensor_at(const layer *own, size_t index)
{
    size_t n = vx_shape_size(own->in);

    return index == 0 ? (vx_model_tensor){ "scale", 1, { n }, 0, false }
                      : (vx_model_tensor){ "shift", 1, { n }, n, false };
}

static void initialise(const layer *own, uint64_t seed, vx_rvec theta)
{
    (void)seed;
    for (size_t k = 0; k < vx_shape_size(own->in); k++)
        theta.at[k] = 1;
}

static void statistics(const vx_real *in, size_t n, vx_real *ret_pair)
{
    double sum = 0.0;
    double squares = 0.0;
    double mean = 0.0;

    for (size_t k = 0; k < n; k++)
        sum += (double)in[k];
    mean = sum / (double)n;
    for (size_t k = 0; k < n; k++)
        squares += ((double)in[k] - mean) * ((double)in[k] - mean);
    ret_pair[0] = (vx_real)mean;
    ret_pair[1] = (vx_real)(1.0 / sqrt(squares / (double)n + SMALL));
}

static vx_status forward(layer *own, const vx_pass *pass, vx_rcvec theta, vx_rcmat in, vx_rmat out)
{
    const vx_real *scale = theta.at;
    const vx_real *shift = theta.at + out.cols;

    (void)pass;
    for (size_t b = 0; b < out.rows; b++) {
        const vx_real *from = in.at + b * in.ld;
        vx_real *to = out.at + b * out.ld;
        vx_real *pair = (vx_real *)own->work + 2 * b;
        vx_real mean = 0;
        vx_real inverse = 0;

        statistics(from, out.cols, pair);
        mean = pair[0];
        inverse = pair[1];
        for (size_t k = 0; k < out.cols; k++)
            to[k] = scale[k] * ((from[k] - mean) * inverse) + shift[k];
    }
    return VX_OK;
}

/* One observation; ret_scale and ret_shift are added to. */
static void back(size_t n, const vx_real *pair, const vx_real *scale, const vx_real *in,
                 vx_real *delta, vx_real *ret_scale, vx_real *ret_shift)
{
    vx_real mean = pair[0];
    vx_real inverse = pair[1];
    double sum = 0.0;
    double product = 0.0;
    vx_real centre = 0;
    vx_real slope = 0;

    for (size_t k = 0; k < n; k++) {
        vx_real normal = (in[k] - mean) * inverse;

        ret_scale[k] += delta[k] * normal;
        ret_shift[k] += delta[k];
        delta[k] *= scale[k];
        sum += (double)delta[k];
        product += (double)delta[k] * (double)normal;
    }
    centre = (vx_real)(sum / (double)n);
    slope = (vx_real)(product / (double)n);
    for (size_t k = 0; k < n; k++)
        delta[k] = (delta[k] - centre - (in[k] - mean) * inverse * slope) * inverse;
}

static vx_status backward(layer *own, const vx_pass *pass, vx_rcvec theta, vx_rcmat in,
                          vx_rcmat out, vx_rmat delta, vx_rmat ret_delta, vx_rvec gradient)
{
    size_t n = delta.cols;

    (void)pass;
    (void)out;
    (void)ret_delta; /* is delta, or nobody asks */
    for (size_t k = 0; k < 2 * n; k++)
        gradient.at[k] = 0;
    for (size_t b = 0; b < delta.rows; b++)
        back(n, (const vx_real *)own->work + 2 * b, theta.at, in.at + b * in.ld,
             delta.at + b * delta.ld, gradient.at, gradient.at + n);
    return VX_OK;
}

const VX_R(vx_layer_kind) VX_R(vx_layer_layer_norm) = {
    .name = "layer_norm",
    .delta_in_place = true,
    .plan = plan,
    .work_bytes = work_bytes,
    .tensor_at = tensor_at,
    .initialise = initialise,
    .forward = forward,
    .backward = backward,
};
