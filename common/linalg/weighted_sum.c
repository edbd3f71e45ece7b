#include <vx_linalg/products.h>

#include "kernels.h"

enum {
    CHUNK = 16 * VX_SWEEP /* columns that a thread takes at a time */
};

typedef struct weighted_sum {
    const vx_kernels *kernels;
    const vx_rowset *rows;
    const double *weights;
    vx_real sum;
} weighted_sum;

static size_t at_most(size_t value, size_t limit)
{
    return value < limit ? value : limit;
}

static void run_chunk(void *context, size_t chunk, unsigned thread)
{
    const weighted_sum *work = context;
    size_t end = at_most((chunk + 1) * CHUNK, work->rows->cols);

    (void)thread;
    for (size_t column = chunk * CHUNK; column < end; column += VX_SWEEP)
        work->kernels->combine(work->rows, work->weights, column, at_most(end - column, VX_SWEEP),
                               &work->sum);
}

void vx_combine(vx_parallel *parallel, vx_rowset rows, const double *weights, vx_real ret_sum)
{
    weighted_sum work = { vx_kernels_in_use(), &rows, weights, ret_sum };

    VX_ASSERT(ret_sum.n == rows.cols);
    vx_parallel_run(parallel, rows.cols / CHUNK + (rows.cols % CHUNK != 0 ? 1 : 0), run_chunk,
                    &work);
}

void vx_combine_all(vx_rowset rows, const double *map, size_t ld, size_t count,
                    const vx_real *ret_rows)
{
    if (rows.count <= VX_MIX_ROWS && count <= VX_MIX_ROWS) {
        vx_kernels_in_use()->mix(&rows, map, ld, count, ret_rows);
        return;
    }
    for (size_t i = 0; i < count; i++)
        vx_combine(NULL, rows, map + i * ld, ret_rows[i]);
}
