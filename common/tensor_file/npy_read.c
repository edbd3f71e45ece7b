#include <vx_tensor_file/npy.h>

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <vx_base/alloc.h>
#include <vx_base/assert.h>
#include <vx_base/bytes.h>
#include <vx_base/file.h>
#include <vx_base/log.h>

#include "safetensors_format.h"

#define MAGIC       "\x93NUMPY"
#define MAGIC_SIZE  (sizeof(MAGIC) - 1)
#define HEADER_MAX  65536u /* bytes of the text */
#define SHORT_START 10u    /* where the text begins: a length of 2 bytes, version 1 */
#define LONG_START  12u    /* of 4 bytes */

struct vx_npy_file {
    char *path;      /* owned */
    vx_cbytes bytes; /* mapped; NULL when not */
    vx_npy_array array;
};

/* The text of the header, a Python dictionary of three keys, as far as it is read. */
typedef struct text {
    const char *at, *end;
} text;

static vx_status broken(const vx_npy_file *file, vx_error *err, const char *what)
{
    return vx_fail(err, VX_ERR_DATA, "%s: %s", file->path, what);
}

static void skip_spaces(text *t)
{
    while (t->at < t->end && (*t->at == ' ' || *t->at == '\n' || *t->at == '\t'))
        t->at++;
}

static bool take(text *t, const char *word)
{
    size_t length = strlen(word);

    skip_spaces(t);
    if ((size_t)(t->end - t->at) < length || memcmp(t->at, word, length) != 0)
        return false;
    t->at += length;
    return true;
}

/* 'word' or "word", at most size - 1 bytes. */
static bool take_quoted(text *t, char *ret_word, size_t size)
{
    char quote = '\0';
    size_t length = 0;

    skip_spaces(t);
    if (t->at == t->end || (*t->at != '\'' && *t->at != '"'))
        return false;
    quote = *t->at++;
    while (t->at < t->end && *t->at != quote && length + 1 < size)
        ret_word[length++] = *t->at++;
    ret_word[length] = '\0';
    return t->at < t->end && *t->at++ == quote;
}

static bool take_number(text *t, size_t *ret_number)
{
    size_t number = 0;
    bool any = false;

    skip_spaces(t);
    for (; t->at < t->end && *t->at >= '0' && *t->at <= '9'; t->at++, any = true)
        if (__builtin_mul_overflow(number, 10, &number) ||
            __builtin_add_overflow(number, (size_t)(*t->at - '0'), &number))
            return false;
    (void)take(t, "L"); /* Python 2 */
    *ret_number = number;
    return any;
}

static vx_status take_descr(vx_npy_file *file, text *t, vx_error *err)
{
    char kind[16], quoted[VX_LOG_QUOTE_SIZE];

    if (!take_quoted(t, kind, sizeof(kind)))
        return broken(file, err, "the kind of the numbers cannot be read; expected '<f4' or '<f8'");
    if (strcmp(kind, "<f4") != 0 && strcmp(kind, "<f8") != 0)
        return vx_fail(err, VX_ERR_DATA,
                       "%s: expected numbers of kind '<f4' or '<f8', found %s%s; "
                       "numpy.astype changes it",
                       file->path, vx_log_quote(kind, quoted),
                       kind[0] == '>' ? " (big-endian)" : "");
    file->array.is_double = kind[2] == '8';
    return VX_OK;
}

static vx_status take_order(vx_npy_file *file, text *t, vx_error *err)
{
    if (take(t, "False"))
        return VX_OK;
    if (take(t, "True"))
        return broken(file, err,
                      "expected C order, found Fortran order; numpy.ascontiguousarray "
                      "changes it");
    return broken(file, err, "fortran_order is neither True nor False");
}

static vx_status take_shape(vx_npy_file *file, text *t, vx_error *err)
{
    vx_npy_array *array = &file->array;

    array->rank = 0;
    if (!take(t, "("))
        return broken(file, err, "the shape cannot be read");
    while (!take(t, ")")) {
        if (array->rank == VX_TENSOR_RANK_MAX)
            return vx_fail(err, VX_ERR_DATA, "%s: expected at most %d dimensions", file->path,
                           VX_TENSOR_RANK_MAX);
        if (!take_number(t, &array->shape[array->rank++]) ||
            (!take(t, ",") && (t->at == t->end || *t->at != ')')))
            return broken(file, err, "the shape cannot be read");
    }
    return VX_OK;
}

static vx_status take_key(vx_npy_file *file, text *t, unsigned *seen, vx_error *err)
{
    static const struct {
        const char *name;
        vx_status (*take)(vx_npy_file *file, text *t, vx_error *err);
    } keys[] = { { "descr", take_descr },
                 { "fortran_order", take_order },
                 { "shape", take_shape } };
    char name[16], quoted[VX_LOG_QUOTE_SIZE];

    if (!take_quoted(t, name, sizeof(name)) || !take(t, ":"))
        return broken(file, err, "the header cannot be read");
    for (unsigned i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        if (strcmp(keys[i].name, name) != 0)
            continue;
        if ((*seen & 1u << i) != 0)
            break;
        *seen |= 1u << i;
        return keys[i].take(file, t, err);
    }
    return vx_fail(err, VX_ERR_DATA, "%s: the header has an unexpected key %s", file->path,
                   vx_log_quote(name, quoted));
}

static vx_status read_text(vx_npy_file *file, text t, vx_error *err)
{
    unsigned seen = 0;
    vx_status status = VX_OK;

    if (!take(&t, "{"))
        return broken(file, err, "the header cannot be read");
    while (status == VX_OK && !take(&t, "}")) {
        status = take_key(file, &t, &seen, err);
        if (status == VX_OK && !take(&t, ",") && (t.at == t.end || *t.at != '}'))
            return broken(file, err, "the header cannot be read");
    }
    if (status != VX_OK)
        return status;
    if (seen != 7)
        return broken(file, err, "the header lacks descr, fortran_order or shape");
    skip_spaces(&t);
    return t.at == t.end ? VX_OK : broken(file, err, "something follows the header");
}

static vx_status check_size(vx_npy_file *file, size_t start, vx_error *err)
{
    const vx_npy_array *array = &file->array;
    uint64_t bytes = 0, found = file->bytes.size - start;

    if (!vx_tensor_bytes(array->shape, array->rank, &bytes) || bytes > INT64_MAX / 2)
        return broken(file, err, "the shape is too large");
    bytes = array->is_double ? 2 * bytes : bytes;
    if (bytes != found)
        return vx_fail(err, VX_ERR_DATA,
                       "%s: its shape needs %" PRIu64 " bytes of values, there are %" PRIu64 "%s",
                       file->path, bytes, found, found < bytes ? " (truncated)" : "");
    if (start % (array->is_double ? sizeof(double) : sizeof(float)) != 0)
        return broken(file, err, "its values are not aligned");
    return VX_OK;
}

static vx_status read_header(vx_npy_file *file, vx_error *err)
{
    const uint8_t *at = file->bytes.at;
    size_t size = file->bytes.size, start = 0, length = 0;
    vx_status status;

    if (memcmp(at, MAGIC, MAGIC_SIZE) != 0)
        return broken(file, err, "this is no NPY file; numpy.save writes one");
    if (at[MAGIC_SIZE] < 1 || at[MAGIC_SIZE] > 3)
        return vx_fail(err, VX_ERR_DATA, "%s: expected version 1 to 3 of the format, found %u",
                       file->path, at[MAGIC_SIZE]);
    start = at[MAGIC_SIZE] == 1 ? SHORT_START : LONG_START;
    length =
        at[MAGIC_SIZE] == 1 ? vx_load_u16(at + MAGIC_SIZE + 2) : vx_load_u32(at + MAGIC_SIZE + 2);
    if (length > HEADER_MAX || length > size - start)
        return broken(file, err, "the header is longer than the file (truncated) or than 64 KiB");
    status =
        read_text(file, (text){ (const char *)at + start, (const char *)at + start + length }, err);
    if (status == VX_OK)
        status = check_size(file, start + length, err);
    file->array.at = at + start + length;
    return status;
}

vx_status vx_npy_open(const char *path, vx_npy_file **ret_file, vx_error *err)
{
    vx_npy_file *file = vx_calloc(1, sizeof(*file));
    vx_status status = VX_ERR_NOMEM;

    if (file != NULL)
        file->path = vx_strdup(path);
    if (file == NULL || file->path == NULL) {
        status = vx_fail(err, VX_ERR_NOMEM, "%s: no memory", path);
        goto out;
    }
    status = vx_file_map(path, LONG_START, &file->bytes, err);
    if (status == VX_OK)
        status = read_header(file, err);
    if (status != VX_OK)
        goto out;
    *ret_file = file;
    file = NULL; /* moved to the caller */
out:
    vx_npy_close(file);
    return status;
}

vx_npy_file *vx_npy_close(vx_npy_file *file)
{
    if (file == NULL)
        return NULL;
    vx_file_unmap(file->bytes);
    vx_free(file->path);
    vx_free(file);
    return NULL;
}

vx_npy_array vx_npy_at(const vx_npy_file *file)
{
    return file->array;
}
