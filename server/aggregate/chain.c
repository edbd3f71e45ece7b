#include <math.h>
#include <string.h>

#include "aggregator.h"

static vx_mat square(double *at, size_t n)
{
    return (vx_mat){ at, n, n, n };
}

static vx_status check_finite(const vx_aggregator *a, size_t n, vx_error *err)
{
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j <= i; j++) {
            if (!isfinite(vx_k(&a->raw, i, j)) || !isfinite(vx_d(&a->raw, i, j)))
                return vx_fail(err, VX_ERR_NONFINITE, "product of rows %zu and %zu is not finite",
                               i < a->raw.n ? a->slot[i] : a->slots, a->slot[j]);
        }
    }
    return VX_OK;
}

/* The shares of the present rows, summing to 1. */
void vx_chain_take_shares(vx_aggregator *a)
{
    double sum = 0.0;

    a->raw.share = NULL;
    if (a->share == NULL)
        return;
    for (size_t i = 0; i < a->raw.n; i++)
        sum += a->share[a->slot[i]];
    for (size_t i = 0; i < a->raw.n; i++)
        a->raw_share[i] = a->share[a->slot[i]] / sum;
    a->raw.share = a->raw_share;
}

static void find_pivot(vx_aggregator *a)
{
    a->raw.pivot = a->raw.n;
    for (size_t i = 0; i < a->raw.n; i++) {
        if (a->slot[i] == a->options.pivot)
            a->raw.pivot = i;
    }
}

bool vx_chain_needs_products(const vx_aggregator *a)
{
    bool blind = a->rule->way == VX_WAY_COLUMNS || a->rule->way == VX_WAY_COLUMNS_WEIGHTS ||
                 a->rule->weights == vx_mean;

    return a->options.measure || a->options.pre_count > 0 || !blind;
}

static vx_status take_raw(vx_aggregator *a, vx_error *err)
{
    size_t n = a->raw.n + (a->raw.reference ? 1 : 0);

    a->raw.k = vx_mat_const(square(a->raw_k, n));
    a->raw.d = vx_mat_const(square(a->raw_d, n));
    vx_chain_take_shares(a);
    find_pivot(a);
    return vx_chain_needs_products(a) ? check_finite(a, n, err) : VX_OK;
}

/* A mixed row weighs what the rows in it weigh, each in its part; a row that is only scaled or
 * mixed about itself keeps its own. */
static void map_shares(vx_aggregator *a, vx_cmat step)
{
    double sum = 0.0;

    if (a->raw.share == NULL)
        return;
    if (step.rows != step.cols) {
        for (size_t i = 0; i < step.rows; i++) {
            a->sums[i] = 0.0;
            for (size_t j = 0; j < step.cols; j++)
                a->sums[i] += step.at[i * step.ld + j] > 0.0 ? a->seen_share[j] : 0.0;
            sum += a->sums[i];
        }
        for (size_t i = 0; i < step.rows; i++)
            a->seen_share[i] = a->sums[i] / sum;
    }
    a->seen.share = a->seen_share;
}

static void exchange(double **a, double **b)
{
    double *kept = *a;

    *a = *b;
    *b = kept;
}

/* seen <- step seen, map <- step map. step (rows, seen.n) is in a->step. */
static void take_step(vx_aggregator *a, size_t rows)
{
    size_t n = a->seen.n, raw = a->raw.n;
    vx_cmat step = { a->step, rows, n, n };

    vx_geometry_map(a->seen.k, a->seen.d, step, a->product, a->sums, square(a->next_k, rows),
                    square(a->next_d, rows));
    exchange(&a->seen_k, &a->next_k);
    exchange(&a->seen_d, &a->next_d);
    memset(a->product, 0, rows * raw * sizeof(*a->product));
    for (size_t i = 0; i < rows; i++) {
        for (size_t k = 0; k < n; k++) {
            double factor = a->step[i * n + k];

            for (size_t j = 0; factor != 0.0 && j < raw; j++)
                a->product[i * raw + j] += factor * a->map[k * raw + j];
        }
    }
    exchange(&a->map, &a->product);
    map_shares(a, step);
    a->seen.n = rows;
    a->seen.k = vx_mat_const(square(a->seen_k, rows));
    a->seen.d = vx_mat_const(square(a->seen_d, rows));
    if (rows != n)
        a->seen.pivot = rows; /* rows are no slots any more */
}

static void start_at_raw(vx_aggregator *a)
{
    size_t n = a->raw.n, ld = a->raw.k.ld;

    for (size_t i = 0; i < n; i++) {
        memcpy(a->seen_k + i * n, a->raw_k + i * ld, n * sizeof(double));
        memcpy(a->seen_d + i * n, a->raw_d + i * ld, n * sizeof(double));
    }
    memset(a->map, 0, n * n * sizeof(*a->map));
    for (size_t i = 0; i < n; i++)
        a->map[i * n + i] = 1.0;
    if (a->raw.share != NULL)
        memcpy(a->seen_share, a->raw_share, n * sizeof(double));
    a->seen = (vx_geometry){ .n = n,
                             .k = vx_mat_const(square(a->seen_k, n)),
                             .d = vx_mat_const(square(a->seen_d, n)),
                             .share = a->raw.share != NULL ? a->seen_share : NULL,
                             .pivot = a->raw.pivot };
}

/* The map with the reference row behind it: (seen.n + 1, raw.n + 1) in a->step. */
static void extend_map(vx_aggregator *a)
{
    size_t n = a->raw.n, m = a->seen.n;

    memset(a->step, 0, (m + 1) * (n + 1) * sizeof(*a->step));
    for (size_t i = 0; i < m; i++)
        memcpy(a->step + i * (n + 1), a->map + i * n, n * sizeof(double));
    a->step[m * (n + 1) + n] = 1.0;
}

/* Puts the reference row, which is in raw_k and raw_d, behind the seen rows. */
static void take_reference(vx_aggregator *a)
{
    size_t n = a->raw.n, m = a->seen.n;
    vx_cmat map = { a->step, m + 1, n + 1, n + 1 };

    extend_map(a);
    vx_geometry_map((vx_cmat){ a->raw_k, n + 1, n + 1, n + 1 },
                    (vx_cmat){ a->raw_d, n + 1, n + 1, n + 1 }, map, a->product, a->sums,
                    square(a->next_k, m + 1), square(a->next_d, m + 1));
    exchange(&a->seen_k, &a->next_k);
    exchange(&a->seen_d, &a->next_d);
    a->seen.k = vx_mat_const(square(a->seen_k, m + 1));
    a->seen.d = vx_mat_const(square(a->seen_d, m + 1));
    a->seen.reference = true;
}

vx_status vx_chain_border(vx_aggregator *a, vx_error *err)
{
    size_t m = a->seen.n;

    for (size_t i = 0; i < m; i++) {
        if (!isfinite(a->apart[i]))
            return vx_fail(err, VX_ERR_NONFINITE, "distance of row %zu is not finite", i);
        memcpy(a->next_d + i * (m + 1), a->seen_d + i * m, m * sizeof(double));
        a->next_d[i * (m + 1) + m] = a->next_d[m * (m + 1) + i] = a->apart[i];
    }
    a->next_d[m * (m + 1) + m] = 0.0;
    exchange(&a->seen_d, &a->next_d);
    a->seen.d = vx_mat_const(square(a->seen_d, m + 1));
    return VX_OK;
}

vx_status vx_chain_run(vx_aggregator *a, vx_error *err)
{
    size_t n = a->raw.n + (a->raw.reference ? 1 : 0);

    if (vx_chain_needs_products(a))
        vx_products_run(a->products, vx_aggregator_rows(a, a->raw.reference ? 1 : 0),
                        square(a->raw_k, n), square(a->raw_d, n));
    return vx_chain_go(a, err);
}

vx_status vx_chain_go(vx_aggregator *a, vx_error *err)
{
    vx_status status = take_raw(a, err);

    if (status != VX_OK)
        return status;
    start_at_raw(a);
    for (size_t k = 0; k < a->options.pre_count; k++) {
        size_t n = a->seen.n;

        take_step(a, a->pre[k]->map(&a->seen, &a->options, &a->work, square(a->step, n)));
    }
    if (a->raw.reference)
        take_reference(a);
    return VX_OK;
}

void vx_chain_pull_back(const vx_aggregator *a, const double *weights, double *ret_weights)
{
    size_t n = a->raw.n;

    memset(ret_weights, 0, n * sizeof(*ret_weights));
    for (size_t i = 0; i < a->seen.n; i++) {
        for (size_t j = 0; j < n; j++)
            ret_weights[j] += a->map[i * n + j] * weights[i];
    }
}
