#include <vx_oracle/svd.h>

#include <math.h>
#include <stdbool.h>

static double dot(const double *a, const double *b, size_t n)
{
    double sum = 0.0;

    for (size_t i = 0; i < n; i++)
        sum += a[i] * b[i];
    return sum;
}

/* Turns columns p and q until they are orthogonal; false when they were. */
static bool rotate(vx_mat a, size_t p, size_t q)
{
    double *x = a.at + p * a.ld, *y = a.at + q * a.ld;
    double alpha = dot(x, x, a.cols), beta = dot(y, y, a.cols), gamma = dot(x, y, a.cols);
    double zeta, t, c, s;

    if (fabs(gamma) <= 1e-15 * sqrt(alpha * beta) || gamma == 0.0)
        return false;
    zeta = (beta - alpha) / (2.0 * gamma);
    t = (zeta >= 0.0 ? 1.0 : -1.0) / (fabs(zeta) + sqrt(1.0 + zeta * zeta));
    c = 1.0 / sqrt(1.0 + t * t);
    s = c * t;
    for (size_t k = 0; k < a.cols; k++) {
        double old = x[k];

        x[k] = c * old - s * y[k];
        y[k] = s * old + c * y[k];
    }
    return true;
}

static void swap_columns(vx_mat a, size_t p, size_t q)
{
    for (size_t k = 0; k < a.cols; k++) {
        double old = a.at[p * a.ld + k];

        a.at[p * a.ld + k] = a.at[q * a.ld + k];
        a.at[q * a.ld + k] = old;
    }
}

static void sort_by_sigma(vx_mat a, double *sigma)
{
    for (size_t k = 0; k < a.rows; k++)
        sigma[k] = sqrt(dot(a.at + k * a.ld, a.at + k * a.ld, a.cols));
    for (size_t k = 0; k < a.rows; k++) {
        for (size_t j = k + 1; j < a.rows; j++) {
            if (sigma[j] > sigma[k]) {
                double old = sigma[k];

                swap_columns(a, k, j);
                sigma[k] = sigma[j];
                sigma[j] = old;
            }
        }
    }
}

void vx_oracle_svd(vx_mat columns, double *ret_sigma)
{
    bool turned = true;

    for (int sweep = 0; sweep < 60 && turned; sweep++) {
        turned = false;
        for (size_t p = 0; p < columns.rows; p++) {
            for (size_t q = p + 1; q < columns.rows; q++)
                turned = rotate(columns, p, q) || turned;
        }
    }
    sort_by_sigma(columns, ret_sigma);
}
