#include "aggregator.h"

#include <math.h>
#include <string.h>

#include <vx_base/alloc.h>

vx_aggregate_options vx_aggregate_options_default(void)
{
    return (vx_aggregate_options){
        .rule = "flag",
        .geometric_nu = 1e-6,
        .geometric_tolerance = 1e-10,
        .geometric_iterations = 1000,
        .flag = { .iterations = 1, .tolerance = 1e-10, .scale = VX_FLAG_SCALE_MEDIAN_NORM },
    };
}

static vx_status check_range(const vx_aggregate_options *o, vx_error *err)
{
    if (o->byzantine > VX_WORKERS_MAX || o->selected > VX_WORKERS_MAX)
        return vx_fail(err, VX_ERR_DOMAIN, "byzantine %zu or selected %zu is above %d",
                       o->byzantine, o->selected, VX_WORKERS_MAX);
    if (!(o->geometric_nu >= 0.0 && o->geometric_nu < 1.0) || !(o->geometric_tolerance >= 0.0) ||
        o->geometric_iterations == 0)
        return vx_fail(err, VX_ERR_DOMAIN, "geometric_median: nu %g, tolerance %g, %u iterations",
                       o->geometric_nu, o->geometric_tolerance, o->geometric_iterations);
    if (!(o->flag.lambda >= 0.0 && o->flag.lambda <= 1e6) || !(o->flag.tolerance >= 0.0) ||
        o->flag.iterations == 0)
        return vx_fail(err, VX_ERR_DOMAIN, "flag: lambda %g, tolerance %g, %u iterations",
                       o->flag.lambda, o->flag.tolerance, o->flag.iterations);
    return VX_OK;
}

/* Finds rule and chain by name. */
static vx_status resolve(vx_aggregator *a, vx_error *err)
{
    const vx_aggregate_options *o = &a->options;
    char known[256];

    a->rule = vx_rule_named(o->rule);
    if (a->rule == NULL) {
        vx_rule_names(known, sizeof(known));
        return vx_fail(err, VX_ERR_CONFIG, "no rule '%.*s'; there are %s", VX_NAME_MAX, o->rule,
                       known);
    }
    if (o->pre_count > VX_AGGREGATE_PRE_MAX)
        return vx_fail(err, VX_ERR_CONFIG, "%zu pre-aggregators, at most %d", o->pre_count,
                       VX_AGGREGATE_PRE_MAX);
    for (size_t k = 0; k < o->pre_count; k++) {
        a->pre[k] = vx_pre_named(o->pre[k]);
        if (a->pre[k] == NULL) {
            vx_pre_names(known, sizeof(known));
            return vx_fail(err, VX_ERR_CONFIG, "no pre-aggregator '%.*s'; there are %s",
                           VX_NAME_MAX, o->pre[k], known);
        }
    }
    return VX_OK;
}

static vx_status check_count(vx_aggregator *a, vx_error *err)
{
    const vx_aggregate_options *o = &a->options;

    a->rows_min = a->rule->rows_min(o);
    for (size_t k = 0; k < o->pre_count; k++) {
        size_t least = a->pre[k]->rows_min(o);

        a->rows_min = least > a->rows_min ? least : a->rows_min;
    }
    if (a->n_max < a->rows_min)
        return vx_fail(err, VX_ERR_DOMAIN, "%s needs %s: %zu rows for f = %zu, there are %zu",
                       o->rule, a->rule->info.requirement, a->rows_min, o->byzantine, a->n_max);
    return VX_OK;
}

static bool reserve_squares(vx_aggregator *a)
{
    double **squares[] = { &a->gram, &a->seen, &a->map, &a->scratch, &a->scratch_more };

    for (size_t i = 0; i < sizeof(squares) / sizeof(squares[0]); i++) {
        *squares[i] = vx_calloc(a->n_max, a->n_max * sizeof(double));
        if (*squares[i] == NULL)
            return false;
    }
    return true;
}

static bool reserve_vectors(vx_aggregator *a)
{
    double **vectors[] = { &a->work.values, &a->work.values_more, &a->rule_weights,
                           &a->raw_weights, &a->slot_weights,     &a->norm,
                           &a->weight,      &a->reconstruction,   &a->distance };

    for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
        *vectors[i] = vx_calloc(a->n_max, sizeof(double));
        if (*vectors[i] == NULL)
            return false;
    }
    a->slot = vx_calloc(a->n_max, sizeof(*a->slot));
    a->work.order = vx_calloc(a->n_max, sizeof(*a->work.order));
    if (a->slot == NULL || a->work.order == NULL)
        return false;
    if (a->rule->columns == NULL)
        return true;
    a->block = vx_aligned_calloc(a->n_max, VX_AGGREGATE_BLOCK * sizeof(*a->block));
    return a->block != NULL;
}

static vx_status configure(vx_aggregator *a, vx_error *err)
{
    vx_status status = check_range(&a->options, err);

    if (status == VX_OK)
        status = resolve(a, err);
    if (status == VX_OK)
        status = check_count(a, err);
    if (status != VX_OK)
        return status;
    if (!reserve_squares(a) || !reserve_vectors(a))
        return vx_fail(err, VX_ERR_NOMEM, "no memory to aggregate %zu rows", a->n_max);
    status = vx_flag_fit_create(a->n_max, &a->work.fit);
    return status == VX_OK ? VX_OK
                           : vx_fail(err, status, "no memory to aggregate %zu rows", a->n_max);
}

vx_status vx_aggregator_create(const vx_aggregate_options *options, size_t n_max, size_t dimension,
                               vx_aggregator **ret_aggregator, vx_error *err)
{
    vx_status status;
    vx_aggregator *a = NULL;

    if (n_max == 0 || n_max > VX_WORKERS_MAX || dimension == 0 || dimension > VX_DIMENSION_MAX)
        return vx_fail(err, VX_ERR_LIMIT, "%zu rows of %zu parameters", n_max, dimension);
    a = vx_calloc(1, sizeof(*a));
    if (a == NULL)
        return vx_fail(err, VX_ERR_NOMEM, "no memory for an aggregator");
    a->options = *options;
    a->n_max = n_max;
    a->dimension = dimension;
    status = configure(a, err);
    if (status == VX_OK) {
        a->options.rule = a->rule->info.name; /* the caller's names end with this call */
        a->options.pre = NULL;
        *ret_aggregator = a;
        a = NULL; /* moved to the caller */
    }
    vx_aggregator_destroy(a);
    return status;
}

vx_aggregator *vx_aggregator_destroy(vx_aggregator *a)
{
    if (a == NULL)
        return NULL;
    vx_flag_fit_destroy(a->work.fit);
    vx_free(a->work.values);
    vx_free(a->work.values_more);
    vx_free(a->work.order);
    vx_free(a->slot);
    vx_free(a->gram);
    vx_free(a->seen);
    vx_free(a->map);
    vx_free(a->scratch);
    vx_free(a->scratch_more);
    vx_free(a->rule_weights);
    vx_free(a->raw_weights);
    vx_free(a->slot_weights);
    vx_free(a->block);
    vx_free(a->norm);
    vx_free(a->weight);
    vx_free(a->reconstruction);
    vx_free(a->distance);
    vx_free(a);
    return NULL;
}

size_t vx_aggregator_rows_min(const vx_aggregator *aggregator)
{
    return aggregator->rows_min;
}

static vx_status begin(vx_aggregator *a, vx_cmatf rows, const bool *present, vx_vecf update,
                       vx_error *err)
{
    if (rows.rows > a->n_max || rows.cols != a->dimension || rows.ld < rows.cols ||
        update.n != a->dimension)
        return vx_fail(err, VX_ERR_SHAPE, "rows (%zu, %zu) and update (%zu) do not fit (%zu, %zu)",
                       rows.rows, rows.cols, update.n, a->n_max, a->dimension);
    a->slots = rows.rows;
    a->present = 0;
    for (size_t i = 0; i < rows.rows; i++) {
        if (present[i])
            a->slot[a->present++] = i;
    }
    if (a->present < a->rows_min)
        return vx_fail(err, VX_ERR_DOMAIN, "%s needs %zu rows for f = %zu, %zu are present",
                       a->options.rule, a->rows_min, a->options.byzantine, a->present);
    return VX_OK;
}

static vx_status weigh(vx_aggregator *a, vx_error *err)
{
    size_t p = a->present;
    vx_status status = a->rule->weights((vx_cmat){ a->seen, p, p, p }, &a->options, &a->work,
                                        (vx_vec){ a->rule_weights, p });

    if (status != VX_OK)
        return vx_fail(err, status, "%s failed on %zu rows", a->options.rule, p);
    vx_chain_pull_back(a, a->rule_weights, a->raw_weights);
    return VX_OK;
}

vx_status vx_aggregator_run(vx_aggregator *a, vx_cmatf rows, const bool *present,
                            vx_vecf ret_update, vx_aggregate_report *ret_report, vx_error *err)
{
    vx_status status = begin(a, rows, present, ret_update, err);

    if (status != VX_OK)
        return status;
    a->work.iterations = 0;
    status = vx_chain_run(a, rows, present, err);
    if (status == VX_OK && a->rule->weights != NULL) {
        status = weigh(a, err);
        if (status == VX_OK)
            status = vx_update_by_weights(a, rows, ret_update, err);
    } else if (status == VX_OK) {
        vx_update_by_columns(a, rows, ret_update);
    }
    if (status != VX_OK)
        return status;
    vx_report_fill(a, rows, vx_vecf_const(ret_update));
    if (ret_report != NULL)
        *ret_report = a->report;
    return VX_OK;
}
