#include <immintrin.h>

typedef double vec __attribute__((vector_size(32)));
#define WIDTH                   4
#define WIDEN(at)               ((vec)_mm256_cvtps_pd(_mm_loadu_ps(at)))
#define MULTIPLY_ADD(a, b, sum) ((vec)_mm256_fmadd_pd((__m256d)(a), (__m256d)(b), (__m256d)(sum)))

#include "kernels_impl.h"

const vx_kernels vx_kernels_avx2 = { "avx2", pair_add, dots_add, combine, mix };
