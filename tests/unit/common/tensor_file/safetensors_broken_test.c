#include <vx_test/check.h>

#include <stdio.h>
#include <string.h>

#include <vx_base/alloc.h>
#include <vx_base/bytes.h>
#include <vx_base/file.h>
#include <vx_tensor_file/safetensors.h>

#define FILE_MAX 4096

/* Length, the header padded with spaces, and data_size bytes. */
static void put_header(const char *path, const char *header, size_t data_size)
{
    uint8_t bytes[FILE_MAX] = { 0 };
    size_t length = strlen(header);
    size_t size = (length + 7) / 8 * 8;

    assert_true(8 + size + data_size <= sizeof(bytes));
    vx_store_u64(bytes, size);
    memset(bytes + 8, ' ', size);
    for (size_t i = 0; i < length; i++)
        bytes[8 + i] = (uint8_t)header[i];
    vx_test_file_put(path, bytes, 8 + size + data_size);
}

#define W(shape, offsets)                                                                          \
    "{\"w\":{\"dtype\":\"F32\",\"shape\":" shape ",\"data_offsets\":" offsets "}}"
#define V(name, shape, offsets)                                                                    \
    "\"" name "\":{\"dtype\":\"F32\",\"shape\":" shape ",\"data_offsets\":" offsets "}"

static const struct {
    const char *header;
    size_t data_size;
    const char *why; /* NULL: it is right */
} cases[] = {
    { W("[2]", "[0,8]"), 8, NULL },
    { "{}", 0, NULL },
    { "{\"__metadata__\":{}}", 0, NULL },
    { W("[]", "[0,4]"), 4, NULL },
    { W("[0,9]", "[0,0]"), 0, NULL },
    { "{" V("b", "[1]", "[4,8]") "," V("a", "[1]", "[0,4]") "}", 8, NULL },
    { "{" V("b", "[1]", "[0,4]") "," V("a", "[0]", "[4,4]") "}", 4, NULL },
    { "{", 0, "header is not JSON" },
    { "[]", 0, "begins with {" },
    { "{} x", 0, "header is not JSON" },
    { "{\"w\":1}", 0, "expected dtype, shape and data_offsets" },
    { "{\"w\":{\"dtype\":\"F32\",\"shape\":[1]}}", 4, "expected dtype, shape and data_offsets" },
    { "{\"w\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4],\"x\":1}}", 4,
      "expected dtype, shape and data_offsets" },
    { "{\"w\":{\"dtype\":\"F64\",\"shape\":[1],\"data_offsets\":[0,8]}}", 8, "expected dtype F32" },
    { "{\"w\":{\"dtype\":1,\"shape\":[1],\"data_offsets\":[0,4]}}", 4,
      "expected dtype, shape and data_offsets" },
    { "{\"\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "expected a name" },
    { "{" V("w", "[1]", "[0,4]") "," V("w", "[1]", "[4,8]") "}", 8, "header is not JSON" },
    { W("[2]", "[0,4]"), 4, "do not fit the shape" },
    { W("[1]", "[0,8]"), 8, "do not fit the shape" },
    { W("[1]", "[4,8]"), 8, "a gap lies before it" },
    { W("[1]", "[0,4]"), 8, "4 bytes after the last tensor" },
    { W("[2]", "[0,8]"), 7, "lie outside the file" },
    { W("[1]", "[4,0]"), 8, "lie outside the file" },
    { W("[1]", "[-4,0]"), 8, "expected two data_offsets" },
    { W("[1]", "[0]"), 4, "expected two data_offsets" },
    { W("[1]", "[0,4,8]"), 8, "expected two data_offsets" },
    { W("[1]", "[0.0,4.0]"), 4, "expected two data_offsets" },
    { W("[1]", "\"04\""), 4, "expected two data_offsets" },
    { W("[-1]", "[0,4]"), 4, "expected a shape" },
    { W("[1.5]", "[0,4]"), 4, "expected a shape" },
    { W("1", "[0,4]"), 4, "expected a shape" },
    { W("[1,1,1,1,1]", "[0,4]"), 4, "expected a shape" },
    { W("[9223372036854775807,9223372036854775807]", "[0,4]"), 4, "expected a shape" },
    { W("[4294967296,4294967296]", "[0,0]"), 0, "expected a shape" },
    { W("[99999999999999999999]", "[0,4]"), 4, "header is not JSON" },
    { "{" V("a", "[1]", "[0,4]") "," V("b", "[1]", "[0,4]") "}", 4, "overlaps another" },
    { "{" V("a", "[2]", "[0,8]") "," V("b", "[1]", "[4,8]") "}", 8, "overlaps another" },
    { "{" V("a", "[1]", "[0,4]") "," V("b", "[1]", "[8,12]") "}", 12, "a gap lies before it" },
    { "{\"__metadata__\":[]}", 0, "__metadata__ is not an object" },
    { "{\"__metadata__\":{\"a\":1}}", 0, "__metadata__ holds what is not a text" },
    { "{\"\\ud800\":1}", 0, "header is not JSON" },
    { "{\"a\\u0000b\":1}", 0, "header is not JSON" },
};

static void each_broken_header_is_refused_with_its_reason(void **state)
{
    char *folder = vx_test_folder_create();
    char *path = vx_format("%s/x.safetensors", folder);
    (void)state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        vx_tensor_file *file = NULL;
        vx_error err = { 0 };
        vx_status status = VX_OK;

        put_header(path, cases[i].header, cases[i].data_size);
        status = vx_safetensors_open(path, &file, &err);
        if (cases[i].why == NULL) {
            vx_assert_ok(status, &err);
            vx_tensor_file_close(file);
            continue;
        }
        if (status != VX_ERR_DATA || strstr(err.message, cases[i].why) == NULL)
            fail_msg("%s: expected %s, found %s: %s", cases[i].header, cases[i].why,
                     vx_status_name(status), err.message);
        assert_memory_equal(err.message, path, strlen(path));
        assert_null(file);
    }
    vx_free(path);
    vx_test_folder_remove(folder);
}

static void tensors_come_in_the_order_of_their_offsets(void **state)
{
    char *folder = vx_test_folder_create();
    char *path = vx_format("%s/x.safetensors", folder);
    vx_tensor_file *file = NULL;
    (void)state;

    put_header(path, "{" V("b", "[1]", "[4,8]") "," V("a", "[1]", "[0,4]") "}", 8);
    vx_assert_ok(vx_safetensors_open(path, &file, NULL), NULL);
    assert_string_equal(vx_tensor_file_at(file, 0).name, "a");
    assert_string_equal(vx_tensor_file_at(file, 1).name, "b");
    vx_tensor_file_close(file);
    vx_free(path);
    vx_test_folder_remove(folder);
}

static void lengths_that_lie_are_refused(void **state)
{
    static const uint64_t lengths[] = {
        0, 7, 9, 64, 1 << 20, (1 << 20) + 8, INT64_MAX, UINT64_MAX
    };
    char *folder = vx_test_folder_create();
    char *path = vx_format("%s/x.safetensors", folder);
    (void)state;

    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        uint8_t bytes[16] = "........{}      ";
        vx_tensor_file *file = NULL;

        vx_store_u64(bytes, lengths[i]);
        vx_test_file_put(path, bytes, sizeof(bytes));
        assert_int_equal(vx_safetensors_open(path, &file, NULL), VX_ERR_DATA);
    }
    vx_free(path);
    vx_test_folder_remove(folder);
}

/* Whatever is accepted can be read to its last number. */
static void feed(const char *path, const uint8_t *bytes, size_t size)
{
    vx_tensor_file *file = NULL;
    vx_error err = { 0 };
    double sum = 0;
    vx_status status = VX_OK;

    vx_test_file_put(path, bytes, size);
    status = vx_safetensors_open(path, &file, &err);
    assert_true(status == VX_OK || status == VX_ERR_DATA);
    for (size_t i = 0; file != NULL && i < vx_tensor_file_count(file); i++) {
        vx_tensor tensor = vx_tensor_file_at(file, i);

        for (size_t j = 0; j < vx_tensor_numbers(&tensor); j++)
            sum += (double)tensor.at[j];
    }
    assert_true(sum >= 0 || sum < 0 || sum != sum);
    vx_tensor_file_close(file);
}

static void changed_and_cut_files_are_read_or_refused(void **state)
{
    static const float values[] = { 1, 2, 3, 4, 5 };
    static const vx_tensor tensors[] = {
        { .name = "w", .rank = 2, .shape = { 2, 2 }, .at = values },
        { .name = "b", .rank = 1, .shape = { 1 }, .at = values + 4 },
    };
    static const vx_tensor_note note = { "job", "x" };
    static const char replacements[] = "\x00\xff\"{}[],:019- ";
    char *folder = vx_test_folder_create();
    char *path = vx_format("%s/x.safetensors", folder);
    vx_bytes content = { NULL, 0 };
    (void)state;

    vx_assert_ok(vx_safetensors_write(path, tensors, 2, &note, 1, NULL), NULL);
    vx_assert_ok(vx_file_read(path, FILE_MAX, &content, NULL), NULL);
    for (size_t size = 0; size < content.size; size++)
        feed(path, content.at, size);
    for (size_t i = 0; i < content.size; i++) {
        uint8_t kept = content.at[i];

        for (size_t j = 0; j < sizeof(replacements) - 1; j++) {
            content.at[i] = (uint8_t)replacements[j];
            feed(path, content.at, content.size);
        }
        for (int bit = 0; bit < 8; bit++) {
            content.at[i] = (uint8_t)(kept ^ (1 << bit));
            feed(path, content.at, content.size);
        }
        content.at[i] = kept;
    }
    vx_free(content.at);
    vx_free(path);
    vx_test_folder_remove(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_broken_header_is_refused_with_its_reason),
        cmocka_unit_test(tensors_come_in_the_order_of_their_offsets),
        cmocka_unit_test(lengths_that_lie_are_refused),
        cmocka_unit_test(changed_and_cut_files_are_read_or_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
