#include <vx_base/alloc.h>

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ALIGNMENT 64

static atomic_uint_fast64_t allocations;
static _Atomic(vx_alloc_hook) alloc_hook;
static _Atomic(void *) alloc_hook_context;

void vx_alloc_set_hook(vx_alloc_hook hook, void *context)
{
    atomic_store(&alloc_hook_context, context);
    atomic_store(&alloc_hook, hook);
}

uint64_t vx_alloc_count(void)
{
    return atomic_load(&allocations);
}

static bool is_refused(void)
{
    vx_alloc_hook hook = atomic_load(&alloc_hook);

    return hook != NULL && hook(atomic_load(&alloc_hook_context));
}

static void *counted(void *memory)
{
    if (memory != NULL)
        atomic_fetch_add_explicit(&allocations, 1, memory_order_relaxed);
    return memory;
}

/* A size of 0 asks for 1: NULL then always means that memory is out. */
static size_t at_least_one(size_t size)
{
    return size != 0 ? size : 1;
}

void *vx_malloc(size_t size)
{
    return is_refused() ? NULL : counted(malloc(at_least_one(size)));
}

void *vx_calloc(size_t count, size_t size)
{
    size_t bytes = 0;

    if (__builtin_mul_overflow(count, size, &bytes) || is_refused())
        return NULL;
    return counted(calloc(1, at_least_one(bytes)));
}

void *vx_realloc(void *old, size_t size)
{
    return is_refused() ? NULL : counted(realloc(old, at_least_one(size)));
}

static char *copy_text(const char *text, size_t length)
{
    char *copy = vx_malloc(length + 1);

    if (copy == NULL)
        return NULL;
    memcpy(copy, text, length);
    copy[length] = '\0';
    return copy;
}

char *vx_strdup(const char *text)
{
    return copy_text(text, strlen(text));
}

char *vx_strndup(const char *text, size_t size)
{
    return copy_text(text, strnlen(text, size));
}

void *vx_aligned_calloc(size_t count, size_t size)
{
    size_t bytes = 0;
    void *memory = NULL;

    if (__builtin_mul_overflow(count, size, &bytes) || bytes > SIZE_MAX - ALIGNMENT)
        return NULL;
    /* aligned_alloc wants a multiple of the alignment. */
    bytes = (at_least_one(bytes) + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    if (is_refused())
        return NULL;
    memory = counted(aligned_alloc(ALIGNMENT, bytes));
    if (memory != NULL)
        memset(memory, 0, bytes);
    return memory;
}

void vx_free(void *memory)
{
    free(memory);
}

char *vx_format(const char *format, ...)
{
    va_list args;
    char *text = NULL;
    int length;

    va_start(args, format);
    length = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (length < 0)
        return NULL;
    text = vx_malloc((size_t)length + 1);
    if (text == NULL)
        return NULL;
    va_start(args, format);
    vsnprintf(text, (size_t)length + 1, format, args);
    va_end(args);
    return text;
}
