#include "task_private.h"

#include <math.h>

#include <vx_base/assert.h>

static vx_score_kind kind_of(vx_likelihood likelihood)
{
    switch (likelihood) {
    case VX_LIKELIHOOD_GAUSSIAN:
        return VX_SCORE_GAUSSIAN;
    case VX_LIKELIHOOD_BERNOULLI:
        return VX_SCORE_BERNOULLI;
    case VX_LIKELIHOOD_POISSON:
        return VX_SCORE_POISSON;
    case VX_LIKELIHOOD_NEGATIVE_BINOMIAL:
        return VX_SCORE_NEGATIVE_BINOMIAL;
    case VX_LIKELIHOOD_CATEGORICAL:
        break;
    }
    return VX_SCORE_CATEGORICAL;
}

static vx_mat widen(vx_matf from, vx_mat into)
{
    into.rows = from.rows;
    for (size_t b = 0; b < from.rows; b++)
        for (size_t k = 0; k < from.cols; k++)
            into.at[b * into.ld + k] = (double)from.at[b * from.ld + k];
    return into;
}

vx_status vx_task_predict(vx_task *task, vx_cvecf theta, size_t from, size_t size,
                          vx_score_data *ret_data)
{
    vx_task_batch *m = &task->memory;
    vx_matf outputs = m->outputs;
    vx_matf targets = m->targets_one;
    vx_task_rows rows = { 0, size };
    vx_batch batch;
    vx_status status = VX_OK;

    VX_ASSERT(size > 0 && size <= task->batch);
    for (size_t i = 0; i < size; i++)
        m->positions[i] = (uint32_t)(from + i);
    vx_task_look_up(task, size, false);
    batch = vx_task_fill_features(task, rows, 0, false);
    vx_task_fill_targets_one(task, rows);
    outputs.rows = size;
    targets.rows = targets.at != NULL ? size : 0;
    status = vx_model_predict(task->model, theta, &batch, outputs);
    if (status != VX_OK && status != VX_ERR_NONFINITE)
        return status;
    *ret_data = (vx_score_data){
        .kind = kind_of(vx_model_likelihood(task->model)),
        .variance = task->job->model.variance,
        .dispersion = task->job->model.dispersion,
        .outputs = vx_mat_const(widen(outputs, m->exact)),
        .labels = m->labels_one,
        .targets = vx_mat_const(widen(targets, m->exact_targets)),
    };
    return VX_OK;
}

static vx_status add_batch(vx_task *task, vx_cvecf theta, size_t from, size_t size)
{
    vx_task_batch *m = &task->memory;
    vx_task_rows rows = { 0, size };
    vx_batch batch;
    vx_status status = VX_OK;

    for (size_t i = 0; i < size; i++)
        m->positions[i] = (uint32_t)(from + i);
    vx_task_look_up(task, size, false);
    batch = vx_task_fill_features(task, rows, 0, false);
    vx_task_fill_targets(task, rows, false, &batch);
    status = vx_model_evaluate_columns(task->model, theta, &batch, m->evaluations);
    return status == VX_ERR_NONFINITE ? VX_OK : status; /* the sums are, too */
}

vx_status vx_task_evaluate_columns(vx_task *task, vx_cvecf theta, const vx_evaluation **ret_columns)
{
    size_t count = vx_dataset_get_info(task->dataset).count;

    for (size_t k = 0; k < task->columns; k++)
        task->memory.evaluations[k] = (vx_evaluation){ 0 };
    for (size_t from = 0; from < count; from += task->batch) {
        size_t size = count - from < task->batch ? count - from : task->batch;
        vx_status status = add_batch(task, theta, from, size);

        if (status != VX_OK)
            return status;
    }
    *ret_columns = task->memory.evaluations;
    return VX_OK;
}

vx_status vx_task_evaluate(vx_task *task, vx_cvecf theta, vx_task_result *ret_result)
{
    const vx_evaluation *columns = NULL;
    vx_likelihood likelihood = vx_model_likelihood(task->model);
    bool categorical = likelihood == VX_LIKELIHOOD_CATEGORICAL;
    bool sides = categorical || likelihood == VX_LIKELIHOOD_BERNOULLI;
    double nll = 0, correct = 0, deviance = 0;
    double k = (double)task->columns;
    vx_status status = vx_task_evaluate_columns(task, theta, &columns);

    if (status != VX_OK)
        return status;
    for (size_t i = 0; i < task->columns; i++) {
        nll += columns[i].nll_sum / columns[i].weight_sum;
        correct += (double)columns[i].correct / (double)columns[i].count;
        deviance += columns[i].deviance_sum / columns[i].weight_sum;
    }
    *ret_result = (vx_task_result){
        .nll = nll / k,
        .accuracy = sides ? correct / k : (double)NAN,
        .deviance = categorical ? (double)NAN : deviance / k,
        .count = columns[0].count,
    };
    return VX_OK;
}
