#ifndef VX_LINALG_GRAM_H
#define VX_LINALG_GRAM_H
#include <stdbool.h>

#include <vx_base/span.h>
#include <vx_base/status.h>

/*
 * The Gram matrix of the present rows: K_ij = <g_i, g_j> = sum over k of rows[i][k] rows[j][k],
 * each product and each sum in double.
 *
 * rows      (n, d) float32; absent rows are not read (they may hold NaN).
 * present   (n) which rows count.
 * ret_gram  (n, n), symmetric to the bit; row and column of an absent row are 0. Written only on
 * VX_OK.
 *
 * The columns are cut into blocks of a fixed size, the blocks are summed in their order, and within
 * a block a fixed number of partial sums is used: the bits do not depend on arrival order, on
 * thread count or on the processor. VX_ERR_SHAPE: ret_gram is not (n, n). O(n^2 d / 2), no
 * allocation, thread safe.
 */
VX_MUST_CHECK vx_status vx_gram_f32(vx_cmatf rows, const bool *present, vx_mat ret_gram);

/* <a, b> and ||a||_2 with the same summation as vx_gram_f32. a.n == b.n. */
double vx_dot_f32(vx_cvecf a, vx_cvecf b);
double vx_norm_f32(vx_cvecf a);
#endif
