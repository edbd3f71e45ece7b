#include "idx.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <zlib.h>

#include <vx_base/alloc.h>

#define VALUES_MAX  ((size_t)1 << 36)
#define DEFLATE_MAX 1032u /* no deflate stream is longer than this many times its file */

static uint32_t big_endian(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

/* Reads size bytes; gzread gives them plain when the file is not gzip. */
static vx_status read_exact(gzFile file, const char *path, const char *what, uint8_t *at,
                            size_t size, size_t *offset, vx_error *err)
{
    size_t done = 0;

    while (done < size) {
        size_t step = size - done < (1u << 30) ? size - done : 1u << 30;
        int got = gzread(file, at + done, (unsigned)step);
        int number = 0;

        if (got < 0)
            return vx_fail(err, VX_ERR_DATA, "%s: offset %zu: %s", path, *offset + done,
                           gzerror(file, &number));
        if (got == 0)
            return vx_fail(
                err, VX_ERR_DATA,
                "%s: truncated: %s need %zu bytes from offset %zu, the content ends at %zu", path,
                what, size, *offset, *offset + done);
        done += (size_t)got;
    }
    *offset += size;
    return VX_OK;
}

static vx_status read_header(gzFile file, const char *path, vx_idx *idx, size_t *offset,
                             vx_error *err)
{
    uint8_t magic[4];
    uint8_t sizes[4 * VX_IDX_RANK_MAX] = { 0 };
    vx_status status =
        read_exact(file, path, "the magic number", magic, sizeof(magic), offset, err);

    if (status != VX_OK)
        return status;
    if (magic[0] != 0 || magic[1] != 0 || magic[2] != 0x08 || magic[3] == 0 ||
        magic[3] > VX_IDX_RANK_MAX)
        return vx_fail(
            err, VX_ERR_DATA,
            "%s: offset 0: expected the idx magic 00 00 08 01..%02x (unsigned bytes), found "
            "%02x %02x %02x %02x",
            path, VX_IDX_RANK_MAX, magic[0], magic[1], magic[2], magic[3]);
    idx->rank = magic[3];
    idx->size = 1;
    status = read_exact(file, path, "the sizes", sizes, 4 * idx->rank, offset, err);
    for (size_t i = 0; status == VX_OK && i < idx->rank; i++) {
        idx->shape[i] = big_endian(sizes + 4 * i);
        if (idx->shape[i] == 0 || idx->size > VALUES_MAX / idx->shape[i])
            return vx_fail(err, VX_ERR_DATA,
                           "%s: offset %zu: size %zu of dimension %zu is out of range", path,
                           4 + 4 * i, idx->shape[i], i);
        idx->size *= idx->shape[i];
    }
    return status;
}

/* A header cannot claim more than the file could hold. */
static vx_status check_size(gzFile file, const char *path, const vx_idx *idx, size_t offset,
                            vx_error *err)
{
    struct stat info;
    uint64_t most = 0;

    if (stat(path, &info) != 0)
        return vx_fail(err, VX_ERR_IO, "%s: %s", path, strerror(errno));
    most = (uint64_t)info.st_size * (gzdirect(file) ? 1u : DEFLATE_MAX);
    if (idx->size > most || idx->size + offset > most)
        return vx_fail(err, VX_ERR_DATA,
                       "%s: truncated: the header implies %zu values, the file has %lld bytes",
                       path, idx->size, (long long)info.st_size);
    return VX_OK;
}

static vx_status read_values(gzFile file, const char *path, vx_idx *idx, vx_error *err)
{
    size_t offset = 0;
    uint8_t extra = 0;
    vx_status status = read_header(file, path, idx, &offset, err);

    if (status == VX_OK)
        status = check_size(file, path, idx, offset, err);
    if (status != VX_OK)
        return status;
    idx->values = vx_malloc(idx->size);
    if (idx->values == NULL)
        return vx_fail(err, VX_ERR_NOMEM, "%s: no memory for %zu values", path, idx->size);
    status = read_exact(file, path, "the values", idx->values, idx->size, &offset, err);
    if (status == VX_OK && gzread(file, &extra, 1) != 0)
        status = vx_fail(err, VX_ERR_DATA, "%s: offset %zu: expected the end, found more bytes",
                         path, offset);
    return status;
}

vx_status vx_idx_read(const char *path, vx_idx *ret_idx, vx_error *err)
{
    vx_idx idx = { 0 };
    vx_status status = VX_OK;
    gzFile file = gzopen(path, "rb");

    if (file == NULL)
        return vx_fail(err, errno == ENOENT ? VX_ERR_NOT_FOUND : VX_ERR_IO, "%s: %s", path,
                       strerror(errno));
    gzbuffer(file, 1u << 18);
    status = read_values(file, path, &idx, err);
    if (gzclose(file) != Z_OK && status == VX_OK)
        status = vx_fail(err, VX_ERR_DATA, "%s: the gzip content is damaged", path);
    if (status != VX_OK)
        vx_free(idx.values);
    else
        *ret_idx = idx;
    return status;
}
