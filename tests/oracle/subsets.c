#include <vx_oracle/rules.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <vx_oracle/svd.h>

/* Row 0 is the highest of n bits: masks that fall are subsets in lexicographic order. */
static bool holds(unsigned mask, size_t n, size_t row)
{
    return (mask >> (n - 1 - row) & 1) != 0;
}

static void mean_of(vx_cmat x, unsigned mask, double *ret)
{
    double count = (double)__builtin_popcount(mask);

    memset(ret, 0, x.cols * sizeof(*ret));
    for (size_t i = 0; i < x.rows; i++) {
        for (size_t k = 0; holds(mask, x.rows, i) && k < x.cols; k++)
            ret[k] += x.at[i * x.ld + k] / count;
    }
}

static double diameter_of(vx_cmat x, unsigned mask)
{
    double most = 0.0;

    for (size_t i = 0; i < x.rows; i++) {
        for (size_t j = 0; j < i; j++) {
            double sum = 0.0;

            for (size_t k = 0; k < x.cols; k++)
                sum += pow(x.at[i * x.ld + k] - x.at[j * x.ld + k], 2.0);
            if (holds(mask, x.rows, i) && holds(mask, x.rows, j))
                most = fmax(most, sqrt(sum));
        }
    }
    return most;
}

/* Of the covariance, by the singular values of the centred rows. */
static double largest_eigenvalue_of(vx_cmat x, unsigned mask)
{
    double count = (double)__builtin_popcount(mask), largest;
    double *centre = calloc(x.cols, sizeof(*centre));
    double *sigma = calloc(x.rows, sizeof(*sigma));
    vx_mat rows = { calloc(x.rows * x.cols, sizeof(double)), 0, x.cols, x.cols };

    VX_ASSERT(centre != NULL && sigma != NULL && rows.at != NULL);
    mean_of(x, mask, centre);
    for (size_t i = 0; i < x.rows; i++) {
        if (!holds(mask, x.rows, i))
            continue;
        for (size_t k = 0; k < x.cols; k++)
            rows.at[rows.rows * x.cols + k] = x.at[i * x.ld + k] - centre[k];
        rows.rows++;
    }
    vx_oracle_svd(rows, sigma);
    largest = sigma[0] * sigma[0] / count;
    free(centre);
    free(sigma);
    free(rows.at);
    return largest;
}

/* The first of the subsets of n - f rows for which `measure` is least. */
static double least_subset(vx_cmat x, size_t f, double (*measure)(vx_cmat, unsigned), double *ret)
{
    double least = HUGE_VAL;
    unsigned best = 0;

    VX_ASSERT(x.rows < 20);
    for (unsigned mask = 1u << x.rows; mask-- > 0;) {
        double value;

        if ((size_t)__builtin_popcount(mask) != x.rows - f)
            continue;
        value = measure(x, mask);
        if (value < least) {
            least = value;
            best = mask;
        }
    }
    mean_of(x, best, ret);
    return least;
}

double vx_oracle_mda(vx_cmat x, size_t f, double *ret)
{
    return least_subset(x, f, diameter_of, ret);
}

double vx_oracle_smea(vx_cmat x, size_t f, double *ret)
{
    return least_subset(x, f, largest_eigenvalue_of, ret);
}
