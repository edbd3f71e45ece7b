#include "task_private.h"

#include <math.h>

#include <vx_base/assert.h>
#include <vx_base/clock.h>

static void add_teacher(vx_task *task, vx_batch *batch)
{
    size_t d = vx_model_dimension(task->model);
    vx_status status = VX_OK;

    if (task->theta_of_teacher == NULL)
        return;
    status = vx_model_predict(task->model, (vx_cvecf){ task->theta_of_teacher, d }, batch,
                              task->memory.teacher);
    VX_ASSERT(status == VX_OK);
    batch->teacher = vx_matf_const(task->memory.teacher);
}

vx_batch vx_task_batch_at(vx_task *task, uint64_t round)
{
    vx_task_batch *m = &task->memory;
    vx_batch batch;

    vx_sampler_draw(task->sampler, round, m->drawn);
    for (size_t b = 0; b < task->batch; b++)
        m->positions[b] = task->indices != NULL ? task->indices[m->drawn[b]] : m->drawn[b];
    batch = vx_task_fill_features(task, task->batch, round, true);
    vx_task_fill_targets(task, task->batch, true, &batch);
    add_teacher(task, &batch);
    return batch;
}

void vx_task_gradient_at(vx_task *task, vx_cvecf theta, uint64_t round, vx_vecf ret_gradient,
                         vx_task_gradient *ret_about)
{
    vx_clock clock = vx_clock_system();
    uint64_t began = vx_clock_monotonic_ns(&clock);
    vx_batch batch = vx_task_batch_at(task, round);
    vx_status status =
        vx_model_nll_gradient(task->model, theta, &batch, ret_gradient, &ret_about->nll);

    /* A gradient that is not finite is sent as it is: the server refuses it and says whose it is.
     */
    VX_ASSERT(status == VX_OK || status == VX_ERR_NONFINITE);
    vx_clip_norm(ret_gradient, task->job->workers.clip_norm);
    vx_momentum_apply(task->momentum, round, ret_gradient);
    ret_about->effect = vx_fault_apply(task->plans, task->plans_count, task->job->seed, task->slot,
                                       round, ret_gradient);
    ret_about->nll /= (double)task->columns; /* the model tells the sum of the columns' means */
    ret_about->samples = task->batch;
    ret_about->compute_ns = vx_clock_monotonic_ns(&clock) - began;
}
