#ifndef VX_GROUP_SPACE_H
#define VX_GROUP_SPACE_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <vx_base/limits.h>

/*
 * Room for windows of shared memory. A file system of memory promises pages that it does not have:
 * who touches one of them gets SIGBUS, and MPI reports an allocation that fails on the first rank
 * alone. So room is looked for before a window is asked for, and its pages are taken before anybody
 * relies on them.
 */

/* Between MPI_Init and MPI_Finalize: where this MPI puts windows. Open MPI's parameter
 * osc_sm_backing_directory, else /dev/shm. */
void vx_space_folder(char ret_folder[VX_PATH_MAX]);

/* Bytes that windows may have there: what is free but for 1 MiB a rank, which their MPI may still
 * want; its buffers of messages are there by then. 0: none, or no such folder. */
uint64_t vx_space_free(const char *folder, unsigned ranks);

/* Between looking at what is free and taking it no other worker of this host may do the same. Waits
 * at most 20 s for the others, and then goes on. The handle is for vx_space_unlock, which takes -1:
 * there is no lock. */
int vx_space_lock(void);
void vx_space_unlock(int handle);

/* Makes all pages of at .. at + bytes, a shared mapping, ones that are there, and leaves what they
 * hold. False: there is no room for them. Where the kernel cannot tell (before Linux 5.14) they
 * count as there. */
bool vx_space_take(void *at, size_t bytes);
#endif
