#ifndef VX_AGGREGATE_COLUMNS_H
#define VX_AGGREGATE_COLUMNS_H
#include <vx_base/span.h>

/*
 * Sorts every column of block (n, width), smallest in row 0. Batcher's merge exchange (Knuth, The
 * Art of Computer Programming 3, 5.2.2, algorithm M): the same comparisons for all columns, so that
 * a comparison of two rows is a min and a max of two runs of memory. O(n log^2 n) comparisons a
 * column. No NaN.
 */
void vx_sort_columns(vx_matf block);
#endif
