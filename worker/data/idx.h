#ifndef VX_DATA_IDX_H
#define VX_DATA_IDX_H
#include <stdint.h>

#include <vx_base/status.h>

#define VX_IDX_RANK_MAX 4

/* An idx file of unsigned bytes. */
typedef struct vx_idx {
    size_t rank;
    size_t shape[VX_IDX_RANK_MAX];
    size_t size;     /* product of the shape */
    uint8_t *values; /* owned by the caller */
} vx_idx;

/* The path, or "..." and its end when it is long: a message has room for more than a path. Returns
 * name. */
#define VX_IDX_NAME_SIZE 128
const char *vx_idx_name(const char *path, char name[VX_IDX_NAME_SIZE]);

/* A regular file, plain or gzip. The size that the header implies is checked against the file
 * before memory is taken. */
VX_MUST_CHECK vx_status vx_idx_read(const char *path, vx_idx *ret_idx, vx_error *err);
#endif
