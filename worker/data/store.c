#include "store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <vx_base/assert.h>

vx_block_place vx_store_place(const vx_data_source *source)
{
    const char *folder = source->scratch != NULL ? source->scratch : getenv("TMPDIR");

    return (vx_block_place){
        .memory_bytes = source->memory_bytes > 0 ? source->memory_bytes : VX_DATA_MEMORY_BYTES,
        .folder = folder != NULL && folder[0] != '\0' ? folder : "/tmp",
    };
}

const char *vx_store_name(const char *path, char name[VX_STORE_NAME_SIZE])
{
    size_t length = strlen(path);
    size_t room = VX_STORE_NAME_SIZE - sizeof("...");

    if (length < VX_STORE_NAME_SIZE)
        (void)snprintf(name, VX_STORE_NAME_SIZE, "%s", path);
    else
        (void)snprintf(name, VX_STORE_NAME_SIZE, "...%s", path + length - room);
    return name;
}

vx_targets vx_targets_begin(const vx_data_source *source)
{
    return (vx_targets){ .builder = { .place = vx_store_place(source) },
                         .kind = source->targets,
                         .declared = source->classes };
}

size_t vx_targets_label_max(const vx_targets *targets)
{
    if (targets->kind == VX_TARGETS_REAL)
        return UINT32_MAX;
    return (targets->declared > 0 ? targets->declared : VX_DATA_CLASSES_MAX) - 1;
}

vx_status vx_targets_add_value(vx_targets *targets, float value, vx_error *err)
{
    VX_ASSERT(targets->kind == VX_TARGETS_REAL);
    return vx_builder_add(&targets->builder, &value, sizeof(value), err);
}

vx_status vx_targets_add_label(vx_targets *targets, uint32_t label, vx_error *err)
{
    VX_ASSERT(label <= vx_targets_label_max(targets));
    if (targets->kind == VX_TARGETS_REAL)
        return vx_targets_add_value(targets, (float)label, err);
    if (label >= targets->classes)
        targets->classes = (size_t)label + 1;
    return vx_builder_add(&targets->builder, &label, sizeof(label), err);
}

vx_status vx_targets_end(vx_targets *targets, size_t columns, vx_dataset *dataset, vx_error *err)
{
    bool real = targets->kind == VX_TARGETS_REAL;

    dataset->info.target_columns = real ? columns : 0;
    dataset->info.classes = real ? 0 : targets->classes;
    if (!real && targets->declared > 0)
        dataset->info.classes = targets->declared;
    return vx_builder_end(&targets->builder, &dataset->targets, err);
}
