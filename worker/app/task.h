#ifndef VX_WORKER_APP_TASK_H
#define VX_WORKER_APP_TASK_H
#include <vx_agent/agent.h>
#include <vx_config/job.h>
#include <vx_data/dataset.h>
#include <vx_data/shard.h>
#include <vx_fault/injector.h>
#include <vx_gradient/gradient.h>
#include <vx_likelihood/model.h>

/*
 * What a worker computes, made from the job: data, model, momentum, faults. Owned by one process;
 * used by one thread at a time.
 */
typedef struct vx_task {
    vx_job *job;
    vx_dataset *dataset; /* the slot's shard, the whole training set, or the test set */
    uint32_t *indices;   /* of the slot's observations in dataset; NULL: all of them */
    uint32_t *shards;    /* (shards_count) that the slot draws from */
    size_t shards_count;
    vx_model *model;
    vx_sampler *sampler;
    vx_momentum *momentum;
    vx_fault_plan *plans; /* those of this slot */
    size_t plans_count;
    uint32_t slot;
    size_t batch;
    uint32_t *positions; /* (batch) */
    uint32_t *labels;    /* (batch) */
    vx_matf features;    /* (batch, features), owned */
} vx_task;

/* Training data, shard and model of one slot. */
VX_MUST_CHECK vx_status vx_task_create_worker(vx_cbytes job_text, const vx_bootstrap *bootstrap,
                                              vx_task *ret_task, vx_error *err);
/* Test data and model. */
VX_MUST_CHECK vx_status vx_task_create_evaluator(vx_cbytes job_text, const vx_bootstrap *bootstrap,
                                                 vx_task *ret_task, vx_error *err);
void vx_task_destroy(vx_task *task); /* takes a zeroed one, leaves it zeroed */

/*
 * From now on the slot draws from these shards, which ascend. Nothing happens when it does already.
 * With workers.shard_timeout_s a task holds the whole training set and takes any; else it holds its
 * own shard, and another is VX_ERR_PROTOCOL. On failure the task is as before.
 */
VX_MUST_CHECK vx_status vx_task_take_shards(vx_task *task, const uint32_t *shards, size_t count,
                                            vx_error *err);

typedef struct vx_task_gradient {
    double nll;
    uint64_t samples, compute_ns;
    vx_fault_effect effect;
} vx_task_gradient;

/* What this slot pushes for a round: gradient, clip, momentum, faults. No allocation. */
void vx_task_gradient_at(vx_task *task, vx_cvecf theta, uint64_t round, vx_vecf ret_gradient,
                         vx_task_gradient *ret_about);
VX_MUST_CHECK vx_status vx_task_evaluate(vx_task *task, vx_cvecf theta, vx_evaluation *ret_result);
#endif
