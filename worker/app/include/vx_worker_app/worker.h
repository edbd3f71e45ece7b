#ifndef VX_WORKER_APP_WORKER_H
#define VX_WORKER_APP_WORKER_H
#include <vx_bootstrap/bootstrap.h>
#include <vx_base/status.h>
#include <vx_task/task.h>

/* Which of bootstrap->ranks a process is, and what it has to do with the data of the others: see
 * vx_task_place. */
typedef struct vx_worker_part {
    uint32_t rank;
    uint32_t local;     /* so many of them on its host; 0: all */
    bool shares;        /* the first of its host, with others; those begin when its task is made */
    const char *shared; /* may be NULL */
} vx_worker_part;

/* The task of one slot of the job that the server has told, in that process. VX_ERR_CONFIG: the job
 * wants another number of ranks; see vx_task_create_worker. */
VX_MUST_CHECK vx_status vx_worker_create_task(const vx_bootstrap *bootstrap,
                                              const vx_worker_part *part, vx_cbytes job,
                                              vx_task *ret_task, vx_error *err);

/* How a worker computes: alone, or with other processes. Called by one thread at a time, not always
 * the same one; each as the function of the task that it stands for. */
typedef struct vx_worker_crew {
    void *owner;
    vx_status (*set_up)(void *owner, vx_cbytes job, vx_task *ret_task, vx_error *err);
    vx_status (*take_shards)(void *owner, vx_task *task, const uint32_t *shards, size_t count,
                             vx_error *err);
    void (*gradient)(void *owner, vx_task *task, vx_cvecf theta, uint64_t round,
                     vx_vecf ret_gradient, vx_task_gradient *ret_about);
    /* Memory of the two gradients, which = 0 and 1: (d), the crew's, from set_up on until the
     * worker has ended. ret_gradient above is one of them. NULL: the worker takes its own. */
    float *(*lend)(void *owner, int which);
} vx_worker_crew;

/* Finds out which cores this process may use; for the whole process, before anything of the worker
 * runs. Not being able to is no failure: then nothing is told, and threads follow from the machine.
 */
void vx_worker_place_take(void);

/* Both run until the server says that the run is over, or until something that stays is wrong. */
VX_MUST_CHECK vx_status vx_worker_run(const vx_bootstrap *bootstrap, const vx_worker_crew *crew,
                                      vx_error *err); /* crew: NULL = alone */
VX_MUST_CHECK vx_status vx_evaluator_run(const vx_bootstrap *bootstrap, vx_error *err);
#endif
