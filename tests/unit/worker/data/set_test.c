#include <vx_test/check.h>

#include <vx_base/alloc.h>
#include <vx_base/clock.h>

#include <string.h>
#include <unistd.h>

#include "files.h"

#define FASHION "/usr/share/datasets/fashion-mnist/" /* Debian's dataset-fashion-mnist */

static vx_dataset *small(idx_pair *f)
{
    vx_dataset *dataset = NULL;
    vx_error err = { 0 };

    pair_write(f, features_content(), labels_content());
    vx_assert_ok(pair_load(f, 0, &dataset, &err), &err);
    return dataset;
}

static void gather_standardises_the_rows_asked_for(void **state)
{
    idx_pair f = files_create();
    vx_dataset *dataset = small(&f);
    float out[2][6]; /* ld 6 */
    uint32_t labels[2];
    uint64_t before = vx_alloc_count();
    (void)state;

    memset(out, 0x7f, sizeof(out));
    vx_dataset_gather(dataset, (uint32_t[]){ 2, 0 }, 2,
                      (vx_standardise){ .mean = 0.25f, .deviation = 0.5f },
                      (vx_matf){ &out[0][0], 2, 4, 6 }, labels);
    assert_int_equal(vx_alloc_count(), before);
    for (size_t j = 0; j < 4; j++) { /* pixels 160, 180, .. of observation 2; 0, 20, .. of 0 */
        vx_assert_close((double)out[0][j], ((160.0 + 20 * (double)j) / 255 - 0.25) / 0.5, 1e-6, 0);
        vx_assert_close((double)out[1][j], (20 * (double)j / 255 - 0.25) / 0.5, 1e-6, 0);
    }
    assert_memory_equal(&out[0][4], "\x7f\x7f\x7f\x7f\x7f\x7f\x7f\x7f", 8);
    assert_true(labels[0] == 1 && labels[1] == 2);
    vx_dataset_destroy(dataset);
    files_remove(&f);
}

static void expect_two_kept(vx_dataset *dataset)
{
    float out[3][4];
    uint32_t labels[3];

    vx_assert_ok(vx_dataset_keep(dataset, (uint32_t[]){ 2, 0 }, 2), NULL);
    assert_int_equal(vx_dataset_get_info(dataset).count, 2);
    assert_int_equal(vx_dataset_get_info(dataset).classes, 3); /* of the job, not of the shard */
    vx_dataset_gather(dataset, (uint32_t[]){ 0, 1, 0 }, 3, VX_STANDARDISE_NONE,
                      (vx_matf){ &out[0][0], 3, 4, 4 }, labels);
    vx_assert_close((double)out[0][0], 160.0 / 255, 1e-6, 0);
    vx_assert_close((double)out[1][1], 20.0 / 255, 1e-6, 0);
    assert_memory_equal(out[0], out[2], sizeof(out[0]));
    assert_true(labels[0] == 1 && labels[1] == 2 && labels[2] == 1);
    vx_dataset_observations(dataset, (uint32_t[]){ 1, 0 }, 2, labels);
    assert_true(labels[0] == 0 && labels[1] == 2); /* the numbers that they have in the files */
}

static void keep_leaves_the_given_observations_in_their_order(void **state)
{
    idx_pair f = files_create();
    (void)state;

    for (int packed = 0; packed < 2; packed++) { /* mapped, and in memory */
        vx_dataset *dataset = NULL;

        pair_write(&f, packed ? compressed(features_content()) : features_content(),
                   labels_content());
        vx_assert_ok(pair_load(&f, 0, &dataset, NULL), NULL);
        expect_two_kept(dataset);
        vx_dataset_destroy(dataset);
    }
    files_remove(&f);
}

static void load_survives_the_failure_of_every_allocation(void **state)
{
    idx_pair f = files_create();
    (void)state;

    for (int packed = 0; packed < 2; packed++) {
        vx_dataset *dataset = NULL;
        int k = 0;

        pair_write(&f, packed ? compressed(features_content()) : features_content(),
                   labels_content());
        for (vx_status status = VX_ERR_NOMEM; status != VX_OK; k++) {
            int left = k;

            vx_alloc_set_hook(vx_test_fail_at_zero, &left);
            status = pair_load(&f, 0, &dataset, NULL);
            vx_alloc_set_hook(NULL, NULL);
            assert_true(status == VX_OK || (status == VX_ERR_NOMEM && dataset == NULL));
        }
        assert_true(k >= 4); /* the set and the values of two files at least */
        vx_dataset_destroy(dataset);
    }
    assert_null(vx_dataset_destroy(NULL));
    files_remove(&f);
}

static void keep_survives_the_failure_of_every_allocation(void **state)
{
    static const int allocations[] = { 1, 3 }; /* mapped: an index; in memory: copies too */
    idx_pair f = files_create();
    (void)state;

    for (int packed = 0; packed < 2; packed++) {
        vx_dataset *dataset = NULL;
        int k = 0;

        pair_write(&f, packed ? compressed(features_content()) : features_content(),
                   labels_content());
        vx_assert_ok(pair_load(&f, 0, &dataset, NULL), NULL);
        for (vx_status status = VX_ERR_NOMEM; status != VX_OK; k++) {
            int left = k;

            vx_alloc_set_hook(vx_test_fail_at_zero, &left);
            status = vx_dataset_keep(dataset, (uint32_t[]){ 1 }, 1);
            vx_alloc_set_hook(NULL, NULL);
            assert_int_equal(vx_dataset_get_info(dataset).count, status == VX_OK ? 1 : 3);
        }
        assert_int_equal(k, allocations[packed] + 1);
        vx_dataset_destroy(dataset);
    }
    files_remove(&f);
}

static void fashion_mnist_is_what_its_page_says(void **state)
{
    vx_dataset *dataset = NULL;
    vx_error err = { 0 };
    vx_clock clock = vx_clock_system();
    uint64_t begin = 0, counts[10] = { 0 };
    double sum = 0;
    static float pixels[784];
    uint32_t label = 0;
    (void)state;

    if (access(FASHION "train-images-idx3-ubyte.gz", R_OK) != 0) {
        print_message("skipped: no " FASHION " (Debian package dataset-fashion-mnist)\n");
        skip();
    }
    begin = vx_clock_monotonic_ns(&clock);
    vx_assert_ok(
        vx_dataset_load(&(vx_data_source){ .features = FASHION "train-images-idx3-ubyte.gz",
                                           .labels = FASHION "train-labels-idx1-ubyte.gz" },
                        &dataset, &err),
        &err);
    print_message("60000 x 784 in %.0f ms\n",
                  (double)(vx_clock_monotonic_ns(&clock) - begin) / 1e6);
    assert_int_equal(vx_dataset_get_info(dataset).count, 60000);
    assert_int_equal(vx_dataset_get_info(dataset).features, 784);
    assert_int_equal(vx_dataset_get_info(dataset).classes, 10);
    for (uint32_t i = 0; i < 60000; i++) {
        vx_dataset_gather(dataset, &i, 1, VX_STANDARDISE_NONE, (vx_matf){ pixels, 1, 784, 784 },
                          &label);
        counts[label]++;
        for (size_t j = 0; j < 784; j++)
            sum += (double)pixels[j];
    }
    for (size_t c = 0; c < 10; c++)
        assert_int_equal(counts[c], 6000);
    vx_assert_close(sum / 60000 / 784, 0.2860, 0, 5e-5); /* the mean that everybody uses */
    vx_dataset_destroy(dataset);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gather_standardises_the_rows_asked_for),
        cmocka_unit_test(keep_leaves_the_given_observations_in_their_order),
        cmocka_unit_test(load_survives_the_failure_of_every_allocation),
        cmocka_unit_test(keep_survives_the_failure_of_every_allocation),
        cmocka_unit_test(fashion_mnist_is_what_its_page_says),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
