#include "task_private.h"

#include <math.h>

#include <vx_base/assert.h>
#include <vx_base/clock.h>
#include <vx_base/sum.h>

static void add_teacher(vx_task *task, size_t size, vx_batch *batch)
{
    size_t d = vx_model_dimension(task->model);
    vx_matf logits = task->memory.teacher;
    vx_status status = VX_OK;

    if (task->theta_of_teacher == NULL)
        return;
    logits.rows = size;
    status = vx_model_predict(task->model, (vx_cvecf){ task->theta_of_teacher, d }, batch, logits);
    VX_ASSERT(status == VX_OK);
    batch->teacher = vx_matf_const(logits);
}

/* Which observations the batch of a round has. */
static void draw(vx_task *task, uint64_t round)
{
    vx_task_batch *m = &task->memory;

    vx_sampler_draw(task->sampler, round, m->drawn);
    for (size_t b = 0; b < task->batch; b++)
        m->positions[b] = task->indices != NULL ? task->indices[m->drawn[b]] : m->drawn[b];
    vx_task_look_up(task, task->batch, true);
}

static vx_task_rows rows_of(const vx_task *task, size_t block)
{
    size_t from = block * task->batch / task->blocks;

    return (vx_task_rows){ from, (block + 1) * task->batch / task->blocks - from };
}

/* Of the batch that was drawn. */
static vx_batch block_at(vx_task *task, uint64_t round, size_t block)
{
    vx_task_rows rows = rows_of(task, block);
    vx_batch batch = vx_task_fill_features(task, rows, round, true);

    vx_task_fill_targets(task, rows, true, &batch);
    add_teacher(task, rows.size, &batch);
    batch.totals = task->memory.totals;
    batch.without_l2 = block > 0;
    return batch;
}

vx_batch vx_task_batch_at(vx_task *task, uint64_t round, size_t block)
{
    VX_ASSERT(block < task->blocks);
    draw(task, round);
    return block_at(task, round, block);
}

/* The gradient of block `index` of `count`, on its way into their sum. */
typedef struct merge {
    float *const *places;
    size_t count, index;
    const vx_flow *flow; /* of the last block */
} merge;

static void merge_numbers(void *context, size_t offset, size_t numbers)
{
    const merge *m = context;

    vx_sum_merge_f32(m->places, m->count, m->index, offset, numbers);
    if (m->flow != NULL)
        m->flow->ready(m->flow->context, offset, numbers);
}

static double add_block(vx_task *task, vx_cvecf theta, vx_batch batch, merge *own)
{
    vx_flow flow = { merge_numbers, own };
    vx_vecf gradient = { own->places[vx_sum_place(own->count, own->index)], theta.n };
    double nll = 0.0;
    vx_status status = VX_OK;

    batch.flow = &flow;
    status = vx_model_nll_gradient(task->model, theta, &batch, gradient, &nll);
    /* A gradient that is not finite is sent as it is: the server refuses it and says whose it is.
     */
    VX_ASSERT(status == VX_OK || status == VX_ERR_NONFINITE);
    return nll;
}

static void check_run(const vx_task *task, size_t first, size_t count)
{
    VX_ASSERT(count >= 1 && count <= task->own_blocks && task->blocks % count == 0);
    VX_ASSERT(vx_sum_splits(task->blocks, task->blocks / count));
    VX_ASSERT(first % count == 0 && first < task->blocks);
}

void vx_task_partial_at(vx_task *task, vx_cvecf theta, uint64_t round, size_t first, size_t count,
                        const vx_flow *flow, vx_vecf ret_sum, vx_task_partial *ret_about)
{
    vx_clock clock = vx_clock_system();
    uint64_t began = vx_clock_monotonic_ns(&clock);
    float *places[VX_SUM_PLACES_MAX] = { ret_sum.at };
    double nll[VX_BLOCKS_MAX];
    uint64_t samples = 0;

    check_run(task, first, count);
    for (size_t i = 1; i < vx_sum_places(count); i++)
        places[i] = task->memory.places + (i - 1) * ret_sum.n;
    draw(task, round);
    for (size_t i = 0; i < count; i++) {
        merge own = { places, count, i, i + 1 == count ? flow : NULL };

        nll[i] = add_block(task, theta, block_at(task, round, first + i), &own);
        samples += rows_of(task, first + i).size;
    }
    *ret_about = (vx_task_partial){ .nll = vx_sum_parts_f64(nll, count),
                                    .samples = samples,
                                    .compute_ns = vx_clock_monotonic_ns(&clock) - began };
}

vx_task_partial vx_task_partial_add(const vx_task_partial *parts, size_t ranks)
{
    vx_task_partial all = { 0 };
    double nll[VX_BLOCKS_MAX];

    VX_ASSERT(ranks >= 1 && ranks <= VX_BLOCKS_MAX);
    for (size_t r = 0; r < ranks; r++) {
        nll[r] = parts[r].nll;
        all.samples += parts[r].samples;
        if (parts[r].compute_ns > all.compute_ns)
            all.compute_ns = parts[r].compute_ns;
    }
    all.nll = vx_sum_parts_f64(nll, ranks);
    return all;
}

/* How many columns have weight in the batch that was drawn. */
static size_t columns_present(const vx_task *task)
{
    size_t present = 0;

    for (size_t k = 0; k < task->columns; k++)
        present += task->memory.totals[k] > 0.0 ? 1 : 0;
    return present;
}

void vx_task_finish_at(vx_task *task, uint64_t round, const vx_task_partial *about,
                       vx_vecf gradient, vx_task_gradient *ret_about)
{
    vx_clock clock = vx_clock_system();
    uint64_t began = vx_clock_monotonic_ns(&clock);

    VX_ASSERT(task->momentum != NULL);
    vx_clip_norm(gradient, task->job->workers.clip_norm);
    vx_momentum_apply(task->momentum, round, gradient);
    ret_about->effect = vx_fault_apply(task->plans, task->plans_count, task->job->seed, task->slot,
                                       round, gradient);
    /* The model tells the sum of the columns' means, 0 of a column without weight. */
    ret_about->columns = columns_present(task);
    ret_about->nll = ret_about->columns > 0 ? about->nll / (double)ret_about->columns : (double)NAN;
    ret_about->samples = about->samples;
    ret_about->compute_ns = about->compute_ns + vx_clock_monotonic_ns(&clock) - began;
}

void vx_task_gradient_at(vx_task *task, vx_cvecf theta, uint64_t round, vx_vecf ret_gradient,
                         vx_task_gradient *ret_about)
{
    vx_task_partial about;

    vx_task_partial_at(task, theta, round, 0, task->blocks, NULL, ret_gradient, &about);
    vx_task_finish_at(task, round, &about, ret_gradient, ret_about);
}
