#ifndef VX_BASE_FILES_H
#define VX_BASE_FILES_H
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * Where files live. A process is started with the files of the machine; a simulator installs its
 * own. Rooms reach files through vx_base/file.h, and through this table for what is not there.
 *
 * Every operation is the system call of its name: it returns 0, a count or a handle, or -errno.
 * Being interrupted by a signal never comes back. A handle is a descriptor of the machine in
 * vx_files_system(), and any number from 0 in another table.
 */
typedef struct vx_file_info {
    uint64_t size;        /* bytes */
    uint64_t modified_ns; /* since 1970-01-01 UTC */
    bool is_folder, is_regular;
} vx_file_info;

/* A name of a folder, borrowed until it returns; not 0 ends the list, which returns it. */
typedef int (*vx_files_visit)(void *visitor, const char *name);

typedef struct vx_files {
    /* flags are those of open(2); no child that is executed inherits the handle. A folder is opened
     * with O_DIRECTORY, to sync it. */
    int (*open)(void *context, const char *path, int flags, mode_t mode);
    int (*close)(void *context, int handle); /* the handle is gone also when this fails */
    ssize_t (*read)(void *context, int handle, void *at, size_t size);
    ssize_t (*read_at)(void *context, int handle, void *at, size_t size, uint64_t offset);
    ssize_t (*write)(void *context, int handle, const void *at, size_t size); /* can be short */
    int (*truncate)(void *context, int handle, uint64_t size);
    int (*sync)(void *context, int handle); /* fsync(2), of a folder too */
    int (*set_mode)(void *context, int handle, mode_t mode);
    int (*lock)(void *context, int handle); /* exclusive flock(2); -EWOULDBLOCK: another has it */
    int (*info)(void *context, int handle, vx_file_info *ret_info);
    int (*info_of)(void *context, const char *path, vx_file_info *ret_info);
    int (*rename)(void *context, const char *from, const char *to);
    int (*exchange)(void *context, const char *path, const char *other); /* in one step */
    int (*remove)(void *context, const char *path);                      /* unlink(2) */
    int (*make_folder)(void *context, const char *path, mode_t mode);
    int (*remove_folder)(void *context, const char *path);
    /* Each name but "." and "..", in any order; no other operation is called meanwhile. */
    int (*list)(void *context, const char *path, vx_files_visit visit, void *visitor);
    /* The first size (> 0) bytes for reading; they outlive the handle. */
    int (*map)(void *context, int handle, size_t size, const void **ret_at);
    void (*unmap)(void *context, const void *at, size_t size);
    void *context;
} vx_files;

const vx_files *vx_files_system(void);  /* the files of the machine */
const vx_files *vx_files_current(void); /* what is installed */
/* Before anything else runs, and before any thread; NULL: those of the machine. Borrowed. Only
 * tests and the simulator call it. */
void vx_files_install(const vx_files *files);
#endif
