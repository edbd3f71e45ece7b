#ifndef VX_BASE_SPAN_H
#define VX_BASE_SPAN_H
#include <stddef.h>
#include <stdint.h>

#include <vx_base/assert.h>

/*
 * Views: a pointer with its shape, by value, never owning. c = const elements, f = float elements.
 * Matrices are row-major with ld >= cols. Shapes are checked at a room's door; kernels below it
 * don't check.
 */
typedef struct vx_vec {
    double *at;
    size_t n;
} vx_vec;
typedef struct vx_cvec {
    const double *at;
    size_t n;
} vx_cvec;
typedef struct vx_vecf {
    float *at;
    size_t n;
} vx_vecf;
typedef struct vx_cvecf {
    const float *at;
    size_t n;
} vx_cvecf;
typedef struct vx_mat {
    double *at;
    size_t rows, cols, ld;
} vx_mat;
typedef struct vx_cmat {
    const double *at;
    size_t rows, cols, ld;
} vx_cmat;
typedef struct vx_matf {
    float *at;
    size_t rows, cols, ld;
} vx_matf;
typedef struct vx_cmatf {
    const float *at;
    size_t rows, cols, ld;
} vx_cmatf;
typedef struct vx_bytes {
    uint8_t *at;
    size_t size;
} vx_bytes;
typedef struct vx_cbytes {
    const uint8_t *at;
    size_t size;
} vx_cbytes;
/* Sparse rows (compressed): row i has values[k] in columns[k] < cols for begin[i] <= k < begin[i +
 * 1], no column twice. begin (rows + 1). */
typedef struct vx_csr {
    const float *values;
    const uint32_t *columns;
    const size_t *begin;
    size_t rows, cols;
} vx_csr;
/* An observation as an image, channel by channel, row by row; all 0: it is none. */
typedef struct vx_shape {
    size_t channels, height, width;
} vx_shape;

static inline vx_cvec vx_vec_const(vx_vec v)
{
    return (vx_cvec){ v.at, v.n };
}

static inline vx_cvecf vx_vecf_const(vx_vecf v)
{
    return (vx_cvecf){ v.at, v.n };
}

static inline vx_cmat vx_mat_const(vx_mat m)
{
    return (vx_cmat){ m.at, m.rows, m.cols, m.ld };
}

static inline vx_cmatf vx_matf_const(vx_matf m)
{
    return (vx_cmatf){ m.at, m.rows, m.cols, m.ld };
}

static inline vx_vec vx_mat_row(vx_mat m, size_t row)
{
    VX_ASSERT(row < m.rows);
    return (vx_vec){ m.at + row * m.ld, m.cols };
}

static inline vx_cvec vx_cmat_row(vx_cmat m, size_t row)
{
    VX_ASSERT(row < m.rows);
    return (vx_cvec){ m.at + row * m.ld, m.cols };
}

static inline vx_vecf vx_matf_row(vx_matf m, size_t row)
{
    VX_ASSERT(row < m.rows);
    return (vx_vecf){ m.at + row * m.ld, m.cols };
}

static inline vx_cvecf vx_cmatf_row(vx_cmatf m, size_t row)
{
    VX_ASSERT(row < m.rows);
    return (vx_cvecf){ m.at + row * m.ld, m.cols };
}
#endif
