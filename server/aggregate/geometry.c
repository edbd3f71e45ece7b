#include "geometry.h"

#include <math.h>
#include <string.h>

#include "order.h"

/* Sums of the same coefficients in another order differ by this share: they are the same. */
static const double SAME_SUM = 1e-13;

static double sums_apart(double a, double b)
{
    return fabs(a - b) <= SAME_SUM * (fabs(a) + fabs(b)) ? 0.0 : a - b;
}

/* What both forms of a distance need of z, and what bounds their rounding. */
typedef struct about_z {
    double sum, own, own_size, spread, spread_size; /* 1^T c, c^T diag(K), c^T D c; of |c| too */
    double squared, size;                           /* ||z||^2, sum of |c_j| ||x_j|| */
} about_z;

static about_z look_at(const vx_geometry *g, size_t count, const double *c)
{
    about_z z = { 0 };

    for (size_t i = 0; i < count; i++) {
        if (c[i] == 0.0)
            continue;
        z.sum += c[i];
        z.own += c[i] * vx_k(g, i, i);
        z.own_size += fabs(c[i]) * vx_k(g, i, i);
        z.size += fabs(c[i]) * sqrt(vx_k(g, i, i));
        for (size_t j = 0; j < count; j++) {
            z.spread += c[i] * c[j] * vx_d(g, i, j);
            z.spread_size += fabs(c[i] * c[j]) * vx_d(g, i, j);
            z.squared += c[i] * c[j] * vx_k(g, i, j);
        }
    }
    return z;
}

void vx_distances_to(const vx_geometry *g, size_t count, const double *c, double *ret_squared)
{
    about_z z = look_at(g, count, c);
    double rest = sums_apart(1.0, z.sum);

    for (size_t i = 0; i < g->n; i++) {
        double far = 0.0, far_size = 0.0, product = 0.0, own = vx_k(g, i, i);
        double size = (sqrt(own) + z.size) * (sqrt(own) + z.size), by_d, by_k;

        for (size_t j = 0; j < count; j++) {
            far += c[j] * vx_d(g, i, j);
            far_size += fabs(c[j]) * vx_d(g, i, j);
            product += c[j] * vx_k(g, i, j);
        }
        by_d = (far - 0.5 * z.spread) + rest * (own - z.own);
        by_k = (own - 2.0 * product) + z.squared;
        far_size += 0.5 * z.spread_size + fabs(rest) * (own + z.own_size);
        ret_squared[i] = fmax(far_size <= size ? by_d : by_k, 0.0);
    }
}

void vx_centred(const vx_geometry *g, const size_t *member, size_t count, const double *c,
                double *sums, double *ret)
{
    double all = 0.0;

    for (size_t i = 0; i < count; i++) {
        sums[i] = 0.0;
        for (size_t j = 0; j < count; j++)
            sums[i] += vx_d(g, member[i], member[j]) * (c != NULL ? c[j] : 1.0 / (double)count);
        all += sums[i] * (c != NULL ? c[i] : 1.0 / (double)count);
    }
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < count; j++)
            ret[i * count + j] = 0.5 * ((sums[i] + sums[j]) - vx_d(g, member[i], member[j]) - all);
    }
}

double vx_median_norm(const vx_geometry *g, double *values, size_t *order)
{
    for (size_t i = 0; i < g->n; i++)
        values[i] = sqrt(vx_k(g, i, i));
    return vx_median_of(values, g->n, order);
}

/* ret (m, n) = w a; zeros of w are skipped: maps of pre-aggregators are sparse. */
static void multiply(vx_cmat w, vx_cmat a, double *ret)
{
    memset(ret, 0, w.rows * a.cols * sizeof(*ret));
    for (size_t i = 0; i < w.rows; i++) {
        for (size_t k = 0; k < w.cols; k++) {
            double factor = w.at[i * w.ld + k];

            for (size_t j = 0; factor != 0.0 && j < a.cols; j++)
                ret[i * a.cols + j] += factor * a.at[k * a.ld + j];
        }
    }
}

/* ret (m, m) = w a w^T, symmetric to the bit. */
static void sandwich(vx_cmat w, vx_cmat a, double *product, vx_mat ret)
{
    multiply(w, a, product);
    for (size_t i = 0; i < w.rows; i++) {
        for (size_t j = 0; j <= i; j++) {
            double sum = 0.0;

            for (size_t k = 0; k < w.cols; k++)
                sum += product[i * w.cols + k] * w.at[j * w.ld + k];
            ret.at[i * ret.ld + j] = sum;
            ret.at[j * ret.ld + i] = sum;
        }
    }
}

/* Of each mixed row: s = W 1, t = W diag(K), and the bound sum of w_ik ||x_k|| on its length. */
static void add_up(vx_cmat k, vx_cmat map, double *ret_s, double *ret_t, double *ret_size)
{
    for (size_t i = 0; i < map.rows; i++) {
        ret_s[i] = ret_t[i] = ret_size[i] = 0.0;
        for (size_t j = 0; j < map.cols; j++) {
            double w = map.at[i * map.ld + j], own = k.at[j * k.ld + j];

            ret_s[i] += w;
            ret_t[i] += w * own;
            ret_size[i] += w * sqrt(own);
        }
    }
}

void vx_geometry_map(vx_cmat k, vx_cmat d, vx_cmat map, double *product, double *sums, vx_mat ret_k,
                     vx_mat ret_d)
{
    size_t m = map.rows;
    double *s = sums, *t = sums + m, *size = sums + 2 * m;

    sandwich(map, k, product, ret_k);
    sandwich(map, d, product, ret_d);
    add_up(k, map, s, t, size);
    for (size_t i = 0; i < m; i++) {
        for (size_t j = 0; j < i; j++) {
            double a = ret_d.at[i * ret_d.ld + j];
            double half = 0.5 * (ret_d.at[i * ret_d.ld + i] + ret_d.at[j * ret_d.ld + j]);
            double apart = sums_apart(s[i], s[j]);
            double by_d = (a - half) + apart * (t[i] - t[j]);
            double by_k = (ret_k.at[i * ret_k.ld + i] + ret_k.at[j * ret_k.ld + j]) -
                          2.0 * ret_k.at[i * ret_k.ld + j];
            double size_d = a + half + fabs(apart) * (t[i] + t[j]);
            double size_k = (size[i] + size[j]) * (size[i] + size[j]);
            double squared = fmax(size_d <= size_k ? by_d : by_k, 0.0);

            ret_d.at[i * ret_d.ld + j] = squared;
            ret_d.at[j * ret_d.ld + i] = squared;
        }
    }
    for (size_t i = 0; i < m; i++)
        ret_d.at[i * ret_d.ld + i] = 0.0;
}
