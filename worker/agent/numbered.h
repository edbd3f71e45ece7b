#ifndef VX_AGENT_NUMBERED_H
#define VX_AGENT_NUMBERED_H
#include <stdbool.h>
#include <stdint.h>

/* A process that a launcher has started as one of several, without the MPI that we are built with.
 */
typedef struct vx_numbered {
    uint32_t rank, size;
    uint32_t local_workers; /* that share the cores of this one, as far as the launcher tells */
} vx_numbered;

/*
 * Whether this process is one, by its environment. In this order: with OMPI_COMM_WORLD_SIZE or
 * PMIX_RANK it is a process of MPI, so no; PMI_RANK and PMI_SIZE (mpiexec of MPICH, srun
 * --mpi=pmi2); SLURM_PROCID and SLURM_STEP_NUM_TASKS in a step (srun --mpi=none). lookup is getenv.
 */
bool vx_numbered_find(char *(*lookup)(const char *name), vx_numbered *ret_numbered);
#endif
