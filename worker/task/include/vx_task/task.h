#ifndef VX_TASK_TASK_H
#define VX_TASK_TASK_H
#include <vx_config/job.h>
#include <vx_data/augment.h>
#include <vx_data/dataset.h>
#include <vx_data/shard.h>
#include <vx_fault/injector.h>
#include <vx_gradient/gradient.h>
#include <vx_likelihood/model.h>
#include <vx_score/score.h>

/*
 * What a worker computes, made from the job: data, model, momentum, faults. Owned by one process;
 * used by one thread at a time. All memory is taken when it is made.
 */

/* Memory of one batch of up to `batch` observations; K columns, o outputs each. */
typedef struct vx_task_batch {
    uint32_t *drawn;        /* (batch) positions in what the slot draws from */
    uint32_t *positions;    /* (batch) in dataset */
    uint32_t *observations; /* (batch) their numbers in the files */
    uint32_t *others;       /* (batch) positions of permuted targets */
    uint32_t *labels;       /* (batch, K), of classes */
    uint32_t *labels_one;   /* (batch) */
    vx_matf features;       /* (batch, features), unless it stays sparse */
    float *values;          /* sparse: (batch x row_values_max) */
    uint32_t *columns;
    size_t *begin; /* (batch + 1) */
    vx_csr sparse;
    vx_matf targets, targets_one; /* (batch, K o) and (batch, o), of real targets */
    vx_matf column_weights;       /* (batch, K), of bootstrap and fold */
    vx_matf teacher;              /* (batch, o) logits, of distillation */
    vx_matf outputs;              /* (batch, K o), of an evaluation */
    vx_mat exact;                 /* the same in double, and targets_one in double */
    vx_mat exact_targets;
    vx_evaluation *evaluations; /* (K) */
} vx_task_batch;

typedef struct vx_task {
    vx_job *job;
    vx_reference *reference;
    vx_standardise standardise;
    vx_dataset *dataset; /* the slot's shard, the whole training set, or the test set */
    uint32_t *indices;   /* of the slot's observations in dataset; NULL: all of them */
    size_t indices_count;
    char **shard_files; /* owned, of shard: files */
    uint32_t *shards;   /* (shards_count) that the slot draws from */
    size_t shards_count;
    bool sparse; /* batches go to the model as sparse rows */
    vx_augment *augment;
    vx_model *model;
    size_t columns;          /* K, at least 1 */
    float *theta_of_teacher; /* (d), of distillation */
    vx_sampler *sampler;
    vx_momentum *momentum;
    vx_fault_plan *plans; /* those of this slot */
    size_t plans_count;
    uint32_t slot;
    size_t batch;
    vx_task_batch memory;
} vx_task;

/* Where a process stands. */
typedef struct vx_task_place {
    uint32_t slot;
    const char *data_dir;   /* data files are here, by their last name; "": where the job says */
    uint32_t local_workers; /* workers on this host, that share its cores */
} vx_task_place;

/*
 * Training data, shard and model of one slot. The job is taken over, also on failure. VX_ERR_CONFIG
 * names the key that is wrong; VX_ERR_DATA, VX_ERR_NOT_FOUND and VX_ERR_IO the file;
 * VX_ERR_LIMIT, VX_ERR_NOMEM.
 */
VX_MUST_CHECK vx_status vx_task_create_worker(vx_job *job, const vx_task_place *place,
                                              vx_task *ret_task, vx_error *err);
/* Test data and model. */
VX_MUST_CHECK vx_status vx_task_create_evaluator(vx_job *job, const vx_task_place *place,
                                                 vx_task *ret_task, vx_error *err);
/* The training set of a job alone, whole, without a reference. Afterwards only dataset is there. */
VX_MUST_CHECK vx_status vx_task_create_data(vx_job *job, const vx_task_place *place,
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

/* The batch that the slot uses in a round, as the model gets it; valid until the next call. */
vx_batch vx_task_batch_at(vx_task *task, uint64_t round);

/* With K columns the means over them. accuracy is NaN but for categorical and bernoulli, deviance
 * for categorical. */
typedef struct vx_task_result {
    double nll, accuracy, deviance; /* means an observation */
    uint64_t count;
} vx_task_result;
/* Of the test set. VX_ERR_SHAPE: theta is not (d). */
VX_MUST_CHECK vx_status vx_task_evaluate(vx_task *task, vx_cvecf theta, vx_task_result *ret_result);

/* Of the test set: sums of each column, (K), owned by the task, valid until the next call. */
VX_MUST_CHECK vx_status vx_task_evaluate_columns(vx_task *task, vx_cvecf theta,
                                                 const vx_evaluation **ret_columns);

/* Outputs and targets of the observations from .. from + size, size <= batch, of the test set: what
 * is scored. Its outputs are those of all columns next to each other; valid until the next call.
 * VX_ERR_USAGE: a plugin that does not predict. */
VX_MUST_CHECK vx_status vx_task_predict(vx_task *task, vx_cvecf theta, size_t from, size_t size,
                                        vx_score_data *ret_data);

/*
 * ret_theta (d) from a safetensors file or a checkpoint's folder. Names, shapes and order of the
 * tensors must be the model's; the digest in the file's notes, or in the manifest, must be theirs.
 * VX_ERR_DATA names the file and the first thing that differs; VX_ERR_NOT_FOUND; VX_ERR_IO.
 */
VX_MUST_CHECK vx_status vx_task_read_parameters(const vx_model *model, const char *path,
                                                vx_vecf ret_theta, vx_error *err);

/* The model of a job on this data, as vx_model_create takes it. Lists are new memory in *ret_lists,
 * freed by vx_free; the rest is borrowed from the job. */
VX_MUST_CHECK vx_status vx_task_spec(const vx_job *job, vx_dataset_info info, bool sparse,
                                     size_t batch_max, vx_model_spec *ret_spec, size_t **ret_lists,
                                     vx_error *err);
#endif
