#include <float.h>
#include <math.h>
#include <string.h>

#include <vx_base/assert.h>
#include <vx_tensor_file/npy.h>

#include "store.h"

/* Arrays of numpy.save: room tensor_file reads their headers; they stay in their files. */
#define BLOCK 4096u /* numbers that are checked at a time */

typedef struct npy {
    char name[VX_STORE_NAME_SIZE];
    vx_block block; /* the file */
    const uint8_t *at;
    vx_npy_header header;
} npy;

/* No observation without numbers: at least one dimension, none of them 0. */
static vx_status check_shape(const npy *f, vx_error *err)
{
    if (f->header.rank == 0)
        return vx_fail(err, VX_ERR_DATA, "%s: expected at least one dimension", f->name);
    for (size_t i = 0; i < f->header.rank; i++)
        if (f->header.shape[i] == 0)
            return vx_fail(err, VX_ERR_DATA, "%s: dimension %zu is 0", f->name, i);
    return VX_OK;
}

static vx_status npy_open(npy *f, const char *path, vx_error *err)
{
    vx_status status = vx_block_map_file(path, VX_NPY_FILE_LEAST, &f->block, err);

    (void)vx_store_name(path, f->name);
    if (status == VX_OK)
        status = vx_npy_header_read(f->name, (vx_cbytes){ f->block.at, f->block.size },
                                    VX_NPY_NUMBERS, &f->header, err);
    if (status != VX_OK)
        return status;
    f->at = (const uint8_t *)f->block.at + f->header.start;
    return check_shape(f, err);
}

/* An integer of any kind; false when it is outside 0 .. most. */
static bool whole_at(const npy *f, size_t i, uint64_t most, uint64_t *ret_number)
{
    const uint8_t *at = f->at + i * f->header.width;
    uint64_t bits = 0;

    memcpy(&bits, at, f->header.width); /* little-endian */
    *ret_number = bits;
    if (f->header.kind == 'i' && (bits >> (8 * f->header.width - 1)) != 0)
        return false;
    return bits <= most;
}

static double number_at(const npy *f, size_t i)
{
    const uint8_t *at = f->at + i * f->header.width;
    uint64_t bits = 0;
    double wide = 0.0;
    float narrow = 0.0f;

    memcpy(&bits, at, f->header.width);
    if (f->header.kind == 'u')
        return (double)bits;
    if (f->header.kind == 'i') /* the sign goes up to the 64th bit */
        return (double)((int64_t)(bits << (64 - 8 * f->header.width)) >>
                        (64 - 8 * f->header.width));
    memcpy(&wide, at, f->header.width == 8 ? 8 : 0);
    memcpy(&narrow, at, f->header.width == 4 ? 4 : 0);
    return f->header.width == 8 ? wide : (double)narrow;
}

/* Whether all of count numbers are surely finite as float32. Whole blocks are read, without a
 * branch: a set can be larger than memory, and is read at the speed of its disk. */
static bool are_finite(const npy *f, size_t first, size_t count)
{
    bool good = true;

    if (f->header.width == 4) {
        const float *at = (const float *)(const void *)f->at + first;

        for (size_t i = 0; i < count; i++)
            good &= fabsf(at[i]) <= FLT_MAX;
    } else {
        const double *at = (const double *)(const void *)f->at + first;

        for (size_t i = 0; i < count; i++)
            good &= fabs(at[i]) <= (double)FLT_MAX;
    }
    return good;
}

static vx_status check_block(const npy *f, size_t first, size_t count, vx_error *err)
{
    size_t width = f->header.numbers / f->header.shape[0];

    if (are_finite(f, first, count))
        return VX_OK;
    for (size_t i = first; i < first + count; i++)
        if (!isfinite((float)number_at(f, i)))
            return vx_fail(err, VX_ERR_DATA,
                           "%s: observation %zu (offset %zu), column %zu: expected a finite "
                           "float32, found %g",
                           f->name, i / width, f->header.start + i * f->header.width, i % width,
                           number_at(f, i));
    return VX_OK;
}

/* Of floats: every number is finite, as float32 too. */
static vx_status check_finite(const npy *f, vx_error *err)
{
    vx_status status = VX_OK;

    if (f->header.kind != 'f')
        return VX_OK;
    for (size_t i = 0; status == VX_OK && i < f->header.numbers; i += BLOCK)
        status =
            check_block(f, i, f->header.numbers - i < BLOCK ? f->header.numbers - i : BLOCK, err);
    return status;
}

vx_status vx_dataset_check_rows(const vx_dataset *dataset, const uint32_t *indices, size_t count,
                                vx_error *err)
{
    size_t width = dataset->info.features;
    npy f = { .at = dataset->features.at,
              .header = { .kind = 'f',
                          .width = dataset->number == VX_NUMBER_F32 ? 4 : 8,
                          .shape = { dataset->info.count },
                          .numbers = dataset->info.count * width,
                          .start = dataset->start } };
    vx_status status = VX_OK;

    if (!dataset->unchecked)
        return VX_OK;
    VX_ASSERT(dataset->numbers == NULL);
    memcpy(f.name, dataset->name, sizeof(f.name));
    for (size_t i = 0; status == VX_OK && i < count; i++)
        status = check_block(&f, indices[i] * width, width, err);
    return status;
}

static vx_status read_features(const vx_data_source *source, npy *f, vx_dataset *dataset,
                               vx_error *err)
{
    size_t width = f->header.numbers / f->header.shape[0];
    bool bytes = f->header.kind == 'u' && f->header.width == 1;

    if (f->header.kind != 'f' && !bytes)
        return vx_fail(err, VX_ERR_DATA,
                       "%s: expected features of kind '|u1', '<f4' or '<f8', found integers of %zu "
                       "bytes",
                       f->name, f->header.width);
    if (f->header.shape[0] > VX_DATA_COUNT_MAX || width > VX_DATA_FEATURES_MAX)
        return vx_fail(err, VX_ERR_LIMIT, "%s: %zu observations of %zu features: at most %u of %zu",
                       f->name, f->header.shape[0], width, VX_DATA_COUNT_MAX, VX_DATA_FEATURES_MAX);
    dataset->info.count = f->header.shape[0];
    dataset->info.features = width;
    dataset->info.row_values_max = width;
    if (f->header.rank >= 3)
        dataset->info.image =
            (vx_shape){ f->header.rank == 4 ? f->header.shape[1] : 1,
                        f->header.shape[f->header.rank - 2], f->header.shape[f->header.rank - 1] };
    dataset->number = bytes ? VX_NUMBER_U8 : f->header.width == 4 ? VX_NUMBER_F32 : VX_NUMBER_F64;
    dataset->stride = width * f->header.width;
    dataset->features = f->block; /* moved */
    dataset->features.at = f->at;
    dataset->features.size = f->header.numbers * f->header.width;
    f->block = (vx_block){ 0 };
    dataset->unchecked = source->rows_later && f->header.kind == 'f';
    dataset->start = f->header.start;
    memcpy(dataset->name, f->name, sizeof(dataset->name));
    return source->rows_later ? VX_OK : check_finite(f, err);
}

static vx_status add_labels(const npy *f, vx_targets *targets, vx_error *err)
{
    size_t most = vx_targets_label_max(targets);
    vx_status status = VX_OK;

    for (size_t i = 0; status == VX_OK && i < f->header.numbers; i++) {
        uint64_t label = 0;

        if (!whole_at(f, i, most, &label))
            return vx_fail(
                err, VX_ERR_DATA, "%s: observation %zu (offset %zu): label %.0f, expected 0 to %zu",
                f->name, i, f->header.start + i * f->header.width, number_at(f, i), most);
        status = vx_targets_add_label(targets, (uint32_t)label, err);
    }
    return status;
}

static vx_status add_values(const npy *f, vx_targets *targets, vx_error *err)
{
    vx_status status = check_finite(f, err);

    for (size_t i = 0; status == VX_OK && i < f->header.numbers; i++)
        status = vx_targets_add_value(targets, (float)number_at(f, i), err);
    return status;
}

static vx_status check_targets(const vx_data_source *source, const npy *f, size_t count,
                               vx_error *err)
{
    bool real = source->targets == VX_TARGETS_REAL;

    if (f->header.shape[0] != count)
        return vx_fail(err, VX_ERR_DATA, "%s has %zu targets, there are %zu observations", f->name,
                       f->header.shape[0], count);
    if (f->header.rank > (real ? 2 : 1))
        return vx_fail(err, VX_ERR_DATA, "%s: expected %s, found %zu dimensions", f->name,
                       real ? "targets (n) or (n, columns)" : "labels (n)", f->header.rank);
    if (!real && f->header.kind == 'f')
        return vx_fail(err, VX_ERR_DATA,
                       "%s: expected integers as labels of classes, found real numbers", f->name);
    if (f->header.numbers / count > VX_DATA_COLUMNS_MAX)
        return vx_fail(err, VX_ERR_LIMIT, "%s: %zu target columns: at most %zu", f->name,
                       f->header.numbers / count, VX_DATA_COLUMNS_MAX);
    return VX_OK;
}

static vx_status read_targets(const vx_data_source *source, npy *f, vx_dataset *dataset,
                              vx_error *err)
{
    size_t count = dataset->info.count;
    vx_targets targets = vx_targets_begin(source);
    vx_status status = check_targets(source, f, count, err);

    if (status == VX_OK)
        status = source->targets == VX_TARGETS_REAL ? add_values(f, &targets, err)
                                                    : add_labels(f, &targets, err);
    if (status == VX_OK)
        return vx_targets_end(&targets, f->header.numbers / count, dataset, err);
    vx_builder_abandon(&targets.builder);
    return status;
}

vx_status vx_read_npy(const vx_data_source *source, vx_dataset *dataset, vx_error *err)
{
    npy features = { 0 };
    npy targets = { 0 };
    vx_status status = npy_open(&features, source->features, err);

    if (status == VX_OK)
        status = npy_open(&targets, source->labels, err);
    if (status == VX_OK)
        status = read_features(source, &features, dataset, err);
    if (status == VX_OK)
        status = read_targets(source, &targets, dataset, err);
    vx_block_clear(&features.block);
    vx_block_clear(&targets.block);
    return status;
}
