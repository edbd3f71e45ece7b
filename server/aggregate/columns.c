#include "columns.h"

#include <string.h>

#include <vx_linalg/path.h>

#include "aggregator.h"
#include "column_kernels.h"

/* In the order of vx_kernel_path_name(). */
static const vx_column_kernels *const paths[] = {
    &vx_column_kernels_portable,
#ifdef __x86_64__
    &vx_column_kernels_avx2,
    &vx_column_kernels_avx512,
#endif
};

static const vx_column_kernels *kernels(void)
{
    size_t path = vx_kernel_path();

    VX_ASSERT(path < sizeof(paths) / sizeof(paths[0]));
    return paths[path];
}

/* The scratch of a call: (2 n, VX_AGGREGATE_BLOCK) of the rows' precision. */
typedef struct scratch {
    vx_column_work work;
    void *padded;      /* (n, VX_CHUNK) */
    const void **rows; /* (n) */
} scratch;

static scratch scratch_of(const vx_columns *columns)
{
    size_t n = columns->rows.count;
    size_t width = columns->rows.f32 != NULL ? sizeof(float) : sizeof(double);
    char *at = columns->scratch;
    scratch s;

    _Static_assert(VX_COLUMNS_SCRATCH * VX_AGGREGATE_BLOCK * sizeof(float) >=
                       2 * VX_CHUNK * sizeof(float) + 64 + sizeof(void *),
                   "scratch suffices");
    s.work.sorted = at;
    at += n * VX_CHUNK * width;
    s.padded = at;
    at += n * VX_CHUNK * width;
    s.work.tile = at;
    at += n * 64;
    s.rows = (const void **)(void *)at;
    return s;
}

/* The last columns, filled up with zeros. */
static void pad(const vx_columns *columns, size_t column, const scratch *s)
{
    vx_rowset rows = columns->rows;
    size_t width = rows.f32 != NULL ? sizeof(float) : sizeof(double);

    memset(s->padded, 0, rows.count * VX_CHUNK * width);
    for (size_t i = 0; i < rows.count; i++) {
        char *to = (char *)s->padded + i * VX_CHUNK * width;

        s->rows[i] = to;
        if (rows.f32 != NULL)
            memcpy(to, rows.f32[i] + column, (rows.cols - column) * width);
        else
            memcpy(to, rows.f64[i] + column, (rows.cols - column) * width);
    }
}

void vx_columns_run(const vx_columns *columns, const vx_column_ask *ask, vx_real ret_update)
{
    const vx_column_kernels *path = kernels();
    vx_rowset rows = columns->rows;
    scratch s = scratch_of(columns);
    size_t column = 0;

    if (columns->share != NULL) {
        vx_shares_run(columns, ask, ret_update);
        return;
    }
    for (; column + VX_CHUNK <= rows.cols; column += VX_CHUNK) {
        if (rows.f32 != NULL)
            path->run_f32(ask, rows.f32, rows.count, column, &s.work, ret_update.f32 + column);
        else
            path->run_f64(ask, rows.f64, rows.count, column, &s.work, ret_update.f64 + column);
    }
    if (column == rows.cols)
        return;
    pad(columns, column, &s);
    if (rows.f32 != NULL) {
        float last[VX_CHUNK];

        path->run_f32(ask, (const float *const *)s.rows, rows.count, 0, &s.work, last);
        memcpy(ret_update.f32 + column, last, (rows.cols - column) * sizeof(float));
    } else {
        double last[VX_CHUNK];

        path->run_f64(ask, (const double *const *)s.rows, rows.count, 0, &s.work, last);
        memcpy(ret_update.f64 + column, last, (rows.cols - column) * sizeof(double));
    }
}

void vx_columns_apart(vx_rowset rows, vx_real update, double *squares)
{
    const vx_column_kernels *path = kernels();
    double wide[VX_AGGREGATE_BLOCK];
    size_t even = rows.cols / 8 * 8;

    VX_ASSERT(rows.cols <= VX_AGGREGATE_BLOCK);
    for (size_t k = 0; k < rows.cols; k++)
        wide[k] = update.f32 != NULL ? (double)update.f32[k] : update.f64[k];
    for (size_t i = 0; i < rows.count; i++) {
        squares[i] += rows.f32 != NULL ? path->apart_f32(rows.f32[i], wide, even)
                                       : path->apart_f64(rows.f64[i], wide, even);
        for (size_t k = even; k < rows.cols; k++) {
            double d = (rows.f32 != NULL ? (double)rows.f32[i][k] : rows.f64[i][k]) - wide[k];

            squares[i] += d * d;
        }
    }
}
