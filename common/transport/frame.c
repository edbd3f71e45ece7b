#include <vx_transport/frame.h>

#include <inttypes.h>

#include <vx_base/bytes.h>

enum {
    AT_MAGIC = 0,
    AT_VERSION_MAJOR = 4,
    AT_VERSION_MINOR = 5,
    AT_TYPE = 6,
    AT_JOB = 8,
    AT_EPOCH = 16,
    AT_SLOT = 20,
    AT_INCARNATION = 24,
    AT_MESSAGE_SIZE = 28,
    AT_ROUND = 32,
    AT_OFFSET = 40,
    AT_PAYLOAD_SIZE = 48,
    AT_BODY_CRC = 56,
    AT_HEADER_CRC = 60
};
_Static_assert(AT_HEADER_CRC + 4 == VX_FRAME_HEADER_SIZE, "the header CRC is the last field");

void vx_frame_header_encode(const vx_frame_header *header, uint8_t ret_bytes[VX_FRAME_HEADER_SIZE])
{
    vx_store_u32(ret_bytes + AT_MAGIC, VX_FRAME_MAGIC);
    ret_bytes[AT_VERSION_MAJOR] = VX_FRAME_VERSION_MAJOR;
    ret_bytes[AT_VERSION_MINOR] = VX_FRAME_VERSION_MINOR;
    vx_store_u16(ret_bytes + AT_TYPE, header->type);
    vx_store_u64(ret_bytes + AT_JOB, header->job);
    vx_store_u32(ret_bytes + AT_EPOCH, header->epoch);
    vx_store_u32(ret_bytes + AT_SLOT, header->slot);
    vx_store_u32(ret_bytes + AT_INCARNATION, header->incarnation);
    vx_store_u32(ret_bytes + AT_MESSAGE_SIZE, header->message_size);
    vx_store_u64(ret_bytes + AT_ROUND, header->round);
    vx_store_u64(ret_bytes + AT_OFFSET, header->offset);
    vx_store_u64(ret_bytes + AT_PAYLOAD_SIZE, header->payload_size);
    vx_store_u32(ret_bytes + AT_BODY_CRC, header->body_crc);
    vx_store_u32(ret_bytes + AT_HEADER_CRC, vx_crc32c(0, ret_bytes, AT_HEADER_CRC));
}

static vx_frame_header load(const uint8_t *bytes)
{
    return (vx_frame_header){
        .version_major = bytes[AT_VERSION_MAJOR],
        .version_minor = bytes[AT_VERSION_MINOR],
        .type = vx_load_u16(bytes + AT_TYPE),
        .job = vx_load_u64(bytes + AT_JOB),
        .epoch = vx_load_u32(bytes + AT_EPOCH),
        .slot = vx_load_u32(bytes + AT_SLOT),
        .incarnation = vx_load_u32(bytes + AT_INCARNATION),
        .message_size = vx_load_u32(bytes + AT_MESSAGE_SIZE),
        .round = vx_load_u64(bytes + AT_ROUND),
        .offset = vx_load_u64(bytes + AT_OFFSET),
        .payload_size = vx_load_u64(bytes + AT_PAYLOAD_SIZE),
        .body_crc = vx_load_u32(bytes + AT_BODY_CRC),
    };
}

vx_status vx_frame_header_decode(const uint8_t bytes[VX_FRAME_HEADER_SIZE],
                                 vx_frame_header *ret_header, vx_error *err)
{
    const vx_frame_header header = load(bytes);

    if (vx_load_u32(bytes + AT_MAGIC) != VX_FRAME_MAGIC)
        return vx_fail(err, VX_ERR_PROTOCOL, "not a Vexil peer: it begins with %02x %02x %02x %02x",
                       bytes[0], bytes[1], bytes[2], bytes[3]);
    if (vx_load_u32(bytes + AT_HEADER_CRC) != vx_crc32c(0, bytes, AT_HEADER_CRC))
        return vx_fail(err, VX_ERR_PROTOCOL, "CRC of a frame header is wrong");
    if (header.version_major != VX_FRAME_VERSION_MAJOR)
        return vx_fail(err, VX_ERR_PROTOCOL, "the peer speaks protocol %u.%u, we speak %d.%d",
                       header.version_major, header.version_minor, VX_FRAME_VERSION_MAJOR,
                       VX_FRAME_VERSION_MINOR);
    if (header.message_size > VX_MESSAGE_BYTES_MAX)
        return vx_fail(err, VX_ERR_PROTOCOL, "message of %" PRIu32 " bytes, the limit is %u",
                       header.message_size, VX_MESSAGE_BYTES_MAX);
    if (header.payload_size > VX_CHUNK_BYTES_MAX)
        return vx_fail(err, VX_ERR_PROTOCOL, "payload of %" PRIu64 " bytes, the limit is %u",
                       header.payload_size, VX_CHUNK_BYTES_MAX);
    if (header.offset > UINT64_MAX - header.payload_size)
        return vx_fail(err, VX_ERR_PROTOCOL, "payload at offset %" PRIu64 " has no end",
                       header.offset);
    *ret_header = header;
    return VX_OK;
}

uint32_t vx_frame_body_crc(vx_cbytes message, vx_cbytes payload)
{
    return vx_crc32c(vx_crc32c(0, message.at, message.size), payload.at, payload.size);
}
