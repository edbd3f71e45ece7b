#include <immintrin.h>

/* These instructions give b when a and b are equal. */
#define REGISTER          32
#define LESSER_F32(a, b)  ((vec_f32)_mm256_min_ps((__m256)(a), (__m256)(b)))
#define GREATER_F32(a, b) ((vec_f32)_mm256_max_ps((__m256)(a), (__m256)(b)))
#define LESSER_F64(a, b)  ((vec_f64)_mm256_min_pd((__m256d)(a), (__m256d)(b)))
#define GREATER_F64(a, b) ((vec_f64)_mm256_max_pd((__m256d)(a), (__m256d)(b)))
#define WIDER(v)          ((wide)_mm256_cvtps_pd((__m128)(v)))
#define NARROWER(v)       ((part_f32)_mm256_cvtpd_ps((__m256d)(v)))

#include "column_kernels_impl.h"

const vx_column_kernels vx_column_kernels_avx2 = { run_f32, run_f64, apart_f32, apart_f64 };
