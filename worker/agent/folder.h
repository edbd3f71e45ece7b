#ifndef VX_AGENT_FOLDER_H
#define VX_AGENT_FOLDER_H
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <vx_base/status.h>

/*
 * What Open MPI's mpirun and its ranks put into files, shared memory and session, in a folder of
 * one agent's own. They remove it themselves, unless they are killed: then the agent does. And when
 * the agent is killed, a process beside it does, once all who hold the folder are gone.
 */
typedef struct vx_folder {
    char *path; /* owned; NULL: there is none */
    int lock;   /* of this process and of the children that it starts with exec */
    pid_t keeper;
} vx_folder;

/* In /dev/shm, else in TMPDIR or /tmp: in the first that has `least` bytes free, or the last.
 * Forks: the process must have one thread. VX_ERR_NOMEM; VX_ERR_NOT_FOUND, VX_ERR_SPACE, VX_ERR_IO
 * name the last folder that was tried; VX_ERR_SYSTEM. */
VX_MUST_CHECK vx_status vx_folder_create(uint64_t least, vx_folder *ret_folder, vx_error *err);
bool vx_folder_is_in_memory(const char *path); /* it is one of /dev/shm */
void vx_folder_empty(const char *path);        /* NULL: nothing happens */
/* Removes it and leaves it zeroed; takes a zeroed one. When somebody still writes there, the keeper
 * stays for what is left. */
void vx_folder_destroy(vx_folder *folder);
#endif
