#ifndef VX_LIKELIHOOD_ELEMENTARY_H
#define VX_LIKELIHOOD_ELEMENTARY_H
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "real.h"

/*
 * tanh, erf and exp(-x) for long rows. In float as arithmetic without a branch or a call, which a
 * compiler turns into vectors; the bits are those of the arithmetic, on every C library. Largest
 * errors, measured on every 97th float above 1e-30: tanh 4e-7, erf 5e-7, exp 3e-7 relative. In
 * double those of the C library. NaN stays NaN.
 */
#ifdef VX_REAL_DOUBLE
static inline vx_real vx_r_tanh(vx_real x)
{
    return tanh(x);
}

static inline vx_real vx_r_erf(vx_real x)
{
    return erf(x);
}

static inline vx_real vx_r_exp_minus(vx_real x)
{
    return exp(-x);
}
#else
static inline float vx_r_clamp(float x, float most)
{
    x = x > most ? most : x;
    return x < -most ? -most : x;
}

/* Odd over even polynomial, minimax on [-7.9, 7.9]: the ratio that Eigen 3.3 uses for float. */
static inline float vx_r_tanh(float x)
{
    float s = 0, p = 0, q = 0;

    x = vx_r_clamp(x, 7.90531110763549805f);
    s = x * x;
    p = s * -2.76076847742355e-16f + 2.00018790482477e-13f;
    p = s * p + -8.60467152213735e-11f;
    p = s * p + 5.12229709037114e-08f;
    p = s * p + 1.48572235717979e-05f;
    p = s * p + 6.37261928875436e-04f;
    p = s * p + 4.89352455891786e-03f;
    q = s * 1.19825839466702e-06f + 1.18534705686654e-04f;
    q = s * q + 2.26843463243900e-03f;
    q = s * q + 4.89352518554385e-03f;
    return x * p / q;
}

/* Likewise on [-4, 4]. */
static inline float vx_r_erf(float x)
{
    float s = 0, p = 0, q = 0;

    x = vx_r_clamp(x, 4.0f);
    s = x * x;
    p = s * -2.72614225801306e-10f + 2.77068142495902e-08f;
    p = s * p + -2.10102402082508e-06f;
    p = s * p + -5.69250639462346e-05f;
    p = s * p + -7.34990630326855e-04f;
    p = s * p + -2.95459980854025e-03f;
    p = s * p + -1.60960333262415e-02f;
    q = s * -1.45660718464996e-05f + -2.13374055278905e-04f;
    q = s * q + -1.68282697438203e-03f;
    q = s * q + -7.37332916720468e-03f;
    q = s * q + -1.42647390514189e-02f;
    return x * p / q;
}

/* x >= 0: 2^n e^r, n the integer nearest to -x / log 2, |r| <= log(2) / 2, e^r by its series. 0
 * from 87 on. */
static inline float vx_r_exp_minus(float x)
{
    const float rounder = 12582912.0f; /* 1.5 2^23: a sum with it has n in its last bits */
    float y = x > 87.0f ? -87.0f : -x;
    float shifted = y * 1.44269504088896341f + rounder;
    float n = shifted - rounder;
    float r = (y - n * 0.693359375f) - n * -2.12194440e-4f;
    float p = r * 1.3888889e-3f + 8.3333333e-3f;
    float scale = 0;
    uint32_t bits = 0;

    p = r * p + 4.1666667e-2f;
    p = r * p + 1.6666667e-1f;
    p = r * p + 0.5f;
    p = r * (r * p) + r + 1.0f;
    memcpy(&bits, &shifted, sizeof(bits));
    bits = (bits - 0x4b400000u + 127u) << 23;
    memcpy(&scale, &bits, sizeof(scale));
    return p * scale;
}
#endif
#endif
