#include <math.h>
#include <string.h>

#include <vx_linalg/finite.h>

#include "aggregator.h"

/* Rules that look at each column alone can do without the others. */
static bool needs_no_decision(const vx_aggregator *a)
{
    return a->rule->way == VX_WAY_COLUMNS && a->options.pre_count == 0;
}

vx_status vx_aggregator_begin(vx_aggregator *a, size_t slots, const bool *present, vx_error *err)
{
    vx_status status = VX_OK;

    if (slots == 0 || slots > a->n_max)
        return vx_fail(err, VX_ERR_SHAPE, "%zu rows do not fit 1 .. %zu", slots, a->n_max);
    if (a->rule->way == VX_WAY_COLUMNS_WEIGHTS && a->options.pre_count > 0)
        return vx_fail(err, VX_ERR_DOMAIN, "%s behind pre-aggregators cannot work in buckets",
                       a->options.rule);
    status = vx_aggregator_place(a, slots, present, err);
    if (status != VX_OK)
        return status;
    a->added = 0;
    memset(a->lost, 0, (a->n_max + 1) * sizeof(*a->lost));
    vx_products_begin(a->products, a->raw.n + (a->raw.reference ? 1 : 0));
    a->stage = VX_BUCKETS_OPEN;
    return VX_OK;
}

static vx_status check_part(const vx_aggregator *a, vx_rowset rows, size_t column, vx_error *err)
{
    if (rows.count != a->slots || rows.cols == 0 || column >= a->dimension ||
        rows.cols > a->dimension - column)
        return vx_fail(err, VX_ERR_SHAPE,
                       "a bucket of %zu rows with columns %zu .. %zu does not fit (%zu, %zu)",
                       rows.count, column, column + rows.cols, a->slots, a->dimension);
    if ((rows.f32 == NULL) == (rows.f64 == NULL))
        return vx_fail(err, VX_ERR_USAGE, "a bucket is of floats or of doubles");
    return VX_OK;
}

/* The rows of these columns, and the reference behind them. */
static vx_status point_at(vx_aggregator *a, vx_rowset rows, size_t column, vx_error *err)
{
    vx_status status = check_part(a, rows, column, err);

    if (status == VX_OK && rows.f64 != NULL)
        status = vx_aggregator_use_double(a, err);
    if (status != VX_OK)
        return status;
    a->in_double = rows.f64 != NULL;
    a->cols = rows.cols;
    for (size_t i = 0; i < a->raw.n; i++) {
        if (a->in_double)
            a->f64[i] = rows.f64[a->slot[i]];
        else
            a->f32[i] = rows.f32[a->slot[i]];
    }
    a->f32[a->raw.n] = a->memory != NULL ? a->memory + column : NULL;
    a->f64[a->raw.n] = a->memory_f64 != NULL ? a->memory_f64 + column : NULL;
    return VX_OK;
}

static bool is_finite(const vx_aggregator *a, size_t place)
{
    return a->in_double ? vx_all_finite_f64((vx_cvec){ a->f64[place], a->cols })
                        : vx_all_finite_f32((vx_cvecf){ a->f32[place], a->cols });
}

static vx_status check_finite(const vx_aggregator *a, vx_error *err)
{
    for (size_t i = 0; i < a->raw.n; i++) {
        if (!is_finite(a, i))
            return vx_fail(err, VX_ERR_NONFINITE, "row %zu holds infinity or NaN", a->slot[i]);
    }
    return VX_OK;
}

/* No pre-aggregator is there: the rule sees the rows as they are. */
static void see_raw_rows(vx_aggregator *a)
{
    vx_chain_take_shares(a);
    a->seen = (vx_geometry){ .n = a->raw.n, .share = a->raw.share };
}

/* What the weights of aksel are told by. */
static vx_status look_apart(vx_aggregator *a, vx_error *err)
{
    vx_status status = check_finite(a, err);

    if (status == VX_OK) {
        see_raw_rows(a);
        vx_update_apart(a);
    }
    return status;
}

vx_status vx_aggregator_add(vx_aggregator *a, vx_rowset rows, size_t column, vx_error *err)
{
    vx_status status = VX_OK;

    if (a->stage != VX_BUCKETS_OPEN)
        return vx_fail(err, VX_ERR_USAGE, "a bucket is added between begin and decide");
    status = point_at(a, rows, column, err);
    if (status == VX_OK && a->rule->way == VX_WAY_COLUMNS_WEIGHTS)
        status = look_apart(a, err);
    if (status != VX_OK)
        return status;
    for (size_t i = 0; i < a->raw.n; i++)
        a->lost[i] |= !is_finite(a, i);
    vx_products_add(a->products, vx_aggregator_rows(a, a->raw.reference ? 1 : 0));
    a->added += a->cols;
    return VX_OK;
}

/* at (size, size) without the lost rows and columns, in place. */
static void leave_out(const vx_aggregator *a, double *at, size_t size)
{
    double *to = at;

    for (size_t i = 0; i < size; i++) {
        for (size_t j = 0; j < size && !a->lost[i]; j++) {
            if (!a->lost[j])
                *to++ = at[i * size + j];
        }
    }
}

/* The products of the rows that are finite in all buckets. */
static vx_status take_products(vx_aggregator *a, vx_error *err)
{
    size_t size = a->raw.n + (a->raw.reference ? 1 : 0), kept = 0;

    vx_products_end(a->products, (vx_mat){ a->raw_k, size, size, size },
                    (vx_mat){ a->raw_d, size, size, size });
    leave_out(a, a->raw_k, size);
    leave_out(a, a->raw_d, size);
    for (size_t i = 0; i < a->raw.n; i++) {
        if (!a->lost[i])
            a->slot[kept++] = a->slot[i];
    }
    a->raw.n = kept;
    return vx_requirement_check(a, a->raw.n, a->slots, err);
}

vx_status vx_aggregator_decide(vx_aggregator *a, vx_aggregate_report *ret_report, vx_error *err)
{
    vx_status status = VX_OK;

    if (a->stage != VX_BUCKETS_OPEN)
        return vx_fail(err, VX_ERR_USAGE, "nothing is begun that could be decided");
    if (a->added != a->dimension)
        return vx_fail(err, VX_ERR_SHAPE, "%zu of %zu columns were added", a->added, a->dimension);
    a->stage = VX_BUCKETS_NONE;
    status = take_products(a, err);
    if (status == VX_OK)
        status = vx_chain_go(a, err);
    if (status == VX_OK && a->rule->weights != NULL)
        status = vx_aggregator_weigh(a, err);
    if (status != VX_OK)
        return status;
    a->stage = VX_BUCKETS_DECIDED;
    vx_report_fill(a, (vx_real){ NULL, NULL, 0 });
    if (ret_report != NULL)
        *ret_report = a->report;
    return VX_OK;
}

static void remember(vx_aggregator *a, size_t column, vx_real part)
{
    if (a->rule->way != VX_WAY_MEMORY)
        return;
    if (a->in_double)
        memcpy(a->memory_f64 + column, part.f64, part.n * sizeof(double));
    else
        memcpy(a->memory + column, part.f32, part.n * sizeof(float));
}

static vx_status combine_by_columns(vx_aggregator *a, vx_real part, vx_error *err)
{
    vx_status status = VX_OK;

    if (a->stage == VX_BUCKETS_OPEN) {
        status = check_finite(a, err);
        see_raw_rows(a);
    }
    if (status == VX_OK)
        vx_update_by_columns(a, a->rule->way == VX_WAY_SELECT_COLUMNS ? a->rule_weights : NULL,
                             part);
    return status;
}

vx_status vx_aggregator_combine(vx_aggregator *a, vx_rowset rows, size_t column, vx_real ret_part,
                                vx_error *err)
{
    bool by_columns = a->rule->way == VX_WAY_COLUMNS || a->rule->way == VX_WAY_SELECT_COLUMNS;
    vx_status status = VX_OK;

    if (a->stage == VX_BUCKETS_NONE || (a->stage == VX_BUCKETS_OPEN && !needs_no_decision(a)))
        return vx_fail(err, VX_ERR_USAGE, "%s combines buckets once it has decided",
                       a->options.rule);
    status = point_at(a, rows, column, err);
    if (status != VX_OK)
        return status;
    if (ret_part.n != rows.cols || (ret_part.f64 != NULL) != a->in_double)
        return vx_fail(err, VX_ERR_SHAPE, "a part of %zu numbers does not fit %zu columns",
                       ret_part.n, rows.cols);
    status =
        by_columns ? combine_by_columns(a, ret_part, err) : vx_update_by_weights(a, ret_part, err);
    if (status == VX_OK)
        remember(a, column, ret_part);
    return status;
}
