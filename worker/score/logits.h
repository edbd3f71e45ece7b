#ifndef VX_SCORE_LOGITS_H
#define VX_SCORE_LOGITS_H
#include <math.h>
#include <stdint.h>

#include <vx_base/span.h>

/* One row of logits. */

static inline size_t vx_logits_largest(vx_cvec z)
{
    size_t best = 0;

    for (size_t k = 1; k < z.n; k++)
        if (z.at[k] > z.at[best])
            best = k;
    return best;
}

/* log sum of exp(b (z_k - z_largest)), b > 0. */
static inline double vx_logits_log_sum(vx_cvec z, double b)
{
    double largest = z.at[vx_logits_largest(z)];
    double sum = 0;

    for (size_t k = 0; k < z.n; k++)
        sum += exp(b * (z.at[k] - largest));
    return log(sum);
}

/* -log softmax(b z)[label], b > 0. */
static inline double vx_logits_nll(vx_cvec z, uint32_t label, double b)
{
    VX_ASSERT(label < z.n);
    return vx_logits_log_sum(z, b) + b * (z.at[vx_logits_largest(z)] - z.at[label]);
}
#endif
