#include "aggregator.h"

#include <math.h>
#include <string.h>

#include <vx_base/alloc.h>

void vx_aggregator_set_key(vx_aggregator *aggregator, uint64_t key)
{
    aggregator->work.key = key;
}

size_t vx_aggregator_rows_min(const vx_aggregator *aggregator)
{
    return aggregator->rows_min;
}

vx_vecf vx_aggregator_memory(vx_aggregator *aggregator)
{
    if (aggregator->rule->way != VX_WAY_MEMORY)
        return (vx_vecf){ NULL, 0 };
    return (vx_vecf){ aggregator->memory, aggregator->dimension };
}

vx_rowset vx_aggregator_rows(const vx_aggregator *a, size_t more)
{
    return (vx_rowset){ a->in_double ? NULL : a->f32, a->in_double ? a->f64 : NULL, a->raw.n + more,
                        a->cols };
}

static vx_status check_shape(const vx_aggregator *a, size_t rows, size_t cols, size_t ld,
                             size_t update, vx_error *err)
{
    if (rows > a->n_max || cols != a->dimension || ld < cols || update != a->dimension)
        return vx_fail(err, VX_ERR_SHAPE, "rows (%zu, %zu) and update (%zu) do not fit (%zu, %zu)",
                       rows, cols, update, a->n_max, a->dimension);
    return VX_OK;
}

vx_status vx_aggregator_place(vx_aggregator *a, size_t slots, const bool *present, vx_error *err)
{
    a->slots = slots;
    a->cols = a->dimension;
    a->stage = VX_BUCKETS_NONE;
    a->raw = (vx_geometry){ .n = 0, .reference = a->rule->way == VX_WAY_MEMORY };
    for (size_t i = 0; i < slots; i++) {
        if (present[i])
            a->slot[a->raw.n++] = i;
    }
    a->work.iterations = 0;
    a->work.method = "";
    a->work.objective = nan("");
    a->report.trace_count = 0;
    for (size_t i = 0; i <= a->n_max; i++) {
        a->apart[i] = 0.0;
        a->work.score[i] = nan("");
        a->work.selected[i] = true;
    }
    return vx_requirement_check(a, a->raw.n, a->slots, err);
}

static vx_status check_pivot(const vx_aggregator *a, vx_error *err)
{
    if (a->rule->weights != vx_monna || a->seen.pivot < a->seen.n)
        return VX_OK;
    if (a->raw.pivot < a->raw.n)
        return vx_fail(err, VX_ERR_DOMAIN,
                       "%s needs its pivot, slot %zu, which a pre-aggregator mixed away",
                       a->options.rule, a->options.pivot);
    return vx_fail(err, VX_ERR_DOMAIN, "%s needs its pivot, slot %zu, which is absent",
                   a->options.rule, a->options.pivot);
}

vx_status vx_aggregator_weigh(vx_aggregator *a, vx_error *err)
{
    vx_status status = check_pivot(a, err);

    if (status == VX_OK && a->rule->way == VX_WAY_COLUMNS_WEIGHTS)
        status = vx_chain_border(a, err);
    if (status != VX_OK)
        return status;
    status = a->rule->weights(&a->seen, &a->options, &a->work, a->rule_weights);
    if (status != VX_OK)
        return vx_fail(err, status, "%s failed on %zu rows", a->options.rule, a->seen.n);
    vx_chain_pull_back(a, a->rule_weights, a->raw_weights);
    if (a->seen.reference)
        a->raw_weights[a->raw.n] = a->rule_weights[a->seen.n];
    return VX_OK;
}

static vx_status make_update(vx_aggregator *a, vx_real update, vx_error *err)
{
    vx_status status = VX_OK;

    switch (a->rule->way) {
    case VX_WAY_WEIGHTS:
    case VX_WAY_MEMORY:
    case VX_WAY_COLUMNS_WEIGHTS:
        if (a->rule->way == VX_WAY_COLUMNS_WEIGHTS)
            vx_update_apart(a);
        status = vx_aggregator_weigh(a, err);
        return status == VX_OK ? vx_update_by_weights(a, update, err) : status;
    case VX_WAY_COLUMNS:
        vx_update_by_columns(a, NULL, update);
        return VX_OK;
    case VX_WAY_SELECT_COLUMNS:
        status = vx_aggregator_weigh(a, err);
        if (status == VX_OK)
            vx_update_by_columns(a, a->rule_weights, update);
        return status;
    }
    return vx_fail(err, VX_ERR_DOMAIN, "%s has no way", a->options.rule);
}

static void remember(vx_aggregator *a, vx_real update)
{
    if (a->rule->way != VX_WAY_MEMORY)
        return;
    VX_ASSERT(update.f64 != NULL || update.f32 != NULL);
    if (update.f64 != NULL ? update.f64 == a->memory_f64 : update.f32 == a->memory)
        return;
    if (update.f64 != NULL)
        memcpy(a->memory_f64, update.f64, a->dimension * sizeof(double));
    else
        memcpy(a->memory, update.f32, a->dimension * sizeof(float));
}

static vx_status run(vx_aggregator *a, vx_real update, vx_aggregate_report *ret_report,
                     vx_error *err)
{
    vx_status status = vx_chain_run(a, err);

    if (status == VX_OK)
        status = make_update(a, update, err);
    if (status != VX_OK)
        return status;
    remember(a, update);
    vx_report_fill(a, update);
    if (ret_report != NULL)
        *ret_report = a->report;
    return VX_OK;
}

vx_status vx_aggregator_run(vx_aggregator *a, vx_cmatf rows, const bool *present,
                            vx_vecf ret_update, vx_aggregate_report *ret_report, vx_error *err)
{
    vx_status status = check_shape(a, rows.rows, rows.cols, rows.ld, ret_update.n, err);

    if (status == VX_OK)
        status = vx_aggregator_place(a, rows.rows, present, err);
    if (status != VX_OK)
        return status;
    a->in_double = false;
    for (size_t i = 0; i < a->raw.n; i++)
        a->f32[i] = rows.at + a->slot[i] * rows.ld;
    a->f32[a->raw.n] = a->memory;
    return run(a, (vx_real){ ret_update.at, NULL, ret_update.n }, ret_report, err);
}

vx_status vx_aggregator_use_double(vx_aggregator *a, vx_error *err)
{
    if (a->rule->way != VX_WAY_MEMORY || a->memory_f64 != NULL)
        return VX_OK;
    a->memory_f64 = vx_aligned_calloc(a->dimension, sizeof(double));
    if (a->memory_f64 == NULL)
        return vx_fail(err, VX_ERR_NOMEM, "no memory for %zu numbers", a->dimension);
    return VX_OK;
}

vx_status vx_aggregator_memory_f64(vx_aggregator *aggregator, vx_vec *ret_memory, vx_error *err)
{
    vx_status status = vx_aggregator_use_double(aggregator, err);

    if (status == VX_OK)
        *ret_memory = aggregator->memory_f64 == NULL
                          ? (vx_vec){ NULL, 0 }
                          : (vx_vec){ aggregator->memory_f64, aggregator->dimension };
    return status;
}

vx_status vx_aggregator_run_f64(vx_aggregator *a, vx_cmat rows, const bool *present,
                                vx_vec ret_update, vx_aggregate_report *ret_report, vx_error *err)
{
    vx_status status = check_shape(a, rows.rows, rows.cols, rows.ld, ret_update.n, err);

    if (status == VX_OK)
        status = vx_aggregator_place(a, rows.rows, present, err);
    if (status == VX_OK)
        status = vx_aggregator_use_double(a, err);
    if (status != VX_OK)
        return status;
    a->in_double = true;
    for (size_t i = 0; i < a->raw.n; i++)
        a->f64[i] = rows.at + a->slot[i] * rows.ld;
    a->f64[a->raw.n] = a->memory_f64;
    return run(a, (vx_real){ NULL, ret_update.at, ret_update.n }, ret_report, err);
}
