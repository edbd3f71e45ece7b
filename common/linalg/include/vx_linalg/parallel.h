#ifndef VX_LINALG_PARALLEL_H
#define VX_LINALG_PARALLEL_H
#include <stddef.h>

#include <vx_base/status.h>

/*
 * Threads that share out the parts of one piece of work. Which thread takes which part is open;
 * so a part writes only what is its own, and sums over parts are made afterwards in the order of
 * the parts: then the bits do not depend on the number of threads. Idle threads sleep.
 */
typedef struct vx_parallel vx_parallel;

#define VX_THREADS_MAX 64u

/* Part `part` of `parts`; `thread` < threads names what memory of its own it may use. */
typedef void vx_parallel_part(void *context, size_t part, unsigned thread);

/* threads, the caller's own included, 1 .. VX_THREADS_MAX; 1 starts none. VX_ERR_NOMEM also when
 * the system gives no thread. */
VX_MUST_CHECK vx_status vx_parallel_create(unsigned threads, vx_parallel **ret_parallel);
vx_parallel *vx_parallel_destroy(vx_parallel *parallel);   /* takes NULL, returns NULL */
unsigned vx_parallel_threads(const vx_parallel *parallel); /* NULL: 1 */

/* Runs all parts and returns when all are done. parallel NULL: in this thread, in their order. One
 * caller at a time. No allocation. */
void vx_parallel_run(vx_parallel *parallel, size_t parts, vx_parallel_part *run, void *context);
#endif
