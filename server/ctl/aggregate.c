#include "commands.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <vx_aggregate/aggregate.h>
#include <vx_base/alloc.h>
#include <vx_linalg/blas.h>
#include <vx_linalg/finite.h>
#include <vx_tensor_file/npy.h>

#include "aggregate_bench.h"
#include "aggregate_options.h"
#include "aggregate_output.h"
#include "aggregate_report.h"

/* One call of the command. */
typedef struct job {
    vx_ctl_aggregate_options words;
    vx_aggregate_options options;
    vx_npy_file *file;
    vx_npy_array rows;
    bool *present; /* (n) */
    double *share; /* (n) or NULL */
    void *own;     /* (d), the update of a rule that keeps no vector, or NULL */
    void *update;  /* (d): own, or the memory of the rule */
    vx_aggregator *aggregator;
    vx_aggregate_report report;
} job;

static const char *path_of(const job *j)
{
    return j->words.in;
}

/* Too few rows are the aggregator's to refuse: that depends on the rule. */
static vx_status check_sizes(const job *j, vx_error *err)
{
    size_t n = j->rows.shape[0], d = j->rows.shape[1];

    if (d == 0)
        return vx_fail(err, VX_ERR_DATA, "%s: %s needs d >= 1: its %zu rows have d = 0 numbers",
                       path_of(j), j->words.rule, n);
    if (n > VX_WORKERS_MAX)
        return vx_fail(err, VX_ERR_DATA, "%s: %zu rows, at most %d", path_of(j), n, VX_WORKERS_MAX);
    if (d > VX_DIMENSION_MAX)
        return vx_fail(err, VX_ERR_DATA, "%s: rows of %zu numbers, at most %llu", path_of(j), d,
                       (unsigned long long)VX_DIMENSION_MAX);
    return VX_OK;
}

static vx_status open_rows(job *j, vx_error *err)
{
    vx_status status = vx_npy_open(path_of(j), &j->file, err);

    if (status != VX_OK)
        return status;
    j->rows = vx_npy_at(j->file);
    if (j->rows.rank != 2)
        return vx_fail(err, VX_ERR_DATA,
                       "%s: expected an array of shape (n, d), a row a worker, found %zu "
                       "dimension%s; numpy.reshape changes it",
                       path_of(j), j->rows.rank, j->rows.rank == 1 ? "" : "s");
    return check_sizes(j, err);
}

/* A row with infinity or NaN is absent. */
static vx_status look_at_rows(job *j, vx_error *err)
{
    size_t n = j->rows.shape[0], d = j->rows.shape[1];

    j->present = vx_calloc(n, sizeof(*j->present));
    if (j->present == NULL)
        return vx_fail(err, VX_ERR_NOMEM, "no memory for %zu rows", n);
    for (size_t i = 0; i < n; i++) {
        j->present[i] = j->rows.is_double
                            ? vx_all_finite_f64((vx_cvec){ (const double *)j->rows.at + i * d, d })
                            : vx_all_finite_f32((vx_cvecf){ (const float *)j->rows.at + i * d, d });
        if (!j->present[i])
            (void)fprintf(stderr, "vexil: %s: row %zu holds infinity or NaN and is left out\n",
                          path_of(j), i);
    }
    return VX_OK;
}

/* "A,B,...": n numbers above 0. */
static vx_status read_shares(job *j, vx_error *err)
{
    size_t n = j->rows.shape[0], count = 0;
    const char *at = j->words.share;

    if (at == NULL || n == 0)
        return VX_OK;
    j->share = vx_calloc(n, sizeof(*j->share));
    if (j->share == NULL)
        return vx_fail(err, VX_ERR_NOMEM, "no memory for %zu shares", n);
    for (;; at++) {
        char *end = NULL;
        double share = strtod(at, &end);

        if (end == at || (*end != ',' && *end != '\0') || !(share > 0.0 && isfinite(share)))
            return vx_fail(err, VX_ERR_CONFIG, "--share: expected numbers above 0, found '%.32s'",
                           at);
        if (count < n)
            j->share[count] = share;
        count++;
        at = end;
        if (*at == '\0')
            break;
    }
    if (count != n)
        return vx_fail(err, VX_ERR_CONFIG,
                       "--share: expected %zu numbers, a number a row, found %zu", n, count);
    j->options.share = j->share;
    return VX_OK;
}

/* What is wrong with the rows is told with their file. */
static vx_status of_file(const job *j, vx_status status, vx_error *err)
{
    if (status == VX_ERR_DOMAIN || status == VX_ERR_NONFINITE)
        (void)vx_error_prefix(err, "%s", path_of(j));
    return status;
}

/* Where the update goes: into the memory of a rule that has one, so that there is one vector. */
static vx_status take_update(job *j, vx_error *err)
{
    size_t d = j->rows.shape[1];
    vx_vec memory = { NULL, 0 };
    vx_status status = VX_OK;

    if (j->rows.is_double)
        status = vx_aggregator_memory_f64(j->aggregator, &memory, err);
    if (status != VX_OK)
        return status;
    j->update = j->rows.is_double ? (void *)memory.at : vx_aggregator_memory(j->aggregator).at;
    if (j->update != NULL)
        return VX_OK;
    j->own = vx_aligned_calloc(d, j->rows.is_double ? sizeof(double) : sizeof(float));
    if (j->own == NULL)
        return vx_fail(err, VX_ERR_NOMEM, "no memory for %zu numbers", d);
    j->update = j->own;
    return VX_OK;
}

static vx_status create(job *j, vx_error *err)
{
    size_t n = j->rows.shape[0], d = j->rows.shape[1];
    vx_status status = vx_aggregator_create(&j->options, n, d, &j->aggregator, err);

    return status == VX_OK ? take_update(j, err) : of_file(j, status, err);
}

static vx_status aggregate(job *j, vx_error *err)
{
    size_t n = j->rows.shape[0], d = j->rows.shape[1];
    vx_status status;

    if (j->rows.is_double)
        status = vx_aggregator_run_f64(j->aggregator, (vx_cmat){ j->rows.at, n, d, d }, j->present,
                                       (vx_vec){ j->update, d }, &j->report, err);
    else
        status = vx_aggregator_run(j->aggregator, (vx_cmatf){ j->rows.at, n, d, d }, j->present,
                                   (vx_vecf){ j->update, d }, &j->report, err);
    return of_file(j, status, err);
}

static vx_status write_results(job *j, vx_error *err)
{
    vx_ctl_aggregated of = { &j->options,      &j->report,       j->present,
                             j->rows.shape[0], j->rows.shape[1], j->rows.is_double };
    vx_npy_array update = { j->update, j->rows.is_double, 1, { j->rows.shape[1] } };
    json_t *report = j->words.report != NULL ? vx_ctl_aggregated_json(&of) : NULL;
    vx_status status = vx_ctl_aggregate_write(&j->words, &update, report, err);

    if (status != VX_OK || j->words.quiet)
        return status;
    if (j->words.json)
        return vx_ctl_aggregate_print_json(vx_ctl_aggregated_json(&of), err);
    vx_ctl_aggregated_print(stdout, &of);
    return VX_OK;
}

static void warn_of_lambda(const job *j)
{
    double lambda = j->options.flag.lambda;

    if (lambda > 0.0 && lambda >= j->report.lambda_limit)
        (void)fprintf(
            stderr,
            "vexil: flag.lambda %g is at or above %.3g: pairs outweigh the direction that "
            "the rows agree on\n",
            lambda, j->report.lambda_limit);
}

static vx_status run_file(job *j, vx_error *err)
{
    vx_status status = vx_ctl_aggregate_check_paths(&j->words, err);

    if (status == VX_OK)
        status = open_rows(j, err);
    if (status == VX_OK)
        status = read_shares(j, err);
    if (status == VX_OK)
        status = create(j, err);
    if (status == VX_OK)
        status = look_at_rows(j, err);
    if (status == VX_OK)
        status = aggregate(j, err);
    if (status != VX_OK)
        return status;
    j->options.rule = j->words.rule;
    warn_of_lambda(j);
    return write_results(j, err);
}

static vx_status run_list(const job *j, vx_error *err)
{
    if (j->words.json)
        return vx_ctl_aggregate_print_json(vx_ctl_rules_json(), err);
    vx_ctl_rules_print(stdout);
    return VX_OK;
}

static void clear(job *j)
{
    vx_aggregator_destroy(j->aggregator);
    vx_free(j->own);
    vx_free(j->share);
    vx_free(j->present);
    vx_npy_close(j->file);
}

int vx_ctl_aggregate(int argc, char **argv)
{
    job j = { 0 };
    vx_error err = { 0 };
    vx_status status = vx_ctl_aggregate_options_parse(argc, argv, &j.words, &err);

    vx_blas_set_threads(1); /* as the server */
    if (status == VX_OK && !j.words.list)
        status = vx_ctl_aggregate_rule_options(&j.words, &j.options, &err);
    if (status == VX_OK && j.words.list)
        status = run_list(&j, &err);
    else if (status == VX_OK && j.words.bench != NULL)
        status = vx_ctl_aggregate_bench(j.words.bench, &j.options, j.words.json, &err);
    else if (status == VX_OK)
        status = run_file(&j, &err);
    clear(&j);
    return status == VX_OK ? 0 : vx_ctl_complain(&err);
}
