#ifndef VX_LINALG_PATH_H
#define VX_LINALG_PATH_H
#include <stdbool.h>
#include <stddef.h>

/*
 * The kernels of products.h, and those of rooms above that ask vx_kernel_path(), exist once for
 * each kind of register: "portable", "avx2", "avx512". The widest that the processor has is taken
 * at the first use. All give the same bits.
 */
size_t vx_kernel_path(void); /* the one in use, < vx_kernel_path_count() */
size_t vx_kernel_path_count(void);
const char *
vx_kernel_path_name(size_t path); /* path < vx_kernel_path_count(), narrowest first; static */
const char *vx_kernel_path_in_use(void); /* static */

/* For tests and measurements, while no kernel runs. False when the processor has no such path, or
 * there is none of that name. */
bool vx_kernel_path_use(const char *name);
#endif
