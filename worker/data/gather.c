#include <vx_data/dataset.h>

#include <math.h>
#include <string.h>

#include <vx_base/assert.h>

#include "store.h"

static size_t row_of(const vx_dataset *dataset, uint32_t position)
{
    VX_ASSERT(position < dataset->info.count);
    return dataset->numbers != NULL && !dataset->compact ? dataset->numbers[position] : position;
}

vx_status vx_standardise_check(const vx_standardise *standardise, const vx_dataset *dataset,
                               bool stay_sparse, vx_error *err)
{
    double mean = (double)standardise->mean, deviation = (double)standardise->deviation;

    if (standardise->reference != NULL) {
        size_t features = vx_reference_features(standardise->reference);

        if (features == dataset->info.features)
            return VX_OK;
        return vx_fail(err, VX_ERR_SHAPE,
                       "the reference has %zu features, the observations have %zu", features,
                       dataset->info.features);
    }
    if (!(fabsf(standardise->mean) <= VX_STANDARDISE_MEAN_MAX) ||
        !(standardise->deviation >= VX_STANDARDISE_DEVIATION_LEAST) ||
        !(standardise->deviation <= VX_STANDARDISE_DEVIATION_MAX))
        return vx_fail(err, VX_ERR_DOMAIN,
                       "mean %g and deviation %g: expected a mean from -1e18 to 1e18 and a "
                       "deviation from 1e-18 to 1e18",
                       mean, deviation);
    if (stay_sparse && mean != 0.0)
        return vx_fail(err, VX_ERR_DOMAIN,
                       "mean %g: sparse observations would become dense; expected 0", mean);
    return VX_OK;
}

static void standardise_row(const vx_standardise *standardise, float *row, size_t width)
{
    if (standardise->reference == NULL) {
        float mean = standardise->scale_only ? 0.0f : standardise->mean;
        float deviation = standardise->deviation;

        for (size_t k = 0; k < width; k++)
            row[k] = (row[k] - mean) / deviation;
    } else {
        const float *means = vx_reference_means(standardise->reference);
        const float *deviations = vx_reference_deviations(standardise->reference);

        for (size_t k = 0; k < width; k++)
            row[k] = (row[k] - (standardise->scale_only ? 0.0f : means[k])) / deviations[k];
    }
}

static bool is_identity(const vx_standardise *standardise)
{
    return standardise->reference == NULL && !(standardise->mean < 0.0f) &&
           !(standardise->mean > 0.0f) && !(standardise->deviation < 1.0f) &&
           !(standardise->deviation > 1.0f);
}

void vx_standardise_rows(const vx_standardise *standardise, vx_matf rows)
{
    if (is_identity(standardise))
        return;
    for (size_t b = 0; b < rows.rows; b++)
        standardise_row(standardise, rows.at + b * rows.ld, rows.cols);
}

/* Bytes with the same constants for all features: one of 256 values. */
static void gather_by_table(const vx_dataset *dataset, const uint32_t *indices, size_t batch,
                            const vx_standardise *standardise, vx_matf ret_features)
{
    float table[256];

    for (int value = 0; value < 256; value++)
        table[value] = ((float)value / 255.0f - standardise->mean) / standardise->deviation;
    for (size_t b = 0; b < batch; b++) {
        const uint8_t *from =
            (const uint8_t *)dataset->features.at + row_of(dataset, indices[b]) * dataset->stride;
        float *to = ret_features.at + b * ret_features.ld;

        for (size_t k = 0; k < ret_features.cols; k++)
            to[k] = table[from[k]];
    }
}

/* The row as it is, bytes divided by 255. */
static void read_dense(const vx_dataset *dataset, size_t row, float *to)
{
    const uint8_t *at = (const uint8_t *)dataset->features.at + row * dataset->stride;
    size_t width = dataset->info.features;

    switch (dataset->number) {
    case VX_NUMBER_U8:
        for (size_t k = 0; k < width; k++)
            to[k] = (float)at[k] / 255.0f;
        break;
    case VX_NUMBER_F32:
        memcpy(to, at, width * sizeof(*to));
        break;
    case VX_NUMBER_F64:
        for (size_t k = 0; k < width; k++)
            to[k] = (float)((const double *)(const void *)at)[k];
        break;
    }
}

static void read_sparse(const vx_dataset *dataset, size_t row, float *to)
{
    const size_t *begin = dataset->begin.at;
    const uint32_t *columns = dataset->columns.at;
    const float *values = dataset->features.at;

    memset(to, 0, dataset->info.features * sizeof(*to));
    for (size_t i = begin[row]; i < begin[row + 1]; i++)
        to[columns[i]] = values[i];
}

void vx_dataset_gather(const vx_dataset *dataset, const uint32_t *indices, size_t batch,
                       vx_standardise standardise, vx_matf ret_features, uint32_t *ret_labels)
{
    bool sparse = dataset->info.sparse;

    VX_ASSERT(ret_features.cols == dataset->info.features);
    VX_ASSERT(ret_features.rows == batch);
    if (standardise.reference != NULL)
        VX_ASSERT(vx_reference_features(standardise.reference) == ret_features.cols);
    if (!sparse && dataset->number == VX_NUMBER_U8 && standardise.reference == NULL) {
        gather_by_table(dataset, indices, batch, &standardise, ret_features);
    } else {
        for (size_t b = 0; b < batch; b++) {
            float *to = ret_features.at + b * ret_features.ld;

            if (sparse)
                read_sparse(dataset, row_of(dataset, indices[b]), to);
            else
                read_dense(dataset, row_of(dataset, indices[b]), to);
        }
        vx_standardise_rows(&standardise, ret_features);
    }
    if (ret_labels != NULL && dataset->info.classes > 0)
        vx_dataset_gather_labels(dataset, indices, batch, ret_labels);
}

void vx_dataset_gather_labels(const vx_dataset *dataset, const uint32_t *indices, size_t batch,
                              uint32_t *ret_labels)
{
    const uint32_t *labels = dataset->targets.at;

    VX_ASSERT(dataset->info.classes > 0);
    for (size_t b = 0; b < batch; b++)
        ret_labels[b] = labels[row_of(dataset, indices[b])];
}

void vx_dataset_gather_targets(const vx_dataset *dataset, const uint32_t *indices, size_t batch,
                               vx_matf ret_targets)
{
    size_t columns = dataset->info.target_columns;
    const float *targets = dataset->targets.at;

    VX_ASSERT(columns > 0);
    VX_ASSERT(ret_targets.cols == columns);
    VX_ASSERT(ret_targets.rows == batch);
    for (size_t b = 0; b < batch; b++)
        memcpy(ret_targets.at + b * ret_targets.ld, targets + row_of(dataset, indices[b]) * columns,
               columns * sizeof(*targets));
}

vx_csr vx_dataset_gather_sparse(const vx_dataset *dataset, const uint32_t *indices, size_t batch,
                                vx_standardise standardise, float *ret_values,
                                uint32_t *ret_columns, size_t *ret_begin)
{
    const size_t *begin = dataset->begin.at;
    const uint32_t *columns = dataset->columns.at;
    const float *values = dataset->features.at;
    const float *deviations =
        standardise.reference != NULL ? vx_reference_deviations(standardise.reference) : NULL;
    size_t used = 0;

    VX_ASSERT(dataset->info.sparse);
    for (size_t b = 0; b < batch; b++) {
        size_t row = row_of(dataset, indices[b]);
        size_t size = begin[row + 1] - begin[row];

        ret_begin[b] = used;
        for (size_t i = 0; i < size; i++) {
            uint32_t column = columns[begin[row] + i];
            float deviation = deviations != NULL ? deviations[column] : standardise.deviation;

            ret_columns[used + i] = column;
            ret_values[used + i] = values[begin[row] + i] / deviation;
        }
        used += size;
    }
    ret_begin[batch] = used;
    return (vx_csr){ ret_values, ret_columns, ret_begin, batch, dataset->info.features };
}
