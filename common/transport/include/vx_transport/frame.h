#ifndef VX_TRANSPORT_FRAME_H
#define VX_TRANSPORT_FRAME_H
#include <stdint.h>

#include <vx_base/limits.h>
#include <vx_base/span.h>
#include <vx_base/status.h>

/* clang-format off */
/*
 * A frame: this header, a control message (protobuf, at most VX_MESSAGE_BYTES_MAX), a payload of
 * raw little-endian numbers (at most VX_CHUNK_BYTES_MAX: a longer vector travels as several frames
 * with rising offset). All fields little-endian:
 *
 *    0 u32 magic "VXL1"    16 u32 epoch           32 u64 round
 *    4 u8  version major   20 u32 slot            40 u64 offset
 *    5 u8  version minor   24 u32 incarnation     48 u64 payload size
 *    6 u16 type            28 u32 message size    56 u32 CRC-32C of message and payload
 *    8 u64 job                                    60 u32 CRC-32C of bytes 0..59
 *
 * Identity belongs to the connection: slot and incarnation of a frame are compared with it, never
 * believed.
 */
/* clang-format on */
#define VX_FRAME_HEADER_SIZE   64
#define VX_FRAME_MAGIC         0x314c5856u /* "VXL1" */
#define VX_FRAME_VERSION_MAJOR 1
#define VX_FRAME_VERSION_MINOR 0
#define VX_FRAME_SLOT_NONE     UINT32_MAX

typedef struct vx_frame_header {
    uint8_t version_major; /* set by encode; checked by decode: another major is refused */
    uint8_t version_minor;
    uint16_t type; /* of the wire room; opaque here */
    uint64_t job;
    uint32_t epoch, slot, incarnation;
    uint32_t message_size;
    uint64_t round;
    uint64_t offset;       /* of the payload in its vector, in bytes */
    uint64_t payload_size; /* bytes */
    uint32_t body_crc;
} vx_frame_header;

void vx_frame_header_encode(const vx_frame_header *header, uint8_t ret_bytes[VX_FRAME_HEADER_SIZE]);
/* VX_ERR_PROTOCOL (message says which): magic, CRC, version (both named), sizes above the limits,
 * offset + size overflow. */
VX_MUST_CHECK vx_status vx_frame_header_decode(const uint8_t bytes[VX_FRAME_HEADER_SIZE],
                                               vx_frame_header *ret_header, vx_error *err);

/* CRC of message then payload. Done once by who makes a frame, so that a broadcast pays once for
 * all receivers. */
uint32_t vx_frame_body_crc(vx_cbytes message, vx_cbytes payload);
#endif
