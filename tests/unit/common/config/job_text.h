#ifndef VX_TEST_JOB_TEXT_H
#define VX_TEST_JOB_TEXT_H
#include <vx_test/check.h>

#include <vx_config/job.h>

/* The required keys only; line numbers of messages count in these. */
#define JOB_HEAD                                                                                   \
    "name: small\n"                                                                                \
    "rounds: 100\n"                                                                                \
    "data:\n"                                                                                      \
    "  train_features: a\n"                                                                        \
    "  train_labels: /b\n"                                                                         \
    "  test_features: sub/c\n"                                                                     \
    "  test_labels: d\n"
#define JOB_MODEL     "model: {family: linear}\n"
#define JOB_WORKERS   "workers: {count: 4}\n"
#define JOB_OPTIMISER "optimiser: {step_size: 0.1}\n"
#define JOB_SMALL     JOB_HEAD JOB_MODEL JOB_WORKERS JOB_OPTIMISER

/* As "job.yaml" in the folder /run/job. */
vx_status parse_job(const char *text, vx_job **ret_job, vx_error *err);
vx_status parse_job_with(const char *text, const char *const *overrides, size_t count,
                         vx_job **ret_job, vx_error *err);
#endif
