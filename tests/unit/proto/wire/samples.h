#ifndef VX_WIRE_SAMPLES_H
#define VX_WIRE_SAMPLES_H
#include <vx_wire/wire.h>

/* One row for each kind of message; used by the unit tests and by the fuzz target. */
typedef struct vx_test_wire_kind {
    const char *name;
    /* A valid message with every field set. */
    vx_status (*sample)(vx_bytes buffer, size_t *ret_size);
    /* Decodes; stops the process when the struct is not inside its limits or does not come back the
     * same after encoding. */
    vx_status (*check)(vx_cbytes message, vx_error *err);
} vx_test_wire_kind;

#define VX_TEST_WIRE_KINDS 11
extern const vx_test_wire_kind vx_test_wire_kinds[VX_TEST_WIRE_KINDS];

vx_wire_hello vx_test_hello(void);
vx_wire_welcome vx_test_welcome(void);
/* Two tensors, (3, 4) and (5). */
vx_wire_model vx_test_model(vx_wire_tensor tensors[VX_TENSORS_MAX]);
bool vx_test_is_same_tensor(const vx_wire_tensor *a, const vx_wire_tensor *b);
#endif
