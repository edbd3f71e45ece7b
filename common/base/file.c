#include <vx_base/file.h>

#include <vx_base/alloc.h>
#include <vx_base/assert.h>

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define FOLDER_MODE    0755
#define LOCK_MODE      0644
#define READ_SIZE_MIN  4096
#define PID_TEXT_SIZE  24
#define TEMP_EXTENSION ".tmp.XXXXXX"

/* The status of a failed system call, from errno; what is "open", "write", ... */
static vx_status fail_errno(vx_error *err, const char *what, const char *path)
{
    int number = errno;
    vx_status code = VX_ERR_IO;

    if (number == ENOENT || number == ENOTDIR)
        code = VX_ERR_NOT_FOUND;
    return vx_fail(err, code, "cannot %s %s: %s", what, path, strerror(number));
}

static vx_status fail_nomem(vx_error *err, const char *path)
{
    vx_fail(err, VX_ERR_NOMEM, "out of memory for %s", path);
    return VX_ERR_NOMEM;
}

/* One read of at most size bytes; 0 at the end of the file. */
static vx_status read_some(int fd, uint8_t *at, size_t size, size_t *ret_count, const char *path,
                           vx_error *err)
{
    ssize_t count;

    do
        count = read(fd, at, size);
    while (count < 0 && errno == EINTR);
    if (count < 0)
        return fail_errno(err, "read", path);
    *ret_count = (size_t)count;
    return VX_OK;
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

/* Reads fd to its end, or until content has more than size_max bytes. The size that the system
 * tells is a hint only: a file may grow meanwhile, and those of /proc say 0. */
static vx_status read_to_end(int fd, size_t size_hint, size_t size_max, vx_bytes *content,
                             const char *path, vx_error *err)
{
    size_t capacity = 0;
    size_t count = 0;

    do {
        vx_status status;

        if (content->size == capacity) {
            capacity = capacity == 0 ? size_hint : 2 * capacity;
            if (capacity > size_max + 1)
                capacity = size_max + 1;
            status = buffer_grow(&content->at, capacity, path, err);
            if (status != VX_OK)
                return status;
        }
        status =
            read_some(fd, content->at + content->size, capacity - content->size, &count, path, err);
        if (status != VX_OK)
            return status;
        content->size += count;
    } while (count > 0 && content->size <= size_max);
    if (content->size > size_max)
        return vx_fail(err, VX_ERR_LIMIT, "%s is larger than %zu bytes", path, size_max);
    content->at[content->size] = 0;
    return VX_OK;
}

vx_status vx_file_read(const char *path, size_t size_max, vx_bytes *ret_content, vx_error *err)
{
    vx_status status;
    vx_bytes content = { NULL, 0 };
    struct stat info;
    int fd = -1;

    VX_ASSERT(size_max <= SIZE_MAX / 4);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &info) != 0) {
        status = fail_errno(err, "open", path);
        goto out;
    }
    if (info.st_size > 0 && (uintmax_t)info.st_size > size_max) {
        status = vx_fail(err, VX_ERR_LIMIT, "%s has %jd bytes, more than %zu", path,
                         (intmax_t)info.st_size, size_max);
        goto out;
    }
    /* One byte more than the file has, so that its end is seen without growing. */
    status = read_to_end(fd, info.st_size > 0 ? (size_t)info.st_size + 1 : READ_SIZE_MIN, size_max,
                         &content, path, err);
    if (status != VX_OK)
        goto out;
    *ret_content = content;
    content.at = NULL; /* moved to the caller */
out:
    vx_free(content.at);
    if (fd >= 0)
        close(fd);
    return status;
}

vx_status vx_file_write_all(int fd, vx_cbytes content, const char *path_for_message, vx_error *err)
{
    while (content.size > 0) {
        ssize_t written = write(fd, content.at, content.size);

        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return fail_errno(err, "write", path_for_message);
        content.at += written;
        content.size -= (size_t)written;
    }
    return VX_OK;
}

vx_status vx_file_sync_folder(const char *folder, vx_error *err)
{
    vx_status status = VX_OK;
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0)
        return fail_errno(err, "open folder", folder);
    if (fsync(fd) != 0)
        status = fail_errno(err, "sync folder", folder);
    close(fd);
    return status;
}

/* Fills the temp file of path and makes it durable. Takes fd over: it is closed in every case. */
static vx_status temp_fill(int fd, vx_cbytes content, mode_t mode, const char *path, vx_error *err)
{
    vx_status status = vx_file_write_all(fd, content, path, err);

    if (status == VX_OK && fchmod(fd, mode) != 0)
        status = fail_errno(err, "set the mode of", path);
    if (status == VX_OK && fsync(fd) != 0)
        status = fail_errno(err, "sync", path);
    if (close(fd) != 0 && status == VX_OK)
        status = fail_errno(err, "close", path);
    return status;
}

vx_status vx_file_replace(const char *path, vx_cbytes content, mode_t mode, vx_error *err)
{
    vx_status status = VX_ERR_NOMEM;
    char *folder = vx_path_folder(path);
    char *temp = vx_format("%s" TEMP_EXTENSION, path);
    bool temp_exists = false;
    int fd;

    if (folder == NULL || temp == NULL) {
        status = fail_nomem(err, path);
        goto out;
    }
    fd = mkostemp(temp, O_CLOEXEC);
    if (fd < 0) {
        status = fail_errno(err, "create a temp file beside", path);
        goto out;
    }
    temp_exists = true;
    status = temp_fill(fd, content, mode, path, err);
    if (status != VX_OK)
        goto out;
    if (rename(temp, path) != 0) {
        status = fail_errno(err, "replace", path);
        goto out;
    }
    temp_exists = false;
    status = vx_file_sync_folder(folder, err);
out:
    if (temp_exists)
        unlink(temp);
    vx_free(temp);
    vx_free(folder);
    return status;
}

static bool is_folder(const char *path)
{
    struct stat info;

    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

static vx_status make_one_folder(const char *path, vx_error *err)
{
    int number;

    if (mkdir(path, FOLDER_MODE) == 0)
        return VX_OK;
    number = errno;
    if (is_folder(path)) /* some file systems say other things than EEXIST then */
        return VX_OK;
    errno = number;
    return fail_errno(err, "create folder", path);
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

static vx_status fail_locked(int fd, const char *path, vx_error *err)
{
    char text[PID_TEXT_SIZE] = "";
    ssize_t size = pread(fd, text, sizeof(text) - 1, 0);
    long pid = size > 0 ? strtol(text, NULL, 10) : 0;

    if (pid <= 0) /* the holder has not written it yet */
        return vx_fail(err, VX_ERR_BUSY, "%s is locked by another process", path);
    return vx_fail(err, VX_ERR_BUSY, "%s is locked by process %ld", path, pid);
}

static vx_status write_pid(int fd, const char *path, vx_error *err)
{
    char text[PID_TEXT_SIZE];
    int size = snprintf(text, sizeof(text), "%ld\n", (long)getpid());

    if (ftruncate(fd, 0) != 0)
        return fail_errno(err, "truncate", path);
    return vx_file_write_all(fd, (vx_cbytes){ (const uint8_t *)text, (size_t)size }, path, err);
}

vx_status vx_file_lock(const char *path, int *ret_fd, vx_error *err)
{
    vx_status status;
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, LOCK_MODE);

    if (fd < 0)
        return fail_errno(err, "open", path);
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        status = errno == EWOULDBLOCK ? fail_locked(fd, path, err) : fail_errno(err, "lock", path);
        goto out;
    }
    status = write_pid(fd, path, err);
    if (status != VX_OK)
        goto out;
    *ret_fd = fd;
    fd = -1; /* moved to the caller */
out:
    if (fd >= 0)
        close(fd);
    return status;
}

char *vx_path_join(const char *folder, const char *name)
{
    size_t length = strlen(folder);

    if (name[0] == '/' || length == 0)
        return vx_strdup(name);
    return vx_format("%s%s%s", folder, folder[length - 1] == '/' ? "" : "/", name);
}

/* The length of path without the slashes at its end; "/" keeps one. */
static size_t length_without_slashes(const char *path, size_t length)
{
    while (length > 1 && path[length - 1] == '/')
        length--;
    return length;
}

char *vx_path_folder(const char *path)
{
    size_t length = length_without_slashes(path, strlen(path));

    while (length > 0 && path[length - 1] != '/')
        length--;
    if (length == 0)
        return vx_strdup(".");
    return vx_strndup(path, length_without_slashes(path, length));
}
