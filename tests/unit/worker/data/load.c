#include <vx_test/check.h>

#include "load.h"

#include <stdio.h>
#include <string.h>

#include <vx_base/alloc.h>

#define PATHS    32
#define FEATURES 4096
#define COLUMNS  16

static char *folder;
static char paths[PATHS][512];
static size_t next_path;

int folder_setup(void **state)
{
    (void)state;
    folder = vx_test_folder_create();
    return 0;
}

int folder_teardown(void **state)
{
    (void)state;
    vx_test_folder_remove(folder);
    folder = NULL;
    return 0;
}

const char *path_of(const char *name)
{
    char *path = paths[next_path++ % PATHS];

    snprintf(path, sizeof(paths[0]), "%s/%s", folder, name);
    return path;
}

const char *put_bytes(const char *name, const void *at, size_t size)
{
    const char *path = path_of(name);

    vx_test_file_put(path, at, size);
    return path;
}

const char *put_text(const char *name, const char *text)
{
    return put_bytes(name, text, strlen(text));
}

const char *put_npy(const char *name, const char *kind, const char *shape, const void *at,
                    size_t size)
{
    static const uint8_t magic[10] = { 0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0, 118, 0 };
    static uint8_t bytes[1 << 16];
    int length = snprintf((char *)bytes + 10, 118,
                          "{'descr': '%s', 'fortran_order': False, 'shape': %s, }", kind, shape);

    assert_true(length > 0 && length < 117 && size <= sizeof(bytes) - 128);
    memcpy(bytes, magic, sizeof(magic));
    memset(bytes + 10 + length, ' ', 118 - (size_t)length);
    bytes[127] = '\n';
    memcpy(bytes + 128, at, size);
    return put_bytes(name, bytes, 128 + size);
}

vx_dataset *load(const vx_data_source *source)
{
    vx_dataset *dataset = NULL;
    vx_error err = { 0 };

    vx_assert_ok(vx_dataset_load(source, &dataset, &err), &err);
    return dataset;
}

void refuse(const vx_data_source *source, vx_status expected, ...)
{
    vx_dataset *dataset = NULL;
    vx_error err = { 0 };
    va_list texts;

    vx_assert_status(vx_dataset_load(source, &dataset, &err), expected, &err);
    assert_null(dataset);
    va_start(texts, expected);
    vx_test_says_all(&err, texts);
    va_end(texts);
}

const float *row_at(const vx_dataset *dataset, size_t position)
{
    static float row[FEATURES];
    size_t features = vx_dataset_get_info(dataset).features;
    uint32_t index = (uint32_t)position;

    assert_true(features <= FEATURES);
    vx_dataset_gather(dataset, &index, 1, VX_STANDARDISE_NONE,
                      (vx_matf){ row, 1, features, features }, NULL);
    return row;
}

uint32_t label_at(const vx_dataset *dataset, size_t position)
{
    uint32_t index = (uint32_t)position, label = UINT32_MAX;

    vx_dataset_gather_labels(dataset, &index, 1, &label);
    return label;
}

float target_at(const vx_dataset *dataset, size_t position, size_t column)
{
    float row[COLUMNS];
    size_t columns = vx_dataset_get_info(dataset).target_columns;
    uint32_t index = (uint32_t)position;

    assert_true(column < columns && columns <= COLUMNS);
    vx_dataset_gather_targets(dataset, &index, 1, (vx_matf){ row, 1, columns, columns });
    return row[column];
}

int fail_each_allocation(const vx_data_source *source)
{
    uint64_t before = vx_alloc_count();
    int count = 0, failures = 0;

    vx_dataset_destroy(load(source));
    count = (int)(vx_alloc_count() - before);
    for (int k = 0; k < count; k++) {
        vx_dataset *dataset = NULL;
        int left = k;
        vx_status status = VX_OK;

        vx_alloc_set_hook(vx_test_fail_at_zero, &left);
        status = vx_dataset_load(source, &dataset, NULL);
        vx_alloc_set_hook(NULL, NULL);
        assert_true(status == VX_OK || (status == VX_ERR_NOMEM && dataset == NULL));
        failures += status == VX_ERR_NOMEM;
        vx_dataset_destroy(dataset);
    }
    return failures;
}
