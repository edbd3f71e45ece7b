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

/* Memory of a batch, and of the features and targets of one of its blocks of up to `rows`
 * observations; K columns, o outputs each. */
typedef struct vx_task_batch {
    uint32_t *drawn;        /* (batch) positions in what the slot draws from */
    uint32_t *positions;    /* (batch) in dataset */
    uint32_t *observations; /* (batch) their numbers in the files */
    uint32_t *others;       /* (rows) positions of permuted targets */
    uint32_t *labels;       /* (rows, K), of classes */
    uint32_t *labels_one;   /* (rows) */
    vx_matf features;       /* (rows, features), unless it stays sparse */
    float *values;          /* sparse: (rows x row_values_max) */
    uint32_t *columns;
    size_t *begin; /* (rows + 1) */
    vx_csr sparse;
    vx_matf targets, targets_one; /* (rows, K o) and (rows, o), of real targets */
    vx_matf column_weights;       /* (batch, K), of bootstrap and fold */
    double *totals;               /* (K) sums of the batch's weights */
    vx_matf teacher;              /* (rows, o) logits, of distillation */
    float *places;                /* (places, d): sums of blocks on their way, beside the result */
    vx_matf outputs;              /* (rows, K o), of an evaluation */
    vx_mat exact;                 /* the same in double, and targets_one in double */
    vx_mat exact_targets;
    vx_evaluation *evaluations; /* (K) */
} vx_task_batch;

typedef struct vx_task {
    vx_job *job;
    vx_reference *reference;
    vx_standardise standardise;
    vx_dataset *dataset; /* the slot's shard, the whole training set, or the test set */
    bool rows_later;     /* those of the shard are checked, not those of the whole set */
    bool others_check;   /* and not here */
    bool is_shared;      /* shared is the open handle of a file that others can attach */
    int shared;
    uint32_t *indices; /* of the slot's observations in dataset; NULL: all of them */
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
    size_t batch;      /* observations of a round, or of a step of an evaluation */
    size_t blocks;     /* of a batch */
    size_t own_blocks; /* the most that vx_task_partial_at computes */
    size_t rows;       /* of the largest block */
    vx_task_batch memory;
} vx_task;

/* Where a process stands. */
typedef struct vx_task_place {
    uint32_t slot;
    const char *data_dir;   /* data files are here, by their last name; "": where the job says */
    uint32_t local_workers; /* workers that share its cores, with this one */
    uint32_t cores;         /* that the process may use; 0 = those of the machine */
    uint32_t rank, ranks; /* of the processes that compute the slot's gradient together; 0 of 0: it
                             is alone. Rank 0 is the one that finishes it */
    /* Rows that stand in no file of their own (text, gzip) are moved into one that other processes
     * of the host can attach: see is_shared of the task. */
    bool shares;
    /* Path of such a file of another process, "/proc/PID/fd/HANDLE", good until the task is made;
     * NULL: the data files are read. */
    const char *shared;
    bool others_check; /* another process of the host has checked the rows of the data files */
} vx_task_place;

/* Threads of linear algebra of a worker there, at least 1: `wanted` (workers.blas_threads), or with
 * 0 its share of the cores. */
uint32_t vx_task_threads(const vx_task_place *place, uint64_t wanted);

/*
 * Training data, shard and model of one slot. The job is taken over, also on failure. VX_ERR_CONFIG
 * names the key that is wrong; VX_ERR_DATA, VX_ERR_NOT_FOUND and VX_ERR_IO the file;
 * VX_ERR_LIMIT, VX_ERR_NOMEM. VX_ERR_CONFIG too: so many ranks cannot share out workers.blocks.
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
/* Whether it does already. */
bool vx_task_draws_from(const vx_task *task, const uint32_t *shards, size_t count);

typedef struct vx_task_gradient {
    double nll; /* mean over the columns that some observation of the batch counts for, or NaN */
    size_t columns; /* so many */
    uint64_t samples, compute_ns;
    vx_fault_effect effect;
} vx_task_gradient;

/* What this slot pushes for a round: gradient, clip, momentum, faults. No allocation. For a process
 * that is alone. */
void vx_task_gradient_at(vx_task *task, vx_cvecf theta, uint64_t round, vx_vecf ret_gradient,
                         vx_task_gradient *ret_about);

/*
 * The same in parts, for ranks that compute one gradient together: each calls vx_task_partial_at
 * for its run of blocks; the sums are added by vx_sum_parts_f32 of vx_base/sum.h, in order of the
 * ranks, what is said about them by vx_task_partial_add; rank 0 calls vx_task_finish_at. The bits
 * are those of vx_task_gradient_at, for every number of ranks that vx_sum_splits allows, if their
 * linear algebra has as many threads.
 *
 * A batch of b observations in B blocks (workers.blocks): block j has those from floor(j b / B) up
 * to floor((j + 1) b / B). Its gradient is its share of that of the batch: divided by the weights
 * of the whole batch; block 0 has the l2 term. Blocks are added by T(B) of vx_base/sum.h.
 */
typedef struct vx_task_partial {
    double nll; /* its share of the batch's; K columns: of the sum of their means */
    uint64_t samples, compute_ns; /* of several ranks: all, the longest */
} vx_task_partial;

/*
 * ret_sum (d) = T(count) of the gradients of blocks first .. first + count: count is B / ranks for
 * an allowed number of ranks and at most B / the place's ranks, first a multiple of it. Infinity or
 * NaN when theta overflows. flow (NULL: nobody) is told of every number of ret_sum once, as soon as
 * it is final, while the last block is propagated back: by the thread of the call, which goes on
 * when it returns. No allocation.
 */
void vx_task_partial_at(vx_task *task, vx_cvecf theta, uint64_t round, size_t first, size_t count,
                        const vx_flow *flow, vx_vecf ret_sum, vx_task_partial *ret_about);
/* Of the ranks, in their order. 1 <= ranks <= VX_BLOCKS_MAX. */
vx_task_partial vx_task_partial_add(const vx_task_partial *parts, size_t ranks);
/* gradient (d): the sum over all blocks in, what the slot pushes out: clip, momentum, faults. By
 * rank 0, or a process that is alone. No allocation. */
void vx_task_finish_at(vx_task *task, uint64_t round, const vx_task_partial *about,
                       vx_vecf gradient, vx_task_gradient *ret_about);

/* A block of the batch that the slot uses in a round, as the model gets it; valid until the next
 * call. */
vx_batch vx_task_batch_at(vx_task *task, uint64_t round, size_t block);

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
