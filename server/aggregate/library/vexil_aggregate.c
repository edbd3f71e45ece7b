#include <vexil/aggregate.h>

#include <math.h>
#include <stdint.h>
#include <string.h>

#include <vx_aggregate/aggregate.h>
#include <vx_base/assert.h>
#include <vx_linalg/finite.h>

#include "create.h"

static _Thread_local vx_error last_error;

static int code_of(vx_status status)
{
    static const int codes[VX_STATUS_MAX] = {
        [VX_OK] = VEXIL_OK,
        [VX_ERR_NOMEM] = VEXIL_MEMORY,
        [VX_ERR_LIMIT] = VEXIL_LIMIT,
        [VX_ERR_SHAPE] = VEXIL_SHAPE,
        [VX_ERR_DOMAIN] = VEXIL_DOMAIN,
        [VX_ERR_NONFINITE] = VEXIL_NONFINITE,
        [VX_ERR_USAGE] = VEXIL_USAGE,
        [VX_ERR_CONFIG] = VEXIL_CONFIG,
    };

    return status == VX_OK || codes[status] != VEXIL_OK ? codes[status] : VEXIL_INTERNAL;
}

const char *vexil_version(void)
{
    return VX_VERSION;
}

const char *vexil_error(void)
{
    return last_error.message;
}

const char *vexil_rule_name(size_t index)
{
    return index < vx_rule_count() ? vx_rule_at(index).name : NULL;
}

const char *vexil_rule_requirement(size_t index)
{
    return index < vx_rule_count() ? vx_rule_at(index).requirement : NULL;
}

const char *vexil_pre_name(size_t index)
{
    return index < vx_pre_count() ? vx_pre_at(index).name : NULL;
}

const char *vexil_key_name(size_t index)
{
    return index < vx_aggregate_key_count() ? vx_aggregate_key_at(index).name : NULL;
}

const char *vexil_key_about(size_t index)
{
    return index < vx_aggregate_key_count() ? vx_aggregate_key_at(index).about : NULL;
}

int vexil_create(const char *rule, const char *pre, size_t byzantine, const char *options,
                 const double *share, size_t rows_max, size_t dimension,
                 vexil_aggregator **ret_aggregator)
{
    vexil_wish wish = { rule, pre, options, share, byzantine };

    return code_of(vexil_make(&wish, rows_max, dimension, ret_aggregator, &last_error));
}

void vexil_destroy(vexil_aggregator *v)
{
    vexil_unmake(v);
}

size_t vexil_rows_min(const vexil_aggregator *v)
{
    return vx_aggregator_rows_min(v->aggregator);
}

void vexil_set_key(vexil_aggregator *v, unsigned long key)
{
    vx_aggregator_set_key(v->aggregator, (uint64_t)key);
}

float *vexil_memory_f32(vexil_aggregator *v)
{
    return vx_aggregator_memory(v->aggregator).at;
}

static vx_status take_present(vexil_aggregator *v, size_t n, const unsigned char *present)
{
    v->reported = false;
    if (n == 0 || n > v->rows_max)
        return vx_fail(&last_error, VX_ERR_SHAPE, "%zu rows do not fit 1 .. %zu", n, v->rows_max);
    v->rows = n;
    for (size_t i = 0; i < n; i++)
        v->present[i] = present == NULL || present[i] != 0;
    return VX_OK;
}

static vx_status check_ld(size_t columns, size_t ld)
{
    return ld >= columns
               ? VX_OK
               : vx_fail(&last_error, VX_ERR_SHAPE, "ld %zu is below d = %zu", ld, columns);
}

static int finish(vexil_aggregator *v, vx_status status)
{
    v->reported = status == VX_OK;
    return code_of(status);
}

int vexil_run_f32(vexil_aggregator *v, const float *rows, size_t n, size_t d, size_t ld,
                  const unsigned char *present, float *update)
{
    vx_status status = take_present(v, n, present);

    if (status == VX_OK)
        status = check_ld(d, ld);
    for (size_t i = 0; status == VX_OK && i < n; i++)
        v->present[i] = v->present[i] && vx_all_finite_f32((vx_cvecf){ rows + i * ld, d });
    if (status == VX_OK)
        status = vx_aggregator_run(v->aggregator, (vx_cmatf){ rows, n, d, ld }, v->present,
                                   (vx_vecf){ update, d }, &v->report, &last_error);
    return finish(v, status);
}

int vexil_run_f64(vexil_aggregator *v, const double *rows, size_t n, size_t d, size_t ld,
                  const unsigned char *present, double *update)
{
    vx_status status = take_present(v, n, present);

    if (status == VX_OK)
        status = check_ld(d, ld);
    for (size_t i = 0; status == VX_OK && i < n; i++)
        v->present[i] = v->present[i] && vx_all_finite_f64((vx_cvec){ rows + i * ld, d });
    if (status == VX_OK)
        status = vx_aggregator_run_f64(v->aggregator, (vx_cmat){ rows, n, d, ld }, v->present,
                                       (vx_vec){ update, d }, &v->report, &last_error);
    return finish(v, status);
}

int vexil_begin(vexil_aggregator *v, size_t n, const unsigned char *present)
{
    vx_status status = take_present(v, n, present);

    if (status == VX_OK)
        status = vx_aggregator_begin(v->aggregator, n, v->present, &last_error);
    return code_of(status);
}

static vx_rowset rows_f32(const vexil_aggregator *v, const float *part, size_t columns, size_t ld)
{
    for (size_t i = 0; i < v->rows; i++)
        v->f32[i] = part + i * ld;
    return (vx_rowset){ v->f32, NULL, v->rows, columns };
}

static vx_rowset rows_f64(const vexil_aggregator *v, const double *part, size_t columns, size_t ld)
{
    for (size_t i = 0; i < v->rows; i++)
        v->f64[i] = part + i * ld;
    return (vx_rowset){ NULL, v->f64, v->rows, columns };
}

static int add(vexil_aggregator *v, vx_rowset part, size_t column)
{
    return code_of(vx_aggregator_add(v->aggregator, part, column, &last_error));
}

int vexil_add_f32(vexil_aggregator *v, const float *part, size_t columns, size_t ld, size_t column)
{
    vx_status status = check_ld(columns, ld);

    return status == VX_OK ? add(v, rows_f32(v, part, columns, ld), column) : code_of(status);
}

int vexil_add_f64(vexil_aggregator *v, const double *part, size_t columns, size_t ld, size_t column)
{
    vx_status status = check_ld(columns, ld);

    return status == VX_OK ? add(v, rows_f64(v, part, columns, ld), column) : code_of(status);
}

int vexil_add_rows_f32(vexil_aggregator *v, const float *const *part, size_t columns, size_t column)
{
    return add(v, (vx_rowset){ part, NULL, v->rows, columns }, column);
}

int vexil_add_rows_f64(vexil_aggregator *v, const double *const *part, size_t columns,
                       size_t column)
{
    return add(v, (vx_rowset){ NULL, part, v->rows, columns }, column);
}

int vexil_decide(vexil_aggregator *v)
{
    return finish(v, vx_aggregator_decide(v->aggregator, &v->report, &last_error));
}

static int combine(vexil_aggregator *v, vx_rowset part, size_t column, vx_real to)
{
    return code_of(vx_aggregator_combine(v->aggregator, part, column, to, &last_error));
}

int vexil_combine_f32(vexil_aggregator *v, const float *part, size_t columns, size_t ld,
                      size_t column, float *update_part)
{
    vx_status status = check_ld(columns, ld);

    return status == VX_OK ? combine(v, rows_f32(v, part, columns, ld), column,
                                     (vx_real){ update_part, NULL, columns })
                           : code_of(status);
}

int vexil_combine_f64(vexil_aggregator *v, const double *part, size_t columns, size_t ld,
                      size_t column, double *update_part)
{
    vx_status status = check_ld(columns, ld);

    return status == VX_OK ? combine(v, rows_f64(v, part, columns, ld), column,
                                     (vx_real){ NULL, update_part, columns })
                           : code_of(status);
}

int vexil_combine_rows_f32(vexil_aggregator *v, const float *const *part, size_t columns,
                           size_t column, float *update_part)
{
    return combine(v, (vx_rowset){ part, NULL, v->rows, columns }, column,
                   (vx_real){ update_part, NULL, columns });
}

int vexil_combine_rows_f64(vexil_aggregator *v, const double *const *part, size_t columns,
                           size_t column, double *update_part)
{
    return combine(v, (vx_rowset){ NULL, part, v->rows, columns }, column,
                   (vx_real){ NULL, update_part, columns });
}

static int no_report(const vexil_aggregator *v, const char *name)
{
    return code_of(v->reported ? vx_fail(&last_error, VX_ERR_USAGE, "a report has no '%.64s'", name)
                               : vx_fail(&last_error, VX_ERR_USAGE, "no run is there to report"));
}

int vexil_report_number(const vexil_aggregator *v, const char *name, double *ret_value)
{
    const vx_aggregate_report *r = &v->report;
    const struct {
        const char *name;
        double value;
    } numbers[] = {
        { "rows_used", (double)r->present },
        { "update_norm", r->update_norm },
        { "median_norm", r->median_norm },
        { "objective", r->objective },
        { "eigengap", r->eigengap },
        { "lambda_limit", r->lambda_limit },
        { "iterations", (double)r->iterations },
    };

    for (size_t i = 0; v->reported && i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        if (strcmp(numbers[i].name, name) == 0) {
            *ret_value = numbers[i].value;
            return VEXIL_OK;
        }
    }
    return no_report(v, name);
}

static void put_list(const double *values, const bool *marks, size_t has, double *ret_values,
                     size_t count)
{
    VX_ASSERT(values != NULL || marks != NULL);
    for (size_t i = 0; i < has && i < count; i++)
        ret_values[i] = values != NULL ? values[i] : marks[i] ? 1.0 : 0.0;
}

int vexil_report_list(const vexil_aggregator *v, const char *name, double *ret_values, size_t count,
                      size_t *ret_count)
{
    const vx_aggregate_report *r = &v->report;
    const struct {
        const char *name;
        const double *values;
        const bool *marks;
        size_t count;
    } lists[] = {
        { "norm", r->norm, NULL, v->rows },
        { "weight", r->weight, NULL, v->rows },
        { "score", r->score, NULL, v->rows },
        { "reconstruction", r->reconstruction, NULL, v->rows },
        { "distance", r->distance, NULL, v->rows },
        { "selected", NULL, r->selected, v->rows },
        { "trace", r->trace, NULL, r->trace_count },
    };

    for (size_t i = 0; v->reported && i < sizeof(lists) / sizeof(lists[0]); i++) {
        if (strcmp(lists[i].name, name) != 0)
            continue;
        put_list(lists[i].values, lists[i].marks, lists[i].count, ret_values, count);
        if (ret_count != NULL)
            *ret_count = lists[i].count;
        return VEXIL_OK;
    }
    return no_report(v, name);
}

const char *vexil_report_method(const vexil_aggregator *v)
{
    return v->reported ? v->report.method : "";
}
