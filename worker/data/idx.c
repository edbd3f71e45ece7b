#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <vx_base/alloc.h>
#include <vx_base/assert.h>
#include <vx_base/descriptors.h>

#include "store.h"

#define RANK_MAX    4
#define VALUES_MAX  ((size_t)1 << 36)
#define DEFLATE_MAX 1032u /* no deflate stream is longer than this many times its file */
#define PIECE       ((size_t)1 << 16)

/* An open idx file of unsigned bytes, behind its header. */
typedef struct idx {
    const char *path; /* borrowed */
    char name[VX_STORE_NAME_SIZE];
    const char *name_at;
    gzFile file;
    uint64_t bytes; /* of the file */
    size_t rank;
    size_t shape[RANK_MAX];
    size_t size;   /* product of the shape */
    size_t offset; /* of what is read next, in the content */
} idx;

static uint32_t big_endian(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

/* Reads size bytes; gzread gives them plain when the file is not gzip. */
static vx_status read_exact(idx *f, const char *what, uint8_t *at, size_t size, vx_error *err)
{
    size_t done = 0;

    while (done < size) {
        int got = gzread(f->file, at + done, (unsigned)(size - done));
        int number = 0;

        if (got < 0)
            return vx_fail(err, VX_ERR_DATA, "%s: offset %zu: %s", f->name_at, f->offset + done,
                           gzerror(f->file, &number));
        if (got == 0)
            return vx_fail(err, VX_ERR_DATA,
                           "%s: truncated: expected %s (%zu bytes) at offset %zu, the content ends "
                           "at %zu",
                           f->name_at, what, size, f->offset, f->offset + done);
        done += (size_t)got;
    }
    f->offset += size;
    return VX_OK;
}

static vx_status read_header(idx *f, vx_error *err)
{
    uint8_t magic[4];
    uint8_t sizes[4 * RANK_MAX] = { 0 };
    vx_status status = read_exact(f, "the magic number", magic, sizeof(magic), err);

    if (status != VX_OK)
        return status;
    if (magic[0] != 0 || magic[1] != 0 || magic[2] != 0x08 || magic[3] == 0 || magic[3] > RANK_MAX)
        return vx_fail(
            err, VX_ERR_DATA,
            "%s: offset 0: expected the idx magic 00 00 08 01..%02x (unsigned bytes), found "
            "%02x %02x %02x %02x",
            f->name_at, RANK_MAX, magic[0], magic[1], magic[2], magic[3]);
    f->rank = magic[3];
    f->size = 1;
    status = read_exact(f, "the sizes", sizes, 4 * f->rank, err);
    for (size_t i = 0; status == VX_OK && i < f->rank; i++) {
        f->shape[i] = big_endian(sizes + 4 * i);
        if (f->shape[i] == 0 || f->size > VALUES_MAX / f->shape[i])
            return vx_fail(err, VX_ERR_DATA,
                           "%s: offset %zu: expected size %zu of %zu to be above 0 and at most "
                           "2^36 values in all, found %zu",
                           f->name_at, 4 + 4 * i, i + 1, f->rank, f->shape[i]);
        f->size *= f->shape[i];
    }
    return status;
}

/* A header cannot claim more than the file could hold. */
static vx_status check_size(const idx *f, vx_error *err)
{
    bool plain = gzdirect(f->file) != 0;
    uint64_t most = f->bytes * (plain ? 1u : DEFLATE_MAX);

    if (f->size > most || f->size + f->offset > most)
        return vx_fail(err, VX_ERR_DATA,
                       "%s: truncated: expected %zu values at offset %zu, the file has %llu bytes",
                       f->name_at, f->size, f->offset, (unsigned long long)f->bytes);
    if (plain && f->size + f->offset < f->bytes)
        return vx_fail(err, VX_ERR_DATA, "%s: offset %zu: expected the end, found more bytes",
                       f->name_at, f->offset + f->size);
    return VX_OK;
}

/* A pipe or a device is refused before it is waited for. */
static vx_status open_regular(idx *f, vx_error *err)
{
    struct stat info = { 0 };
    char text[VX_ERRNO_TEXT_SIZE];
    int fd = open(f->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

    if (fd < 0)
        return vx_fail(err, errno == ENOENT ? VX_ERR_NOT_FOUND : VX_ERR_IO, "%s: %s", f->name_at,
                       vx_errno_text(errno, text));
    if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) {
        close(fd);
        return vx_fail(err, VX_ERR_IO, "%s: expected a regular file", f->name_at);
    }
    f->file = gzdopen(fd, "rb");
    if (f->file == NULL) {
        close(fd);
        return vx_fail(err, VX_ERR_NOMEM, "%s: no memory to read it", f->name_at);
    }
    f->bytes = (uint64_t)info.st_size;
    gzbuffer(f->file, 1u << 18);
    return VX_OK;
}

static vx_status idx_open(idx *f, const char *path, vx_error *err)
{
    vx_status status = VX_OK;

    f->path = path;
    f->name_at = vx_store_name(path, f->name);
    status = open_regular(f, err);
    if (status == VX_OK)
        status = read_header(f, err);
    return status == VX_OK ? check_size(f, err) : status;
}

static vx_status expect_end(idx *f, vx_error *err)
{
    uint8_t extra = 0;
    int number = 0;
    int got = gzread(f->file, &extra, 1);

    if (got < 0)
        return vx_fail(err, VX_ERR_DATA, "%s: offset %zu: %s", f->name_at, f->offset,
                       gzerror(f->file, &number));
    if (got > 0)
        return vx_fail(err, VX_ERR_DATA, "%s: offset %zu: expected the end, found more bytes",
                       f->name_at, f->offset);
    return VX_OK;
}

/* The end of a gzip file has the checksum of its content. */
static vx_status idx_close(idx *f, vx_status status, vx_error *err)
{
    gzFile file = f->file;

    f->file = NULL;
    if (file != NULL && gzclose(file) != Z_OK && status == VX_OK)
        return vx_fail(err, VX_ERR_DATA, "%s: the gzip content is damaged", f->name_at);
    return status;
}

static vx_status check_pair(const idx *features, const idx *labels, vx_error *err)
{
    if (labels->rank != 1)
        return vx_fail(err, VX_ERR_DATA, "%s: expected labels (1 dimension), found %zu dimensions",
                       labels->name_at, labels->rank);
    if (features->rank < 2)
        return vx_fail(err, VX_ERR_DATA,
                       "%s: expected observations (2 or more dimensions), found %zu",
                       features->name_at, features->rank);
    if (features->shape[0] != labels->shape[0])
        return vx_fail(err, VX_ERR_DATA, "%s has %zu observations, %s has %zu labels",
                       features->name_at, features->shape[0], labels->name_at, labels->shape[0]);
    VX_ASSERT(features->shape[0] > 0);
    if (features->size / features->shape[0] > VX_DATA_FEATURES_MAX)
        return vx_fail(err, VX_ERR_LIMIT, "%s: %zu values an observation: at most %zu",
                       features->name_at, features->size / features->shape[0],
                       VX_DATA_FEATURES_MAX);
    return VX_OK;
}

static vx_status add_labels(idx *f, vx_targets *targets, const uint8_t *at, size_t size,
                            vx_error *err)
{
    vx_status status = VX_OK;
    size_t first = f->offset - size;

    for (size_t i = 0; status == VX_OK && i < size; i++) {
        if (at[i] > vx_targets_label_max(targets))
            return vx_fail(
                err, VX_ERR_DATA, "%s: observation %zu (offset %zu): label %u, expected 0 to %zu",
                f->name_at, first + i - 8, first + i, at[i], vx_targets_label_max(targets));
        status = vx_targets_add_label(targets, at[i], err);
    }
    return status;
}

/* What follows the header, piece by piece, to one of both. */
static vx_status read_values(idx *f, vx_builder *builder, vx_targets *targets, vx_error *err)
{
    uint8_t *piece = vx_malloc(PIECE);
    vx_status status = VX_OK;

    if (piece == NULL)
        return vx_fail(err, VX_ERR_NOMEM, "%s: no memory to read it", f->name_at);
    for (size_t left = f->size; status == VX_OK && left > 0;) {
        size_t size = left < PIECE ? left : PIECE;

        status = read_exact(f, "the values", piece, size, err);
        if (status == VX_OK)
            status = builder != NULL ? vx_builder_add(builder, piece, size, err)
                                     : add_labels(f, targets, piece, size, err);
        left -= size;
    }
    vx_free(piece);
    return status == VX_OK ? expect_end(f, err) : status;
}

static vx_status read_features(const vx_data_source *source, idx *f, vx_dataset *dataset,
                               vx_error *err)
{
    vx_builder builder = { .place = vx_store_place(source) };
    vx_status status = VX_OK;

    if (gzdirect(f->file) != 0)
        return vx_block_map(f->path, f->offset, f->size, &dataset->features, err);
    status = read_values(f, &builder, NULL, err);
    if (status == VX_OK)
        return vx_builder_end(&builder, &dataset->features, err);
    vx_builder_abandon(&builder);
    return status;
}

static vx_status read_labels(const vx_data_source *source, idx *f, vx_dataset *dataset,
                             vx_error *err)
{
    vx_targets targets = vx_targets_begin(source);
    vx_status status = read_values(f, NULL, &targets, err);

    if (status == VX_OK)
        return vx_targets_end(&targets, 1, dataset, err);
    vx_builder_abandon(&targets.builder);
    return status;
}

/* (n, height, width) or (n, channels, height, width). */
static void describe(const idx *f, vx_dataset *dataset)
{
    size_t features = 0;

    VX_ASSERT(f->shape[0] > 0);
    features = f->size / f->shape[0];
    dataset->info.count = f->shape[0];
    dataset->info.features = features;
    dataset->info.row_values_max = features;
    if (f->rank >= 3)
        dataset->info.image = (vx_shape){ f->rank == 4 ? f->shape[1] : 1, f->shape[f->rank - 2],
                                          f->shape[f->rank - 1] };
    dataset->number = VX_NUMBER_U8;
    dataset->stride = features;
}

vx_status vx_read_idx(const vx_data_source *source, vx_dataset *dataset, vx_error *err)
{
    idx features = { 0 };
    idx labels = { 0 };
    vx_status status = idx_open(&features, source->features, err);

    if (status == VX_OK)
        status = idx_open(&labels, source->labels, err);
    if (status == VX_OK)
        status = check_pair(&features, &labels, err);
    if (status == VX_OK)
        status = read_features(source, &features, dataset, err);
    if (status == VX_OK)
        status = read_labels(source, &labels, dataset, err);
    status = idx_close(&features, status, err);
    status = idx_close(&labels, status, err);
    if (status == VX_OK)
        describe(&features, dataset);
    return status;
}
