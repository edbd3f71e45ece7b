#include <vx_gradient/gradient.h>

#include <math.h>

double vx_clip_norm(vx_vecf v, double norm_max)
{
    double squares = 0.0;
    double norm = 0.0;

    for (size_t i = 0; i < v.n; i++)
        squares += (double)v.at[i] * (double)v.at[i];
    norm = sqrt(squares);
    if (norm_max <= 0.0 || !(norm > norm_max) || !isfinite(norm))
        return norm;
    for (size_t i = 0; i < v.n; i++)
        v.at[i] = (float)((double)v.at[i] * (norm_max / norm));
    return norm;
}
