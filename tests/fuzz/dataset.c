#include "dataset.h"

#include <math.h>
#include <stdlib.h>

#include <vx_base/assert.h>

#define NUMBERS_MAX ((size_t)1 << 22) /* of a set that is read whole */

static void check_row(const vx_dataset *dataset, uint32_t i, float *row)
{
    vx_dataset_info info = vx_dataset_get_info(dataset);
    uint32_t label = UINT32_MAX;

    vx_dataset_gather(dataset, &i, 1, VX_STANDARDISE_NONE,
                      (vx_matf){ row, 1, info.features, info.features }, &label);
    for (size_t k = 0; k < info.features; k++)
        VX_ASSERT(isfinite(row[k]));
    VX_ASSERT(info.classes == 0 || label < info.classes);
}

static void check_sparse(const vx_dataset *dataset, uint32_t i)
{
    vx_dataset_info info = vx_dataset_get_info(dataset);
    float *values = calloc(info.row_values_max + 1, sizeof(*values));
    uint32_t *columns = calloc(info.row_values_max + 1, sizeof(*columns));
    size_t begin[2];

    VX_ASSERT(values != NULL && columns != NULL);
    (void)vx_dataset_gather_sparse(dataset, &i, 1, VX_STANDARDISE_NONE, values, columns, begin);
    VX_ASSERT(begin[0] == 0 && begin[1] <= info.row_values_max);
    for (size_t k = 0; k < begin[1]; k++) {
        VX_ASSERT(columns[k] < info.features && isfinite(values[k]));
        VX_ASSERT(k == 0 || columns[k - 1] < columns[k]);
    }
    free(values);
    free(columns);
}

static void check_targets(const vx_dataset *dataset, uint32_t i)
{
    size_t columns = vx_dataset_get_info(dataset).target_columns;
    float *row = calloc(columns, sizeof(*row));

    VX_ASSERT(row != NULL);
    vx_dataset_gather_targets(dataset, &i, 1, (vx_matf){ row, 1, columns, columns });
    for (size_t k = 0; k < columns; k++)
        VX_ASSERT(isfinite(row[k]));
    free(row);
}

static void check_all(const vx_dataset *dataset)
{
    vx_dataset_info info = vx_dataset_get_info(dataset);
    bool whole = info.features <= NUMBERS_MAX / info.count;
    float *row = whole ? malloc(info.features * sizeof(*row)) : NULL;

    VX_ASSERT(info.count >= 1 && info.features >= 1);
    VX_ASSERT((info.classes == 0) == (info.target_columns > 0));
    VX_ASSERT(row != NULL || !whole);
    for (uint32_t i = 0; i < info.count; i++) {
        if (whole)
            check_row(dataset, i, row);
        if (info.sparse)
            check_sparse(dataset, i);
        if (info.classes == 0)
            check_targets(dataset, i);
    }
    free(row);
}

void vx_fuzz_dataset(const vx_data_source *source)
{
    vx_dataset *dataset = NULL;
    vx_error err = { 0 };
    vx_status status = vx_dataset_load(source, &dataset, &err);

    if (status == VX_OK) {
        check_all(dataset);
        vx_dataset_destroy(dataset);
        return;
    }
    VX_ASSERT(status == VX_ERR_DATA || status == VX_ERR_LIMIT);
    VX_ASSERT(dataset == NULL);
    VX_ASSERT(err.code == status && err.message[0] != '\0');
}
