#include <vx_test/check.h>

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <vx_base/alloc.h>
#include <vx_base/file.h>
#include <vx_data/shard.h>

#include "load.h"

static char path[64];

static const char *path_of_handle(int handle)
{
    (void)snprintf(path, sizeof(path), "/proc/%ld/fd/%d", (long)getpid(), handle);
    return path;
}

static vx_data_source csv(void)
{
    return (vx_data_source){ .format = VX_DATA_CSV,
                             .features = put_text("a.csv", "1,2.5,0\n3,4,2\n-5,6,1\n7,1e-3,2\n"),
                             .targets = VX_TARGETS_CLASSES };
}

static vx_data_source svmlight(void)
{
    return (vx_data_source){ .format = VX_DATA_SVMLIGHT,
                             .features = put_text("a.svm", "1.5 1:2 7:3\n-2 \n0 3:4\n"),
                             .targets = VX_TARGETS_REAL };
}

static void expect_same(const vx_dataset *a, const vx_dataset *b)
{
    vx_dataset_info info = vx_dataset_get_info(a), other = vx_dataset_get_info(b);

    assert_int_equal(info.count, other.count);
    assert_int_equal(info.features, other.features);
    assert_int_equal(info.classes, other.classes);
    assert_int_equal(info.target_columns, other.target_columns);
    assert_int_equal(info.sparse, other.sparse);
    assert_int_equal(info.row_values_max, other.row_values_max);
    for (size_t i = 0; i < info.count; i++) {
        float row[16];

        assert_true(info.features <= 16);
        memcpy(row, row_at(a, i), info.features * sizeof(float));
        assert_memory_equal(row_at(b, i), row, info.features * sizeof(float));
        if (info.classes > 0)
            assert_int_equal(label_at(a, i), label_at(b, i));
        else
            vx_assert_close((double)target_at(a, i, 0), (double)target_at(b, i, 0), 0, 0);
    }
}

static void a_set_that_is_attached_is_the_one_that_was_read(void **state)
{
    const vx_data_source sources[] = { csv(), svmlight() };

    (void)state;
    for (size_t s = 0; s < 2; s++) {
        vx_dataset *plain = load(&sources[s]), *shared = load(&sources[s]), *other = NULL;
        vx_error err = { 0 };
        int handle = -1;

        assert_true(vx_dataset_is_made(shared));
        vx_assert_ok(vx_dataset_share(shared, path_of("."), &handle, &err), &err);
        vx_assert_ok(vx_dataset_attach(path_of_handle(handle), &other, &err), &err);
        expect_same(plain, shared);
        vx_dataset_destroy(shared);
        vx_file_close(handle);
        expect_same(plain, other); /* its map outlives the others */
        vx_dataset_destroy(plain);
        vx_dataset_destroy(other);
    }
}

/* A shard of it is an index, and numbers are those of the files. */
static void a_shard_is_kept_of_a_shared_set(void **state)
{
    static const uint32_t kept[] = { 3, 1 };
    vx_data_source source = csv();
    vx_dataset *set = load(&source), *other = NULL;
    uint32_t first = 0, number = 0;
    vx_error err = { 0 };
    int handle = -1;

    (void)state;
    vx_assert_ok(vx_dataset_share(set, path_of("."), &handle, &err), &err);
    vx_assert_ok(vx_dataset_attach(path_of_handle(handle), &other, &err), &err);
    assert_int_equal(vx_dataset_shard_targets(other).count, 4);
    vx_assert_ok(vx_dataset_keep(other, kept, 2), NULL);
    vx_dataset_observations(other, &first, 1, &number);
    assert_int_equal(number, 3);
    vx_assert_close((double)row_at(other, 0)[0], 7, 0, 0);
    assert_int_equal(label_at(other, 1), 2);
    vx_dataset_destroy(set);
    vx_dataset_destroy(other);
    vx_file_close(handle);
}

static void rows_in_a_file_of_their_own_need_no_sharing(void **state)
{
    static const float x[] = { 1, 2, 3, 4 };
    static const int64_t y[] = { 0, 1 };
    vx_data_source source = { .format = VX_DATA_NPY, .targets = VX_TARGETS_CLASSES };
    char features[512];
    vx_dataset *set = NULL;

    (void)state;
    (void)snprintf(features, sizeof(features), "%s",
                   put_npy("x.npy", "<f4", "(2, 2)", x, sizeof(x)));
    source.features = features;
    source.labels = put_npy("y.npy", "<i8", "(2,)", y, sizeof(y));
    set = load(&source);
    assert_false(vx_dataset_is_made(set));
    vx_dataset_destroy(set);
}

static void another_file_is_refused(void **state)
{
    vx_data_source source = csv();
    vx_dataset *set = load(&source), *other = NULL;
    uint8_t bytes[1024] = { 0 };
    vx_error err = { 0 };
    int handle = -1;
    ssize_t size = 0;

    (void)state;
    vx_assert_status(vx_dataset_attach(put_bytes("short", bytes, 8), &other, &err), VX_ERR_DATA,
                     &err);
    vx_assert_status(vx_dataset_attach(put_bytes("zero", bytes, sizeof(bytes)), &other, &err),
                     VX_ERR_DATA, &err);
    assert_non_null(strstr(err.message, "that a process of this build shares"));
    vx_assert_status(vx_dataset_attach(path_of("missing"), &other, &err), VX_ERR_NOT_FOUND, &err);
    vx_assert_ok(vx_dataset_share(set, path_of("."), &handle, &err), &err);
    size = pread(handle, bytes, sizeof(bytes), 0);
    assert_in_range(size, 128, sizeof(bytes));
    for (size_t cut = 0; cut < (size_t)size; cut += 32)
        vx_assert_status(vx_dataset_attach(put_bytes("cut", bytes, cut), &other, &err), VX_ERR_DATA,
                         &err);
    assert_null(other);
    vx_dataset_destroy(set);
    vx_file_close(handle);
}

static void a_folder_that_is_none_changes_nothing(void **state)
{
    vx_data_source source = csv();
    vx_dataset *set = load(&source), *plain = load(&source);
    vx_error err = { 0 };
    int handle = -1;

    (void)state;
    vx_assert_status(vx_dataset_share(set, path_of("nowhere"), &handle, &err), VX_ERR_NOT_FOUND,
                     &err);
    assert_int_equal(handle, -1);
    expect_same(plain, set);
    vx_dataset_destroy(set);
    vx_dataset_destroy(plain);
}

static void share_and_attach_survive_the_failure_of_every_allocation(void **state)
{
    vx_data_source source = svmlight();
    vx_dataset *plain = load(&source);
    bool done = false;

    (void)state;
    for (int k = 0; !done; k++) {
        vx_dataset *set = load(&source), *other = NULL;
        vx_error err = { 0 };
        int handle = -1;
        int left = k;
        vx_status status = VX_OK;

        vx_alloc_set_hook(vx_test_fail_at_zero, &left);
        status = vx_dataset_share(set, path_of("."), &handle, &err);
        if (status == VX_OK)
            status = vx_dataset_attach(path_of_handle(handle), &other, &err);
        vx_alloc_set_hook(NULL, NULL);
        done = status == VX_OK;
        if (!done)
            assert_int_equal(status, VX_ERR_NOMEM);
        assert_int_equal(other != NULL, done);
        expect_same(plain, set);
        vx_dataset_destroy(set);
        vx_dataset_destroy(other);
        vx_file_close(handle);
        assert_true(k < 20);
    }
    vx_dataset_destroy(plain);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_set_that_is_attached_is_the_one_that_was_read),
        cmocka_unit_test(a_shard_is_kept_of_a_shared_set),
        cmocka_unit_test(rows_in_a_file_of_their_own_need_no_sharing),
        cmocka_unit_test(another_file_is_refused),
        cmocka_unit_test(a_folder_that_is_none_changes_nothing),
        cmocka_unit_test(share_and_attach_survive_the_failure_of_every_allocation),
    };
    return cmocka_run_group_tests(tests, folder_setup, folder_teardown);
}
