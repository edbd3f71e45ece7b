#include <vx_data/dataset.h>

#include <string.h>

#include <vx_base/alloc.h>
#include <vx_base/assert.h>
#include <vx_data/shard.h>

#include "store.h"

static vx_status check_source(const vx_data_source *source, vx_error *err)
{
    bool pair = source->format == VX_DATA_IDX || source->format == VX_DATA_NPY;

    if (source->classes > VX_DATA_CLASSES_MAX)
        return vx_fail(err, VX_ERR_LIMIT, "%zu classes: at most %zu", source->classes,
                       VX_DATA_CLASSES_MAX);
    if (source->columns > VX_DATA_FEATURES_MAX)
        return vx_fail(err, VX_ERR_LIMIT, "%zu features: at most %zu", source->columns,
                       VX_DATA_FEATURES_MAX);
    if (source->first_column > 1)
        return vx_fail(err, VX_ERR_DOMAIN, "first column %zu: expected 0 or 1",
                       source->first_column);
    if (source->csv.delimiter == '"' || source->csv.delimiter == '\n' ||
        source->csv.delimiter == '\r')
        return vx_fail(err, VX_ERR_DOMAIN, "a quote or an end of line cannot be the delimiter");
    if (source->features == NULL || source->features[0] == '\0')
        return vx_fail(err, VX_ERR_DOMAIN, "no file of observations is named");
    if (pair && (source->labels == NULL || source->labels[0] == '\0'))
        return vx_fail(err, VX_ERR_DOMAIN, "%s: its format needs a second file, of the targets",
                       source->features);
    return VX_OK;
}

static vx_status read_source(const vx_data_source *source, vx_dataset *dataset, vx_error *err)
{
    switch (source->format) {
    case VX_DATA_IDX:
        return vx_read_idx(source, dataset, err);
    case VX_DATA_NPY:
        return vx_read_npy(source, dataset, err);
    case VX_DATA_CSV:
        return vx_read_csv(source, dataset, err);
    case VX_DATA_SVMLIGHT:
        return vx_read_svmlight(source, dataset, err);
    case VX_DATA_CIFAR:
        return vx_read_cifar(source, dataset, err);
    }
    return vx_fail(err, VX_ERR_DOMAIN, "no such format of data");
}

static void clear(vx_dataset *dataset)
{
    vx_block_clear(&dataset->features);
    vx_block_clear(&dataset->columns);
    vx_block_clear(&dataset->begin);
    vx_block_clear(&dataset->targets);
    vx_free(dataset->numbers);
}

vx_status vx_dataset_load(const vx_data_source *source, vx_dataset **ret_dataset, vx_error *err)
{
    vx_dataset draft = { 0 };
    vx_dataset *dataset = NULL;
    vx_status status = check_source(source, err);

    if (status == VX_OK)
        status = read_source(source, &draft, err);
    if (status != VX_OK)
        goto out;
    dataset = vx_malloc(sizeof(*dataset));
    if (dataset == NULL) {
        status = vx_fail(err, VX_ERR_NOMEM, "out of memory");
        goto out;
    }
    *dataset = draft; /* moved */
    draft = (vx_dataset){ 0 };
    *ret_dataset = dataset;
out:
    clear(&draft);
    return status;
}

vx_dataset *vx_dataset_destroy(vx_dataset *dataset)
{
    if (dataset == NULL)
        return NULL;
    clear(dataset);
    vx_free(dataset);
    return NULL;
}

vx_dataset_info vx_dataset_get_info(const vx_dataset *dataset)
{
    return dataset->info;
}

vx_shard_targets vx_dataset_shard_targets(const vx_dataset *dataset)
{
    bool real = dataset->info.classes == 0;

    VX_ASSERT(dataset->numbers == NULL);
    return (vx_shard_targets){ .labels = real ? NULL : dataset->targets.at,
                               .values = real ? dataset->targets.at : NULL,
                               .stride = dataset->info.target_columns,
                               .count = dataset->info.count };
}

/* The given rows of a block of rows, in new memory. */
static vx_status copy_rows(const vx_block *from, size_t width, const uint32_t *indices,
                           size_t count, vx_block *ret_block)
{
    uint8_t *to = vx_malloc(count * width);

    if (to == NULL)
        return VX_ERR_NOMEM;
    for (size_t i = 0; i < count; i++)
        memcpy(to + i * width, (const uint8_t *)from->at + indices[i] * width, width);
    *ret_block = (vx_block){ .at = to, .size = count * width, .heap = to };
    return VX_OK;
}

/* The given sparse rows, in new memory. */
static vx_status copy_sparse(const vx_dataset *dataset, const uint32_t *indices, size_t count,
                             vx_dataset *kept)
{
    const size_t *begin = dataset->begin.at;
    const uint32_t *columns = dataset->columns.at;
    const float *values = dataset->features.at;
    size_t *to_begin = vx_calloc(count + 1, sizeof(*to_begin));
    size_t used = 0;
    uint32_t *to_columns = NULL;
    float *to_values = NULL;

    for (size_t i = 0; i < count; i++)
        used += begin[indices[i] + 1] - begin[indices[i]];
    to_columns = vx_calloc(used + 1, sizeof(*to_columns));
    to_values = vx_calloc(used + 1, sizeof(*to_values));
    kept->begin = (vx_block){ .at = to_begin, .heap = to_begin };
    kept->columns = (vx_block){ .at = to_columns, .heap = to_columns };
    kept->features = (vx_block){ .at = to_values, .heap = to_values };
    if (to_begin == NULL || to_columns == NULL || to_values == NULL)
        return VX_ERR_NOMEM;
    for (size_t i = 0; i < count; i++) {
        size_t from = begin[indices[i]], size = begin[indices[i] + 1] - from;

        if (size > 0) {
            memcpy(to_columns + to_begin[i], columns + from, size * sizeof(*columns));
            memcpy(to_values + to_begin[i], values + from, size * sizeof(*values));
        }
        to_begin[i + 1] = to_begin[i] + size;
    }
    return VX_OK;
}

/* Rows that are all in memory: the kept ones move to memory of their size. */
static vx_status keep_copies(vx_dataset *dataset, const uint32_t *indices, size_t count)
{
    vx_dataset kept = *dataset;
    size_t target_width = dataset->targets.size / dataset->info.count;
    vx_status status = VX_OK;

    kept.features = kept.columns = kept.begin = kept.targets = (vx_block){ 0 };
    kept.compact = true;
    status = dataset->info.sparse
                 ? copy_sparse(dataset, indices, count, &kept)
                 : copy_rows(&dataset->features, dataset->stride, indices, count, &kept.features);
    if (status == VX_OK)
        status = copy_rows(&dataset->targets, target_width, indices, count, &kept.targets);
    clear(status == VX_OK ? dataset : &kept); /* neither has numbers yet */
    if (status == VX_OK)
        *dataset = kept;
    return status;
}

static bool is_in_memory(const vx_dataset *dataset)
{
    bool rows =
        dataset->features.map == NULL && dataset->columns.map == NULL && dataset->begin.map == NULL;

    return rows && dataset->targets.map == NULL;
}

vx_status vx_dataset_keep(vx_dataset *dataset, const uint32_t *indices, size_t count)
{
    uint32_t *numbers = NULL;
    vx_status status = VX_OK;

    VX_ASSERT(dataset->numbers == NULL);
    VX_ASSERT(count >= 1);
    for (size_t i = 0; i < count; i++)
        VX_ASSERT(indices[i] < dataset->info.count);
    numbers = vx_calloc(count, sizeof(*numbers));
    if (numbers == NULL)
        return VX_ERR_NOMEM;
    memcpy(numbers, indices, count * sizeof(*numbers));
    if (is_in_memory(dataset))
        status = keep_copies(dataset, indices, count);
    if (status != VX_OK) {
        vx_free(numbers);
        return status;
    }
    dataset->numbers = numbers;
    dataset->info.count = count;
    return VX_OK;
}

void vx_dataset_observations(const vx_dataset *dataset, const uint32_t *indices, size_t batch,
                             uint32_t *ret_numbers)
{
    for (size_t b = 0; b < batch; b++) {
        VX_ASSERT(indices[b] < dataset->info.count);
        ret_numbers[b] = dataset->numbers != NULL ? dataset->numbers[indices[b]] : indices[b];
    }
}
