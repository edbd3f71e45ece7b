#include <ctype.h>
#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include <vx_base/assert.h>
#include <vx_base/bytes.h>
#include <vx_base/log.h>

#include "store.h"

/*
 * Arrays of numpy.save, versions 1.0 to 3.0 of the format: magic, length, a Python dictionary as
 * text, then the values. Room tensor_file reads arrays of float32 and float64; these are of any
 * kind that features, labels and targets have, and their text is one that numpy writes: three keys,
 * at most HEADER_MAX bytes.
 */
#define MAGIC       "\x93NUMPY"
#define MAGIC_SIZE  (sizeof(MAGIC) - 1)
#define SHORT_START 10u /* where the text begins, version 1 */
#define LONG_START  12u
#define HEADER_MAX  4096u
#define RANK_MAX    4
#define BLOCK       4096u /* numbers that are checked at a time */

typedef struct npy {
    char name[VX_STORE_NAME_SIZE];
    vx_block block; /* the file */
    const uint8_t *at;
    size_t start; /* of the values in the file */
    char kind;    /* 'u', 'i', 'f' */
    size_t width; /* bytes of a number */
    size_t rank;
    size_t shape[RANK_MAX];
    size_t numbers; /* product of the shape */
} npy;

static vx_status broken(const npy *f, vx_error *err, const char *what)
{
    return vx_fail(err, VX_ERR_DATA, "%s: the NPY header: %s", f->name, what);
}

/* What follows 'key': in the text, or NULL. */
static const char *value_of(const char *text, const char *key)
{
    size_t length = strlen(key);

    for (const char *at = strstr(text, key); at != NULL; at = strstr(at + 1, key)) {
        bool quoted = at > text && (at[-1] == '\'' || at[-1] == '"') && at[length] == at[-1];

        if (!quoted)
            continue;
        at += length + 1;
        while (*at == ' ')
            at++;
        if (*at++ != ':')
            return NULL;
        while (*at == ' ')
            at++;
        return at;
    }
    return NULL;
}

static vx_status take_kind(npy *f, const char *text, vx_error *err)
{
    static const char *const kinds[] = { "|u1", "|i1", "<u2", "<i2", "<u4",
                                         "<i4", "<u8", "<i8", "<f4", "<f8" };
    const char *at = value_of(text, "descr");
    char found[16] = { 0 }, quoted[VX_LOG_QUOTE_SIZE];

    if (at == NULL || (*at != '\'' && *at != '"'))
        return broken(f, err, "the kind of the numbers (descr) cannot be read");
    for (size_t i = 0; i + 1 < sizeof(found) && at[1 + i] != '\0' && at[1 + i] != *at; i++)
        found[i] = at[1 + i];
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (strcmp(kinds[i], found) != 0)
            continue;
        f->kind = found[1];
        f->width = (size_t)(found[2] - '0');
        return VX_OK;
    }
    return vx_fail(err, VX_ERR_DATA,
                   "%s: expected numbers of kind '|u1', '<i4', '<i8', '<f4', '<f8' or another "
                   "integer, found %s%s",
                   f->name, vx_log_quote(found, quoted), found[0] == '>' ? " (big-endian)" : "");
}

static vx_status take_order(const npy *f, const char *text, vx_error *err)
{
    const char *at = value_of(text, "fortran_order");

    if (at != NULL && strncmp(at, "False", 5) == 0)
        return VX_OK;
    if (at != NULL && strncmp(at, "True", 4) == 0)
        return broken(f, err,
                      "expected C order, found Fortran order; numpy.ascontiguousarray changes it");
    return broken(f, err, "fortran_order cannot be read");
}

static bool take_length(const char **at, size_t *ret_length)
{
    size_t length = 0;
    bool any = false;

    for (; isdigit((unsigned char)**at); (*at)++, any = true)
        if (__builtin_mul_overflow(length, 10, &length) ||
            __builtin_add_overflow(length, (size_t)(**at - '0'), &length))
            return false;
    *ret_length = length;
    return any;
}

/* (3,) or (3, 4): at least one length, none of them 0. */
static vx_status take_shape(npy *f, const char *text, vx_error *err)
{
    const char *at = value_of(text, "shape");

    f->numbers = 1;
    if (at == NULL || *at++ != '(')
        return broken(f, err, "the shape cannot be read");
    while (*at != ')') {
        size_t length = 0;

        if (f->rank == RANK_MAX)
            return broken(f, err, "expected at most 4 dimensions");
        if (!take_length(&at, &length))
            return broken(f, err, "the shape cannot be read");
        if (length == 0)
            return vx_fail(err, VX_ERR_DATA, "%s: dimension %zu is 0", f->name, f->rank);
        if (__builtin_mul_overflow(f->numbers, length, &f->numbers))
            return broken(f, err, "the shape is too large");
        f->shape[f->rank++] = length;
        at += *at == ',' ? 1 : 0;
        at += *at == ' ' ? 1 : 0;
    }
    return f->rank > 0 ? VX_OK : broken(f, err, "expected at least one dimension");
}

static vx_status check_size(npy *f, vx_error *err)
{
    size_t bytes = 0, found = f->block.size - f->start;

    if (__builtin_mul_overflow(f->numbers, f->width, &bytes))
        return broken(f, err, "the shape is too large");
    if (bytes != found)
        return vx_fail(err, VX_ERR_DATA,
                       "%s: its shape needs %zu bytes of values at offset %zu, there are %zu%s",
                       f->name, bytes, f->start, found, found < bytes ? " (truncated)" : "");
    if (f->kind == 'f' && f->start % f->width != 0)
        return broken(f, err, "its values are not aligned");
    f->at = (const uint8_t *)f->block.at + f->start;
    return VX_OK;
}

static vx_status read_header(npy *f, vx_error *err)
{
    const uint8_t *at = f->block.at;
    char text[HEADER_MAX + 1] = { 0 };
    size_t length = 0;
    vx_status status = VX_OK;

    if (memcmp(at, MAGIC, MAGIC_SIZE) != 0)
        return vx_fail(err, VX_ERR_DATA, "%s: offset 0: this is no NPY file", f->name);
    if (at[MAGIC_SIZE] < 1 || at[MAGIC_SIZE] > 3)
        return vx_fail(err, VX_ERR_DATA, "%s: expected version 1 to 3 of the format, found %u",
                       f->name, at[MAGIC_SIZE]);
    f->start = at[MAGIC_SIZE] == 1 ? SHORT_START : LONG_START;
    length =
        at[MAGIC_SIZE] == 1 ? vx_load_u16(at + MAGIC_SIZE + 2) : vx_load_u32(at + MAGIC_SIZE + 2);
    if (length > HEADER_MAX || length > f->block.size - f->start)
        return broken(f, err, "longer than the file (truncated) or than 4096 bytes");
    memcpy(text, at + f->start, length);
    f->start += length;
    status = take_kind(f, text, err);
    if (status == VX_OK)
        status = take_order(f, text, err);
    if (status == VX_OK)
        status = take_shape(f, text, err);
    return status == VX_OK ? check_size(f, err) : status;
}

static vx_status npy_open(npy *f, const char *path, vx_error *err)
{
    vx_status status = vx_block_map_file(path, LONG_START, &f->block, err);

    (void)vx_store_name(path, f->name);
    return status == VX_OK ? read_header(f, err) : status;
}

/* An integer of any kind; false when it is outside 0 .. most. */
static bool whole_at(const npy *f, size_t i, uint64_t most, uint64_t *ret_number)
{
    const uint8_t *at = f->at + i * f->width;
    uint64_t bits = 0;

    memcpy(&bits, at, f->width); /* little-endian */
    *ret_number = bits;
    if (f->kind == 'i' && (bits >> (8 * f->width - 1)) != 0)
        return false;
    return bits <= most;
}

static double number_at(const npy *f, size_t i)
{
    const uint8_t *at = f->at + i * f->width;
    uint64_t bits = 0;
    double wide = 0.0;
    float narrow = 0.0f;

    memcpy(&bits, at, f->width);
    if (f->kind == 'u')
        return (double)bits;
    if (f->kind == 'i') /* the sign goes up to the 64th bit */
        return (double)((int64_t)(bits << (64 - 8 * f->width)) >> (64 - 8 * f->width));
    memcpy(&wide, at, f->width == 8 ? 8 : 0);
    memcpy(&narrow, at, f->width == 4 ? 4 : 0);
    return f->width == 8 ? wide : (double)narrow;
}

/* Whether all of count numbers are surely finite as float32. Whole blocks are read, without a
 * branch: a set can be larger than memory, and is read at the speed of its disk. */
static bool are_finite(const npy *f, size_t first, size_t count)
{
    bool good = true;

    if (f->width == 4) {
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
    size_t width = f->numbers / f->shape[0];

    if (are_finite(f, first, count))
        return VX_OK;
    for (size_t i = first; i < first + count; i++)
        if (!isfinite((float)number_at(f, i)))
            return vx_fail(err, VX_ERR_DATA,
                           "%s: observation %zu (offset %zu), column %zu: expected a finite "
                           "float32, found %g",
                           f->name, i / width, f->start + i * f->width, i % width, number_at(f, i));
    return VX_OK;
}

/* Of floats: every number is finite, as float32 too. */
static vx_status check_finite(const npy *f, vx_error *err)
{
    vx_status status = VX_OK;

    if (f->kind != 'f')
        return VX_OK;
    for (size_t i = 0; status == VX_OK && i < f->numbers; i += BLOCK)
        status = check_block(f, i, f->numbers - i < BLOCK ? f->numbers - i : BLOCK, err);
    return status;
}

static vx_status read_features(npy *f, vx_dataset *dataset, vx_error *err)
{
    size_t width = f->numbers / f->shape[0];
    bool bytes = f->kind == 'u' && f->width == 1;

    if (f->kind != 'f' && !bytes)
        return vx_fail(err, VX_ERR_DATA,
                       "%s: expected features of kind '|u1', '<f4' or '<f8', found integers of %zu "
                       "bytes",
                       f->name, f->width);
    if (f->shape[0] > VX_DATA_COUNT_MAX || width > VX_DATA_FEATURES_MAX)
        return vx_fail(err, VX_ERR_LIMIT, "%s: %zu observations of %zu features: at most %u of %zu",
                       f->name, f->shape[0], width, VX_DATA_COUNT_MAX, VX_DATA_FEATURES_MAX);
    dataset->info.count = f->shape[0];
    dataset->info.features = width;
    dataset->info.row_values_max = width;
    if (f->rank >= 3)
        dataset->info.image = (vx_shape){ f->rank == 4 ? f->shape[1] : 1, f->shape[f->rank - 2],
                                          f->shape[f->rank - 1] };
    dataset->number = bytes ? VX_NUMBER_U8 : f->width == 4 ? VX_NUMBER_F32 : VX_NUMBER_F64;
    dataset->stride = width * f->width;
    dataset->features = f->block; /* moved */
    dataset->features.at = f->at;
    dataset->features.size = f->numbers * f->width;
    f->block = (vx_block){ 0 };
    return check_finite(f, err);
}

static vx_status add_labels(const npy *f, vx_targets *targets, vx_error *err)
{
    size_t most = vx_targets_label_max(targets);
    vx_status status = VX_OK;

    for (size_t i = 0; status == VX_OK && i < f->numbers; i++) {
        uint64_t label = 0;

        if (!whole_at(f, i, most, &label))
            return vx_fail(err, VX_ERR_DATA,
                           "%s: observation %zu (offset %zu): label %.0f, expected 0 to %zu",
                           f->name, i, f->start + i * f->width, number_at(f, i), most);
        status = vx_targets_add_label(targets, (uint32_t)label, err);
    }
    return status;
}

static vx_status add_values(const npy *f, vx_targets *targets, vx_error *err)
{
    vx_status status = check_finite(f, err);

    for (size_t i = 0; status == VX_OK && i < f->numbers; i++)
        status = vx_targets_add_value(targets, (float)number_at(f, i), err);
    return status;
}

static vx_status check_targets(const vx_data_source *source, const npy *f, size_t count,
                               vx_error *err)
{
    bool real = source->targets == VX_TARGETS_REAL;

    if (f->shape[0] != count)
        return vx_fail(err, VX_ERR_DATA, "%s has %zu targets, there are %zu observations", f->name,
                       f->shape[0], count);
    if (f->rank > (real ? 2 : 1))
        return vx_fail(err, VX_ERR_DATA, "%s: expected %s, found %zu dimensions", f->name,
                       real ? "targets (n) or (n, columns)" : "labels (n)", f->rank);
    if (!real && f->kind == 'f')
        return vx_fail(err, VX_ERR_DATA,
                       "%s: expected integers as labels of classes, found real numbers", f->name);
    if (f->numbers / count > VX_DATA_COLUMNS_MAX)
        return vx_fail(err, VX_ERR_LIMIT, "%s: %zu target columns: at most %zu", f->name,
                       f->numbers / count, VX_DATA_COLUMNS_MAX);
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
        return vx_targets_end(&targets, f->numbers / count, dataset, err);
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
        status = read_features(&features, dataset, err);
    if (status == VX_OK)
        status = read_targets(source, &targets, dataset, err);
    vx_block_clear(&features.block);
    vx_block_clear(&targets.block);
    return status;
}
