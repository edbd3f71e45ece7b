#include "space.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <mpi.h>

#include <vx_base/file.h>

#define RESERVE_OF_RANK ((uint64_t)1 << 20)
#define PAUSE_NS        20000000L
#define TRIES_MAX       1000

static void ask_mpi(char ret_folder[VX_PATH_MAX])
{
    char value[VX_PATH_MAX] = "";
    MPI_T_cvar_handle handle = MPI_T_CVAR_HANDLE_NULL;
    int index = 0;
    int count = 0;

    if (MPI_T_cvar_get_index("osc_sm_backing_directory", &index) != MPI_SUCCESS ||
        MPI_T_cvar_handle_alloc(index, NULL, &handle, &count) != MPI_SUCCESS)
        return;
    if (count < VX_PATH_MAX && MPI_T_cvar_read(handle, value) == MPI_SUCCESS && value[0] != '\0')
        snprintf(ret_folder, VX_PATH_MAX, "%s", value);
    MPI_T_cvar_handle_free(&handle);
}

void vx_space_folder(char ret_folder[VX_PATH_MAX])
{
    int level = 0;

    snprintf(ret_folder, VX_PATH_MAX, VX_FILE_MEMORY);
    if (MPI_T_init_thread(MPI_THREAD_SERIALIZED, &level) != MPI_SUCCESS)
        return;
    ask_mpi(ret_folder);
    MPI_T_finalize();
}

uint64_t vx_space_free(const char *folder, unsigned ranks)
{
    uint64_t reserve = ranks * RESERVE_OF_RANK;
    uint64_t room = 0;

    return vx_file_room(folder, &room) && room > reserve ? room - reserve : 0;
}

/* A folder of the machine's own can be locked by all its users, and one that is killed lets it go.
 */
int vx_space_lock(void)
{
    const vx_files *files = vx_files_current();
    struct timespec pause = { 0, PAUSE_NS };
    int handle = files->open(files->context, VX_FILE_MEMORY, O_RDONLY | O_DIRECTORY, 0);

    for (int i = 0; handle >= 0 && i < TRIES_MAX; i++) {
        if (files->lock(files->context, handle) != -EWOULDBLOCK)
            break;
        nanosleep(&pause, NULL);
    }
    return handle < 0 ? -1 : handle;
}

void vx_space_unlock(int handle)
{
    vx_file_close(handle);
}

bool vx_space_take(void *at, size_t bytes)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t before = (uintptr_t)at % page;

    /* The pages at both ends are mapped too. EFAULT: touching one of them would be SIGBUS. */
    return madvise((char *)at - before, before + bytes, MADV_POPULATE_WRITE) == 0 ||
           (errno != EFAULT && errno != ENOMEM);
}
