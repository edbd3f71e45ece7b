#ifndef VX_TEST_TASK_SAMPLE_H
#define VX_TEST_TASK_SAMPLE_H
#include <vx_test/check.h>

#include <vx_task/task.h>

#define SAMPLE_TRAIN 48
#define SAMPLE_TEST  20

/* Writes train.csv and test.csv into folder: two features, then a count that is its row's number
 * modulo 7. Row i has the features i and i / 8. */
void sample_write(const char *folder);

/* A job of csv files on these, with more keys of model ("likelihood: poisson, l2: 1") and of the
 * whole (sections with their lines). */
vx_job *sample_job(const char *folder, const char *model, const char *more);

vx_task sample_worker(const char *folder, uint32_t slot, const char *model, const char *more);
vx_task sample_evaluator(const char *folder, const char *model, const char *more);
#endif
