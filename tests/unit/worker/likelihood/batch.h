#ifndef VX_TEST_LIKELIHOOD_BATCH_H
#define VX_TEST_LIKELIHOOD_BATCH_H
#include <vx_base/rng.h>
#include <vx_likelihood/model.h>

#define BATCH_ROWS_MAX     512
#define BATCH_FEATURES_MAX 16
#define BATCH_OUTPUTS_MAX  64

/* Random observations that go with a spec: features N(0, 1), every third of a sparse batch 0.
 * Fields of batch point into the rest: do not copy. */
typedef struct batch_data {
    vx_batch batch;
    vx_csr csr;
    float features[BATCH_ROWS_MAX * BATCH_FEATURES_MAX];
    float values[BATCH_ROWS_MAX * BATCH_FEATURES_MAX];
    uint32_t columns[BATCH_ROWS_MAX * BATCH_FEATURES_MAX];
    size_t begin[BATCH_ROWS_MAX + 1];
    uint32_t labels[BATCH_ROWS_MAX * BATCH_OUTPUTS_MAX];
    float targets[BATCH_ROWS_MAX * BATCH_OUTPUTS_MAX];
    float weights[BATCH_ROWS_MAX];                            /* 0.25 to 4; the second is 0 */
    float column_weights[BATCH_ROWS_MAX * BATCH_OUTPUTS_MAX]; /* 0, 1 or 2 */
    float teacher[BATCH_ROWS_MAX * BATCH_OUTPUTS_MAX];
} batch_data;

typedef struct batch_options {
    size_t rows;
    bool weighted, column_weighted, sparse;
} batch_options;

/* New memory, freed by batch_free. Targets are counts, or anything for gaussian, or in 0..1 for
 * bernoulli, every second of them 0 or 1. */
batch_data *batch_create(const vx_model_spec *spec, batch_options options, uint64_t seed);
void batch_free(batch_data *data);

/* The rows from..from + count - 1 of the batch. */
vx_batch batch_part(const vx_model_spec *spec, const batch_data *data, size_t from, size_t count);
#endif
