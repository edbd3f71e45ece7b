/* An array of numbers: it is refused, or its values are in the file and can all be read. */
#include "fuzz.h"

#include "file.h"

#include <string.h>

#include <vx_base/assert.h>
#include <vx_tensor_file/npy.h>

static volatile uint8_t byte_seen; /* so that reading is not optimised away */

static void check_values(const vx_npy_file *file)
{
    vx_npy_array array = vx_npy_at(file);
    size_t bytes = array.is_double ? sizeof(double) : sizeof(float);

    VX_ASSERT(array.rank <= VX_TENSOR_RANK_MAX);
    VX_ASSERT((uintptr_t)array.at % bytes == 0);
    for (size_t i = 0; i < array.rank; i++)
        bytes *= array.shape[i];
    for (size_t k = 0; k < bytes; k++)
        byte_seen = ((const uint8_t *)array.at)[k];
}

/* Integers too, as data files have them. */
static void check_header(vx_cbytes file)
{
    vx_npy_header header = { 0 };
    vx_error err = { 0 };
    vx_status status = VX_OK;

    if (file.size < VX_NPY_FILE_LEAST)
        return;
    status = vx_npy_header_read("file", file, VX_NPY_NUMBERS, &header, &err);
    VX_ASSERT(status == VX_OK || (status == VX_ERR_DATA && strstr(err.message, "file") != NULL));
    VX_ASSERT(status != VX_OK || header.start + header.numbers * header.width == file.size);
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t size)
{
    vx_fuzz_file content = vx_fuzz_file_create(at, size);
    vx_npy_file *file = NULL;
    vx_error err = { 0 };
    vx_status status = vx_npy_open(content.path, &file, &err);

    if (status == VX_OK) {
        check_values(file);
        vx_npy_close(file);
    } else {
        VX_ASSERT(status == VX_ERR_DATA && file == NULL);
        VX_ASSERT(err.code == status && strstr(err.message, content.path) != NULL);
    }
    check_header((vx_cbytes){ at, size });
    vx_fuzz_file_remove(&content);
    return 0;
}
