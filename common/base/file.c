#include <vx_base/file.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <vx_base/alloc.h>
#include <vx_base/assert.h>
#include <vx_base/descriptors.h>

#define FOLDER_MODE   0755
#define LOCK_MODE     0644
#define TEMP_MODE     0600 /* until it is complete */
#define TEMPS_MAX     1000
#define READ_SIZE_MIN 4096
#define PID_TEXT_SIZE 24

vx_status vx_file_fail(vx_error *err, ssize_t result, const char *what, const char *path)
{
    int number = (int)-result;
    vx_status code = VX_ERR_IO;
    char text[VX_ERRNO_TEXT_SIZE];

    if (number == ENOENT || number == ENOTDIR)
        code = VX_ERR_NOT_FOUND;
    else if (number == ENOSPC || number == EDQUOT)
        code = VX_ERR_SPACE;
    else if (vx_descriptors_ran_out(number))
        code = VX_ERR_SYSTEM;
    return vx_fail(err, code, "cannot %s %s: %s", what, path, vx_errno_text(number, text));
}

static vx_status fail_nomem(vx_error *err, const char *path)
{
    return vx_fail(err, VX_ERR_NOMEM, "out of memory for %s", path);
}

void vx_file_close(int handle)
{
    const vx_files *files = vx_files_current();

    if (handle >= 0)
        (void)files->close(files->context, handle);
}

/* Grows *at to hold size bytes and the zero after them. */
static vx_status buffer_grow(uint8_t **at, size_t size, const char *path, vx_error *err)
{
    uint8_t *grown = vx_realloc(*at, size + 1);

    if (grown == NULL)
        return fail_nomem(err, path);
    *at = grown;
    return VX_OK;
}

/* Reads to the end, or until content has more than size_max bytes. The size that the system tells
 * is a hint only: a file may grow meanwhile, and those of /proc say 0. */
static vx_status read_to_end(int handle, size_t size_hint, size_t size_max, vx_bytes *content,
                             const char *path, vx_error *err)
{
    const vx_files *files = vx_files_current();
    size_t capacity = 0;
    ssize_t count = 0;

    do {
        if (content->size == capacity) {
            vx_status status = VX_OK;

            capacity = capacity == 0 ? size_hint : 2 * capacity;
            if (capacity > size_max + 1)
                capacity = size_max + 1;
            status = buffer_grow(&content->at, capacity, path, err);
            if (status != VX_OK)
                return status;
        }
        count = files->read(files->context, handle, content->at + content->size,
                            capacity - content->size);
        if (count < 0)
            return vx_file_fail(err, count, "read", path);
        content->size += (size_t)count;
    } while (count > 0 && content->size <= size_max);
    if (content->size > size_max)
        return vx_fail(err, VX_ERR_LIMIT, "%s is larger than %zu bytes", path, size_max);
    VX_ASSERT(content->at != NULL);
    content->at[content->size] = 0;
    return VX_OK;
}

vx_status vx_file_read(const char *path, size_t size_max, vx_bytes *ret_content, vx_error *err)
{
    const vx_files *files = vx_files_current();
    vx_status status = VX_OK;
    vx_bytes content = { NULL, 0 };
    vx_file_info info = { 0 };
    int handle = files->open(files->context, path, O_RDONLY, 0);
    int result = handle < 0 ? handle : files->info(files->context, handle, &info);

    VX_ASSERT(size_max <= SIZE_MAX / 4);
    if (result < 0) {
        status = vx_file_fail(err, result, "open", path);
        goto out;
    }
    if (info.size > size_max) {
        status = vx_fail(err, VX_ERR_LIMIT, "%s has %ju bytes, more than %zu", path,
                         (uintmax_t)info.size, size_max);
        goto out;
    }
    /* One byte more than the file has, so that its end is seen without growing. */
    status = read_to_end(handle, info.size > 0 ? (size_t)info.size + 1 : READ_SIZE_MIN, size_max,
                         &content, path, err);
    if (status != VX_OK)
        goto out;
    *ret_content = content;
    content.at = NULL; /* moved to the caller */
out:
    vx_free(content.at);
    vx_file_close(handle);
    return status;
}

vx_status vx_file_write_all(int handle, vx_cbytes content, const char *path_for_message,
                            vx_error *err)
{
    const vx_files *files = vx_files_current();

    while (content.size > 0) {
        ssize_t written = files->write(files->context, handle, content.at, content.size);

        if (written < 0)
            return vx_file_fail(err, written, "write", path_for_message);
        content.at += written;
        content.size -= (size_t)written;
    }
    return VX_OK;
}

vx_status vx_file_sync_folder(const char *folder, vx_error *err)
{
    const vx_files *files = vx_files_current();
    int handle = files->open(files->context, folder, O_RDONLY | O_DIRECTORY, 0);
    int result = 0;

    if (handle < 0)
        return vx_file_fail(err, handle, "open folder", folder);
    result = files->sync(files->context, handle);
    vx_file_close(handle);
    return result < 0 ? vx_file_fail(err, result, "sync folder", folder) : VX_OK;
}

/* A new file path.tmp.N for the first free N: one of a crash stays as it is, it may be another
 * writer's. *ret_temp is new memory. */
static vx_status temp_create(const char *path, char **ret_temp, int *ret_handle, vx_error *err)
{
    const vx_files *files = vx_files_current();
    int handle = -EEXIST;

    for (unsigned n = 0; n < TEMPS_MAX && handle == -EEXIST; n++) {
        char *temp = vx_format("%s.tmp.%u", path, n);

        if (temp == NULL)
            return fail_nomem(err, path);
        handle = files->open(files->context, temp, O_WRONLY | O_CREAT | O_EXCL, TEMP_MODE);
        if (handle >= 0) {
            *ret_temp = temp;
            *ret_handle = handle;
            return VX_OK;
        }
        vx_free(temp);
    }
    return vx_file_fail(err, handle, "create a temp file beside", path);
}

/* Fills the temp file of path and makes it durable. Takes the handle over: it is closed in every
 * case. */
static vx_status temp_fill(int handle, const vx_cbytes *pieces, size_t count, mode_t mode,
                           const char *path, vx_error *err)
{
    const vx_files *files = vx_files_current();
    vx_status status = VX_OK;
    int result = 0;

    for (size_t i = 0; status == VX_OK && i < count; i++)
        status = vx_file_write_all(handle, pieces[i], path, err);
    if (status == VX_OK && (result = files->set_mode(files->context, handle, mode)) < 0)
        status = vx_file_fail(err, result, "set the mode of", path);
    if (status == VX_OK && (result = files->sync(files->context, handle)) < 0)
        status = vx_file_fail(err, result, "sync", path);
    result = files->close(files->context, handle);
    if (result < 0 && status == VX_OK)
        status = vx_file_fail(err, result, "close", path);
    return status;
}

struct vx_staged {
    char *path, *temp; /* owned; temp is NULL when there is none */
};

/* A rename would take the place of a device, or of a folder that is empty on some systems. */
static vx_status check_target(const char *path, vx_error *err)
{
    const vx_files *files = vx_files_current();
    vx_file_info info = { 0 };
    int result = files->info_of(files->context, path, &info);

    if (result == -ENOENT || result == -ENOTDIR)
        return VX_OK; /* nothing is there, or making the temp file tells why */
    if (result < 0)
        return vx_file_fail(err, result, "look at", path);
    if (!info.is_regular)
        return vx_fail(err, VX_ERR_IO, "cannot replace %s: expected a regular file, it is %s", path,
                       info.is_folder ? "a folder" : "none");
    return VX_OK;
}

vx_status vx_file_stage(const char *path, const vx_cbytes *pieces, size_t count, mode_t mode,
                        vx_staged **ret_staged, vx_error *err)
{
    vx_staged *staged = NULL;
    vx_status status = check_target(path, err);
    int handle = -1;

    if (status != VX_OK)
        return status;
    staged = vx_calloc(1, sizeof(*staged));
    if (staged != NULL)
        staged->path = vx_strdup(path);
    if (staged == NULL || staged->path == NULL) {
        status = fail_nomem(err, path);
        goto out;
    }
    status = temp_create(path, &staged->temp, &handle, err);
    if (status == VX_OK)
        status = temp_fill(handle, pieces, count, mode, path, err);
    if (status != VX_OK)
        goto out;
    *ret_staged = staged;
    staged = NULL; /* moved to the caller */
out:
    vx_file_unstage(staged);
    return status;
}

vx_status vx_file_publish(vx_staged *staged, vx_error *err)
{
    const vx_files *files = vx_files_current();
    vx_status status = VX_OK;
    char *folder = NULL;
    int result = 0;

    VX_ASSERT(staged != NULL && staged->temp != NULL);
    folder = vx_path_folder(staged->path);
    if (folder == NULL)
        return fail_nomem(err, staged->path);
    result = files->rename(files->context, staged->temp, staged->path);
    if (result < 0) {
        status = vx_file_fail(err, result, "replace", staged->path);
    } else {
        vx_free(staged->temp);
        staged->temp = NULL;
        status = vx_file_sync_folder(folder, err);
    }
    vx_free(folder);
    return status;
}

vx_staged *vx_file_unstage(vx_staged *staged)
{
    const vx_files *files = vx_files_current();

    if (staged == NULL)
        return NULL;
    if (staged->temp != NULL)
        (void)files->remove(files->context, staged->temp);
    vx_free(staged->temp);
    vx_free(staged->path);
    vx_free(staged);
    return NULL;
}

vx_status vx_file_replace_pieces(const char *path, const vx_cbytes *pieces, size_t count,
                                 mode_t mode, vx_error *err)
{
    vx_staged *staged = NULL;
    vx_status status = vx_file_stage(path, pieces, count, mode, &staged, err);

    if (status == VX_OK)
        status = vx_file_publish(staged, err);
    vx_file_unstage(staged);
    return status;
}

vx_status vx_file_replace(const char *path, vx_cbytes content, mode_t mode, vx_error *err)
{
    return vx_file_replace_pieces(path, &content, 1, mode, err);
}

bool vx_file_exists(const char *path)
{
    const vx_files *files = vx_files_current();
    vx_file_info info;

    return files->info_of(files->context, path, &info) == 0;
}

bool vx_file_room(const char *folder, uint64_t *ret_bytes)
{
    struct statvfs about;

    if (statvfs(folder, &about) != 0)
        return false;
    *ret_bytes = (uint64_t)about.f_bavail * about.f_frsize;
    return true;
}

/* A folder that is there may be of a program that died before its name was durable. Those above may
 * be others' folders, which we may not open or that cannot be synced: that is no failure. */
static vx_status settle_found(const char *parent, vx_error *err)
{
    const vx_files *files = vx_files_current();
    int handle = files->open(files->context, parent, O_RDONLY | O_DIRECTORY, 0);
    int result = handle >= 0 ? files->sync(files->context, handle) : handle;

    vx_file_close(handle);
    return result == -EIO ? vx_file_fail(err, result, "sync folder", parent) : VX_OK;
}

static vx_status make_one_folder(const char *path, vx_error *err)
{
    const vx_files *files = vx_files_current();
    int result = files->make_folder(files->context, path, FOLDER_MODE);
    vx_file_info info = { 0 };
    vx_status status = VX_ERR_NOMEM;
    char *parent = NULL;

    if (result < 0) { /* some file systems say other things than EEXIST of what is there */
        int looked = files->info_of(files->context, path, &info);

        if (looked < 0 && result == -EEXIST)
            return vx_file_fail(err, looked, "look at", path);
        if (looked < 0 || !info.is_folder)
            return vx_file_fail(err, result, "create folder", path);
    }
    parent = vx_path_folder(path);
    if (parent == NULL)
        status = fail_nomem(err, path);
    else if (result < 0)
        status = settle_found(parent, err);
    else
        status = vx_file_sync_folder(parent, err);
    vx_free(parent);
    return status;
}

vx_status vx_file_make_folder(const char *path, vx_error *err)
{
    vx_status status = VX_OK;
    char *partial = vx_strdup(path);

    if (partial == NULL)
        return fail_nomem(err, path);
    for (char *at = partial; *at != '\0' && status == VX_OK; at++) {
        if (*at != '/' || at == partial)
            continue;
        *at = '\0';
        status = make_one_folder(partial, err);
        *at = '/';
    }
    if (status == VX_OK)
        status = make_one_folder(partial, err);
    vx_free(partial);
    return status;
}

typedef struct name_list {
    vx_names names;
    size_t capacity;
} name_list;

static int name_add(void *visitor, const char *name)
{
    name_list *list = visitor;
    vx_names *names = &list->names;

    if (names->count == list->capacity) {
        size_t larger = list->capacity > 0 ? 2 * list->capacity : 16;
        char **grown = vx_realloc(names->at, larger * sizeof(*grown));

        if (grown == NULL)
            return -ENOMEM;
        names->at = grown;
        list->capacity = larger;
    }
    names->at[names->count] = vx_strdup(name);
    if (names->at[names->count] == NULL)
        return -ENOMEM;
    names->count++;
    return 0;
}

static int by_bytes(const void *left, const void *right)
{
    const char *const *a = left;
    const char *const *b = right;

    return strcmp(*a, *b);
}

vx_status vx_file_list(const char *folder, vx_names *ret_names, vx_error *err)
{
    const vx_files *files = vx_files_current();
    name_list list = { 0 };
    int result = files->list(files->context, folder, name_add, &list);

    if (result != 0) {
        vx_names_clear(&list.names);
        return result == -ENOMEM ? fail_nomem(err, folder)
                                 : vx_file_fail(err, result, "read folder", folder);
    }
    if (list.names.count > 0)
        qsort(list.names.at, list.names.count, sizeof(*list.names.at), by_bytes);
    *ret_names = list.names;
    return VX_OK;
}

void vx_names_clear(vx_names *names)
{
    for (size_t i = 0; i < names->count; i++)
        vx_free(names->at[i]);
    vx_free(names->at);
    *names = (vx_names){ 0 };
}

static vx_status fail_locked(int handle, const char *path, vx_error *err)
{
    const vx_files *files = vx_files_current();
    char text[PID_TEXT_SIZE] = "";
    ssize_t size = files->read_at(files->context, handle, text, sizeof(text) - 1, 0);
    long pid = size > 0 ? strtol(text, NULL, 10) : 0;

    if (pid <= 0) /* the holder has not written it yet */
        return vx_fail(err, VX_ERR_BUSY, "%s is locked by another process", path);
    return vx_fail(err, VX_ERR_BUSY, "%s is locked by process %ld", path, pid);
}

static vx_status write_pid(int handle, const char *path, vx_error *err)
{
    const vx_files *files = vx_files_current();
    char text[PID_TEXT_SIZE];
    int size = snprintf(text, sizeof(text), "%ld\n", (long)getpid());
    int result = files->truncate(files->context, handle, 0);

    if (result < 0)
        return vx_file_fail(err, result, "truncate", path);
    return vx_file_write_all(handle, (vx_cbytes){ (const uint8_t *)text, (size_t)size }, path, err);
}

vx_status vx_file_lock(const char *path, int *ret_handle, vx_error *err)
{
    const vx_files *files = vx_files_current();
    vx_status status = VX_OK;
    int handle = files->open(files->context, path, O_RDWR | O_CREAT, LOCK_MODE);
    int result = 0;

    if (handle < 0)
        return vx_file_fail(err, handle, "open", path);
    result = files->lock(files->context, handle);
    if (result < 0)
        status = result == -EWOULDBLOCK ? fail_locked(handle, path, err)
                                        : vx_file_fail(err, result, "lock", path);
    else
        status = write_pid(handle, path, err);
    if (status == VX_OK)
        *ret_handle = handle;
    else
        vx_file_close(handle);
    return status;
}
