#include <vx_oracle/rules.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

static int by_value(const void *a, const void *b)
{
    const double *x = a, *y = b;

    return (*x > *y) - (*x < *y);
}

static double *new_vector(size_t n)
{
    double *v = calloc(n, sizeof(*v));

    VX_ASSERT(v != NULL);
    return v;
}

double vx_oracle_dot(const double *a, const double *b, size_t n)
{
    double sum = 0.0;

    for (size_t i = 0; i < n; i++)
        sum += a[i] * b[i];
    return sum;
}

void vx_oracle_mean(vx_cmat x, double *ret)
{
    vx_oracle_trimmed_mean(x, 0, ret);
}

static double median_of(double *values, size_t n)
{
    qsort(values, n, sizeof(*values), by_value);
    return n % 2 == 1 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2.0;
}

void vx_oracle_unit_mean(vx_cmat x, double *ret)
{
    double *norm = new_vector(x.rows), length;

    memset(ret, 0, x.cols * sizeof(*ret));
    for (size_t i = 0; i < x.rows; i++) {
        norm[i] = sqrt(vx_oracle_dot(x.at + i * x.ld, x.at + i * x.ld, x.cols));
        for (size_t k = 0; norm[i] > 0.0 && k < x.cols; k++)
            ret[k] += x.at[i * x.ld + k] / norm[i];
    }
    length = sqrt(vx_oracle_dot(ret, ret, x.cols)) / median_of(norm, x.rows);
    for (size_t k = 0; k < x.cols; k++)
        ret[k] /= length;
    free(norm);
}

static double *column_of(vx_cmat x, size_t k)
{
    double *column = new_vector(x.rows);

    for (size_t i = 0; i < x.rows; i++)
        column[i] = x.at[i * x.ld + k];
    return column;
}

void vx_oracle_median(vx_cmat x, double *ret)
{
    for (size_t k = 0; k < x.cols; k++) {
        double *column = column_of(x, k);

        ret[k] = median_of(column, x.rows);
        free(column);
    }
}

void vx_oracle_trimmed_mean(vx_cmat x, size_t f, double *ret)
{
    for (size_t k = 0; k < x.cols; k++) {
        double *column = column_of(x, k);

        qsort(column, x.rows, sizeof(*column), by_value);
        ret[k] = 0.0;
        for (size_t i = f; i < x.rows - f; i++)
            ret[k] += column[i];
        ret[k] /= (double)(x.rows - 2 * f);
        free(column);
    }
}

void vx_oracle_nearest_values(vx_cmat x, size_t keep, const double *centre, double *ret)
{
    for (size_t k = 0; k < x.cols; k++) {
        ret[k] = 0.0;
        for (size_t i = 0; i < x.rows; i++) {
            double own = fabs(x.at[i * x.ld + k] - centre[k]);
            size_t before = 0;

            for (size_t j = 0; j < x.rows; j++) {
                double other = fabs(x.at[j * x.ld + k] - centre[k]);

                before += other < own || (other <= own && j < i) ? 1 : 0;
            }
            ret[k] += before < keep ? x.at[i * x.ld + k] / (double)keep : 0.0;
        }
    }
}

void vx_oracle_meamed(vx_cmat x, size_t f, double *ret)
{
    double *centre = new_vector(x.cols);

    vx_oracle_median(x, centre);
    vx_oracle_nearest_values(x, x.rows - f, centre, ret);
    free(centre);
}

void vx_oracle_phocas(vx_cmat x, size_t f, double *ret)
{
    double *centre = new_vector(x.cols);

    vx_oracle_trimmed_mean(x, f, centre);
    vx_oracle_nearest_values(x, x.rows - f, centre, ret);
    free(centre);
}

void vx_oracle_sign_majority(vx_cmat x, double *ret)
{
    for (size_t k = 0; k < x.cols; k++) {
        int sum = 0;

        for (size_t i = 0; i < x.rows; i++)
            sum += (x.at[i * x.ld + k] > 0.0) - (x.at[i * x.ld + k] < 0.0);
        ret[k] = sum > 0 ? 1.0 : sum < 0 ? -1.0 : 0.0;
    }
}

static double distance_squared(vx_cmat x, size_t i, size_t j)
{
    double sum = 0.0;

    for (size_t k = 0; k < x.cols; k++)
        sum += pow(x.at[i * x.ld + k] - x.at[j * x.ld + k], 2.0);
    return sum;
}

/* By definition: j is among the `kept` nearest of i when fewer than that come before it. */
static bool is_near(vx_cmat x, size_t i, size_t j, size_t kept)
{
    double own = i == j ? -1.0 : distance_squared(x, i, j);
    size_t before = 0;

    for (size_t other = 0; other < x.rows; other++) {
        double apart = i == other ? -1.0 : distance_squared(x, i, other);

        if (apart < own || (apart <= own && other < j))
            before++;
    }
    return before < kept;
}

void vx_oracle_nnm(vx_cmat x, size_t f, vx_mat ret_mixed)
{
    for (size_t i = 0; i < x.rows; i++) {
        double *to = ret_mixed.at + i * ret_mixed.ld;

        memset(to, 0, x.cols * sizeof(*to));
        for (size_t j = 0; j < x.rows; j++) {
            if (!is_near(x, i, j, x.rows - f))
                continue;
            for (size_t k = 0; k < x.cols; k++)
                to[k] += x.at[j * x.ld + k] / (double)(x.rows - f);
        }
    }
}
