/* A file of tensors: it is refused, or its tensors cover the data one after the other. */
#include "fuzz.h"

#include "file.h"

#include <string.h>

#include <vx_base/assert.h>
#include <vx_tensor_file/safetensors.h>

static volatile uint8_t byte_seen; /* so that reading is not optimised away */

static void check_tensors(const vx_tensor_file *file)
{
    size_t count = vx_tensor_file_count(file);
    vx_cbytes whole = vx_tensor_file_bytes(file);
    const uint8_t *next = NULL;

    VX_ASSERT(count <= VX_TENSORS_MAX);
    for (size_t i = 0; i < count; i++) {
        vx_tensor tensor = vx_tensor_file_at(file, i);
        const uint8_t *at = (const uint8_t *)tensor.at;
        size_t bytes = vx_tensor_numbers(&tensor) * sizeof(float);

        VX_ASSERT(tensor.name[0] != '\0' && tensor.rank <= VX_TENSOR_RANK_MAX);
        VX_ASSERT(next == NULL || at == next);
        for (size_t k = 0; k < bytes; k++)
            byte_seen = at[k];
        next = at + bytes;
    }
    VX_ASSERT(next == NULL || next == whole.at + whole.size);
    (void)vx_tensor_file_note(file, "note");
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t size)
{
    vx_fuzz_file content = vx_fuzz_file_create(at, size);
    vx_tensor_file *file = NULL;
    vx_error err = { 0 };
    vx_status status = vx_safetensors_open(content.path, &file, &err);

    if (status == VX_OK) {
        check_tensors(file);
        vx_tensor_file_close(file);
    } else {
        VX_ASSERT(status == VX_ERR_DATA && file == NULL);
        VX_ASSERT(err.code == status && strstr(err.message, content.path) != NULL);
    }
    vx_fuzz_file_remove(&content);
    return 0;
}
