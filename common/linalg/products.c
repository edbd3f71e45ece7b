#include <vx_linalg/products.h>

#include <math.h>
#include <string.h>

#include <vx_base/alloc.h>

/* A plain form: fixed blocks, eight lanes a block, blocks in their order. */
enum { BLOCK = 256, LANES = 8 };
static const double CANCELS =
    0x1p-10; /* D below this share of K_ii + K_jj comes from differences */

struct vx_products {
    size_t n_max, count;
    double *k, *d; /* (count, count) sums */
    double *wide;  /* (n_max, BLOCK) */
};

vx_status vx_products_create(vx_parallel *parallel, size_t n_max, vx_products **ret_products)
{
    vx_products *p = vx_calloc(1, sizeof(*p));

    (void)parallel;
    if (p == NULL)
        return VX_ERR_NOMEM;
    p->n_max = n_max;
    p->k = vx_calloc(n_max, n_max * sizeof(double));
    p->d = vx_calloc(n_max, n_max * sizeof(double));
    p->wide = vx_calloc(n_max, BLOCK * sizeof(double));
    if (p->k == NULL || p->d == NULL || p->wide == NULL) {
        vx_products_destroy(p);
        return VX_ERR_NOMEM;
    }
    *ret_products = p;
    return VX_OK;
}

vx_products *vx_products_destroy(vx_products *p)
{
    if (p == NULL)
        return NULL;
    vx_free(p->k);
    vx_free(p->d);
    vx_free(p->wide);
    vx_free(p);
    return NULL;
}

static double reduce(const double lane[LANES])
{
    return ((lane[0] + lane[4]) + (lane[2] + lane[6])) +
           ((lane[1] + lane[5]) + (lane[3] + lane[7]));
}

static double dot(const double *a, const double *b)
{
    double lane[LANES] = { 0.0 };

    for (size_t k = 0; k < BLOCK; k += LANES) {
        for (size_t l = 0; l < LANES; l++)
            lane[l] += a[k + l] * b[k + l];
    }
    return reduce(lane);
}

static double apart(const double *a, const double *b)
{
    double lane[LANES] = { 0.0 };

    for (size_t k = 0; k < BLOCK; k += LANES) {
        for (size_t l = 0; l < LANES; l++)
            lane[l] += (a[k + l] - b[k + l]) * (a[k + l] - b[k + l]);
    }
    return reduce(lane);
}

static void widen(vx_rowset rows, size_t i, size_t column, double *ret)
{
    size_t width = rows.cols - column < BLOCK ? rows.cols - column : BLOCK;

    memset(ret, 0, BLOCK * sizeof(*ret));
    for (size_t k = 0; k < width; k++)
        ret[k] = rows.f32 != NULL ? (double)rows.f32[i][column + k] : rows.f64[i][column + k];
}

static void add_block(vx_products *p, size_t n)
{
    double square[1];

    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j <= i; j++) {
            const double *a = p->wide + i * BLOCK, *b = p->wide + j * BLOCK;
            double product = dot(a, b), sum, d;

            p->k[i * n + j] += product;
            sum = dot(a, a) + dot(b, b);
            d = sum - 2.0 * product;
            p->d[i * n + j] += d < CANCELS * sum ? apart(a, b) : d;
        }
    }
    (void)square;
}

void vx_products_begin(vx_products *p, size_t count)
{
    VX_ASSERT(count <= p->n_max);
    p->count = count;
    memset(p->k, 0, count * count * sizeof(double));
    memset(p->d, 0, count * count * sizeof(double));
}

void vx_products_add(vx_products *p, vx_rowset part)
{
    VX_ASSERT(part.count == p->count);
    for (size_t column = 0; column < part.cols; column += BLOCK) {
        for (size_t i = 0; i < part.count; i++)
            widen(part, i, column, p->wide + i * BLOCK);
        add_block(p, part.count);
    }
}

void vx_products_end(vx_products *p, vx_mat ret_k, vx_mat ret_d)
{
    size_t n = p->count;

    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j <= i; j++) {
            ret_k.at[i * ret_k.ld + j] = ret_k.at[j * ret_k.ld + i] = p->k[i * n + j];
            ret_d.at[i * ret_d.ld + j] = ret_d.at[j * ret_d.ld + i] =
                i == j ? 0.0 : p->d[i * n + j];
        }
    }
}

void vx_products_run(vx_products *p, vx_rowset rows, vx_mat ret_k, vx_mat ret_d)
{
    vx_products_begin(p, rows.count);
    vx_products_add(p, rows);
    vx_products_end(p, ret_k, ret_d);
}

static vx_rowset one_row(vx_real v, const float **f32, const double **f64)
{
    *f32 = v.f32;
    *f64 = v.f64;
    return (vx_rowset){ v.f32 != NULL ? f32 : NULL, v.f32 != NULL ? NULL : f64, 1, v.n };
}

void vx_products_with(vx_products *p, vx_rowset rows, vx_real v, double *ret_dots)
{
    const float *f32 = NULL;
    const double *f64 = NULL;
    vx_rowset other = one_row(v, &f32, &f64);
    double *a = p->wide, b[BLOCK];

    for (size_t i = 0; i < rows.count; i++) {
        ret_dots[i] = 0.0;
        for (size_t column = 0; column < rows.cols; column += BLOCK) {
            widen(rows, i, column, a);
            widen(other, 0, column, b);
            ret_dots[i] += dot(a, b);
        }
    }
}

double vx_products_norm(vx_products *p, vx_real v)
{
    const float *f32 = NULL;
    const double *f64 = NULL;
    double squared = 0.0;

    vx_products_with(p, one_row(v, &f32, &f64), v, &squared);
    return sqrt(squared);
}

void vx_combine(vx_parallel *parallel, vx_rowset rows, const double *weights, vx_real ret_sum)
{
    (void)parallel;
    for (size_t k = 0; k < rows.cols; k++) {
        double sum = 0.0;

        for (size_t i = 0; i < rows.count; i++) {
            if (weights[i] != 0.0)
                sum += weights[i] * (rows.f32 != NULL ? (double)rows.f32[i][k] : rows.f64[i][k]);
        }
        if (ret_sum.f32 != NULL)
            ret_sum.f32[k] = (float)sum;
        else
            ret_sum.f64[k] = sum;
    }
}
