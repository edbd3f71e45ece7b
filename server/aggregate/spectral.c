#include "spectral.h"

#include <math.h>

/* square_more (m, m) = C^1/2 B C^1/2 of the rows of weight, which it lists in order. */
static size_t scale_weighted(size_t n, const double *c, vx_rule_work *work)
{
    size_t m = 0;

    for (size_t i = 0; i < n; i++) {
        if (c[i] > 0.0)
            work->order[m++] = i;
    }
    for (size_t a = 0; a < m; a++) {
        for (size_t b = 0; b < m; b++) {
            size_t i = work->order[a], j = work->order[b];

            work->square_more[a * m + b] = sqrt(c[i]) * work->square[i * n + j] * sqrt(c[j]);
        }
    }
    return m;
}

vx_status vx_spectral_top(const vx_geometry *g, const double *c, vx_rule_work *work,
                          double *ret_largest, double *ret_projection)
{
    size_t n = g->n, m;
    double largest;
    vx_status status;

    for (size_t i = 0; i < n; i++)
        work->order[i] = i;
    vx_centred(g, work->order, n, c, work->values_more, work->square);
    m = scale_weighted(n, c, work);
    status = vx_eigen_solve(work->eigen, (vx_cmat){ work->square_more, m, m, m },
                            (vx_vec){ work->values, m }, (vx_mat){ work->square_third, m, m, m });
    if (status != VX_OK)
        return status;
    largest = fmax(work->values[0], 0.0);
    for (size_t i = 0; i < n; i++) {
        double along = 0.0;

        for (size_t a = 0; a < m; a++) {
            size_t j = work->order[a];

            along += work->square[i * n + j] * sqrt(c[j]) * work->square_third[a];
        }
        along = largest > 0.0 ? along / sqrt(largest) : 0.0;
        ret_projection[i] = along * along;
    }
    *ret_largest = largest;
    return VX_OK;
}
