/* The short ones: a code, perhaps a text. */
#include <vx_wire/wire.h>

#include <vexil.pb-c.h>

#include "codec.h"
#include "field.h"

vx_status vx_wire_refusal_encode(const vx_wire_refusal *value, vx_bytes buffer, size_t *ret_size)
{
    Vx__Refusal message = VX__REFUSAL__INIT;

    message.code = (Vx__RefusalCode)value->code;
    message.retry = value->retry;
    message.text = vx_field_of_text(value->text, sizeof(value->text));
    return vx_codec_pack(&message.base, buffer, ret_size);
}

static vx_status take_refusal(const ProtobufCMessage *base, vx_cbytes bytes, void *ret_value,
                              vx_error *err)
{
    const Vx__Refusal *message = (const Vx__Refusal *)base;
    uint32_t code = (uint32_t)message->code;
    vx_wire_refusal refusal = { .retry = message->retry != 0 };

    (void)bytes;
    if (vx_field_range(code, 1, VX_WIRE_REFUSED_MAX - 1, "refusal", err) != VX_OK ||
        vx_field_text(message->text, "text", refusal.text, sizeof(refusal.text), err) != VX_OK)
        return VX_ERR_PROTOCOL;
    refusal.code = (vx_wire_refusal_code)code;
    *(vx_wire_refusal *)ret_value = refusal;
    return VX_OK;
}

vx_status vx_wire_refusal_decode(vx_cbytes message, vx_wire_refusal *ret_value, vx_error *err)
{
    return vx_codec_unpack(&vx__refusal__descriptor, message, take_refusal, ret_value, err);
}

vx_status vx_wire_verdict_encode(const vx_wire_verdict *value, vx_bytes buffer, size_t *ret_size)
{
    Vx__Verdict message = VX__VERDICT__INIT;

    message.code = (Vx__VerdictCode)*value;
    return vx_codec_pack(&message.base, buffer, ret_size);
}

static vx_status take_verdict(const ProtobufCMessage *base, vx_cbytes bytes, void *ret_value,
                              vx_error *err)
{
    uint32_t code = (uint32_t)((const Vx__Verdict *)base)->code;

    (void)bytes;
    if (vx_field_range(code, 1, VX_WIRE_VERDICT_MAX - 1, "verdict", err) != VX_OK)
        return VX_ERR_PROTOCOL;
    *(vx_wire_verdict *)ret_value = (vx_wire_verdict)code;
    return VX_OK;
}

vx_status vx_wire_verdict_decode(vx_cbytes message, vx_wire_verdict *ret_value, vx_error *err)
{
    return vx_codec_unpack(&vx__verdict__descriptor, message, take_verdict, ret_value, err);
}

vx_status vx_wire_stop_encode(const vx_wire_stop *value, vx_bytes buffer, size_t *ret_size)
{
    Vx__Stop message = VX__STOP__INIT;

    message.reason = (Vx__StopReason)value->reason;
    message.text = vx_field_of_text(value->text, sizeof(value->text));
    return vx_codec_pack(&message.base, buffer, ret_size);
}

static vx_status take_stop(const ProtobufCMessage *base, vx_cbytes bytes, void *ret_value,
                           vx_error *err)
{
    const Vx__Stop *message = (const Vx__Stop *)base;
    uint32_t reason = (uint32_t)message->reason;
    vx_wire_stop stop = { 0 };

    (void)bytes;
    if (vx_field_range(reason, 1, VX_WIRE_STOP_MAX - 1, "reason", err) != VX_OK ||
        vx_field_text(message->text, "text", stop.text, sizeof(stop.text), err) != VX_OK)
        return VX_ERR_PROTOCOL;
    stop.reason = (vx_wire_stop_reason)reason;
    *(vx_wire_stop *)ret_value = stop;
    return VX_OK;
}

vx_status vx_wire_stop_decode(vx_cbytes message, vx_wire_stop *ret_value, vx_error *err)
{
    return vx_codec_unpack(&vx__stop__descriptor, message, take_stop, ret_value, err);
}

vx_status vx_wire_leave_encode(const vx_wire_leave *value, vx_bytes buffer, size_t *ret_size)
{
    Vx__Leave message = VX__LEAVE__INIT;

    message.text = vx_field_of_text(value->text, sizeof(value->text));
    return vx_codec_pack(&message.base, buffer, ret_size);
}

static vx_status take_leave(const ProtobufCMessage *base, vx_cbytes bytes, void *ret_value,
                            vx_error *err)
{
    const Vx__Leave *message = (const Vx__Leave *)base;
    vx_wire_leave leave = { 0 };

    (void)bytes;
    if (vx_field_text(message->text, "text", leave.text, sizeof(leave.text), err) != VX_OK)
        return VX_ERR_PROTOCOL;
    *(vx_wire_leave *)ret_value = leave;
    return VX_OK;
}

vx_status vx_wire_leave_decode(vx_cbytes message, vx_wire_leave *ret_value, vx_error *err)
{
    return vx_codec_unpack(&vx__leave__descriptor, message, take_leave, ret_value, err);
}

vx_status vx_wire_request_encode(const vx_wire_request *value, vx_bytes buffer, size_t *ret_size)
{
    Vx__Request message = VX__REQUEST__INIT;

    message.code = (Vx__RequestCode)*value;
    return vx_codec_pack(&message.base, buffer, ret_size);
}

static vx_status take_request(const ProtobufCMessage *base, vx_cbytes bytes, void *ret_value,
                              vx_error *err)
{
    uint32_t code = (uint32_t)((const Vx__Request *)base)->code;

    (void)bytes;
    if (vx_field_range(code, 1, VX_WIRE_REQUEST_MAX - 1, "request", err) != VX_OK)
        return VX_ERR_PROTOCOL;
    *(vx_wire_request *)ret_value = (vx_wire_request)code;
    return VX_OK;
}

vx_status vx_wire_request_decode(vx_cbytes message, vx_wire_request *ret_value, vx_error *err)
{
    return vx_codec_unpack(&vx__request__descriptor, message, take_request, ret_value, err);
}
