#include "group_private.h"

#include <stdio.h>
#include <unistd.h>

#include <vx_worker_app/worker.h>

/* Parameters are there once a host: the first rank of each holds them, the others look. */
static void share_theta(vx_group *group)
{
    MPI_Aint size = 0;
    int unit = 0;

    size = group->node_rank == 0 ? (MPI_Aint)(group->dimension * sizeof(float)) : 0;
    MPI_Win_allocate_shared(size, sizeof(float), MPI_INFO_NULL, group->node, &group->theta,
                            &group->window);
    MPI_Win_shared_query(group->window, 0, &size, &unit, &group->theta);
    MPI_Win_lock_all(MPI_MODE_NOCHECK, group->window);
}

static vx_status take_memory(vx_group *group, vx_error *err)
{
    vx_exchange_path path = group->hosts == 1 ? VX_EXCHANGE_MEMORY : VX_EXCHANGE_MESSAGES;

    if (vx_exchange_create(group->commands, group->dimension, path, VX_EXCHANGE_OVERLAPPED,
                           &group->exchange) != VX_OK)
        return vx_fail(err, VX_ERR_NOMEM, "no memory for %zu parameters", group->dimension);
    return VX_OK;
}

/* What the first rank of a host tells the others of its data. */
typedef enum data_state { DATA_FAILED, DATA_IN_ITS_FILES, DATA_SHARED } data_state;

typedef struct data_offer {
    int32_t state; /* data_state */
    int32_t handle;
    int64_t pid;
} data_offer;

static vx_status hold_data(vx_group *group, vx_cbytes job, vx_task *ret_task, vx_error *err)
{
    vx_worker_part part = { .rank = (uint32_t)group->rank,
                            .local = (uint32_t)group->node_size,
                            .shares = group->node_size > 1 };
    vx_status status = vx_worker_create_task(&group->bootstrap, &part, job, ret_task, err);
    data_offer offer = { .state = DATA_FAILED, .handle = -1, .pid = getpid() };

    if (status == VX_OK && ret_task->is_shared) {
        offer.state = DATA_SHARED;
        offer.handle = ret_task->shared;
    } else if (status == VX_OK) {
        offer.state = DATA_IN_ITS_FILES;
    }
    vx_group_tell(group->node, &offer, sizeof(offer));
    return status;
}

static vx_status use_data(vx_group *group, vx_cbytes job, vx_task *ret_task, vx_error *err)
{
    vx_worker_part part = { .rank = (uint32_t)group->rank, .local = (uint32_t)group->node_size };
    data_offer offer = { 0 };
    char path[64];

    vx_group_tell(group->node, &offer, sizeof(offer)); /* the first may read for long */
    if (offer.state == DATA_FAILED)
        return VX_OK; /* it says why */
    if (offer.state == DATA_SHARED) {
        snprintf(path, sizeof(path), "/proc/%lld/fd/%d", (long long)offer.pid, (int)offer.handle);
        part.shared = path;
    }
    return vx_worker_create_task(&group->bootstrap, &part, job, ret_task, err);
}

vx_status vx_group_set_up(vx_group *group, vx_cbytes job, vx_task *ret_task, vx_error *err)
{
    vx_error why = { 0 };
    vx_status status = group->node_rank == 0 ? hold_data(group, job, ret_task, &why)
                                             : use_data(group, job, ret_task, &why);

    status = vx_group_agree(group, status, &why, err); /* the holder's file stays open until here */
    if (status != VX_OK)
        return status;
    group->dimension = vx_model_dimension(ret_task->model);
    status = take_memory(group, &why);
    status = vx_group_agree(group, status, &why, err);
    if (status != VX_OK)
        return status;
    vx_exchange_connect(group->exchange, group->commands);
    share_theta(group);
    return VX_OK;
}

vx_status vx_group_take_shards(vx_group *group, vx_task *task, const uint32_t *shards, size_t count,
                               vx_error *err)
{
    vx_error why = { 0 };
    vx_status status = vx_task_take_shards(task, shards, count, &why);

    return vx_group_agree(group, status, &why, err);
}

/* The leader has put the parameters into its host's window before it gave the command. */
static void get_theta(vx_group *group)
{
    MPI_Win_sync(group->window);
    if (group->hosts == 1)
        return;
    if (group->heads != MPI_COMM_NULL)
        vx_group_spread(group->heads, group->theta, group->dimension * sizeof(float));
    MPI_Win_sync(group->window);
    MPI_Barrier(group->node);
    MPI_Win_sync(group->window);
}

static void on_ready(void *exchange, size_t offset, size_t count)
{
    vx_exchange_announce(exchange, offset, count);
}

static vx_task_partial add_abouts(const vx_group *group, const vx_task_partial *own)
{
    vx_task_partial all[VX_BLOCKS_MAX];
    int size = (int)sizeof(*own);

    MPI_Gather(own, size, MPI_BYTE, all, size, MPI_BYTE, 0, group->commands);
    return group->rank == 0 ? vx_task_partial_add(all, (size_t)group->size) : *own;
}

void vx_group_gradient(vx_group *group, vx_task *task, uint64_t round, float *ret_gradient,
                       vx_task_gradient *ret_about)
{
    size_t count = task->blocks / (size_t)group->size;
    vx_flow flow = { on_ready, group->exchange };
    vx_vecf part = { vx_exchange_part(group->exchange), group->dimension };
    vx_task_partial about;

    get_theta(group);
    vx_exchange_begin(group->exchange, ret_gradient);
    vx_task_partial_at(task, (vx_cvecf){ group->theta, group->dimension }, round,
                       (size_t)group->rank * count, count, &flow, part, &about);
    vx_exchange_end(group->exchange);
    about = add_abouts(group, &about);
    if (group->rank == 0)
        vx_task_finish_at(task, round, &about, (vx_vecf){ ret_gradient, group->dimension },
                          ret_about);
}

void vx_group_take_down(vx_group *group)
{
    if (group->window != MPI_WIN_NULL) {
        MPI_Win_unlock_all(group->window);
        MPI_Win_free(&group->window);
    }
    group->exchange = vx_exchange_destroy(group->exchange);
    if (group->heads != MPI_COMM_NULL)
        MPI_Comm_free(&group->heads);
    MPI_Comm_free(&group->node);
    MPI_Comm_free(&group->commands);
}
