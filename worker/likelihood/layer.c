#include "layer.h"

#include <math.h>

#include <vx_base/rng.h>

#define BLOCK                                                                                      \
    64 /* sums of columns that are open at a time: their doubles stay in the first cache */

void VX_R(vx_column_sums)(vx_rcmat m, vx_real *ret_sums)
{
    for (size_t from = 0; from < m.cols; from += BLOCK) {
        size_t width = m.cols - from < BLOCK ? m.cols - from : BLOCK;
        double sums[BLOCK] = { 0 };

        for (size_t b = 0; b < m.rows; b++)
            for (size_t k = 0; k < width; k++)
                sums[k] += (double)m.at[b * m.ld + from + k];
        for (size_t k = 0; k < width; k++)
            ret_sums[from + k] = (vx_real)sums[k];
    }
}

static double start_bound(vx_layer_start start, size_t fan_in, size_t fan_out)
{
    switch (start) {
    case VX_START_GLOROT:
        return sqrt(6.0 / (double)(fan_in + fan_out));
    case VX_START_HE:
        return sqrt(6.0 / (double)fan_in);
    case VX_START_FAN_IN:
        return sqrt(1.0 / (double)fan_in);
    case VX_START_ZERO:
    default:
        return 0.0;
    }
}

void VX_R(vx_start)(const VX_R(vx_layer) * layer, uint64_t seed, size_t fan_in, size_t fan_out,
                    size_t biases, vx_rvec theta)
{
    double bound = start_bound(layer->start, fan_in, fan_out);
    size_t drawn = layer->start == VX_START_FAN_IN ? theta.n : theta.n - biases;
    vx_rng rng = vx_rng_stream(seed, VX_RNG_INITIALISE, layer->stream, 0);

    if (layer->start == VX_START_ZERO)
        return;
    for (size_t i = 0; i < drawn; i++)
        theta.at[i] = (vx_real)(bound * (2.0 * vx_rng_uniform(&rng) - 1.0));
}
