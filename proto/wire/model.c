#include <vx_wire/wire.h>

#include <string.h>

#include <vexil.pb-c.h>

#include "codec.h"
#include "field.h"

vx_status vx_wire_model_encode(const vx_wire_model *value, vx_bytes buffer, size_t *ret_size)
{
    Vx__Model message = VX__MODEL__INIT;
    Vx__Tensor tensors[VX_TENSORS_MAX];
    Vx__Tensor *places[VX_TENSORS_MAX];

    if (value->tensors_count > VX_TENSORS_MAX)
        return VX_ERR_LIMIT;
    for (size_t i = 0; i < value->tensors_count; i++) {
        vx_wire_tensor *tensor = &value->tensors[i];

        if (tensor->rank > VX_TENSOR_RANK_MAX)
            return VX_ERR_LIMIT;
        vx__tensor__init(&tensors[i]);
        tensors[i].name = vx_field_of_text(tensor->name, sizeof(tensor->name));
        tensors[i].n_shape = tensor->rank;
        tensors[i].shape = tensor->shape;
        tensors[i].weight = tensor->is_weight;
        places[i] = &tensors[i];
    }
    message.dimension = value->dimension;
    message.n_tensors = value->tensors_count;
    message.tensors = places;
    return vx_codec_pack(&message.base, buffer, ret_size);
}

/* The product of the shape, at most VX_DIMENSION_MAX. */
static vx_status take_shape(const Vx__Tensor *message, vx_wire_tensor *tensor,
                            uint64_t *ret_elements, vx_error *err)
{
    uint64_t elements = 1;

    if (message->n_shape > VX_TENSOR_RANK_MAX)
        return vx_fail(err, VX_ERR_PROTOCOL, "tensor of rank %zu", message->n_shape);
    tensor->rank = message->n_shape;
    for (size_t i = 0; i < tensor->rank; i++) {
        if (vx_field_range(message->shape[i], 1, VX_DIMENSION_MAX / elements, "extent", err) !=
            VX_OK)
            return VX_ERR_PROTOCOL;
        tensor->shape[i] = message->shape[i];
        elements *= message->shape[i];
    }
    *ret_elements = elements;
    return VX_OK;
}

static vx_status take_tensor(const Vx__Tensor *message, vx_wire_tensor *ret_tensor,
                             uint64_t *ret_elements, vx_error *err)
{
    *ret_tensor = (vx_wire_tensor){ .rank = 0, .is_weight = message->weight != 0 };
    if (message->name.len == 0)
        return vx_fail(err, VX_ERR_PROTOCOL, "tensor without a name");
    if (vx_field_name(message->name, "tensor name", ret_tensor->name, sizeof(ret_tensor->name),
                      err) != VX_OK)
        return VX_ERR_PROTOCOL;
    return take_shape(message, ret_tensor, ret_elements, err);
}

static bool is_name_taken(const vx_wire_tensor *tensors, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (memcmp(tensors[i].name, tensors[count].name, VX_TENSOR_NAME_MAX) == 0)
            return true;
    return false;
}

static vx_status take_model(const ProtobufCMessage *base, vx_cbytes bytes, void *ret_value,
                            vx_error *err)
{
    const Vx__Model *message = (const Vx__Model *)base;
    vx_wire_model *model = ret_value;
    uint64_t sum = 0;

    (void)bytes;
    if (vx_field_range(message->n_tensors, 1, VX_TENSORS_MAX, "count of tensors", err) != VX_OK ||
        vx_field_range(message->dimension, 1, VX_DIMENSION_MAX, "dimension", err) != VX_OK)
        return VX_ERR_PROTOCOL;
    for (size_t i = 0; i < message->n_tensors; i++) {
        uint64_t elements = 0;

        if (take_tensor(message->tensors[i], &model->tensors[i], &elements, err) != VX_OK)
            return VX_ERR_PROTOCOL;
        if (is_name_taken(model->tensors, i))
            return vx_fail(err, VX_ERR_PROTOCOL, "two tensors are named '%s'",
                           model->tensors[i].name);
        sum += elements; /* at most VX_TENSORS_MAX * VX_DIMENSION_MAX */
    }
    if (sum != message->dimension)
        return vx_fail(err, VX_ERR_PROTOCOL, "the tensors do not make up the dimension");
    model->dimension = message->dimension;
    model->tensors_count = message->n_tensors;
    return VX_OK;
}
_Static_assert(VX_DIMENSION_MAX <= UINT64_MAX / VX_TENSORS_MAX, "the sum of the tensors fits");

vx_status vx_wire_model_decode(vx_cbytes message, vx_wire_model *ret_value, vx_error *err)
{
    return vx_codec_unpack(&vx__model__descriptor, message, take_model, ret_value, err);
}
