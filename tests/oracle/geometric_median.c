#include <vx_oracle/rules.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

static double distance(const double *a, const double *b, size_t n)
{
    double sum = 0.0;

    for (size_t k = 0; k < n; k++)
        sum += (a[k] - b[k]) * (a[k] - b[k]);
    return sqrt(sum);
}

double vx_oracle_sum_of_distances(vx_cmat x, const double *z)
{
    double sum = 0.0;

    for (size_t i = 0; i < x.rows; i++)
        sum += distance(x.at + i * x.ld, z, x.cols);
    return sum;
}

double vx_oracle_geometric_median(vx_cmat x, double *ret)
{
    double *next = calloc(x.cols, sizeof(*next)), moved = HUGE_VAL;

    VX_ASSERT(next != NULL);
    vx_oracle_mean(x, ret);
    for (int step = 0; step < 100000 && moved > 0.0; step++) {
        double sum = 0.0;

        memset(next, 0, x.cols * sizeof(*next));
        for (size_t i = 0; i < x.rows; i++) {
            double weight = 1.0 / fmax(distance(x.at + i * x.ld, ret, x.cols), 1e-12);

            sum += weight;
            for (size_t k = 0; k < x.cols; k++)
                next[k] += weight * x.at[i * x.ld + k];
        }
        for (size_t k = 0; k < x.cols; k++)
            next[k] /= sum;
        moved = distance(next, ret, x.cols);
        memcpy(ret, next, x.cols * sizeof(*ret));
    }
    free(next);
    return vx_oracle_sum_of_distances(x, ret);
}
