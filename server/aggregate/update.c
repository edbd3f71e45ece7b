#include <float.h>
#include <math.h>
#include <string.h>

#include <vx_base/alloc.h>

#include "aggregator.h"
#include "columns.h"

/* No coordinate can exceed sum of |w_i| ||g_i||. */
static bool cannot_overflow(const vx_aggregator *a, size_t count)
{
    double bound = 0.0;

    if (!vx_chain_needs_products(a))
        return true; /* a mean of finite rows */
    for (size_t i = 0; i < count; i++)
        bound += fabs(a->raw_weights[i]) * sqrt(vx_k(&a->raw, i, i));
    return bound < (double)FLT_MAX;
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

/* A dry run: only for rows so long that rounding to float may overflow. */
static bool sum_is_finite(const vx_aggregator *a, vx_rowset rows)
{
    for (size_t k = 0; k < rows.cols; k++) {
        double sum = 0.0;

        for (size_t i = 0; i < rows.count; i++)
            sum += a->raw_weights[i] != 0.0 ? a->raw_weights[i] * (double)rows.f32[i][k] : 0.0;
        if (!(fabs(sum) <= (double)FLT_MAX) || isinf((float)sum))
            return false;
    }
    return true;
}

vx_status vx_update_by_weights(vx_aggregator *a, vx_real ret_update, vx_error *err)
{
    vx_rowset rows = vx_aggregator_rows(a, a->seen.reference ? 1 : 0);

    for (size_t i = 0; i < rows.count; i++) {
        if (!isfinite(a->raw_weights[i]))
            return vx_fail(err, VX_ERR_NONFINITE, "weight of row %zu is not finite",
                           i < a->raw.n ? a->slot[i] : a->slots);
    }
    if (!a->in_double && !cannot_overflow(a, rows.count) && !sum_is_finite(a, rows))
        return vx_fail(err, VX_ERR_NONFINITE, "the update exceeds the range of float");
    vx_combine(a->parallel, rows, a->raw_weights, ret_update);
    return VX_OK;
}

/* One coordinate rule on all columns. */
typedef struct columns_task {
    const vx_aggregator *a;
    const double *weights; /* of seen rows: 0 = left out; or NULL */
    const double *share;
    double *squares; /* (parts, raw.n), or NULL */
    vx_real update;
} columns_task;

/* What a thread owns of a->block: pointers, mixed rows, scratch of the rule. */
typedef struct columns_memory {
    const float **f32;
    const double **f64;
    const float **seen_f32;
    const double **seen_f64;
    vx_real *to; /* each mixed row */
    char *mixed, *scratch;
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

static void one_block(const columns_task *task, size_t column, unsigned thread, double *squares)
{
    const vx_aggregator *a = task->a;
    columns_memory memory = memory_of(a, thread);
    vx_rowset part = columns_of(vx_aggregator_rows(a, 0), column, memory.f32, memory.f64);
    size_t count = 0;
    vx_columns columns;
    vx_real to = { task->update.f32 != NULL ? task->update.f32 + column : NULL,
                   task->update.f64 != NULL ? task->update.f64 + column : NULL, part.cols };

    VX_ASSERT(a->in_double ? part.f64 != NULL : part.f32 != NULL);
    if (a->options.pre_count > 0)
        mix(a, part, &memory);
    for (size_t i = 0; i < a->seen.n; i++) {
        if (task->weights != NULL && !(task->weights[i] > 0.0))
            continue;
        if (a->in_double)
            memory.seen_f64[count++] = a->options.pre_count > 0 ? memory.to[i].f64 : part.f64[i];
        else
            memory.seen_f32[count++] = a->options.pre_count > 0 ? memory.to[i].f32 : part.f32[i];
    }
    columns = (vx_columns){ { a->in_double ? NULL : memory.seen_f32,
                              a->in_double ? memory.seen_f64 : NULL, count, part.cols },
                            task->share,
                            memory.scratch };
    a->rule->columns(&columns, &a->options, to);
    if (squares != NULL)
        vx_columns_apart(part, to, squares);
}

static void run_part(void *context, size_t part, unsigned thread)
{
    const columns_task *task = context;
    size_t width = vx_part_blocks(task->a->cols) * VX_AGGREGATE_BLOCK;
    size_t column = part * width, end = column + width;
    double *squares = NULL;

    if (task->squares != NULL) {
        squares = task->squares + part * task->a->raw.n;
        memset(squares, 0, task->a->raw.n * sizeof(*squares));
    }
    for (; column < end && column < task->a->cols; column += VX_AGGREGATE_BLOCK)
        one_block(task, column, thread, squares);
}

bool vx_update_measures(const vx_aggregator *a)
{
    return a->options.measure && a->stage == VX_BUCKETS_NONE &&
           (a->rule->way == VX_WAY_COLUMNS || a->rule->way == VX_WAY_SELECT_COLUMNS);
}

void vx_update_by_columns(vx_aggregator *a, const double *weights, vx_real ret_update)
{
    columns_task task = { a, weights, NULL, vx_update_measures(a) ? a->squares : NULL, ret_update };
    size_t count = 0;
    double sum = 0.0;

    if (a->seen.share != NULL) { /* of the rows that are looked at, summing to 1 */
        for (size_t i = 0; i < a->seen.n; i++) {
            if (weights == NULL || weights[i] > 0.0) {
                a->sums[count] = a->seen.share[i];
                sum += a->sums[count++];
            }
        }
        for (size_t i = 0; i < count; i++)
            a->sums[i] /= sum;
        task.share = a->sums;
    }
    vx_parallel_run(a->parallel, vx_parts(a->cols), run_part, &task);
}
