#include <vx_data/dataset.h>

#include <string.h>

#include <vx_base/alloc.h>
#include <vx_base/assert.h>

#include "store.h"

/* Compiled for one build on one host: the header of the file is this struct as it is. Blocks
 * follow, each from a multiple of ALIGNMENT on. */
#define MAGIC     "vexilset"
#define ALIGNMENT 64u
#define BLOCKS    4u

typedef struct header {
    char magic[8];
    size_t own_size;
    vx_dataset_info info;
    vx_number number;
    size_t stride;
    size_t sizes[BLOCKS];
} header;

static void list_blocks(vx_dataset *dataset, vx_block *ret_blocks[BLOCKS])
{
    ret_blocks[0] = &dataset->features;
    ret_blocks[1] = &dataset->columns;
    ret_blocks[2] = &dataset->begin;
    ret_blocks[3] = &dataset->targets;
}

static size_t aligned(size_t size)
{
    return (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

bool vx_dataset_is_made(const vx_dataset *dataset)
{
    return dataset->features.made;
}

/* Bytes, and zeros up to the next border. */
static vx_status add_aligned(vx_builder *builder, const void *at, size_t size, vx_error *err)
{
    static const uint8_t zeros[ALIGNMENT];
    vx_status status = vx_builder_add(builder, at, size, err);

    return status == VX_OK ? vx_builder_add(builder, zeros, aligned(size) - size, err) : status;
}

/* The blocks of a set in a mapped file; the first one owns the map. */
static void place_blocks(const header *head, vx_block file, vx_dataset *dataset)
{
    const uint8_t *at = (const uint8_t *)file.at + aligned(sizeof(*head));
    vx_block *blocks[BLOCKS];

    list_blocks(dataset, blocks);
    for (size_t i = 0; i < BLOCKS; i++) {
        *blocks[i] = (vx_block){ .at = at, .size = head->sizes[i] };
        at += aligned(head->sizes[i]);
    }
    dataset->features.map = file.map;
    dataset->features.map_size = file.map_size;
}

vx_status vx_dataset_share(vx_dataset *dataset, const char *scratch, int *ret_handle, vx_error *err)
{
    vx_data_source source = { .scratch = scratch };
    vx_builder builder = { .place = { .folder = vx_store_place(&source).folder } };
    header head;
    vx_block *blocks[BLOCKS];
    vx_block file = { 0 };
    vx_status status = VX_OK;

    VX_ASSERT(dataset->numbers == NULL);
    memset(&head, 0, sizeof(head));
    memcpy(head.magic, MAGIC, sizeof(head.magic));
    head.own_size = sizeof(head);
    head.info = dataset->info;
    head.number = dataset->number;
    head.stride = dataset->stride;
    list_blocks(dataset, blocks);
    for (size_t i = 0; i < BLOCKS; i++)
        head.sizes[i] = blocks[i]->size;
    status = add_aligned(&builder, &head, sizeof(head), err);
    for (size_t i = 0; status == VX_OK && i < BLOCKS; i++)
        status = add_aligned(&builder, blocks[i]->at, blocks[i]->size, err);
    if (status != VX_OK) {
        vx_builder_abandon(&builder);
        return status;
    }
    status = vx_builder_end_open(&builder, &file, ret_handle, err);
    if (status != VX_OK)
        return status;
    for (size_t i = 0; i < BLOCKS; i++)
        vx_block_clear(blocks[i]);
    place_blocks(&head, file, dataset);
    return VX_OK;
}

/* Does every block stand in the file, and have the rows that the info claims? */
static bool is_whole(const header *head, size_t size)
{
    size_t left = size - aligned(sizeof(*head));
    size_t count = head->info.count;
    size_t target = head->info.classes > 0 ? 1 : head->info.target_columns;

    if (memcmp(head->magic, MAGIC, sizeof(head->magic)) != 0 || head->own_size != sizeof(*head) ||
        count < 1 || count > VX_DATA_COUNT_MAX)
        return false;
    for (size_t i = 0; i < BLOCKS; i++) {
        if (head->sizes[i] > left || aligned(head->sizes[i]) > left)
            return false;
        left -= aligned(head->sizes[i]);
    }
    if (target < 1 || head->sizes[3] / sizeof(float) / target < count)
        return false;
    if (head->info.sparse)
        return head->sizes[2] / sizeof(size_t) > count;
    return head->stride > 0 && head->sizes[0] / head->stride >= count;
}

vx_status vx_dataset_attach(const char *path, vx_dataset **ret_dataset, vx_error *err)
{
    size_t least = aligned(sizeof(header));
    vx_block file = { 0 };
    header head;
    vx_dataset *dataset = NULL;
    vx_status status = vx_block_map_file(path, least, &file, err);

    if (status != VX_OK)
        return status;
    memcpy(&head, file.at, sizeof(head));
    if (!is_whole(&head, file.size)) {
        vx_block_clear(&file);
        return vx_fail(err, VX_ERR_DATA,
                       "%s: expected a data set that a process of this build shares, found another "
                       "file",
                       path);
    }
    dataset = vx_calloc(1, sizeof(*dataset));
    if (dataset == NULL) {
        vx_block_clear(&file);
        return vx_fail(err, VX_ERR_NOMEM, "out of memory");
    }
    dataset->info = head.info;
    dataset->number = head.number;
    dataset->stride = head.stride;
    place_blocks(&head, file, dataset);
    *ret_dataset = dataset;
    return VX_OK;
}
