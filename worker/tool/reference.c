#include <inttypes.h>
#include <stdio.h>

#include <vx_base/alloc.h>

#include "tool_private.h"

vx_status vx_tool_reference(const vx_tool_options *options, vx_error *err)
{
    vx_job *job = NULL;
    vx_task task = { 0 };
    vx_task_place place;
    vx_status status = vx_tool_load_job(options, &job, err);

    if (status != VX_OK)
        return status;
    place = vx_tool_place(options, job);
    status = vx_task_create_data(job, &place, &task, err);
    if (status == VX_OK)
        status = vx_reference_write(task.dataset, options->out, err);
    if (status == VX_OK)
        (void)printf("%s: %zu features of %zu observations\n", options->out,
                     vx_dataset_get_info(task.dataset).features,
                     vx_dataset_get_info(task.dataset).count);
    vx_task_destroy(&task);
    return status;
}

static void print_tensor(const vx_model_tensor *tensor)
{
    (void)printf("#   %s (", tensor->name);
    for (size_t i = 0; i < tensor->rank; i++)
        (void)printf("%s%zu", i > 0 ? ", " : "", tensor->shape[i]);
    (void)puts(")");
}

static vx_status print_json(const vx_task *task, vx_error *err)
{
    json_t *tensors = json_array();

    for (size_t i = 0; i < vx_model_tensor_count(task->model); i++) {
        vx_model_tensor tensor = vx_model_tensor_at(task->model, i);
        json_t *shape = json_array();

        for (size_t k = 0; k < tensor.rank; k++)
            (void)json_array_append_new(shape, json_integer((json_int_t)tensor.shape[k]));
        (void)json_array_append_new(tensors,
                                    json_pack("{s:s, s:o}", "name", tensor.name, "shape", shape));
    }
    return vx_tool_print_json(json_pack("{s:i, s:I, s:o}", "format", 1, "dimension",
                                        (json_int_t)vx_model_dimension(task->model), "tensors",
                                        tensors),
                              err);
}

/* As comments, so that they may stand behind a job file. */
vx_status vx_tool_model(const vx_tool_options *options, vx_error *err)
{
    vx_job *job = NULL;
    vx_task task = { 0 };
    vx_task_place place;
    vx_status status = vx_tool_load_job(options, &job, err);

    if (status != VX_OK)
        return status;
    place = vx_tool_place(options, job);
    status = vx_task_create_evaluator(job, &place, &task, err);
    if (status == VX_OK && options->json) {
        status = print_json(&task, err);
    } else if (status == VX_OK) {
        (void)printf("# The model has %zu parameters:\n", vx_model_dimension(task.model));
        for (size_t i = 0; i < vx_model_tensor_count(task.model); i++) {
            vx_model_tensor tensor = vx_model_tensor_at(task.model, i);

            print_tensor(&tensor);
        }
    }
    vx_task_destroy(&task);
    return status;
}
