#ifndef VX_AGENT_PROBE_H
#define VX_AGENT_PROBE_H
#include <stdint.h>

/* One line for `vexil train --hostfile`: "vexil-worker-probe HOST VERSION yes|no PROGRAM yes|no",
 * whether run_dir (or NULL) and the program of a worker of so many ranks are there. */
void vx_probe_print(const char *run_dir, uint32_t ranks);
#endif
