#ifndef VX_TENSOR_FILE_SAFETENSORS_FORMAT_H
#define VX_TENSOR_FILE_SAFETENSORS_FORMAT_H
#include <stdbool.h>
#include <stdint.h>

#include <vx_tensor_file/safetensors.h>

#define VX_SAFETENSORS_LENGTH_BYTES 8          /* little-endian, before the header */
#define VX_SAFETENSORS_ALIGNMENT    8          /* of the header's length */
#define VX_SAFETENSORS_HEADER_MAX   (1u << 20) /* the format itself allows 100 MB */
#define VX_SAFETENSORS_NOTES        "__metadata__"

/* 4 x the product of the shape; false when that overflows. */
bool vx_tensor_bytes(const size_t *shape, size_t rank, uint64_t *ret_bytes);
#endif
