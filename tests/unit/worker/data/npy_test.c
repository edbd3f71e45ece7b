#include <vx_test/check.h>

#include <math.h>
#include <string.h>

#include <vx_base/alloc.h>
#include <vx_base/file.h>

#include "load.h"

static const float floats[6] = { 1.5f, -2, 3, 4, 5, 6.25f };
static const double doubles[6] = { 1.5, -2, 3, 4, 5, 6.25 };
static const uint8_t bytes[6] = { 0, 51, 102, 153, 204, 255 };
static const int64_t labels[3] = { 2, 0, 1 };

static vx_data_source pair(const char *features, const char *targets)
{
    return (vx_data_source){ .format = VX_DATA_NPY, .features = features, .labels = targets };
}

static const char *good_features(void)
{
    return put_npy("x.npy", "<f4", "(3, 2)", floats, sizeof(floats));
}

static const char *good_labels(void)
{
    return put_npy("y.npy", "<i8", "(3,)", labels, sizeof(labels));
}

static void features_of_every_kind_are_read(void **state)
{
    const char *kinds[] = { "<f4", "<f8", "|u1" };
    const void *values[] = { floats, doubles, bytes };
    const size_t sizes[] = { sizeof(floats), sizeof(doubles), sizeof(bytes) };
    (void)state;

    for (size_t k = 0; k < 3; k++) {
        vx_data_source source =
            pair(put_npy("x.npy", kinds[k], "(3, 2)", values[k], sizes[k]), good_labels());
        vx_dataset *dataset = load(&source);
        vx_dataset_info info = vx_dataset_get_info(dataset);

        assert_true(info.count == 3 && info.features == 2 && info.classes == 3 && !info.sparse);
        assert_true(info.image.height == 0 && info.row_values_max == 2 && info.target_columns == 0);
        for (size_t i = 0; i < 6; i++)
            vx_assert_close((double)row_at(dataset, i / 2)[i % 2],
                            k == 2 ? bytes[i] / 255.0 : doubles[i], 1e-7, 0);
        assert_true(label_at(dataset, 0) == 2 && label_at(dataset, 1) == 0);
        vx_dataset_destroy(dataset);
    }
}

static void labels_of_every_integer_are_read(void **state)
{
    static const char *const kinds[] = { "|u1", "|i1", "<u2", "<i2", "<u4", "<i4", "<u8", "<i8" };
    (void)state;

    for (size_t k = 0; k < 8; k++) {
        size_t width = (size_t)(kinds[k][2] - '0');
        uint8_t packed[24] = { 0 };
        vx_data_source source = { 0 };
        vx_dataset *dataset = NULL;

        for (size_t i = 0; i < 3; i++)
            memcpy(packed + i * width, &labels[i], width);
        source = pair(good_features(), put_npy("y.npy", kinds[k], "(3,)", packed, 3 * width));
        dataset = load(&source);
        for (size_t i = 0; i < 3; i++)
            assert_int_equal(label_at(dataset, i), labels[i]);
        vx_dataset_destroy(dataset);
        source.targets = VX_TARGETS_REAL; /* counts of a Poisson likelihood, for one */
        dataset = load(&source);
        assert_int_equal(vx_dataset_get_info(dataset).classes, 0);
        for (size_t i = 0; i < 3; i++)
            vx_assert_close((double)target_at(dataset, i, 0), (double)labels[i], 0, 0);
        vx_dataset_destroy(dataset);
    }
}

static void real_targets_have_columns_and_signs(void **state)
{
    const int8_t small[3] = { -128, 0, 127 };
    vx_data_source source =
        pair(good_features(), put_npy("y.npy", "<f8", "(3, 2)", doubles, sizeof(doubles)));
    vx_dataset *dataset = NULL;
    (void)state;

    source.targets = VX_TARGETS_REAL;
    dataset = load(&source);
    assert_int_equal(vx_dataset_get_info(dataset).target_columns, 2);
    vx_assert_close((double)target_at(dataset, 0, 1), -2, 0, 0);
    vx_assert_close((double)target_at(dataset, 2, 1), 6.25, 0, 0);
    vx_dataset_destroy(dataset);
    source.labels = put_npy("y.npy", "|i1", "(3,)", small, sizeof(small));
    dataset = load(&source);
    vx_assert_close((double)target_at(dataset, 0, 0), -128, 0, 0);
    vx_assert_close((double)target_at(dataset, 2, 0), 127, 0, 0);
    vx_dataset_destroy(dataset);
}

static void ranks_of_three_and_four_are_images(void **state)
{
    vx_data_source source =
        pair(put_npy("x.npy", "<f4", "(3, 1, 2)", floats, sizeof(floats)), good_labels());
    vx_dataset *dataset = load(&source);
    vx_dataset_info info = vx_dataset_get_info(dataset);
    (void)state;

    assert_true(info.image.channels == 1 && info.image.height == 1 && info.image.width == 2);
    vx_dataset_destroy(dataset);
    source.features = put_npy("x.npy", "<f4", "(3, 2, 1, 1)", floats, sizeof(floats));
    dataset = load(&source);
    info = vx_dataset_get_info(dataset);
    assert_true(info.image.channels == 2 && info.image.height == 1 && info.features == 2);
    vx_dataset_destroy(dataset);
}

static void what_numpy_writes_otherwise_is_refused_with_what_to_do(void **state)
{
    vx_data_source source = pair(put_npy("x.npy", ">f4", "(3, 2)", floats, 24), good_labels());
    vx_bytes content = { 0 };
    uint8_t fortran[152];
    (void)state;

    refuse(&source, VX_ERR_DATA, "x.npy", "big-endian", NULL);
    source.features = put_npy("x.npy", "<i4", "(3, 2)", floats, 24);
    refuse(&source, VX_ERR_DATA, "x.npy", "expected features of kind", NULL);
    source.features = put_npy("x.npy", "|O", "(3, 2)", floats, 24);
    refuse(&source, VX_ERR_DATA, "x.npy", "|O", NULL);
    source.features = put_npy("x.npy", "<f4", "(1, 1, 1, 3, 2)", floats, 24);
    refuse(&source, VX_ERR_DATA, "at most 4 dimensions", NULL);
    source.features = put_npy("x.npy", "<f4", "(0, 2)", floats, 0);
    refuse(&source, VX_ERR_DATA, "dimension 0 is 0", NULL);
    source.features = put_npy("x.npy", "<f4", "()", floats, 4);
    refuse(&source, VX_ERR_DATA, "at least one dimension", NULL);
    vx_assert_ok(vx_file_read(good_features(), 1024, &content, NULL), NULL);
    memcpy(fortran, content.at, 152);
    vx_free(content.at);
    for (size_t i = 0; i < 6; i++) /* instead of "False," */
        fortran[44 + i] = (uint8_t) "True, "[i];
    source.features = put_bytes("x.npy", fortran, sizeof(fortran));
    refuse(&source, VX_ERR_DATA, "Fortran order", "ascontiguousarray", NULL);
}

static void a_header_is_three_keys_and_nothing_else(void **state)
{
    static const char *const more[] = { "(3, 2), 'more': 1", "(3, 2), 'shape': (3, 2)", "(3 2)",
                                        "(3, 2)} {" };
    static const char *const says[] = { "\"more\"", "\"shape\"", "shape", "follows" };
    vx_data_source source = pair(put_npy("x.npy", "<f4", "(3L, 2L)", floats, 24), good_labels());
    (void)state;

    vx_dataset_destroy(load(&source)); /* as Python 2 wrote it */
    for (size_t i = 0; i < sizeof(more) / sizeof(more[0]); i++) {
        source.features = put_npy("x.npy", "<f4", more[i], floats, 24);
        refuse(&source, VX_ERR_DATA, "x.npy: the NPY header", says[i], NULL);
    }
}

static void a_size_that_the_file_does_not_have_is_refused_before_memory_is_taken(void **state)
{
    vx_data_source source = pair(put_npy("x.npy", "<f4", "(3, 3)", floats, 24), good_labels());
    int none = 0;
    (void)state;

    vx_alloc_set_hook(vx_test_fail_at_zero, &none);
    refuse(&source, VX_ERR_DATA, "x.npy", "36 bytes", "offset 128", "24", "truncated", NULL);
    source.features = put_npy("x.npy", "<f4", "(9223372036854775807, 9)", floats, 24);
    refuse(&source, VX_ERR_DATA, "too large", NULL);
    source.features = put_npy("x.npy", "<f8", "(4611686018427387904, 1)", floats, 24);
    refuse(&source, VX_ERR_DATA, "too large", NULL);
    source.features = put_npy("x.npy", "<f4", "(2, 2)", floats, 24);
    refuse(&source, VX_ERR_DATA, "16 bytes", "24", NULL);
    vx_alloc_set_hook(NULL, NULL);
    assert_int_equal(none, 0);
}

static void a_number_that_is_not_finite_is_named(void **state)
{
    float bad[6] = { 1, 2, 3, NAN, 5, 6 };
    double large[6] = { 1, 2, 3, 4, 1e300, 6 }; /* infinity as float32 */
    vx_data_source source = pair(put_npy("x.npy", "<f4", "(3, 2)", bad, 24), good_labels());
    (void)state;

    refuse(&source, VX_ERR_DATA, "x.npy", "observation 1", "offset 140", "column 1", "nan", NULL);
    source.features = put_npy("x.npy", "<f8", "(3, 2)", large, 48);
    refuse(&source, VX_ERR_DATA, "observation 2", "offset 160", "column 0", "1e+300", NULL);
    source.features = good_features();
    source.labels = put_npy("y.npy", "<f4", "(3, 2)", bad, 24);
    source.targets = VX_TARGETS_REAL;
    refuse(&source, VX_ERR_DATA, "y.npy", "observation 1", "column 1", NULL);
}

static void rows_that_are_checked_later_are_no_others(void **state)
{
    static const uint32_t good[2] = { 2, 0 }, bad[2] = { 0, 1 };
    float rows[6] = { 1, 2, 3, NAN, 5, 6 };
    vx_data_source source = pair(put_npy("x.npy", "<f4", "(3, 2)", rows, 24), good_labels());
    vx_dataset *dataset = NULL;
    vx_error err = { 0 };
    (void)state;

    source.rows_later = true;
    dataset = load(&source);
    vx_assert_ok(vx_dataset_check_rows(dataset, good, 2, &err), &err);
    vx_assert_status(vx_dataset_check_rows(dataset, bad, 2, &err), VX_ERR_DATA, &err);
    assert_non_null(strstr(err.message, "x.npy: observation 1 (offset 140), column 1"));
    vx_dataset_destroy(dataset);
    source.features = put_npy("x.npy", "|u1", "(3, 2)", bytes, 6);
    dataset = load(&source);
    vx_assert_ok(vx_dataset_check_rows(dataset, bad, 2, &err), &err);
    vx_dataset_destroy(dataset);
}

static void a_label_outside_the_classes_is_named(void **state)
{
    const int32_t bad[3] = { 0, -1, 5 };
    vx_data_source source = pair(good_features(), put_npy("y.npy", "<i4", "(3,)", bad, 12));
    (void)state;

    refuse(&source, VX_ERR_DATA, "y.npy", "observation 1", "offset 132", "label -1", NULL);
    source.labels = good_labels();
    source.classes = 2;
    refuse(&source, VX_ERR_DATA, "y.npy", "observation 0", "label 2", "expected 0 to 1", NULL);
    source.labels = put_npy("y.npy", "<f4", "(3,)", floats, 12);
    refuse(&source, VX_ERR_DATA, "expected integers", NULL);
    source.labels = put_npy("y.npy", "<i4", "(2,)", bad, 8);
    refuse(&source, VX_ERR_DATA, "2 targets", "3 observations", NULL);
    source.labels = put_npy("y.npy", "<i4", "(3, 1)", bad, 12);
    refuse(&source, VX_ERR_DATA, "labels (n)", NULL);
    source.labels = "";
    refuse(&source, VX_ERR_DOMAIN, "second file", NULL);
    source.labels = path_of("none");
    refuse(&source, VX_ERR_NOT_FOUND, "none", NULL);
}

static void every_damage_of_a_header_makes_sense_or_is_refused(void **state)
{
    vx_data_source source = pair(good_features(), good_labels());
    vx_bytes content = { 0 };
    uint8_t *whole = NULL;
    size_t size = 0;
    (void)state;

    vx_assert_ok(vx_file_read(source.features, 1024, &content, NULL), NULL);
    whole = content.at;
    size = content.size;
    for (size_t i = 0; i < 128; i++) {
        for (unsigned mask = 1; mask < 256; mask <<= 1) {
            vx_dataset *dataset = NULL;
            vx_status status = VX_OK;

            whole[i] ^= (uint8_t)mask;
            source.features = put_bytes("x.npy", whole, size);
            status = vx_dataset_load(&source, &dataset, NULL);
            assert_true(status == VX_OK || status == VX_ERR_DATA);
            vx_dataset_destroy(dataset);
            whole[i] ^= (uint8_t)mask;
        }
    }
    for (size_t cut = 0; cut < size; cut++) {
        source.features = put_bytes("x.npy", whole, cut);
        refuse(&source, VX_ERR_DATA, "x.npy", NULL);
    }
    vx_free(whole);
}

static void loading_survives_the_failure_of_every_allocation(void **state)
{
    vx_data_source source = pair(good_features(), good_labels());
    (void)state;

    assert_true(fail_each_allocation(&source) >= 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(features_of_every_kind_are_read),
        cmocka_unit_test(labels_of_every_integer_are_read),
        cmocka_unit_test(real_targets_have_columns_and_signs),
        cmocka_unit_test(ranks_of_three_and_four_are_images),
        cmocka_unit_test(what_numpy_writes_otherwise_is_refused_with_what_to_do),
        cmocka_unit_test(a_header_is_three_keys_and_nothing_else),
        cmocka_unit_test(a_size_that_the_file_does_not_have_is_refused_before_memory_is_taken),
        cmocka_unit_test(a_number_that_is_not_finite_is_named),
        cmocka_unit_test(rows_that_are_checked_later_are_no_others),
        cmocka_unit_test(a_label_outside_the_classes_is_named),
        cmocka_unit_test(every_damage_of_a_header_makes_sense_or_is_refused),
        cmocka_unit_test(loading_survives_the_failure_of_every_allocation),
    };

    return cmocka_run_group_tests(tests, folder_setup, folder_teardown);
}
