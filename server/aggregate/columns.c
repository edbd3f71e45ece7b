#include "columns.h"

static void order_rows(float *restrict low, float *restrict high, size_t width)
{
    for (size_t k = 0; k < width; k++) {
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
