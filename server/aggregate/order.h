#ifndef VX_AGGREGATE_ORDER_H
#define VX_AGGREGATE_ORDER_H
#include <stddef.h>

/* ret_order becomes 0..n-1 sorted by key, equal keys by index. Keys hold no NaN. No allocation. */
void vx_order_ascending(const double *key, size_t n, size_t *ret_order);

/* The mean of the two middle keys when n is even. n > 0; order (n) is overwritten. */
double vx_median_of(const double *key, size_t n, size_t *order);
#endif
