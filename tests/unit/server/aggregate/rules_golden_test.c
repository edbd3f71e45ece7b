#include <vx_test/check.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

#include <jansson.h>

#include <vx_base/alloc.h>
#include <vx_oracle/rules.h>

#include "rule.h"

/* One recorded call: inputs (n, d) in double, f, the expected rows. */
typedef struct call {
    const char *name;
    vx_mat x, expected;
    vx_aggregate_options options;
    vx_rule_work work;
} call;

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

static vx_mat gram_of(vx_mat x)
{
    vx_mat gram = new_matrix(x.rows, x.rows);

    for (size_t i = 0; i < x.rows; i++) {
        for (size_t j = 0; j < x.rows; j++)
            gram.at[i * x.rows + j] = vx_oracle_dot(x.at + i * x.ld, x.at + j * x.ld, x.cols);
    }
    return gram;
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

/* Rows of map x, in double. */
static vx_mat mix(vx_mat map, vx_mat x)
{
    vx_mat y = new_matrix(map.rows, x.cols);

    for (size_t i = 0; i < map.rows; i++) {
        for (size_t j = 0; j < x.rows; j++) {
            for (size_t k = 0; k < x.cols; k++)
                y.at[i * x.cols + k] += map.at[i * map.ld + j] * x.at[j * x.ld + k];
        }
    }
    return y;
}

static double error_of_weights(call *c, vx_rule_weights *rule)
{
    vx_mat gram = gram_of(c->x), weights = new_matrix(1, c->x.rows), got;
    double off;

    vx_assert_ok(rule(vx_mat_const(gram), &c->options, &c->work, vx_mat_row(weights, 0)), NULL);
    got = mix(weights, c->x);
    off = relative_error(got.at, c->expected.at, c->x.cols);
    vx_free(gram.at);
    vx_free(weights.at);
    vx_free(got.at);
    return off;
}

static double error_of_map(call *c, vx_pre_map *pre)
{
    vx_mat gram = gram_of(c->x), map = new_matrix(c->x.rows, c->x.rows), got;
    double off;

    pre(vx_mat_const(gram), &c->options, &c->work, map);
    got = mix(map, c->x);
    off = relative_error(got.at, c->expected.at, c->x.rows * c->x.cols);
    vx_free(gram.at);
    vx_free(map.at);
    vx_free(got.at);
    return off;
}

/* In float, as in the server. */
static double error_of_columns(call *c, vx_rule_columns *rule)
{
    size_t count = c->x.rows * c->x.cols;
    float *block = vx_calloc(count + c->x.cols, sizeof(*block));
    vx_mat got = new_matrix(1, c->x.cols);
    double off;

    assert_non_null(block);
    for (size_t i = 0; i < count; i++)
        block[i] = (float)c->x.at[i];
    rule((vx_matf){ block, c->x.rows, c->x.cols, c->x.cols }, &c->options, block + count);
    for (size_t k = 0; k < c->x.cols; k++)
        got.at[k] = (double)block[count + k];
    off = relative_error(got.at, c->expected.at, c->x.cols);
    vx_free(block);
    vx_free(got.at);
    return off;
}

/* A function of the files, the kernel that has its definition, and what was found. */
typedef struct entry {
    const char *function;
    vx_rule_weights *weights;
    vx_rule_columns *columns;
    vx_pre_map *map;
    double bound, worst;
    int calls;
} entry;

static entry entries[] = {
    { .function = "Average", .weights = vx_mean, .bound = 1e-12 },
    { .function = "Median", .columns = vx_median, .bound = 1e-6 },
    { .function = "epfml.CM", .columns = vx_median, .bound = 1e-6 },
    { .function = "TrMean", .columns = vx_trimmed_mean, .bound = 1e-6 },
    { .function = "trmean", .columns = vx_trimmed_mean, .bound = 1e-6 },
    { .function = "epfml.TM", .columns = vx_trimmed_mean, .bound = 1e-6 },
    { .function = "NNM", .map = vx_nnm, .bound = 1e-12 },
    { .function = "Krum_paper", .weights = vx_krum, .bound = 0.0 },
    { .function = "MultiKrum_paper", .weights = vx_multi_krum, .bound = 1e-12 },
    { .function = "GeometricMedian_exact", .weights = vx_geometric_median, .bound = 1e-8 },
};

static size_t parameter(const json_t *item, const char *name)
{
    return (size_t)json_integer_value(json_object_get(json_object_get(item, "params"), name));
}

static void reserve(call *c)
{
    size_t n = c->x.rows;

    c->work.values = vx_calloc(n, sizeof(double));
    c->work.values_more = vx_calloc(n, sizeof(double));
    c->work.order = vx_calloc(n, sizeof(size_t));
    assert_true(c->work.values != NULL && c->work.values_more != NULL && c->work.order != NULL);
}

static void release(call *c)
{
    vx_free(c->work.values);
    vx_free(c->work.values_more);
    vx_free(c->work.order);
    vx_free(c->x.at);
    vx_free(c->expected.at);
}

static void check(entry *e, const json_t *item)
{
    call c = { .name = e->function,
               .x = matrix_of(json_object_get(item, "input")),
               .expected = matrix_of(json_object_get(item, "expected")),
               .options = vx_aggregate_options_default() };
    double off;

    reserve(&c);
    c.options.byzantine = parameter(item, "f") + parameter(item, "b");
    c.options.selected = parameter(item, "m");
    c.options.geometric_iterations = 20000;
    c.options.geometric_tolerance = 1e-14;
    if (e->weights != NULL)
        off = error_of_weights(&c, e->weights);
    else
        off = e->map != NULL ? error_of_map(&c, e->map) : error_of_columns(&c, e->columns);
    if (!(off <= e->bound))
        fail_msg("%s f = %zu on (%zu, %zu): off by %.3g", e->function, c.options.byzantine,
                 c.x.rows, c.x.cols, off);
    e->worst = fmax(e->worst, off);
    e->calls++;
    release(&c);
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
