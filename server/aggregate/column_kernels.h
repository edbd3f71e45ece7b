#ifndef VX_AGGREGATE_COLUMN_KERNELS_H
#define VX_AGGREGATE_COLUMN_KERNELS_H
#include "columns.h"
#include "network.h"

/* Memory of one call for n rows, aligned to 64 bytes. */
typedef struct vx_column_work {
    void *sorted; /* (n, VX_CHUNK) of the rows' precision */
    void *tile;   /* n registers */
} vx_column_work;

/* What the processor paths implement (column_kernels_impl.h, compiled once for each), on VX_CHUNK
 * columns from `column` on. All give the same bits. */
typedef struct vx_column_kernels {
    void (*run_f32)(const vx_column_ask *ask, const float *const *rows, size_t n, size_t column,
                    const vx_column_work *work, float *ret);
    void (*run_f64)(const vx_column_ask *ask, const double *const *rows, size_t n, size_t column,
                    const vx_column_work *work, double *ret);
    /* sum of (row - update)^2 over width columns, a multiple of 8 */
    double (*apart_f32)(const float *row, const double *update, size_t width);
    double (*apart_f64)(const double *row, const double *update, size_t width);
} vx_column_kernels;

extern const vx_column_kernels vx_column_kernels_portable;
#ifdef __x86_64__
extern const vx_column_kernels vx_column_kernels_avx2;
extern const vx_column_kernels vx_column_kernels_avx512;
#endif
#endif
