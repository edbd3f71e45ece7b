#include "sample.h"

#include <stdio.h>
#include <string.h>

#include <vx_base/alloc.h>
#include <vx_base/file.h>
#include <vx_tensor_file/safetensors.h>

/* A folder with data, and an evaluator of a linear model: weight (1, 2), bias (1). */
typedef struct fixture {
    char *folder, *path;
    vx_task task;
} fixture;

static const float values[3] = { 1.5f, -2, 0.25f };

static fixture open_fixture(void **state)
{
    fixture f = { .folder = *state };

    sample_write(f.folder);
    f.task = sample_evaluator(f.folder, "likelihood: poisson", "");
    f.path = vx_format("%s/p.safetensors", f.folder);
    return f;
}

static void close_fixture(fixture *f)
{
    vx_task_destroy(&f->task);
    vx_free(f->path);
}

static void write_file(const fixture *f, const char *path, const char *digest, size_t rows)
{
    vx_model_tensor first = vx_model_tensor_at(f->task.model, 0);
    vx_model_tensor second = vx_model_tensor_at(f->task.model, 1);
    vx_tensor tensors[2] = { { .rank = 2, .shape = { rows, 2 / rows }, .at = values },
                             { .rank = 1, .shape = { 1 }, .at = values + 2 } };
    const vx_tensor_note note = { "vexil.parameters", digest };
    vx_error err = { 0 };

    memcpy(tensors[0].name, first.name, sizeof(first.name));
    memcpy(tensors[1].name, second.name, sizeof(second.name));
    vx_assert_ok(vx_safetensors_write(path, tensors, 2, &note, digest != NULL ? 1 : 0, &err), &err);
}

static char *true_digest(char text[VX_DIGEST_TEXT_SIZE])
{
    vx_digest_text(vx_digest_of(values, sizeof(values)), text);
    return text;
}

static void expect(const fixture *f, const char *path, vx_status status, const char *message)
{
    float theta[3] = { 0 };
    vx_error err = { 0 };

    vx_assert_status(vx_task_read_parameters(f->task.model, path, (vx_vecf){ theta, 3 }, &err),
                     status, &err);
    if (status == VX_OK)
        assert_memory_equal(theta, values, sizeof(values));
    else
        assert_non_null(strstr(err.message, message));
}

static void a_file_is_read_with_and_without_a_digest(void **state)
{
    fixture f = open_fixture(state);
    char digest[VX_DIGEST_TEXT_SIZE];

    write_file(&f, f.path, NULL, 1);
    expect(&f, f.path, VX_OK, "");
    write_file(&f, f.path, true_digest(digest), 1);
    expect(&f, f.path, VX_OK, "");
    write_file(&f, f.path, "00", 1);
    expect(&f, f.path, VX_ERR_DATA, "the digest of its parameters is");
    close_fixture(&f);
}

static void other_shapes_and_files_are_named(void **state)
{
    fixture f = open_fixture(state);
    char *none = vx_format("%s/none", f.folder);
    char *table = vx_format("%s/test.csv", f.folder);

    write_file(&f, f.path, NULL, 2);
    expect(&f, f.path, VX_ERR_DATA, "tensor 0 is ");
    expect(&f, f.path, VX_ERR_DATA, "(2, 1), of the model of this job ");
    expect(&f, none, VX_ERR_NOT_FOUND, none);
    expect(&f, table, VX_ERR_DATA, table);
    vx_free(none);
    vx_free(table);
    close_fixture(&f);
}

static void a_folder_is_held_to_its_manifest(void **state)
{
    fixture f = open_fixture(state);
    char digest[VX_DIGEST_TEXT_SIZE];
    char *folder = vx_format("%s/checkpoint", f.folder);
    char *file = vx_format("%s/parameters.safetensors", folder);
    char *manifest = vx_format("%s/manifest.json", folder);
    char text[128];
    vx_error err = { 0 };

    vx_assert_ok(vx_file_make_folder(folder, &err), &err);
    write_file(&f, file, NULL, 1);
    expect(&f, folder, VX_ERR_NOT_FOUND, manifest);
    expect(&f, folder, VX_ERR_NOT_FOUND, "expected the folder of a checkpoint");
    vx_test_file_put(manifest, "{}", 2);
    expect(&f, folder, VX_ERR_DATA, "expected the digest of the parameters");
    (void)snprintf(text, sizeof(text), "{\"parameters\": \"%s\"}", true_digest(digest));
    vx_test_file_put(manifest, text, strlen(text));
    expect(&f, folder, VX_OK, "");
    text[16] = text[16] == '0' ? '1' : '0';
    vx_test_file_put(manifest, text, strlen(text));
    expect(&f, folder, VX_ERR_DATA, "the file is broken");
    vx_free(folder);
    vx_free(file);
    vx_free(manifest);
    close_fixture(&f);
}

int main(void)
{
#define FOLDER_TEST(name)                                                                          \
    cmocka_unit_test_setup_teardown(name, vx_test_folder_setup, vx_test_folder_teardown)
    const struct CMUnitTest tests[] = {
        FOLDER_TEST(a_file_is_read_with_and_without_a_digest),
        FOLDER_TEST(other_shapes_and_files_are_named),
        FOLDER_TEST(a_folder_is_held_to_its_manifest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
