#include "rows.h"

#include <vx_test/check.h>

#include <math.h>
#include <string.h>

#include <vx_base/alloc.h>
#include <vx_base/rng.h>

rows rows_make(size_t n, size_t d, bool wide, double common)
{
    rows r = { .n = n, .d = d, .wide = wide };

    assert_true(n <= ROWS_MAX);
    for (size_t i = 0; i < n; i++) {
        vx_rng rng = vx_rng_stream(11, VX_RNG_TEST, (uint32_t)i, d);
        vx_rng shared = vx_rng_stream(11, VX_RNG_TEST, ROWS_MAX, d);

        r.f32[i] = wide ? NULL : vx_calloc(d + 1, sizeof(float));
        r.f64[i] = wide ? vx_calloc(d + 1, sizeof(double)) : NULL;
        assert_true(r.f32[i] != NULL || r.f64[i] != NULL);
        for (size_t k = 0; k < d; k++)
            rows_put(&r, i, k, vx_rng_normal(&rng) + common * vx_rng_normal(&shared));
        rows_put(&r, i, d, nan("")); /* one beyond the end */
    }
    return r;
}

void rows_free(rows *r)
{
    for (size_t i = 0; i < r->n; i++) {
        vx_free(r->f32[i]);
        vx_free(r->f64[i]);
    }
}

double rows_at(const rows *r, size_t i, size_t k)
{
    return r->wide ? r->f64[i][k] : (double)r->f32[i][k];
}

void rows_put(rows *r, size_t i, size_t k, double value)
{
    if (r->wide)
        r->f64[i][k] = value;
    else
        r->f32[i][k] = (float)value;
}

void rows_scale(rows *r, size_t i, double factor)
{
    for (size_t k = 0; k < r->d; k++)
        rows_put(r, i, k, rows_at(r, i, k) * factor);
}

vx_rowset rows_set(const rows *r)
{
    return (vx_rowset){ r->wide ? NULL : (const float *const *)r->f32,
                        r->wide ? (const double *const *)r->f64 : NULL, r->n, r->d };
}

vx_real rows_real(const rows *r, size_t i)
{
    return (vx_real){ r->f32[i], r->f64[i], r->d };
}

void rows_products(const rows *r, vx_parallel *parallel, double *ret_k, double *ret_d)
{
    vx_products *products = NULL;

    vx_assert_ok(vx_products_create(parallel, r->n, &products), NULL);
    vx_products_run(products, rows_set(r), (vx_mat){ ret_k, r->n, r->n, r->n },
                    (vx_mat){ ret_d, r->n, r->n, r->n });
    vx_products_destroy(products);
}

void rows_oracle(const rows *r, size_t i, size_t j, long double *ret_k, long double *ret_size,
                 long double *ret_d)
{
    long double sum = 0.0L, size = 0.0L, d = 0.0L;

    for (size_t k = 0; k < r->d; k++) {
        long double a = (long double)rows_at(r, i, k), b = (long double)rows_at(r, j, k);

        sum += a * b;
        size += fabsl(a * b);
        d += (a - b) * (a - b);
    }
    *ret_k = sum;
    *ret_size = size;
    *ret_d = d;
}

bool rows_same_bits(const double *a, const double *b, size_t count)
{
    return memcmp(a, b, count * sizeof(*a)) == 0;
}
