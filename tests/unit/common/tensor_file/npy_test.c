#include <vx_test/check.h>

#include <stdint.h>
#include <string.h>

#include <vx_base/alloc.h>
#include <vx_base/file.h>
#include <vx_tensor_file/npy.h>

static const float values[6] = { 1.0f, -2.5f, 0.0f, 3.0f, 4.0f, 5.0f };

/* The file after the layout of the format: magic, version, length, text, values. */
static void expect(const char *folder, const vx_tensor *tensor, size_t numbers, const char *text)
{
    char *path = vx_path_join(folder, "x.npy");
    vx_bytes content = { NULL, 0 };
    vx_error err = { 0 };
    size_t length = 0;

    vx_assert_ok(vx_npy_write(path, tensor, &err), &err);
    vx_assert_ok(vx_file_read(path, 4096, &content, &err), &err);
    assert_memory_equal(content.at, "\x93NUMPY\x01\x00", 8);
    length = content.at[8] + 256u * content.at[9];
    assert_int_equal((10 + length) % 64, 0);
    assert_int_equal(content.size, 10 + length + 4 * numbers);
    assert_memory_equal(content.at + 10, text, strlen(text));
    for (size_t i = strlen(text); i + 1 < length; i++)
        assert_int_equal(content.at[10 + i], ' ');
    assert_int_equal(content.at[10 + length - 1], '\n');
    assert_memory_equal(content.at + 10 + length, values, 4 * numbers);
    vx_free(content.at);
    vx_free(path);
}

static void the_header_says_the_shape(void **state)
{
    vx_tensor matrix = { .name = "w", .rank = 2, .shape = { 2, 3 }, .at = values };
    vx_tensor vector = { .name = "b", .rank = 1, .shape = { 6 }, .at = values };
    vx_tensor number = { .name = "n", .rank = 0, .at = values };
    vx_tensor nothing = {
        .name = "z", .rank = 4, .shape = { SIZE_MAX / 8, 1, 0, 1 }, .at = values
    };

    expect(*state, &matrix, 6, "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }");
    expect(*state, &vector, 6, "{'descr': '<f4', 'fortran_order': False, 'shape': (6,), }");
    expect(*state, &number, 1, "{'descr': '<f4', 'fortran_order': False, 'shape': (), }");
    expect(*state, &nothing, 0,
           "{'descr': '<f4', 'fortran_order': False, 'shape': (2305843009213693951, 1, 0, 1), }");
}

static void what_cannot_be_written_is_refused(void **state)
{
    vx_tensor huge = { .name = "h", .rank = 2, .shape = { SIZE_MAX, 2 }, .at = values };
    vx_tensor fine = { .name = "f", .rank = 0, .at = values };
    char *path = vx_path_join(*state, "x.npy");
    char *missing = vx_path_join(*state, "none/x.npy");
    vx_error err = { 0 };

    vx_assert_status(vx_npy_write(path, &huge, &err), VX_ERR_LIMIT, &err);
    assert_false(vx_file_exists(path));
    vx_assert_status(vx_npy_write(missing, &fine, &err), VX_ERR_NOT_FOUND, &err);
    assert_non_null(strstr(err.message, missing));
    vx_free(missing);
    vx_free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_header_says_the_shape, vx_test_folder_setup,
                                        vx_test_folder_teardown),
        cmocka_unit_test_setup_teardown(what_cannot_be_written_is_refused, vx_test_folder_setup,
                                        vx_test_folder_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
