#ifndef VX_WIRE_ARENA_H
#define VX_WIRE_ARENA_H
#include <stdbool.h>
#include <stdint.h>

#include <protobuf-c/protobuf-c.h>

#include <vx_base/span.h>
#include <vx_base/status.h>

/*
 * The memory of one decoding. protobuf-c turns hostile bytes into 40 to 70 times their size; here
 * it gets a small block inside the arena, then one of VX_ARENA_BYTES_MAX from the heap, then
 * nothing. Freeing is forgetting.
 */
#define VX_ARENA_INLINE_BYTES 2048
#define VX_ARENA_BYTES_MAX    (256u * 1024u)

typedef struct vx_arena {
    ProtobufCAllocator allocator; /* .allocator_data points to this struct: it must not move */
    size_t inline_used;
    size_t large_used;
    uint8_t *large; /* owned; NULL until it is needed */
    bool is_out_of_memory;
    _Alignas(16) uint8_t inlined[VX_ARENA_INLINE_BYTES];
} vx_arena;

void vx_arena_begin(vx_arena *arena);
void vx_arena_end(vx_arena *arena);
#endif
