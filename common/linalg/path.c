#include <vx_linalg/path.h>

#include <stdatomic.h>
#include <string.h>

#include <vx_base/assert.h>

#include "kernels.h"

static const vx_kernels *const paths[] = {
    &vx_kernels_portable,
#ifdef __x86_64__
    &vx_kernels_avx2,
    &vx_kernels_avx512,
#endif
};
enum { PATHS = sizeof(paths) / sizeof(paths[0]) };

/* 1 + the path in use; 0: none was asked for yet. */
static atomic_size_t in_use;

static bool is_supported(size_t path)
{
#ifdef __x86_64__
    if (paths[path] == &vx_kernels_avx2)
        return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    if (paths[path] == &vx_kernels_avx512)
        return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("fma");
#endif
    return paths[path] == &vx_kernels_portable;
}

/* Threads that come first together find the same. */
size_t vx_kernel_path(void)
{
    size_t chosen = atomic_load_explicit(&in_use, memory_order_relaxed);

    for (size_t i = PATHS; chosen == 0 && i-- > 0;) {
        if (is_supported(i)) {
            chosen = i + 1;
            atomic_store_explicit(&in_use, chosen, memory_order_relaxed);
        }
    }
    VX_ASSERT(chosen > 0 && chosen <= PATHS); /* every processor has the portable path */
    return chosen - 1;
}

const vx_kernels *vx_kernels_in_use(void)
{
    return paths[vx_kernel_path()];
}

size_t vx_kernel_path_count(void)
{
    return PATHS;
}

const char *vx_kernel_path_name(size_t path)
{
    return paths[path]->name;
}

const char *vx_kernel_path_in_use(void)
{
    return vx_kernels_in_use()->name;
}

bool vx_kernel_path_use(const char *name)
{
    for (size_t i = 0; i < PATHS; i++) {
        if (strcmp(paths[i]->name, name) == 0 && is_supported(i)) {
            atomic_store_explicit(&in_use, i + 1, memory_order_relaxed);
            return true;
        }
    }
    return false;
}
