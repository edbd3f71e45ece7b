#ifndef VX_TEST_ROWS_H
#define VX_TEST_ROWS_H
/* Rows of one precision for the tests of the products, each row in memory of its own. */
#include <stdbool.h>

#include <vx_linalg/products.h>

enum { ROWS_MAX = 300 };

typedef struct rows {
    float *f32[ROWS_MAX];
    double *f64[ROWS_MAX];
    size_t n, d;
    bool wide;
} rows;

/* Normal numbers times scale(i) plus a common vector, times `common`. */
rows rows_make(size_t n, size_t d, bool wide, double common);
void rows_free(rows *r);
double rows_at(const rows *r, size_t i, size_t k);
void rows_put(rows *r, size_t i, size_t k, double value);
void rows_scale(rows *r, size_t i, double factor);
vx_rowset rows_set(const rows *r);
vx_real rows_real(const rows *r, size_t i);

/* (n, n) of K and D by the products of `parallel`. */
void rows_products(const rows *r, vx_parallel *parallel, double *ret_k, double *ret_d);

/* The same and the sums of |x_ik x_jk|, in long double, column by column. */
void rows_oracle(const rows *r, size_t i, size_t j, long double *ret_k, long double *ret_size,
                 long double *ret_d);
bool rows_same_bits(const double *a, const double *b, size_t count);
#endif
