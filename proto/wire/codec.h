#ifndef VX_WIRE_CODEC_H
#define VX_WIRE_CODEC_H
#include <protobuf-c/protobuf-c.h>

#include <vx_base/span.h>
#include <vx_base/status.h>

/* Into buffer without heap; VX_ERR_LIMIT when it, or a message, is too small. */
VX_MUST_CHECK vx_status vx_codec_pack(const ProtobufCMessage *message, vx_bytes buffer,
                                      size_t *ret_size);

/* Checks the fields of an unpacked message and copies them to *ret_value, which is written only on
 * VX_OK. bytes is what was unpacked. */
typedef vx_status (*vx_codec_take)(const ProtobufCMessage *message, vx_cbytes bytes,
                                   void *ret_value, vx_error *err);

/* VX_ERR_PROTOCOL: the bytes are no such message, unfold beyond the arena, or take refused them;
 * VX_ERR_NOMEM. */
VX_MUST_CHECK vx_status vx_codec_unpack(const ProtobufCMessageDescriptor *type, vx_cbytes bytes,
                                        vx_codec_take take, void *ret_value, vx_error *err);
#endif
