#include <vx_base/assert.h>

#include "store.h"

/*
 * The binary version of CIFAR-10 and CIFAR-100 (Krizhevsky 2009, cs.toronto.edu/~kriz/cifar.html):
 * records of a label (CIFAR-100: a coarse and a fine one), then 3 x 32 x 32 bytes, channel by
 * channel, row by row.
 */
#define PIXELS 3072u

typedef struct layout {
    size_t record; /* bytes */
    size_t label;  /* where the label is in it */
    size_t pixels; /* where they begin */
    size_t most;   /* largest label */
} layout;

static vx_status choose(const vx_data_source *source, layout *ret_layout, vx_error *err)
{
    switch (source->classes) {
    case 10:
        *ret_layout = (layout){ PIXELS + 1, 0, 1, 9 };
        return VX_OK;
    case 20:
        *ret_layout = (layout){ PIXELS + 2, 0, 2, 19 };
        return VX_OK;
    case 100:
        *ret_layout = (layout){ PIXELS + 2, 1, 2, 99 };
        return VX_OK;
    default:
        return vx_fail(err, VX_ERR_DOMAIN,
                       "cifar with %zu classes: expected 10, or of CIFAR-100 100 (fine labels) or "
                       "20 (coarse ones)",
                       source->classes);
    }
}

/* Whole records. */
static vx_status open_file(const char *path, const layout *l, vx_block *ret_block, vx_error *err)
{
    char name[VX_STORE_NAME_SIZE];
    vx_block block = { 0 };
    vx_status status = VX_OK;

    VX_ASSERT(l->record > PIXELS);
    status = vx_block_map_file(path, l->record, &block, err);

    if (status == VX_OK && block.size % l->record != 0)
        status =
            vx_fail(err, VX_ERR_DATA,
                    "%s: %zu bytes: expected a multiple of %zu, the bytes of a record; %zu are "
                    "left at offset %zu (truncated, or of the other CIFAR)",
                    vx_store_name(path, name), block.size, l->record, block.size % l->record,
                    block.size - block.size % l->record);
    if (status == VX_OK && block.size / l->record > VX_DATA_COUNT_MAX)
        status = vx_fail(err, VX_ERR_LIMIT, "%s: more than %u observations",
                         vx_store_name(path, name), VX_DATA_COUNT_MAX);
    if (status == VX_OK)
        *ret_block = block;
    else
        vx_block_clear(&block);
    return status;
}

static vx_status add_labels(const char *path, const layout *l, const vx_block *block,
                            vx_targets *targets, vx_error *err)
{
    const uint8_t *at = block->at;
    vx_status status = VX_OK;

    for (size_t offset = l->label; status == VX_OK && offset < block->size; offset += l->record) {
        char name[VX_STORE_NAME_SIZE];

        if (at[offset] > l->most)
            return vx_fail(
                err, VX_ERR_DATA, "%s: observation %zu (offset %zu): label %u, expected 0 to %zu",
                vx_store_name(path, name), offset / l->record, offset, at[offset], l->most);
        status = vx_targets_add_label(targets, at[offset], err);
    }
    return status;
}

/* The pixels of one file stay where they are. */
static vx_status map_one(const vx_data_source *source, const layout *l, vx_targets *targets,
                         vx_dataset *dataset, vx_error *err)
{
    vx_status status = open_file(source->features, l, &dataset->features, err);

    if (status != VX_OK)
        return status;
    VX_ASSERT(l->record > PIXELS);
    status = add_labels(source->features, l, &dataset->features, targets, err);
    dataset->info.count = dataset->features.size / l->record;
    dataset->features.at = (const uint8_t *)dataset->features.at + l->pixels;
    dataset->features.size -= l->pixels;
    dataset->stride = l->record;
    return status;
}

static vx_status append(const char *path, const layout *l, vx_targets *targets, vx_builder *builder,
                        size_t *count, vx_error *err)
{
    vx_block block = { 0 };
    vx_status status = VX_OK;

    VX_ASSERT(l->record > PIXELS);
    status = open_file(path, l, &block, err);
    if (status == VX_OK)
        status = add_labels(path, l, &block, targets, err);
    for (size_t at = 0; status == VX_OK && at < block.size; at += l->record)
        status = vx_builder_add(builder, (const uint8_t *)block.at + at + l->pixels, PIXELS, err);
    *count += block.size / l->record;
    vx_block_clear(&block);
    return status;
}

static vx_status join(const vx_data_source *source, const layout *l, vx_targets *targets,
                      vx_dataset *dataset, vx_error *err)
{
    vx_builder builder = { .place = vx_store_place(source) };
    size_t count = 0;
    vx_status status = append(source->features, l, targets, &builder, &count, err);

    for (size_t i = 0; status == VX_OK && i < source->more_count; i++)
        status = append(source->more[i], l, targets, &builder, &count, err);
    if (status == VX_OK && count > VX_DATA_COUNT_MAX)
        status =
            vx_fail(err, VX_ERR_LIMIT, "%zu observations: at most %u", count, VX_DATA_COUNT_MAX);
    dataset->info.count = count;
    dataset->stride = PIXELS;
    if (status == VX_OK)
        return vx_builder_end(&builder, &dataset->features, err);
    vx_builder_abandon(&builder);
    return status;
}

vx_status vx_read_cifar(const vx_data_source *source, vx_dataset *dataset, vx_error *err)
{
    vx_targets targets = vx_targets_begin(source);
    layout l = { 0 };
    vx_status status = choose(source, &l, err);

    if (status != VX_OK)
        return status;
    dataset->number = VX_NUMBER_U8;
    dataset->info.features = PIXELS;
    dataset->info.row_values_max = PIXELS;
    dataset->info.image = (vx_shape){ 3, 32, 32 };
    status = source->more_count == 0 ? map_one(source, &l, &targets, dataset, err)
                                     : join(source, &l, &targets, dataset, err);
    if (status == VX_OK)
        return vx_targets_end(&targets, 1, dataset, err);
    vx_builder_abandon(&targets.builder);
    return status;
}
