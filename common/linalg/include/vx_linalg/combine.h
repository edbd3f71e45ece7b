#ifndef VX_LINALG_COMBINE_H
#define VX_LINALG_COMBINE_H
#include <vx_base/span.h>
#include <vx_base/status.h>

/*
 * ret_sum = sum over i of weights_i rows_i (G^T w), summed in double in the order of the rows,
 * rounded once. A row of weight 0 is not read. rows (n, d), weights (n), ret_sum (d). VX_ERR_SHAPE
 * when they do not fit. O(n d), no allocation, thread safe, same bits for any thread count.
 */
VX_MUST_CHECK vx_status vx_combine_f32(vx_cmatf rows, vx_cvec weights, vx_vecf ret_sum);
#endif
