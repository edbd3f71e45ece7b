#include <immintrin.h>

typedef double vec __attribute__((vector_size(64)));
#define WIDTH                   8
#define WIDEN(at)               ((vec)_mm512_cvtps_pd(_mm256_loadu_ps(at)))
#define MULTIPLY_ADD(a, b, sum) ((vec)_mm512_fmadd_pd((__m512d)(a), (__m512d)(b), (__m512d)(sum)))

#include "kernels_impl.h"

const vx_kernels vx_kernels_avx512 = { "avx512", pair_add, dots_add, combine, mix };
