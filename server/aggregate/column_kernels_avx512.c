#include <immintrin.h>

/* These instructions give b when a and b are equal. */
#define REGISTER          64
#define LESSER_F32(a, b)  ((vec_f32)_mm512_min_ps((__m512)(a), (__m512)(b)))
#define GREATER_F32(a, b) ((vec_f32)_mm512_max_ps((__m512)(a), (__m512)(b)))
#define LESSER_F64(a, b)  ((vec_f64)_mm512_min_pd((__m512d)(a), (__m512d)(b)))
#define GREATER_F64(a, b) ((vec_f64)_mm512_max_pd((__m512d)(a), (__m512d)(b)))
#define WIDER(v)          ((wide)_mm512_cvtps_pd((__m256)(v)))
#define NARROWER(v)       ((part_f32)_mm512_cvtpd_ps((__m512d)(v)))

#include "column_kernels_impl.h"

const vx_column_kernels vx_column_kernels_avx512 = { run_f32, run_f64, apart_f32, apart_f64 };
