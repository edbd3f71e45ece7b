#include <vx_test/check.h>

#include "files.h"

#include <stdio.h>
#include <string.h>
#include <zlib.h>

content features_content(void)
{
    content made = { .at = { 0, 0, 8, 3, 0, 0, 0, 3, 0, 0, 0, 2, 0, 0, 0, 2 }, .size = 16 };

    for (uint8_t i = 0; i < 12; i++)
        made.at[made.size++] = (uint8_t)(20 * i);
    return made;
}

content labels_content(void)
{
    return (content){ .at = { 0, 0, 8, 1, 0, 0, 0, 3, 2, 0, 1 }, .size = 11 };
}

content compressed(content plain)
{
    content packed = { .size = 0 };
    z_stream stream = { .next_in = plain.at,
                        .avail_in = (uInt)plain.size,
                        .next_out = packed.at,
                        .avail_out = sizeof(packed.at) };

    assert_int_equal(deflateInit2(&stream, 9, Z_DEFLATED, MAX_WBITS + 16, 8, Z_DEFAULT_STRATEGY),
                     Z_OK);
    assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
    packed.size = stream.total_out;
    assert_int_equal(deflateEnd(&stream), Z_OK);
    return packed;
}

idx_pair files_create(void)
{
    idx_pair made = { .folder = vx_test_folder_create() };

    snprintf(made.features, sizeof(made.features), "%s/features", made.folder);
    snprintf(made.labels, sizeof(made.labels), "%s/labels", made.folder);
    return made;
}

void files_remove(idx_pair *files)
{
    vx_test_folder_remove(files->folder);
    files->folder = NULL;
}

void pair_write(const idx_pair *files, content features, content labels)
{
    vx_test_file_put(files->features, features.at, features.size);
    vx_test_file_put(files->labels, labels.at, labels.size);
}

vx_status pair_load(const idx_pair *files, size_t classes, vx_dataset **ret_dataset, vx_error *err)
{
    return vx_dataset_load(&(vx_data_source){ .features = files->features,
                                              .labels = files->labels,
                                              .classes = classes },
                           ret_dataset, err);
}

void expect_refusal(const idx_pair *files, size_t classes, vx_status expected, ...)
{
    vx_dataset *dataset = NULL;
    vx_error err = { 0 };
    va_list texts;

    vx_assert_status(pair_load(files, classes, &dataset, &err), expected, &err);
    assert_null(dataset);
    va_start(texts, expected);
    vx_test_says_all(&err, texts);
    va_end(texts);
}
