#include "database.h"

#include <pthread.h>
#include <stddef.h>

#include <vx_base/alloc.h>

/* SQLite asks for the size of a block that it holds: it stands before the block. */
typedef union block_head {
    size_t size;
    max_align_t alignment;
} block_head;

static void *block_resize(void *block, int size)
{
    block_head *head = block == NULL ? NULL : (block_head *)block - 1;

    head = vx_realloc(head, sizeof(*head) + (size_t)size);
    if (head == NULL)
        return NULL;
    head->size = (size_t)size;
    return head + 1;
}

static void *block_create(int size)
{
    return block_resize(NULL, size);
}

static void block_free(void *block)
{
    if (block != NULL)
        vx_free((block_head *)block - 1);
}

static int block_size(void *block)
{
    return block == NULL ? 0 : (int)((block_head *)block - 1)->size;
}

static int round_up(int size)
{
    return (size + 7) & ~7;
}

static int heap_initialise(void *context)
{
    (void)context;
    return SQLITE_OK;
}

static void heap_shut_down(void *context)
{
    (void)context;
}

static void configure(void)
{
    static const sqlite3_mem_methods methods = { .xMalloc = block_create,
                                                 .xFree = block_free,
                                                 .xRealloc = block_resize,
                                                 .xSize = block_size,
                                                 .xRoundup = round_up,
                                                 .xInit = heap_initialise,
                                                 .xShutdown = heap_shut_down };

    /* Refused once SQLite is initialised: then it keeps the heap that it has. */
    (void)sqlite3_config(SQLITE_CONFIG_MALLOC, &methods);
}

void vx_database_use_our_heap(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    (void)pthread_once(&once, configure);
}
