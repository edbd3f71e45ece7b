#include "family.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include <vx_base/alloc.h>
#include <vx_base/assert.h>
#include <vx_base/rng.h>
#include <vx_linalg/gemm.h>

/*
 * Layers 1..L: Z_l = A_(l-1) W_l^T + 1 b_l^T, A_l = activation(Z_l), A_0 the features, Z_L the
 * logits. W_l (out, in), b_l (out); theta holds W_1, b_1, W_2, b_2, ... The linear family is L = 1.
 */
typedef struct layer {
    size_t in, out;
    size_t weight, bias; /* offsets in theta */
    float *before;       /* (batch, out) Z_l */
    float *after;        /* (batch, out) A_l; NULL for the last layer */
} layer;

typedef struct mlp {
    vx_activation activation;
    size_t layers_count, batch_max, dimension;
    size_t batch; /* of the last forward */
    layer *layers;
} mlp;

static void mlp_destroy(void *self)
{
    mlp *net = self;

    if (net == NULL)
        return;
    for (size_t l = 0; net->layers != NULL && l < net->layers_count; l++) {
        vx_free(net->layers[l].before);
        vx_free(net->layers[l].after);
    }
    vx_free(net->layers);
    vx_free(net);
}

static vx_status take_layer(mlp *net, size_t l, size_t in, size_t out)
{
    layer *own = &net->layers[l];

    own->in = in;
    own->out = out;
    own->weight = net->dimension;
    own->bias = net->dimension + in * out;
    net->dimension = own->bias + out;
    own->before = vx_aligned_calloc(net->batch_max * out, sizeof(float));
    if (l + 1 < net->layers_count)
        own->after = vx_aligned_calloc(net->batch_max * out, sizeof(float));
    return own->before == NULL || (l + 1 < net->layers_count && own->after == NULL) ? VX_ERR_NOMEM
                                                                                    : VX_OK;
}

static vx_status check_size(const vx_model_spec *spec, vx_error *err)
{
    uint64_t total = 0;
    uint64_t in = spec->features;

    for (size_t l = 0; l <= spec->widths_count; l++) {
        uint64_t out = l < spec->widths_count ? spec->widths[l] : spec->classes;

        if (out == 0 || in == 0)
            return vx_fail(err, VX_ERR_CONFIG, "model.widths: layer %zu has width 0", l + 1);
        if (out > VX_DIMENSION_MAX || in > VX_DIMENSION_MAX / out ||
            total + (in + 1) * out > VX_DIMENSION_MAX)
            return vx_fail(err, VX_ERR_LIMIT, "the model has more than %llu parameters",
                           VX_DIMENSION_MAX);
        total += (in + 1) * out;
        in = out;
    }
    return VX_OK;
}

static vx_status mlp_create(const vx_model_spec *spec, void **ret_self, vx_error *err)
{
    vx_status status = check_size(spec, err);
    mlp *net = NULL;
    size_t in = spec->features;

    if (status != VX_OK)
        return status;
    net = vx_calloc(1, sizeof(*net));
    if (net == NULL)
        return vx_fail(err, VX_ERR_NOMEM, "out of memory");
    net->activation = spec->activation;
    net->batch_max = spec->batch_max;
    net->layers_count = spec->widths_count + 1;
    net->layers = vx_calloc(net->layers_count, sizeof(*net->layers));
    status = net->layers != NULL ? VX_OK : VX_ERR_NOMEM;
    for (size_t l = 0; status == VX_OK && l < net->layers_count; l++) {
        size_t out = l < spec->widths_count ? spec->widths[l] : spec->classes;

        status = take_layer(net, l, in, out);
        in = out;
    }
    if (status != VX_OK) {
        mlp_destroy(net);
        return vx_fail(err, status, "no memory for the model and a batch of %zu", spec->batch_max);
    }
    *ret_self = net;
    return VX_OK;
}

static vx_status linear_create(const vx_model_spec *spec, void **ret_self, vx_error *err)
{
    vx_model_spec plain = *spec;

    plain.widths_count = 0;
    return mlp_create(&plain, ret_self, err);
}

static size_t mlp_tensor_count(const void *self)
{
    return 2 * ((const mlp *)self)->layers_count;
}

static vx_model_tensor mlp_tensor_at(const void *self, size_t index)
{
    const mlp *net = self;
    const layer *own = &net->layers[index / 2];
    vx_model_tensor tensor = { .rank = 1, .shape = { own->out }, .offset = own->bias };

    VX_ASSERT(index < 2 * net->layers_count);
    if (index % 2 == 0)
        tensor =
            (vx_model_tensor){ .rank = 2, .shape = { own->out, own->in }, .offset = own->weight };
    snprintf(tensor.name, sizeof(tensor.name), "layer%zu.%s", index / 2 + 1,
             index % 2 == 0 ? "weight" : "bias");
    return tensor;
}

static void mlp_initialise(const void *self, uint64_t seed, vx_vecf theta)
{
    const mlp *net = self;

    memset(theta.at, 0, theta.n * sizeof(float));
    for (size_t l = 0; l < net->layers_count; l++) {
        const layer *own = &net->layers[l];
        bool he = l + 1 < net->layers_count && net->activation != VX_ACTIVATION_TANH;
        double fans = (double)own->in + (he ? 0.0 : (double)own->out);
        double bound = sqrt(6.0 / fans);
        vx_rng rng = vx_rng_stream(seed, VX_RNG_INITIALISE, (uint32_t)l, 0);

        for (size_t i = 0; i < own->in * own->out; i++)
            theta.at[own->weight + i] = (float)(bound * (2.0 * vx_rng_uniform(&rng) - 1.0));
    }
}

static void linear_initialise(const void *self, uint64_t seed, vx_vecf theta)
{
    (void)self;
    (void)seed;
    memset(theta.at, 0, theta.n * sizeof(float));
}

static vx_cmatf weight_of(const layer *own, vx_cvecf theta)
{
    return (vx_cmatf){ theta.at + own->weight, own->out, own->in, own->in };
}

/* A_(l-1): the features before the first layer. */
static vx_cmatf input_of(const mlp *net, size_t l, vx_cmatf features)
{
    const layer *previous = l > 0 ? &net->layers[l - 1] : NULL;

    if (previous == NULL)
        return features;
    return (vx_cmatf){ previous->after, net->batch, previous->out, previous->out };
}

static vx_status mlp_forward(void *self, vx_cvecf theta, vx_cmatf features, vx_matf *ret_logits)
{
    mlp *net = self;

    net->batch = features.rows;
    for (size_t l = 0; l < net->layers_count; l++) {
        layer *own = &net->layers[l];
        vx_matf before = { own->before, net->batch, own->out, own->out };
        vx_status status = VX_OK;

        for (size_t b = 0; b < net->batch; b++)
            memcpy(own->before + b * own->out, theta.at + own->bias, own->out * sizeof(float));
        status = vx_gemm_f32(false, true, 1.0f, input_of(net, l, features), weight_of(own, theta),
                             1.0f, before);
        if (status != VX_OK)
            return status;
        if (own->after != NULL)
            vx_activation_forward(net->activation, own->before, own->after, net->batch * own->out);
        *ret_logits = before;
    }
    return VX_OK;
}

/* Sums of the columns in double. */
static void bias_gradient(vx_cmatf delta, float *ret_bias)
{
    for (size_t k = 0; k < delta.cols; k++) {
        double sum = 0.0;

        for (size_t b = 0; b < delta.rows; b++)
            sum += (double)delta.at[b * delta.ld + k];
        ret_bias[k] = (float)sum;
    }
}

/*
 * delta_(l-1) = (delta_l W_l) * activation'(Z_(l-1)). The slope goes into the place of Z_(l-1),
 * delta_(l-1) into that of A_(l-1): both were used for the last time.
 */
static vx_status pass_below(mlp *net, const layer *own, layer *below, vx_cvecf theta,
                            vx_cmatf *delta)
{
    size_t n = net->batch * below->out;
    vx_matf back = { below->after, net->batch, below->out, below->out };
    vx_status status = VX_OK;

    vx_activation_slope(net->activation, below->before, below->after, n);
    status = vx_gemm_f32(false, false, 1.0f, *delta, weight_of(own, theta), 0.0f, back);
    for (size_t i = 0; i < n; i++)
        below->after[i] *= below->before[i];
    *delta = vx_matf_const(back);
    return status;
}

/* dW_l = delta_l^T A_(l-1), db_l = column sums of delta_l, from the last layer to the first. */
static vx_status mlp_backward(void *self, vx_cvecf theta, vx_cmatf features, vx_vecf gradient)
{
    mlp *net = self;
    layer *last = &net->layers[net->layers_count - 1];
    vx_cmatf delta = { last->before, net->batch, last->out, last->out };

    for (size_t l = net->layers_count; l-- > 0;) {
        layer *own = &net->layers[l];
        layer *below = l > 0 ? &net->layers[l - 1] : NULL;
        vx_matf weight = { gradient.at + own->weight, own->out, own->in, own->in };
        vx_status status =
            vx_gemm_f32(true, false, 1.0f, delta, input_of(net, l, features), 0.0f, weight);

        bias_gradient(delta, gradient.at + own->bias);
        if (status == VX_OK && below != NULL)
            status = pass_below(net, own, below, theta, &delta);
        if (status != VX_OK)
            return status;
    }
    return VX_OK;
}

const vx_family vx_family_mlp = { "mlp",         mlp_create,     mlp_destroy, mlp_tensor_count,
                                  mlp_tensor_at, mlp_initialise, mlp_forward, mlp_backward };

const vx_family vx_family_linear = { "linear",         linear_create, mlp_destroy,
                                     mlp_tensor_count, mlp_tensor_at, linear_initialise,
                                     mlp_forward,      mlp_backward };
