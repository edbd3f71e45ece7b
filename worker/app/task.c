#include "task.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <vx_base/alloc.h>
#include <vx_base/file.h>
#include <vx_linalg/blas.h>

/* path, or its last name in data_dir. New memory. */
static char *data_path(const vx_bootstrap *bootstrap, const char *path)
{
    if (bootstrap->data_dir[0] == '\0')
        return vx_strdup(path);
    return vx_path_join(bootstrap->data_dir, vx_path_name(path));
}

static vx_status load_dataset(vx_task *task, const vx_bootstrap *bootstrap, const char *features,
                              const char *labels, vx_error *err)
{
    char *features_path = data_path(bootstrap, features);
    char *labels_path = data_path(bootstrap, labels);
    vx_status status = VX_ERR_NOMEM;

    if (features_path != NULL && labels_path != NULL)
        status = vx_dataset_load(&(vx_data_source){ .format = VX_DATA_IDX,
                                                    .features = features_path,
                                                    .labels = labels_path,
                                                    .classes = task->job->data.classes },
                                 &task->dataset, err);
    vx_free(features_path);
    vx_free(labels_path);
    return status;
}

static vx_activation activation_of(vx_job_activation activation)
{
    switch (activation) {
    case VX_JOB_ACTIVATION_TANH:
        return VX_ACTIVATION_TANH;
    case VX_JOB_ACTIVATION_GELU:
        return VX_ACTIVATION_GELU;
    case VX_JOB_ACTIVATION_RELU:
        break;
    }
    return VX_ACTIVATION_RELU;
}

static vx_status create_model(vx_task *task, vx_error *err)
{
    vx_dataset_info info = vx_dataset_get_info(task->dataset);
    const vx_job_model *model = &task->job->model;
    size_t widths[64];
    vx_model_spec spec = {
        .family = vx_job_family_name(model->family),
        .features = info.features,
        .outputs_data = info.classes,
        .widths = widths,
        .widths_count = model->widths_count,
        .activation = activation_of(model->activation),
        .batch_max = task->batch,
    };

    if (model->widths_count > sizeof(widths) / sizeof(widths[0]))
        return vx_job_fail(task->job, "model.widths", err, "expected at most 64 widths");
    for (size_t i = 0; i < model->widths_count; i++)
        widths[i] = model->widths[i];
    return vx_model_create(&spec, &task->model, err);
}

static vx_status take_batch_memory(vx_task *task, vx_error *err)
{
    size_t features = vx_dataset_get_info(task->dataset).features;

    task->positions = vx_calloc(task->batch, sizeof(*task->positions));
    task->labels = vx_calloc(task->batch, sizeof(*task->labels));
    task->features = (vx_matf){ vx_aligned_calloc(task->batch * features, sizeof(float)),
                                task->batch, features, features };
    if (task->positions == NULL || task->labels == NULL || task->features.at == NULL)
        return vx_fail(err, VX_ERR_NOMEM, "no memory for a batch of %zu x %zu", task->batch,
                       features);
    return VX_OK;
}

static vx_shard_kind shard_kind(vx_job_shard shard)
{
    switch (shard) {
    case VX_JOB_SHARD_DIRICHLET:
        return VX_SHARD_DIRICHLET;
    case VX_JOB_SHARD_SORTED:
        return VX_SHARD_SORTED;
    case VX_JOB_SHARD_GAMMA_SIMILARITY:
        return VX_SHARD_GAMMA_SIMILARITY;
    case VX_JOB_SHARD_FILES:
        return VX_SHARD_FILES;
    case VX_JOB_SHARD_IID:
        break;
    }
    return VX_SHARD_IID;
}

static bool draws_from(const vx_task *task, const uint32_t *shards, size_t count)
{
    return task->shards_count == count &&
           memcmp(task->shards, shards, count * sizeof(*shards)) == 0;
}

static vx_status find_observations(const vx_task *task, const uint32_t *shards, size_t count,
                                   uint32_t **ret_indices, size_t *ret_count, vx_error *err)
{
    const vx_job *job = task->job;
    vx_shard_spec spec = { .kind = shard_kind(job->data.shard),
                           .alpha = job->data.alpha,
                           .seed = job->seed,
                           .slots = (uint32_t)job->workers.max_workers };

    return vx_shard_union(&spec, vx_dataset_shard_targets(task->dataset), shards, count,
                          ret_indices, ret_count, err);
}

vx_status vx_task_take_shards(vx_task *task, const uint32_t *shards, size_t count, vx_error *err)
{
    bool whole = task->job->workers.shard_timeout_s > 0.0;
    vx_sampler *sampler = NULL;
    uint32_t *indices = NULL;
    uint32_t *copy = NULL;
    size_t observations = 0;
    vx_status status = VX_OK;

    if (draws_from(task, shards, count))
        return VX_OK;
    if (!whole && task->shards_count > 0)
        return vx_fail(err, VX_ERR_PROTOCOL, "other shards in a job without shard_timeout_s");
    status = find_observations(task, shards, count, &indices, &observations, err);
    if (status != VX_OK)
        return status;
    copy = vx_calloc(count, sizeof(*copy));
    if (copy == NULL || vx_sampler_create(task->job->seed, task->slot, observations, task->batch,
                                          &sampler) != VX_OK) {
        status = vx_fail(err, VX_ERR_NOMEM, "no memory for %zu observations", observations);
        goto out;
    }
    if (!whole && vx_dataset_keep(task->dataset, indices, observations) != VX_OK) {
        status = vx_fail(err, VX_ERR_NOMEM, "no memory for %zu observations", observations);
        goto out;
    }
    vx_sampler_destroy(task->sampler);
    task->sampler = sampler;
    vx_free(task->shards);
    task->shards = memcpy(copy, shards, count * sizeof(*copy));
    task->shards_count = count;
    sampler = NULL; /* moved, like copy */
    copy = NULL;
    if (whole) {
        vx_free(task->indices);
        task->indices = indices;
        indices = NULL; /* moved */
    }
out:
    vx_sampler_destroy(sampler);
    vx_free(copy);
    vx_free(indices);
    return status;
}

static vx_status take_faults(vx_task *task, vx_error *err)
{
    const vx_job *job = task->job;

    task->plans = vx_calloc(job->faults_count + 1, sizeof(*task->plans));
    if (task->plans == NULL)
        return vx_fail(err, VX_ERR_NOMEM, "out of memory");
    for (size_t i = 0; i < job->faults_count; i++) {
        const vx_job_fault *fault = &job->faults[i];
        vx_fault_plan plan = { .scale = fault->scale,
                               .from_round = fault->from_round,
                               .to_round = fault->to_round };
        bool ours = false;

        for (size_t k = 0; k < fault->slots_count; k++)
            ours |= fault->slots[k] == task->slot;
        if (!ours)
            continue;
        if (vx_fault_kind_parse(vx_job_fault_kind_name(fault->kind), &plan.kind) != VX_OK)
            return vx_job_fail(job, "faults", err, "unknown kind %s",
                               vx_job_fault_kind_name(fault->kind));
        task->plans[task->plans_count++] = plan;
    }
    return VX_OK;
}

static void set_blas_threads(const vx_task *task, const vx_bootstrap *bootstrap)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    long local = bootstrap->local_workers > 0 ? (long)bootstrap->local_workers : 1;
    long threads = (long)task->job->workers.blas_threads;

    if (threads == 0)
        threads = cores / local;
    vx_blas_set_threads(threads > 1 ? (int)threads : 1);
}

static vx_status create_common(vx_task *task, vx_cbytes job_text, vx_error *err)
{
    return vx_job_parse(job_text, "job.yaml (from the server)", "/", NULL, 0, &task->job, err);
}

vx_status vx_task_create_worker(vx_cbytes job_text, const vx_bootstrap *bootstrap,
                                vx_task *ret_task, vx_error *err)
{
    vx_task task = { .slot = bootstrap->slot };
    vx_status status = create_common(&task, job_text, err);

    if (status == VX_OK) {
        set_blas_threads(&task, bootstrap);
        task.batch = task.job->data.batch;
        status = load_dataset(&task, bootstrap, task.job->data.train_features,
                              task.job->data.train_labels, err);
    }
    if (status == VX_OK)
        status = create_model(&task, err);
    if (status == VX_OK)
        status = vx_task_take_shards(&task, &task.slot, 1, err);
    if (status == VX_OK)
        status = take_batch_memory(&task, err);
    if (status == VX_OK)
        status = vx_momentum_create(task.job->workers.momentum, vx_model_dimension(task.model),
                                    &task.momentum, err);
    if (status == VX_OK)
        status = take_faults(&task, err);
    if (status != VX_OK)
        vx_task_destroy(&task);
    *ret_task = task;
    return status;
}

vx_status vx_task_create_evaluator(vx_cbytes job_text, const vx_bootstrap *bootstrap,
                                   vx_task *ret_task, vx_error *err)
{
    vx_task task = { .slot = UINT32_MAX };
    vx_status status = create_common(&task, job_text, err);

    if (status == VX_OK) {
        vx_blas_set_threads(1);
        task.batch = task.job->evaluation.batch;
        status = load_dataset(&task, bootstrap, task.job->data.test_features,
                              task.job->data.test_labels, err);
    }
    if (status == VX_OK)
        status = create_model(&task, err);
    if (status == VX_OK)
        status = take_batch_memory(&task, err);
    if (status != VX_OK)
        vx_task_destroy(&task);
    *ret_task = task;
    return status;
}

void vx_task_destroy(vx_task *task)
{
    vx_job_destroy(task->job);
    vx_dataset_destroy(task->dataset);
    vx_model_destroy(task->model);
    vx_sampler_destroy(task->sampler);
    vx_free(task->indices);
    vx_free(task->shards);
    vx_momentum_destroy(task->momentum);
    vx_free(task->plans);
    vx_free(task->positions);
    vx_free(task->labels);
    vx_free(task->features.at);
    *task = (vx_task){ 0 };
}
