/* The messages: the first byte says which kind the others are. */
#include "fuzz.h"

#include <samples.h>

#include <vx_base/assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t size)
{
    vx_error err = { 0 };
    vx_status status;

    if (size < 1)
        return 0;
    status =
        vx_test_wire_kinds[at[0] % VX_TEST_WIRE_KINDS].check((vx_cbytes){ at + 1, size - 1 }, &err);
    VX_ASSERT(status == VX_OK || status == VX_ERR_PROTOCOL);
    VX_ASSERT(status == VX_OK || err.message[0] != '\0');
    return 0;
}
