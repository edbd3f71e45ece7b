#ifndef VX_PLACE_PLACE_H
#define VX_PLACE_PLACE_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <vx_base/limits.h>
#include <vx_base/status.h>

/*
 * Which cores a process may use: what mpirun, Slurm, taskset or a cgroup has left to it.
 */
typedef struct vx_place {
    uint32_t cores;         /* that have a processor which may be used; at least 1 */
    uint32_t processors;    /* hardware threads that may be used; at least 1 */
    int32_t node;           /* NUMA node that has all of them; -1: several nodes */
    char cpus[VX_NAME_MAX]; /* "0-3,8": processors as taskset(1) counts them; "..." when cut */
} vx_place;

/* Of this process. Reads the machine's topology: milliseconds. VX_ERR_SYSTEM, VX_ERR_NOMEM. */
VX_MUST_CHECK vx_status vx_place_here(vx_place *ret_place, vx_error *err);

/* Processors that this process may use, at least 1; one system call. */
uint32_t vx_place_processors(void);

/*
 * The share of the index-th of count processes, 0 <= index < count, which may all use the cores
 * that this one may use. With at least count cores each gets cores / count of its own, one beside
 * the other in the order of packages and NUMA nodes, and within one node as long as every node's
 * cores go round so. With fewer cores there is no share: *ret_own is false, and ret_place all of
 * them. bind: this process may use that share only from then on, and so may what it starts.
 */
VX_MUST_CHECK vx_status vx_place_share(size_t index, size_t count, bool bind, bool *ret_own,
                                       vx_place *ret_place, vx_error *err);

/* The same on a machine that a text describes ("numa:2 core:4 pu:2", see hwloc's synthetic
 * topologies) for a process that may use `cpus` ("0-3,8"; NULL: all). VX_ERR_CONFIG: no such text.
 */
VX_MUST_CHECK vx_status vx_place_share_of(const char *machine, const char *cpus, size_t index,
                                          size_t count, bool *ret_own, vx_place *ret_place,
                                          vx_error *err);
#endif
