/*
 * The stream that a peer sends. The first byte says in which pieces it comes (bits 0 to 5), whether
 * the checksums are mended first, without which nothing would get past them (bit 7), and whether
 * the sizes stay as they are then (bit 6) or are made small.
 */
#include "fuzz.h"

#include "reader.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <vx_base/assert.h>
#include <vx_base/bytes.h>

#define STREAM_BYTES_MAX (1u << 17)

static uint8_t stream[STREAM_BYTES_MAX];
static uint8_t message[VX_MESSAGE_BYTES_MAX];
static uint8_t payload[VX_CHUNK_BYTES_MAX];

/* Message below 1 KiB, payload below 4 KiB: several frames fit. */
static void shrink(uint8_t *head)
{
    head[29] &= 3;
    head[30] = head[31] = 0;
    head[49] &= 15;
    memset(head + 50, 0, 6);
}

/* Makes the magic and both CRCs of every frame right, as far as the frames fit into the stream. */
static void mend(size_t size, bool keep_sizes)
{
    size_t at = 0;

    while (size - at >= VX_FRAME_HEADER_SIZE) {
        uint8_t *head = stream + at;
        uint64_t body;

        vx_store_u32(head, VX_FRAME_MAGIC);
        head[4] = VX_FRAME_VERSION_MAJOR;
        if (!keep_sizes)
            shrink(head);
        at += VX_FRAME_HEADER_SIZE;
        body = size - at;
        if (vx_load_u64(head + 48) < body && vx_load_u32(head + 28) < body - vx_load_u64(head + 48))
            body = vx_load_u32(head + 28) + vx_load_u64(head + 48);
        vx_store_u32(head + 56, vx_crc32c(0, stream + at, (size_t)body));
        vx_store_u32(head + 60, vx_crc32c(0, head, 60));
        at += (size_t)body;
    }
}

static void check_header(const vx_frame_header *header)
{
    VX_ASSERT(header->message_size <= VX_MESSAGE_BYTES_MAX);
    VX_ASSERT(header->payload_size <= VX_CHUNK_BYTES_MAX);
    VX_ASSERT(header->offset + header->payload_size >= header->offset);
}

/* False when the stream is refused. */
static bool digest(vx_reader *reader)
{
    vx_error err = { 0 };

    for (;;) {
        switch (vx_reader_step(reader, &err)) {
        case VX_READER_HUNGRY:
            return true;
        case VX_READER_HEADER:
            check_header(&reader->header);
            vx_reader_give_payload(reader, payload);
            break;
        case VX_READER_FRAME:
            VX_ASSERT(
                reader->header.body_crc ==
                vx_frame_body_crc((vx_cbytes){ message, reader->header.message_size },
                                  (vx_cbytes){ payload, (size_t)reader->header.payload_size }));
            VX_ASSERT(vx_reader_is_between_frames(reader));
            break;
        case VX_READER_BROKEN:
            VX_ASSERT(err.code == VX_ERR_PROTOCOL && err.message[0] != '\0');
            return false;
        case VX_READER_EVENT_MAX:
            abort();
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t size)
{
    vx_reader reader;
    size_t piece_max;
    size_t used = 0;

    if (size < 1 || size - 1 > sizeof(stream))
        return 0;
    piece_max = (at[0] & 0x3f) != 0 ? at[0] & 0x3f : SIZE_MAX;
    memcpy(stream, at + 1, size - 1);
    if (at[0] & 0x80)
        mend(size - 1, (at[0] & 0x40) != 0);
    vx_reader_init(&reader, message);
    while (used < size - 1) {
        vx_bytes room = vx_reader_room(&reader);
        size_t piece = size - 1 - used;

        if (piece > piece_max)
            piece = piece_max;
        if (piece > room.size)
            piece = room.size;
        memcpy(room.at, stream + used, piece);
        used += piece;
        vx_reader_advance(&reader, piece);
        if (!digest(&reader))
            break;
    }
    return 0;
}
