#include <string.h>

#include "layer.h"

/*
 * out = in W^T + 1 b^T; W (units, in), b (units); theta holds W, b.
 * d in = delta W, dW = delta^T in, db = column sums of delta.
 */
typedef VX_R(vx_layer) layer;

static size_t in_of(const layer *own)
{
    return vx_shape_size(own->in);
}

static vx_status plan(layer *own, vx_error *err)
{
    size_t in = in_of(own);
    size_t out = own->units;

    if (out == 0 || in == 0)
        return vx_fail(err, VX_ERR_CONFIG, "model.widths: layer %u has width 0", own->stream + 1);
    if (out > VX_DIMENSION_MAX || in > VX_DIMENSION_MAX / out || (in + 1) * out > VX_DIMENSION_MAX)
        return vx_fail(err, VX_ERR_LIMIT, "the model has more than %llu parameters",
                       VX_DIMENSION_MAX);
    own->out = (vx_shape){ out, 1, 1 };
    own->parameters = (in + 1) * out;
    own->tensors = 2;
    return VX_OK;
}

static vx_model_tensor tensor_at(const layer *own, size_t index)
{
    if (index == 0)
        return (vx_model_tensor){ "weight", 2, { own->units, in_of(own) }, 0, true };
    return (vx_model_tensor){ "bias", 1, { own->units }, own->units * in_of(own), false };
}

static void initialise(const layer *own, uint64_t seed, vx_rvec theta)
{
    VX_R(vx_start)(own, seed, in_of(own), own->units, own->units, theta);
}

static vx_rcmat weight_of(const layer *own, vx_rcvec theta)
{
    return (vx_rcmat){ theta.at, own->units, in_of(own), in_of(own) };
}

#define SUMS                                                                                       \
    8 /* of a sparse row with so many outputs at a time: additions need not wait for each other */

/* ret_sums = those of a sparse row (count numbers in places) with SUMS rows of weights. */
static void sparse_sums(const float *values, const uint32_t *places, size_t count,
                        const vx_real *weight, size_t in, vx_real *ret_sums)
{
    vx_real sums[SUMS] = { 0 };

    for (size_t k = 0; k < count; k++)
        for (size_t s = 0; s < SUMS; s++)
            sums[s] += (vx_real)values[k] * weight[s * in + places[k]];
    memcpy(ret_sums, sums, sizeof(sums));
}

/* out += x W^T, a row of x at a time: 2 nnz units flops. */
static void sparse_forward(const layer *own, const vx_csr *x, vx_rcvec theta, vx_rmat out)
{
    size_t in = in_of(own);

    for (size_t b = 0; b < x->rows; b++) {
        const float *values = x->values + x->begin[b];
        const uint32_t *places = x->columns + x->begin[b];
        size_t count = x->begin[b + 1] - x->begin[b];
        vx_real *row = out.at + b * out.ld;
        size_t o = 0;

        for (; o + SUMS <= own->units; o += SUMS) {
            vx_real sums[SUMS];

            sparse_sums(values, places, count, theta.at + o * in, in, sums);
            for (size_t s = 0; s < SUMS; s++)
                row[o + s] += sums[s];
        }
        for (; o < own->units; o++) {
            vx_real sum = 0;

            for (size_t k = 0; k < count; k++)
                sum += (vx_real)values[k] * theta.at[o * in + places[k]];
            row[o] += sum;
        }
    }
}

/* weight = delta^T x. */
static void sparse_gradient(const layer *own, const vx_csr *x, vx_rcmat delta, vx_rmat weight)
{
    memset(weight.at, 0, weight.rows * weight.cols * sizeof(*weight.at));
    for (size_t b = 0; b < x->rows; b++) {
        for (size_t o = 0; o < own->units; o++) {
            vx_real *row = weight.at + o * weight.ld;
            vx_real slope = delta.at[b * delta.ld + o];

            for (size_t k = x->begin[b]; k < x->begin[b + 1]; k++)
                row[x->columns[k]] += slope * (vx_real)x->values[k];
        }
    }
}

static vx_status forward(layer *own, const vx_pass *pass, vx_rcvec theta, vx_rcmat in, vx_rmat out)
{
    const vx_real *bias = theta.at + own->units * in_of(own);

    for (size_t b = 0; b < out.rows; b++)
        memcpy(out.at + b * out.ld, bias, own->units * sizeof(*bias));
    if (in.at == NULL) {
        sparse_forward(own, pass->sparse, theta, out);
        return VX_OK;
    }
    return vx_gemm_r(false, true, 1, in, weight_of(own, theta), 1, out);
}

static vx_status backward(layer *own, const vx_pass *pass, vx_rcvec theta, vx_rcmat in,
                          vx_rcmat out, vx_rmat delta, vx_rmat ret_delta, vx_rvec gradient)
{
    vx_rmat weight = { gradient.at, own->units, in_of(own), in_of(own) };
    vx_status status = VX_OK;

    (void)out;
    if (in.at == NULL)
        sparse_gradient(own, pass->sparse, vx_rmat_const(delta), weight);
    else
        status = vx_gemm_r(true, false, 1, vx_rmat_const(delta), in, 0, weight);
    VX_R(vx_column_sums)(vx_rmat_const(delta), gradient.at + own->units * in_of(own));
    if (status == VX_OK && ret_delta.at != NULL)
        status =
            vx_gemm_r(false, false, 1, vx_rmat_const(delta), weight_of(own, theta), 0, ret_delta);
    return status;
}

const VX_R(vx_layer_kind) VX_R(vx_layer_dense) = {
    .name = "dense",
    .sparse = true,
    .plan = plan,
    .tensor_at = tensor_at,
    .initialise = initialise,
    .forward = forward,
    .backward = backward,
};
