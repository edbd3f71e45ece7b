#include <vx_data/dataset.h>

#include <string.h>

#include <vx_base/alloc.h>
#include <vx_base/assert.h>

#include "idx.h"

struct vx_dataset {
    vx_dataset_info info;
    uint8_t *features; /* (count, features) */
    uint8_t *labels;   /* (count) */
};

/* 1 + largest label, or an error that names the observation. */
static vx_status count_classes(const char *path, const vx_idx *labels, size_t declared,
                               size_t *ret_classes, vx_error *err)
{
    char name[VX_IDX_NAME_SIZE];
    size_t classes = declared;

    for (size_t i = 0; i < labels->size; i++) {
        size_t label = labels->values[i];

        if (declared == 0 && label >= classes)
            classes = label + 1;
        if (label >= classes)
            return vx_fail(err, VX_ERR_DATA,
                           "%s: observation %zu (offset %zu): label %zu, expected 0 to %zu",
                           vx_idx_name(path, name), i, i + 8, label, declared - 1);
    }
    *ret_classes = classes;
    return VX_OK;
}

static vx_status check_pair(const char *features_path, const vx_idx *features,
                            const char *labels_path, const vx_idx *labels, vx_error *err)
{
    char features_name[VX_IDX_NAME_SIZE];
    char labels_name[VX_IDX_NAME_SIZE];

    if (labels->rank != 1)
        return vx_fail(err, VX_ERR_DATA, "%s: expected labels (1 dimension), found %zu dimensions",
                       vx_idx_name(labels_path, labels_name), labels->rank);
    if (features->rank < 2)
        return vx_fail(err, VX_ERR_DATA,
                       "%s: expected observations (2 or more dimensions), found %zu",
                       vx_idx_name(features_path, features_name), features->rank);
    if (features->shape[0] != labels->shape[0])
        return vx_fail(err, VX_ERR_DATA, "%s has %zu observations, %s has %zu labels",
                       vx_idx_name(features_path, features_name), features->shape[0],
                       vx_idx_name(labels_path, labels_name), labels->shape[0]);
    return VX_OK;
}

vx_status vx_dataset_load_idx(const char *features_path, const char *labels_path, size_t classes,
                              vx_dataset **ret_dataset, vx_error *err)
{
    vx_idx features = { 0 };
    vx_idx labels = { 0 };
    vx_dataset *dataset = NULL;
    vx_status status = vx_idx_read(features_path, &features, err);

    if (status == VX_OK)
        status = vx_idx_read(labels_path, &labels, err);
    if (status == VX_OK)
        status = check_pair(features_path, &features, labels_path, &labels, err);
    if (status == VX_OK)
        status = count_classes(labels_path, &labels, classes, &classes, err);
    if (status != VX_OK)
        goto out;
    dataset = vx_calloc(1, sizeof(*dataset));
    if (dataset == NULL) {
        status = vx_fail(err, VX_ERR_NOMEM, "out of memory");
        goto out;
    }
    dataset->info = (vx_dataset_info){ labels.size, features.size / labels.size, classes };
    dataset->features = features.values;
    dataset->labels = labels.values;
    features.values = labels.values = NULL; /* moved */
    *ret_dataset = dataset;
out:
    vx_free(features.values);
    vx_free(labels.values);
    return status;
}

vx_dataset *vx_dataset_destroy(vx_dataset *dataset)
{
    if (dataset == NULL)
        return NULL;
    vx_free(dataset->features);
    vx_free(dataset->labels);
    vx_free(dataset);
    return NULL;
}

vx_dataset_info vx_dataset_get_info(const vx_dataset *dataset)
{
    return dataset->info;
}

const uint8_t *vx_dataset_labels(const vx_dataset *dataset)
{
    return dataset->labels;
}

vx_status vx_dataset_keep(vx_dataset *dataset, const uint32_t *indices, size_t count)
{
    size_t width = dataset->info.features;
    uint8_t *features = vx_malloc(count * width);
    uint8_t *labels = vx_malloc(count);

    if (features == NULL || labels == NULL) {
        vx_free(features);
        vx_free(labels);
        return VX_ERR_NOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        VX_ASSERT(indices[i] < dataset->info.count);
        memcpy(features + i * width, dataset->features + indices[i] * width, width);
        labels[i] = dataset->labels[indices[i]];
    }
    vx_free(dataset->features);
    vx_free(dataset->labels);
    dataset->features = features;
    dataset->labels = labels;
    dataset->info.count = count;
    return VX_OK;
}

void vx_dataset_gather(const vx_dataset *dataset, const uint32_t *indices, size_t batch,
                       vx_standardise standardise, vx_matf ret_features, uint32_t *ret_labels)
{
    size_t width = dataset->info.features;
    float table[256]; /* of the 256 values that a pixel can have */

    VX_ASSERT(ret_features.cols == width);
    VX_ASSERT(ret_features.rows == batch);
    for (int value = 0; value < 256; value++)
        table[value] = ((float)value / 255.0f - standardise.mean) / standardise.deviation;
    for (size_t b = 0; b < batch; b++) {
        const uint8_t *from = dataset->features + (size_t)indices[b] * width;
        float *to = ret_features.at + b * ret_features.ld;

        VX_ASSERT(indices[b] < dataset->info.count);
        for (size_t k = 0; k < width; k++)
            to[k] = table[from[k]];
        ret_labels[b] = dataset->labels[indices[b]];
    }
}
