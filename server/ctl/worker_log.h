#ifndef VX_CTL_WORKER_LOG_H
#define VX_CTL_WORKER_LOG_H
#include <stdint.h>
#include <stdio.h>

#define VX_CTL_WORKER_LINES_MAX 10
#define VX_CTL_WORKER_LINE_SIZE 512

/* Copies what explains a failure from workers.log to out: the "vexil-worker: ..." lines after byte
 * `from`, each once, at most VX_CTL_WORKER_LINES_MAX; when there is none, the last lines as they
 * are. */
void vx_ctl_worker_log_print(FILE *out, const char *path, uint64_t from);
#endif
