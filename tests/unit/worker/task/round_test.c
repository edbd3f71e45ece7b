#include "sample.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include <vx_base/alloc.h>
#include <vx_tensor_file/npy.h>
#include <vx_tensor_file/safetensors.h>

#define ROWS 16

static void put(const char *folder, const char *name, const char *text)
{
    char *path = vx_format("%s/%s", folder, name);

    vx_test_file_put(path, text, strlen(text));
    vx_free(path);
}

/* Rows "label 1:i 3:2", and a reference with means 5, 6, 7 and deviations 2, 4, 8. */
static int set_up(void **state)
{
    static const float scale[] = { 5, 6, 7, 2, 4, 8 };
    char text[1024] = "";
    char *path = NULL;
    size_t size = 0;
    vx_error err = { 0 };
    int code = vx_test_folder_setup(state);

    if (code != 0)
        return code;
    for (int i = 0; i < ROWS; i++)
        size += (size_t)snprintf(text + size, sizeof(text) - size, "%d 1:%d 3:2\n", i % 3, i + 1);
    put(*state, "train.svm", text);
    sample_write(*state);
    path = vx_format("%s/scale.npy", (const char *)*state);
    vx_assert_ok(vx_npy_write_array(
                     path, &(vx_npy_array){ .at = scale, .rank = 2, .shape = { 2, 3 } }, &err),
                 &err);
    vx_free(path);
    return 0;
}

static vx_job *sparse_job(const char *folder, const char *data)
{
    char *text = vx_format("name: sparse\nrounds: 9\ndata:\n  format: svmlight\n"
                           "  train_features: train.svm\n  test_features: train.svm\n  batch: 5\n"
                           "%smodel: {family: linear}\nworkers: {count: 2, momentum: 0}\n"
                           "optimiser: {step_size: 0.1}\n",
                           data);
    vx_job *job = NULL;
    vx_error err = { 0 };

    vx_assert_ok(vx_job_parse((vx_cbytes){ (const uint8_t *)text, strlen(text) }, "job.yaml",
                              folder, NULL, 0, &job, &err),
                 &err);
    vx_free(text);
    return job;
}

static vx_task sparse_worker(const char *folder, const char *data)
{
    vx_task_place place = { .slot = 0, .data_dir = "", .local_workers = 1 };
    vx_task task = { 0 };
    vx_error err = { 0 };

    vx_assert_ok(vx_task_create_worker(sparse_job(folder, data), &place, &task, &err), &err);
    return task;
}

/* Only some slots augment, and the evaluator does not: all mean the same by the features. */
static void augmented_sparse_rows_are_scaled_like_the_others(void **state)
{
    vx_task sparse = sparse_worker(*state, "  reference: scale.npy\n");
    vx_task dense = sparse_worker(*state, "  reference: scale.npy\n  augment:\n"
                                          "  - {kind: gaussian_noise, from_round: 8}\n");

    for (uint64_t round = 0; round < 8; round++) {
        vx_batch a = vx_task_batch_at(&sparse, round, 0);
        vx_batch b = vx_task_batch_at(&dense, round, 0);

        assert_non_null(a.sparse);
        assert_null(b.sparse);
        for (size_t i = 0; i < 5; i++) {
            float row[3] = { 0 };

            for (size_t k = a.sparse->begin[i]; k < a.sparse->begin[i + 1]; k++)
                row[a.sparse->columns[k]] = a.sparse->values[k];
            assert_memory_equal(b.features.at + i * b.features.ld, row, sizeof(row));
        }
    }
    vx_task_destroy(&sparse);
    vx_task_destroy(&dense);
}

/* The evaluator could not take it off either. */
static void a_mean_beside_sparse_rows_is_refused_with_augmentation_too(void **state)
{
    vx_task_place place = { .slot = 0, .data_dir = "", .local_workers = 1 };
    vx_task task = { 0 };
    vx_error err = { 0 };
    vx_job *job = sparse_job(*state, "  mean: 0.5\n  augment:\n  - {kind: gaussian_noise}\n");

    vx_assert_status(vx_task_create_worker(job, &place, &task, &err), VX_ERR_CONFIG, &err);
    assert_non_null(strstr(err.message, "data.mean"));
}

static void expect_no_allocation(vx_task *task)
{
    size_t d = vx_model_dimension(task->model);
    float *theta = vx_calloc(d, sizeof(float));
    float *gradient = vx_calloc(d, sizeof(float));
    vx_task_gradient about;
    uint64_t before = vx_alloc_count();

    for (uint64_t round = 0; round < 9; round++)
        vx_task_gradient_at(task, (vx_cvecf){ theta, d }, round, (vx_vecf){ gradient, d }, &about);
    assert_int_equal(vx_alloc_count(), before);
    vx_free(theta);
    vx_free(gradient);
    vx_task_destroy(task);
}

/* Parameters (3) of the sample's linear model. */
static void write_teacher(const char *folder, float first)
{
    const float values[] = { first, 0.5f, -1 };
    vx_task task = sample_evaluator(folder, "likelihood: poisson", "");
    char *path = vx_format("%s/teacher.safetensors", folder);
    vx_tensor tensors[2] = { { .rank = 2, .shape = { 1, 2 }, .at = values },
                             { .rank = 1, .shape = { 1 }, .at = values + 2 } };
    vx_error err = { 0 };

    for (size_t i = 0; i < 2; i++) {
        vx_model_tensor own = vx_model_tensor_at(task.model, i);

        memcpy(tensors[i].name, own.name, sizeof(own.name));
    }
    vx_assert_ok(vx_safetensors_write(path, tensors, 2, NULL, 0, &err), &err);
    vx_free(path);
    vx_task_destroy(&task);
}

/* The sample's targets are 0 to 6; these are 0 and 1. */
static void write_binary(const char *folder)
{
    put(folder, "train.csv", "a,b,y\n1,2,0\n3,4,1\n5,6,1\n7,8,0\n");
    put(folder, "test.csv", "a,b,y\n1,2,0\n3,4,1\n");
}

static const char distilled[] =
    "likelihood: bernoulli, loss: {kind: distillation, teacher: teacher.safetensors}";

static void no_kind_of_round_allocates(void **state)
{
    vx_task task = sparse_worker(*state, "");

    expect_no_allocation(&task);
    task = sparse_worker(*state, "  reference: scale.npy\n  augment: [{kind: gaussian_noise}]\n");
    expect_no_allocation(&task);
    task =
        sample_worker(*state, 0, "likelihood: poisson, columns: {kind: permutation, count: 4}", "");
    expect_no_allocation(&task);
    task = sample_worker(*state, 0, "likelihood: categorical, loss: {kind: nce}", "");
    expect_no_allocation(&task);
    write_teacher(*state, 1);
    write_binary(*state);
    task = sample_worker(*state, 0, distilled, "");
    expect_no_allocation(&task);
}

/* Every gradient would be NaN, and the server would say that the worker is at fault. */
static void a_teacher_that_is_not_finite_is_refused(void **state)
{
    vx_task_place place = { .slot = 0, .data_dir = "", .local_workers = 1 };
    vx_task task = { 0 };
    vx_error err = { 0 };

    write_teacher(*state, NAN);
    write_binary(*state);
    vx_assert_status(vx_task_create_worker(sample_job(*state, distilled, ""), &place, &task, &err),
                     VX_ERR_DATA, &err);
    assert_non_null(strstr(err.message, "model.loss.teacher"));
    assert_non_null(strstr(err.message, "finite"));
}

/* A run that goes on with another teacher would be another run. */
static void another_teacher_than_the_one_of_the_job_is_refused(void **state)
{
    vx_task_place place = { .slot = 0, .data_dir = "", .local_workers = 1 };
    vx_task task = { 0 };
    vx_error err = { 0 };
    vx_job *jobs[2] = { sample_job(*state, distilled, ""), sample_job(*state, distilled, "") };

    write_binary(*state);
    write_teacher(*state, 1);
    for (size_t i = 0; i < 2; i++)
        vx_assert_ok(vx_job_pin(jobs[i], &err), &err);
    vx_assert_ok(vx_task_create_worker(jobs[0], &place, &task, &err), &err);
    vx_task_destroy(&task);
    write_teacher(*state, 2);
    vx_assert_status(vx_task_create_worker(jobs[1], &place, &task, &err), VX_ERR_CONFIG, &err);
    assert_non_null(strstr(err.message, "model.loss.teacher_digest"));
}

static vx_task single_rows(const char *folder, const char *model)
{
    vx_task_place place = { .slot = 0, .data_dir = "", .local_workers = 1 };
    vx_job *job = sample_job(folder, model, "");
    vx_task task = { 0 };
    vx_error err = { 0 };

    job->data.batch = 1;
    vx_assert_ok(vx_task_create_worker(job, &place, &task, &err), &err);
    return task;
}

/* With batches of one observation most columns see none. */
static void a_column_without_weight_in_a_batch_is_no_part_of_its_nll(void **state)
{
    static const char *const kinds[] = { "fold", "bootstrap" };
    float theta[12] = { 0 };
    float gradient[12];

    for (size_t i = 0; i < 2; i++) {
        char *model = vx_format("likelihood: poisson, columns: {kind: %s, count: 4}", kinds[i]);
        vx_task one = single_rows(*state, "likelihood: poisson");
        vx_task many = single_rows(*state, model);
        size_t none = 0;

        for (uint64_t round = 0; round < 20; round++) {
            vx_task_gradient a, b;

            vx_task_gradient_at(&one, (vx_cvecf){ theta, 3 }, round, (vx_vecf){ gradient, 3 }, &a);
            vx_task_gradient_at(&many, (vx_cvecf){ theta, 12 }, round, (vx_vecf){ gradient, 12 },
                                &b);
            assert_int_equal(a.columns, 1);
            assert_in_range(b.columns, i == 0 ? 3 : 0, i == 0 ? 3 : 4);
            if (b.columns > 0)
                vx_assert_close(b.nll, a.nll, 1e-14, 0);
            else
                assert_true(isnan(b.nll));
            none += 4 - b.columns;
        }
        assert_in_range(none, 20, 40); /* bootstrap: 80 / e are expected */
        vx_task_destroy(&one);
        vx_task_destroy(&many);
        vx_free(model);
    }
}

int main(void)
{
#define FOLDER_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, vx_test_folder_teardown)
    const struct CMUnitTest tests[] = {
        FOLDER_TEST(augmented_sparse_rows_are_scaled_like_the_others),
        FOLDER_TEST(a_mean_beside_sparse_rows_is_refused_with_augmentation_too),
        FOLDER_TEST(no_kind_of_round_allocates),
        FOLDER_TEST(a_teacher_that_is_not_finite_is_refused),
        FOLDER_TEST(a_column_without_weight_in_a_batch_is_no_part_of_its_nll),
        FOLDER_TEST(another_teacher_than_the_one_of_the_job_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
