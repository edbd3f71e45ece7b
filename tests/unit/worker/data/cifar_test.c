#include <vx_test/check.h>

#include <string.h>

#include <vx_base/alloc.h>

#include "load.h"

#define PIXELS 3072

/* Records of so many label bytes: label (first + i) and pixels (first + i + k) mod 256. */
static const char *put_records(const char *name, size_t label_bytes, unsigned first, size_t count)
{
    static uint8_t bytes[8 * (PIXELS + 2)];
    uint8_t *at = bytes;

    for (size_t i = 0; i < count; i++) {
        for (size_t k = 0; k < label_bytes; k++)
            *at++ = (uint8_t)(first + i + 10 * k);
        for (size_t k = 0; k < PIXELS; k++)
            *at++ = (uint8_t)(first + i + k);
    }
    return put_bytes(name, bytes, (size_t)(at - bytes));
}

static void expect_record(const vx_dataset *dataset, size_t position, unsigned first)
{
    const float *row = row_at(dataset, position);

    for (size_t k = 0; k < PIXELS; k++)
        vx_assert_close((double)row[k], (uint8_t)(first + k) / 255.0, 1e-7, 0);
}

static void records_stay_in_their_file(void **state)
{
    vx_data_source source = { .format = VX_DATA_CIFAR,
                              .features = put_records("a.bin", 1, 3, 4),
                              .classes = 10 };
    vx_dataset *dataset = load(&source);
    vx_dataset_info info = vx_dataset_get_info(dataset);
    (void)state;

    assert_true(info.count == 4 && info.features == PIXELS && info.classes == 10);
    assert_true(info.image.channels == 3 && info.image.height == 32 && info.image.width == 32);
    for (unsigned i = 0; i < 4; i++) {
        expect_record(dataset, i, 3 + i);
        assert_int_equal(label_at(dataset, i), 3 + i);
    }
    vx_assert_ok(vx_dataset_keep(dataset, (uint32_t[]){ 2 }, 1), NULL);
    expect_record(dataset, 0, 5);
    vx_dataset_destroy(dataset);
}

static void several_files_are_one_set(void **state)
{
    vx_data_source source = { .format = VX_DATA_CIFAR,
                              .features = put_records("a.bin", 1, 0, 2),
                              .classes = 10 };
    const char *more[] = { put_records("b.bin", 1, 5, 1), put_records("c.bin", 1, 7, 3) };
    static const unsigned firsts[6] = { 0, 1, 5, 7, 8, 9 };
    (void)state;

    source.more = more;
    source.more_count = 2;
    for (int kept = 0; kept < 2; kept++) {
        vx_dataset *dataset = load(&source);

        assert_int_equal(vx_dataset_get_info(dataset).count, 6);
        if (kept)
            vx_assert_ok(vx_dataset_keep(dataset, (uint32_t[]){ 0, 1, 2, 3, 4, 5 }, 6), NULL);
        for (size_t i = 0; i < 6; i++) {
            expect_record(dataset, i, firsts[i]);
            assert_int_equal(label_at(dataset, i), firsts[i]);
        }
        vx_dataset_destroy(dataset);
    }
    assert_true(fail_each_allocation(&source) >= 4);
}

static void cifar_100_has_fine_and_coarse_labels(void **state)
{
    vx_data_source source = { .format = VX_DATA_CIFAR,
                              .features = put_records("a.bin", 2, 4, 2),
                              .classes = 100 };
    vx_dataset *dataset = load(&source);
    (void)state;

    assert_true(label_at(dataset, 0) == 14 && label_at(dataset, 1) == 15);
    expect_record(dataset, 1, 5);
    vx_dataset_destroy(dataset);
    source.classes = 20;
    dataset = load(&source);
    assert_true(label_at(dataset, 0) == 4 && label_at(dataset, 1) == 5);
    vx_dataset_destroy(dataset);
}

static void what_is_no_cifar_is_refused(void **state)
{
    vx_data_source source = { .format = VX_DATA_CIFAR,
                              .features = put_records("a.bin", 1, 8, 3),
                              .classes = 10 };
    const char *more[] = { put_records("b.bin", 1, 0, 1) };
    (void)state;

    refuse(&source, VX_ERR_DATA, "a.bin", "observation 2", "offset 6146", "label 10", "0 to 9",
           NULL);
    source.classes = 100;
    refuse(&source, VX_ERR_DATA, "a.bin", "9219 bytes", "multiple of 3074", "offset 6148", NULL);
    source.classes = 11;
    refuse(&source, VX_ERR_DOMAIN, "expected 10", "11", NULL);
    source.classes = 10;
    source.features = put_bytes("a.bin", "x", 1);
    refuse(&source, VX_ERR_DATA, "a.bin", "at least 3073 bytes", NULL);
    source.features = put_records("a.bin", 1, 0, 1);
    source.more = more;
    source.more_count = 1;
    more[0] = path_of("none.bin");
    refuse(&source, VX_ERR_NOT_FOUND, "none.bin", NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records_stay_in_their_file),
        cmocka_unit_test(several_files_are_one_set),
        cmocka_unit_test(cifar_100_has_fine_and_coarse_labels),
        cmocka_unit_test(what_is_no_cifar_is_refused),
    };

    return cmocka_run_group_tests(tests, folder_setup, folder_teardown);
}
