#include <vx_tensor_file/safetensors.h>

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include <vx_base/alloc.h>
#include <vx_base/assert.h>
#include <vx_base/bytes.h>
#include <vx_base/file.h>
#include <vx_base/log.h>

#include "safetensors_format.h"

typedef struct entry { /* a tensor and its place in the data */
    vx_tensor tensor;
    uint64_t begin, end;
} entry;

struct vx_tensor_file {
    char *path;      /* owned */
    vx_cbytes bytes; /* mapped; NULL when not */
    json_t *header;  /* owned; the notes live in it */
    entry *entries;  /* owned, by offset */
    size_t count;
};

bool vx_tensor_bytes(const size_t *shape, size_t rank, uint64_t *ret_bytes)
{
    uint64_t bytes = sizeof(float);

    for (size_t i = 0; i < rank; i++)
        if (__builtin_mul_overflow(bytes, shape[i], &bytes))
            return false;
    *ret_bytes = bytes;
    return true;
}

size_t vx_tensor_numbers(const vx_tensor *tensor)
{
    uint64_t bytes = 0;
    bool fits = vx_tensor_bytes(tensor->shape, tensor->rank, &bytes);

    VX_ASSERT(tensor->rank <= VX_TENSOR_RANK_MAX);
    VX_ASSERT(fits);
    return (size_t)(bytes / sizeof(float));
}

static vx_status parse_header(vx_tensor_file *file, vx_cbytes *ret_data, vx_error *err)
{
    uint64_t length = vx_load_u64(file->bytes.at);
    uint64_t rest = file->bytes.size - VX_SAFETENSORS_LENGTH_BYTES;
    const uint8_t *text = file->bytes.at + VX_SAFETENSORS_LENGTH_BYTES;
    char quoted[VX_LOG_QUOTE_SIZE];
    json_error_t where = { .text = "" }; /* which stays so when memory is out */

    if (length > VX_SAFETENSORS_HEADER_MAX || length > rest)
        return vx_fail(err, VX_ERR_DATA,
                       "%s: header of %" PRIu64 " bytes; %" PRIu64
                       " follow, and at most %u are read",
                       file->path, length, rest, VX_SAFETENSORS_HEADER_MAX);
    if (length % VX_SAFETENSORS_ALIGNMENT != 0 || length == 0 || text[0] != '{')
        return vx_fail(err, VX_ERR_DATA,
                       "%s: expected a header that begins with { and is a multiple of %d bytes",
                       file->path, VX_SAFETENSORS_ALIGNMENT);
    file->header = json_loadb((const char *)text, (size_t)length, JSON_REJECT_DUPLICATES, &where);
    if (file->header == NULL && where.text[0] == '\0')
        return vx_fail(err, VX_ERR_NOMEM, "%s: no memory for its header", file->path);
    if (file->header == NULL)
        return vx_fail(err, VX_ERR_DATA, "%s: header is not JSON at byte %d: %s", file->path,
                       where.position, vx_log_quote(where.text, quoted));
    *ret_data = (vx_cbytes){ text + length, (size_t)(rest - length) };
    return VX_OK;
}

/* "path: tensor "name": why" */
static vx_status fail_tensor(const vx_tensor_file *file, const char *name, const char *why,
                             vx_error *err)
{
    char quoted[VX_LOG_QUOTE_SIZE];

    return vx_fail(err, VX_ERR_DATA, "%s: tensor %.80s: %s", file->path, vx_log_quote(name, quoted),
                   why);
}

static bool take_size(const json_t *value, uint64_t *ret_size)
{
    if (!json_is_integer(value) || json_integer_value(value) < 0)
        return false;
    *ret_size = (uint64_t)json_integer_value(value);
    return true;
}

static bool take_shape(const json_t *shape, vx_tensor *tensor)
{
    if (!json_is_array(shape) || json_array_size(shape) > VX_TENSOR_RANK_MAX)
        return false;
    tensor->rank = json_array_size(shape);
    for (size_t i = 0; i < tensor->rank; i++)
        if (!take_size(json_array_get(shape, i), &tensor->shape[i]))
            return false;
    return true;
}

static vx_status take_tensor(const vx_tensor_file *file, const char *name, const json_t *value,
                             vx_cbytes data, entry *ret_entry, vx_error *err)
{
    const char *dtype = json_string_value(json_object_get(value, "dtype"));
    const json_t *offsets = json_object_get(value, "data_offsets");
    entry e = { 0 };
    uint64_t bytes = 0;

    if (name[0] == '\0' || strlen(name) >= sizeof(e.tensor.name))
        return fail_tensor(file, name, "expected a name of 1 to 95 bytes", err);
    memcpy(e.tensor.name, name, strlen(name) + 1);
    if (json_object_size(value) != 3 || dtype == NULL)
        return fail_tensor(file, name, "expected dtype, shape and data_offsets", err);
    if (strcmp(dtype, "F32") != 0)
        return fail_tensor(file, name, "expected dtype F32, found another", err);
    if (!take_shape(json_object_get(value, "shape"), &e.tensor) ||
        !vx_tensor_bytes(e.tensor.shape, e.tensor.rank, &bytes))
        return fail_tensor(file, name, "expected a shape of at most 4 sizes that fit memory", err);
    if (json_array_size(offsets) != 2 || !take_size(json_array_get(offsets, 0), &e.begin) ||
        !take_size(json_array_get(offsets, 1), &e.end))
        return fail_tensor(file, name, "expected two data_offsets", err);
    if (e.begin > e.end || e.end > data.size)
        return fail_tensor(file, name, "data_offsets lie outside the file", err);
    if (e.end - e.begin != bytes)
        return fail_tensor(file, name, "data_offsets do not fit the shape", err);
    if (e.begin % sizeof(float) != 0)
        return fail_tensor(file, name, "values are not aligned", err);
    e.tensor.at = (const float *)(const void *)(data.at + e.begin);
    *ret_entry = e;
    return VX_OK;
}

static vx_status check_notes(const vx_tensor_file *file, json_t *notes, vx_error *err)
{
    const char *key = NULL;
    json_t *value = NULL;

    if (!json_is_object(notes))
        return vx_fail(err, VX_ERR_DATA, "%s: " VX_SAFETENSORS_NOTES " is not an object",
                       file->path);
    json_object_foreach(notes, key, value)
    {
        if (!json_is_string(value))
            return vx_fail(err, VX_ERR_DATA,
                           "%s: " VX_SAFETENSORS_NOTES " holds what is not a text", file->path);
    }
    return VX_OK;
}

static vx_status take_tensors(vx_tensor_file *file, vx_cbytes data, vx_error *err)
{
    size_t count = json_object_size(file->header);
    const char *name = NULL;
    json_t *value = NULL;
    vx_status status = VX_OK;

    if (count > VX_TENSOR_FILE_MAX + 1)
        return vx_fail(err, VX_ERR_DATA, "%s: %zu tensors, at most %d", file->path, count,
                       VX_TENSOR_FILE_MAX);
    file->entries = vx_calloc(count + 1, sizeof(*file->entries));
    if (file->entries == NULL)
        return vx_fail(err, VX_ERR_NOMEM, "%s: no memory for %zu tensors", file->path, count);
    json_object_foreach(file->header, name, value)
    {
        if (strcmp(name, VX_SAFETENSORS_NOTES) == 0)
            status = check_notes(file, value, err);
        else
            status = take_tensor(file, name, value, data, &file->entries[file->count++], err);
        if (status != VX_OK)
            return status;
    }
    if (file->count > VX_TENSOR_FILE_MAX)
        return vx_fail(err, VX_ERR_DATA, "%s: %zu tensors, at most %d", file->path, file->count,
                       VX_TENSOR_FILE_MAX);
    return VX_OK;
}

static int by_offset(const void *left, const void *right)
{
    const entry *a = left;
    const entry *b = right;

    if (a->begin != b->begin)
        return a->begin < b->begin ? -1 : 1;
    if (a->end != b->end)
        return a->end < b->end ? -1 : 1;
    return strcmp(a->tensor.name, b->tensor.name);
}

/* Each byte of the data belongs to one tensor. */
static vx_status check_cover(vx_tensor_file *file, vx_cbytes data, vx_error *err)
{
    uint64_t reached = 0;

    qsort(file->entries, file->count, sizeof(*file->entries), by_offset);
    for (size_t i = 0; i < file->count; i++) {
        const entry *e = &file->entries[i];

        if (e->begin != reached)
            return fail_tensor(file, e->tensor.name,
                               e->begin < reached ? "overlaps another" : "a gap lies before it",
                               err);
        reached = e->end;
    }
    if (reached != data.size)
        return vx_fail(err, VX_ERR_DATA, "%s: %" PRIu64 " bytes after the last tensor", file->path,
                       data.size - reached);
    return VX_OK;
}

vx_status vx_safetensors_open(const char *path, vx_tensor_file **ret_file, vx_error *err)
{
    vx_status status = VX_ERR_NOMEM;
    vx_tensor_file *file = vx_calloc(1, sizeof(*file));
    vx_cbytes data = { NULL, 0 };

    if (file != NULL)
        file->path = vx_strdup(path);
    if (file == NULL || file->path == NULL) {
        status = vx_fail(err, VX_ERR_NOMEM, "%s: no memory to open it", path);
        goto out;
    }
    status = vx_file_map(path, VX_SAFETENSORS_LENGTH_BYTES, &file->bytes, err);
    if (status != VX_OK)
        goto out;
    status = parse_header(file, &data, err);
    if (status != VX_OK)
        goto out;
    status = take_tensors(file, data, err);
    if (status != VX_OK)
        goto out;
    status = check_cover(file, data, err);
    if (status != VX_OK)
        goto out;
    *ret_file = file;
    file = NULL;
out:
    vx_tensor_file_close(file);
    return status;
}

vx_tensor_file *vx_tensor_file_close(vx_tensor_file *file)
{
    if (file == NULL)
        return NULL;
    vx_file_unmap(file->bytes);
    json_decref(file->header);
    vx_free(file->entries);
    vx_free(file->path);
    vx_free(file);
    return NULL;
}

size_t vx_tensor_file_count(const vx_tensor_file *file)
{
    return file->count;
}

vx_tensor vx_tensor_file_at(const vx_tensor_file *file, size_t index)
{
    VX_ASSERT(index < file->count);
    return file->entries[index].tensor;
}

const char *vx_tensor_file_note(const vx_tensor_file *file, const char *key)
{
    const json_t *notes = json_object_get(file->header, VX_SAFETENSORS_NOTES);

    return json_string_value(json_object_get(notes, key));
}

vx_cbytes vx_tensor_file_bytes(const vx_tensor_file *file)
{
    return file->bytes;
}
