/* 16 bytes: the widest register that every x86-64 and AArch64 has. */
#define REGISTER 16
#ifdef __SSE2__
#include <emmintrin.h>

/* These instructions give b when a and b are equal. */
#define LESSER_F32(a, b)  ((vec_f32)_mm_min_ps((__m128)(a), (__m128)(b)))
#define GREATER_F32(a, b) ((vec_f32)_mm_max_ps((__m128)(a), (__m128)(b)))
#define LESSER_F64(a, b)  ((vec_f64)_mm_min_pd((__m128d)(a), (__m128d)(b)))
#define GREATER_F64(a, b) ((vec_f64)_mm_max_pd((__m128d)(a), (__m128d)(b)))
#else
/* Of type vec_KIND: a where the mask is set, else b. */
#define PICK(kind, mask, a, b)                                                                     \
    ((vec_##kind)(((keys_##kind)(a) & (keys_##kind)(mask)) |                                       \
                  ((keys_##kind)(b) & ~(keys_##kind)(mask))))
#define LESSER_F32(a, b)  PICK(f32, (a) < (b), a, b)
#define GREATER_F32(a, b) PICK(f32, (a) > (b), a, b)
#define LESSER_F64(a, b)  PICK(f64, (a) < (b), a, b)
#define GREATER_F64(a, b) PICK(f64, (a) > (b), a, b)
#endif
#define WIDER(v)    __builtin_convertvector(v, wide)
#define NARROWER(v) __builtin_convertvector(v, part_f32)

#include "column_kernels_impl.h"

const vx_column_kernels vx_column_kernels_portable = { run_f32, run_f64, apart_f32, apart_f64 };
