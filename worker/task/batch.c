#include "task_private.h"

#include <string.h>

#include <vx_base/alloc.h>
#include <vx_base/assert.h>
#include <vx_base/sum.h>
#include <vx_data/columns.h>

static vx_matf new_mat(size_t rows, size_t cols)
{
    return (vx_matf){ vx_aligned_calloc(rows * cols, sizeof(float)), rows, cols, cols };
}

static vx_mat new_exact(size_t rows, size_t cols)
{
    return (vx_mat){ vx_calloc(rows * cols, sizeof(double)), rows, cols, cols };
}

static bool weighs(const vx_task *task)
{
    vx_job_columns_kind kind = task->job->model.columns.kind;

    return kind == VX_JOB_COLUMNS_BOOTSTRAP || kind == VX_JOB_COLUMNS_FOLD;
}

static bool take_features(vx_task *task, vx_dataset_info info)
{
    vx_task_batch *m = &task->memory;

    if (!task->sparse) {
        m->features = new_mat(task->rows, info.features);
        return m->features.at != NULL;
    }
    m->values = vx_calloc(task->rows * info.row_values_max + 1, sizeof(*m->values));
    m->columns = vx_calloc(task->rows * info.row_values_max + 1, sizeof(*m->columns));
    m->begin = vx_calloc(task->rows + 1, sizeof(*m->begin));
    return m->values != NULL && m->columns != NULL && m->begin != NULL;
}

static bool take_targets(vx_task *task, vx_dataset_info info)
{
    vx_task_batch *m = &task->memory;
    size_t k = task->columns;
    size_t targets = info.target_columns;

    if (info.classes > 0) {
        m->labels = vx_calloc(task->rows * k, sizeof(*m->labels));
        m->labels_one = vx_calloc(task->rows, sizeof(*m->labels_one));
        return m->labels != NULL && m->labels_one != NULL;
    }
    m->targets = new_mat(task->rows, k * targets);
    m->targets_one = new_mat(task->rows, targets);
    return m->targets.at != NULL && m->targets_one.at != NULL;
}

static bool take_training(vx_task *task)
{
    vx_task_batch *m = &task->memory;

    size_t d = vx_model_dimension(task->model);
    size_t places = vx_sum_places(task->own_blocks) - 1;

    m->totals = vx_calloc(task->columns, sizeof(*m->totals));
    if (places > 0)
        m->places = vx_aligned_calloc(places, d * sizeof(*m->places));
    if (m->totals == NULL || (places > 0 && m->places == NULL))
        return false;
    if (weighs(task)) {
        m->column_weights = new_mat(task->batch, task->columns);
        if (m->column_weights.at == NULL)
            return false;
    }
    if (task->theta_of_teacher == NULL)
        return true;
    m->teacher = new_mat(task->rows, vx_model_outputs(task->model));
    return m->teacher.at != NULL;
}

static bool take_evaluation(vx_task *task, vx_dataset_info info)
{
    vx_task_batch *m = &task->memory;
    size_t outputs = vx_model_outputs(task->model);

    m->outputs = new_mat(task->rows, outputs + 1); /* a plugin may have none */
    m->exact = new_exact(task->rows, outputs + 1);
    m->outputs.cols = m->exact.cols = outputs;
    m->exact_targets = new_exact(task->rows, info.target_columns + 1);
    m->exact_targets.cols = info.target_columns;
    m->evaluations = vx_calloc(task->columns, sizeof(*m->evaluations));
    return m->outputs.at != NULL && m->exact.at != NULL && m->exact_targets.at != NULL &&
           m->evaluations != NULL;
}

vx_status vx_task_take_memory(vx_task *task, bool training, vx_error *err)
{
    vx_dataset_info info = vx_dataset_get_info(task->dataset);
    vx_task_batch *m = &task->memory;
    bool taken = true;

    m->drawn = vx_calloc(task->batch, sizeof(*m->drawn));
    m->positions = vx_calloc(task->batch, sizeof(*m->positions));
    m->observations = vx_calloc(task->batch, sizeof(*m->observations));
    m->others = vx_calloc(task->rows, sizeof(*m->others));
    taken = m->drawn != NULL && m->positions != NULL && m->observations != NULL &&
            m->others != NULL && take_features(task, info) && take_targets(task, info) &&
            (training ? take_training(task) : take_evaluation(task, info));
    if (!taken)
        return vx_fail(err, VX_ERR_NOMEM, "no memory for a batch of %zu x %zu", task->batch,
                       info.features);
    return VX_OK;
}

void vx_task_free_memory(vx_task *task)
{
    vx_task_batch *m = &task->memory;

    vx_free(m->drawn);
    vx_free(m->positions);
    vx_free(m->observations);
    vx_free(m->others);
    vx_free(m->labels);
    vx_free(m->labels_one);
    vx_free(m->features.at);
    vx_free(m->values);
    vx_free(m->columns);
    vx_free(m->begin);
    vx_free(m->targets.at);
    vx_free(m->targets_one.at);
    vx_free(m->column_weights.at);
    vx_free(m->totals);
    vx_free(m->places);
    vx_free(m->teacher.at);
    vx_free(m->outputs.at);
    vx_free(m->exact.at);
    vx_free(m->exact_targets.at);
    vx_free(m->evaluations);
}

static vx_matf some_rows(vx_matf mat, vx_task_rows rows)
{
    mat.at += rows.from * mat.ld;
    mat.rows = rows.size;
    return mat;
}

static vx_matf first_rows(vx_matf mat, size_t size)
{
    mat.rows = size;
    return mat;
}

/* Without weights of columns each observation counts 1. */
static void weigh(vx_task *task, size_t size)
{
    vx_task_batch *m = &task->memory;
    bool fold = task->job->model.columns.kind == VX_JOB_COLUMNS_FOLD;

    for (size_t k = 0; k < task->columns; k++)
        m->totals[k] = weighs(task) ? 0.0 : (double)size;
    if (!weighs(task))
        return;
    vx_columns_weights(fold ? VX_COLUMNS_FOLD : VX_COLUMNS_BOOTSTRAP, task->job->seed,
                       m->observations, size, first_rows(m->column_weights, size));
    for (size_t b = 0; b < size; b++)
        for (size_t k = 0; k < task->columns; k++)
            m->totals[k] += (double)m->column_weights.at[b * m->column_weights.ld + k];
}

void vx_task_look_up(vx_task *task, size_t size, bool training)
{
    vx_task_batch *m = &task->memory;

    vx_dataset_observations(task->dataset, m->positions, size, m->observations);
    if (training)
        weigh(task, size);
}

vx_batch vx_task_fill_features(vx_task *task, vx_task_rows rows, uint64_t round, bool training)
{
    vx_task_batch *m = &task->memory;
    const uint32_t *positions = m->positions + rows.from;
    vx_matf features = first_rows(m->features, rows.size);
    vx_batch batch = { .training = training,
                       .seed = task->job->seed,
                       .round = round,
                       .slot = task->slot,
                       .observations = m->observations + rows.from };

    if (task->sparse) {
        m->sparse = vx_dataset_gather_sparse(task->dataset, positions, rows.size, task->standardise,
                                             m->values, m->columns, m->begin);
        batch.sparse = &m->sparse;
        return batch;
    }
    if (training && task->augment != NULL) {
        vx_dataset_gather(task->dataset, positions, rows.size, VX_STANDARDISE_NONE, features, NULL);
        vx_augment_apply(task->augment, task->job->seed, task->slot, round, batch.observations,
                         features);
        vx_standardise_rows(&task->standardise, features);
    } else {
        vx_dataset_gather(task->dataset, positions, rows.size, task->standardise, features, NULL);
    }
    batch.features = vx_matf_const(features);
    return batch;
}

/* Targets of positions into the memory of one column. */
static void gather_one(vx_task *task, const uint32_t *positions, size_t size)
{
    vx_task_batch *m = &task->memory;

    if (m->labels_one != NULL)
        vx_dataset_gather_labels(task->dataset, positions, size, m->labels_one);
    else
        vx_dataset_gather_targets(task->dataset, positions, size, first_rows(m->targets_one, size));
}

void vx_task_fill_targets_one(vx_task *task, vx_task_rows rows)
{
    gather_one(task, task->memory.positions + rows.from, rows.size);
}

/* From the memory of one column into column k. */
static void scatter(vx_task *task, size_t k, size_t size)
{
    vx_task_batch *m = &task->memory;
    size_t targets = m->targets_one.cols;

    for (size_t b = 0; m->labels_one != NULL && b < size; b++)
        m->labels[b * task->columns + k] = m->labels_one[b];
    for (size_t b = 0; m->labels_one == NULL && b < size; b++)
        memcpy(m->targets.at + b * m->targets.ld + k * targets, m->targets_one.at + b * targets,
               targets * sizeof(float));
}

static void permute(vx_task *task, size_t k, vx_task_rows rows)
{
    vx_task_batch *m = &task->memory;

    vx_columns_permute(task->job->seed, task->slot, k, task->indices_count, m->drawn + rows.from,
                       rows.size, m->others);
    for (size_t b = 0; task->indices != NULL && b < rows.size; b++)
        m->others[b] = task->indices[m->others[b]];
    gather_one(task, m->others, rows.size);
}

void vx_task_fill_targets(vx_task *task, vx_task_rows rows, bool training, vx_batch *batch)
{
    vx_task_batch *m = &task->memory;
    vx_job_columns_kind kind = task->job->model.columns.kind;

    vx_task_fill_targets_one(task, rows);
    for (size_t k = 0; k < task->columns; k++) {
        if (k > 0 && training && kind == VX_JOB_COLUMNS_PERMUTATION)
            permute(task, k, rows);
        scatter(task, k, rows.size);
    }
    batch->labels = m->labels;
    batch->targets = vx_matf_const(first_rows(m->targets, m->targets.at != NULL ? rows.size : 0));
    if (training && weighs(task))
        batch->column_weights = vx_matf_const(some_rows(m->column_weights, rows));
}
