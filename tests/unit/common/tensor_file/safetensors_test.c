#include <vx_test/check.h>

#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <jansson.h>

#include <vx_base/alloc.h>
#include <vx_base/bytes.h>
#include <vx_base/file.h>
#include <vx_tensor_file/safetensors.h>

static const float values[] = { 1.5f, -2.25f, 3e-40f, 65504.0f, 0.0f, -0.0f, 7.0f };

static const vx_tensor tensors[] = {
    { .name = "w", .rank = 2, .shape = { 2, 2 }, .at = values },
    { .name = "none", .rank = 1, .shape = { 0 }, .at = values },
    { .name = "b", .rank = 1, .shape = { 2 }, .at = values + 4 },
    { .name = "scalar", .rank = 0, .at = values + 6 },
};
static const vx_tensor_note notes[] = { { "job", "a \"job\"\n" }, { "rounds", "12" } };

static void what_is_written_is_read_back_bit_by_bit(void **state)
{
    char *path = vx_format("%s/x.safetensors", (char *)*state);
    vx_tensor_file *file = NULL;
    vx_error err = { 0 };

    vx_assert_ok(vx_safetensors_write(path, tensors, 4, notes, 2, &err), &err);
    vx_assert_ok(vx_safetensors_open(path, &file, &err), &err);
    assert_int_equal(vx_tensor_file_count(file), 4);
    for (size_t i = 0; i < 4; i++) {
        vx_tensor found = vx_tensor_file_at(file, i);

        assert_string_equal(found.name, tensors[i].name);
        assert_int_equal(found.rank, tensors[i].rank);
        assert_memory_equal(found.shape, tensors[i].shape, found.rank * sizeof(size_t));
        assert_memory_equal(found.at, tensors[i].at, 4 * vx_tensor_numbers(&found));
    }
    assert_string_equal(vx_tensor_file_note(file, "job"), "a \"job\"\n");
    assert_string_equal(vx_tensor_file_note(file, "rounds"), "12");
    assert_null(vx_tensor_file_note(file, "epoch"));
    assert_null(vx_tensor_file_close(file));
    assert_int_equal(vx_test_folder_entries(*state), 1);
    vx_free(path);
}

static void the_bytes_are_those_of_the_format(void **state)
{
    static const char header[] =
        "{\"w\":{\"dtype\":\"F32\",\"shape\":[2,2],"
        "\"data_offsets\":[0,16]}}       "; /* by hand; 57 bytes and 7 spaces */
    char *path = vx_format("%s/x.safetensors", (char *)*state);
    vx_bytes content = { NULL, 0 };
    struct stat info;

    vx_assert_ok(vx_safetensors_write(path, tensors, 1, NULL, 0, NULL), NULL);
    vx_assert_ok(vx_file_read(path, 4096, &content, NULL), NULL);
    assert_int_equal(content.size, 8 + 64 + 16);
    assert_int_equal(vx_load_u64(content.at), 64);
    assert_memory_equal(content.at + 8, header, 64);
    assert_memory_equal(content.at + 72, values, 16);
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0644);
    vx_free(content.at);
    vx_free(path);
}

static void a_file_without_tensors_is_a_file(void **state)
{
    char *path = vx_format("%s/x.safetensors", (char *)*state);
    vx_tensor_file *file = NULL;

    vx_assert_ok(vx_safetensors_write(path, NULL, 0, NULL, 0, NULL), NULL);
    vx_assert_ok(vx_safetensors_open(path, &file, NULL), NULL);
    assert_int_equal(vx_tensor_file_count(file), 0);
    assert_null(vx_tensor_file_note(file, "job"));
    vx_tensor_file_close(file);
    vx_free(path);
}

static void a_file_that_is_replaced_stays_open_as_it_was(void **state)
{
    char *path = vx_format("%s/x.safetensors", (char *)*state);
    vx_tensor_file *file = NULL;

    vx_assert_ok(vx_safetensors_write(path, tensors, 1, NULL, 0, NULL), NULL);
    vx_assert_ok(vx_safetensors_open(path, &file, NULL), NULL);
    vx_assert_ok(vx_safetensors_write(path, tensors + 2, 1, NULL, 0, NULL), NULL);
    assert_string_equal(vx_tensor_file_at(file, 0).name, "w");
    assert_memory_equal(vx_tensor_file_at(file, 0).at, values, 16);
    vx_tensor_file_close(file);
    vx_free(path);
}

static void what_cannot_be_written_is_refused(void **state)
{
    static vx_tensor many[VX_TENSOR_FILE_MAX + 1];
    vx_tensor huge = { .name = "h", .rank = 2, .shape = { SIZE_MAX, 2 }, .at = values };
    vx_tensor deep = { .name = "d", .rank = VX_TENSOR_RANK_MAX + 1, .at = values };
    vx_tensor metadata = { .name = "__metadata__", .rank = 0, .at = values };
    vx_tensor unnamed = { .name = "", .rank = 0, .at = values };
    vx_tensor foreign = { .name = "\xff", .rank = 0, .at = values };
    vx_tensor twice[] = { tensors[0], tensors[0] };
    char *path = vx_format("%s/x.safetensors", (char *)*state);

    assert_int_equal(vx_safetensors_write(path, &huge, 1, NULL, 0, NULL), VX_ERR_LIMIT);
    assert_int_equal(vx_safetensors_write(path, &deep, 1, NULL, 0, NULL), VX_ERR_LIMIT);
    assert_int_equal(vx_safetensors_write(path, many, VX_TENSOR_FILE_MAX + 1, NULL, 0, NULL),
                     VX_ERR_LIMIT);
    assert_int_equal(vx_safetensors_write(path, &metadata, 1, NULL, 0, NULL), VX_ERR_DATA);
    assert_int_equal(vx_safetensors_write(path, &unnamed, 1, NULL, 0, NULL), VX_ERR_DATA);
    assert_int_equal(vx_safetensors_write(path, &foreign, 1, NULL, 0, NULL), VX_ERR_DATA);
    assert_int_equal(vx_safetensors_write(path, twice, 2, NULL, 0, NULL), VX_ERR_DATA);
    assert_int_equal(vx_test_folder_entries(*state), 0);
    vx_free(path);
}

static void a_header_over_the_limit_is_refused(void **state)
{
    char *text = vx_malloc((1u << 20) + 1);
    vx_tensor_note note = { "long", text };
    char *path = vx_format("%s/x.safetensors", (char *)*state);

    memset(text, 'x', 1u << 20);
    text[1u << 20] = '\0';
    assert_int_equal(vx_safetensors_write(path, tensors, 1, &note, 1, NULL), VX_ERR_LIMIT);
    assert_int_equal(vx_test_folder_entries(*state), 0);
    vx_free(path);
    vx_free(text);
}

static void a_failed_write_names_the_path_and_keeps_the_old_file(void **state)
{
    static float large[4096];
    vx_tensor tensor = { .name = "l", .rank = 1, .shape = { 4096 }, .at = large };
    char *path = vx_format("%s/x.safetensors", (char *)*state);
    vx_tensor_file *file = NULL;
    struct rlimit old;
    struct rlimit small;
    vx_status status = VX_OK;
    vx_error err = { 0 };

    vx_assert_ok(vx_safetensors_write(path, tensors, 4, NULL, 0, NULL), NULL);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    small = (struct rlimit){ 4096, old.rlim_max };
    (void)signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    status = vx_safetensors_write(path, &tensor, 1, NULL, 0, &err);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    vx_assert_status(status, VX_ERR_IO, &err);
    assert_non_null(strstr(err.message, path));
    assert_int_equal(vx_test_folder_entries(*state), 1);
    vx_assert_ok(vx_safetensors_open(path, &file, NULL), NULL);
    assert_int_equal(vx_tensor_file_count(file), 4);
    vx_tensor_file_close(file);
    vx_free(path);
}

static void a_missing_file_or_folder_is_told(void **state)
{
    char *path = vx_format("%s/none/x.safetensors", (char *)*state);
    vx_tensor_file *file = NULL;
    vx_error err = { 0 };

    assert_int_equal(vx_safetensors_write(path, tensors, 1, NULL, 0, &err), VX_ERR_NOT_FOUND);
    assert_non_null(strstr(err.message, path));
    assert_int_equal(vx_safetensors_open(path, &file, &err), VX_ERR_NOT_FOUND);
    assert_non_null(strstr(err.message, path));
    assert_int_equal(vx_safetensors_open(*state, &file, &err), VX_ERR_DATA);
    assert_int_equal(vx_safetensors_open("/dev/zero", &file, &err), VX_ERR_DATA);
    vx_free(path);
}

static void write_survives_the_failure_of_every_allocation(void **state)
{
    char *path = vx_format("%s/x.safetensors", (char *)*state);
    int k = 0;

    json_set_alloc_funcs(vx_malloc, vx_free); /* the hook then sees jansson too */
    for (vx_status status = VX_ERR_NOMEM; status != VX_OK; k++) {
        int left = k;

        vx_alloc_set_hook(vx_test_fail_at_zero, &left);
        status = vx_safetensors_write(path, tensors, 4, notes, 2, NULL);
        vx_alloc_set_hook(NULL, NULL);
        assert_true(status == VX_OK || status == VX_ERR_NOMEM);
        assert_int_equal(vx_test_folder_entries(*state), status == VX_OK);
    }
    assert_true(k > 20);
    json_set_alloc_funcs(malloc, free);
    vx_free(path);
}

/* Not jansson's own: its 2.14 writes past a buffer when it cannot grow one while it reads. */
static void open_survives_the_failure_of_every_allocation(void **state)
{
    char *path = vx_format("%s/x.safetensors", (char *)*state);
    vx_tensor_file *file = NULL;
    int k = 0;

    vx_assert_ok(vx_safetensors_write(path, tensors, 4, notes, 2, NULL), NULL);
    for (vx_status status = VX_ERR_NOMEM; status != VX_OK; k++) {
        int left = k;

        vx_alloc_set_hook(vx_test_fail_at_zero, &left);
        status = vx_safetensors_open(path, &file, NULL);
        vx_alloc_set_hook(NULL, NULL);
        assert_true(status == VX_OK || (status == VX_ERR_NOMEM && file == NULL));
    }
    assert_int_equal(k,
                     4); /* the object, the path, the list of tensors, and the run that succeeds */
    vx_tensor_file_close(file);
    vx_free(path);
}

int main(void)
{
#define IN_FOLDER(test)                                                                            \
    cmocka_unit_test_setup_teardown(test, vx_test_folder_setup, vx_test_folder_teardown)
    const struct CMUnitTest tests[] = {
        IN_FOLDER(what_is_written_is_read_back_bit_by_bit),
        IN_FOLDER(the_bytes_are_those_of_the_format),
        IN_FOLDER(a_file_without_tensors_is_a_file),
        IN_FOLDER(a_file_that_is_replaced_stays_open_as_it_was),
        IN_FOLDER(what_cannot_be_written_is_refused),
        IN_FOLDER(a_header_over_the_limit_is_refused),
        IN_FOLDER(a_failed_write_names_the_path_and_keeps_the_old_file),
        IN_FOLDER(a_missing_file_or_folder_is_told),
        IN_FOLDER(write_survives_the_failure_of_every_allocation),
        IN_FOLDER(open_survives_the_failure_of_every_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
