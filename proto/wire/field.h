#ifndef VX_WIRE_FIELD_H
#define VX_WIRE_FIELD_H
#include <stddef.h>
#include <stdint.h>

#include <protobuf-c/protobuf-c.h>

#include <vx_base/bytes.h>
#include <vx_base/status.h>

/* One field of a message between its wire form and its struct. what names it in err. */

/* A name: at most size - 1 bytes, none of them a control character: VX_ERR_PROTOCOL. */
VX_MUST_CHECK vx_status vx_field_name(ProtobufCBinaryData field, const char *what, char *ret_text,
                                      size_t size, vx_error *err);
/* Text for people: as above, but control characters become spaces. */
VX_MUST_CHECK vx_status vx_field_text(ProtobufCBinaryData field, const char *what, char *ret_text,
                                      size_t size, vx_error *err);
/* 16 bytes, or none: the zero digest. */
VX_MUST_CHECK vx_status vx_field_digest(ProtobufCBinaryData field, const char *what,
                                        vx_digest *ret_digest, vx_error *err);
/* low <= value <= high. */
VX_MUST_CHECK vx_status vx_field_range(uint64_t value, uint64_t low, uint64_t high,
                                       const char *what, vx_error *err);

/* Borrowed views for encoding. */
ProtobufCBinaryData vx_field_of_text(const char *text, size_t size); /* stops at size or the zero */
ProtobufCBinaryData vx_field_of_digest(const vx_digest *digest);
ProtobufCBinaryData vx_field_of_bytes(const uint8_t *at, size_t size);
#endif
