#include "sample.h"

#include <math.h>
#include <string.h>
#include <unistd.h>

#include <vx_base/alloc.h>
#include <vx_data/columns.h>
#include <vx_tensor_file/npy.h>

static int set_up(void **state)
{
    int code = vx_test_folder_setup(state);

    if (code == 0)
        sample_write(*state);
    return code;
}

/* The row of a file that an observation of a batch is: its first feature says so. */
static int row_of(const vx_batch *batch, size_t b)
{
    return (int)batch->features.at[b * batch->features.ld];
}

static void a_batch_holds_rows_with_their_targets_and_numbers(void **state)
{
    vx_task task = sample_worker(*state, 1, "likelihood: poisson", "");

    for (uint64_t round = 0; round < 10; round++) {
        vx_batch batch = vx_task_batch_at(&task, round, 0);

        assert_int_equal(batch.features.rows, 6);
        assert_true(batch.training);
        assert_int_equal(batch.slot, 1);
        assert_int_equal(batch.round, round);
        for (size_t b = 0; b < 6; b++) {
            int row = row_of(&batch, b);

            assert_int_equal(batch.observations[b], row);
            assert_int_equal((int)batch.targets.at[b], row % 7);
            vx_assert_close((double)batch.features.at[2 * b + 1], row / 8.0, 1e-7, 0);
        }
    }
    vx_task_destroy(&task);
}

static void a_batch_is_a_function_of_slot_and_round(void **state)
{
    vx_task a = sample_worker(*state, 0, "likelihood: poisson", "");
    vx_task b = sample_worker(*state, 0, "likelihood: poisson", "");
    float first[12];

    (void)vx_task_batch_at(&a, 9, 0);
    memcpy(first, vx_task_batch_at(&a, 3, 0).features.at, sizeof(first));
    assert_memory_equal(vx_task_batch_at(&b, 3, 0).features.at, first, sizeof(first));
    assert_memory_not_equal(vx_task_batch_at(&b, 4, 0).features.at, first, sizeof(first));
    vx_task_destroy(&a);
    vx_task_destroy(&b);
}

static void whole_numbers_are_classes_or_targets_as_the_likelihood_says(void **state)
{
    vx_task task = sample_worker(*state, 0, "likelihood: categorical", "");
    vx_batch batch = vx_task_batch_at(&task, 0, 0);

    assert_null(batch.targets.at);
    assert_int_equal(vx_model_outputs(task.model), 7);
    for (size_t b = 0; b < 6; b++)
        assert_int_equal(batch.labels[b], row_of(&batch, b) % 7);
    vx_task_destroy(&task);
}

static void columns_of_a_bootstrap_are_weighed_by_observation(void **state)
{
    vx_task task =
        sample_worker(*state, 0, "likelihood: poisson, columns: {kind: bootstrap, count: 5}", "");
    vx_batch batch = vx_task_batch_at(&task, 2, 0);
    float expected[6 * 5];

    vx_columns_weights(VX_COLUMNS_BOOTSTRAP, 4, batch.observations, 6,
                       (vx_matf){ expected, 6, 5, 5 });
    assert_memory_equal(batch.column_weights.at, expected, sizeof(expected));
    for (size_t i = 0; i < 30; i++)
        assert_int_equal((int)batch.targets.at[i], row_of(&batch, i / 5) % 7);
    vx_task_destroy(&task);
}

/* Over a data epoch each column has each target of the shard as often as the shard has it. */
static void permuted_targets_stay_in_the_shard(void **state)
{
    vx_task task =
        sample_worker(*state, 1, "likelihood: poisson, columns: {kind: permutation, count: 3}", "");
    int counts[3][7] = { { 0 } };
    int moved = 0;

    for (uint64_t round = 0; round < 4; round++) { /* 24 observations */
        vx_batch batch = vx_task_batch_at(&task, round, 0);

        assert_null(batch.column_weights.at);
        for (size_t b = 0; b < 6; b++) {
            assert_int_equal((int)batch.targets.at[3 * b], row_of(&batch, b) % 7);
            for (size_t k = 0; k < 3; k++)
                counts[k][(int)batch.targets.at[3 * b + k]]++;
            moved += (int)batch.targets.at[3 * b + 1] != row_of(&batch, b) % 7;
        }
    }
    assert_memory_equal(counts[0], counts[1], sizeof(counts[0]));
    assert_memory_equal(counts[0], counts[2], sizeof(counts[0]));
    assert_true(moved > 6);
    vx_task_destroy(&task);
}

static const char noisy[] = "likelihood: gaussian";

static vx_task noisy_worker(const char *folder, uint32_t slot)
{
    vx_job *job = sample_job(folder, noisy, "");
    vx_job_augment *augment = vx_calloc(1, sizeof(*augment));
    vx_task_place place = { .slot = slot, .data_dir = "", .local_workers = 1 };
    vx_task task = { 0 };
    vx_error err = { 0 };

    *augment = (vx_job_augment){ .kind = VX_JOB_AUGMENT_GAUSSIAN_NOISE,
                                 .slots = vx_calloc(1, sizeof(uint64_t)),
                                 .slots_count = 1,
                                 .share = 1,
                                 .scale = 1,
                                 .from_round = 3,
                                 .to_round = 5 };
    augment->slots[0] = 1;
    job->data.augment = augment;
    job->data.augment_count = 1;
    vx_assert_ok(vx_task_create_worker(job, &place, &task, &err), &err);
    return task;
}

static void augmentation_concerns_its_slots_and_rounds_alone(void **state)
{
    for (uint32_t slot = 0; slot < 2; slot++) {
        vx_task plain = sample_worker(*state, slot, noisy, "");
        vx_task changed = noisy_worker(*state, slot);

        for (uint64_t round = 2; round < 7; round++) {
            bool same =
                memcmp(vx_task_batch_at(&plain, round, 0).features.at,
                       vx_task_batch_at(&changed, round, 0).features.at, 12 * sizeof(float)) == 0;

            assert_int_equal(same, slot == 0 || round < 3 || round > 5);
        }
        vx_task_destroy(&plain);
        vx_task_destroy(&changed);
    }
}

/* The model's own sums, and what the outputs score in double. */
static void expect_the_same_scores(const char *folder, const char *model)
{
    vx_task task = sample_evaluator(folder, model, "");
    size_t d = vx_model_dimension(task.model);
    float *theta = vx_calloc(d, sizeof(float));
    vx_task_result result = { 0 };
    double nll = 0, deviance = 0, hits = 0;

    for (size_t i = 0; i < d; i++)
        theta[i] = 0.01f * (float)(i + 1);
    vx_assert_ok(vx_task_evaluate(&task, (vx_cvecf){ theta, d }, &result), NULL);
    for (size_t from = 0; from < SAMPLE_TEST; from += 8) {
        size_t size = SAMPLE_TEST - from < 8 ? SAMPLE_TEST - from : 8;
        vx_score_data data;
        double at[8];
        vx_vec scores = { at, size };

        vx_assert_ok(vx_task_predict(&task, (vx_cvecf){ theta, d }, from, size, &data), NULL);
        vx_score_nll(&data, scores);
        nll += vx_score_mean((vx_cvec){ at, size }) * (double)size / SAMPLE_TEST;
        vx_score_deviance(&data, scores);
        deviance += vx_score_mean((vx_cvec){ at, size }) * (double)size / SAMPLE_TEST;
        if (data.kind == VX_SCORE_CATEGORICAL) {
            vx_score_hits(data.outputs, data.labels, scores);
            hits += vx_score_mean((vx_cvec){ at, size }) * (double)size / SAMPLE_TEST;
        }
    }
    assert_int_equal(result.count, SAMPLE_TEST);
    vx_assert_close(result.nll, nll, 1e-6, 0);
    if (isnan(result.deviance))
        vx_assert_close(result.accuracy, hits, 1e-12, 0);
    else
        vx_assert_close(result.deviance, deviance, 1e-5, 0);
    vx_free(theta);
    vx_task_destroy(&task);
}

static void an_evaluation_is_what_the_outputs_score(void **state)
{
    expect_the_same_scores(*state, "likelihood: categorical");
    expect_the_same_scores(*state, "likelihood: gaussian, variance: 3");
    expect_the_same_scores(*state, "likelihood: poisson");
    expect_the_same_scores(*state, "likelihood: negative_binomial, dispersion: 0.4");
}

static void an_evaluation_has_no_memory_for_rows_that_are_not_there(void **state)
{
    vx_job *job = sample_job(*state, "likelihood: poisson", "");
    vx_task_place place = { .data_dir = "" };
    vx_task task = sample_evaluator(*state, "likelihood: poisson", "");
    vx_error err = { 0 };

    assert_int_equal(task.rows, 8);
    vx_task_destroy(&task);
    job->evaluation.batch = 1000000;
    vx_assert_ok(vx_task_create_evaluator(job, &place, &task, &err), &err);
    assert_int_equal(task.rows, SAMPLE_TEST);
    assert_int_equal(task.memory.features.rows, SAMPLE_TEST);
    vx_task_destroy(&task);
}

static void columns_are_evaluated_on_the_same_targets_without_weights(void **state)
{
    vx_task one = sample_evaluator(*state, "likelihood: poisson", "");
    vx_task many =
        sample_evaluator(*state, "likelihood: poisson, columns: {kind: permutation, count: 4}", "");
    float theta[12] = { 0 };
    vx_task_result a = { 0 }, b = { 0 };

    vx_assert_ok(vx_task_evaluate(&one, (vx_cvecf){ theta, 3 }, &a), NULL);
    vx_assert_ok(vx_task_evaluate(&many, (vx_cvecf){ theta, 12 }, &b), NULL);
    vx_assert_close(a.nll, b.nll, 1e-14, 0);
    vx_assert_status(vx_task_evaluate(&many, (vx_cvecf){ theta, 3 }, &b), VX_ERR_SHAPE, NULL);
    vx_task_destroy(&one);
    vx_task_destroy(&many);
}

static void a_round_allocates_nothing(void **state)
{
    vx_task task =
        sample_worker(*state, 0, "likelihood: poisson, columns: {kind: bootstrap, count: 5}", "");
    float theta[15] = { 0 }, gradient[15];
    vx_task_gradient about;
    uint64_t before = vx_alloc_count();

    for (uint64_t round = 0; round < 9; round++)
        vx_task_gradient_at(&task, (vx_cvecf){ theta, 15 }, round, (vx_vecf){ gradient, 15 },
                            &about);
    assert_int_equal(vx_alloc_count(), before);
    vx_task_destroy(&task);
}

static void missing_memory_is_told_everywhere(void **state)
{
    vx_task_place place = { .slot = 1, .data_dir = "", .local_workers = 1 };
    bool failed = true;

    for (int k = 0; failed && k < 500; k++) {
        vx_job *job =
            sample_job(*state, "likelihood: poisson, columns: {kind: fold, count: 2}", "");
        int left = k;
        vx_task task = { 0 };
        vx_error err = { 0 };
        vx_status status = VX_OK;

        vx_alloc_set_hook(vx_test_fail_at_zero, &left);
        status = vx_task_create_worker(job, &place, &task, &err);
        vx_alloc_set_hook(NULL, NULL);
        failed = status != VX_OK;
        if (failed)
            vx_assert_status(status, VX_ERR_NOMEM, &err);
        vx_task_destroy(&task);
    }
    assert_false(failed);
}

static void what_does_not_fit_is_named(void **state)
{
    static const struct {
        const char *model, *message;
    } cases[] = {
        { "likelihood: bernoulli", "train.csv: observation 2 has the target 2, model.likelihood: "
                                   "bernoulli expects " },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        vx_task_place place = { .slot = 0, .data_dir = "", .local_workers = 1 };
        vx_task task = { 0 };
        vx_error err = { 0 };

        vx_assert_status(
            vx_task_create_worker(sample_job(*state, cases[i].model, ""), &place, &task, &err),
            VX_ERR_DATA, &err);
        assert_non_null(strstr(err.message, cases[i].message));
    }
}

/* Ranks of a host: one parses, the other maps what it parsed. */
static void a_set_that_another_process_shares_is_not_read_again(void **state)
{
    vx_task_place place = { .slot = 1, .data_dir = "", .local_workers = 1, .shares = true };
    vx_task plain = sample_worker(*state, 1, "likelihood: poisson", "");
    vx_task tasks[2] = { { 0 }, { 0 } };
    vx_error err = { 0 };
    char *files[2] = { vx_format("%s/train.csv", (const char *)*state), NULL };

    vx_assert_ok(vx_task_create_worker(sample_job(*state, "likelihood: poisson", ""), &place,
                                       &tasks[0], &err),
                 &err);
    assert_true(tasks[0].is_shared);
    vx_test_file_put(files[0], "gone", 4);
    files[1] = vx_format("/proc/%ld/fd/%d", (long)getpid(), tasks[0].shared);
    place.shares = false;
    place.shared = files[1];
    vx_assert_ok(vx_task_create_worker(sample_job(*state, "likelihood: poisson", ""), &place,
                                       &tasks[1], &err),
                 &err);
    assert_false(tasks[1].is_shared);
    for (uint64_t round = 0; round < 5; round++) {
        vx_batch expected = vx_task_batch_at(&plain, round, 0);

        for (size_t t = 0; t < 2; t++) {
            vx_batch batch = vx_task_batch_at(&tasks[t], round, 0);

            assert_memory_equal(batch.features.at, expected.features.at, 12 * sizeof(float));
            assert_memory_equal(batch.targets.at, expected.targets.at, 6 * sizeof(float));
            assert_memory_equal(batch.observations, expected.observations, 6 * sizeof(uint32_t));
        }
    }
    vx_task_destroy(&plain);
    vx_task_destroy(&tasks[0]);
    vx_task_destroy(&tasks[1]);
    vx_free(files[0]);
    vx_free(files[1]);
}

static void write_rows(const char *folder, const char *name, const float *at, size_t columns)
{
    char *path = vx_format("%s/%s", folder, name);
    vx_error err = { 0 };

    vx_assert_ok(vx_npy_write_array(
                     path, &(vx_npy_array){ .at = at, .rank = 2, .shape = { 8, columns } }, &err),
                 &err);
    vx_free(path);
}

/* Which of two slots take their rows of x.npy, as bits; the others have named observation 5. */
static int takers(const char *folder, const char *workers, bool others_check)
{
    char *text =
        vx_format("name: rows\nrounds: 9\ndata: {format: npy, train_features: x.npy, "
                  "train_labels: y.npy, test_features: y.npy, test_labels: y.npy, batch: 2}\n"
                  "model: {family: linear, likelihood: gaussian}\nworkers: {count: 2%s}\n"
                  "optimiser: {step_size: 0.1}\n",
                  workers);
    int found = 0;

    for (uint32_t slot = 0; slot < 2; slot++) {
        vx_task_place place = { .slot = slot, .data_dir = "", .others_check = others_check };
        vx_task task = { 0 };
        vx_job *job = NULL;
        vx_error err = { 0 };

        vx_assert_ok(vx_job_parse((vx_cbytes){ (const uint8_t *)text, strlen(text) }, "job.yaml",
                                  folder, NULL, 0, &job, &err),
                     &err);
        if (vx_task_create_worker(job, &place, &task, &err) == VX_OK)
            found |= 1 << slot;
        else
            assert_non_null(strstr(err.message, "x.npy: observation 5 "));
        vx_task_destroy(&task);
    }
    vx_free(text);
    return found;
}

static void a_row_that_is_not_finite_concerns_its_shard_alone(void **state)
{
    float rows[24] = { 0 };
    int alone = 0;

    write_rows(*state, "y.npy", rows, 1);
    write_rows(*state, "x.npy", rows, 3);
    assert_int_equal(takers(*state, "", false), 3);
    rows[16] = INFINITY;
    write_rows(*state, "x.npy", rows, 3);
    alone = takers(*state, "", false);
    assert_true(alone == 1 || alone == 2);
    assert_int_equal(takers(*state, ", shard_timeout_s: 5", false), 0); /* each may get any shard */
    assert_int_equal(takers(*state, "", true), 3);
}

static void threads_are_a_share_of_the_cores_unless_the_job_says(void **state)
{
    static const struct {
        uint32_t local, cores, wanted, threads;
    } rows[] = {
        { 1, 8, 0, 8 }, { 2, 8, 0, 4 }, { 3, 8, 0, 2 }, { 9, 8, 0, 1 },
        { 0, 5, 0, 5 }, { 2, 8, 1, 1 }, { 2, 8, 6, 6 }, { 4, 1, 0, 1 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        vx_task_place place = { .local_workers = rows[i].local, .cores = rows[i].cores };

        assert_int_equal(vx_task_threads(&place, rows[i].wanted), rows[i].threads);
    }
}

int main(void)
{
#define FOLDER_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, vx_test_folder_teardown)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(threads_are_a_share_of_the_cores_unless_the_job_says),
        FOLDER_TEST(a_batch_holds_rows_with_their_targets_and_numbers),
        FOLDER_TEST(a_set_that_another_process_shares_is_not_read_again),
        FOLDER_TEST(a_batch_is_a_function_of_slot_and_round),
        FOLDER_TEST(whole_numbers_are_classes_or_targets_as_the_likelihood_says),
        FOLDER_TEST(columns_of_a_bootstrap_are_weighed_by_observation),
        FOLDER_TEST(permuted_targets_stay_in_the_shard),
        FOLDER_TEST(augmentation_concerns_its_slots_and_rounds_alone),
        FOLDER_TEST(an_evaluation_is_what_the_outputs_score),
        FOLDER_TEST(an_evaluation_has_no_memory_for_rows_that_are_not_there),
        FOLDER_TEST(columns_are_evaluated_on_the_same_targets_without_weights),
        FOLDER_TEST(a_round_allocates_nothing),
        FOLDER_TEST(missing_memory_is_told_everywhere),
        FOLDER_TEST(what_does_not_fit_is_named),
        FOLDER_TEST(a_row_that_is_not_finite_concerns_its_shard_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
