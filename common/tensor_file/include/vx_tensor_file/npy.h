#ifndef VX_TENSOR_FILE_NPY_H
#define VX_TENSOR_FILE_NPY_H
#include <vx_base/status.h>
#include <vx_tensor_file/safetensors.h>

/* The NPY format, version 1.0, that numpy.load reads: little-endian float32 in C order. The name of
 * the tensor is not in it. Atomic and durable as vx_safetensors_write; the same statuses. */
VX_MUST_CHECK vx_status vx_npy_write(const char *path, const vx_tensor *tensor, vx_error *err);
#endif
