#ifndef VX_LIKELIHOOD_REAL_H
#define VX_LIKELIHOOD_REAL_H
/*
 * Every .c of networks, layers and heads is written once over vx_real and compiled twice: in float
 * (what workers compute) and, with VX_REAL_DOUBLE, in double (what checks them). VX_R(name) is the
 * name of that build: name, or name64. exp, log and sqrt are those of <tgmath.h>.
 */
#include <vx_base/span.h>
#include <vx_linalg/finite.h>
#include <vx_linalg/gemm.h>

#ifdef VX_REAL_DOUBLE
typedef double vx_real;
typedef vx_vec vx_rvec;
typedef vx_cvec vx_rcvec;
typedef vx_mat vx_rmat;
typedef vx_cmat vx_rcmat;
#define VX_R(name)      name##64
#define vx_gemm_r       vx_gemm_f64
#define vx_all_finite_r vx_all_finite_f64
#define vx_rmat_const   vx_mat_const
#define vx_rmat_row     vx_mat_row
#else
typedef float vx_real;
typedef vx_vecf vx_rvec;
typedef vx_cvecf vx_rcvec;
typedef vx_matf vx_rmat;
typedef vx_cmatf vx_rcmat;
#define VX_R(name)      name
#define vx_gemm_r       vx_gemm_f32
#define vx_all_finite_r vx_all_finite_f32
#define vx_rmat_const   vx_matf_const
#define vx_rmat_row     vx_matf_row
#endif
#endif
