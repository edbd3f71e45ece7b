#include <vx_linalg/parallel.h>

#include <vx_base/alloc.h>

struct vx_parallel {
    unsigned threads;
};

vx_status vx_parallel_create(unsigned threads, vx_parallel **ret_parallel)
{
    vx_parallel *parallel = vx_calloc(1, sizeof(*parallel));

    if (parallel == NULL)
        return VX_ERR_NOMEM;
    parallel->threads = threads;
    *ret_parallel = parallel;
    return VX_OK;
}

vx_parallel *vx_parallel_destroy(vx_parallel *parallel)
{
    vx_free(parallel);
    return NULL;
}

unsigned vx_parallel_threads(const vx_parallel *parallel)
{
    return parallel != NULL ? parallel->threads : 1;
}

void vx_parallel_run(vx_parallel *parallel, size_t parts, vx_parallel_part *run, void *context)
{
    (void)parallel;
    for (size_t part = 0; part < parts; part++)
        run(context, part, 0);
}
