#include "columns.h"

#include <stdint.h>
#include <string.h>

#include "aggregator.h"

/* Four columns: the widest register that every x86-64 and AArch64 has. Compilers leave the plain
 * loop scalar, because a comparison of floats may trap. */
typedef float four __attribute__((vector_size(16)));
typedef int32_t four_bits __attribute__((vector_size(16)));

static void order_four(float *low, float *high)
{
    four_bits a, b, swap;
    four x, y;

    memcpy(&x, low, sizeof(x));
    memcpy(&y, high, sizeof(y));
    swap = (four_bits)(y < x);
    a = (four_bits)x;
    b = (four_bits)y;
    x = (four)((b & swap) | (a & ~swap));
    y = (four)((a & swap) | (b & ~swap));
    memcpy(low, &x, sizeof(x));
    memcpy(high, &y, sizeof(y));
}

static void order_rows(float *low, float *high, size_t width)
{
    size_t k = 0;

    for (; k + 4 <= width; k += 4)
        order_four(low + k, high + k);
    for (; k < width; k++) {
        float a = low[k], b = high[k];

        low[k] = b < a ? b : a;
        high[k] = b < a ? a : b;
    }
}

/* Rows i and i + d for every i with the bit p as in r. */
static void exchange(vx_matf block, size_t p, size_t r, size_t d)
{
    for (size_t i = 0; i + d < block.rows; i++) {
        if ((i & p) == r)
            order_rows(block.at + i * block.ld, block.at + (i + d) * block.ld, block.cols);
    }
}

void vx_sort_columns(vx_matf block)
{
    size_t top = 1;

    while (2 * top < block.rows)
        top *= 2;
    for (size_t p = top; p > 0; p /= 2) {
        size_t r = 0, d = p;

        for (size_t q = top;; q /= 2) {
            exchange(block, p, r, d);
            if (q == p)
                break;
            d = q - p;
            r = p;
        }
    }
}

vx_matf vx_sorted_f32(const vx_columns *columns)
{
    vx_rowset rows = columns->rows;
    vx_matf block = { columns->scratch, rows.count, rows.cols, VX_AGGREGATE_BLOCK };

    for (size_t i = 0; i < rows.count; i++)
        memcpy(block.at + i * block.ld, rows.f32[i], rows.cols * sizeof(float));
    vx_sort_columns(block);
    return block;
}

/* Insertion: a plain form. */
vx_mat vx_sorted_f64(const vx_columns *columns)
{
    vx_rowset rows = columns->rows;
    vx_mat block = { columns->scratch, rows.count, rows.cols, VX_AGGREGATE_BLOCK };

    for (size_t k = 0; k < rows.cols; k++) {
        for (size_t i = 0; i < rows.count; i++) {
            double value = rows.f64[i][k];
            size_t j = i;

            for (; j > 0 && block.at[(j - 1) * block.ld + k] > value; j--)
                block.at[j * block.ld + k] = block.at[(j - 1) * block.ld + k];
            block.at[j * block.ld + k] = value;
        }
    }
    return block;
}
