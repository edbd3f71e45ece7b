#include <vx_test/check.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "load.h"

static vx_data_source csv(const char *text)
{
    return (vx_data_source){ .format = VX_DATA_CSV,
                             .features = put_text("t.csv", text),
                             .csv = { .header = true } };
}

static void expect_row(const vx_dataset *dataset, size_t position, const double *row, size_t count)
{
    assert_int_equal(vx_dataset_get_info(dataset).features, count);
    for (size_t k = 0; k < count; k++)
        vx_assert_close((double)row_at(dataset, position)[k], row[k], 1e-7, 0);
}

static void numbers_and_a_target_are_read(void **state)
{
    vx_data_source source = csv("a,b,y\n1, -2.5e1 ,0\n\n\"3\",.5,2\r\n");
    vx_dataset *dataset = load(&source);
    (void)state;

    assert_int_equal(vx_dataset_get_info(dataset).count, 2);
    assert_int_equal(vx_dataset_get_info(dataset).classes, 3);
    expect_row(dataset, 0, (double[]){ 1, -25 }, 2);
    expect_row(dataset, 1, (double[]){ 3, 0.5 }, 2);
    assert_true(label_at(dataset, 0) == 0 && label_at(dataset, 1) == 2);
    vx_dataset_destroy(dataset);
}

static void the_target_and_ignored_columns_are_named_or_numbered(void **state)
{
    const char *ignore[] = { "when", "3" };
    vx_data_source source = csv("price,when,a,b\n10.5,x,1,2\n11,y,3,4\n");
    vx_dataset *dataset = NULL;
    (void)state;

    source.targets = VX_TARGETS_REAL;
    source.csv.target = "price";
    source.csv.ignore = ignore;
    source.csv.ignore_count = 2;
    dataset = load(&source);
    expect_row(dataset, 1, (double[]){ 3 }, 1);
    vx_assert_close((double)target_at(dataset, 0, 0), 10.5, 0, 0);
    assert_int_equal(vx_dataset_get_info(dataset).classes, 0);
    vx_dataset_destroy(dataset);
    source.features = put_text("t.csv", "7;x;1;2\n8;y;3;4"); /* no end of line at the end */
    source.csv = (vx_csv_options){ .target = "0", .ignore = &ignore[1], .ignore_count = 1 };
    source.csv.delimiter = ';';
    refuse(&source, VX_ERR_DATA, "t.csv:1", "column 1", "expected a number", "\"x\"", NULL);
    source.features = put_text("t.csv", "7;5;1;2\n8;6;3;4");
    dataset = load(&source);
    expect_row(dataset, 1, (double[]){ 6, 3 }, 2);
    vx_dataset_destroy(dataset);
}

static void categories_become_columns_in_the_order_of_their_bytes(void **state)
{
    vx_data_source source = csv("size,colour,kind\n1,red,\"dog, \"\"big\"\"\"\n2,blue,cat\n");
    vx_dataset *dataset = NULL;
    (void)state;

    source.csv.categories =
        put_text("c.csv", "colour,red,green,blue\nkind,cat,\"dog, \"\"big\"\"\",ant\n");
    dataset = load(&source);
    expect_row(dataset, 0, (double[]){ 1, 0, 0, 1 }, 4); /* size, blue, green, red */
    expect_row(dataset, 1, (double[]){ 2, 1, 0, 0 }, 4);
    assert_int_equal(vx_dataset_get_info(dataset).classes, 3); /* ant is one too */
    assert_true(label_at(dataset, 0) == 2 && label_at(dataset, 1) == 1);
    vx_dataset_destroy(dataset);
    source.classes = 2;
    refuse(&source, VX_ERR_DATA, "c.csv", "3 values", "2 classes", NULL);
    source.classes = 7;
    dataset = load(&source);
    assert_int_equal(vx_dataset_get_info(dataset).classes, 7);
    vx_dataset_destroy(dataset);
}

static void rows_of_a_test_file_alone_change_no_feature(void **state)
{
    vx_data_source train = csv("colour,y\nred,0\nblue,1\n");
    vx_data_source test = train;
    vx_dataset *dataset = NULL;
    (void)state;

    train.csv.categories = test.csv.categories = put_text("c.csv", "0,red,green,blue\n");
    test.features = put_text("test.csv", "colour,y\ngreen,1\n"); /* not seen in training */
    dataset = load(&test);
    expect_row(dataset, 0, (double[]){ 0, 1, 0 }, 3);
    vx_dataset_destroy(dataset);
    dataset = load(&train);
    expect_row(dataset, 0, (double[]){ 0, 0, 1 }, 3);
    vx_dataset_destroy(dataset);
    test.features = put_text("test.csv", "colour,y\npink,1\n");
    refuse(&test, VX_ERR_DATA, "test.csv:2", "column 0 (\"colour\")", "categories", "pink", NULL);
}

static void a_missing_value_is_what_the_job_says(void **state)
{
    const float moments[8] = { 10, 20, 0.25f, 0.75f, 1, 1, 1, 1 };
    vx_data_source source = csv("a,b,c,y\n1,,x,0\nNA,?,,1\n");
    vx_reference *reference = NULL;
    vx_dataset *dataset = NULL;
    vx_error err = { 0 };
    (void)state;

    source.csv.categories = put_text("c.csv", "c,x,z\n");
    refuse(&source, VX_ERR_DATA, "t.csv:2", "column 1 (\"b\")", "a value", NULL);
    source.csv.missing = VX_MISSING_ZERO;
    dataset = load(&source);
    expect_row(dataset, 0, (double[]){ 1, 0, 1, 0 }, 4);
    expect_row(dataset, 1, (double[]){ 0, 0, 0, 0 }, 4);
    vx_dataset_destroy(dataset);
    source.csv.missing = VX_MISSING_MEAN;
    refuse(&source, VX_ERR_DOMAIN, "need a reference", NULL);
    vx_assert_ok(vx_reference_open(put_npy("r.npy", "<f4", "(2, 4)", moments, sizeof(moments)),
                                   &reference, &err),
                 &err);
    source.reference = reference;
    dataset = load(&source);
    expect_row(dataset, 0, (double[]){ 1, 20, 1, 0 }, 4);
    expect_row(dataset, 1, (double[]){ 10, 20, 0.25, 0.75 }, 4);
    vx_dataset_destroy(dataset);
    source.features = put_text("t.csv", "a,y\n1,0\n");
    source.csv.categories = NULL;
    refuse(&source, VX_ERR_DATA, "1 features", "reference has 4", NULL);
    vx_reference_close(reference);
}

static void a_bad_row_is_named_by_line_and_column(void **state)
{
    vx_data_source source = csv("a,b,y\n1,2,0\n3,x4,1\n");
    (void)state;

    refuse(&source, VX_ERR_DATA, "t.csv:3", "column 1 (\"b\")", "expected a number", "\"x4\"",
           NULL);
    source.features = put_text("t.csv", "a,b,y\n1,2,0\n3,4\n");
    refuse(&source, VX_ERR_DATA, "t.csv:3", "expected 3 columns", "found 2", NULL);
    source.features = put_text("t.csv", "a,b,y\n1,2,0,9\n");
    refuse(&source, VX_ERR_DATA, "t.csv:2", "expected 3 columns", "found 4", NULL);
    source.features = put_text("t.csv", "a,b,y\n1,2,-1\n");
    refuse(&source, VX_ERR_DATA, "t.csv:2", "column 2 (\"y\")", "a class", "-1", NULL);
    source.features = put_text("t.csv", "a,b,y\n1,2,\n");
    refuse(&source, VX_ERR_DATA, "t.csv:2", "column 2 (\"y\")", "a class", NULL);
    source.features = put_text("t.csv", "a,b,y\n1,1e60,0\n");
    refuse(&source, VX_ERR_DATA, "t.csv:2", "1e60", NULL);
    source.features = put_text("t.csv", "a,b,y\n1,0x10,0\n");
    refuse(&source, VX_ERR_DATA, "t.csv:2", "0x10", NULL);
    source.features = put_text("t.csv", "a,b,y\n1,inf,0\n");
    refuse(&source, VX_ERR_DATA, "t.csv:2", "inf", NULL);
    source.features = put_text("t.csv", "a,b,y\n\"1\n\",2,0\n1,2\"3,0\n"); /* a cell of two lines */
    refuse(&source, VX_ERR_DATA, "t.csv:3", "column 0", "expected a number", NULL);
    source.features = put_text("t.csv", "a,b,y\n1,2\"3,0\n");
    refuse(&source, VX_ERR_DATA, "t.csv:2", "quote", NULL);
    source.features = put_text("t.csv", "a,b,y\n1,\"2,0\n");
    refuse(&source, VX_ERR_DATA, "t.csv:2", "quote", NULL);
    source.features = put_bytes("t.csv", "a,y\n1\0002,0\n", 10);
    refuse(&source, VX_ERR_DATA, "t.csv:2", "zero byte", NULL);
    source.features = put_text("t.csv", "a,y\n");
    refuse(&source, VX_ERR_DATA, "expected rows", NULL);
    source.features = put_text("t.csv", "a\n1\n");
    refuse(&source, VX_ERR_DATA, "delimiter", NULL);
    source.features = put_text("t.csv", "");
    refuse(&source, VX_ERR_DATA, "t.csv", NULL);
}

static void a_column_that_is_not_there_is_named(void **state)
{
    const char *ignore[] = { "q" };
    vx_data_source source = csv("a,b,b\n1,2,0\n");
    (void)state;

    source.csv.target = "z";
    refuse(&source, VX_ERR_DATA, "the target", "0 to 2", "\"z\"", NULL);
    source.csv.target = "3";
    refuse(&source, VX_ERR_DATA, "the target", "\"3\"", NULL);
    source.csv.target = "b";
    refuse(&source, VX_ERR_DATA, "columns 1 and 2", "\"b\"", NULL);
    source.csv.target = "2";
    source.csv.ignore = ignore;
    source.csv.ignore_count = 1;
    refuse(&source, VX_ERR_DATA, "ignored", "\"q\"", NULL);
    ignore[0] = "2";
    refuse(&source, VX_ERR_DATA, "target and ignored", NULL);
    source.csv.ignore_count = 0;
    source.csv.categories = put_text("c.csv", "w,x,y\n");
    refuse(&source, VX_ERR_DATA, "categories", "\"w\"", NULL);
    source.csv.categories = put_text("c.csv", "a,x,y,x\n");
    refuse(&source, VX_ERR_DATA, "c.csv:1", "\"x\"", "twice", NULL);
    source.csv.categories = put_text("c.csv", "a,x\na,y\n");
    refuse(&source, VX_ERR_DATA, "c.csv:2", "\"a\"", "twice", NULL);
    source.csv.categories = put_text("c.csv", "a,x\n0,y\n");
    refuse(&source, VX_ERR_DATA, "c.csv", "column 0", "by name and by number", NULL);
    source.csv.categories = put_text("c.csv", "a\n");
    refuse(&source, VX_ERR_DATA, "c.csv:1", "expected values", NULL);
    source.csv.categories = put_text("c.csv", "a,x,,y\n");
    refuse(&source, VX_ERR_DATA, "c.csv:1", "found nothing", NULL);
    source.csv.delimiter = '"';
    refuse(&source, VX_ERR_DOMAIN, "delimiter", NULL);
}

static void what_is_too_long_is_refused(void **state)
{
    static char text[300000];
    vx_data_source source = { 0 };
    (void)state;

    memset(text, '1', sizeof(text) - 1);
    memcpy(text, "a,y\n", 4);
    source = csv(text);
    refuse(&source, VX_ERR_LIMIT, "t.csv:2", "column 0", "1024 bytes", NULL);
    memset(text + 4, ',', sizeof(text) - 5);
    source.features = put_text("t.csv", text + 4);
    refuse(&source, VX_ERR_LIMIT, "t.csv:1", "65536 columns", NULL);
    memset(text, 'x', 2000);
    memcpy(text, "a,", 2);
    text[2000] = '\0';
    source = csv("a,y\n1,0\n");
    source.csv.categories = put_text("c.csv", text);
    refuse(&source, VX_ERR_LIMIT, "c.csv:1", "1024 bytes", NULL);
}

static void loading_survives_the_failure_of_every_allocation(void **state)
{
    vx_data_source source = csv("size,colour,y\n1,red,0\n2,blue,1\n");
    (void)state;

    source.csv.categories = put_text("c.csv", "colour,red,green,blue\n");
    assert_true(fail_each_allocation(&source) >= 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_and_a_target_are_read),
        cmocka_unit_test(the_target_and_ignored_columns_are_named_or_numbered),
        cmocka_unit_test(categories_become_columns_in_the_order_of_their_bytes),
        cmocka_unit_test(rows_of_a_test_file_alone_change_no_feature),
        cmocka_unit_test(a_missing_value_is_what_the_job_says),
        cmocka_unit_test(a_bad_row_is_named_by_line_and_column),
        cmocka_unit_test(a_column_that_is_not_there_is_named),
        cmocka_unit_test(what_is_too_long_is_refused),
        cmocka_unit_test(loading_survives_the_failure_of_every_allocation),
    };

    return cmocka_run_group_tests(tests, folder_setup, folder_teardown);
}
