#include <stdio.h>

#include <vx_base/alloc.h>
#include <vx_likelihood/gradcheck.h>

#include "tool_private.h"

#define BATCH_MAX 32 /* observations that a check needs at most: 13 gradients a coordinate */

static json_t *row_object(const char *name, size_t numbers, const vx_gradcheck_result *r)
{
    return json_pack("{s:s, s:I, s:I, s:f, s:o, s:o, s:I, s:f}", "tensor", name, "numbers",
                     (json_int_t)numbers, "checked", (json_int_t)r->checked, "worst", r->worst,
                     "analytic", vx_tool_real(r->analytic), "numeric", vx_tool_real(r->numeric),
                     "coordinate", (json_int_t)r->coordinate, "float_worst", r->float_worst);
}

static void print_row(const char *name, size_t numbers, const vx_gradcheck_result *r,
                      double tolerance)
{
    (void)printf("%-28.28s %10zu %8zu  %10.3g  %10.3g  %s\n", name, numbers, r->checked, r->worst,
                 r->float_worst, r->worst <= tolerance ? "right" : "WRONG");
    if (!(r->worst <= tolerance))
        (void)printf("    number %zu at point %zu: %.12g, differences say %.12g\n", r->coordinate,
                     r->point, r->analytic, r->numeric);
}

typedef struct checked {
    const vx_tool_options *options;
    const vx_model_spec *spec;
    const vx_batch *batch;
    json_t *rows;
    double worst;
} checked;

static vx_status check_tensor(checked *c, const vx_task *task, size_t index, vx_error *err)
{
    vx_model_tensor tensor = vx_model_tensor_at(task->model, index);
    vx_gradcheck_options how = { .seed = task->job->seed,
                                 .points = (size_t)c->options->points,
                                 .coordinates = (size_t)c->options->coordinates,
                                 .first = tensor.offset,
                                 .range = 1 };
    vx_gradcheck_result result = { 0 };
    vx_status status = VX_OK;

    for (size_t i = 0; i < tensor.rank; i++)
        how.range *= tensor.shape[i];
    status = vx_gradcheck(c->spec, c->batch, &how, &result, err);
    if (status != VX_OK)
        return status;
    if (!(result.worst <= c->worst))
        c->worst = result.worst;
    if (!c->options->json)
        print_row(tensor.name, how.range, &result, c->options->tolerance);
    else
        (void)json_array_append_new(c->rows, row_object(tensor.name, how.range, &result));
    return VX_OK;
}

static vx_status check_all(vx_task *task, checked *c, vx_error *err)
{
    bool right = false;
    vx_status status = VX_OK;

    if (!c->options->json)
        (void)printf("%-28s %10s %8s  %10s  %10s\n", "tensor", "numbers", "checked", "worst",
                     "in float");
    for (size_t i = 0; status == VX_OK && i < vx_model_tensor_count(task->model); i++)
        status = check_tensor(c, task, i, err);
    if (status != VX_OK) {
        json_decref(c->rows);
        return status;
    }
    right = c->worst <= c->options->tolerance;
    if (c->options->json)
        status = vx_tool_print_json(json_pack("{s:i, s:f, s:f, s:b, s:o}", "format", 1, "tolerance",
                                              c->options->tolerance, "worst", c->worst, "right",
                                              right, "tensors", c->rows),
                                    err);
    else
        json_decref(c->rows);
    if (status == VX_OK && !right)
        return vx_fail(err, VX_ERR_DATA,
                       "the gradient is wrong: relative error %.3g, at most %.3g is right",
                       c->worst, c->options->tolerance);
    return status;
}

vx_status vx_tool_gradcheck(const vx_tool_options *options, vx_error *err)
{
    vx_job *job = NULL;
    vx_task task = { 0 };
    vx_model_spec spec = { 0 };
    size_t *lists = NULL;
    vx_task_place place;
    vx_status status = vx_tool_load_job(options, &job, err);

    if (status != VX_OK)
        return status;
    if (job->data.batch > BATCH_MAX)
        job->data.batch = BATCH_MAX;
    job->workers.ranks = job->workers.blocks = 1;
    place = vx_tool_place(options, job);
    status = vx_task_create_worker(job, &place, &task, err);
    if (status == VX_OK)
        status = vx_task_spec(task.job, vx_dataset_get_info(task.dataset), task.sparse, task.batch,
                              &spec, &lists, err);
    if (status == VX_OK) {
        vx_batch batch = vx_task_batch_at(&task, 0, 0);
        checked c = { options, &spec, &batch, json_array(), 0 };

        status = check_all(&task, &c, err);
    }
    vx_free(lists);
    vx_task_destroy(&task);
    return status;
}
