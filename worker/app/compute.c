#include "task.h"

#include <math.h>

#include <vx_base/assert.h>
#include <vx_base/clock.h>

static vx_standardise standardise_of(const vx_job *job)
{
    return (vx_standardise){ .mean = (float)job->data.mean,
                             .deviation = (float)job->data.deviation };
}

void vx_task_gradient_at(vx_task *task, vx_cvecf theta, uint64_t round, vx_vecf ret_gradient,
                         vx_task_gradient *ret_about)
{
    vx_clock clock = vx_clock_system();
    uint64_t began = vx_clock_monotonic_ns(&clock);
    vx_batch batch = { .features = vx_matf_const(task->features), .labels = task->labels };
    vx_status status = VX_OK;

    vx_sampler_draw(task->sampler, round, task->positions);
    for (size_t b = 0; task->indices != NULL && b < task->batch; b++)
        task->positions[b] = task->indices[task->positions[b]];
    vx_dataset_gather(task->dataset, task->positions, task->batch, standardise_of(task->job),
                      task->features, task->labels);
    status = vx_model_nll_gradient(task->model, theta, &batch, ret_gradient, &ret_about->nll);
    /* A gradient that is not finite is sent as it is: the server refuses it and says whose it is.
     */
    VX_ASSERT(status == VX_OK || status == VX_ERR_NONFINITE);
    vx_clip_norm(ret_gradient, task->job->workers.clip_norm);
    vx_momentum_apply(task->momentum, round, ret_gradient);
    ret_about->effect = vx_fault_apply(task->plans, task->plans_count, task->job->seed, task->slot,
                                       round, ret_gradient);
    ret_about->samples = task->batch;
    ret_about->compute_ns = vx_clock_monotonic_ns(&clock) - began;
}

vx_status vx_task_evaluate(vx_task *task, vx_cvecf theta, vx_evaluation *ret_result)
{
    size_t count = vx_dataset_get_info(task->dataset).count;
    vx_evaluation result = { 0 };

    for (size_t from = 0; from < count; from += task->batch) {
        size_t size = count - from < task->batch ? count - from : task->batch;
        vx_matf features = task->features;
        vx_batch batch = { .labels = task->labels };
        vx_status status = VX_OK;

        features.rows = size;
        for (size_t i = 0; i < size; i++)
            task->positions[i] = (uint32_t)(from + i);
        vx_dataset_gather(task->dataset, task->positions, size, standardise_of(task->job), features,
                          task->labels);
        batch.features = vx_matf_const(features);
        status = vx_model_evaluate(task->model, theta, &batch, &result);
        if (status != VX_OK && status != VX_ERR_NONFINITE)
            return status;
    }
    *ret_result = result;
    return VX_OK;
}
