#include "group_private.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <vx_base/alloc.h>

#include "space.h"

#define HEADS_OF_WINDOWS ((uint64_t)64 << 10) /* what MPI adds */

/* Of this host. The window of one rank alone is no shared memory. */
static uint64_t window_bytes(const vx_group *group)
{
    uint64_t bytes = group->dimension * sizeof(float) + HEADS_OF_WINDOWS;

    if (group->node_size == 1)
        return 0;
    if (group->hosts == 1)
        bytes += vx_exchange_window_bytes(group->dimension, (size_t)group->size);
    return bytes + bytes / 16; /* Open MPI wants 5 % more free than it takes */
}

/* By the first rank of a host that lacks room. */
static void say_no_room(const vx_group *group, const char *folder, uint64_t room, uint64_t needed)
{
    char host[MPI_MAX_PROCESSOR_NAME] = "";
    int length = 0;

    MPI_Get_processor_name(host, &length);
    fprintf(stderr,
            "vexil-worker: slot %u: rank %d on %s: %s has %" PRIu64 " bytes free for shared memory "
            "of %d ranks, %" PRIu64 " are needed: they send messages instead, with the same bits, "
            "but slower; give it more room (docker run --shm-size, mount -o remount,size=)\n",
            group->bootstrap.slot, group->rank, host, folder, room, group->node_size, needed);
}

/* Whether every host has room for its windows, on all ranks alike. */
static bool has_room(const vx_group *group)
{
    char folder[VX_PATH_MAX];
    uint64_t needed = window_bytes(group);
    uint64_t room = 0;
    int enough = 1;

    if (group->node_rank == 0 && needed > 0) {
        vx_space_folder(folder);
        room = vx_space_free(folder, (unsigned)group->node_size);
        enough = room >= needed ? 1 : 0;
        if (enough == 0)
            say_no_room(group, folder, room, needed);
    }
    MPI_Allreduce(MPI_IN_PLACE, &enough, 1, MPI_INT, MPI_MIN, group->commands);
    return enough == 1;
}

/* Parameters are there once a host: the first rank of each holds them, the others look. */
static vx_status share_theta(vx_group *group)
{
    MPI_Aint size = 0;
    int unit = 0;
    int there = 1;

    size = group->node_rank == 0 ? (MPI_Aint)(group->dimension * sizeof(float)) : 0;
    MPI_Win_allocate_shared(size, sizeof(float), MPI_INFO_NULL, group->node, &group->theta,
                            &group->window);
    MPI_Win_shared_query(group->window, 0, &size, &unit, &group->theta);
    MPI_Win_lock_all(MPI_MODE_NOCHECK, group->window);
    if (group->node_rank == 0 && group->node_size > 1)
        there = vx_space_take(group->theta, group->dimension * sizeof(float)) ? 1 : 0;
    MPI_Allreduce(MPI_IN_PLACE, &there, 1, MPI_INT, MPI_MIN, group->commands);
    return there == 1 ? VX_OK : VX_ERR_SPACE;
}

/* What can be refused on one rank alone. */
static vx_status take_own(vx_group *group, bool windows, vx_error *err)
{
    bool one_host = group->hosts == 1;
    vx_status status =
        vx_exchange_create(group->commands, group->dimension,
                           windows && one_host ? VX_EXCHANGE_MEMORY : VX_EXCHANGE_MESSAGES,
                           VX_EXCHANGE_OVERLAPPED, &group->exchange);

    if (status == VX_OK && !windows) {
        group->own_theta = vx_aligned_calloc(group->dimension, sizeof(float));
        status = group->own_theta != NULL ? VX_OK : VX_ERR_NOMEM;
    }
    return status == VX_OK
               ? VX_OK
               : vx_fail(err, VX_ERR_NOMEM, "no memory for %zu parameters", group->dimension);
}

/* VX_ERR_SPACE: windows have no room, though there seemed to be; on all ranks. */
static vx_status take(vx_group *group, bool windows, vx_error *err)
{
    vx_error why = { 0 };
    vx_status status = take_own(group, windows, &why);

    status = vx_group_agree(group, status, &why, err);
    if (status == VX_OK)
        status = vx_exchange_connect(group->exchange, group->commands);
    if (status == VX_OK && windows)
        status = share_theta(group);
    if (!windows)
        group->theta = group->own_theta;
    return status;
}

/* Another process has filled the folder meanwhile. */
static void say_full(const vx_group *group)
{
    if (group->node_rank == 0)
        fprintf(stderr,
                "vexil-worker: slot %u: rank %d: the shared memory of %d ranks was full when they "
                "took it: they send messages instead, with the same bits, but slower\n",
                group->bootstrap.slot, group->rank, group->node_size);
}

static vx_status take_windows(vx_group *group, vx_error *err)
{
    vx_status status = VX_ERR_SPACE;
    /* A rank that waits for this host's lock with that of another host could wait for ever. */
    int lock = group->hosts == 1 && group->rank == 0 ? vx_space_lock() : -1;

    if (has_room(group)) {
        status = take(group, true, err);
        if (status == VX_ERR_SPACE)
            say_full(group);
    }
    vx_space_unlock(lock);
    return status;
}

vx_status vx_group_take_vectors(vx_group *group, vx_error *err)
{
    vx_status status = take_windows(group, err);

    if (status != VX_ERR_SPACE)
        return status;
    vx_group_leave_vectors(group);
    return take(group, false, err);
}

void vx_group_put_theta(vx_group *group, vx_cvecf theta)
{
    memcpy(group->theta, theta.at, theta.n * sizeof(float));
    if (group->window != MPI_WIN_NULL)
        MPI_Win_sync(group->window);
}

/* The leader has put the parameters into its host's window, if there is one, before it gave the
 * command. */
void vx_group_get_theta(vx_group *group)
{
    size_t bytes = group->dimension * sizeof(float);

    if (group->window == MPI_WIN_NULL) {
        vx_group_spread(group->commands, group->theta, bytes);
        return;
    }
    MPI_Win_sync(group->window);
    if (group->hosts == 1)
        return;
    if (group->heads != MPI_COMM_NULL)
        vx_group_spread(group->heads, group->theta, bytes);
    MPI_Win_sync(group->window);
    MPI_Barrier(group->node);
    MPI_Win_sync(group->window);
}

void vx_group_leave_vectors(vx_group *group)
{
    if (group->window != MPI_WIN_NULL) {
        MPI_Win_unlock_all(group->window);
        MPI_Win_free(&group->window);
    }
    group->exchange = vx_exchange_destroy(group->exchange);
    vx_free(group->own_theta);
    group->own_theta = NULL;
}
