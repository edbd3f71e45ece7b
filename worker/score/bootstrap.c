#include <vx_score/score.h>

#include <math.h>
#include <stdlib.h>

#include <vx_base/alloc.h>
#include <vx_base/limits.h>
#include <vx_base/rng.h>

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;

    return (x > y) - (x < y);
}

static double resample(vx_cvec values, uint64_t seed, size_t replicate)
{
    vx_rng rng = vx_rng_stream(seed, VX_RNG_BOOTSTRAP, 0, replicate % VX_ROUNDS_MAX);
    double sum = 0;

    for (size_t i = 0; i < values.n; i++)
        sum += values.at[vx_rng_below(&rng, values.n)];
    return sum / (double)values.n;
}

/* Between the order statistics around (n - 1) share. */
static double quantile(const double *sorted, size_t n, double share)
{
    double place = share * (double)(n - 1);
    size_t below = (size_t)floor(place);
    size_t above = below + 1 < n ? below + 1 : below;

    return sorted[below] + (place - (double)below) * (sorted[above] - sorted[below]);
}

vx_status vx_score_bootstrap(vx_cvec values, size_t replicates, uint64_t seed, double level,
                             double *ret_low, double *ret_high)
{
    double *means = NULL;

    if (values.n == 0 || replicates == 0 || !(level > 0 && level < 1))
        return VX_ERR_DOMAIN;
    means = vx_calloc(replicates, sizeof(*means));
    if (means == NULL)
        return VX_ERR_NOMEM;
    for (size_t r = 0; r < replicates; r++)
        means[r] = resample(values, seed, r);
    qsort(means, replicates, sizeof(*means), by_value);
    *ret_low = quantile(means, replicates, (1 - level) / 2);
    *ret_high = quantile(means, replicates, (1 + level) / 2);
    vx_free(means);
    return VX_OK;
}
