/* A pair of data files: two bytes say how long the first is, the rest is the second. */
#include "fuzz.h"

#include "file.h"

#include <stdlib.h>

#include <vx_base/assert.h>
#include <vx_data/dataset.h>

#define CLASSES_DECLARED 10

/* Every value is there to be read. */
static void check_dataset(const vx_dataset *dataset)
{
    vx_dataset_info info = vx_dataset_get_info(dataset);
    float *row = malloc(info.features * sizeof(*row));

    VX_ASSERT(row != NULL);
    VX_ASSERT(info.count >= 1 && info.features >= 1);
    for (uint32_t i = 0; i < info.count; i++) {
        uint32_t label = UINT32_MAX;

        vx_dataset_gather(dataset, &i, 1, VX_STANDARDISE_NONE,
                          (vx_matf){ row, 1, info.features, info.features }, &label);
        VX_ASSERT(label < info.classes);
        for (size_t k = 0; k < info.features; k++)
            VX_ASSERT(row[k] >= 0.0f && row[k] <= 1.0f);
    }
    free(row);
}

static void check_pair(const char *features, const char *labels, size_t classes)
{
    vx_dataset *dataset = NULL;
    vx_error err = { 0 };
    vx_status status = vx_dataset_load(
        &(vx_data_source){ .features = features, .labels = labels, .classes = classes }, &dataset,
        &err);

    if (status == VX_OK) {
        check_dataset(dataset);
        vx_dataset_destroy(dataset);
        return;
    }
    VX_ASSERT(status == VX_ERR_DATA && dataset == NULL);
    VX_ASSERT(err.code == status && err.message[0] != '\0');
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t size)
{
    vx_fuzz_file features;
    vx_fuzz_file labels;
    size_t first = 0;

    if (size < 2)
        return 0;
    first = (size_t)at[0] | (size_t)at[1] << 8;
    at += 2;
    size -= 2;
    if (first > size)
        first = size;
    features = vx_fuzz_file_create(at, first);
    labels = vx_fuzz_file_create(at + first, size - first);
    check_pair(features.path, labels.path, 0);
    check_pair(features.path, labels.path, CLASSES_DECLARED);
    vx_fuzz_file_remove(&features);
    vx_fuzz_file_remove(&labels);
    return 0;
}
