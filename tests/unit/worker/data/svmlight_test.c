#include <vx_test/check.h>

#include <string.h>

#include <vx_base/alloc.h>

#include "load.h"

static vx_data_source svm(const char *text)
{
    return (vx_data_source){ .format = VX_DATA_SVMLIGHT,
                             .features = put_text("t.svm", text),
                             .first_column = 1 };
}

static const char small[] = "# a remark\n"
                            "2 1:0.5 3:-1e1 # more:1\n"
                            "\n"
                            "0 qid:7 2:1\t4:0\r\n"
                            "1\n"
                            "0 1:1 2:2 3:3";

static void rows_are_sparse_and_can_be_written_out(void **state)
{
    vx_data_source source = svm(small);
    vx_dataset *dataset = load(&source);
    vx_dataset_info info = vx_dataset_get_info(dataset);
    static const float rows[4][4] = { { 0.5f, 0, -10, 0 }, { 0, 1, 0, 0 }, { 0 }, { 1, 2, 3, 0 } };
    static const uint32_t labels[4] = { 2, 0, 1, 0 };
    (void)state;

    assert_true(info.count == 4 && info.features == 4 && info.classes == 3 && info.sparse);
    assert_int_equal(info.row_values_max, 3);
    for (size_t i = 0; i < 4; i++) {
        assert_memory_equal(row_at(dataset, i), rows[i], sizeof(rows[i]));
        assert_int_equal(label_at(dataset, i), labels[i]);
    }
    vx_dataset_destroy(dataset);
}

static void gathering_makes_compressed_rows_without_allocating(void **state)
{
    vx_data_source source = svm(small);
    vx_dataset *dataset = load(&source);
    float values[12];
    uint32_t columns[12];
    size_t begin[5];
    uint64_t before = vx_alloc_count();
    vx_csr got =
        vx_dataset_gather_sparse(dataset, (uint32_t[]){ 3, 2, 0, 3 }, 4,
                                 (vx_standardise){ .deviation = 2 }, values, columns, begin);
    static const size_t expected_begin[5] = { 0, 3, 3, 5, 8 };
    static const float expected[8] = { 0.5f, 1, 1.5f, 0.25f, -5, 0.5f, 1, 1.5f };
    static const uint32_t expected_columns[8] = { 0, 1, 2, 0, 2, 0, 1, 2 };
    (void)state;

    assert_int_equal(vx_alloc_count(), before);
    assert_true(got.rows == 4 && got.cols == 4 && got.values == values);
    assert_memory_equal(begin, expected_begin, sizeof(begin));
    assert_memory_equal(values, expected, sizeof(expected));
    assert_memory_equal(columns, expected_columns, sizeof(expected_columns));
    vx_dataset_destroy(dataset);
}

static void keep_leaves_rows_in_their_order(void **state)
{
    vx_data_source source = svm(small);
    (void)state;

    for (int mapped = 0; mapped < 2; mapped++) {
        vx_dataset *dataset = NULL;
        uint64_t before = 0;
        uint32_t number = 0;

        source.memory_bytes = mapped ? 1 : 0;
        dataset = load(&source);
        before = vx_alloc_count();
        vx_assert_ok(vx_dataset_keep(dataset, (uint32_t[]){ 3, 1, 0 }, 3), NULL);
        assert_int_equal(vx_alloc_count() - before, mapped ? 1 : 5); /* an index; copies too */
        assert_int_equal(vx_dataset_get_info(dataset).count, 3);
        vx_assert_close((double)row_at(dataset, 0)[2], 3, 0, 0);
        vx_assert_close((double)row_at(dataset, 1)[1], 1, 0, 0);
        vx_assert_close((double)row_at(dataset, 2)[2], -10, 0, 0);
        assert_true(label_at(dataset, 1) == 0 && label_at(dataset, 2) == 2);
        vx_dataset_observations(dataset, (uint32_t[]){ 0 }, 1, &number);
        assert_int_equal(number, 3);
        vx_dataset_destroy(dataset);
    }
}

static void keep_survives_the_failure_of_every_allocation(void **state)
{
    vx_data_source source = svm(small);
    vx_dataset *dataset = load(&source);
    int k = 0;
    (void)state;

    for (vx_status status = VX_ERR_NOMEM; status != VX_OK; k++) {
        int left = k;

        vx_alloc_set_hook(vx_test_fail_at_zero, &left);
        status = vx_dataset_keep(dataset, (uint32_t[]){ 3 }, 1);
        vx_alloc_set_hook(NULL, NULL);
        assert_int_equal(vx_dataset_get_info(dataset).count, status == VX_OK ? 1 : 4);
        vx_assert_close((double)row_at(dataset, 0)[1], status == VX_OK ? 2 : 0, 0, 0);
    }
    assert_int_equal(k, 6);
    vx_dataset_destroy(dataset);
}

static void indices_begin_where_the_job_says(void **state)
{
    vx_data_source source = svm("0 0:1 2:5\n");
    vx_dataset *dataset = NULL;
    (void)state;

    refuse(&source, VX_ERR_DATA, "t.svm:1", "column 3", "expected an index 1 to", "0:1", NULL);
    source.first_column = 0;
    source.columns = 3;
    dataset = load(&source);
    assert_int_equal(vx_dataset_get_info(dataset).features, 3);
    vx_assert_close((double)row_at(dataset, 0)[2], 5, 0, 0);
    vx_dataset_destroy(dataset);
    source.columns = 2;
    refuse(&source, VX_ERR_DATA, "t.svm:1", "0 to 1", "2:5", NULL);
    source.columns = 300; /* declared: another file may have more */
    dataset = load(&source);
    assert_int_equal(vx_dataset_get_info(dataset).features, 300);
    vx_dataset_destroy(dataset);
    source.first_column = 2;
    refuse(&source, VX_ERR_DOMAIN, "0 or 1", NULL);
}

static void two_classes_are_written_with_a_sign(void **state)
{
    vx_data_source source = svm("-1 1:1\n+1 1:2\n1.0 1:3\n");
    vx_dataset *dataset = NULL;
    (void)state;

    refuse(&source, VX_ERR_DATA, "t.svm:1", "2 declared classes", "-1", NULL);
    source.classes = 2;
    dataset = load(&source);
    assert_true(label_at(dataset, 0) == 0 && label_at(dataset, 1) == 1 &&
                label_at(dataset, 2) == 1);
    vx_dataset_destroy(dataset);
    source.targets = VX_TARGETS_REAL;
    dataset = load(&source);
    vx_assert_close((double)target_at(dataset, 0, 0), -1, 0, 0);
    vx_dataset_destroy(dataset);
    source = svm("0.5 1:1\n");
    refuse(&source, VX_ERR_DATA, "t.svm:1", "a label", "0.5", NULL);
    source = svm("-0.5 1:1\n");
    source.classes = 2;
    refuse(&source, VX_ERR_DATA, "t.svm:1", "a label", "-0.5", NULL);
}

static void a_bad_line_is_named_with_its_column(void **state)
{
    static const struct {
        const char *text, *line, *column, *what;
    } bad[] = {
        { "0 1:1\nx 1:1\n", "t.svm:2", "column 1", "a number as target" },
        { "0 1:1\n0 1\n", "t.svm:2", "column 3", "index:value" },
        { "0 1:1 1:2\n", "t.svm:1", "column 7", "ascending" },
        { "0 3:1 2:2\n", "t.svm:1", "column 7", "ascending" },
        { "0 1:x\n", "t.svm:1", "column 3", "finite number" },
        { "0 1:\n", "t.svm:1", "column 3", "finite number" },
        { "0 1:nan\n", "t.svm:1", "column 3", "finite number" },
        { "0 1:1e99\n", "t.svm:1", "column 3", "finite number" },
        { "0 -1:1\n", "t.svm:1", "column 3", "an index" },
        { "0 99999999999999999999:1\n", "t.svm:1", "column 3", "an index" },
        { "1,2 1:1\n", "t.svm:1", "column 1", "a number as target" },
        { "16777216 1:1\n", "t.svm:1", "column 1", "16777215" },
    };
    vx_data_source source = { 0 };
    (void)state;

    for (size_t k = 0; k < sizeof(bad) / sizeof(bad[0]); k++) {
        source = svm(bad[k].text);
        refuse(&source, VX_ERR_DATA, bad[k].line, bad[k].column, bad[k].what, NULL);
    }
    source = svm("# nothing\n");
    refuse(&source, VX_ERR_DATA, "expected observations", NULL);
    source = svm("0\n1\n");
    refuse(&source, VX_ERR_DATA, "expected features", NULL);
}

static void a_mean_is_not_taken_from_rows_that_stay_sparse(void **state)
{
    vx_data_source source = svm(small);
    vx_dataset *dataset = load(&source);
    vx_standardise shifted = { .mean = 0.5f, .deviation = 1 };
    vx_standardise scaled = { .deviation = 3 };
    vx_error err = { 0 };
    (void)state;

    vx_assert_status(vx_standardise_check(&shifted, dataset, true, &err), VX_ERR_DOMAIN, &err);
    vx_assert_ok(vx_standardise_check(&shifted, dataset, false, &err), &err);
    vx_assert_ok(vx_standardise_check(&scaled, dataset, true, &err), &err);
    scaled.deviation = 9e-19f;
    vx_assert_status(vx_standardise_check(&scaled, dataset, false, &err), VX_ERR_DOMAIN, &err);
    scaled = (vx_standardise){ .mean = -2e18f, .deviation = 1 };
    vx_assert_status(vx_standardise_check(&scaled, dataset, false, &err), VX_ERR_DOMAIN, &err);
    vx_dataset_destroy(dataset);
}

static void loading_survives_the_failure_of_every_allocation(void **state)
{
    vx_data_source source = svm(small);
    (void)state;

    assert_true(fail_each_allocation(&source) >= 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_sparse_and_can_be_written_out),
        cmocka_unit_test(gathering_makes_compressed_rows_without_allocating),
        cmocka_unit_test(keep_leaves_rows_in_their_order),
        cmocka_unit_test(keep_survives_the_failure_of_every_allocation),
        cmocka_unit_test(indices_begin_where_the_job_says),
        cmocka_unit_test(two_classes_are_written_with_a_sign),
        cmocka_unit_test(a_bad_line_is_named_with_its_column),
        cmocka_unit_test(a_mean_is_not_taken_from_rows_that_stay_sparse),
        cmocka_unit_test(loading_survives_the_failure_of_every_allocation),
    };

    return cmocka_run_group_tests(tests, folder_setup, folder_teardown);
}
