#ifndef VX_AGENT_NEIGHBOURS_H
#define VX_AGENT_NEIGHBOURS_H
#include <stdint.h>

/* The ranks of this MPI world that share the cores which this one may use: on the same host, with
 * the same set of processors. */
typedef struct vx_neighbours {
    uint32_t count; /* with this one */
    uint32_t index; /* of this one, in the order of ranks */
} vx_neighbours;

/* Between MPI_Init and MPI_Finalize, by all ranks together, of whom there are at most
 * VX_WORKERS_MAX. */
vx_neighbours vx_neighbours_find(void);
#endif
