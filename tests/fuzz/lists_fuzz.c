/* The lists of two slots: a byte says how long the first is. */
#include "fuzz.h"

#include "file.h"

#include <string.h>

#include <vx_base/alloc.h>
#include <vx_base/assert.h>
#include <vx_data/shard.h>

#define COUNT 50u

static void check_slot(const vx_shard_spec *spec, uint32_t slot, uint8_t seen[COUNT])
{
    static const uint32_t labels[COUNT];
    uint32_t *indices = NULL;
    size_t count = 0;
    vx_error err = { 0 };
    vx_status status = vx_shard_indices(
        spec, (vx_shard_targets){ .labels = labels, .count = COUNT }, slot, &indices, &count, &err);

    VX_ASSERT(status == VX_OK || status == VX_ERR_DATA || status == VX_ERR_LIMIT);
    VX_ASSERT((status == VX_OK) == (indices != NULL));
    for (size_t i = 0; indices != NULL && i < count; i++) {
        VX_ASSERT(indices[i] < COUNT && seen[indices[i]] == 0);
        seen[indices[i]] = 1;
    }
    vx_free(indices);
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t size)
{
    vx_fuzz_file lists[2];
    const char *files[2];
    vx_shard_spec spec = { .kind = VX_SHARD_FILES, .slots = 2, .files = files };
    uint8_t seen[COUNT] = { 0 };
    size_t first = 0;

    if (size < 1)
        return 0;
    first = at[0] > size - 1 ? size - 1 : at[0];
    lists[0] = vx_fuzz_file_create(at + 1, first);
    lists[1] = vx_fuzz_file_create(at + 1 + first, size - 1 - first);
    files[0] = lists[0].path;
    files[1] = lists[1].path;
    check_slot(&spec, 0, seen);
    check_slot(&spec, 1, seen);
    vx_fuzz_file_remove(&lists[0]);
    vx_fuzz_file_remove(&lists[1]);
    return 0;
}
