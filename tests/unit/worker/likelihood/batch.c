#include <vx_test/check.h>

#include <math.h>

#include <vx_base/alloc.h>

#include "batch.h"

static double target_of(const vx_model_spec *spec, vx_rng *rng, size_t i)
{
    if (spec->likelihood == VX_LIKELIHOOD_GAUSSIAN)
        return 2 * vx_rng_normal(rng);
    if (spec->likelihood == VX_LIKELIHOOD_BERNOULLI)
        return i % 2 == 0 ? (double)vx_rng_below(rng, 2) : vx_rng_uniform(rng);
    return i % 7 == 0 ? 300 : (double)vx_rng_below(rng, 6);
}

static void make_sparse(batch_data *data, size_t rows, size_t features)
{
    size_t used = 0;

    for (size_t i = 0; i < rows; i++) {
        data->begin[i] = used;
        for (size_t k = 0; k < features; k++) {
            if (data->features[i * features + k] == 0)
                continue;
            data->values[used] = data->features[i * features + k];
            data->columns[used++] = (uint32_t)k;
        }
    }
    data->begin[rows] = used;
    data->csr = (vx_csr){ data->values, data->columns, data->begin, rows, features };
    data->batch.sparse = &data->csr;
    data->batch.features = (vx_cmatf){ 0 };
}

batch_data *batch_create(const vx_model_spec *spec, batch_options options, uint64_t seed)
{
    batch_data *data = vx_calloc(1, sizeof(*data));
    size_t columns = spec->columns > 1 ? spec->columns : 1;
    size_t outputs = spec->outputs_data * columns;
    size_t rows = options.rows;
    vx_rng rng = vx_rng_stream(seed, VX_RNG_TEST, 0, 0);

    assert_non_null(data);
    assert_true(rows <= BATCH_ROWS_MAX && spec->features <= BATCH_FEATURES_MAX &&
                outputs <= BATCH_OUTPUTS_MAX);
    for (size_t i = 0; i < rows * spec->features; i++)
        data->features[i] = options.sparse && i % 3 == 0 ? 0.0f : (float)vx_rng_normal(&rng);
    for (size_t i = 0; i < rows * columns; i++) {
        data->labels[i] = (uint32_t)vx_rng_below(&rng, spec->outputs_data);
        data->column_weights[i] = (float)vx_rng_below(&rng, 3);
    }
    for (size_t i = 0; i < rows * outputs; i++) {
        data->targets[i] = (float)target_of(spec, &rng, i);
        data->teacher[i] = (float)vx_rng_normal(&rng);
    }
    for (size_t i = 0; i < rows; i++)
        data->weights[i] = i == 1 ? 0.0f : (float)(0.25 + 3.75 * vx_rng_uniform(&rng));
    data->batch = (vx_batch){
        .features = { data->features, rows, spec->features, spec->features },
        .labels = data->labels,
        .targets = { data->targets, rows, outputs, outputs },
        .weights = options.weighted ? data->weights : NULL,
        .column_weights = { options.column_weighted ? data->column_weights : NULL, rows, columns,
                            columns },
        .teacher = { data->teacher, rows, outputs, outputs },
        .seed = seed,
        .round = 3,
        .slot = 1,
        .training = true,
    };
    if (options.sparse)
        make_sparse(data, rows, spec->features);
    return data;
}

void batch_free(batch_data *data)
{
    vx_free(data);
}

static vx_cmatf part_of(vx_cmatf all, size_t from, size_t count)
{
    if (all.at != NULL)
        all.at += from * all.ld;
    all.rows = count;
    return all;
}

vx_batch batch_part(const vx_model_spec *spec, const batch_data *data, size_t from, size_t count)
{
    vx_batch part = data->batch;

    part.features = part_of(part.features, from, count);
    part.targets = part_of(part.targets, from, count);
    part.teacher = part_of(part.teacher, from, count);
    part.column_weights = part_of(part.column_weights, from, count);
    part.labels += from * (spec->columns > 1 ? spec->columns : 1);
    if (part.weights != NULL)
        part.weights += from;
    return part;
}
