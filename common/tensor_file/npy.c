#include <vx_tensor_file/npy.h>

#include <stdio.h>
#include <string.h>

#include <vx_base/bytes.h>
#include <vx_base/file.h>

#include "safetensors_format.h"

#define FILE_MODE 0644
#define MAGIC     "\x93NUMPY\x01\x00"
#define LENGTH_AT (sizeof(MAGIC) - 1) /* 2 bytes, little-endian, of the text that follows */
#define TEXT_AT   (LENGTH_AT + 2)
#define ALIGNMENT                                                                                  \
    64 /* of the values; the text is padded with spaces, its last byte is a line feed */
#define HEADER_SIZE VX_NPY_HEADER_SIZE
_Static_assert(HEADER_SIZE % ALIGNMENT == 0, "whole blocks");
#define SHAPE_SIZE (VX_TENSOR_RANK_MAX * 24)

/* "(2, 3)", "(3,)", "()". */
static void print_shape(const vx_npy_array *tensor, char text[SHAPE_SIZE])
{
    size_t used = 0;

    for (size_t i = 0; i < tensor->rank; i++)
        used += (size_t)snprintf(text + used, SHAPE_SIZE - used, "%s%zu", i == 0 ? "(" : ", ",
                                 tensor->shape[i]);
    (void)snprintf(text + used, SHAPE_SIZE - used, "%s",
                   tensor->rank == 0 ? "()" : (tensor->rank == 1 ? ",)" : ")"));
}

static size_t print_header(const vx_npy_array *tensor, uint8_t header[HEADER_SIZE])
{
    char shape[SHAPE_SIZE];
    char text[HEADER_SIZE];
    size_t length = 0;
    size_t size = 0;

    print_shape(tensor, shape);
    length = (size_t)snprintf(text, sizeof(text),
                              "{'descr': '<f%d', 'fortran_order': False, 'shape': %s, }",
                              tensor->is_double ? 8 : 4, shape);
    size = (TEXT_AT + length + 1 + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    VX_ASSERT(size <= HEADER_SIZE);
    memset(header, ' ', size);
    memcpy(header, MAGIC, LENGTH_AT);
    vx_store_u16(header + LENGTH_AT, (uint16_t)(size - TEXT_AT));
    memcpy(header + TEXT_AT, text, length);
    header[size - 1] = '\n';
    return size;
}

vx_status vx_npy_pieces(const char *path, const vx_npy_array *array,
                        uint8_t header[VX_NPY_HEADER_SIZE], vx_cbytes ret_pieces[2], vx_error *err)
{
    uint64_t bytes = 0;

    if (array->rank > VX_TENSOR_RANK_MAX || !vx_tensor_bytes(array->shape, array->rank, &bytes) ||
        bytes > INT64_MAX / 2)
        return vx_fail(err, VX_ERR_LIMIT, "%s: the tensor is too large", path);
    ret_pieces[0] = (vx_cbytes){ header, print_header(array, header) };
    ret_pieces[1] = (vx_cbytes){ array->at, array->is_double ? 2 * bytes : bytes };
    return VX_OK;
}

vx_status vx_npy_write_array(const char *path, const vx_npy_array *array, vx_error *err)
{
    uint8_t header[VX_NPY_HEADER_SIZE];
    vx_cbytes pieces[2];
    vx_status status = vx_npy_pieces(path, array, header, pieces, err);

    return status == VX_OK ? vx_file_replace_pieces(path, pieces, 2, FILE_MODE, err) : status;
}

vx_status vx_npy_write(const char *path, const vx_tensor *tensor, vx_error *err)
{
    vx_npy_array array = { .at = tensor->at, .rank = tensor->rank };

    if (tensor->rank > VX_TENSOR_RANK_MAX)
        return vx_fail(err, VX_ERR_LIMIT, "%s: the tensor is too large", path);
    memcpy(array.shape, tensor->shape, sizeof(array.shape));
    return vx_npy_write_array(path, &array, err);
}
