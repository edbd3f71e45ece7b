#ifndef VX_TRANSPORT_READER_H
#define VX_TRANSPORT_READER_H
#include <stdbool.h>

#include <vx_transport/frame.h>

/*
 * Cuts a stream of bytes into frames; pure. The user writes up to room().size bytes at room().at,
 * says how many with advance, and calls step until it says READER_HUNGRY:
 *
 *     READER_HEADER   header is good: give the payload's memory, then step on
 *     READER_FRAME    a whole frame: use it, then step on
 *     READER_BROKEN   err says why; the reader must not be used any more
 */
typedef enum vx_reader_event {
    VX_READER_HUNGRY,
    VX_READER_HEADER,
    VX_READER_FRAME,
    VX_READER_BROKEN,
    VX_READER_EVENT_MAX
} vx_reader_event;

typedef enum vx_reader_part {
    VX_READER_PART_HEADER,
    VX_READER_PART_MESSAGE,
    VX_READER_PART_PAYLOAD,
    VX_READER_PART_DONE,
    VX_READER_PART_MAX
} vx_reader_part;

typedef struct vx_reader {
    uint8_t head[VX_FRAME_HEADER_SIZE];
    vx_frame_header header;
    uint8_t *message; /* borrowed, VX_MESSAGE_BYTES_MAX bytes */
    uint8_t *payload; /* borrowed; NULL until given */
    vx_reader_part part;
    size_t have; /* bytes of the part, at most its size */
    uint32_t crc;
} vx_reader;

void vx_reader_init(vx_reader *reader, uint8_t *message);
vx_bytes vx_reader_room(vx_reader *reader); /* never empty after VX_READER_HUNGRY */
void vx_reader_advance(vx_reader *reader, size_t size);
vx_reader_event vx_reader_step(vx_reader *reader, vx_error *err);
void vx_reader_give_payload(vx_reader *reader, uint8_t *payload); /* after VX_READER_HEADER */
bool vx_reader_is_between_frames(const vx_reader *reader);
#endif
