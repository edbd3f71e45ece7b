#include <errno.h>
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <sqlite3.h>

#include <vx_base/assert.h>

#include "database.h"
#include "faulty.h"

/* SQLite lets its system calls be replaced, but not this one. Its library finds ours first. */
__attribute__((visibility("default"))) int ledger_sync(int fd) __asm__("fdatasync");

#define FAIL_IF_DUE(kind, path)                                                                    \
    do {                                                                                           \
        errno = faulty_point((kind), (path));                                                      \
        if (errno != 0)                                                                            \
            return -1;                                                                             \
    } while (0)

int ledger_sync(int fd)
{
    FAIL_IF_DUE(FAULTY_LEDGER_SYNC, faulty_path(fd));
    return (int)syscall(SYS_fdatasync, fd);
}

static int ledger_open(const char *path, int flags, int mode)
{
    int fd = -1;

    FAIL_IF_DUE(FAULTY_LEDGER_OPEN, path);
    fd = open(path, flags, mode);
    faulty_path_keep(fd, path);
    return fd;
}

static size_t half(size_t size)
{
    return size > 1 ? size / 2 : size;
}

static ssize_t ledger_read(int fd, void *at, size_t size, off_t offset)
{
    int fault = faulty_point(FAULTY_LEDGER_READ, faulty_path(fd));

    if (fault != 0 && fault != FAULTY_SHORT) {
        errno = fault;
        return -1;
    }
    return pread(fd, at, fault == FAULTY_SHORT ? half(size) : size, offset);
}

static ssize_t ledger_write(int fd, const void *at, size_t size, off_t offset)
{
    int fault = faulty_point(FAULTY_LEDGER_WRITE, faulty_path(fd));
    ssize_t written = 0;

    if (fault != 0 && fault != FAULTY_SHORT && fault != FAULTY_TORN) {
        errno = fault;
        return -1;
    }
    written = pwrite(fd, at, fault != 0 ? half(size) : size, offset);
    if (fault == FAULTY_TORN)
        faulty_die();
    return written;
}

static int ledger_truncate(int fd, off_t size)
{
    FAIL_IF_DUE(FAULTY_LEDGER_TRUNCATE, faulty_path(fd));
    return ftruncate(fd, size);
}

static int ledger_remove(const char *path)
{
    FAIL_IF_DUE(FAULTY_LEDGER_REMOVE, path);
    return unlink(path);
}

void faulty_ledger_install(void)
{
    static const struct {
        const char *name;
        sqlite3_syscall_ptr call;
    } calls[] = {
        { "open", (sqlite3_syscall_ptr)ledger_open },
        { "pread", (sqlite3_syscall_ptr)ledger_read },
        { "pread64", (sqlite3_syscall_ptr)ledger_read },
        { "pwrite", (sqlite3_syscall_ptr)ledger_write },
        { "pwrite64", (sqlite3_syscall_ptr)ledger_write },
        { "ftruncate", (sqlite3_syscall_ptr)ledger_truncate },
        { "unlink", (sqlite3_syscall_ptr)ledger_remove },
    };
    sqlite3_vfs *vfs = NULL;

    vx_database_use_our_heap(); /* what follows initialises SQLite with the heap that it has */
    vfs = sqlite3_vfs_find(NULL);
    VX_ASSERT(vfs != NULL);
    for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
        VX_ASSERT(vfs->xSetSystemCall(vfs, calls[i].name, calls[i].call) == SQLITE_OK);
}
