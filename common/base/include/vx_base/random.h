#ifndef VX_BASE_RANDOM_H
#define VX_BASE_RANDOM_H
#include <stddef.h>
#include <stdint.h>

#include <vx_base/status.h>

/* Secrets: bytes that nobody can guess, from the kernel or from what a simulator has installed.
 * Everything else that needs chance uses vx_base/rng.h, which is reproducible. VX_ERR_SYSTEM. */
VX_MUST_CHECK vx_status vx_random_bytes(uint8_t *ret_bytes, size_t size, vx_error *err);

typedef struct vx_random {
    int (*fill)(void *context, uint8_t *ret_bytes, size_t size); /* 0, or an errno */
    void *context;
} vx_random;

/* Before anything else runs; NULL: the kernel's. */
void vx_random_install(const vx_random *random);
#endif
