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

void VX_R(vx_start_uniform)(const VX_R(vx_layer) * layer, uint64_t seed, double fans, size_t n,
                            vx_real *ret_weights)
{
    double bound = sqrt(6.0 / fans);
    vx_rng rng = vx_rng_stream(seed, VX_RNG_INITIALISE, layer->stream, 0);

    for (size_t i = 0; i < n; i++)
        ret_weights[i] = (vx_real)(bound * (2.0 * vx_rng_uniform(&rng) - 1.0));
}
