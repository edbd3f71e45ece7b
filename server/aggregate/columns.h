#ifndef VX_AGGREGATE_COLUMNS_H
#define VX_AGGREGATE_COLUMNS_H
#include "rule.h"

/*
 * Sorts every column of block (n, width), smallest in row 0. Batcher's merge exchange (Knuth, The
 * Art of Computer Programming 3, 5.2.2, algorithm M): the same comparisons for all columns, so that
 * a comparison of two rows is a min and a max of two runs of memory. O(n log^2 n) comparisons a
 * column. No NaN.
 */
void vx_sort_columns(vx_matf block);

/* The columns copied to their scratch and sorted: (rows, cols), ld VX_AGGREGATE_BLOCK. */
vx_matf vx_sorted_f32(const vx_columns *columns);
vx_mat vx_sorted_f64(const vx_columns *columns);
#endif
