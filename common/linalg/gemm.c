#include <vx_linalg/gemm.h>

#include <limits.h>

#include <cblas.h>

/* op(a) (m, k), op(b) (k, n), c (m, n), in the BLAS's own integers. */
typedef struct gemm_shape {
    CBLAS_TRANSPOSE op_a, op_b;
    blasint m, n, k, lda, ldb, ldc;
} gemm_shape;

static bool to_blas(size_t value, blasint *ret)
{
    if (value > INT_MAX)
        return false;
    *ret = (blasint)value;
    return true;
}

/* CBLAS refuses a leading dimension of 0, which an empty matrix may have. */
static size_t at_least_one(size_t ld)
{
    return ld > 0 ? ld : 1;
}

static vx_status shape_of(bool transpose_a, bool transpose_b, vx_cmat a, vx_cmat b, vx_cmat c,
                          gemm_shape *ret_shape)
{
    size_t m = transpose_a ? a.cols : a.rows;
    size_t k = transpose_a ? a.rows : a.cols;
    size_t k_of_b = transpose_b ? b.cols : b.rows;
    size_t n = transpose_b ? b.rows : b.cols;

    if (k != k_of_b || c.rows != m || c.cols != n)
        return VX_ERR_SHAPE;
    if (a.ld < a.cols || b.ld < b.cols || c.ld < c.cols)
        return VX_ERR_SHAPE;
    if (!to_blas(m, &ret_shape->m) || !to_blas(n, &ret_shape->n) || !to_blas(k, &ret_shape->k) ||
        !to_blas(at_least_one(a.ld), &ret_shape->lda) ||
        !to_blas(at_least_one(b.ld), &ret_shape->ldb) ||
        !to_blas(at_least_one(c.ld), &ret_shape->ldc))
        return VX_ERR_SHAPE;
    ret_shape->op_a = transpose_a ? CblasTrans : CblasNoTrans;
    ret_shape->op_b = transpose_b ? CblasTrans : CblasNoTrans;
    return VX_OK;
}

/* Only the shape counts in shape_of(): one function serves both precisions. */
static vx_cmat shape_f32(size_t rows, size_t cols, size_t ld)
{
    return (vx_cmat){ NULL, rows, cols, ld };
}

vx_status vx_gemm_f32(bool transpose_a, bool transpose_b, float alpha, vx_cmatf a, vx_cmatf b,
                      float beta, vx_matf ret_c)
{
    gemm_shape s;
    vx_status status =
        shape_of(transpose_a, transpose_b, shape_f32(a.rows, a.cols, a.ld),
                 shape_f32(b.rows, b.cols, b.ld), shape_f32(ret_c.rows, ret_c.cols, ret_c.ld), &s);

    if (status != VX_OK || s.m == 0 || s.n == 0)
        return status;
    cblas_sgemm(CblasRowMajor, s.op_a, s.op_b, s.m, s.n, s.k, alpha, a.at, s.lda, b.at, s.ldb, beta,
                ret_c.at, s.ldc);
    return VX_OK;
}

vx_status vx_gemm_f64(bool transpose_a, bool transpose_b, double alpha, vx_cmat a, vx_cmat b,
                      double beta, vx_mat ret_c)
{
    gemm_shape s;
    vx_status status = shape_of(transpose_a, transpose_b, a, b, vx_mat_const(ret_c), &s);

    if (status != VX_OK || s.m == 0 || s.n == 0)
        return status;
    cblas_dgemm(CblasRowMajor, s.op_a, s.op_b, s.m, s.n, s.k, alpha, a.at, s.lda, b.at, s.ldb, beta,
                ret_c.at, s.ldc);
    return VX_OK;
}
