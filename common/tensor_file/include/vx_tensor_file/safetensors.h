#ifndef VX_TENSOR_FILE_SAFETENSORS_H
#define VX_TENSOR_FILE_SAFETENSORS_H
#include <stdint.h>

#include <vx_base/limits.h>
#include <vx_base/span.h>
#include <vx_base/status.h>

/*
 * The safetensors format: 8 bytes little-endian header length, a JSON header {name: {dtype, shape,
 * data_offsets}, "__metadata__": {text: text}} padded with spaces to a multiple of 8, then the raw
 * values. Only F32 is written and read. A rank of 0 is one number.
 */
typedef struct vx_tensor {
    char name[VX_TENSOR_NAME_MAX];
    size_t rank;
    size_t shape[VX_TENSOR_RANK_MAX];
    const float *at; /* borrowed */
} vx_tensor;

#define VX_TENSOR_FILE_MAX (2 * VX_WORKERS_MAX) /* tensors of a file; a model has fewer */

typedef struct vx_tensor_note {
    const char *key, *value; /* entries of __metadata__; borrowed */
} vx_tensor_note;

size_t vx_tensor_numbers(const vx_tensor *tensor); /* product of the shape */

/* Writes path atomically and durably (temp beside it, fsync, rename, fsync of the folder).
 * VX_ERR_IO, VX_ERR_SPACE and VX_ERR_NOT_FOUND (no folder) name the path and leave no temp file;
 * VX_ERR_LIMIT, VX_ERR_NOMEM;
 * VX_ERR_DATA for a name that is empty, taken or "__metadata__", or a text that is not ASCII. */
VX_MUST_CHECK vx_status vx_safetensors_write(const char *path, const vx_tensor *tensors,
                                             size_t count, const vx_tensor_note *notes,
                                             size_t notes_count, vx_error *err);

/* Opens and checks everything before anything is believed: header length against file size and VX
 * limit, JSON, dtype, shapes, offsets in bounds, contiguous, not overlapping, whole file covered.
 * Tensors are in the order of their offsets. VX_ERR_DATA with path and what is wrong;
 * VX_ERR_NOT_FOUND; VX_ERR_IO. */
typedef struct vx_tensor_file vx_tensor_file;
VX_MUST_CHECK vx_status vx_safetensors_open(const char *path, vx_tensor_file **ret_file,
                                            vx_error *err);
vx_tensor_file *vx_tensor_file_close(vx_tensor_file *file);
size_t vx_tensor_file_count(const vx_tensor_file *file);
vx_tensor vx_tensor_file_at(const vx_tensor_file *file,
                            size_t index); /* values borrowed until close */
const char *vx_tensor_file_note(const vx_tensor_file *file, const char *key); /* NULL when absent */
/* The whole file as it was opened, for digests; borrowed until close. */
vx_cbytes vx_tensor_file_bytes(const vx_tensor_file *file);
#endif
