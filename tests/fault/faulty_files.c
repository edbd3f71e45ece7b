#include <vx_base/files.h>

#include "faulty.h"

static const vx_files *machine;

#define FAIL_IF_DUE(kind, path)                                                                    \
    do {                                                                                           \
        int fault_ = faulty_point((kind), (path));                                                 \
        if (fault_ != 0)                                                                           \
            return -fault_;                                                                        \
    } while (0)

static int faulty_open(void *context, const char *path, int flags, mode_t mode)
{
    int handle = -1;

    FAIL_IF_DUE(FAULTY_FILE_OPEN, path);
    handle = machine->open(context, path, flags, mode);
    faulty_path_keep(handle, path);
    return handle;
}

static int faulty_close(void *context, int handle)
{
    int fault = faulty_point(FAULTY_FILE_CLOSE, faulty_path(handle));
    int result = machine->close(context, handle);

    return fault != 0 ? -fault : result;
}

static size_t half(size_t size)
{
    return size > 1 ? size / 2 : size;
}

static ssize_t faulty_read(void *context, int handle, void *at, size_t size)
{
    int fault = faulty_point(FAULTY_FILE_READ, faulty_path(handle));

    if (fault != 0 && fault != FAULTY_SHORT)
        return -fault;
    return machine->read(context, handle, at, fault == FAULTY_SHORT ? half(size) : size);
}

static ssize_t faulty_read_at(void *context, int handle, void *at, size_t size, uint64_t offset)
{
    int fault = faulty_point(FAULTY_FILE_READ, faulty_path(handle));

    if (fault != 0 && fault != FAULTY_SHORT)
        return -fault;
    return machine->read_at(context, handle, at, fault == FAULTY_SHORT ? half(size) : size, offset);
}

static ssize_t faulty_write(void *context, int handle, const void *at, size_t size)
{
    int fault = faulty_point(FAULTY_FILE_WRITE, faulty_path(handle));
    ssize_t written = 0;

    if (fault != 0 && fault != FAULTY_SHORT && fault != FAULTY_TORN)
        return -fault;
    written = machine->write(context, handle, at, fault != 0 ? half(size) : size);
    if (fault == FAULTY_TORN)
        faulty_die();
    return written;
}

static int faulty_truncate(void *context, int handle, uint64_t size)
{
    FAIL_IF_DUE(FAULTY_FILE_TRUNCATE, faulty_path(handle));
    return machine->truncate(context, handle, size);
}

static int faulty_sync(void *context, int handle)
{
    FAIL_IF_DUE(FAULTY_FILE_SYNC, faulty_path(handle));
    return machine->sync(context, handle);
}

static int faulty_set_mode(void *context, int handle, mode_t mode)
{
    FAIL_IF_DUE(FAULTY_FILE_SET_MODE, faulty_path(handle));
    return machine->set_mode(context, handle, mode);
}

static int faulty_lock(void *context, int handle)
{
    FAIL_IF_DUE(FAULTY_FILE_LOCK, faulty_path(handle));
    return machine->lock(context, handle);
}

static int faulty_info(void *context, int handle, vx_file_info *ret_info)
{
    FAIL_IF_DUE(FAULTY_FILE_INFO, faulty_path(handle));
    return machine->info(context, handle, ret_info);
}

static int faulty_info_of(void *context, const char *path, vx_file_info *ret_info)
{
    FAIL_IF_DUE(FAULTY_FILE_INFO, path);
    return machine->info_of(context, path, ret_info);
}

static int faulty_rename(void *context, const char *from, const char *to)
{
    FAIL_IF_DUE(FAULTY_FILE_RENAME, to);
    return machine->rename(context, from, to);
}

static int faulty_exchange(void *context, const char *path, const char *other)
{
    FAIL_IF_DUE(FAULTY_FILE_EXCHANGE, path);
    return machine->exchange(context, path, other);
}

static int faulty_remove(void *context, const char *path)
{
    FAIL_IF_DUE(FAULTY_FILE_REMOVE, path);
    return machine->remove(context, path);
}

static int faulty_make_folder(void *context, const char *path, mode_t mode)
{
    FAIL_IF_DUE(FAULTY_FILE_MAKE_FOLDER, path);
    return machine->make_folder(context, path, mode);
}

static int faulty_remove_folder(void *context, const char *path)
{
    FAIL_IF_DUE(FAULTY_FILE_REMOVE_FOLDER, path);
    return machine->remove_folder(context, path);
}

static int faulty_list(void *context, const char *path, vx_files_visit visit, void *visitor)
{
    FAIL_IF_DUE(FAULTY_FILE_LIST, path);
    return machine->list(context, path, visit, visitor);
}

static int faulty_map(void *context, int handle, size_t size, const void **ret_at)
{
    FAIL_IF_DUE(FAULTY_FILE_MAP, faulty_path(handle));
    return machine->map(context, handle, size, ret_at);
}

void faulty_files_install(void)
{
    static vx_files files;

    machine = vx_files_system();
    files = *machine;
    files.open = faulty_open;
    files.close = faulty_close;
    files.read = faulty_read;
    files.read_at = faulty_read_at;
    files.write = faulty_write;
    files.truncate = faulty_truncate;
    files.sync = faulty_sync;
    files.set_mode = faulty_set_mode;
    files.lock = faulty_lock;
    files.info = faulty_info;
    files.info_of = faulty_info_of;
    files.rename = faulty_rename;
    files.exchange = faulty_exchange;
    files.remove = faulty_remove;
    files.make_folder = faulty_make_folder;
    files.remove_folder = faulty_remove_folder;
    files.list = faulty_list;
    files.map = faulty_map;
    vx_files_install(&files);
}
