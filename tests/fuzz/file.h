#ifndef VX_FUZZ_FILE_H
#define VX_FUZZ_FILE_H
#include <stddef.h>
#include <stdint.h>

/* A file in memory that readers open by its path. */
typedef struct vx_fuzz_file {
    int fd;
    char path[64];
} vx_fuzz_file;

vx_fuzz_file vx_fuzz_file_create(const uint8_t *at, size_t size);
void vx_fuzz_file_remove(vx_fuzz_file *file);
#endif
