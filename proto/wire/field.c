#include "field.h"

#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

static bool is_control(uint8_t byte)
{
    return byte < 0x20 || byte == 0x7f;
}

static vx_status take_text(ProtobufCBinaryData field, const char *what, char *ret_text, size_t size,
                           bool is_name, vx_error *err)
{
    if (field.len >= size)
        return vx_fail(err, VX_ERR_PROTOCOL, "%s of %zu bytes, the limit is %zu", what, field.len,
                       size - 1);
    for (size_t i = 0; i < field.len; i++) {
        if (is_name && is_control(field.data[i]))
            return vx_fail(err, VX_ERR_PROTOCOL, "%s with a control character", what);
        ret_text[i] = is_control(field.data[i]) ? ' ' : (char)field.data[i];
    }
    memset(ret_text + field.len, 0, size - field.len);
    return VX_OK;
}

vx_status vx_field_name(ProtobufCBinaryData field, const char *what, char *ret_text, size_t size,
                        vx_error *err)
{
    return take_text(field, what, ret_text, size, true, err);
}

vx_status vx_field_text(ProtobufCBinaryData field, const char *what, char *ret_text, size_t size,
                        vx_error *err)
{
    return take_text(field, what, ret_text, size, false, err);
}

vx_status vx_field_digest(ProtobufCBinaryData field, const char *what, vx_digest *ret_digest,
                          vx_error *err)
{
    *ret_digest = (vx_digest){ { 0 } };
    if (field.len == 0)
        return VX_OK;
    if (field.len != sizeof(ret_digest->at))
        return vx_fail(err, VX_ERR_PROTOCOL, "%s of %zu bytes, a digest has %zu", what, field.len,
                       sizeof(ret_digest->at));
    memcpy(ret_digest->at, field.data, sizeof(ret_digest->at));
    return VX_OK;
}

vx_status vx_field_range(uint64_t value, uint64_t low, uint64_t high, const char *what,
                         vx_error *err)
{
    if (value < low || value > high)
        return vx_fail(err, VX_ERR_PROTOCOL, "%s %" PRIu64 " is outside %" PRIu64 "..%" PRIu64,
                       what, value, low, high);
    return VX_OK;
}

ProtobufCBinaryData vx_field_of_bytes(const uint8_t *at, size_t size)
{
    return (ProtobufCBinaryData){ size, (uint8_t *)(uintptr_t)at }; /* packing only reads it */
}

ProtobufCBinaryData vx_field_of_text(const char *text, size_t size)
{
    return vx_field_of_bytes((const uint8_t *)text, strnlen(text, size));
}

ProtobufCBinaryData vx_field_of_digest(const vx_digest *digest)
{
    return vx_field_of_bytes(digest->at, vx_digest_is_zero(*digest) ? 0 : sizeof(digest->at));
}
