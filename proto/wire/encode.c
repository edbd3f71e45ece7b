#include <vx_wire/wire.h>

#include "vexil.pb-c.h"

#include <vx_base/assert.h>

/* The generated types want pointers to non-const bytes and text; packing only reads them. */
static ProtobufCBinaryData binary(const uint8_t *at, size_t size)
{
    return (ProtobufCBinaryData){ .len = size, .data = (uint8_t *)(uintptr_t)at };
}

static char *text_of(const char *at)
{
    return (char *)(uintptr_t)at;
}

static vx_status pack(const ProtobufCMessage *message, vx_bytes buffer, size_t *ret_size)
{
    size_t size = protobuf_c_message_get_packed_size(message);

    if (size > buffer.size || size > VX_MESSAGE_BYTES_MAX)
        return VX_ERR_LIMIT;
    *ret_size = protobuf_c_message_pack(message, buffer.at);
    VX_ASSERT(*ret_size == size);
    return VX_OK;
}

vx_status vx_wire_hello_encode(const vx_wire_hello *value, vx_bytes buffer, size_t *ret_size)
{
    Vx__Hello message = VX__HELLO__INIT;

    message.role = (uint32_t)value->role;
    message.slot = value->slot;
    message.token = binary(value->token, sizeof(value->token));
    if (!vx_digest_is_zero(value->config))
        message.config = binary(value->config.at, sizeof(value->config.at));
    message.version = text_of(value->version);
    message.host = text_of(value->host);
    message.blas = text_of(value->blas);
    message.pid = value->pid;
    return pack(&message.base, buffer, ret_size);
}

vx_status vx_wire_welcome_encode(const vx_wire_welcome *value, vx_bytes buffer, size_t *ret_size)
{
    Vx__Welcome message = VX__WELCOME__INIT;

    message.slot = value->slot;
    message.epoch = value->epoch;
    message.incarnation = value->incarnation;
    message.workers = value->workers;
    message.round = value->round;
    message.dimension = value->dimension;
    message.heartbeat_ms = value->heartbeat_ms;
    message.heartbeat_timeout_ms = value->heartbeat_timeout_ms;
    message.config = binary(value->config.at, sizeof(value->config.at));
    message.job = binary(value->job.at, value->job.size);
    return pack(&message.base, buffer, ret_size);
}

vx_status vx_wire_refusal_encode(const vx_wire_refusal *value, vx_bytes buffer, size_t *ret_size)
{
    Vx__Refusal message = VX__REFUSAL__INIT;

    message.code = (uint32_t)value->code;
    message.retry = value->retry;
    message.text = text_of(value->text);
    return pack(&message.base, buffer, ret_size);
}

vx_status vx_wire_model_encode(const vx_wire_model *value, vx_bytes buffer, size_t *ret_size)
{
    Vx__Tensor tensors[VX_TENSORS_MAX];
    Vx__Tensor *pointers[VX_TENSORS_MAX];
    Vx__Model message = VX__MODEL__INIT;

    if (value->tensors_count > VX_TENSORS_MAX)
        return VX_ERR_LIMIT;
    for (size_t i = 0; i < value->tensors_count; i++) {
        vx__tensor__init(&tensors[i]);
        tensors[i].name = text_of(value->tensors[i].name);
        tensors[i].n_shape = value->tensors[i].rank;
        tensors[i].shape = (uint64_t *)(uintptr_t)value->tensors[i].shape;
        pointers[i] = &tensors[i];
    }
    message.dimension = value->dimension;
    message.n_tensors = value->tensors_count;
    message.tensors = pointers;
    return pack(&message.base, buffer, ret_size);
}

vx_status vx_wire_gradient_encode(const vx_wire_gradient *value, vx_bytes buffer, size_t *ret_size)
{
    Vx__Gradient message = VX__GRADIENT__INIT;

    message.nll = value->nll;
    message.samples = value->samples;
    message.compute_ns = value->compute_ns;
    message.injected = value->injected;
    return pack(&message.base, buffer, ret_size);
}

static vx_status encode_code(uint32_t code, vx_bytes buffer, size_t *ret_size)
{
    Vx__Code message = VX__CODE__INIT;

    message.code = code;
    return pack(&message.base, buffer, ret_size);
}

vx_status vx_wire_verdict_encode(const vx_wire_verdict *value, vx_bytes buffer, size_t *ret_size)
{
    return encode_code((uint32_t)*value, buffer, ret_size);
}

vx_status vx_wire_request_encode(const vx_wire_request *value, vx_bytes buffer, size_t *ret_size)
{
    return encode_code((uint32_t)*value, buffer, ret_size);
}

vx_status vx_wire_evaluation_encode(const vx_wire_evaluation *value, vx_bytes buffer,
                                    size_t *ret_size)
{
    Vx__Evaluation message = VX__EVALUATION__INIT;

    message.nll = value->nll;
    message.accuracy = value->accuracy;
    message.count = value->count;
    message.elapsed_ns = value->elapsed_ns;
    return pack(&message.base, buffer, ret_size);
}

static vx_status encode_word(uint32_t reason, const char *text, vx_bytes buffer, size_t *ret_size)
{
    Vx__Word message = VX__WORD__INIT;

    message.reason = reason;
    message.text = text_of(text);
    return pack(&message.base, buffer, ret_size);
}

vx_status vx_wire_stop_encode(const vx_wire_stop *value, vx_bytes buffer, size_t *ret_size)
{
    return encode_word((uint32_t)value->reason, value->text, buffer, ret_size);
}

vx_status vx_wire_leave_encode(const vx_wire_leave *value, vx_bytes buffer, size_t *ret_size)
{
    return encode_word(0, value->text, buffer, ret_size);
}
