#ifndef VX_AGGREGATE_COLUMN_KERNELS_IMPL_H
#define VX_AGGREGATE_COLUMN_KERNELS_IMPL_H
/*
 * The kernels for one kind of register. The including file defines
 *     REGISTER          its bytes: 16, 32 or 64,
 *     LESSER_F32(a, b)  a < b ? a : b in each place, b where they are equal,
 *     GREATER_F32(a, b) a > b ? a : b, and both for F64,
 *     WIDER(v)          half a register of float as one of double, and NARROWER(v) back. Compilers
 *                       make less of __builtin_convertvector.
 */
#include <stdint.h>
#include <string.h>

#include "column_kernels.h"

#define INLINE static inline __attribute__((always_inline))

/* A register of double, in which all sums are made. */
typedef double wide __attribute__((vector_size(REGISTER)));
typedef int64_t wide_mask __attribute__((vector_size(REGISTER)));
enum { WIDE = REGISTER / 8, SUMS = 8 };
_Static_assert(SUMS % WIDE == 0 && VX_CHUNK % (2 * WIDE) == 0, "whole registers");

INLINE wide spread(double value)
{
    return (wide){ 0 } + value;
}

INLINE wide load(const double *at)
{
    wide v;

    memcpy(&v, at, sizeof(v));
    return v;
}

INLINE void store(wide v, double *at)
{
    memcpy(at, &v, sizeof(v));
}

INLINE wide keep_where(wide_mask mask, wide v)
{
    return (wide)((wide_mask)v & mask);
}

INLINE wide size_of(wide v)
{
    return (wide)((wide_mask)v & INT64_MAX);
}

/* ((0 + 4) + (2 + 6)) + ((1 + 5) + (3 + 7)). */
static double add_up(const double sum[SUMS])
{
    return ((sum[0] + sum[4]) + (sum[2] + sum[6])) + ((sum[1] + sum[5]) + (sum[3] + sum[7]));
}

static bool is_about_median(const vx_column_ask *ask)
{
    return ask->rule == VX_COLUMN_MEDIAN || ask->rule == VX_COLUMN_NEAREST_MEDIAN;
}

#define T            double
#define INT          int64_t
#define UINT         uint64_t
#define NAME(x)      x##_f64
#define LESSER       LESSER_F64
#define GREATER      GREATER_F64
#define TO_WIDE(v)   (v)
#define FROM_WIDE(v) (v)
#include "column_kernels_typed.inc"
#undef T
#undef INT
#undef UINT
#undef NAME
#undef LESSER
#undef GREATER
#undef TO_WIDE
#undef FROM_WIDE

#define T         float
#define INT       int32_t
#define UINT      uint32_t
#define NAME(x)   x##_f32
#define LESSER    LESSER_F32
#define GREATER   GREATER_F32
#define TO_WIDE   WIDER
#define FROM_WIDE NARROWER
#include "column_kernels_typed.inc"
#endif
