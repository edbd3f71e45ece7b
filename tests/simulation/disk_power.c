#include "disk_private.h"

#include <errno.h>

#include <stdlib.h>

#include <vx_base/assert.h>

vx_sim_disk *vx_sim_disk_destroy(vx_sim_disk *disk)
{
    if (disk == NULL)
        return NULL;
    vx_sim_nodes_destroy(disk);
    free(disk->handles);
    free(disk);
    return NULL;
}

const vx_files *vx_sim_disk_files(vx_sim_disk *disk)
{
    return &disk->files;
}

void vx_sim_disk_fail(vx_sim_disk *disk, vx_sim_op op, uint64_t k, int number)
{
    VX_ASSERT(op < VX_SIM_OP_MAX);
    disk->failures[op] = (failure){ k, number };
}

void vx_sim_disk_stop(vx_sim_disk *disk, uint64_t k)
{
    disk->stop_in = k;
}

void vx_sim_disk_close_all(vx_sim_disk *disk)
{
    for (size_t i = 0; i < disk->handles_count; i++) {
        disk->handles[i].to->locked = false;
        disk->handles[i].to->handles--;
    }
    disk->handles_count = 0;
}

void vx_sim_disk_crash(vx_sim_disk *disk)
{
    vx_sim_disk_close_all(disk);
    for (node *n = disk->nodes; n != NULL; n = n->next)
        if (!n->is_folder)
            vx_sim_file_lose(disk, n);
    vx_sim_names_lose(disk);
    for (size_t i = 0; i < VX_SIM_OP_MAX; i++)
        disk->failures[i] = (failure){ 0 };
    disk->stop_in = 0;
}

void vx_sim_disk_set_capacity(vx_sim_disk *disk, uint64_t capacity)
{
    disk->capacity = capacity;
}

uint64_t vx_sim_disk_count(const vx_sim_disk *disk, vx_sim_op op)
{
    VX_ASSERT(op < VX_SIM_OP_MAX);
    return disk->counts[op];
}

ssize_t vx_sim_disk_write_at(vx_sim_disk *disk, int number, const void *at, size_t size,
                             uint64_t offset)
{
    for (size_t i = 0; i < disk->handles_count; i++)
        if (disk->handles[i].number == number) {
            disk->handles[i].offset = offset;
            return disk->files.write(disk, number, at, size);
        }
    return -EBADF;
}

unsigned vx_sim_disk_open_handles(const vx_sim_disk *disk)
{
    return (unsigned)disk->handles_count;
}
