#ifndef VX_TENSOR_FILE_MAP_H
#define VX_TENSOR_FILE_MAP_H
#include <vx_base/span.h>
#include <vx_base/status.h>

/* Maps a regular file of at least `least` > 0 bytes for reading. VX_ERR_DATA: it is none, or
 * shorter: too short for a header; VX_ERR_NOT_FOUND; VX_ERR_IO. All name the path. */
VX_MUST_CHECK vx_status vx_tensor_map(const char *path, size_t least, vx_cbytes *ret_bytes,
                                      vx_error *err);
void vx_tensor_unmap(vx_cbytes bytes); /* takes { NULL } */
#endif
