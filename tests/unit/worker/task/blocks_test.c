#include "sample.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include <vx_base/alloc.h>
#include <vx_base/rng.h>
#include <vx_base/sum.h>
#include <vx_tensor_file/safetensors.h>

/* Gradients from blocks: jobs of images and of sparse rows, with everything that could depend on
 * the place of an observation in its batch. */

#define IMAGES 40
#define EDGE   10
#define D_MAX  8192
#define BATCH  13 /* no multiple of any number of blocks */
#define ROUND  2

typedef struct model_case {
    const char *data, *model; /* keys of the sections, with what else the job has */
} model_case;

#define IMAGE                                                                                      \
    "  format: idx\n  train_features: x\n  train_labels: y\n  test_features: x\n"                  \
    "  test_labels: y\n"
#define SPARSE "  format: svmlight\n  train_features: s\n  test_features: s\n"

static const model_case cases[] = {
    { IMAGE, "family: mlp, widths: [7, 5], dropout: 0.3, l2: 0.01" },
    { IMAGE, "family: mlp, widths: [6, 6], layer_norm: true, residual: true, activation: gelu" },
    { IMAGE, "family: cnn, channels: [3, 4], kernel: 3, widths: [5], dropout: 0.2, l2: 0.01" },
    { IMAGE, "family: resmlp, patch: 5, hidden: 8, blocks: 2" },
    { IMAGE "  augment: [{kind: shift, scale: 2, share: 0.7}, {kind: gaussian_noise}]\n",
      "family: mlp, widths: [7], l2: 0.01" },
    { IMAGE, "family: linear, loss: {kind: nce, noise: 3}" },
    { IMAGE, "family: mlp, widths: [4], loss: {kind: distillation, teacher: t.safetensors}" },
    { IMAGE, "family: linear, columns: {kind: bootstrap, count: 5}, l2: 0.1" },
    { IMAGE, "family: linear, columns: {kind: fold, count: 3}" },
    { IMAGE, "family: linear, columns: {kind: permutation, count: 4}" },
    { SPARSE, "family: linear, likelihood: poisson, l2: 0.1" },
    { SPARSE, "family: linear, likelihood: poisson, columns: {kind: bootstrap, count: 6}" },
};
#define CASES (sizeof(cases) / sizeof(cases[0]))

static const size_t block_counts[] = { 1, 2, 3, 4, 6, 8, 12, BATCH };
#define COUNTS (sizeof(block_counts) / sizeof(block_counts[0]))

static void put(const char *folder, const char *name, const void *at, size_t size)
{
    char *path = vx_format("%s/%s", folder, name);

    vx_test_file_put(path, at, size);
    vx_free(path);
}

static void write_images(const char *folder)
{
    static uint8_t x[16 + IMAGES * EDGE * EDGE] = { 0, 0, 8, 3,    0, 0, 0, IMAGES,
                                                    0, 0, 0, EDGE, 0, 0, 0, EDGE };
    static uint8_t y[8 + IMAGES] = { 0, 0, 8, 1, 0, 0, 0, IMAGES };
    vx_rng rng = vx_rng_stream(3, VX_RNG_TEST, 0, 0);

    for (size_t i = 16; i < sizeof(x); i++)
        x[i] = (uint8_t)vx_rng_below(&rng, 256);
    for (size_t i = 8; i < sizeof(y); i++)
        y[i] = (uint8_t)(i % 4);
    put(folder, "x", x, sizeof(x));
    put(folder, "y", y, sizeof(y));
}

static void write_sparse(const char *folder)
{
    char text[4096] = "";
    size_t size = 0;

    for (int i = 0; i < IMAGES; i++)
        size += (size_t)snprintf(text + size, sizeof(text) - size, "%d %d:0.5 %d:-0.%d 9:1\n",
                                 i % 5, 1 + i % 4, 5 + i % 3, 1 + i % 9);
    put(folder, "s", text, size);
}

static vx_job *job_of(const char *folder, const model_case *own, size_t ranks, size_t blocks,
                      const char *more)
{
    char *text = vx_format("name: blocks\nrounds: 9\nseed: 4\nallow_fault_injection: true\n"
                           "data:\n%s  batch: %d\nmodel: {%s}\n"
                           "workers: {count: 2, ranks: %zu, blocks: %zu, blas_threads: 1%s}\n"
                           "optimiser: {step_size: 0.1}\n",
                           own->data, BATCH, own->model, ranks, blocks, more);
    vx_job *job = NULL;
    vx_error err = { 0 };

    vx_assert_ok(vx_job_parse((vx_cbytes){ (const uint8_t *)text, strlen(text) }, "job.yaml",
                              folder, NULL, 0, &job, &err),
                 &err);
    vx_free(text);
    return job;
}

static vx_task task_of(const char *folder, const model_case *own, size_t rank, size_t ranks,
                       size_t blocks)
{
    vx_task_place place = {
        .data_dir = "", .local_workers = 1, .rank = (uint32_t)rank, .ranks = (uint32_t)ranks
    };
    vx_task task = { 0 };
    vx_error err = { 0 };

    vx_assert_ok(vx_task_create_worker(job_of(folder, own, ranks, blocks, ", momentum: 0"), &place,
                                       &task, &err),
                 &err);
    assert_true(vx_model_dimension(task.model) <= D_MAX);
    return task;
}

/* A teacher for the distilled student, whose model is the same. */
static void write_teacher(const char *folder)
{
    const model_case plain = { IMAGE, "family: mlp, widths: [4]" };
    static float theta[D_MAX];
    vx_task task = task_of(folder, &plain, 0, 1, 1);
    char *path = vx_format("%s/t.safetensors", folder);
    vx_tensor tensors[4] = { 0 };
    vx_error err = { 0 };

    assert_int_equal(vx_model_tensor_count(task.model), 4);
    vx_model_initialise(task.model, 8, (vx_vecf){ theta, vx_model_dimension(task.model) });
    for (size_t i = 0; i < 4; i++) {
        vx_model_tensor own = vx_model_tensor_at(task.model, i);

        tensors[i] = (vx_tensor){ .rank = own.rank, .at = theta + own.offset };
        memcpy(tensors[i].shape, own.shape, own.rank * sizeof(own.shape[0]));
        memcpy(tensors[i].name, own.name, sizeof(own.name));
    }
    vx_assert_ok(vx_safetensors_write(path, tensors, 4, NULL, 0, &err), &err);
    vx_free(path);
    vx_task_destroy(&task);
}

static int set_up(void **state)
{
    int code = vx_test_folder_setup(state);

    if (code != 0)
        return code;
    write_images(*state);
    write_sparse(*state);
    write_teacher(*state);
    return 0;
}

/* First parameters with something added: those of the linear family are 0. */
static vx_cvecf theta_of(const vx_task *task)
{
    static float theta[D_MAX];
    vx_rng rng = vx_rng_stream(7, VX_RNG_TEST, 0, 0);
    vx_vecf all = { theta, vx_model_dimension(task->model) };

    vx_model_initialise(task->model, 5, all);
    for (size_t i = 0; i < all.n; i++)
        theta[i] += (float)(0.1 * vx_rng_normal(&rng));
    return vx_vecf_const(all);
}

/* The sum over blocks first .. of the round, NaN where nothing was written. */
static vx_task_partial partial(vx_task *task, size_t first, size_t count, const vx_flow *flow,
                               float *ret_sum)
{
    vx_cvecf theta = theta_of(task);
    vx_task_partial about;

    memset(ret_sum, 0xff, theta.n * sizeof(*ret_sum));
    vx_task_partial_at(task, theta, ROUND, first, count, flow, (vx_vecf){ ret_sum, theta.n },
                       &about);
    return about;
}

static float whole[D_MAX], alone[D_MAX], sum[D_MAX];
static float of_ranks[VX_BLOCKS_MAX][D_MAX];

/* What ranks that have a task each add up to. */
static vx_task_partial group(const char *folder, const model_case *own, size_t ranks, size_t blocks,
                             float *ret_sum)
{
    const float *parts[VX_BLOCKS_MAX];
    vx_task_partial abouts[VX_BLOCKS_MAX];
    size_t d = 0;

    for (size_t r = 0; r < ranks; r++) {
        vx_task task = task_of(folder, own, r, ranks, blocks);
        size_t count = blocks / ranks;

        d = vx_model_dimension(task.model);
        abouts[r] = partial(&task, r * count, count, NULL, of_ranks[r]);
        parts[r] = of_ranks[r];
        vx_task_destroy(&task);
    }
    vx_sum_parts_f32(parts, ranks, d, ret_sum);
    return vx_task_partial_add(abouts, ranks);
}

static void any_number_of_ranks_gives_the_same_bits(void **state)
{
    for (size_t c = 0; c < CASES; c++) {
        for (size_t b = 0; b < COUNTS; b++) {
            size_t blocks = block_counts[b];
            vx_task task = task_of(*state, &cases[c], 0, 1, blocks);
            size_t bytes = vx_model_dimension(task.model) * sizeof(float);
            vx_task_partial about = partial(&task, 0, blocks, NULL, whole);

            assert_int_equal(about.samples, BATCH);
            for (size_t ranks = 2; ranks <= blocks; ranks++) {
                vx_task_partial other;

                if (!vx_sum_splits(blocks, ranks))
                    continue;
                other = group(*state, &cases[c], ranks, blocks, sum);
                assert_memory_equal(sum, whole, bytes);
                assert_memory_equal(&other.nll, &about.nll, sizeof(other.nll));
                assert_int_equal(other.samples, BATCH);
            }
            vx_task_destroy(&task);
        }
    }
}

static double norm_of_difference(const float *a, const float *b, size_t n)
{
    double squares = 0;

    for (size_t i = 0; i < n; i++) {
        double difference = (double)a[i] - (b != NULL ? (double)b[i] : 0);

        squares += difference * difference;
    }
    return sqrt(squares);
}

/* Weights, l2, dropout, augmentation and what else is drawn are those of the batch. */
static void blocks_add_up_to_the_gradient_of_the_batch(void **state)
{
    for (size_t c = 0; c < CASES; c++) {
        vx_task one = task_of(*state, &cases[c], 0, 1, 1);
        size_t d = vx_model_dimension(one.model);
        vx_task_partial about = partial(&one, 0, 1, NULL, alone);

        assert_true(norm_of_difference(alone, NULL, d) > 1e-3);
        for (size_t b = 1; b < COUNTS; b++) {
            vx_task task = task_of(*state, &cases[c], 0, 1, block_counts[b]);
            vx_task_partial other = partial(&task, 0, block_counts[b], NULL, whole);

            vx_assert_close(other.nll, about.nll, 1e-6, 0);
            if (!(norm_of_difference(whole, alone, d) <= 2e-6 * norm_of_difference(alone, NULL, d)))
                fail_msg("%s, %zu blocks: off by %g of %g", cases[c].model, block_counts[b],
                         norm_of_difference(whole, alone, d), norm_of_difference(alone, NULL, d));
            vx_task_destroy(&task);
        }
        vx_task_destroy(&one);
    }
}

/* The batch as one call of the model, as it was before there were blocks. */
static void one_block_is_the_batch_itself(void **state)
{
    for (size_t c = 0; c < CASES; c++) {
        vx_task task = task_of(*state, &cases[c], 0, 1, 1);
        vx_cvecf theta = theta_of(&task);
        vx_batch batch = vx_task_batch_at(&task, ROUND, 0);
        double nll = 0;
        vx_task_partial about;

        batch.totals = NULL;
        vx_assert_ok(
            vx_model_nll_gradient(task.model, theta, &batch, (vx_vecf){ alone, theta.n }, &nll),
            NULL);
        about = partial(&task, 0, 1, NULL, whole);
        assert_memory_equal(whole, alone, theta.n * sizeof(float));
        assert_memory_equal(&about.nll, &nll, sizeof(nll));
        vx_task_destroy(&task);
    }
}

typedef struct listener {
    const float *sum;
    float at_once[D_MAX];
    int told[D_MAX];
} listener;

static void listen(void *context, size_t offset, size_t count)
{
    listener *l = context;

    assert_true(offset + count <= D_MAX);
    for (size_t i = offset; i < offset + count; i++) {
        l->told[i]++;
        l->at_once[i] = l->sum[i];
    }
}

static void every_number_of_a_sum_is_told_once_and_is_final(void **state)
{
    static listener own;

    for (size_t c = 0; c < CASES; c++) {
        for (size_t b = 0; b < COUNTS; b++) {
            vx_task task = task_of(*state, &cases[c], 0, 1, block_counts[b]);
            size_t d = vx_model_dimension(task.model);
            vx_flow flow = { listen, &own };

            own = (listener){ .sum = whole };
            (void)partial(&task, 0, block_counts[b], &flow, whole);
            for (size_t i = 0; i < d; i++)
                assert_int_equal(own.told[i], 1);
            assert_memory_equal(own.at_once, whole, d * sizeof(float));
            vx_task_destroy(&task);
        }
    }
}

static void blocks_cut_the_batch_without_gap(void **state)
{
    for (size_t b = 0; b < COUNTS; b++) {
        vx_task one = task_of(*state, &cases[10], 0, 1, 1);
        vx_task task = task_of(*state, &cases[10], 0, 1, block_counts[b]);
        vx_batch all = vx_task_batch_at(&one, ROUND, 0);
        size_t from = 0;

        for (size_t j = 0; j < block_counts[b]; j++) {
            vx_batch block = vx_task_batch_at(&task, ROUND, j);
            size_t rows = block.sparse->rows;

            assert_in_range(rows, BATCH / block_counts[b], task.rows);
            assert_memory_equal(block.observations, all.observations + from,
                                rows * sizeof(*block.observations));
            vx_assert_close(block.totals[0], BATCH, 0, 0);
            assert_int_equal(block.without_l2, j > 0);
            from += rows;
        }
        assert_int_equal(from, BATCH);
        vx_task_destroy(&one);
        vx_task_destroy(&task);
    }
}

/* Is there a block of this round in which a column weighs nothing? */
static bool has_empty_block(vx_task *task, size_t columns)
{
    for (size_t j = 0; j < task->blocks; j++) {
        vx_batch block = vx_task_batch_at(task, ROUND, j);

        for (size_t k = 0; k < columns; k++) {
            float weight = 0;

            for (size_t i = 0; i < block.column_weights.rows; i++)
                weight += block.column_weights.at[i * columns + k];
            if (!(weight > 0))
                return true;
        }
    }
    return false;
}

/* Blocks of one observation: many weigh nothing. What they add up to is looked at above. */
static void a_block_without_weight_adds_nothing_that_is_not_finite(void **state)
{
    vx_task task = task_of(*state, &cases[7], 0, 1, BATCH);
    size_t d = vx_model_dimension(task.model);

    assert_true(has_empty_block(&task, 5));
    for (size_t j = 0; j < BATCH; j++) {
        (void)partial(&task, j, 1, NULL, whole);
        for (size_t i = 0; i < d; i++)
            assert_true(isfinite(whole[i]));
    }
    vx_task_destroy(&task);
}

#define STEPS ", momentum: 0.9, clip_norm: 0.2"

static vx_task stepping(const char *folder, uint32_t rank, uint32_t ranks)
{
    vx_task_place place = { .data_dir = "", .local_workers = 1, .rank = rank, .ranks = ranks };
    vx_task task = { 0 };
    vx_error err = { 0 };

    vx_assert_ok(vx_task_create_worker(job_of(folder, &cases[0], 2, 4, STEPS), &place, &task, &err),
                 &err);
    return task;
}

/* Clip and momentum are those of the sum. */
static void parts_and_their_end_are_what_a_process_alone_pushes(void **state)
{
    vx_task single = stepping(*state, 0, 0);
    vx_task ranks[2] = { stepping(*state, 0, 2), stepping(*state, 1, 2) };
    size_t d = vx_model_dimension(single.model);
    vx_cvecf theta = theta_of(&single);
    const float *parts[2] = { of_ranks[0], of_ranks[1] };

    assert_null(ranks[1].momentum);
    for (uint64_t round = 0; round < 4; round++) {
        vx_task_gradient expected, actual;
        vx_task_partial abouts[2], all;

        vx_task_gradient_at(&single, theta, round, (vx_vecf){ alone, d }, &expected);
        for (size_t r = 0; r < 2; r++)
            vx_task_partial_at(&ranks[r], theta, round, 2 * r, 2, NULL, (vx_vecf){ of_ranks[r], d },
                               &abouts[r]);
        vx_sum_parts_f32(parts, 2, d, sum);
        all = vx_task_partial_add(abouts, 2);
        vx_task_finish_at(&ranks[0], round, &all, (vx_vecf){ sum, d }, &actual);
        assert_memory_equal(sum, alone, d * sizeof(float));
        assert_true(actual.nll <= expected.nll && actual.nll >= expected.nll);
        assert_int_equal(actual.samples, BATCH);
        vx_momentum_accept(single.momentum, round);
        vx_momentum_accept(ranks[0].momentum, round);
    }
    vx_task_destroy(&single);
    vx_task_destroy(&ranks[0]);
    vx_task_destroy(&ranks[1]);
}

static void no_round_of_blocks_allocates(void **state)
{
    for (size_t c = 0; c < CASES; c++) {
        vx_task task = task_of(*state, &cases[c], 0, 1, 12);
        uint64_t before = vx_alloc_count();

        (void)partial(&task, 0, 12, NULL, whole);
        assert_int_equal(vx_alloc_count(), before);
        vx_task_destroy(&task);
    }
}

static void ranks_that_cannot_share_out_the_blocks_are_refused(void **state)
{
    vx_task_place place = { .data_dir = "", .local_workers = 1, .rank = 0, .ranks = 3 };
    vx_task task = { 0 };
    vx_error err = { 0 };

    vx_assert_status(
        vx_task_create_worker(job_of(*state, &cases[0], 1, 4, ""), &place, &task, &err),
        VX_ERR_CONFIG, &err);
    assert_non_null(strstr(err.message, "workers.blocks: 3 processes cannot share out 4 blocks"));
}

int main(void)
{
#define FOLDER_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, vx_test_folder_teardown)
    const struct CMUnitTest tests[] = {
        FOLDER_TEST(any_number_of_ranks_gives_the_same_bits),
        FOLDER_TEST(blocks_add_up_to_the_gradient_of_the_batch),
        FOLDER_TEST(one_block_is_the_batch_itself),
        FOLDER_TEST(every_number_of_a_sum_is_told_once_and_is_final),
        FOLDER_TEST(blocks_cut_the_batch_without_gap),
        FOLDER_TEST(a_block_without_weight_adds_nothing_that_is_not_finite),
        FOLDER_TEST(parts_and_their_end_are_what_a_process_alone_pushes),
        FOLDER_TEST(no_round_of_blocks_allocates),
        FOLDER_TEST(ranks_that_cannot_share_out_the_blocks_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
