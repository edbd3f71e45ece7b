#include <vx_oracle/rules.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <vx_oracle/svd.h>

static double *new_vector(size_t n)
{
    double *v = calloc(n, sizeof(*v));

    VX_ASSERT(v != NULL);
    return v;
}

static double distance(const double *a, const double *b, size_t n)
{
    double sum = 0.0;

    for (size_t k = 0; k < n; k++)
        sum += (a[k] - b[k]) * (a[k] - b[k]);
    return sqrt(sum);
}

/* The mean of the rows before which fewer than `kept` come by key, then by index. */
static void mean_of_least(vx_cmat x, const double *key, size_t kept, double *ret)
{
    memset(ret, 0, x.cols * sizeof(*ret));
    for (size_t i = 0; i < x.rows; i++) {
        size_t before = 0;

        for (size_t j = 0; j < x.rows; j++)
            before += key[j] < key[i] || (key[j] <= key[i] && j < i) ? 1 : 0;
        for (size_t k = 0; before < kept && k < x.cols; k++)
            ret[k] += x.at[i * x.ld + k] / (double)kept;
    }
}

void vx_oracle_nearest(vx_cmat x, const double *centre, size_t kept, double *ret)
{
    double *key = new_vector(x.rows);

    for (size_t i = 0; i < x.rows; i++)
        key[i] = distance(x.at + i * x.ld, centre, x.cols);
    mean_of_least(x, key, kept, ret);
    free(key);
}

void vx_oracle_cge(vx_cmat x, size_t f, double *ret)
{
    double *origin = new_vector(x.cols);

    vx_oracle_nearest(x, origin, x.rows - f, ret);
    free(origin);
}

void vx_oracle_monna(vx_cmat x, size_t f, size_t pivot, double *ret)
{
    vx_oracle_nearest(x, x.at + pivot * x.ld, x.rows - f, ret);
}

void vx_oracle_centered_clipping(vx_cmat x, unsigned steps, double tau, double *v)
{
    double *moved = new_vector(x.cols);

    for (unsigned step = 0; step < steps; step++) {
        memcpy(moved, v, x.cols * sizeof(*moved));
        for (size_t i = 0; i < x.rows; i++) {
            double far = distance(x.at + i * x.ld, v, x.cols);
            double part = far > tau ? tau / far : 1.0;

            for (size_t k = 0; k < x.cols; k++)
                moved[k] += part * (x.at[i * x.ld + k] - v[k]) / (double)x.rows;
        }
        memcpy(v, moved, x.cols * sizeof(*moved));
    }
    free(moved);
}

/* Weighted mean, top eigenvalue of the weighted covariance and squared projections on its vector.
 */
static double top_pair(vx_cmat x, const double *c, double *mean, double *ret_squared)
{
    double sum = 0.0, *sigma = new_vector(x.rows), *rows = new_vector(x.rows * x.cols), largest;

    memset(mean, 0, x.cols * sizeof(*mean));
    for (size_t i = 0; i < x.rows; i++)
        sum += c[i];
    for (size_t i = 0; i < x.rows; i++) {
        for (size_t k = 0; k < x.cols; k++)
            mean[k] += c[i] / sum * x.at[i * x.ld + k];
    }
    for (size_t i = 0; i < x.rows; i++) {
        for (size_t k = 0; k < x.cols; k++)
            rows[i * x.cols + k] = sqrt(c[i] / sum) * (x.at[i * x.ld + k] - mean[k]);
    }
    vx_oracle_svd((vx_mat){ rows, x.rows, x.cols, x.cols }, sigma);
    largest = sigma[0] * sigma[0];
    for (size_t i = 0; i < x.rows; i++) {
        double along = 0.0;

        for (size_t k = 0; k < x.cols; k++)
            along += rows[k] / sigma[0] * (x.at[i * x.ld + k] - mean[k]);
        ret_squared[i] = along * along;
    }
    free(sigma);
    free(rows);
    return largest;
}

double vx_oracle_caf(vx_cmat x, size_t f, double *ret)
{
    double *c = new_vector(x.rows), *mean = new_vector(x.cols), *t = new_vector(x.rows);
    double least = HUGE_VAL, sum;

    for (size_t i = 0; i < x.rows; i++)
        c[i] = 1.0;
    do {
        double largest = top_pair(x, c, mean, t), most = 0.0;

        if (largest < least)
            memcpy(ret, mean, x.cols * sizeof(*ret));
        least = fmin(least, largest);
        for (size_t i = 0; i < x.rows; i++)
            most = c[i] > 0.0 ? fmax(most, t[i]) : most;
        sum = 0.0;
        for (size_t i = 0; i < x.rows; i++) {
            c[i] *= fmax(1.0 - t[i] / most, 0.0);
            sum += c[i];
        }
    } while (sum > (double)(x.rows - 2 * f));
    free(c);
    free(mean);
    free(t);
    return least;
}

void vx_oracle_bulyan_select(vx_cmat x, size_t f, bool *ret_selected)
{
    vx_mat rest = { new_vector(x.rows * x.cols), x.rows, x.cols, x.cols };
    size_t *row = calloc(x.rows, sizeof(*row));
    double *picked = new_vector(x.cols);

    VX_ASSERT(row != NULL);
    memset(ret_selected, 0, x.rows * sizeof(*ret_selected));
    for (size_t i = 0; i < x.rows; i++) {
        row[i] = i;
        memcpy(rest.at + i * x.cols, x.at + i * x.ld, x.cols * sizeof(double));
    }
    for (size_t taken = 0; taken < x.rows - 2 * f; taken++) {
        size_t near = rest.rows > f + 2 ? rest.rows - f - 2 : 0;
        size_t best = vx_oracle_krum(vx_mat_const(rest), near, picked);

        ret_selected[row[best]] = true;
        rest.rows--;
        for (size_t i = best; i < rest.rows; i++) {
            row[i] = row[i + 1];
            memcpy(rest.at + i * x.cols, rest.at + (i + 1) * x.cols, x.cols * sizeof(double));
        }
    }
    free(rest.at);
    free(row);
    free(picked);
}
