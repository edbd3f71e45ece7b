#include "block.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <vx_base/alloc.h>
#include <vx_base/assert.h>
#include <vx_base/file.h>
#include <vx_base/limits.h>

#define FIRST_ROOM  4096u
#define BUFFER_ROOM ((size_t)1 << 16) /* of a block in a file */
#define NAMES_MAX   1000              /* names that are tried */

void vx_block_clear(vx_block *block)
{
    vx_free(block->heap);
    vx_file_unmap((vx_cbytes){ block->map, block->map_size });
    *block = (vx_block){ 0 };
}

static vx_block of_map(vx_cbytes file)
{
    return (vx_block){ .at = file.at, .size = file.size, .map = file.at, .map_size = file.size };
}

vx_status vx_block_map_file(const char *path, size_t least, vx_block *ret_block, vx_error *err)
{
    vx_cbytes file = { NULL, 0 };
    vx_status status = vx_file_map(path, least, &file, err);

    if (status == VX_OK)
        *ret_block = of_map(file);
    return status;
}

vx_status vx_block_map(const char *path, size_t offset, size_t size, vx_block *ret_block,
                       vx_error *err)
{
    vx_block whole = { 0 };
    vx_status status = vx_block_map_file(path, offset + size, &whole, err);

    if (status != VX_OK)
        return status;
    whole.at = (const uint8_t *)whole.at + offset;
    whole.size = size;
    *ret_block = whole;
    return VX_OK;
}

static vx_status fail_scratch(const vx_builder *builder, vx_status status, vx_error *err)
{
    if (status != VX_ERR_SPACE)
        return status;
    return vx_fail(err, status,
                   "%s: no space left for observations, %zu bytes are there; set TMPDIR to a "
                   "folder with room for all of them",
                   builder->place.folder, builder->written);
}

/* Opens the file and takes its name away. */
static vx_status open_scratch(vx_builder *builder, vx_error *err)
{
    static atomic_uint serial;
    const vx_files *files = vx_files_current();
    char path[VX_PATH_MAX];
    int handle = -EEXIST;
    int result = 0;

    for (int i = 0; handle == -EEXIST && i < NAMES_MAX; i++) {
        int length = snprintf(path, sizeof(path), "%s/vexil-data-%ld-%u", builder->place.folder,
                              (long)getpid(), atomic_fetch_add(&serial, 1));

        if (length < 0 || (size_t)length >= sizeof(path))
            return vx_fail(err, VX_ERR_LIMIT, "the folder for temporary files has too long a path");
        handle = files->open(files->context, path, O_RDWR | O_CREAT | O_EXCL, 0600);
    }
    if (handle < 0)
        return fail_scratch(builder, vx_file_fail(err, handle, "create", path), err);
    result = files->remove(files->context, path);
    if (result < 0) {
        vx_file_close(handle);
        return vx_file_fail(err, result, "remove", path);
    }
    builder->handle = handle;
    builder->in_file = true;
    return VX_OK;
}

static vx_status write_out(vx_builder *builder, const void *at, size_t size, vx_error *err)
{
    vx_status status =
        vx_file_write_all(builder->handle, (vx_cbytes){ at, size }, builder->place.folder, err);

    if (status != VX_OK)
        return fail_scratch(builder, status, err);
    builder->written += size;
    return VX_OK;
}

static vx_status flush(vx_builder *builder, vx_error *err)
{
    vx_status status = write_out(builder, builder->at, builder->used, err);

    if (status == VX_OK)
        builder->used = 0;
    return status;
}

static vx_status take_room(vx_builder *builder, size_t room, vx_error *err)
{
    uint8_t *at = vx_realloc(builder->at, room);

    if (at == NULL)
        return vx_fail(err, VX_ERR_NOMEM, "no memory for %zu bytes of observations", room);
    builder->at = at;
    builder->room = room;
    return VX_OK;
}

/* From memory to a file: what was taken for the block in memory is given back. */
static vx_status move_to_file(vx_builder *builder, vx_error *err)
{
    vx_status status = open_scratch(builder, err);

    if (status == VX_OK)
        status = flush(builder, err);
    return status == VX_OK ? take_room(builder, BUFFER_ROOM, err) : status;
}

/* Room for size bytes more, in memory. */
static vx_status grow(vx_builder *builder, size_t size, vx_error *err)
{
    size_t room = builder->room < FIRST_ROOM ? FIRST_ROOM : builder->room;

    if (size <= builder->room - builder->used)
        return VX_OK;
    while (room - builder->used < size)
        room *= 2;
    if (room > builder->place.memory_bytes)
        room = builder->place.memory_bytes;
    return take_room(builder, room, err);
}

vx_status vx_builder_add(vx_builder *builder, const void *at, size_t size, vx_error *err)
{
    vx_status status = VX_OK;

    VX_ASSERT(builder->place.folder != NULL);
    if (!builder->in_file) {
        bool fits = builder->used <= builder->place.memory_bytes &&
                    size <= builder->place.memory_bytes - builder->used;

        status = fits ? grow(builder, size, err) : move_to_file(builder, err);
        if (status != VX_OK)
            return status;
    }
    if (builder->in_file && size > builder->room - builder->used) {
        status = flush(builder, err);
        if (status == VX_OK && size > builder->room)
            return write_out(builder, at, size, err);
        if (status != VX_OK)
            return status;
    }
    if (size > 0)
        memcpy(builder->at + builder->used, at, size);
    builder->used += size;
    return VX_OK;
}

static vx_status end_in_file(vx_builder *builder, vx_block *ret_block, vx_error *err)
{
    const char *folder = builder->place.folder;
    vx_cbytes file = { NULL, 0 };
    vx_status status = flush(builder, err);

    if (status == VX_OK)
        status = vx_file_map_handle(builder->handle, folder, builder->written, &file, err);
    if (status != VX_OK)
        return status;
    *ret_block = of_map(file);
    ret_block->made = true;
    return VX_OK;
}

vx_status vx_builder_end_open(vx_builder *builder, vx_block *ret_block, int *ret_handle,
                              vx_error *err)
{
    vx_status status = VX_OK;

    VX_ASSERT(builder->in_file);
    status = end_in_file(builder, ret_block, err);
    if (status == VX_OK) {
        *ret_handle = builder->handle;
        builder->in_file = false; /* moved */
    }
    vx_builder_abandon(builder);
    return status;
}

vx_status vx_builder_end(vx_builder *builder, vx_block *ret_block, vx_error *err)
{
    vx_status status = VX_OK;

    if (builder->in_file) {
        status = end_in_file(builder, ret_block, err);
    } else {
        if (builder->used > 0) /* gives back what is too much */
            status = take_room(builder, builder->used, err);
        if (status == VX_OK) {
            *ret_block = (vx_block){
                .at = builder->at, .size = builder->used, .heap = builder->at, .made = true
            };
            builder->at = NULL; /* moved */
        }
    }
    vx_builder_abandon(builder);
    return status;
}

void vx_builder_abandon(vx_builder *builder)
{
    if (builder->in_file)
        vx_file_close(builder->handle);
    vx_free(builder->at);
    *builder = (vx_builder){ 0 };
}
