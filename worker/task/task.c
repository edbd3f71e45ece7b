#include "task_private.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <vx_base/alloc.h>
#include <vx_base/file.h>
#include <vx_base/sum.h>
#include <vx_linalg/blas.h>

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

bool vx_task_draws_from(const vx_task *task, const uint32_t *shards, size_t count)
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
                           .gamma = job->data.gamma,
                           .seed = job->seed,
                           .slots = (uint32_t)job->workers.max_workers,
                           .files = (const char *const *)task->shard_files };

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

    if (vx_task_draws_from(task, shards, count))
        return VX_OK;
    if (!whole && task->shards_count > 0)
        return vx_fail(err, VX_ERR_PROTOCOL, "other shards in a job without shard_timeout_s");
    status = find_observations(task, shards, count, &indices, &observations, err);
    if (status == VX_OK && !task->others_check)
        status = vx_dataset_check_rows(task->dataset, indices, observations, err);
    if (status != VX_OK)
        goto out;
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
    task->indices_count = observations;
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

uint32_t vx_task_threads(const vx_task_place *place, uint64_t wanted)
{
    uint32_t local = place->local_workers > 0 ? place->local_workers : 1;
    uint64_t cores = place->cores > 0 ? place->cores : (uint64_t)sysconf(_SC_NPROCESSORS_ONLN);
    uint64_t threads = wanted > 0 ? wanted : cores / local;

    return threads > 1 ? (uint32_t)threads : 1;
}

static vx_status take_shard_files(vx_task *task, const vx_task_place *place, vx_error *err)
{
    const vx_job_data *data = &task->job->data;

    if (data->shard != VX_JOB_SHARD_FILES)
        return VX_OK;
    task->shard_files = vx_task_data_paths(place, data->files, data->files_count);
    return task->shard_files != NULL ? VX_OK : vx_fail(err, VX_ERR_NOMEM, "out of memory");
}

/* Which part of a batch this process computes, and the largest block of all. */
static vx_status take_blocks(vx_task *task, const vx_task_place *place, vx_error *err)
{
    size_t ranks = place->ranks > 0 ? place->ranks : 1;

    task->batch = task->job->data.batch;
    task->blocks = task->job->workers.blocks;
    if (!vx_sum_splits(task->blocks, ranks))
        return vx_job_fail(task->job, "workers.blocks", err,
                           "%zu processes cannot share out %zu blocks: expected a power of two "
                           "that divides them, or as many",
                           ranks, task->blocks);
    task->own_blocks = task->blocks / ranks;
    task->rows = (task->batch + task->blocks - 1) / task->blocks;
    return VX_OK;
}

/* Rank 0 holds the momentum, and faults are its. */
static vx_status take_finish(vx_task *task, const vx_task_place *place, vx_error *err)
{
    vx_status status = VX_OK;

    if (place->rank > 0)
        return VX_OK;
    status = vx_momentum_create(task->job->workers.momentum, vx_model_dimension(task->model),
                                &task->momentum, err);
    return status == VX_OK ? take_faults(task, err) : status;
}

static vx_status create_worker(vx_task *task, const vx_task_place *place, vx_error *err)
{
    vx_status status = VX_OK;

    if (task->slot >= task->job->workers.max_workers)
        return vx_fail(err, VX_ERR_CONFIG, "slot %u: expected one below workers.max_workers (%u)",
                       task->slot, (unsigned)task->job->workers.max_workers);
    task->others_check = place->others_check;
    task->rows_later = place->others_check || !(task->job->workers.shard_timeout_s > 0.0);
    vx_blas_set_threads((int)vx_task_threads(place, task->job->workers.blas_threads));
    status = take_blocks(task, place, err);
    if (status == VX_OK)
        status = vx_task_load(task, place, true, err);
    if (status == VX_OK)
        status = vx_task_create_model(task, true, err);
    if (status == VX_OK)
        status = take_shard_files(task, place, err);
    if (status == VX_OK)
        status = vx_task_take_shards(task, &task->slot, 1, err);
    if (status == VX_OK)
        status = vx_task_take_memory(task, true, err);
    return status == VX_OK ? take_finish(task, place, err) : status;
}

static vx_status create_evaluator(vx_task *task, const vx_task_place *place, vx_error *err)
{
    vx_status status = VX_OK;
    size_t count = 0;

    vx_blas_set_threads(1);
    status = vx_task_load(task, place, false, err);
    if (status != VX_OK)
        return status;
    count = vx_dataset_get_info(task->dataset).count;
    task->batch = task->job->evaluation.batch < count ? task->job->evaluation.batch : count;
    task->rows = task->batch;
    status = vx_task_create_model(task, false, err);
    return status == VX_OK ? vx_task_take_memory(task, false, err) : status;
}

vx_status vx_task_create_worker(vx_job *job, const vx_task_place *place, vx_task *ret_task,
                                vx_error *err)
{
    vx_task task = { .job = job, .slot = place->slot };
    vx_status status = create_worker(&task, place, err);

    if (status != VX_OK)
        vx_task_destroy(&task);
    *ret_task = task;
    return status;
}

vx_status vx_task_create_evaluator(vx_job *job, const vx_task_place *place, vx_task *ret_task,
                                   vx_error *err)
{
    vx_task task = { .job = job, .slot = UINT32_MAX };
    vx_status status = create_evaluator(&task, place, err);

    if (status != VX_OK)
        vx_task_destroy(&task);
    *ret_task = task;
    return status;
}

vx_status vx_task_create_data(vx_job *job, const vx_task_place *place, vx_task *ret_task,
                              vx_error *err)
{
    vx_task task = { .job = job, .slot = UINT32_MAX };
    vx_status status = VX_OK;

    job->data.reference[0] = '\0';
    status = vx_task_load(&task, place, true, err);
    if (status != VX_OK)
        vx_task_destroy(&task);
    *ret_task = task;
    return status;
}

void vx_task_destroy(vx_task *task)
{
    vx_task_free_memory(task);
    vx_task_paths_destroy(task->shard_files, task->job != NULL ? task->job->data.files_count : 0);
    vx_model_destroy(task->model);
    vx_augment_destroy(task->augment);
    vx_dataset_destroy(task->dataset);
    if (task->is_shared)
        vx_file_close(task->shared);
    vx_reference_close(task->reference);
    vx_sampler_destroy(task->sampler);
    vx_free(task->indices);
    vx_free(task->shards);
    vx_free(task->theta_of_teacher);
    vx_momentum_destroy(task->momentum);
    vx_free(task->plans);
    vx_job_destroy(task->job);
    *task = (vx_task){ 0 };
}
