#include <vx_test/check.h>

#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <vx_base/alloc.h>
#include <vx_linalg/products.h>

#include "golden.h"
#include "rule.h"

/* One expected result of a file, and how to obtain it. */
typedef struct variant {
    const char *name;
    unsigned iterations;
    bool paper, start;
    double worst_direction, worst_ratio, worst_objective;
} variant;

static variant variants[] = {
    { .name = "uni1", .iterations = 1 },
    { .name = "uni5", .iterations = 5 },
    { .name = "paper5", .iterations = 5, .paper = true },
    { .name = "ref1", .iterations = 1, .start = true },
    { .name = "ref5", .iterations = 5, .start = true },
};

/* Rows of the file without those that hold infinity or NaN: what the door would let in. */
typedef struct inputs {
    golden file;
    vx_mat x, gram, start;
    size_t kept[64], count;
} inputs;

static bool is_finite_row(vx_mat x, size_t i)
{
    for (size_t k = 0; k < x.cols; k++) {
        if (!isfinite(x.at[i * x.ld + k]))
            return false;
    }
    return true;
}

static void keep(vx_mat *square, const inputs *in)
{
    for (size_t i = 0; i < in->count; i++) {
        for (size_t j = 0; j < in->count; j++)
            square->at[i * in->count + j] = square->at[in->kept[i] * square->cols + in->kept[j]];
    }
    square->rows = square->cols = square->ld = in->count;
}

static inputs load(const char *folder, const char *name)
{
    char path[1024];
    inputs in = { .count = 0 };

    snprintf(path, sizeof(path), "%s/flag/%s", folder, name);
    in.file = golden_load(path);
    in.x = golden_block(&in.file, "X");
    in.gram = golden_block(&in.file, "K");
    for (size_t i = 0; i < in.x.rows; i++) {
        if (is_finite_row(in.x, i))
            in.kept[in.count++] = i;
    }
    keep(&in.gram, &in);
    if (golden_has(&in.file, "P0")) {
        in.start = golden_block(&in.file, "P0");
        keep(&in.start, &in);
    }
    return in;
}

static void unload(inputs *in)
{
    golden_free(&in->file);
    vx_free(in->x.at);
    vx_free(in->gram.at);
    vx_free(in->start.at);
}

static vx_mat expected(const inputs *in, const char *what, const char *name)
{
    char key[64];

    snprintf(key, sizeof(key), "%s_%s", what, name);
    return golden_block(&in->file, key);
}

/* ||X^T c - d|| / ||d|| */
static double direction_error(const inputs *in, const double *c, vx_mat d)
{
    double apart = 0.0, size = 0.0;

    for (size_t k = 0; k < in->x.cols; k++) {
        double sum = 0.0;

        for (size_t i = 0; i < in->count; i++)
            sum += c[i] * in->x.at[in->kept[i] * in->x.ld + k];
        apart += (sum - d.at[k]) * (sum - d.at[k]);
        size += d.at[k] * d.at[k];
    }
    return sqrt(apart / size);
}

static double ratio_error(const inputs *in, const vx_flag_fit *fit, vx_mat v)
{
    double worst = 0.0;

    for (size_t i = 0; i < in->count; i++) {
        if (isnan(v.at[in->kept[i]]))
            assert_true(isnan(fit->ratio[i]));
        else if (isnan(fit->ratio[i])) /* a zero row: the repository says 0, we say NaN */
            vx_assert_close(v.at[in->kept[i]], 0.0, 0.0, 1e-12);
        else
            worst = fmax(worst, fabs(fit->ratio[i] - v.at[in->kept[i]]));
    }
    return worst;
}

/*
 * 100 times the agreement that the file states. Where all rows lie in the subspace (case 12) the
 * objective is the rounding of sqrt(1 - v), and so is the number of steps that lower it: v still
 * agrees to 1e-15, the direction only to what those steps turn the subspace by.
 */
static double bound_of(const inputs *in, const char *name, double last_objective)
{
    double bound = fmax(100.0 * golden_agreement(&in->file, name), 1e-10);

    return last_objective < 1e-6 ? fmax(bound, 1e-8) : bound;
}

/* There, each of the n (1 + lambda / 2) terms sqrt(1 - v) is the root of a rounding of some 50 u.
 */
static double objective_bound(const inputs *in, double lambda, double last_objective)
{
    double terms = (double)in->count * (1.0 + 0.5 * lambda);

    return last_objective < 1e-5 ? fmax(terms * sqrt(50.0 * 0x1p-53), 1e-6) : 1e-6;
}

static void check(const inputs *in, vx_cmat gram, variant *v, const char *name)
{
    vx_flag_options options = { .subspace = (size_t)golden_number(&in->file, "m"),
                                .iterations = v->iterations,
                                .lambda = golden_number(&in->file, "lam"),
                                .tolerance = golden_number(&in->file, "tol"),
                                .alpha = 1.0,
                                .beta = 0.5,
                                .scale = v->paper ? VX_FLAG_SCALE_COUNT : VX_FLAG_SCALE_SUBSPACE,
                                .paper_loss = v->paper,
                                .raw = v->paper };
    vx_mat d = expected(in, "d", v->name), ratio = expected(in, "v", v->name);
    vx_mat objective = expected(in, "obj", v->name);
    double bound = bound_of(in, v->name, objective.at[objective.cols - 1]);
    double weights[64], off, off_ratio, off_objective;
    vx_cmat start = v->start ? vx_mat_const(in->start) : (vx_cmat){ NULL, 0, 0, 0 };
    vx_flag_fit *fit = NULL;

    vx_assert_ok(vx_flag_fit_create(in->count, &fit), NULL);
    vx_assert_ok(vx_flag_fit_run(fit, &(vx_geometry){ .n = in->count, .k = gram }, &options, start),
                 NULL);
    vx_flag_fit_weights(fit, &options, 0.0, (vx_vec){ weights, in->count });
    off = direction_error(in, weights, d);
    off_ratio = ratio_error(in, fit, ratio);
    /* The repository counts a zero row as one that is not explained at all. */
    off_objective = fabs(fit->at.objective - objective.at[objective.cols - 1] +
                         (v->start ? (double)(in->count - fit->count) : 0.0));
    assert_true(off_objective <
                objective_bound(in, options.lambda, objective.at[objective.cols - 1]));
    if (!(off <= bound) || !(off_ratio <= fmax(bound, 1e-9)))
        fail_msg("%s %s: direction off by %.2g, ratios by %.2g, bound %.2g", name, v->name, off,
                 off_ratio, bound);
    v->worst_direction = fmax(v->worst_direction, off);
    v->worst_ratio = fmax(v->worst_ratio, off_ratio);
    v->worst_objective = fmax(v->worst_objective, off_objective);
    vx_flag_fit_destroy(fit);
    vx_free(d.at);
    vx_free(ratio.at);
    vx_free(objective.at);
}

/* The Gram matrix as the server forms it: the numbers of X are exact floats. */
static vx_mat gram_of_rows(const inputs *in)
{
    size_t n = in->count, d = in->x.cols;
    float *rows = vx_calloc(n * d, sizeof(*rows));
    const float *row[64];
    vx_mat gram = { vx_calloc(n * n, sizeof(double)), n, n, n };
    vx_mat squared = { vx_calloc(n * n, sizeof(double)), n, n, n };
    vx_products *products = NULL;

    assert_non_null(rows);
    for (size_t i = 0; i < n; i++) {
        row[i] = rows + i * d;
        for (size_t k = 0; k < d; k++)
            rows[i * d + k] = (float)in->x.at[in->kept[i] * in->x.ld + k];
    }
    vx_assert_ok(vx_products_create(NULL, n, &products), NULL);
    vx_products_run(products, (vx_rowset){ row, NULL, n, d }, gram, squared);
    vx_products_destroy(products);
    vx_free(squared.at);
    vx_free(rows);
    return gram;
}

static void every_case_agrees_with_the_reference(void **state)
{
    const char *folder = vx_test_shared_oracle();
    char path[1024];
    int cases = 0;
    DIR *dir;

    (void)state;
    if (folder == NULL) {
        print_message("skipped: the folder VX_SHARED_ORACLE names is not there\n");
        skip();
    }
    snprintf(path, sizeof(path), "%s/flag", folder);
    dir = opendir(path);
    assert_non_null(dir);
    for (struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
        if (entry->d_name[0] < '0' || entry->d_name[0] > '9')
            continue;
        inputs in = load(folder, entry->d_name);
        vx_mat ours = gram_of_rows(&in);

        for (size_t k = 0; k < sizeof(variants) / sizeof(variants[0]); k++) {
            if (variants[k].start && in.start.at == NULL)
                continue;
            check(&in, vx_mat_const(in.gram), &variants[k], entry->d_name);
            check(&in, vx_mat_const(ours), &variants[k], entry->d_name);
        }
        vx_free(ours.at);
        unload(&in);
        cases++;
    }
    closedir(dir);
    assert_int_equal(cases, 15);
    for (size_t k = 0; k < sizeof(variants) / sizeof(variants[0]); k++)
        print_message("%-6s worst direction %.2g, ratio %.2g, objective %.2g\n", variants[k].name,
                      variants[k].worst_direction, variants[k].worst_ratio,
                      variants[k].worst_objective);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_case_agrees_with_the_reference),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
