#include <vx_base/alloc.h>
#include <vx_place/place.h>

#include "tool_private.h"

vx_status vx_tool_load_job(const vx_tool_options *options, vx_job **ret_job, vx_error *err)
{
    return vx_job_load(options->job, options->sets, options->sets_count, ret_job, err);
}

vx_task_place vx_tool_place(const vx_tool_options *options, const vx_job *job)
{
    vx_place here = { .cores = 0 };

    if (vx_place_here(&here, NULL) != VX_OK)
        here.cores = 0; /* those of the machine */
    return (vx_task_place){
        .slot = (uint32_t)options->slot,
        .data_dir = options->data_dir != NULL ? options->data_dir : "",
        .local_workers =
            (uint32_t)(options->local_workers > 0 ? options->local_workers : job->workers.count),
        .cores = here.cores,
    };
}

vx_status vx_tool_parameters(const vx_tool_options *options, const vx_task *task,
                             vx_vecf *ret_theta, vx_error *err)
{
    size_t d = vx_model_dimension(task->model);
    vx_vecf theta = { vx_aligned_calloc(d, sizeof(float)), d };
    vx_status status = VX_OK;

    if (theta.at == NULL)
        return vx_fail(err, VX_ERR_NOMEM, "no memory for %zu parameters", d);
    if (options->params == NULL)
        vx_model_initialise(task->model, task->job->seed, theta);
    else
        status = vx_task_read_parameters(task->model, options->params, theta, err);
    if (status != VX_OK) {
        vx_free(theta.at);
        return vx_error_prefix(err, "--params");
    }
    *ret_theta = theta;
    return VX_OK;
}
