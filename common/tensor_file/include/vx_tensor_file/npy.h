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

/* The numbers that a reader can use, all little-endian: float32 and float64, or these and integers
 * of 1 to 8 bytes with and without sign. */
typedef enum vx_npy_kinds { VX_NPY_REALS, VX_NPY_NUMBERS } vx_npy_kinds;
typedef struct vx_npy_header {
    char kind;    /* 'u', 'i', 'f' */
    size_t width; /* bytes of a number */
    size_t rank;  /* 0: one number */
    size_t shape[VX_TENSOR_RANK_MAX];
    size_t numbers; /* product of the shape */
    size_t start;   /* of the values in the file; floats are aligned when the file is */
} vx_npy_header;
/*
 * What the header of a file that numpy.save has written says (versions 1.0 to 3.0), checked against
 * the size of the file; name is that of messages. Nothing is copied, no memory is taken.
 * VX_ERR_DATA with name and what is wrong: not an NPY file, another kind than those (big-endian and
 * Fortran order are named), more than VX_TENSOR_RANK_MAX dimensions, shape and file size that do
 * not agree. A length of 0 is no fault of the file: there are no values then.
 */
#define VX_NPY_FILE_LEAST 12u /* bytes; the file has as many */
VX_MUST_CHECK vx_status vx_npy_header_read(const char *name, vx_cbytes file, vx_npy_kinds kinds,
                                           vx_npy_header *ret_header, vx_error *err);

/* Opens a file of float32 or float64 and maps it into memory; a program that shortens the file
 * meanwhile takes the memory away. As vx_npy_header_read with VX_NPY_REALS; VX_ERR_NOT_FOUND;
 * VX_ERR_IO; VX_ERR_NOMEM. */
typedef struct vx_npy_file vx_npy_file;
VX_MUST_CHECK vx_status vx_npy_open(const char *path, vx_npy_file **ret_file, vx_error *err);
vx_npy_file *vx_npy_close(vx_npy_file *file);    /* takes NULL, returns NULL */
vx_npy_array vx_npy_at(const vx_npy_file *file); /* values borrowed until close */
#endif
