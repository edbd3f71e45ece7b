#include <vx_tensor_file/safetensors.h>

#include <inttypes.h>
#include <string.h>

#include <jansson.h>

#include <vx_base/alloc.h>
#include <vx_base/assert.h>
#include <vx_base/bytes.h>
#include <vx_base/file.h>

#include "safetensors_format.h"

#define FILE_MODE 0644

static bool is_ascii(const char *text)
{
    for (; *text != '\0'; text++)
        if ((unsigned char)*text >= 0x80)
            return false;
    return true;
}

/* Moves value into object under a new name. */
static vx_status add(json_t *object, const char *name, json_t *value, const char *path,
                     vx_error *err)
{
    if (name[0] == '\0' || !is_ascii(name) || json_object_get(object, name) != NULL) {
        json_decref(value);
        return vx_fail(err, VX_ERR_DATA, "%s: expected a new name in ASCII, found \"%.40s\"", path,
                       is_ascii(name) ? name : "?");
    }
    if (value == NULL || json_object_set_new(object, name, value) != 0)
        return vx_fail(err, VX_ERR_NOMEM, "%s: no memory for \"%s\"", path, name);
    return VX_OK;
}

static json_t *describe(const vx_tensor *tensor, uint64_t begin, uint64_t end)
{
    json_t *shape = json_array();

    for (size_t i = 0; shape != NULL && i < tensor->rank; i++)
        if (json_array_append_new(shape, json_integer((json_int_t)tensor->shape[i])) != 0) {
            json_decref(shape);
            return NULL;
        }
    if (shape == NULL)
        return NULL;
    return json_pack("{s:s, s:o, s:[I, I]}", "dtype", "F32", "shape", shape, "data_offsets",
                     (json_int_t)begin, (json_int_t)end);
}

static vx_status add_notes(json_t *header, const vx_tensor_note *notes, size_t count,
                           const char *path, vx_error *err)
{
    json_t *object = count > 0 ? json_object() : NULL;
    vx_status status = VX_OK;

    if (count == 0)
        return VX_OK;
    if (object == NULL)
        return vx_fail(err, VX_ERR_NOMEM, "%s: no memory for its notes", path);
    for (size_t i = 0; status == VX_OK && i < count; i++)
        status = is_ascii(notes[i].value)
                     ? add(object, notes[i].key, json_string(notes[i].value), path, err)
                     : vx_fail(err, VX_ERR_DATA, "%s: expected a note in ASCII", path);
    if (status == VX_OK)
        return add(header, VX_SAFETENSORS_NOTES, object, path, err);
    json_decref(object);
    return status;
}

static vx_status add_tensors(json_t *header, const vx_tensor *tensors, size_t count,
                             const char *path, vx_error *err)
{
    vx_status status = VX_OK;
    uint64_t begin = 0;

    for (size_t i = 0; status == VX_OK && i < count; i++) {
        const vx_tensor *tensor = &tensors[i];
        uint64_t bytes = 0;

        if (tensor->rank > VX_TENSOR_RANK_MAX ||
            memchr(tensor->name, '\0', sizeof(tensor->name)) == NULL ||
            !vx_tensor_bytes(tensor->shape, tensor->rank, &bytes) || bytes > INT64_MAX - begin)
            return vx_fail(err, VX_ERR_LIMIT, "%s: tensor %zu is too large", path, i);
        if (strcmp(tensor->name, VX_SAFETENSORS_NOTES) == 0)
            return vx_fail(err, VX_ERR_DATA, "%s: no tensor can be named %s", path, tensor->name);
        status = add(header, tensor->name, describe(tensor, begin, begin + bytes), path, err);
        begin += bytes;
    }
    return status;
}

/* Length and JSON, padded, in new memory. */
static vx_status print_header(const json_t *header, const char *path, vx_bytes *ret_text,
                              vx_error *err)
{
    size_t size = json_dumpb(header, NULL, 0, JSON_COMPACT);
    size_t padded = (size + VX_SAFETENSORS_ALIGNMENT - 1) & ~(size_t)(VX_SAFETENSORS_ALIGNMENT - 1);
    uint8_t *at = NULL;

    if (size == 0)
        return vx_fail(err, VX_ERR_NOMEM, "%s: no memory for its header", path);
    if (padded > VX_SAFETENSORS_HEADER_MAX)
        return vx_fail(err, VX_ERR_LIMIT, "%s: header of %zu bytes, at most %u", path, padded,
                       VX_SAFETENSORS_HEADER_MAX);
    at = vx_malloc(VX_SAFETENSORS_LENGTH_BYTES + padded);
    if (at == NULL)
        return vx_fail(err, VX_ERR_NOMEM, "%s: no memory for its header", path);
    vx_store_u64(at, padded);
    memset(at + VX_SAFETENSORS_LENGTH_BYTES, ' ', padded);
    if (json_dumpb(header, (char *)at + VX_SAFETENSORS_LENGTH_BYTES, size, JSON_COMPACT) != size) {
        vx_free(at);
        return vx_fail(err, VX_ERR_NOMEM, "%s: no memory for its header", path);
    }
    *ret_text = (vx_bytes){ at, VX_SAFETENSORS_LENGTH_BYTES + padded };
    return VX_OK;
}

static vx_status make_header(const char *path, const vx_tensor *tensors, size_t count,
                             const vx_tensor_note *notes, size_t notes_count, vx_bytes *ret_text,
                             vx_error *err)
{
    json_t *header = json_object();
    vx_status status = VX_OK;

    if (header == NULL)
        return vx_fail(err, VX_ERR_NOMEM, "%s: no memory for its header", path);
    status = add_notes(header, notes, notes_count, path, err);
    if (status == VX_OK)
        status = add_tensors(header, tensors, count, path, err);
    if (status == VX_OK)
        status = print_header(header, path, ret_text, err);
    json_decref(header);
    return status;
}

static vx_status write_pieces(const char *path, vx_cbytes header, const vx_tensor *tensors,
                              size_t count, vx_error *err)
{
    vx_cbytes *pieces = vx_calloc(count + 1, sizeof(*pieces));
    vx_status status = VX_OK;

    if (pieces == NULL)
        return vx_fail(err, VX_ERR_NOMEM, "%s: no memory to write it", path);
    pieces[0] = header;
    for (size_t i = 0; i < count; i++)
        pieces[i + 1] = (vx_cbytes){ (const uint8_t *)tensors[i].at,
                                     vx_tensor_numbers(&tensors[i]) * sizeof(float) };
    status = vx_file_replace_pieces(path, pieces, count + 1, FILE_MODE, err);
    vx_free(pieces);
    return status;
}

vx_status vx_safetensors_write(const char *path, const vx_tensor *tensors, size_t count,
                               const vx_tensor_note *notes, size_t notes_count, vx_error *err)
{
    vx_bytes header = { NULL, 0 };
    vx_status status = VX_OK;

    if (count > VX_TENSOR_FILE_MAX)
        return vx_fail(err, VX_ERR_LIMIT, "%s: %zu tensors, at most %d", path, count,
                       VX_TENSOR_FILE_MAX);
    status = make_header(path, tensors, count, notes, notes_count, &header, err);
    if (status == VX_OK)
        status = write_pieces(path, (vx_cbytes){ header.at, header.size }, tensors, count, err);
    vx_free(header.at);
    return status;
}
