#ifndef VX_BASE_MEDIAN_H
#define VX_BASE_MEDIAN_H
#include <stddef.h>

/* The median of values, which it sorts; of an even count the mean of the middle two; NaN of none.
 * No value is NaN. O(count log count). */
double vx_values_median(double *values, size_t count);
#endif
