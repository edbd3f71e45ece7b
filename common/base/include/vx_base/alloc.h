#ifndef VX_BASE_ALLOC_H
#define VX_BASE_ALLOC_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The only door to the heap. All return NULL when memory is out, or when the hook says so. Thread
 * safe. */
void *vx_malloc(size_t size);
void *vx_calloc(size_t count, size_t size); /* NULL too when count * size overflows */
void *vx_realloc(void *old, size_t size);
char *vx_strdup(const char *text);
char *vx_strndup(const char *text, size_t size);
/* Zeroed, aligned to 64 bytes (a cache line, an AVX-512 register); freed by vx_free. */
void *vx_aligned_calloc(size_t count, size_t size);
void vx_free(void *memory); /* takes NULL */

/* printf into new memory. */
char *vx_format(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* For tests: hook(context) true fails that allocation. NULL takes the hook away. Set in one thread
 * only. */
typedef bool (*vx_alloc_hook)(void *context);
void vx_alloc_set_hook(vx_alloc_hook hook, void *context);

/* How many allocations this process has made: equal before and after a round means that the round
 * made none. */
uint64_t vx_alloc_count(void);
#endif
