#ifndef VX_AGGREGATE_COLUMNS_H
#define VX_AGGREGATE_COLUMNS_H
#include "rule.h"

/*
 * What the coordinate rules share: one column after the other, n values each, in registers of as
 * many columns as fit. Up to VX_NETWORK_MAX rows are sorted by a network of minima and maxima;
 * beyond, order statistics are found bit by bit (a count of the column for each bit of a number).
 * Neither looks at the data, so that no values make it slow, and every column costs the same.
 */

enum { VX_CHUNK = 64 }; /* columns that a kernel handles at a time */

typedef enum vx_column_rule {
    VX_COLUMN_MEDIAN,
    VX_COLUMN_TRIMMED,        /* mean without the f lowest and the f highest */
    VX_COLUMN_NEAREST_MEDIAN, /* mean of the `keep` nearest the median */
    VX_COLUMN_NEAREST_TRIMMED /* mean of the `keep` nearest the trimmed mean */
} vx_column_rule;

/*
 * Distances from the centre are compared as rounded to double; of values equally far the one of
 * the lower row is nearer. Sums are in double and in ascending order of the values (VX_NETWORK_MAX
 * rows at most) or in the order of the rows (beyond, or where such a tie is broken).
 */
typedef struct vx_column_ask {
    vx_column_rule rule;
    size_t f, keep;
} vx_column_ask;

/* ret_update (columns->rows.cols). With shares: see shares.c. */
void vx_columns_run(const vx_columns *columns, const vx_column_ask *ask, vx_real ret_update);

/* shares.c: the same by shares. */
void vx_shares_run(const vx_columns *columns, const vx_column_ask *ask, vx_real ret_update);

/* ret_squares[i] += ||row_i - update||^2, in eight partial sums: column k goes to k modulo 8. */
void vx_columns_apart(vx_rowset rows, vx_real update, double *squares);
#endif
