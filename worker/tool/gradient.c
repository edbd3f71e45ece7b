#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include <vx_base/alloc.h>
#include <vx_base/bytes.h>
#include <vx_tensor_file/npy.h>

#include "tool_private.h"

static vx_status write_array(const char *prefix, const char *name, const double *at, size_t rows,
                             size_t cols, vx_error *err)
{
    char *path = vx_format("%s-%s.npy", prefix, name);
    vx_npy_array array = {
        .at = at, .is_double = true, .rank = cols > 0 ? 2 : 1, .shape = { rows, cols }
    };
    vx_status status = path != NULL ? vx_npy_write_array(path, &array, err)
                                    : vx_fail(err, VX_ERR_NOMEM, "out of memory");

    vx_free(path);
    return status;
}

/* A batch, gathered from its blocks. */
typedef struct gathered {
    double *features, *observations, *targets, *weights; /* NULL: it has none */
    size_t batch, width, targets_width, columns;
} gathered;

static size_t rows_of(const vx_batch *block)
{
    return block->sparse != NULL ? block->sparse->rows : block->features.rows;
}

static void copy_features(const vx_batch *block, size_t cols, double *room)
{
    const vx_csr *sparse = block->sparse;

    for (size_t b = 0; b < rows_of(block); b++) {
        for (size_t k = 0; sparse == NULL && k < cols; k++)
            room[b * cols + k] = (double)block->features.at[b * block->features.ld + k];
        for (size_t i = sparse != NULL ? sparse->begin[b] : 1;
             sparse != NULL && i < sparse->begin[b + 1]; i++)
            room[b * cols + sparse->columns[i]] = (double)sparse->values[i];
    }
}

static void copy_mat(vx_cmatf mat, double *room)
{
    for (size_t b = 0; b < mat.rows; b++)
        for (size_t k = 0; k < mat.cols; k++)
            room[b * mat.cols + k] = (double)mat.at[b * mat.ld + k];
}

static void copy_whole(const uint32_t *at, size_t count, double *room)
{
    for (size_t i = 0; i < count; i++)
        room[i] = (double)at[i];
}

/* All zero. */
static bool take_rooms(gathered *g, bool weighed)
{
    g->features = vx_calloc(g->batch, g->width * sizeof(double));
    g->observations = vx_calloc(g->batch, sizeof(double));
    g->targets = vx_calloc(g->batch, g->targets_width * sizeof(double));
    if (weighed)
        g->weights = vx_calloc(g->batch, g->columns * sizeof(double));
    return g->features != NULL && g->observations != NULL && g->targets != NULL &&
           (!weighed || g->weights != NULL);
}

static void free_rooms(gathered *g)
{
    vx_free(g->features);
    vx_free(g->observations);
    vx_free(g->targets);
    vx_free(g->weights);
}

/* Rows from .. of the batch. */
static void gather(const vx_batch *block, size_t from, gathered *g)
{
    size_t rows = rows_of(block);

    copy_features(block, g->width, g->features + from * g->width);
    copy_whole(block->observations, rows, g->observations + from);
    if (block->labels != NULL)
        copy_whole(block->labels, rows * g->columns, g->targets + from * g->columns);
    else
        copy_mat(block->targets, g->targets + from * g->targets_width);
    if (g->weights != NULL)
        copy_mat(block->column_weights, g->weights + from * g->columns);
}

/* As the model gets it: standardised, augmented; labels as numbers. */
static vx_status write_batch(vx_task *task, const vx_tool_options *options, vx_error *err)
{
    const char *prefix = options->batch_out;
    vx_batch block = vx_task_batch_at(task, options->round, 0);
    bool labels = block.labels != NULL;
    gathered g = { .batch = task->batch,
                   .width = vx_dataset_get_info(task->dataset).features,
                   .targets_width = labels ? task->columns : block.targets.cols,
                   .columns = task->columns };
    vx_status status = VX_OK;

    if (!take_rooms(&g, block.column_weights.at != NULL)) {
        free_rooms(&g);
        return vx_fail(err, VX_ERR_NOMEM, "no memory for a batch of %zu x %zu", g.batch, g.width);
    }
    for (size_t j = 0, from = 0; j < task->blocks; j++, from += rows_of(&block)) {
        block = vx_task_batch_at(task, options->round, j);
        gather(&block, from, &g);
    }
    status = write_array(prefix, "features", g.features, g.batch, g.width, err);
    if (status == VX_OK)
        status = write_array(prefix, "observations", g.observations, g.batch, 0, err);
    if (status == VX_OK)
        status = write_array(prefix, "targets", g.targets, g.batch,
                             labels && g.columns == 1 ? 0 : g.targets_width, err);
    if (status == VX_OK && g.weights != NULL)
        status = write_array(prefix, "weights", g.weights, g.batch, g.columns, err);
    free_rooms(&g);
    return status;
}

static double norm_of(vx_cvecf v)
{
    double squares = 0;

    for (size_t i = 0; i < v.n; i++)
        squares += (double)v.at[i] * (double)v.at[i];
    return sqrt(squares);
}

static vx_status print(const vx_tool_options *options, const vx_task *task, vx_cvecf gradient,
                       const vx_task_gradient *about, vx_error *err)
{
    char digest[VX_DIGEST_TEXT_SIZE];
    double momentum = task->job->workers.momentum;

    vx_digest_text(vx_digest_of(gradient.at, gradient.n * sizeof(float)), digest);
    if (options->json)
        return vx_tool_print_json(
            json_pack("{s:i, s:I, s:I, s:I, s:I, s:I, s:o, s:o, s:f, s:b, s:s}", "format", 1,
                      "slot", (json_int_t)options->slot, "round", (json_int_t)options->round,
                      "dimension", (json_int_t)gradient.n, "samples", (json_int_t)about->samples,
                      "columns", (json_int_t)about->columns, "nll", vx_tool_real(about->nll),
                      "norm", vx_tool_real(norm_of(gradient)), "momentum", momentum, "injected",
                      about->effect.any, "digest", digest),
            err);
    (void)printf("slot       %" PRIu64 ", round %" PRIu64 ", %" PRIu64 " observations\n",
                 options->slot, options->round, about->samples);
    if (task->columns > 1)
        (void)printf("models     %zu of %zu have an observation in it: the nll is their mean\n",
                     about->columns, task->columns);
    (void)printf("nll        %.6f\nnorm       %.6g of %zu numbers\n", about->nll, norm_of(gradient),
                 gradient.n);
    if (momentum > 0)
        (void)printf("momentum   %g, of a worker without earlier rounds: the gradient itself\n",
                     momentum);
    if (about->effect.any)
        (void)printf("fault      injected%s\n", about->effect.crash ? ": it would crash" : "");
    (void)printf("digest     %s\n", digest);
    return VX_OK;
}

static vx_status check_place(const vx_tool_options *options, const vx_job *job, vx_error *err)
{
    if (options->slot >= job->workers.max_workers)
        return vx_fail(err, VX_ERR_USAGE,
                       "--slot: expected one below workers.max_workers of %s (%" PRIu64
                       "), found %" PRIu64,
                       options->job, job->workers.max_workers, options->slot);
    if (options->round >= job->rounds)
        return vx_fail(err, VX_ERR_USAGE,
                       "--round: expected one below rounds of %s (%" PRIu64 "), found %" PRIu64,
                       options->job, job->rounds, options->round);
    return VX_OK;
}

static vx_status compute(vx_task *task, const vx_tool_options *options, vx_vecf theta,
                         vx_vecf gradient, vx_error *err)
{
    vx_task_gradient about = { 0 };
    vx_npy_array array = { .at = gradient.at, .rank = 1, .shape = { gradient.n } };
    vx_status status = VX_OK;

    if (!options->faults)
        task->plans_count = 0;
    vx_task_gradient_at(task, vx_vecf_const(theta), options->round, gradient, &about);
    if (options->out != NULL)
        status = vx_npy_write_array(options->out, &array, err);
    if (status == VX_OK && options->batch_out != NULL)
        status = write_batch(task, options, err);
    return status == VX_OK ? print(options, task, vx_vecf_const(gradient), &about, err) : status;
}

vx_status vx_tool_gradient(const vx_tool_options *options, vx_error *err)
{
    vx_job *job = NULL;
    vx_task task = { 0 };
    vx_vecf theta = { NULL, 0 };
    vx_vecf gradient = { NULL, 0 };
    vx_task_place place;
    vx_status status = vx_tool_load_job(options, &job, err);

    if (status != VX_OK)
        return status;
    status = check_place(options, job, err);
    if (status != VX_OK) {
        vx_job_destroy(job);
        return status;
    }
    place = vx_tool_place(options, job);
    status = vx_task_create_worker(job, &place, &task, err);
    if (status == VX_OK)
        status = vx_tool_parameters(options, &task, &theta, err);
    if (status != VX_OK)
        goto out;
    gradient = (vx_vecf){ vx_aligned_calloc(theta.n, sizeof(float)), theta.n };
    status = gradient.at != NULL ? compute(&task, options, theta, gradient, err)
                                 : vx_fail(err, VX_ERR_NOMEM, "no memory for %zu numbers", theta.n);
out:
    vx_free(theta.at);
    vx_free(gradient.at);
    vx_task_destroy(&task);
    return status;
}
