#include "server_private.h"

#include <vx_plan/plan.h>

static size_t numbers_of(const vx_wire_tensor *tensor)
{
    size_t numbers = 1;

    for (size_t k = 0; k < tensor->rank; k++)
        numbers *= tensor->shape[k];
    return numbers;
}

/* The tensors are those that the evaluator has told: a resumed run has them too before it reads
 * what it goes on with, and refuses a checkpoint of others. */
vx_status vx_server_optimiser_create(vx_server *server, vx_error *err)
{
    vx_plan_tensor tensors[VX_TENSORS_MAX];

    for (size_t i = 0; i < server->tensors_count; i++) {
        const vx_wire_tensor *tensor = &server->tensors[i];

        tensors[i] = (vx_plan_tensor){ numbers_of(tensor), tensor->is_weight };
    }
    return vx_plan_optimiser_create(server->job, server->dimension, tensors, server->tensors_count,
                                    &server->optimiser, err);
}
