#include "distance.h"

#include <math.h>

#include "order.h"

double vx_distance_squared(vx_cmat gram, size_t i, size_t j)
{
    double squared =
        (gram.at[i * gram.ld + i] + gram.at[j * gram.ld + j]) - 2.0 * gram.at[i * gram.ld + j];

    return squared > 0.0 ? squared : 0.0;
}

double vx_median_norm(vx_cmat gram, double *values, size_t *order)
{
    for (size_t i = 0; i < gram.rows; i++)
        values[i] = sqrt(gram.at[i * gram.ld + i]);
    return vx_median_of(values, gram.rows, order);
}
