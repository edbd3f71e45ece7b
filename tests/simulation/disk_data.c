#include "disk_private.h"

#include <stdlib.h>
#include <string.h>

void *vx_sim_must(void *memory)
{
    if (memory == NULL)
        abort();
    return memory;
}

static void image_reserve(image *bytes, uint64_t size)
{
    uint64_t room = (size + SECTOR - 1) / SECTOR * SECTOR;

    if (room <= bytes->room)
        return;
    if (room < 2 * bytes->room)
        room = 2 * bytes->room;
    bytes->at = vx_sim_must(realloc(bytes->at, room));
    memset(bytes->at + bytes->room, 0, room - bytes->room);
    bytes->room = room;
}

static void reserve(node *file, uint64_t size)
{
    uint64_t before = file->now.room / SECTOR;
    uint64_t after = 0;

    image_reserve(&file->now, size);
    image_reserve(&file->durable, file->now.room);
    after = file->now.room / SECTOR;
    if (after == before)
        return;
    file->states = vx_sim_must(realloc(file->states, after));
    memset(file->states + before, SECTOR_CLEAN, after - before);
}

static void note_size(node *file, uint64_t size)
{
    file->now.size = size;
    if (size < file->size_low)
        file->size_low = size;
    if (size > file->size_high)
        file->size_high = size;
}

static void mark_dirty(node *file, uint64_t begin, uint64_t end)
{
    for (uint64_t i = begin / SECTOR; i * SECTOR < end; i++)
        file->states[i] = SECTOR_DIRTY;
}

void vx_sim_file_write(node *file, uint64_t offset, const void *at, uint64_t size)
{
    uint64_t end = offset + size;

    if (size == 0)
        return;
    reserve(file, end);
    memcpy(file->now.at + offset, at, size);
    mark_dirty(file, offset, end);
    if (end > file->now.size)
        note_size(file, end);
}

void vx_sim_file_resize(node *file, uint64_t size)
{
    uint64_t before = file->now.size;

    reserve(file, size);
    if (size < before) {
        memset(file->now.at + size, 0, before - size);
        mark_dirty(file, size, before);
    }
    note_size(file, size);
}

static void sector_arrive(node *file, uint64_t i)
{
    memcpy(file->durable.at + i * SECTOR, file->now.at + i * SECTOR, SECTOR);
    file->states[i] = SECTOR_CLEAN;
}

static void settle_size(node *file, uint64_t size)
{
    file->now.size = file->durable.size = size;
    file->size_low = file->size_high = size;
}

void vx_sim_file_sync(node *file)
{
    for (uint64_t i = 0; i < file->now.room / SECTOR; i++)
        if (file->states[i] == SECTOR_DIRTY)
            sector_arrive(file, i);
    settle_size(file, file->now.size);
}

void vx_sim_file_sync_fail(vx_sim_disk *disk, node *file)
{
    for (uint64_t i = 0; i < file->now.room / SECTOR; i++) {
        if (file->states[i] != SECTOR_DIRTY)
            continue;
        if (vx_rng_below(&disk->rng, 2) == 0)
            sector_arrive(file, i);
        else
            file->states[i] = SECTOR_DROPPED;
    }
    if (vx_rng_below(&disk->rng, 2) == 0)
        file->durable.size = file->now.size;
}

static uint64_t size_between(vx_sim_disk *disk, const node *file)
{
    switch (vx_rng_below(&disk->rng, 4)) {
    case 0:
        return file->size_low;
    case 1:
        return file->size_high;
    case 2:
        return file->now.size;
    default:
        return file->size_low + vx_rng_below(&disk->rng, file->size_high - file->size_low + 1);
    }
}

void vx_sim_file_lose(vx_sim_disk *disk, node *file)
{
    enum { NOTHING, EVERYTHING, SOME, WAYS };
    uint64_t way = vx_rng_below(&disk->rng, WAYS);
    uint64_t size = way == NOTHING ? file->durable.size : file->now.size;

    for (uint64_t i = 0; i < file->now.room / SECTOR; i++)
        if (file->states[i] == SECTOR_DIRTY &&
            (way == EVERYTHING || (way == SOME && vx_rng_below(&disk->rng, 2) == 0)))
            sector_arrive(file, i);
    if (way == SOME)
        size = size_between(disk, file);
    if (file->now.room > 0) {
        memset(file->durable.at + size, 0, file->durable.room - size);
        memcpy(file->now.at, file->durable.at, file->now.room);
        memset(file->states, SECTOR_CLEAN, file->now.room / SECTOR);
    }
    settle_size(file, size);
}

void vx_sim_file_clear(node *file)
{
    free(file->now.at);
    free(file->durable.at);
    free(file->states);
    file->now = file->durable = (image){ 0 };
    file->states = NULL;
}
