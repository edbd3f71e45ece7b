/* Two doubles: the widest register that every x86-64 and AArch64 has. */
typedef double vec __attribute__((vector_size(16)));
#define WIDTH                   2
#define WIDEN(at)               ((vec){ (double)(at)[0], (double)(at)[1] })
#define MULTIPLY_ADD(a, b, sum) ((sum) + (a) * (b))

#include "kernels_impl.h"

const vx_kernels vx_kernels_portable = { "portable", pair_add, dots_add, combine, mix };
