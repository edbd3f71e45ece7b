#include "sample.h"

#include <stdio.h>
#include <string.h>

#include <vx_base/alloc.h>

static void write_table(const char *folder, const char *name, int count)
{
    char *path = vx_format("%s/%s", folder, name);
    char text[4096] = "a,b,y\n";
    size_t size = strlen(text);

    for (int i = 0; i < count; i++)
        size += (size_t)snprintf(text + size, sizeof(text) - size, "%d,%g,%d\n", i, i / 8.0, i % 7);
    vx_test_file_put(path, text, size);
    vx_free(path);
}

void sample_write(const char *folder)
{
    write_table(folder, "train.csv", SAMPLE_TRAIN);
    write_table(folder, "test.csv", SAMPLE_TEST);
}

vx_job *sample_job(const char *folder, const char *model, const char *more)
{
    char *text = vx_format("name: sample\nrounds: 50\nseed: 4\ndata:\n  format: csv\n"
                           "  train_features: train.csv\n  test_features: test.csv\n  batch: 6\n"
                           "model: {family: linear, %s}\nworkers: {count: 2, momentum: 0}\n"
                           "optimiser: {step_size: 0.1}\nevaluation: {batch: 8}\n%s",
                           model, more);
    vx_job *job = NULL;
    vx_error err = { 0 };

    vx_assert_ok(vx_job_parse((vx_cbytes){ (const uint8_t *)text, strlen(text) }, "job.yaml",
                              folder, NULL, 0, &job, &err),
                 &err);
    vx_free(text);
    return job;
}

vx_task sample_worker(const char *folder, uint32_t slot, const char *model, const char *more)
{
    vx_task_place place = { .slot = slot, .data_dir = "", .local_workers = 1 };
    vx_task task = { 0 };
    vx_error err = { 0 };

    vx_assert_ok(vx_task_create_worker(sample_job(folder, model, more), &place, &task, &err), &err);
    return task;
}

vx_task sample_evaluator(const char *folder, const char *model, const char *more)
{
    vx_task_place place = { .slot = 0, .data_dir = "", .local_workers = 1 };
    vx_task task = { 0 };
    vx_error err = { 0 };

    vx_assert_ok(vx_task_create_evaluator(sample_job(folder, model, more), &place, &task, &err),
                 &err);
    return task;
}
