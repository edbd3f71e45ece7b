#include <vx_wire/wire.h>

#include <math.h>

#include <vexil.pb-c.h>

#include "codec.h"
#include "field.h"

/* Counts and times end in signed 64-bit columns and JSON integers. */
#define COUNT_MAX ((uint64_t)INT64_MAX)

vx_status vx_wire_gradient_encode(const vx_wire_gradient *value, vx_bytes buffer, size_t *ret_size)
{
    Vx__Gradient message = VX__GRADIENT__INIT;

    message.nll = value->nll;
    message.samples = value->samples;
    message.compute_ns = value->compute_ns;
    message.injected = value->injected;
    message.altered = value->altered;
    return vx_codec_pack(&message.base, buffer, ret_size);
}

static vx_status take_gradient(const ProtobufCMessage *base, vx_cbytes bytes, void *ret_value,
                               vx_error *err)
{
    const Vx__Gradient *message = (const Vx__Gradient *)base;

    (void)bytes;
    if (vx_field_range(message->samples, 0, COUNT_MAX, "samples", err) != VX_OK ||
        vx_field_range(message->compute_ns, 0, COUNT_MAX, "compute_ns", err) != VX_OK)
        return VX_ERR_PROTOCOL;
    *(vx_wire_gradient *)ret_value = (vx_wire_gradient){
        .nll = message->nll,
        .samples = message->samples,
        .compute_ns = message->compute_ns,
        .injected = message->injected != 0,
        .altered = message->altered != 0,
    };
    return VX_OK;
}

vx_status vx_wire_gradient_decode(vx_cbytes message, vx_wire_gradient *ret_value, vx_error *err)
{
    return vx_codec_unpack(&vx__gradient__descriptor, message, take_gradient, ret_value, err);
}

vx_status vx_wire_evaluation_encode(const vx_wire_evaluation *value, vx_bytes buffer,
                                    size_t *ret_size)
{
    Vx__Evaluation message = VX__EVALUATION__INIT;

    message.nll = value->nll;
    message.accuracy = value->accuracy;
    message.deviance = value->deviance;
    message.count = value->count;
    message.elapsed_ns = value->elapsed_ns;
    return vx_codec_pack(&message.base, buffer, ret_size);
}

static vx_status take_evaluation(const ProtobufCMessage *base, vx_cbytes bytes, void *ret_value,
                                 vx_error *err)
{
    const Vx__Evaluation *message = (const Vx__Evaluation *)base;

    (void)bytes;
    if (vx_field_range(message->count, 0, COUNT_MAX, "count", err) != VX_OK ||
        vx_field_range(message->elapsed_ns, 0, COUNT_MAX, "elapsed_ns", err) != VX_OK)
        return VX_ERR_PROTOCOL;
    if (!isnan(message->accuracy) && !(message->accuracy >= 0.0 && message->accuracy <= 1.0))
        return vx_fail(err, VX_ERR_PROTOCOL, "accuracy %g is outside 0..1", message->accuracy);
    *(vx_wire_evaluation *)ret_value = (vx_wire_evaluation){
        .nll = message->nll,
        .accuracy = message->accuracy,
        .deviance = message->deviance,
        .count = message->count,
        .elapsed_ns = message->elapsed_ns,
    };
    return VX_OK;
}

vx_status vx_wire_evaluation_decode(vx_cbytes message, vx_wire_evaluation *ret_value, vx_error *err)
{
    return vx_codec_unpack(&vx__evaluation__descriptor, message, take_evaluation, ret_value, err);
}
