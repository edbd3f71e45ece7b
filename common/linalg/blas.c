#include <vx_linalg/blas.h>

#include <cblas.h>

void vx_blas_set_threads(int threads)
{
    openblas_set_num_threads(threads);
}

int vx_blas_threads(void)
{
    return openblas_get_num_threads();
}

const char *vx_blas_core(void)
{
    return openblas_get_corename();
}

const char *vx_blas_version(void)
{
    return openblas_get_config();
}
