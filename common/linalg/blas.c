#include <vx_linalg/blas.h>

#include <pthread.h>

#include <cblas.h>

/* The number of threads is one of the whole process: who comes first takes it down, who goes last
 * gives it back. */
static struct {
    pthread_mutex_t lock;
    unsigned users;
    int before;
} pinned = { PTHREAD_MUTEX_INITIALIZER, 0, 1 };

void vx_blas_set_threads(int threads)
{
    openblas_set_num_threads(threads);
}

void vx_blas_pin(void)
{
    (void)pthread_mutex_lock(&pinned.lock);
    if (pinned.users++ == 0) {
        pinned.before = openblas_get_num_threads();
        if (pinned.before != 1)
            openblas_set_num_threads(1);
    }
    (void)pthread_mutex_unlock(&pinned.lock);
}

void vx_blas_unpin(void)
{
    (void)pthread_mutex_lock(&pinned.lock);
    if (--pinned.users == 0 && pinned.before != 1)
        openblas_set_num_threads(pinned.before);
    (void)pthread_mutex_unlock(&pinned.lock);
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
