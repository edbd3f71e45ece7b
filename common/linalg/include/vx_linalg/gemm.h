#ifndef VX_LINALG_GEMM_H
#define VX_LINALG_GEMM_H
#include <stdbool.h>

#include <vx_base/span.h>
#include <vx_base/status.h>

/*
 * ret_c = alpha op(a) op(b) + beta ret_c in float32 by OpenBLAS; op transposes when the flag says
 * so. Row-major. beta = 0 overwrites ret_c without reading it. VX_ERR_SHAPE: the shapes do not fit,
 * or exceed BLAS's int. 2 m n k flops, no allocation of ours, thread safe.
 */
VX_MUST_CHECK vx_status vx_gemm_f32(bool transpose_a, bool transpose_b, float alpha, vx_cmatf a,
                                    vx_cmatf b, float beta, vx_matf ret_c);

/* The same in double, for checks and tests. */
VX_MUST_CHECK vx_status vx_gemm_f64(bool transpose_a, bool transpose_b, double alpha, vx_cmat a,
                                    vx_cmat b, double beta, vx_mat ret_c);
#endif
