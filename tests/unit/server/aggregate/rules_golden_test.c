#include <vx_test/check.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include <vx_base/alloc.h>

#include "aggregator.h"
#include "rules_golden_table.h"

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

static const json_t *parameter_at(const json_t *item, const char *name)
{
    return json_object_get(json_object_get(item, "params"), name);
}

static size_t count_at(const json_t *item, const char *name)
{
    return (size_t)json_integer_value(parameter_at(item, name));
}

static size_t byzantine_at(const json_t *item)
{
    return count_at(item, "f") + count_at(item, "b") + count_at(item, "num_malicious");
}

/* A chain of Clipping or ARC and NNM before a rule, each with its parameters. */
static vx_aggregate_options options_of_chain(const json_t *item)
{
    static const struct {
        const char *theirs, *ours;
    } names[] = { { "TrMean", "trimmed_mean" }, { "GeometricMedian", "geometric_median" },
                  { "Krum", "krum" },           { "Median", "median" },
                  { "Clipping", "clipping" },   { "ARC", "arc" } };
    static const char *chain[2] = { NULL, "nnm" };
    const json_t *rule = parameter_at(item, "aggregator_info");
    const json_t *pre = parameter_at(item, "pre_agg_list");
    const json_t *first = json_array_get(pre, 0), *nnm = json_array_get(pre, 1);
    const json_t *settings = json_array_get(rule, 1);
    vx_aggregate_options options = vx_aggregate_options_default();

    assert_int_equal(json_array_size(pre), 2);
    assert_string_equal(json_string_value(json_array_get(nnm, 0)), "NNM");
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(json_string_value(json_array_get(rule, 0)), names[i].theirs) == 0)
            options.rule = names[i].ours;
        if (strcmp(json_string_value(json_array_get(first, 0)), names[i].theirs) == 0)
            chain[0] = names[i].ours;
    }
    options.pre = chain;
    options.pre_count = 2;
    options.compat = VX_COMPAT_BYZFL;
    options.byzantine = (size_t)json_integer_value(json_object_get(json_array_get(nnm, 1), "f"));
    if (json_object_get(settings, "T") != NULL) {
        options.geometric_iterations = (unsigned)json_integer_value(json_object_get(settings, "T"));
        options.geometric_nu = json_number_value(json_object_get(settings, "nu"));
    }
    return options;
}

/* The parameters of a recorded call under their names here. */
static vx_aggregate_options options_of(const entry *e, const json_t *item, size_t n)
{
    vx_aggregate_options options = vx_aggregate_options_default();
    const json_t *mode = parameter_at(item, "mode");

    if (parameter_at(item, "pre_agg_list") != NULL)
        return options_of_chain(item);
    options.rule = e->rule != NULL ? e->rule : "mean";
    options.pre = &e->pre;
    options.pre_count = e->pre != NULL ? 1 : 0;
    options.compat = e->compat;
    options.byzantine = byzantine_at(item);
    options.selected = e->paper_count ? n - options.byzantine - 2 : count_at(item, "m");
    options.pivot = count_at(item, "idx");
    options.exact_rows = 30;
    if (parameter_at(item, "s") != NULL)
        options.bucket_size = count_at(item, "s");
    if (parameter_at(item, "c") != NULL)
        options.clip_norm = json_number_value(parameter_at(item, "c"));
    options.geometric_iterations = 20000;
    options.geometric_tolerance = 1e-14;
    if (e->compat == VX_COMPAT_BYZFL && parameter_at(item, "T") != NULL) {
        options.geometric_iterations = (unsigned)count_at(item, "T");
        options.geometric_nu = json_number_value(parameter_at(item, "nu"));
    }
    if (parameter_at(item, "tau") != NULL) {
        options.tau = json_number_value(parameter_at(item, "tau"));
        options.clip_iterations = (unsigned)(count_at(item, "L") + count_at(item, "n_iter"));
    }
    if (mode != NULL && strcmp(json_string_value(mode), "mid") != 0)
        options.aksel = VX_AKSEL_TRUSTED;
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

static void run_rows(vx_aggregator *a, vx_mat x, vx_vec ret_update)
{
    vx_error err;
    bool present[64];

    assert_true(x.rows <= 64);
    for (size_t i = 0; i < x.rows; i++)
        present[i] = true;
    vx_assert_ok(vx_aggregator_run_f64(a, (vx_cmat){ x.at, x.rows, x.cols, x.ld }, present,
                                       ret_update, NULL, &err),
                 &err);
}

static vx_aggregator *new_aggregator(const entry *e, const json_t *item, vx_mat x)
{
    vx_aggregate_options options = options_of(e, item, x.rows);
    vx_aggregator *a = NULL;
    vx_error err;

    vx_assert_ok(vx_aggregator_create(&options, x.rows, x.cols, &a, &err), &err);
    return a;
}

/* The recorded order of the rows, when there is one: bucketing then keeps it. */
static vx_mat permuted(const json_t *item, vx_mat x, vx_aggregator *a)
{
    const json_t *order = json_object_get(item, "permutation");
    vx_mat y = new_matrix(x.rows, x.cols);

    a->work.keep_order = order != NULL;
    for (size_t i = 0; i < x.rows; i++) {
        size_t from = order != NULL ? (size_t)json_integer_value(json_array_get(order, i)) : i;

        memcpy(y.at + i * y.cols, x.at + from * x.ld, x.cols * sizeof(double));
    }
    return y;
}

static vx_mat result_of(const entry *e, const json_t *item, vx_mat given)
{
    vx_mat update = new_matrix(1, given.cols);
    vx_aggregator *a = new_aggregator(e, item, given);
    vx_mat x = permuted(item, given, a);

    run_rows(a, x, vx_mat_row(update, 0));
    if (e->rule == NULL) {
        vx_free(update.at);
        update = mixed_rows(a, x);
    }
    vx_aggregator_destroy(a);
    vx_free(x.at);
    return update;
}

/* Successive calls on one aggregator, each from the result of the one before. */
static vx_mat results_of_calls(const entry *e, const json_t *item)
{
    const json_t *calls = json_object_get(item, "input");
    vx_mat first = matrix_of(json_array_get(calls, 0));
    vx_mat updates = new_matrix(json_array_size(calls), first.cols);
    vx_aggregator *a = new_aggregator(e, item, first);

    for (size_t k = 0; k < json_array_size(calls); k++) {
        vx_mat x = matrix_of(json_array_get(calls, k));

        run_rows(a, x, vx_mat_row(updates, k));
        vx_free(x.at);
    }
    vx_free(first.at);
    vx_aggregator_destroy(a);
    return updates;
}

static int by_value(const void *a, const void *b)
{
    const double *x = a, *y = b;

    return (*x > *y) - (*x < *y);
}

/* The rows, and behind them their coordinate median; of two middle values the lower one, as in the
 * files. */
static vx_mat with_median(vx_mat x)
{
    vx_mat all = new_matrix(x.rows + 1, x.cols), column = new_matrix(1, x.rows);

    for (size_t k = 0; k < x.cols; k++) {
        for (size_t i = 0; i < x.rows; i++)
            all.at[i * x.cols + k] = column.at[i] = x.at[i * x.ld + k];
        qsort(column.at, x.rows, sizeof(double), by_value);
        all.at[x.rows * x.cols + k] = column.at[(x.rows - 1) / 2];
    }
    vx_free(column.at);
    return all;
}

/* What a selection says of the rows, by the work memory of some aggregator. */
static void weigh(const entry *e, const json_t *item, vx_mat all, size_t n, double *ret_weights)
{
    static const entry mean = { .rule = "mean" };
    vx_aggregate_options options = options_of(e, item, n);
    vx_aggregator *a = new_aggregator(&mean, NULL, all);
    vx_geometry g = { .n = n, .reference = true };
    vx_vec update = vx_mat_row(new_matrix(1, all.cols), 0);

    run_rows(a, all, update);
    g.k = a->raw.k;
    g.d = a->raw.d;
    vx_assert_ok(e->kernel(&g, &options, &a->work, ret_weights), NULL);
    vx_aggregator_destroy(a);
    vx_free(update.at);
}

/* The weighted rows; for a selection whose columns are looked at later, its rows as 0 and 1. */
static vx_mat result_of_kernel(const entry *e, const json_t *item, vx_mat x)
{
    bool chosen_only = json_object_get(item, "selected") != NULL;
    vx_mat all = with_median(x), result = new_matrix(1, chosen_only ? x.rows : x.cols);
    double weights[65];

    weigh(e, item, all, x.rows, weights);
    for (size_t i = 0; i < x.rows; i++) {
        if (chosen_only)
            result.at[i] = weights[i] > 0.0 ? 1.0 : 0.0;
        for (size_t k = 0; !chosen_only && k < x.cols; k++)
            result.at[k] += weights[i] * x.at[i * x.ld + k];
    }
    vx_free(all.at);
    return result;
}

static vx_mat expected_of(const entry *e, const json_t *item, size_t n)
{
    const json_t *selected = json_object_get(item, "selected");
    vx_mat chosen;

    if (e->kernel == NULL || selected == NULL)
        return matrix_of(json_object_get(item, "expected"));
    chosen = new_matrix(1, n);
    for (size_t k = 0; k < json_array_size(selected); k++)
        chosen.at[json_integer_value(json_array_get(selected, k))] = 1.0;
    return chosen;
}

static void check(entry *e, const json_t *item)
{
    bool calls = json_object_get(item, "stateful") != NULL;
    const json_t *input = json_object_get(item, "input");
    vx_mat x = matrix_of(calls ? json_array_get(input, 0) : input), got;
    vx_mat expected = expected_of(e, item, x.rows);
    double off;

    if (calls)
        got = results_of_calls(e, item);
    else
        got = e->kernel != NULL ? result_of_kernel(e, item, x) : result_of(e, item, x);
    assert_int_equal(got.rows, expected.rows);
    off = relative_error(got.at, expected.at, expected.rows * expected.cols);
    if (off > e->bound && off <= e->loose)
        e->off++;
    else if (!(off <= e->bound))
        fail_msg("%s f = %zu on (%zu, %zu): off by %.3g", e->function, byzantine_at(item), x.rows,
                 x.cols, off);
    else
        e->worst = fmax(e->worst, off);
    vx_free(x.at);
    vx_free(expected.at);
    vx_free(got.at);
}

static void look_up(const json_t *item)
{
    const char *function = json_string_value(json_object_get(item, "function"));

    for (size_t k = 0; k < ENTRIES; k++) {
        if (strcmp(entries[k].function, function) != 0)
            continue;
        entries[k].found++;
        if (json_object_get(item, "nonfinite") != NULL)
            entries[k].skipped++;
        else
            check(&entries[k], item);
        return;
    }
    for (size_t k = 0; k < EXCEPTIONS; k++) {
        if (strcmp(exceptions[k].function, function) == 0) {
            exceptions[k].found++;
            return;
        }
    }
    fail_msg("nothing is said of %s", function);
}

static void check_file(const char *folder, const char *name)
{
    char path[1024];
    json_error_t error;
    json_t *list;

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    list = json_load_file(path, 0, &error);
    assert_non_null(list);
    for (size_t i = 0; i < json_array_size(list); i++)
        look_up(json_array_get(list, i));
    json_decref(list);
}

static void every_recorded_result_agrees_or_has_its_reason(void **state)
{
    const char *folder = vx_test_shared_oracle();

    (void)state;
    if (folder == NULL) {
        print_message("skipped: the folder VX_SHARED_ORACLE names is not there\n");
        skip();
    }
    check_file(folder, "byzfl.json");
    check_file(folder, "peers.json");
    for (size_t k = 0; k < ENTRIES; k++) {
        const entry *e = &entries[k];

        print_message("%-22s %2d cases, %d not finite, %d differ%s%s, worst %.2g\n", e->function,
                      e->found, e->skipped, e->off, e->off > 0 ? ": " : "",
                      e->off > 0 ? e->why : "", e->worst);
        assert_int_equal(e->found, e->cases);
        assert_int_equal(e->skipped, e->nonfinite);
        assert_int_equal(e->off, e->differing);
    }
    for (size_t k = 0; k < EXCEPTIONS; k++) {
        print_message("%-32s %2d cases not compared: %s\n", exceptions[k].function,
                      exceptions[k].found, exceptions[k].why);
        assert_int_equal(exceptions[k].found, exceptions[k].cases);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_recorded_result_agrees_or_has_its_reason),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
