#include "network.h"

#include <stdio.h>
#include <string.h>

#include <vx_base/alloc.h>
#include <vx_base/assert.h>

#define LAYERS_MAX VX_TENSORS_MAX

typedef VX_R(vx_layer) layer;

struct VX_R(vx_network) {
    vx_shape in;
    size_t batch_max, dimension, tensors, count, streams;
    layer *layers;     /* (LAYERS_MAX) */
    vx_real *delta[2]; /* (batch_max, largest size of an output): delta and ret_delta in turn */
};

vx_status VX_R(vx_network_create)(vx_shape in, size_t batch_max, VX_R(vx_network) * *ret_network)
{
    VX_R(vx_network) *network = vx_calloc(1, sizeof(*network));

    if (network == NULL)
        return VX_ERR_NOMEM;
    network->in = in;
    network->batch_max = batch_max;
    network->layers = vx_calloc(LAYERS_MAX, sizeof(*network->layers));
    if (network->layers == NULL) {
        vx_free(network);
        return VX_ERR_NOMEM;
    }
    *ret_network = network;
    return VX_OK;
}

VX_R(vx_network) * VX_R(vx_network_destroy)(VX_R(vx_network) * network)
{
    if (network == NULL)
        return NULL;
    for (size_t i = 0; i < network->count; i++) {
        if (!network->layers[i].in_place)
            vx_free(network->layers[i].after);
        vx_free(network->layers[i].pending);
        vx_free(network->layers[i].work);
    }
    vx_free(network->delta[0]);
    vx_free(network->delta[1]);
    vx_free(network->layers);
    vx_free(network);
    return NULL;
}

size_t VX_R(vx_network_layers)(const VX_R(vx_network) * network)
{
    return network->count;
}

vx_shape VX_R(vx_network_out)(const VX_R(vx_network) * network)
{
    return network->count > 0 ? network->layers[network->count - 1].out : network->in;
}

static vx_status check_layer(const VX_R(vx_network) * network, const layer *own, vx_error *err)
{
    if (network->count == LAYERS_MAX || network->tensors + own->tensors > VX_TENSORS_MAX)
        return vx_fail(err, VX_ERR_LIMIT, "the model has more than %d layers or tensors",
                       VX_TENSORS_MAX);
    if (own->parameters > VX_DIMENSION_MAX - network->dimension)
        return vx_fail(err, VX_ERR_LIMIT, "the model has more than %llu parameters",
                       VX_DIMENSION_MAX);
    if (own->skip > network->count ||
        (own->skip > 0 &&
         vx_shape_size(network->layers[own->skip - 1].out) != vx_shape_size(own->out)))
        return vx_fail(err, VX_ERR_CONFIG, "layer %zu (%s): a skip joins two sizes",
                       network->count + 1, own->kind->name);
    return VX_OK;
}

vx_status VX_R(vx_network_add)(VX_R(vx_network) * network, layer options, vx_error *err)
{
    layer own = options;
    vx_status status = VX_OK;

    own.in = VX_R(vx_network_out)(network);
    own.batch_max = network->batch_max;
    own.index = (uint32_t)network->count;
    own.stream = (uint32_t)network->streams;
    own.offset = network->dimension;
    snprintf(own.name, sizeof(own.name), "layer%zu", network->streams + 1);
    status = own.kind->plan(&own, err);
    if (status == VX_OK)
        status = check_layer(network, &own, err);
    if (status != VX_OK)
        return status;
    network->dimension += own.parameters;
    network->tensors += own.tensors;
    network->streams += own.parameters > 0 ? 1 : 0;
    network->layers[network->count++] = own;
    return VX_OK;
}

/* A layer writes over its input when nobody looks at that again: not its maker in backward, no
 * skip.
 */
static bool is_in_place(const VX_R(vx_network) * network, const layer *own)
{
    if (own->index == 0 || own->kind->overwrites == NULL || !own->kind->overwrites(own) ||
        network->layers[own->index - 1].kind->reads_out)
        return false;
    for (size_t i = own->index; i < network->count; i++)
        if (network->layers[i].skip == own->index)
            return false;
    return true;
}

static bool take_layer(VX_R(vx_network) * network, layer *own)
{
    size_t size = vx_shape_size(own->out);
    size_t work =
        own->kind->work_bytes != NULL ? own->kind->work_bytes(own, network->batch_max) : 0;

    if (own->skip > 0 && network->layers[own->skip - 1].pending == NULL)
        network->layers[own->skip - 1].pending =
            vx_aligned_calloc(network->batch_max, size * sizeof(vx_real));
    if (own->skip > 0 && network->layers[own->skip - 1].pending == NULL)
        return false;
    if (work > 0)
        own->work = vx_aligned_calloc(1, work);
    if (work > 0 && own->work == NULL)
        return false;
    own->in_place = is_in_place(network, own);
    own->after = own->in_place ? network->layers[own->index - 1].after
                               : vx_aligned_calloc(network->batch_max, size * sizeof(vx_real));
    return own->after != NULL;
}

vx_status VX_R(vx_network_finish)(VX_R(vx_network) * network, vx_error *err)
{
    size_t largest = 0;
    bool taken = true;

    VX_ASSERT(network->count > 0 && !network->layers[network->count - 1].kind->reads_out);
    for (size_t i = 0; taken && i < network->count; i++) {
        layer *own = &network->layers[i];
        size_t in = i > 0 ? vx_shape_size(own->in) : 0; /* nobody asks for d loss / d features */

        largest = in > largest ? in : largest;
        taken = take_layer(network, own);
    }
    for (size_t k = 0; taken && largest > 0 && k < 2; k++) {
        network->delta[k] = vx_aligned_calloc(network->batch_max, largest * sizeof(vx_real));
        taken = network->delta[k] != NULL;
    }
    return taken ? VX_OK
                 : vx_fail(err, VX_ERR_NOMEM, "no memory for the model and a batch of %zu",
                           network->batch_max);
}

size_t VX_R(vx_network_dimension)(const VX_R(vx_network) * network)
{
    return network->dimension;
}

size_t VX_R(vx_network_tensor_count)(const VX_R(vx_network) * network)
{
    return network->tensors;
}

vx_model_tensor VX_R(vx_network_tensor_at)(const VX_R(vx_network) * network, size_t index)
{
    const layer *own = network->layers;
    vx_model_tensor tensor;
    char part[VX_TENSOR_NAME_MAX / 2];

    VX_ASSERT(index < network->tensors);
    while (index >= own->tensors)
        index -= own++->tensors;
    tensor = own->kind->tensor_at(own, index);
    tensor.offset += own->offset;
    memcpy(part, tensor.name, sizeof(part));
    part[sizeof(part) - 1] = '\0';
    snprintf(tensor.name, sizeof(tensor.name), "%s.%s", own->name, part);
    return tensor;
}

static vx_rcvec slice_of(const layer *own, vx_rcvec theta)
{
    return (vx_rcvec){ theta.at + own->offset, own->parameters };
}

void VX_R(vx_network_initialise)(const VX_R(vx_network) * network, uint64_t seed, vx_rvec theta)
{
    memset(theta.at, 0, theta.n * sizeof(*theta.at));
    for (size_t i = 0; i < network->count; i++) {
        const layer *own = &network->layers[i];

        if (own->parameters > 0)
            own->kind->initialise(own, seed, (vx_rvec){ theta.at + own->offset, own->parameters });
    }
}

bool VX_R(vx_network_takes_sparse)(const VX_R(vx_network) * network)
{
    return network->layers[0].kind->sparse;
}

/* (rows, out) of a layer. */
static vx_rmat after_of(const layer *own, size_t rows)
{
    size_t size = vx_shape_size(own->out);

    return (vx_rmat){ own->after, rows, size, size };
}

static vx_rcmat input_of(const VX_R(vx_network) * network, size_t i, size_t rows, vx_rcmat features)
{
    return i == 0 ? features : vx_rmat_const(after_of(&network->layers[i - 1], rows));
}

static void add(size_t n, const vx_real *from, vx_real *to)
{
    for (size_t i = 0; i < n; i++)
        to[i] += from[i];
}

vx_status VX_R(vx_network_forward)(VX_R(vx_network) * network, const vx_pass *pass, vx_rcvec theta,
                                   vx_rcmat features, vx_rmat *ret_outputs)
{
    for (size_t i = 0; i < network->count; i++) {
        layer *own = &network->layers[i];
        vx_rmat out = after_of(own, pass->rows);
        vx_status status = own->kind->forward(own, pass, slice_of(own, theta),
                                              input_of(network, i, pass->rows, features), out);

        if (status != VX_OK)
            return status;
        if (own->skip > 0)
            add(out.rows * out.cols, network->layers[own->skip - 1].after, own->after);
        own->has_pending = false;
    }
    *ret_outputs = after_of(&network->layers[network->count - 1], pass->rows);
    return VX_OK;
}

/* What a skip over this layer brings down waits at the layer where the skip starts. */
static void pass_skip(VX_R(vx_network) * network, const layer *own, vx_rmat delta)
{
    layer *from = &network->layers[own->skip - 1];

    if (from->has_pending)
        add(delta.rows * delta.cols, delta.at, from->pending);
    else
        memcpy(from->pending, delta.at, delta.rows * delta.cols * sizeof(vx_real));
    from->has_pending = true;
}

vx_status VX_R(vx_network_backward)(VX_R(vx_network) * network, const vx_pass *pass, vx_rcvec theta,
                                    vx_rcmat features, vx_rmat delta, vx_rvec gradient,
                                    const vx_flow *flow)
{
    size_t turn = 0;

    for (size_t i = network->count; i-- > 0;) {
        layer *own = &network->layers[i];
        size_t in = vx_shape_size(own->in);
        vx_rmat below = { NULL, pass->rows, in, in };
        vx_status status = VX_OK;

        if (own->has_pending)
            add(delta.rows * delta.cols, own->pending, delta.at);
        if (own->skip > 0)
            pass_skip(network, own, delta);
        if (i > 0)
            below.at = own->kind->delta_in_place ? delta.at : network->delta[turn];
        status = own->kind->backward(own, pass, slice_of(own, theta),
                                     input_of(network, i, pass->rows, features),
                                     vx_rmat_const(after_of(own, pass->rows)), delta, below,
                                     (vx_rvec){ gradient.at + own->offset, own->parameters });
        if (status != VX_OK)
            return status;
        if (flow != NULL && own->parameters > 0)
            flow->ready(flow->context, own->offset, own->parameters);
        turn = below.at == network->delta[turn] ? 1 - turn : turn;
        delta = below;
    }
    return VX_OK;
}
