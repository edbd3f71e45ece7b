#include "faulty_vfs.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sqlite3.h>

#include <vx_test/check.h>

typedef struct faulty_file {
    sqlite3_file base;
    const char *name; /* borrowed from SQLite while it is open */
    bool is_database;
    sqlite3_file *real; /* behind this struct */
} faulty_file;

static struct {
    faulty_kind kind;
    int left;
    bool database_only, images, failed;
} faults;
static sqlite3_vfs *real_vfs;

/* What was written since the last sync of its file, whether that failed or not. */
static struct {
    char path[256];
    sqlite3_int64 offset;
    int size;
} writes[8192];
static size_t writes_count;

static bool fails(bool is_database, bool is_write)
{
    if (faults.kind == FAULTY_NONE || (faults.failed && faults.kind != FAULTY_POWER) ||
        (faults.database_only && !is_database) || (faults.kind == FAULTY_SPACE && !is_write))
        return false;
    if (!faults.failed && faults.left-- > 0)
        return false;
    faults.failed = true;
    return true;
}

static void image_name(const char *path, char name[1024])
{
    assert_true(snprintf(name, 1024, "%s.durable", path) < 1024);
}

static void copy(const char *from, const char *to)
{
    static char block[1u << 20];
    FILE *source = fopen(from, "rb");
    FILE *target = fopen(to, "wb");
    size_t size;

    assert_true(source != NULL && target != NULL);
    while ((size = fread(block, 1, sizeof(block), source)) > 0)
        assert_int_equal(fwrite(block, 1, size, target), size);
    fclose(source);
    fclose(target);
}

static void note_write(const char *path, sqlite3_int64 offset, int size)
{
    assert_true(writes_count < sizeof(writes) / sizeof(writes[0]));
    assert_true(strlen(path) < sizeof(writes[0].path));
    snprintf(writes[writes_count].path, sizeof(writes[0].path), "%s", path);
    writes[writes_count].offset = offset;
    writes[writes_count++].size = size;
}

static void forget_writes(const char *path)
{
    size_t left = 0;

    for (size_t i = 0; i < writes_count; i++)
        if (strcmp(writes[i].path, path) != 0)
            writes[left++] = writes[i];
    writes_count = left;
}

static void copy_part(int from, int to, sqlite3_int64 offset, int size)
{
    static char part[1u << 20];
    ssize_t got;

    assert_true((size_t)size <= sizeof(part));
    got = pread(from, part, (size_t)size, offset);
    assert_true(got >= 0);
    assert_int_equal(pwrite(to, part, (size_t)got, offset), got);
}

/* In another process: closing a file here would drop SQLite's locks, but that is no matter here. */
static void sync_image(const char *path)
{
    char name[1024];
    int file = open(path, O_RDONLY);
    int image = -1;

    image_name(path, name);
    image = open(name, O_RDWR | O_CREAT, 0600);
    assert_true(file >= 0 && image >= 0);
    for (size_t i = 0; i < writes_count; i++)
        if (strcmp(writes[i].path, path) == 0)
            copy_part(file, image, writes[i].offset, writes[i].size);
    assert_int_equal(ftruncate(image, lseek(file, 0, SEEK_END)), 0);
    close(file);
    close(image);
    forget_writes(path);
}

void faulty_vfs_lose_power(const char *path)
{
    char image[1024];

    image_name(path, image);
    forget_writes(path);
    if (access(image, R_OK) == 0)
        copy(image, path);
    else
        (void)unlink(path);
}

static faulty_file *of(sqlite3_file *file)
{
    return (faulty_file *)(void *)file;
}

static int file_close(sqlite3_file *file)
{
    return of(file)->real->pMethods != NULL ? of(file)->real->pMethods->xClose(of(file)->real)
                                            : SQLITE_OK;
}

static int file_read(sqlite3_file *file, void *at, int size, sqlite3_int64 offset)
{
    return of(file)->real->pMethods->xRead(of(file)->real, at, size, offset);
}

static int file_write(sqlite3_file *file, const void *at, int size, sqlite3_int64 offset)
{
    if (fails(of(file)->is_database, true))
        return faults.kind == FAULTY_SPACE ? SQLITE_FULL : SQLITE_IOERR_WRITE;
    if (faults.images)
        note_write(of(file)->name, offset, size);
    return of(file)->real->pMethods->xWrite(of(file)->real, at, size, offset);
}

static int file_truncate(sqlite3_file *file, sqlite3_int64 size)
{
    if (fails(of(file)->is_database, false))
        return SQLITE_IOERR_TRUNCATE;
    return of(file)->real->pMethods->xTruncate(of(file)->real, size);
}

static int file_sync(sqlite3_file *file, int flags)
{
    (void)flags; /* the page cache is enough for a test, and faster */
    if (fails(of(file)->is_database, false)) {
        forget_writes(of(file)->name);
        return SQLITE_IOERR_FSYNC;
    }
    if (faults.images)
        sync_image(of(file)->name);
    return SQLITE_OK;
}

static int file_size(sqlite3_file *file, sqlite3_int64 *ret_size)
{
    return of(file)->real->pMethods->xFileSize(of(file)->real, ret_size);
}

static int file_lock(sqlite3_file *file, int level)
{
    return of(file)->real->pMethods->xLock(of(file)->real, level);
}

static int file_unlock(sqlite3_file *file, int level)
{
    return of(file)->real->pMethods->xUnlock(of(file)->real, level);
}

static int file_check_lock(sqlite3_file *file, int *ret_is_locked)
{
    return of(file)->real->pMethods->xCheckReservedLock(of(file)->real, ret_is_locked);
}

static int file_control(sqlite3_file *file, int which, void *at)
{
    return of(file)->real->pMethods->xFileControl(of(file)->real, which, at);
}

static int file_sector_size(sqlite3_file *file)
{
    return of(file)->real->pMethods->xSectorSize(of(file)->real);
}

static int file_characteristics(sqlite3_file *file)
{
    return of(file)->real->pMethods->xDeviceCharacteristics(of(file)->real);
}

static const sqlite3_io_methods file_methods = { .iVersion = 1,
                                                 .xClose = file_close,
                                                 .xRead = file_read,
                                                 .xWrite = file_write,
                                                 .xTruncate = file_truncate,
                                                 .xSync = file_sync,
                                                 .xFileSize = file_size,
                                                 .xLock = file_lock,
                                                 .xUnlock = file_unlock,
                                                 .xCheckReservedLock = file_check_lock,
                                                 .xFileControl = file_control,
                                                 .xSectorSize = file_sector_size,
                                                 .xDeviceCharacteristics = file_characteristics };

static int vfs_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags,
                    int *ret_flags)
{
    faulty_file *faulty = of(file);
    int code;

    (void)vfs;
    faulty->name = name;
    faulty->is_database = (flags & SQLITE_OPEN_MAIN_DB) != 0;
    faulty->real = (sqlite3_file *)(void *)(faulty + 1);
    code = real_vfs->xOpen(real_vfs, name, faulty->real, flags, ret_flags);
    faulty->base.pMethods = faulty->real->pMethods != NULL ? &file_methods : NULL;
    return code;
}

static int vfs_delete(sqlite3_vfs *vfs, const char *name, int sync_folder)
{
    char image[1024];

    (void)vfs;
    if (fails(false, false))
        return SQLITE_IOERR_DELETE;
    image_name(name, image);
    forget_writes(name);
    if (faults.images && sync_folder != 0)
        (void)unlink(image);
    return real_vfs->xDelete(real_vfs, name, 0);
}

void faulty_vfs_install(void)
{
    static sqlite3_vfs faulty;

    real_vfs = sqlite3_vfs_find(NULL);
    assert_non_null(real_vfs);
    faulty = *real_vfs;
    faulty.zName = "faulty";
    faulty.szOsFile = (int)sizeof(faulty_file) + real_vfs->szOsFile;
    faulty.xOpen = vfs_open;
    faulty.xDelete = vfs_delete;
    assert_int_equal(sqlite3_vfs_register(&faulty, 1), SQLITE_OK);
}

void faulty_vfs_arm(faulty_kind kind, int k, bool database_only, bool images)
{
    faults.kind = kind;
    faults.left = k;
    faults.database_only = database_only;
    faults.images = images;
    faults.failed = false;
}

bool faulty_vfs_has_failed(void)
{
    bool failed = faults.failed;

    faulty_vfs_arm(FAULTY_NONE, 0, false, false);
    return failed;
}
