#include "reader.h"

#include <vx_base/assert.h>
#include <vx_base/bytes.h>

void vx_reader_init(vx_reader *reader, uint8_t *message)
{
    VX_ASSERT(message != NULL);
    *reader = (vx_reader){ .message = message };
}

static vx_bytes whole_part(vx_reader *reader)
{
    switch (reader->part) {
    case VX_READER_PART_HEADER:
        return (vx_bytes){ reader->head, sizeof(reader->head) };
    case VX_READER_PART_MESSAGE:
        return (vx_bytes){ reader->message, reader->header.message_size };
    case VX_READER_PART_PAYLOAD:
        return (vx_bytes){ reader->payload, (size_t)reader->header.payload_size };
    case VX_READER_PART_DONE:
    case VX_READER_PART_MAX:
        break;
    }
    return (vx_bytes){ NULL, 0 };
}

vx_bytes vx_reader_room(vx_reader *reader)
{
    vx_bytes whole = whole_part(reader);

    VX_ASSERT(reader->have < whole.size);
    VX_ASSERT(whole.at != NULL);
    return (vx_bytes){ whole.at + reader->have, whole.size - reader->have };
}

void vx_reader_advance(vx_reader *reader, size_t size)
{
    vx_bytes room = vx_reader_room(reader);

    VX_ASSERT(size <= room.size);
    if (reader->part != VX_READER_PART_HEADER)
        reader->crc = vx_crc32c(reader->crc, room.at, size); /* while the cache is warm */
    reader->have += size;
}

static void enter(vx_reader *reader, vx_reader_part part)
{
    reader->part = part;
    reader->have = 0;
}

void vx_reader_give_payload(vx_reader *reader, uint8_t *payload)
{
    VX_ASSERT(reader->part == VX_READER_PART_MESSAGE && reader->have == 0);
    VX_ASSERT(payload != NULL || reader->header.payload_size == 0);
    reader->payload = payload;
}

static vx_reader_event step_header(vx_reader *reader, vx_error *err)
{
    if (vx_frame_header_decode(reader->head, &reader->header, err) != VX_OK)
        return VX_READER_BROKEN;
    reader->payload = NULL;
    reader->crc = 0;
    enter(reader, VX_READER_PART_MESSAGE);
    return VX_READER_HEADER;
}

static vx_reader_event step_body(vx_reader *reader, vx_error *err)
{
    if (reader->crc != reader->header.body_crc) {
        (void)vx_fail(err, VX_ERR_PROTOCOL, "CRC of a frame's body is wrong");
        return VX_READER_BROKEN;
    }
    enter(reader, VX_READER_PART_DONE);
    return VX_READER_FRAME;
}

vx_reader_event vx_reader_step(vx_reader *reader, vx_error *err)
{
    if (reader->part == VX_READER_PART_DONE)
        enter(reader, VX_READER_PART_HEADER);
    if (reader->part == VX_READER_PART_MESSAGE && reader->have == reader->header.message_size)
        enter(reader, VX_READER_PART_PAYLOAD);
    if (reader->have < whole_part(reader).size)
        return VX_READER_HUNGRY;
    return reader->part == VX_READER_PART_HEADER ? step_header(reader, err)
                                                 : step_body(reader, err);
}

bool vx_reader_is_between_frames(const vx_reader *reader)
{
    return reader->part == VX_READER_PART_DONE ||
           (reader->part == VX_READER_PART_HEADER && reader->have == 0);
}
