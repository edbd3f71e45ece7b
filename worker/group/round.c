#include "group_private.h"

#include <stdio.h>
#include <unistd.h>

#include <vx_worker_app/worker.h>

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
    return vx_group_take_vectors(group, err);
}

vx_status vx_group_take_shards(vx_group *group, vx_task *task, const uint32_t *shards, size_t count,
                               vx_error *err)
{
    vx_error why = { 0 };
    vx_status status = vx_task_take_shards(task, shards, count, &why);

    return vx_group_agree(group, status, &why, err);
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

    vx_group_get_theta(group);
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
    vx_group_leave_vectors(group);
    if (group->heads != MPI_COMM_NULL)
        MPI_Comm_free(&group->heads);
    MPI_Comm_free(&group->node);
    MPI_Comm_free(&group->commands);
}
