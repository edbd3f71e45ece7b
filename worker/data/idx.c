#include "idx.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <vx_base/alloc.h>
#include <vx_base/descriptors.h>

#define VALUES_MAX  ((size_t)1 << 36)
#define DEFLATE_MAX 1032u /* no deflate stream is longer than this many times its file */

static uint32_t big_endian(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

/* Reads size bytes; gzread gives them plain when the file is not gzip. */
static vx_status read_exact(gzFile file, const char *name, const char *what, uint8_t *at,
                            size_t size, size_t *offset, vx_error *err)
{
    size_t done = 0;

    while (done < size) {
        size_t step = size - done < (1u << 30) ? size - done : 1u << 30;
        int got = gzread(file, at + done, (unsigned)step);
        int number = 0;

        if (got < 0)
            return vx_fail(err, VX_ERR_DATA, "%s: offset %zu: %s", name, *offset + done,
                           gzerror(file, &number));
        if (got == 0)
            return vx_fail(err, VX_ERR_DATA,
                           "%s: truncated: expected %s (%zu bytes) at offset %zu, the content ends "
                           "at %zu",
                           name, what, size, *offset, *offset + done);
        done += (size_t)got;
    }
    *offset += size;
    return VX_OK;
}

static vx_status read_header(gzFile file, const char *name, vx_idx *idx, size_t *offset,
                             vx_error *err)
{
    uint8_t magic[4];
    uint8_t sizes[4 * VX_IDX_RANK_MAX] = { 0 };
    vx_status status =
        read_exact(file, name, "the magic number", magic, sizeof(magic), offset, err);

    if (status != VX_OK)
        return status;
    if (magic[0] != 0 || magic[1] != 0 || magic[2] != 0x08 || magic[3] == 0 ||
        magic[3] > VX_IDX_RANK_MAX)
        return vx_fail(
            err, VX_ERR_DATA,
            "%s: offset 0: expected the idx magic 00 00 08 01..%02x (unsigned bytes), found "
            "%02x %02x %02x %02x",
            name, VX_IDX_RANK_MAX, magic[0], magic[1], magic[2], magic[3]);
    idx->rank = magic[3];
    idx->size = 1;
    status = read_exact(file, name, "the sizes", sizes, 4 * idx->rank, offset, err);
    for (size_t i = 0; status == VX_OK && i < idx->rank; i++) {
        idx->shape[i] = big_endian(sizes + 4 * i);
        if (idx->shape[i] == 0 || idx->size > VALUES_MAX / idx->shape[i])
            return vx_fail(err, VX_ERR_DATA,
                           "%s: offset %zu: expected size %zu of %zu to be above 0 and at most "
                           "2^36 values in all, found %zu",
                           name, 4 + 4 * i, i + 1, idx->rank, idx->shape[i]);
        idx->size *= idx->shape[i];
    }
    return status;
}

/* A header cannot claim more than the file could hold. */
static vx_status check_size(gzFile file, const char *name, uint64_t file_bytes, const vx_idx *idx,
                            size_t offset, vx_error *err)
{
    uint64_t most = file_bytes * (gzdirect(file) ? 1u : DEFLATE_MAX);

    if (idx->size > most || idx->size + offset > most)
        return vx_fail(err, VX_ERR_DATA,
                       "%s: truncated: expected %zu values at offset %zu, the file has %llu bytes",
                       name, idx->size, offset, (unsigned long long)file_bytes);
    return VX_OK;
}

static vx_status read_values(gzFile file, const char *name, uint64_t file_bytes, vx_idx *idx,
                             vx_error *err)
{
    size_t offset = 0;
    uint8_t extra = 0;
    int got = 0;
    int number = 0;
    vx_status status = read_header(file, name, idx, &offset, err);

    if (status == VX_OK)
        status = check_size(file, name, file_bytes, idx, offset, err);
    if (status != VX_OK)
        return status;
    idx->values = vx_malloc(idx->size);
    if (idx->values == NULL)
        return vx_fail(err, VX_ERR_NOMEM, "%s: no memory for %zu values", name, idx->size);
    status = read_exact(file, name, "the values", idx->values, idx->size, &offset, err);
    if (status != VX_OK)
        return status;
    got = gzread(file, &extra, 1);
    if (got < 0)
        return vx_fail(err, VX_ERR_DATA, "%s: offset %zu: %s", name, offset,
                       gzerror(file, &number));
    if (got > 0)
        return vx_fail(err, VX_ERR_DATA, "%s: offset %zu: expected the end, found more bytes", name,
                       offset);
    return VX_OK;
}

const char *vx_idx_name(const char *path, char name[VX_IDX_NAME_SIZE])
{
    size_t length = strlen(path);
    size_t room = VX_IDX_NAME_SIZE - sizeof("...");

    if (length < VX_IDX_NAME_SIZE)
        (void)snprintf(name, VX_IDX_NAME_SIZE, "%s", path);
    else
        (void)snprintf(name, VX_IDX_NAME_SIZE, "...%s", path + length - room);
    return name;
}

/* A pipe or a device is refused before it is waited for. */
static vx_status open_regular(const char *path, const char *name, gzFile *ret_file,
                              uint64_t *ret_bytes, vx_error *err)
{
    struct stat info = { 0 };
    char text[VX_ERRNO_TEXT_SIZE];
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

    if (fd < 0)
        return vx_fail(err, errno == ENOENT ? VX_ERR_NOT_FOUND : VX_ERR_IO, "%s: %s", name,
                       vx_errno_text(errno, text));
    if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) {
        close(fd);
        return vx_fail(err, VX_ERR_IO, "%s: expected a regular file", name);
    }
    *ret_file = gzdopen(fd, "rb");
    if (*ret_file == NULL) {
        close(fd);
        return vx_fail(err, VX_ERR_NOMEM, "%s: no memory to read it", name);
    }
    *ret_bytes = (uint64_t)info.st_size;
    return VX_OK;
}

vx_status vx_idx_read(const char *path, vx_idx *ret_idx, vx_error *err)
{
    char buffer[VX_IDX_NAME_SIZE];
    const char *name = vx_idx_name(path, buffer);
    vx_idx idx = { 0 };
    uint64_t bytes = 0;
    gzFile file = NULL;
    vx_status status = open_regular(path, name, &file, &bytes, err);

    if (status != VX_OK)
        return status;
    gzbuffer(file, 1u << 18);
    status = read_values(file, name, bytes, &idx, err);
    if (gzclose(file) != Z_OK && status == VX_OK)
        status = vx_fail(err, VX_ERR_DATA, "%s: the gzip content is damaged", name);
    if (status != VX_OK)
        vx_free(idx.values);
    else
        *ret_idx = idx;
    return status;
}
