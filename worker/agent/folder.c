#include "folder.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <vx_base/alloc.h>
#include <vx_base/assert.h>
#include <vx_base/file.h>

#define HANDLES_MAX   16 /* that a walk has open at once */
#define TRIES_MAX     50
#define PAUSE_NS      20000000L
#define LAST_HANDLE   (~0u)
#define FOLDERS_KNOWN 2

/* ---- what is in it ---- */

static int remove_inside(const char *path, const struct stat *about, int kind, struct FTW *place)
{
    (void)about;
    (void)kind;
    if (place->level > 0)
        (void)remove(path);
    return 0;
}

void vx_folder_empty(const char *path)
{
    if (path != NULL)
        (void)nftw(path, remove_inside, HANDLES_MAX, FTW_DEPTH | FTW_PHYS);
}

/* Processes that were killed may take a moment to be gone. */
static bool remove_folder(const char *path)
{
    struct timespec pause = { 0, PAUSE_NS };

    for (int i = 0; i < TRIES_MAX; i++) {
        vx_folder_empty(path);
        if (rmdir(path) == 0 || errno == ENOENT)
            return true;
        nanosleep(&pause, NULL);
    }
    return false;
}

/* ---- its keeper ---- */

/* A lock of its own comes when no process has the agent's any more: neither the agent nor mpirun,
 * to which it is handed down. Not of the agent's session, nor of its name, so that what is sent to
 * all agents spares it; and with none of its pipes, or mpirun would wait for their end. */
static void keep(const char *path)
{
    int own = -1;

    setsid();
    prctl(PR_SET_NAME, "vexil-keeper");
    if (close_range(0, LAST_HANDLE, 0) != 0)
        _exit(1); /* with the agent's handle it would wait for itself */
    own = open(path, O_RDONLY | O_DIRECTORY);
    while (own >= 0 && flock(own, LOCK_EX) != 0 && errno == EINTR)
        continue;
    _exit(own >= 0 && remove_folder(path) ? 0 : 1);
}

static vx_status guard(vx_folder *folder, vx_error *err)
{
    VX_ASSERT(folder->path != NULL);
    folder->lock = open(folder->path, O_RDONLY | O_DIRECTORY); /* goes on in children */
    if (folder->lock < 0)
        return vx_file_fail(err, -errno, "open", folder->path);
    if (flock(folder->lock, LOCK_EX | LOCK_NB) != 0)
        return vx_file_fail(err, -errno, "lock", folder->path);
    folder->keeper = fork();
    if (folder->keeper == 0)
        keep(folder->path);
    return folder->keeper > 0 ? VX_OK
                              : vx_file_fail(err, -errno, "start a keeper of", folder->path);
}

/* ---- its life ---- */

static bool has_room(const char *path, uint64_t least)
{
    uint64_t room = 0;

    return !vx_file_room(path, &room) || room >= least; /* who opens it says what is wrong */
}

static vx_status make(uint64_t least, vx_folder *folder, vx_error *err)
{
    const char *wanted = getenv("TMPDIR");
    const char *bases[FOLDERS_KNOWN] = { VX_FILE_MEMORY,
                                         wanted != NULL && wanted[0] != '\0' ? wanted : "/tmp" };
    vx_status status = VX_OK;

    for (size_t i = 0; i < FOLDERS_KNOWN; i++) {
        if (i + 1 < FOLDERS_KNOWN && !has_room(bases[i], least))
            continue;
        folder->path = vx_path_join(bases[i], "vexil-group.XXXXXX");
        if (folder->path == NULL)
            return vx_fail(err, VX_ERR_NOMEM, "out of memory");
        if (mkdtemp(folder->path) != NULL)
            return VX_OK;
        status = vx_file_fail(err, -errno, "make a folder for a group in", bases[i]);
        vx_free(folder->path);
        folder->path = NULL;
    }
    return status;
}

vx_status vx_folder_create(uint64_t least, vx_folder *ret_folder, vx_error *err)
{
    vx_folder folder = { .lock = -1 };
    vx_status status = make(least, &folder, err);

    if (status == VX_OK)
        status = guard(&folder, err);
    if (status != VX_OK)
        vx_folder_destroy(&folder);
    else
        *ret_folder = folder;
    return status;
}

bool vx_folder_is_in_memory(const char *path)
{
    return strncmp(path, VX_FILE_MEMORY "/", sizeof(VX_FILE_MEMORY)) == 0;
}

void vx_folder_destroy(vx_folder *folder)
{
    if (folder->path == NULL)
        return;
    if (remove_folder(folder->path) && folder->keeper > 0) {
        kill(folder->keeper, SIGKILL);
        (void)waitpid(folder->keeper, NULL, 0);
    }
    if (folder->lock >= 0)
        close(folder->lock);
    vx_free(folder->path);
    *folder = (vx_folder){ .lock = -1 };
}
