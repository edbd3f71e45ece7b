#ifndef VX_TENSOR_FILE_NPY_H
#define VX_TENSOR_FILE_NPY_H
#include <stdbool.h>

#include <vx_base/status.h>
#include <vx_tensor_file/safetensors.h>

/* The NPY format, version 1.0, that numpy.load reads: little-endian float32 in C order. The name of
 * the tensor is not in it. Atomic and durable as vx_safetensors_write; the same statuses. */
VX_MUST_CHECK vx_status vx_npy_write(const char *path, const vx_tensor *tensor, vx_error *err);

/* An array of float32 or float64 in C order. A rank of 0 is one number. */
typedef struct vx_npy_array {
    const void *at; /* borrowed; aligned for its kind */
    bool is_double;
    size_t rank;
    size_t shape[VX_TENSOR_RANK_MAX];
} vx_npy_array;
/* As vx_npy_write. */
VX_MUST_CHECK vx_status vx_npy_write_array(const char *path, const vx_npy_array *array,
                                           vx_error *err);
/* What such a file consists of: header, which is written here, and values; borrowed from both.
 * VX_ERR_LIMIT names path. */
#define VX_NPY_HEADER_SIZE 256
VX_MUST_CHECK vx_status vx_npy_pieces(const char *path, const vx_npy_array *array,
                                      uint8_t header[VX_NPY_HEADER_SIZE], vx_cbytes ret_pieces[2],
                                      vx_error *err);

/*
 * Opens a file that numpy.save has written (versions 1.0 to 3.0) and maps it into memory; nothing
 * is copied, and a program that shortens the file meanwhile takes the memory away. Everything is
 * checked before it is believed. VX_ERR_DATA with path and what is wrong: not an NPY file, another
 * kind than '<f4' or '<f8' (big-endian and Fortran order are named), more than VX_TENSOR_RANK_MAX
 * dimensions, shape and file size that do not agree; VX_ERR_NOT_FOUND; VX_ERR_IO. A length of 0 is
 * no fault of the file: there are no values then.
 */
typedef struct vx_npy_file vx_npy_file;
VX_MUST_CHECK vx_status vx_npy_open(const char *path, vx_npy_file **ret_file, vx_error *err);
vx_npy_file *vx_npy_close(vx_npy_file *file);    /* takes NULL, returns NULL */
vx_npy_array vx_npy_at(const vx_npy_file *file); /* values borrowed until close */
#endif
