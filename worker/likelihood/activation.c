#include "family.h"

#include <math.h>

/*
 * relu   max(0, x)
 * tanh   tanh(x)
 * gelu   x Phi(x), Phi the normal distribution function (Hendrycks, Gimpel 2016), exact by erf;
 *        derivative Phi(x) + x phi(x)
 */
static float gelu(float x)
{
    return 0.5f * x * (1.0f + erff(x * (float)M_SQRT1_2));
}

static float gelu_slope(float x)
{
    float density = expf(-0.5f * x * x) * (float)(M_SQRT1_2 * M_2_SQRTPI / 2.0);

    return 0.5f * (1.0f + erff(x * (float)M_SQRT1_2)) + x * density;
}

void vx_activation_forward(vx_activation activation, const float *before, float *ret_after,
                           size_t n)
{
    switch (activation) {
    case VX_ACTIVATION_RELU:
        for (size_t i = 0; i < n; i++)
            ret_after[i] = before[i] > 0.0f ? before[i] : 0.0f * before[i]; /* NaN stays NaN */
        return;
    case VX_ACTIVATION_TANH:
        for (size_t i = 0; i < n; i++)
            ret_after[i] = tanhf(before[i]);
        return;
    case VX_ACTIVATION_GELU:
        for (size_t i = 0; i < n; i++)
            ret_after[i] = gelu(before[i]);
        return;
    }
}

void vx_activation_slope(vx_activation activation, float *before, const float *after, size_t n)
{
    switch (activation) {
    case VX_ACTIVATION_RELU:
        for (size_t i = 0; i < n; i++)
            before[i] = before[i] > 0.0f ? 1.0f : 0.0f;
        return;
    case VX_ACTIVATION_TANH:
        for (size_t i = 0; i < n; i++)
            before[i] = 1.0f - after[i] * after[i];
        return;
    case VX_ACTIVATION_GELU:
        for (size_t i = 0; i < n; i++)
            before[i] = gelu_slope(before[i]);
        return;
    }
}
