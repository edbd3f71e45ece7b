#ifndef VX_AGGREGATE_DISTANCE_H
#define VX_AGGREGATE_DISTANCE_H
#include <stddef.h>

#include <vx_base/span.h>

/* ||g_i - g_j||^2 = K_ii + K_jj - 2 K_ij; rounding below 0 is clamped. */
double vx_distance_squared(vx_cmat gram, size_t i, size_t j);

/* The median of sqrt(K_ii). values, order (n) are overwritten. n > 0. */
double vx_median_norm(vx_cmat gram, double *values, size_t *order);
#endif
