#include <vx_test/check.h>

#include <vx_base/alloc.h>

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "files.h"

static idx_pair f;

static int setup(void **state)
{
    (void)state;
    f = files_create();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    files_remove(&f);
    return 0;
}

static void put(content *c, size_t offset, uint8_t value)
{
    assert_true(offset < c->size);
    c->at[offset] = value;
}

static content cut(content c, size_t size)
{
    c.size = size;
    return c;
}

static content longer(content c, uint8_t extra)
{
    c.at[c.size++] = extra;
    return c;
}

/* Reads the pair and checks what the files say. */
static void expect_the_pair(void)
{
    vx_dataset *dataset = NULL;
    vx_error err = { 0 };
    float pixels[12];
    uint32_t labels[3];

    vx_assert_ok(pair_load(&f, 0, &dataset, &err), &err);
    assert_int_equal(vx_dataset_get_info(dataset).count, 3);
    assert_int_equal(vx_dataset_get_info(dataset).features, 4);
    assert_int_equal(vx_dataset_get_info(dataset).classes, 3);
    vx_dataset_gather(dataset, (uint32_t[]){ 0, 1, 2 }, 3, VX_STANDARDISE_NONE,
                      (vx_matf){ pixels, 3, 4, 4 }, labels);
    for (size_t i = 0; i < 12; i++)
        vx_assert_close((double)pixels[i], 20.0 * (double)i / 255, 1e-6, 0);
    assert_true(labels[0] == 2 && labels[1] == 0 && labels[2] == 1);
    vx_dataset_destroy(dataset);
}

static void plain_gzip_and_mixed_pairs_are_read(void **state)
{
    (void)state;
    pair_write(&f, features_content(), labels_content());
    expect_the_pair();
    pair_write(&f, compressed(features_content()), compressed(labels_content()));
    expect_the_pair();
    pair_write(&f, features_content(), compressed(labels_content()));
    expect_the_pair();
}

static void the_content_decides_about_gzip_not_the_name(void **state)
{
    content packed = compressed(features_content());
    (void)state;

    pair_write(&f, packed, labels_content());
    expect_the_pair();
    strcat(f.labels, ".gz");
    vx_test_file_put(f.labels, labels_content().at, labels_content().size);
    expect_the_pair();
}

static void gzip_of_several_members_is_read_as_one(void **state)
{
    content whole = features_content();
    content first = compressed(cut(whole, 18));
    content rest = { .size = whole.size - 18 };
    (void)state;

    memcpy(rest.at, whole.at + 18, rest.size);
    rest = compressed(rest);
    memcpy(first.at + first.size, rest.at, rest.size);
    first.size += rest.size;
    pair_write(&f, first, labels_content());
    expect_the_pair();
}

static void a_file_that_is_not_there_is_named(void **state)
{
    (void)state;
    expect_refusal(&f, 0, VX_ERR_NOT_FOUND, f.features, "No such file", NULL);
    vx_test_file_put(f.features, features_content().at, features_content().size);
    expect_refusal(&f, 0, VX_ERR_NOT_FOUND, f.labels, NULL);
}

static void what_is_not_a_file_is_refused(void **state)
{
    (void)state;
    pair_write(&f, features_content(), labels_content());
    assert_int_equal(remove(f.features), 0);
    assert_int_equal(mkdir(f.features, 0700), 0);
    expect_refusal(&f, 0, VX_ERR_IO, f.features, NULL);
    assert_int_equal(remove(f.features), 0);
    assert_int_equal(mkfifo(f.features, 0600), 0);
    expect_refusal(&f, 0, VX_ERR_IO, f.features, "regular file", NULL);
}

/* One byte of the features' header is wrong; plain and gzip say the same. */
static void expect_header_refusal(size_t offset, uint8_t value, const char *where,
                                  const char *expected, const char *found)
{
    content features = features_content();

    put(&features, offset, value);
    pair_write(&f, features, labels_content());
    expect_refusal(&f, 0, VX_ERR_DATA, f.features, where, expected, found, NULL);
    pair_write(&f, compressed(features), labels_content());
    expect_refusal(&f, 0, VX_ERR_DATA, f.features, where, expected, found, NULL);
}

static void a_wrong_header_is_refused_with_place_and_expectation(void **state)
{
    (void)state;
    expect_header_refusal(0, 0x4d, "offset 0", "expected the idx magic", "4d 00 08 03");
    expect_header_refusal(1, 0x5a, "offset 0", "expected the idx magic", "00 5a 08 03");
    expect_header_refusal(2, 0x0d, "offset 0", "unsigned bytes", "00 00 0d 03"); /* floats */
    expect_header_refusal(3, 0, "offset 0", "expected the idx magic", "00 00 08 00");
    expect_header_refusal(3, 5, "offset 0", "expected the idx magic", "00 00 08 05");
    expect_header_refusal(7, 0, "offset 4", "expected", "found 0");
    expect_header_refusal(15, 0, "offset 12", "expected", "found 0");
}

static void sizes_that_overflow_are_refused_before_memory_is_taken(void **state)
{
    content features = { .at = { 0, 0, 8, 4 }, .size = 28 };
    (void)state;

    memset(features.at + 4, 0xff, 16); /* (2^32 - 1)^4 */
    pair_write(&f, features, labels_content());
    expect_refusal(&f, 0, VX_ERR_DATA, f.features, "offset 8", "expected", NULL);
    pair_write(&f, compressed(features), labels_content());
    expect_refusal(&f, 0, VX_ERR_DATA, f.features, "offset 8", "expected", NULL);
}

static void a_header_that_claims_more_than_the_file_is_refused_before_memory_is_taken(void **state)
{
    content features = features_content();
    (void)state;

    put(&features, 4, 1); /* 2^24 + 3 observations */
    for (int packed = 0; packed < 2; packed++) {
        int none = 0; /* an allocation would be refused, and told */

        pair_write(&f, packed ? compressed(features) : features, labels_content());
        vx_alloc_set_hook(vx_test_fail_at_zero, &none);
        expect_refusal(&f, 0, VX_ERR_DATA, f.features, "truncated", "67108876", NULL);
        vx_alloc_set_hook(NULL, NULL);
        assert_int_equal(none, 0);
    }
}

static void content_that_ends_early_is_refused(void **state)
{
    content features = features_content();
    (void)state;

    for (size_t size = 0; size < features.size; size++) {
        pair_write(&f, cut(features, size), labels_content());
        expect_refusal(&f, 0, VX_ERR_DATA, f.features, "truncated", "offset", "expected", NULL);
        if (size == 0)
            continue;
        pair_write(&f, compressed(cut(features, size)), labels_content());
        expect_refusal(&f, 0, VX_ERR_DATA, f.features, "truncated", "offset", "expected", NULL);
    }
}

static void content_that_goes_on_is_refused(void **state)
{
    content features = longer(features_content(), 7);
    (void)state;

    pair_write(&f, features, labels_content());
    expect_refusal(&f, 0, VX_ERR_DATA, f.features, "offset 28", "expected the end", NULL);
    pair_write(&f, compressed(features), labels_content());
    expect_refusal(&f, 0, VX_ERR_DATA, f.features, "offset 28", "expected the end", NULL);
    pair_write(&f, features_content(), longer(labels_content(), 0));
    expect_refusal(&f, 0, VX_ERR_DATA, f.labels, "offset 11", "expected the end", NULL);
}

static void gzip_that_ends_early_is_refused_wherever_it_ends(void **state)
{
    content packed = compressed(features_content());
    (void)state;

    for (size_t size = 2; size < packed.size; size++) {
        pair_write(&f, cut(packed, size), labels_content());
        expect_refusal(&f, 0, VX_ERR_DATA, f.features, NULL);
    }
}

static void a_wrong_checksum_of_gzip_is_refused(void **state)
{
    content packed = compressed(features_content());
    (void)state;

    packed.at[packed.size - 8] ^= 1; /* CRC-32, then the length, each 4 bytes */
    pair_write(&f, packed, labels_content());
    expect_refusal(&f, 0, VX_ERR_DATA, f.features, "data check", NULL);
    packed = compressed(features_content());
    packed.at[packed.size - 4] ^= 1;
    pair_write(&f, packed, labels_content());
    expect_refusal(&f, 0, VX_ERR_DATA, f.features, "length check", NULL);
}

static void files_that_are_no_pair_are_refused(void **state)
{
    content labels = labels_content();
    (void)state;

    pair_write(&f, features_content(), features_content());
    expect_refusal(&f, 0, VX_ERR_DATA, f.labels, "expected", "1 dimension", NULL);
    pair_write(&f, labels_content(), labels_content());
    expect_refusal(&f, 0, VX_ERR_DATA, f.features, "expected", "2 or more", NULL);
    put(&labels, 7, 2);
    pair_write(&f, features_content(), cut(labels, 10));
    expect_refusal(&f, 0, VX_ERR_DATA, f.features, f.labels, "3 observations", "2 labels", NULL);
}

static void a_label_outside_the_declared_classes_is_named(void **state)
{
    vx_dataset *dataset = NULL;
    vx_error err = { 0 };
    (void)state;

    pair_write(&f, features_content(), labels_content());
    expect_refusal(&f, 2, VX_ERR_DATA, f.labels, "observation 0", "offset 8", "label 2",
                   "expected 0 to 1", NULL);
    vx_assert_ok(pair_load(&f, 10, &dataset, &err), &err);
    assert_int_equal(vx_dataset_get_info(dataset).classes, 10);
    vx_dataset_destroy(dataset);
}

static void a_long_path_leaves_room_for_the_message(void **state)
{
    char path[600];
    vx_dataset *dataset = NULL;
    vx_error err = { 0 };
    (void)state;

    snprintf(path, sizeof(path), "%s/", f.folder);
    for (int k = 0; k < 2; k++) {
        size_t length = strlen(path);

        memset(path + length, 'a' + k, 200);
        path[length + 200] = '/';
        path[length + 201] = '\0';
        assert_int_equal(mkdir(path, 0700), 0);
    }
    strcat(path, "x");
    vx_test_file_put(path, "abcd", 4);
    vx_assert_status(
        vx_dataset_load(&(vx_data_source){ .features = path, .labels = path }, &dataset, &err),
        VX_ERR_DATA, &err);
    assert_non_null(strstr(err.message, "bb/x: offset 0: expected the idx magic"));
}

#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(plain_gzip_and_mixed_pairs_are_read),
        T(the_content_decides_about_gzip_not_the_name),
        T(gzip_of_several_members_is_read_as_one),
        T(a_file_that_is_not_there_is_named),
        T(what_is_not_a_file_is_refused),
        T(a_wrong_header_is_refused_with_place_and_expectation),
        T(sizes_that_overflow_are_refused_before_memory_is_taken),
        T(a_header_that_claims_more_than_the_file_is_refused_before_memory_is_taken),
        T(content_that_ends_early_is_refused),
        T(content_that_goes_on_is_refused),
        T(gzip_that_ends_early_is_refused_wherever_it_ends),
        T(a_wrong_checksum_of_gzip_is_refused),
        T(files_that_are_no_pair_are_refused),
        T(a_label_outside_the_declared_classes_is_named),
        T(a_long_path_leaves_room_for_the_message),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
