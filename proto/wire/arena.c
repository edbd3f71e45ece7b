#include "arena.h"

#include <vx_base/alloc.h>

#define ALIGNMENT 16

static void *take(uint8_t *block, size_t capacity, size_t *used, size_t size)
{
    void *memory = NULL;

    if (size <= capacity - *used) {
        memory = block + *used;
        *used += size;
    }
    return memory;
}

static void *arena_alloc(void *data, size_t size)
{
    vx_arena *arena = data;
    void *memory = NULL;

    if (size > VX_ARENA_BYTES_MAX)
        return NULL;
    /* A whole multiple, never 0: each object has an address of its own. */
    size = (size / ALIGNMENT + 1) * ALIGNMENT;
    memory = take(arena->inlined, sizeof(arena->inlined), &arena->inline_used, size);
    if (memory != NULL)
        return memory;
    if (arena->large == NULL)
        arena->large = vx_malloc(VX_ARENA_BYTES_MAX);
    if (arena->large == NULL) {
        arena->is_out_of_memory = true;
        return NULL;
    }
    return take(arena->large, VX_ARENA_BYTES_MAX, &arena->large_used, size);
}

static void arena_free(void *data, void *memory)
{
    (void)data;
    (void)memory;
}

void vx_arena_begin(vx_arena *arena)
{
    arena->allocator = (ProtobufCAllocator){ arena_alloc, arena_free, arena };
    arena->inline_used = 0;
    arena->large_used = 0;
    arena->large = NULL;
    arena->is_out_of_memory = false;
}

void vx_arena_end(vx_arena *arena)
{
    vx_free(arena->large);
    arena->large = NULL;
}
