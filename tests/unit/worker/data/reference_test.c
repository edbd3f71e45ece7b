#include <vx_test/check.h>

#include <math.h>
#include <string.h>

#include <vx_base/alloc.h>

#include "load.h"

static const float rows[4][3] = { { 1, 10, -4 }, { 2, 10, 0 }, { 3, 10, 4 }, { 6, 10, 8 } };
static const uint8_t labels[4];

static vx_data_source four_rows(void)
{
    return (vx_data_source){ .format = VX_DATA_NPY,
                             .features = put_npy("x.npy", "<f4", "(4, 3)", rows, sizeof(rows)),
                             .labels = put_npy("y.npy", "|u1", "(4,)", labels, 4) };
}

static void expect_refused(const char *shape, const double *numbers, size_t count, const char *text)
{
    vx_reference *reference = NULL;
    vx_error err = { 0 };
    const char *path = put_npy("r.npy", "<f8", shape, numbers, count * sizeof(*numbers));

    vx_assert_status(vx_reference_open(path, &reference, &err), VX_ERR_DATA, &err);
    assert_null(reference);
    vx_test_says(&err, text, "r.npy", NULL);
}

static void a_reference_is_made_from_a_set_and_standardises_it(void **state)
{
    vx_data_source source = four_rows();
    vx_dataset *dataset = load(&source);
    vx_reference *reference = NULL;
    vx_standardise standardise = { 0 };
    vx_error err = { 0 };
    const char *path = path_of("r.npy");
    float out[4][5];
    float direct[4][3];
    uint64_t before = 0;
    (void)state;

    vx_assert_ok(vx_reference_write(dataset, path, &err), &err);
    vx_assert_ok(vx_reference_open(path, &reference, &err), &err);
    assert_int_equal(vx_reference_features(reference), 3);
    vx_assert_close((double)vx_reference_means(reference)[0], 3, 1e-7, 0);
    vx_assert_close((double)vx_reference_deviations(reference)[0], sqrt(3.5), 1e-7, 0);
    vx_assert_close((double)vx_reference_deviations(reference)[1], 1, 0, 0); /* never changes */
    standardise.reference = reference;
    vx_assert_ok(vx_standardise_check(&standardise, dataset, false, &err), &err);
    before = vx_alloc_count();
    vx_dataset_gather(dataset, (uint32_t[]){ 3, 2, 1, 0 }, 4, standardise,
                      (vx_matf){ &out[0][0], 4, 3, 5 }, NULL);
    assert_int_equal(vx_alloc_count(), before);
    for (size_t i = 0; i < 4; i++) {
        vx_assert_close((double)out[i][0], ((double)rows[3 - i][0] - 3) / sqrt(3.5), 1e-6, 1e-7);
        vx_assert_close((double)out[i][1], 0, 0, 0);
        vx_assert_close((double)out[i][2], ((double)rows[3 - i][2] - 2) / sqrt(20), 1e-6, 1e-7);
    }
    vx_dataset_gather(dataset, (uint32_t[]){ 3, 2, 1, 0 }, 4, VX_STANDARDISE_NONE,
                      (vx_matf){ &direct[0][0], 4, 3, 3 }, NULL);
    vx_standardise_rows(&standardise, (vx_matf){ &direct[0][0], 4, 3, 3 });
    for (size_t i = 0; i < 4; i++)
        assert_memory_equal(direct[i], out[i], sizeof(direct[i]));
    vx_reference_close(reference);
    vx_dataset_destroy(dataset);
}

static void a_reference_is_made_of_the_values_that_are_there(void **state)
{
    vx_data_source source = { .format = VX_DATA_CSV,
                              .features = put_text("t.csv", "a,b,y\n1,,0\n,,1\n5,NA,0\n"),
                              .targets = VX_TARGETS_CLASSES,
                              .csv = { .header = true, .missing = VX_MISSING_NAN } };
    vx_dataset *dataset = load(&source);
    vx_reference *reference = NULL;
    vx_error err = { 0 };
    const char *path = path_of("r.npy");
    (void)state;

    vx_assert_ok(vx_reference_write(dataset, path, &err), &err);
    vx_assert_ok(vx_reference_open(path, &reference, &err), &err);
    vx_assert_close((double)vx_reference_means(reference)[0], 3, 0, 0);
    vx_assert_close((double)vx_reference_deviations(reference)[0], 2, 0, 0);
    vx_assert_close((double)vx_reference_means(reference)[1], 0, 0, 0); /* none there */
    vx_assert_close((double)vx_reference_deviations(reference)[1], 1, 0, 0);
    vx_reference_close(reference);
    vx_dataset_destroy(dataset);
}

/* Two rows of two features, standardised: values of this kind, means above deviations. */
static void standardise(const char *kind, const void *values, size_t size, const double moments[4],
                        float out[2][2])
{
    vx_data_source source = four_rows();
    vx_dataset *dataset = NULL;
    vx_reference *reference = NULL;
    vx_error err = { 0 };
    const char *path = put_npy("r.npy", "<f8", "(2, 2)", moments, 4 * sizeof(*moments));

    source.features = put_npy("x.npy", kind, "(2, 2)", values, size);
    source.labels = put_npy("y.npy", "|u1", "(2,)", labels, 2);
    dataset = load(&source);
    vx_assert_ok(vx_reference_open(path, &reference, &err), &err);
    vx_dataset_gather(dataset, (uint32_t[]){ 0, 1 }, 2, (vx_standardise){ .reference = reference },
                      (vx_matf){ &out[0][0], 2, 2, 2 }, NULL);
    vx_reference_close(reference);
    vx_dataset_destroy(dataset);
}

static void bytes_are_divided_before_a_reference_is_used(void **state)
{
    const uint8_t bytes[4] = { 0, 255, 51, 204 };
    float out[2][2];
    (void)state;

    standardise("|u1", bytes, sizeof(bytes), (double[]){ 0.5, 0.2, 0.25, 2 }, out);
    vx_assert_close((double)out[0][0], (0 - 0.5) / 0.25, 1e-6, 0);
    vx_assert_close((double)out[0][1], (1 - 0.2) / 2, 1e-6, 0);
    vx_assert_close((double)out[1][1], (0.8 - 0.2) / 2, 1e-6, 0);
}

static void what_is_no_reference_is_refused_with_its_column(void **state)
{
    (void)state;
    expect_refused("(2, 2)", (double[]){ 1, 2, 3, 0 }, 4, "column 1: deviation 0");
    expect_refused("(2, 2)", (double[]){ 1, 2, -3, 1 }, 4, "column 0: deviation -3");
    expect_refused("(2, 2)", (double[]){ 1, 2, 1e-60, 1 }, 4, "column 0: deviation 1e-60");
    expect_refused("(2, 2)", (double[]){ 1, 2, 1, 9e-19 }, 4,
                   "column 1: deviation 9e-19, expected a number from 1e-18 to 1e18");
    expect_refused("(2, 2)", (double[]){ -2e18, 2, 1, 1 }, 4,
                   "column 0: mean -2e+18, expected a number from -1e18 to 1e18");
    expect_refused("(2, 2)", (double[]){ 1, (double)NAN, 1, 1 }, 4, "column 1: mean nan");
    expect_refused("(2, 2)", (double[]){ 1, 2, 1, (double)INFINITY }, 4, "deviation inf");
    expect_refused("(4,)", (double[]){ 1, 2, 1, 1 }, 4, "expected an array (2, features)");
    expect_refused("(1, 4)", (double[]){ 1, 2, 1, 1 }, 4, "expected an array (2, features)");
}

/* The least deviation and the largest mean leave room for values up to 1e20. */
static void no_standardised_value_is_infinite(void **state)
{
    const float large[4] = { 1e20f, -1e20f, 0, 1 };
    float out[2][2];
    (void)state;

    standardise("<f4", large, sizeof(large), (double[]){ -1e18, 1e18, 1e-18, 1e-18 }, out);
    for (size_t i = 0; i < 4; i++)
        assert_true(isfinite(out[i / 2][i % 2]));
}

/* It is in units that float32 does not stand: made 1, the column would be lost. */
static void a_column_that_hardly_changes_is_not_taken_for_one_that_does_not(void **state)
{
    const float tiny[4] = { 1e-25f, 2e-25f, 3e-25f, 4e-25f };
    vx_data_source source = four_rows();
    vx_dataset *dataset = NULL;
    vx_error err = { 0 };
    (void)state;

    source.features = put_npy("x.npy", "<f4", "(4, 1)", tiny, sizeof(tiny));
    dataset = load(&source);
    vx_assert_status(vx_reference_write(dataset, path_of("r.npy"), &err), VX_ERR_DATA, &err);
    vx_test_says(&err, "column 0: deviation 1.1", "at least 1e-18", NULL);
    vx_dataset_destroy(dataset);
}

static void a_reference_of_other_features_is_refused(void **state)
{
    vx_data_source source = four_rows();
    vx_dataset *dataset = load(&source);
    vx_reference *reference = NULL;
    vx_error err = { 0 };
    const double moments[4] = { 0, 0, 1, 1 };
    (void)state;

    vx_assert_ok(vx_reference_open(put_npy("r.npy", "<f8", "(2, 2)", moments, sizeof(moments)),
                                   &reference, &err),
                 &err);
    vx_assert_status(
        vx_standardise_check(&(vx_standardise){ .reference = reference }, dataset, false, &err),
        VX_ERR_SHAPE, &err);
    vx_reference_close(reference);
    vx_dataset_destroy(dataset);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_reference_is_made_from_a_set_and_standardises_it),
        cmocka_unit_test(a_reference_is_made_of_the_values_that_are_there),
        cmocka_unit_test(bytes_are_divided_before_a_reference_is_used),
        cmocka_unit_test(what_is_no_reference_is_refused_with_its_column),
        cmocka_unit_test(no_standardised_value_is_infinite),
        cmocka_unit_test(a_column_that_hardly_changes_is_not_taken_for_one_that_does_not),
        cmocka_unit_test(a_reference_of_other_features_is_refused),
    };

    return cmocka_run_group_tests(tests, folder_setup, folder_teardown);
}
