#include "codec.h"

#include <vx_base/limits.h>

#include "arena.h"

vx_status vx_codec_pack(const ProtobufCMessage *message, vx_bytes buffer, size_t *ret_size)
{
    size_t size = protobuf_c_message_get_packed_size(message);

    if (size > buffer.size || size > VX_MESSAGE_BYTES_MAX)
        return VX_ERR_LIMIT;
    *ret_size = size > 0 ? protobuf_c_message_pack(message, buffer.at) : 0;
    return VX_OK;
}

vx_status vx_codec_unpack(const ProtobufCMessageDescriptor *type, vx_cbytes bytes,
                          vx_codec_take take, void *ret_value, vx_error *err)
{
    static const uint8_t nothing[1] = { 0 }; /* an empty message has no address */
    ProtobufCMessage *message = NULL;
    vx_arena arena;
    vx_status status;

    if (bytes.size > VX_MESSAGE_BYTES_MAX)
        return vx_fail(err, VX_ERR_PROTOCOL, "%s of %zu bytes, the limit is %u", type->short_name,
                       bytes.size, VX_MESSAGE_BYTES_MAX);
    vx_arena_begin(&arena);
    message = protobuf_c_message_unpack(type, &arena.allocator, bytes.size,
                                        bytes.size > 0 ? bytes.at : nothing);
    if (message != NULL)
        status = take(message, bytes, ret_value, err);
    else if (arena.is_out_of_memory)
        status = vx_fail(err, VX_ERR_NOMEM, "no memory to read a %s", type->short_name);
    else
        status = vx_fail(err, VX_ERR_PROTOCOL, "%s does not parse, or unfolds beyond %u bytes",
                         type->short_name, VX_ARENA_BYTES_MAX);
    vx_arena_end(&arena);
    return status;
}
