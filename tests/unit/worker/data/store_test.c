#include <vx_test/check.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <vx_base/alloc.h>
#include <vx_base/file.h>
#include <vx_data/shard.h>

#include "load.h"

/* A sanitizer needs private memory of its own: no limit is set then. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define LIMITED false
#else
#define LIMITED true
#endif

#define ROWS     2048
#define FEATURES 4096 /* 32 MiB as float32 */

/* Feature k of row i: a whole number that float32 holds. */
static float number_of(size_t i, size_t k)
{
    return (float)((i * 7919 + k * 31) % 65521);
}

/* ROWS x FEATURES float32 without ever holding them. */
static const char *put_large_npy(void)
{
    static float row[FEATURES];
    const char *path = path_of("large.npy");
    char header[128];
    FILE *file = fopen(path, "wb");
    int length = snprintf(header, sizeof(header),
                          "%sv%c{'descr': '<f4', 'fortran_order': False, 'shape': (%d, %d), }",
                          "\x93NUMPY\x01_", 0, ROWS, FEATURES);

    assert_non_null(file);
    assert_true(length > 0 && length < 127);
    header[7] = 0;
    header[8] = 118;
    header[9] = 0;
    memset(header + length, ' ', sizeof(header) - (size_t)length);
    header[127] = '\n';
    assert_int_equal(fwrite(header, 1, sizeof(header), file), sizeof(header));
    for (size_t i = 0; i < ROWS; i++) {
        for (size_t k = 0; k < FEATURES; k++)
            row[k] = number_of(i, k);
        assert_int_equal(fwrite(row, sizeof(*row), FEATURES, file), FEATURES);
    }
    assert_int_equal(fclose(file), 0);
    return path;
}

/* In svmlight's text, only every 64th feature. */
static const char *put_large_svmlight(void)
{
    const char *path = path_of("large.svm");
    FILE *file = fopen(path, "wb");

    assert_non_null(file);
    for (size_t i = 0; i < 8 * ROWS; i++) {
        fprintf(file, "%zu", i % 3);
        for (size_t k = 0; k < FEATURES; k += 64)
            fprintf(file, " %zu:%.0f", k, (double)number_of(i, k) + 1);
        fprintf(file, "\n");
    }
    assert_int_equal(fclose(file), 0);
    return path;
}

static const char *put_labels(void)
{
    static uint8_t labels[ROWS];

    for (size_t i = 0; i < ROWS; i++)
        labels[i] = (uint8_t)(i % 3);
    return put_npy("labels.npy", "|u1", "(2048,)", labels, sizeof(labels));
}

/* Runs with at most `room` bytes more of private memory than now, in a child. Its exit code is 0
 * when work said true. */
static int in_little_memory(size_t room, bool (*work)(const vx_data_source *source),
                            const vx_data_source *source)
{
    pid_t child = 0;
    int status = 0;

    fflush(NULL);
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        char line[256] = "";
        unsigned long long data_kib = 0;
        struct rlimit limit = { 0 };
        FILE *file = fopen("/proc/self/status", "r");

        while (file != NULL && fgets(line, sizeof(line), file) != NULL)
            if (sscanf(line, "VmData: %llu", &data_kib) == 1)
                break;
        if (data_kib == 0)
            _exit(2);
        limit.rlim_cur = limit.rlim_max = data_kib * 1024 + room;
        if (LIMITED && setrlimit(RLIMIT_DATA, &limit) != 0)
            _exit(2);
        _exit(work(source) ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static bool too_much_memory_is_refused(const vx_data_source *source)
{
    void *volatile block = malloc(source->memory_bytes); /* or it would be left out */

    free(block);
    return block == NULL;
}

/* Loads, keeps every second observation, gathers all of those. */
static bool gathers_every_second(const vx_data_source *source)
{
    static float row[FEATURES];
    static uint32_t half[8 * ROWS];
    bool sparse = source->format == VX_DATA_SVMLIGHT;
    vx_dataset *dataset = NULL;
    size_t count = 0;

    if (vx_dataset_load(source, &dataset, NULL) != VX_OK)
        return false;
    count = vx_dataset_get_info(dataset).count / 2;
    for (size_t i = 0; i < count; i++)
        half[i] = (uint32_t)(2 * i);
    if (vx_dataset_keep(dataset, half, count) != VX_OK)
        return false;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t label = 9;

        vx_dataset_gather(dataset, &i, 1, VX_STANDARDISE_NONE,
                          (vx_matf){ row, 1, FEATURES, FEATURES }, &label);
        for (size_t k = 0; k < FEATURES; k++) {
            float expected = number_of(2 * i, k);

            expected = !sparse ? expected : k % 64 == 0 ? expected + 1.0f : 0.0f;
            if (row[k] < expected || row[k] > expected)
                return false;
        }
        if (label != 2 * i % 3)
            return false;
    }
    vx_dataset_destroy(dataset);
    return true;
}

static void a_set_larger_than_memory_is_gathered_from_its_file(void **state)
{
    vx_data_source source = { .format = VX_DATA_NPY,
                              .features = put_large_npy(),
                              .labels = put_labels(),
                              .memory_bytes = (size_t)ROWS * FEATURES * sizeof(float) };
    (void)state;

    /* The limit holds: memory for the set itself is refused under it. */
    if (LIMITED)
        assert_int_equal(in_little_memory((size_t)4 << 20, too_much_memory_is_refused, &source), 0);
    assert_int_equal(in_little_memory((size_t)4 << 20, gathers_every_second, &source), 0);
}

static void a_set_that_must_be_rewritten_goes_to_a_file_without_a_name(void **state)
{
    char scratch[512];
    vx_data_source source = { .format = VX_DATA_SVMLIGHT,
                              .features = put_large_svmlight(),
                              .columns = FEATURES,
                              .memory_bytes = (size_t)1 << 18,
                              .scratch = scratch };
    vx_dataset *dataset = NULL;
    vx_error err = { 0 };
    (void)state;

    snprintf(scratch, sizeof(scratch), "%s", path_of("scratch"));
    vx_assert_ok(vx_file_make_folder(scratch, &err), &err);
    /* 16384 rows of 64 values: 8 MiB in the two large arrays. */
    assert_int_equal(in_little_memory((size_t)4 << 20, gathers_every_second, &source), 0);
    dataset = load(&source);
    assert_int_equal(vx_test_folder_entries(scratch), 0);
    vx_dataset_destroy(dataset);
    source.memory_bytes = 0; /* in memory it does not fit under the limit */
    if (LIMITED)
        assert_int_equal(in_little_memory((size_t)4 << 20, gathers_every_second, &source), 1);
}

static void the_set_is_the_same_in_memory_and_in_a_file(void **state)
{
    vx_data_source source = { .format = VX_DATA_CSV,
                              .features = put_text("t.csv", "1,2,0\n3,4,1\n5,6,0\n7,8,1\n"),
                              .memory_bytes =
                                  9 }; /* the second row and the third label do not fit */
    vx_dataset *dataset = NULL;
    (void)state;

    dataset = load(&source);
    vx_assert_ok(vx_dataset_keep(dataset, (uint32_t[]){ 3, 1 }, 2), NULL);
    vx_assert_close((double)row_at(dataset, 0)[1], 8, 0, 0);
    vx_assert_close((double)row_at(dataset, 1)[0], 3, 0, 0);
    assert_int_equal(label_at(dataset, 0), 1);
    vx_dataset_destroy(dataset);
    assert_true(fail_each_allocation(&source) >= 6);
    source.scratch = path_of("none");
    refuse(&source, VX_ERR_NOT_FOUND, "none", NULL);
}

static ssize_t refuse_write(void *context, int handle, const void *at, size_t size)
{
    (void)context;
    (void)handle;
    (void)at;
    (void)size;
    return -ENOSPC;
}

static void a_full_disk_is_told_with_its_place(void **state)
{
    vx_data_source source = { .format = VX_DATA_CSV,
                              .features = put_text("t.csv", "1,2,0\n3,4,1\n"),
                              .memory_bytes = 1 };
    const vx_files *machine = vx_files_system();
    vx_files full = *machine;
    char scratch[512];
    (void)state;

    snprintf(scratch, sizeof(scratch), "%s", path_of("scratch"));
    vx_assert_ok(vx_file_make_folder(scratch, NULL), NULL);
    source.scratch = scratch;
    full.write = refuse_write;
    vx_files_install(&full);
    refuse(&source, VX_ERR_SPACE, scratch, "TMPDIR", NULL);
    vx_files_install(NULL);
    assert_int_equal(vx_test_folder_entries(scratch), 0);
}

static void shards_are_of_the_whole_set(void **state)
{
    vx_data_source source = { .format = VX_DATA_CSV,
                              .features = put_text("t.csv", "1,2,0\n3,4,1\n5,6,0\n7,8,1\n") };
    vx_shard_spec spec = { .kind = VX_SHARD_SORTED, .slots = 2 };
    vx_dataset *dataset = load(&source);
    uint32_t *indices = NULL;
    size_t count = 0;
    vx_error err = { 0 };
    (void)state;

    vx_assert_ok(
        vx_shard_indices(&spec, vx_dataset_shard_targets(dataset), 1, &indices, &count, &err),
        &err);
    assert_true(count == 2 && indices[0] == 1 && indices[1] == 3);
    vx_free(indices);
    vx_dataset_destroy(dataset);
    source.targets = VX_TARGETS_REAL;
    source.csv.target = "1"; /* 2 4 6 8 */
    dataset = load(&source);
    vx_assert_ok(
        vx_shard_indices(&spec, vx_dataset_shard_targets(dataset), 0, &indices, &count, &err),
        &err);
    assert_true(count == 2 && indices[0] == 0 && indices[1] == 1);
    vx_free(indices);
    vx_dataset_destroy(dataset);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_set_larger_than_memory_is_gathered_from_its_file),
        cmocka_unit_test(a_set_that_must_be_rewritten_goes_to_a_file_without_a_name),
        cmocka_unit_test(the_set_is_the_same_in_memory_and_in_a_file),
        cmocka_unit_test(a_full_disk_is_told_with_its_place),
        cmocka_unit_test(shards_are_of_the_whole_set),
    };

    return cmocka_run_group_tests(tests, folder_setup, folder_teardown);
}
