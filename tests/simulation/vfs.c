#include "vfs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include <sqlite3.h>

#include <vx_base/assert.h>
#include <vx_base/clock.h>
#include <vx_base/files.h>
#include <vx_ledger/ledger.h>

#include "storage.h"
#include "world.h"

#define PATH_SIZE   256
#define SECTOR_SIZE 4096
#define JULIAN_1970 210866760000000ll /* ms */

typedef struct vfs_file {
    sqlite3_file base;
    int handle;
    bool locked, sync_folder;
    char path[PATH_SIZE];
} vfs_file;

static int io_close(sqlite3_file *base)
{
    const vx_files *files = vx_files_current();

    return files->close(files->context, ((vfs_file *)base)->handle) < 0 ? SQLITE_IOERR_CLOSE
                                                                        : SQLITE_OK;
}

static int io_read(sqlite3_file *base, void *at, int size, sqlite3_int64 offset)
{
    const vx_files *files = vx_files_current();
    int have = 0;

    while (have < size) {
        ssize_t more = files->read_at(files->context, ((vfs_file *)base)->handle, (char *)at + have,
                                      (size_t)(size - have), (uint64_t)(offset + have));

        if (more < 0)
            return SQLITE_IOERR_READ;
        if (more == 0) {
            memset((char *)at + have, 0, (size_t)(size - have));
            return SQLITE_IOERR_SHORT_READ;
        }
        have += (int)more;
    }
    return SQLITE_OK;
}

static int io_write(sqlite3_file *base, const void *at, int size, sqlite3_int64 offset)
{
    int done = 0;

    while (done < size) {
        ssize_t more = sim_storage_write_at(((vfs_file *)base)->handle, (const char *)at + done,
                                            (size_t)(size - done), (uint64_t)(offset + done));

        if (more == -ENOSPC)
            return SQLITE_FULL;
        if (more < 0)
            return SQLITE_IOERR_WRITE;
        done += (int)more;
    }
    return SQLITE_OK;
}

static int io_truncate(sqlite3_file *base, sqlite3_int64 size)
{
    const vx_files *files = vx_files_current();

    return files->truncate(files->context, ((vfs_file *)base)->handle, (uint64_t)size) < 0
               ? SQLITE_IOERR_TRUNCATE
               : SQLITE_OK;
}

static int sync_folder_of(const char *path)
{
    const vx_files *files = vx_files_current();
    char folder[PATH_SIZE];
    int handle = -1;
    int result = 0;

    snprintf(folder, sizeof(folder), "%s", path);
    *strrchr(folder, '/') = '\0';
    handle = files->open(files->context, folder, O_RDONLY | O_DIRECTORY, 0);
    if (handle < 0)
        return SQLITE_IOERR_DIR_FSYNC;
    result = files->sync(files->context, handle);
    (void)files->close(files->context, handle);
    return result < 0 ? SQLITE_IOERR_DIR_FSYNC : SQLITE_OK;
}

static int io_sync(sqlite3_file *base, int flags)
{
    const vx_files *files = vx_files_current();
    vfs_file *file = (vfs_file *)base;

    (void)flags;
    if (files->sync(files->context, file->handle) < 0)
        return SQLITE_IOERR_FSYNC;
    if (file->sync_folder) { /* as SQLite's own: tried once, its failure is not told */
        file->sync_folder = false;
        (void)sync_folder_of(file->path);
    }
    return SQLITE_OK;
}

static int io_size(sqlite3_file *base, sqlite3_int64 *ret_size)
{
    const vx_files *files = vx_files_current();
    vx_file_info info = { 0 };

    if (files->info(files->context, ((vfs_file *)base)->handle, &info) < 0)
        return SQLITE_IOERR_FSTAT;
    *ret_size = (sqlite3_int64)info.size;
    return SQLITE_OK;
}

static int io_lock(sqlite3_file *base, int level)
{
    const vx_files *files = vx_files_current();
    vfs_file *file = (vfs_file *)base;
    int result = 0;

    if (level == SQLITE_LOCK_NONE || file->locked)
        return SQLITE_OK;
    result = files->lock(files->context, file->handle);
    if (result == -EWOULDBLOCK)
        return SQLITE_BUSY;
    file->locked = result == 0;
    return result < 0 ? SQLITE_IOERR_LOCK : SQLITE_OK;
}

static int io_unlock(sqlite3_file *base, int level)
{
    (void)base; /* nobody else may have it before it is closed */
    (void)level;
    return SQLITE_OK;
}

static int io_is_reserved(sqlite3_file *base, int *ret_reserved)
{
    (void)base;
    *ret_reserved = 0;
    return SQLITE_OK;
}

static int io_control(sqlite3_file *base, int operation, void *argument)
{
    (void)base;
    (void)operation;
    (void)argument;
    return SQLITE_NOTFOUND;
}

static int io_sector_size(sqlite3_file *base)
{
    (void)base;
    return SECTOR_SIZE;
}

static int io_characteristics(sqlite3_file *base)
{
    (void)base;
    return SQLITE_IOCAP_POWERSAFE_OVERWRITE;
}

static const sqlite3_io_methods methods = {
    .iVersion = 1,
    .xClose = io_close,
    .xRead = io_read,
    .xWrite = io_write,
    .xTruncate = io_truncate,
    .xSync = io_sync,
    .xFileSize = io_size,
    .xLock = io_lock,
    .xUnlock = io_unlock,
    .xCheckReservedLock = io_is_reserved,
    .xFileControl = io_control,
    .xSectorSize = io_sector_size,
    .xDeviceCharacteristics = io_characteristics,
};

static int vfs_open(sqlite3_vfs *vfs, const char *path, sqlite3_file *base, int flags,
                    int *ret_flags)
{
    const vx_files *files = vx_files_current();
    vfs_file *file = (vfs_file *)base;
    int mode = (flags & SQLITE_OPEN_READWRITE) != 0 ? O_RDWR : O_RDONLY;
    bool journal = (flags & (SQLITE_OPEN_MAIN_JOURNAL | SQLITE_OPEN_WAL)) != 0;

    (void)vfs;
    *file = (vfs_file){ .handle = -1 };
    if (path == NULL || strlen(path) >= sizeof(file->path))
        return SQLITE_CANTOPEN;
    if ((flags & SQLITE_OPEN_CREATE) != 0)
        mode |= O_CREAT;
    if ((flags & SQLITE_OPEN_EXCLUSIVE) != 0)
        mode |= O_EXCL;
    file->handle = files->open(files->context, path, mode, 0644);
    if (file->handle < 0)
        return SQLITE_CANTOPEN;
    snprintf(file->path, sizeof(file->path), "%s", path);
    file->sync_folder = journal && (flags & SQLITE_OPEN_CREATE) != 0;
    file->base.pMethods = &methods;
    if (ret_flags != NULL)
        *ret_flags = flags;
    return SQLITE_OK;
}

static int vfs_delete(sqlite3_vfs *vfs, const char *path, int sync_folder)
{
    const vx_files *files = vx_files_current();
    int result = files->remove(files->context, path);

    (void)vfs;
    if (result == -ENOENT)
        return SQLITE_IOERR_DELETE_NOENT;
    if (result < 0)
        return SQLITE_IOERR_DELETE;
    return sync_folder != 0 ? sync_folder_of(path) : SQLITE_OK;
}

static int vfs_access(sqlite3_vfs *vfs, const char *path, int flags, int *ret_result)
{
    const vx_files *files = vx_files_current();
    vx_file_info info = { 0 };
    bool there = files->info_of(files->context, path, &info) == 0;

    (void)vfs;
    *ret_result = there && (flags != SQLITE_ACCESS_EXISTS || !info.is_regular || info.size > 0);
    return SQLITE_OK;
}

static int vfs_full_path(sqlite3_vfs *vfs, const char *path, int size, char *ret_path)
{
    (void)vfs;
    return snprintf(ret_path, (size_t)size, "%s", path) < size ? SQLITE_OK : SQLITE_CANTOPEN;
}

static int vfs_randomness(sqlite3_vfs *vfs, int size, char *ret_bytes)
{
    (void)vfs;
    for (int i = 0; i < size; i++)
        ret_bytes[i] = (char)sim_below(SIM_DICE_SECRETS, 128);
    return size;
}

static int vfs_sleep(sqlite3_vfs *vfs, int microseconds)
{
    (void)vfs;
    sim_fiber_sleep(SIM_US * (unsigned)microseconds);
    return microseconds;
}

static int vfs_time(sqlite3_vfs *vfs, sqlite3_int64 *ret_ms)
{
    vx_clock clock = vx_clock_system();

    (void)vfs;
    *ret_ms = JULIAN_1970 + (sqlite3_int64)(vx_clock_realtime_ns(&clock) / 1000000u);
    return SQLITE_OK;
}

static int vfs_last_error(sqlite3_vfs *vfs, int size, char *ret_text)
{
    (void)vfs;
    if (size > 0)
        ret_text[0] = '\0';
    return 0;
}

void sim_vfs_install(void)
{
    static sqlite3_vfs vfs = {
        .iVersion = 2,
        .szOsFile = sizeof(vfs_file),
        .mxPathname = PATH_SIZE - 1,
        .zName = "simulated",
        .xOpen = vfs_open,
        .xDelete = vfs_delete,
        .xAccess = vfs_access,
        .xFullPathname = vfs_full_path,
        .xRandomness = vfs_randomness,
        .xSleep = vfs_sleep,
        .xGetLastError = vfs_last_error,
        .xCurrentTimeInt64 = vfs_time,
    };
    vx_ledger *none = NULL;

    /* SQLite gets the heap of the programs with the first ledger that is opened. */
    VX_ASSERT(vx_ledger_open("/nowhere", (vx_digest){ { 0 } }, VX_LEDGER_FULL, &none, NULL) !=
              VX_OK);
    VX_ASSERT(sqlite3_vfs_register(&vfs, 1) == SQLITE_OK);
}

void sim_vfs_begin(void)
{
    sqlite3_randomness(0, NULL);
}
