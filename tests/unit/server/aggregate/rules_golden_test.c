#include <vx_test/check.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

#include <jansson.h>

#include <vx_base/alloc.h>

#include "aggregator.h"

static vx_mat new_matrix(size_t rows, size_t cols)
{
    vx_mat m = { vx_calloc(rows, cols * sizeof(double)), rows, cols, cols };

    assert_non_null(m.at);
    return m;
}

/* A list of numbers, or a list of such lists. */
static vx_mat matrix_of(const json_t *value)
{
    bool flat = !json_is_array(json_array_get(value, 0));
    size_t rows = flat ? 1 : json_array_size(value);
    size_t cols = json_array_size(flat ? value : json_array_get(value, 0));
    vx_mat m = new_matrix(rows, cols);

    for (size_t i = 0; i < rows; i++) {
        for (size_t k = 0; k < cols; k++)
            m.at[i * cols + k] =
                json_number_value(json_array_get(flat ? value : json_array_get(value, i), k));
    }
    return m;
}

/* ||a - b|| / ||b|| over all entries. */
static double relative_error(const double *a, const double *b, size_t count)
{
    double apart = 0.0, size = 0.0;

    for (size_t i = 0; i < count; i++) {
        apart += (a[i] - b[i]) * (a[i] - b[i]);
        size += b[i] * b[i];
    }
    return sqrt(apart / fmax(size, 1e-300));
}

/* A function of the files, how this project says the same, and what was found. */
typedef struct entry {
    const char *function, *rule, *pre;
    vx_compat compat;
    double bound, worst;
    int calls;
} entry;

static entry entries[] = {
    { .function = "Average", .rule = "mean", .bound = 1e-12 },
    { .function = "Median", .rule = "median", .bound = 1e-12 },
    { .function = "epfml.CM", .rule = "median", .bound = 1e-12 },
    { .function = "TrMean", .rule = "trimmed_mean", .bound = 1e-12 },
    { .function = "trmean", .rule = "trimmed_mean", .bound = 1e-12 },
    { .function = "epfml.TM", .rule = "trimmed_mean", .bound = 1e-12 },
    { .function = "NNM", .pre = "nnm", .bound = 1e-12 },
    { .function = "Krum_paper", .rule = "krum", .bound = 0.0 },
    { .function = "MultiKrum_paper", .rule = "multi_krum", .bound = 1e-12 },
    { .function = "GeometricMedian_exact", .rule = "geometric_median", .bound = 1e-8 },
};

static const json_t *parameter_at(const json_t *item, const char *name)
{
    return json_object_get(json_object_get(item, "params"), name);
}

static size_t count_at(const json_t *item, const char *name)
{
    return (size_t)json_integer_value(parameter_at(item, name));
}

/* The parameters of a recorded call under their names here. */
static vx_aggregate_options options_of(const entry *e, const json_t *item)
{
    vx_aggregate_options options = vx_aggregate_options_default();

    options.rule = e->rule != NULL ? e->rule : "mean";
    options.pre = &e->pre;
    options.pre_count = e->pre != NULL ? 1 : 0;
    options.compat = e->compat;
    options.byzantine = count_at(item, "f") + count_at(item, "b");
    options.selected = count_at(item, "m");
    options.geometric_iterations = 20000;
    options.geometric_tolerance = 1e-14;
    return options;
}

/* The rows behind the pre-aggregator. */
static vx_mat mixed_rows(const vx_aggregator *a, vx_mat x)
{
    vx_mat y = new_matrix(a->seen.n, x.cols);

    for (size_t i = 0; i < y.rows; i++) {
        for (size_t j = 0; j < x.rows; j++) {
            for (size_t k = 0; k < x.cols; k++)
                y.at[i * x.cols + k] += a->map[i * x.rows + j] * x.at[j * x.ld + k];
        }
    }
    return y;
}

static vx_mat result_of(const entry *e, const json_t *item, vx_mat x)
{
    vx_aggregate_options options = options_of(e, item);
    vx_mat update = new_matrix(1, x.cols);
    vx_aggregator *a = NULL;
    vx_error err;
    bool present[64];

    assert_true(x.rows <= 64);
    for (size_t i = 0; i < x.rows; i++)
        present[i] = true;
    vx_assert_ok(vx_aggregator_create(&options, x.rows, x.cols, &a, &err), &err);
    vx_assert_ok(vx_aggregator_run_f64(a, (vx_cmat){ x.at, x.rows, x.cols, x.ld }, present,
                                       vx_mat_row(update, 0), NULL, &err),
                 &err);
    if (e->rule == NULL) {
        vx_free(update.at);
        update = mixed_rows(a, x);
    }
    vx_aggregator_destroy(a);
    return update;
}

static void check(entry *e, const json_t *item)
{
    vx_mat x = matrix_of(json_object_get(item, "input"));
    vx_mat expected = matrix_of(json_object_get(item, "expected"));
    vx_mat got = result_of(e, item, x);
    double off = relative_error(got.at, expected.at, expected.rows * expected.cols);

    assert_int_equal(got.rows, expected.rows);
    if (!(off <= e->bound))
        fail_msg("%s f = %zu on (%zu, %zu): off by %.3g", e->function, count_at(item, "f"), x.rows,
                 x.cols, off);
    e->worst = fmax(e->worst, off);
    e->calls++;
    vx_free(x.at);
    vx_free(expected.at);
    vx_free(got.at);
}

static void check_file(const char *folder, const char *name)
{
    char path[1024];
    json_error_t error;
    json_t *list;

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    list = json_load_file(path, 0, &error);
    assert_non_null(list);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *item = json_array_get(list, i);
        const char *function = json_string_value(json_object_get(item, "function"));

        if (json_object_get(item, "nonfinite") != NULL) /* such rows never reach a rule */
            continue;
        for (size_t k = 0; k < sizeof(entries) / sizeof(entries[0]); k++) {
            if (strcmp(entries[k].function, function) == 0)
                check(&entries[k], item);
        }
    }
    json_decref(list);
}

static void rules_agree_with_recorded_results(void **state)
{
    const char *folder = vx_test_shared_oracle();

    (void)state;
    if (folder == NULL) {
        print_message("skipped: the folder VX_SHARED_ORACLE names is not there\n");
        skip();
    }
    check_file(folder, "byzfl.json");
    check_file(folder, "peers.json");
    for (size_t k = 0; k < sizeof(entries) / sizeof(entries[0]); k++) {
        print_message("%-22s %2d calls, worst %.2g\n", entries[k].function, entries[k].calls,
                      entries[k].worst);
        assert_true(entries[k].calls >= 8);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rules_agree_with_recorded_results),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
