#include <float.h>
#include <math.h>
#include <string.h>

#include <vx_base/alloc.h>
#include <vx_linalg/finite.h>

#include "aggregator.h"
#include "columns.h"

/* Doubles from here on may overflow in sums and differences of a coordinate rule; scaled by SHRINK
 * they cannot, VX_WORKERS_MAX of them. */
static const double LARGE = 0x1p1000, SHRINK = 0x1p-32;

/* No coordinate can exceed sum of |w_i| ||g_i||. */
static bool cannot_overflow(const vx_aggregator *a, size_t count)
{
    double bound = 0.0, most = a->in_double ? DBL_MAX : (double)FLT_MAX;

    if (!vx_chain_needs_products(a))
        return true; /* a mean of finite rows */
    for (size_t i = 0; i < count; i++)
        bound += fabs(a->raw_weights[i]) * sqrt(vx_k(&a->raw, i, i));
    return bound < most;
}

static vx_rowset columns_of(vx_rowset rows, size_t column, const float **f32, const double **f64)
{
    size_t width = rows.cols - column;

    for (size_t i = 0; i < rows.count; i++) {
        if (rows.f32 != NULL)
            f32[i] = rows.f32[i] + column;
        else
            f64[i] = rows.f64[i] + column;
    }
    return (vx_rowset){ rows.f32 != NULL ? f32 : NULL, rows.f32 != NULL ? NULL : f64, rows.count,
                        width < VX_AGGREGATE_BLOCK ? width : VX_AGGREGATE_BLOCK };
}

/* A dry run: only for rows so long that a sum, or rounding it to float, may overflow. */
static bool sum_is_finite(const vx_aggregator *a, vx_rowset rows)
{
    for (size_t k = 0; k < rows.cols; k++) {
        double sum = 0.0;

        for (size_t i = 0; i < rows.count; i++) {
            if (a->raw_weights[i] != 0.0)
                sum += a->raw_weights[i] *
                       (rows.f32 != NULL ? (double)rows.f32[i][k] : rows.f64[i][k]);
        }
        if (!isfinite(sum) ||
            (rows.f32 != NULL && (!(fabs(sum) <= (double)FLT_MAX) || isinf((float)sum))))
            return false;
    }
    return true;
}

static double saturated(double value)
{
    return fmin(fmax(value, -DBL_MAX), DBL_MAX);
}

enum { SATURATE = 1 << 14 /* numbers at a time */ };

static void saturate_part(void *context, size_t part, unsigned thread)
{
    vx_vec v = *(const vx_vec *)context;
    size_t from = part * SATURATE, end = v.n - from < SATURATE ? v.n : from + SATURATE;

    (void)thread;
    if (vx_all_finite_f64((vx_cvec){ v.at + from, end - from }))
        return;
    for (size_t k = from; k < end; k++)
        v.at[k] = saturated(v.at[k]);
}

/* A mean of doubles lies among them, but rounding may carry it beyond the largest. */
static void saturate(const vx_aggregator *a, vx_real update)
{
    vx_vec v = { update.f64, update.n };

    vx_parallel_run(a->parallel, (v.n + SATURATE - 1) / SATURATE, saturate_part, &v);
}

vx_status vx_update_by_weights(vx_aggregator *a, vx_real ret_update, vx_error *err)
{
    vx_rowset rows = vx_aggregator_rows(a, a->seen.reference ? 1 : 0);

    for (size_t i = 0; i < rows.count; i++) {
        if (!isfinite(a->raw_weights[i]))
            return vx_fail(err, VX_ERR_NONFINITE, "weight of row %zu is not finite",
                           i < a->raw.n ? a->slot[i] : a->slots);
    }
    if (!cannot_overflow(a, rows.count) && !sum_is_finite(a, rows))
        return vx_fail(err, VX_ERR_NONFINITE, "the update exceeds the range of %s",
                       a->in_double ? "double" : "float");
    vx_combine(a->parallel, rows, a->raw_weights, ret_update);
    if (a->in_double && !vx_chain_needs_products(a))
        saturate(a, ret_update);
    return VX_OK;
}

/* One coordinate rule on all columns. */
typedef struct columns_task {
    const vx_aggregator *a;
    const double *weights; /* of seen rows: 0 = left out; or NULL */
    const double *share;
    double *squares; /* (parts, raw.n), or (parts, seen.n) with of_seen; or NULL */
    bool of_seen;    /* distances are those of the seen rows */
    vx_real update;  /* without numbers: it goes nowhere */
} columns_task;

/* What a thread owns of a->block: pointers, mixed rows, scratch of the rule. */
typedef struct columns_memory {
    const float **f32;
    const double **f64;
    const float **seen_f32;
    const double **seen_f64;
    vx_real *to; /* each mixed row */
    char *mixed, *scratch;
    void *result, *result_shrunk; /* (VX_AGGREGATE_BLOCK) each */
} columns_memory;

static size_t row_bytes(const vx_aggregator *a)
{
    (void)a;
    return VX_AGGREGATE_BLOCK * sizeof(double);
}

static columns_memory memory_of(const vx_aggregator *a, unsigned thread)
{
    size_t n = a->n_max + 1;
    char *at = a->block[thread];
    columns_memory m;

    m.f32 = (void *)at;
    m.f64 = (void *)(at + n * sizeof(void *));
    m.seen_f32 = (void *)(at + 2 * n * sizeof(void *));
    m.seen_f64 = (void *)(at + 3 * n * sizeof(void *));
    m.to = (void *)(at + 4 * n * sizeof(void *));
    m.mixed = at + vx_columns_offset(n);
    m.scratch = m.mixed + n * row_bytes(a);
    m.result = m.scratch + VX_COLUMNS_SCRATCH * n * row_bytes(a);
    m.result_shrunk = m.scratch + (VX_COLUMNS_SCRATCH * n + 1) * row_bytes(a);
    return m;
}

/* The mixed rows of these columns, each rounded once, into memory. */
static void mix(const vx_aggregator *a, vx_rowset part, columns_memory *memory)
{
    for (size_t i = 0; i < a->seen.n; i++) {
        void *to = memory->mixed + i * row_bytes(a);

        memory->to[i] = (vx_real){ a->in_double ? NULL : to, a->in_double ? to : NULL, part.cols };
    }
    vx_combine_all(part, a->map, a->raw.n, a->seen.n, memory->to);
}

/* Where the result of these columns goes. */
static vx_real place_of(const columns_task *task, size_t column, size_t width, void *nowhere)
{
    vx_real to = task->update;

    if (to.f32 == NULL && to.f64 == NULL)
        return (vx_real){ task->a->in_double ? NULL : nowhere, task->a->in_double ? nowhere : NULL,
                          width };
    return (vx_real){ to.f32 != NULL ? to.f32 + column : NULL,
                      to.f64 != NULL ? to.f64 + column : NULL, width };
}

/* The seen rows that are looked at. */
static vx_rowset look_at(const columns_task *task, vx_rowset part, columns_memory *memory)
{
    const vx_aggregator *a = task->a;
    bool mixed = a->options.pre_count > 0;
    size_t count = 0;

    if (mixed)
        mix(a, part, memory);
    for (size_t i = 0; i < a->seen.n; i++) {
        if (task->weights != NULL && !(task->weights[i] > 0.0))
            continue;
        if (a->in_double)
            memory->seen_f64[count++] = mixed ? memory->to[i].f64 : part.f64[i];
        else
            memory->seen_f32[count++] = mixed ? memory->to[i].f32 : part.f32[i];
    }
    return (vx_rowset){ a->in_double ? NULL : memory->seen_f32,
                        a->in_double ? memory->seen_f64 : NULL, count, part.cols };
}

static bool all_moderate(vx_rowset rows)
{
    bool moderate = true;

    for (size_t i = 0; i < rows.count && rows.f64 != NULL; i++)
        moderate = moderate && vx_all_below_f64((vx_cvec){ rows.f64[i], rows.cols }, LARGE);
    return moderate;
}

static bool is_large(vx_rowset rows, size_t column)
{
    bool large = false;

    for (size_t i = 0; i < rows.count; i++)
        large = large || fabs(rows.f64[i][column]) >= LARGE;
    return large;
}

/* The columns that hold large numbers once more, shrunk: the result lies among them, so that it
 * fits. */
static void take_large_columns(const columns_task *task, vx_columns columns, columns_memory *memory,
                               vx_real to)
{
    vx_rowset rows = columns.rows;
    vx_real result = { NULL, memory->result_shrunk, rows.cols };
    const double **shrunk = (void *)memory->f32; /* rows are doubles: it is free */
    size_t row_doubles = VX_AGGREGATE_BLOCK;

    VX_ASSERT(rows.f64 != NULL && to.f64 != NULL);
    for (size_t i = 0; i < rows.count; i++) {
        double *row = (double *)(void *)memory->mixed + i * row_doubles;

        for (size_t k = 0; k < rows.cols; k++)
            row[k] = rows.f64[i][k] * SHRINK;
        shrunk[i] = row;
    }
    columns.rows.f64 = shrunk;
    task->a->rule->columns(&columns, &task->a->options, result);
    for (size_t k = 0; k < rows.cols; k++) {
        if (is_large(rows, k))
            to.f64[k] = saturated(result.f64[k] / SHRINK);
    }
}

static void one_block(const columns_task *task, size_t column, unsigned thread, double *squares)
{
    const vx_aggregator *a = task->a;
    columns_memory memory = memory_of(a, thread);
    vx_rowset part = columns_of(vx_aggregator_rows(a, 0), column, memory.f32, memory.f64);
    vx_real to = place_of(task, column, part.cols, memory.result);
    vx_columns columns;

    VX_ASSERT(a->in_double ? part.f64 != NULL : part.f32 != NULL);
    columns = (vx_columns){ look_at(task, part, &memory), task->share, memory.scratch };
    a->rule->columns(&columns, &a->options, to);
    if (a->options.pre_count == 0 && !all_moderate(columns.rows))
        take_large_columns(task, columns, &memory, to);
    if (squares != NULL)
        vx_columns_apart(task->of_seen ? columns.rows : part, to, squares);
}

static void run_part(void *context, size_t part, unsigned thread)
{
    const columns_task *task = context;
    size_t width = vx_part_blocks(task->a->cols) * VX_AGGREGATE_BLOCK;
    size_t column = part * width, end = column + width;
    size_t count = task->of_seen ? task->a->seen.n : task->a->raw.n;
    double *squares = NULL;

    if (task->squares != NULL) {
        squares = task->squares + part * count;
        memset(squares, 0, count * sizeof(*squares));
    }
    for (; column < end && column < task->a->cols; column += VX_AGGREGATE_BLOCK)
        one_block(task, column, thread, squares);
}

bool vx_update_measures(const vx_aggregator *a)
{
    return a->options.measure && a->stage == VX_BUCKETS_NONE &&
           (a->rule->way == VX_WAY_COLUMNS || a->rule->way == VX_WAY_SELECT_COLUMNS);
}

/* The shares of the rows that are looked at, summing to 1; NULL: all the same. */
static const double *shares_of(vx_aggregator *a, const double *weights)
{
    size_t count = 0;
    double sum = 0.0;

    if (a->seen.share == NULL)
        return NULL;
    for (size_t i = 0; i < a->seen.n; i++) {
        if (weights == NULL || weights[i] > 0.0) {
            a->sums[count] = a->seen.share[i];
            sum += a->sums[count++];
        }
    }
    for (size_t i = 0; i < count; i++)
        a->sums[i] /= sum;
    return a->sums;
}

void vx_update_by_columns(vx_aggregator *a, const double *weights, vx_real ret_update)
{
    columns_task task = { .a = a,
                          .weights = weights,
                          .share = shares_of(a, weights),
                          .squares = vx_update_measures(a) ? a->squares : NULL,
                          .update = ret_update };

    vx_parallel_run(a->parallel, vx_parts(a->cols), run_part, &task);
}

void vx_update_apart(vx_aggregator *a)
{
    columns_task task = { .a = a,
                          .share = shares_of(a, NULL),
                          .squares = a->squares,
                          .of_seen = true,
                          .update = { NULL, NULL, a->cols } };
    size_t parts = vx_parts(a->cols);

    vx_parallel_run(a->parallel, parts, run_part, &task);
    for (size_t part = 0; part < parts; part++) {
        for (size_t i = 0; i < a->seen.n; i++)
            a->apart[i] += a->squares[part * a->seen.n + i];
    }
}
