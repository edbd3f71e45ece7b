#ifndef VX_DATA_BLOCK_H
#define VX_DATA_BLOCK_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <vx_base/status.h>

/* Bytes that are read and never written: in memory, or mapped from a file. Zeroed: none. */
typedef struct vx_block {
    const void *at;
    size_t size;
    void *heap;      /* owned, or NULL */
    const void *map; /* owned, or NULL */
    size_t map_size;
    bool made; /* by a builder: it stands in no file that has a name */
} vx_block;

void vx_block_clear(vx_block *block); /* frees, unmaps, zeroes */

/* size bytes of a regular file from offset on. VX_ERR_DATA when it is shorter. */
VX_MUST_CHECK vx_status vx_block_map(const char *path, size_t offset, size_t size,
                                     vx_block *ret_block, vx_error *err);

/* A whole regular file of at least `least` (> 0) bytes. VX_ERR_DATA when it is shorter. */
VX_MUST_CHECK vx_status vx_block_map_file(const char *path, size_t least, vx_block *ret_block,
                                          vx_error *err);

/* Where a block grows. */
typedef struct vx_block_place {
    size_t memory_bytes; /* beyond it the block goes to a file */
    const char *folder;  /* of that file; borrowed */
} vx_block_place;

/*
 * A block in the making. Zeroed, and vx_block_abandon of a zeroed one does nothing. The file is
 * unlinked as soon as it is open: nothing is left of it, whatever happens to the process.
 */
typedef struct vx_builder {
    vx_block_place place;
    uint8_t *at; /* owned; what is not in the file */
    size_t used, room;
    size_t written; /* bytes in the file */
    bool in_file;
    int handle; /* of the file, when in_file */
} vx_builder;

VX_MUST_CHECK vx_status vx_builder_add(vx_builder *builder, const void *at, size_t size,
                                       vx_error *err);
/* Moves what was added into a block; the builder is zeroed also on failure. */
VX_MUST_CHECK vx_status vx_builder_end(vx_builder *builder, vx_block *ret_block, vx_error *err);
/* The same of a builder without memory of its own (memory_bytes 0), whose file stays open: the
 * caller closes *ret_handle. */
VX_MUST_CHECK vx_status vx_builder_end_open(vx_builder *builder, vx_block *ret_block,
                                            int *ret_handle, vx_error *err);
void vx_builder_abandon(vx_builder *builder);
#endif
