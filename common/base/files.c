#include <vx_base/files.h>

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <vx_base/assert.h>
#include <vx_base/clock.h>

/* The value of a system call, repeated while signals interrupt it; -errno when it fails. */
#define UNINTERRUPTED(call)                                                                        \
    do {                                                                                           \
        __typeof__(call) value_;                                                                   \
        do                                                                                         \
            value_ = (call);                                                                       \
        while (value_ < 0 && errno == EINTR);                                                      \
        return value_ < 0 ? -errno : value_;                                                       \
    } while (0)

static int system_open(void *context, const char *path, int flags, mode_t mode)
{
    (void)context;
    UNINTERRUPTED(open(path, flags | O_CLOEXEC, mode));
}

/* Linux closes a descriptor also when it says EINTR. */
static int system_close(void *context, int handle)
{
    (void)context;
    return close(handle) == 0 || errno == EINTR ? 0 : -errno;
}

static ssize_t system_read(void *context, int handle, void *at, size_t size)
{
    (void)context;
    UNINTERRUPTED(read(handle, at, size));
}

static ssize_t system_read_at(void *context, int handle, void *at, size_t size, uint64_t offset)
{
    (void)context;
    UNINTERRUPTED(pread(handle, at, size, (off_t)offset));
}

static ssize_t system_write(void *context, int handle, const void *at, size_t size)
{
    (void)context;
    UNINTERRUPTED(write(handle, at, size));
}

static int system_truncate(void *context, int handle, uint64_t size)
{
    (void)context;
    UNINTERRUPTED(ftruncate(handle, (off_t)size));
}

static int system_sync(void *context, int handle)
{
    (void)context;
    UNINTERRUPTED(fsync(handle));
}

static int system_set_mode(void *context, int handle, mode_t mode)
{
    (void)context;
    UNINTERRUPTED(fchmod(handle, mode));
}

static int system_lock(void *context, int handle)
{
    (void)context;
    UNINTERRUPTED(flock(handle, LOCK_EX | LOCK_NB));
}

static vx_file_info info_from(const struct stat *info)
{
    return (vx_file_info){
        .size = info->st_size > 0 ? (uint64_t)info->st_size : 0,
        .modified_ns =
            (uint64_t)info->st_mtim.tv_sec * VX_NS_PER_S + (uint64_t)info->st_mtim.tv_nsec,
        .is_folder = S_ISDIR(info->st_mode),
        .is_regular = S_ISREG(info->st_mode),
    };
}

static int system_info(void *context, int handle, vx_file_info *ret_info)
{
    struct stat info;

    (void)context;
    if (fstat(handle, &info) != 0)
        return -errno;
    *ret_info = info_from(&info);
    return 0;
}

static int system_info_of(void *context, const char *path, vx_file_info *ret_info)
{
    struct stat info;

    (void)context;
    if (stat(path, &info) != 0)
        return -errno;
    *ret_info = info_from(&info);
    return 0;
}

static int system_rename(void *context, const char *from, const char *to)
{
    (void)context;
    return rename(from, to) == 0 ? 0 : -errno;
}

static int system_exchange(void *context, const char *path, const char *other)
{
    (void)context;
    return renameat2(AT_FDCWD, path, AT_FDCWD, other, RENAME_EXCHANGE) == 0 ? 0 : -errno;
}

static int system_remove(void *context, const char *path)
{
    (void)context;
    return unlink(path) == 0 ? 0 : -errno;
}

static int system_make_folder(void *context, const char *path, mode_t mode)
{
    (void)context;
    return mkdir(path, mode) == 0 ? 0 : -errno;
}

static int system_remove_folder(void *context, const char *path)
{
    (void)context;
    return rmdir(path) == 0 ? 0 : -errno;
}

static int system_list(void *context, const char *path, vx_files_visit visit, void *visitor)
{
    const struct dirent *item = NULL;
    int result = 0;
    DIR *folder = opendir(path);

    (void)context;
    if (folder == NULL)
        return -errno;
    while (result == 0) {
        errno = 0;
        item = readdir(folder);
        if (item == NULL) {
            result = -errno;
            break;
        }
        if (strcmp(item->d_name, ".") != 0 && strcmp(item->d_name, "..") != 0)
            result = visit(visitor, item->d_name);
    }
    (void)closedir(folder);
    return result;
}

static int system_map(void *context, int handle, size_t size, const void **ret_at)
{
    void *at = mmap(NULL, size, PROT_READ, MAP_PRIVATE, handle, 0);

    (void)context;
    if (at == MAP_FAILED)
        return -errno;
    *ret_at = at;
    return 0;
}

static void system_unmap(void *context, const void *at, size_t size)
{
    (void)context;
    (void)munmap((void *)(uintptr_t)at, size);
}

static const vx_files machine = {
    .open = system_open,
    .close = system_close,
    .read = system_read,
    .read_at = system_read_at,
    .write = system_write,
    .truncate = system_truncate,
    .sync = system_sync,
    .set_mode = system_set_mode,
    .lock = system_lock,
    .info = system_info,
    .info_of = system_info_of,
    .rename = system_rename,
    .exchange = system_exchange,
    .remove = system_remove,
    .make_folder = system_make_folder,
    .remove_folder = system_remove_folder,
    .list = system_list,
    .map = system_map,
    .unmap = system_unmap,
};

static const vx_files *installed = &machine;

const vx_files *vx_files_system(void)
{
    return &machine;
}

const vx_files *vx_files_current(void)
{
    return installed;
}

void vx_files_install(const vx_files *files)
{
    installed = files != NULL ? files : &machine;
}
