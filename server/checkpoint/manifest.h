#ifndef VX_CHECKPOINT_MANIFEST_H
#define VX_CHECKPOINT_MANIFEST_H
#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include <vx_base/bytes.h>
#include <vx_checkpoint/checkpoint.h>

#define VX_MANIFEST_FILE   "manifest.json"
#define VX_PARAMETERS_FILE "parameters.safetensors"
#define VX_OPTIMISER_FILE  "optimiser.safetensors"
#define VX_MANIFEST_FORMAT 1
#define VX_MANIFEST_MAX    (64u * 1024u)

/* What the manifest says of a file, or what was measured. */
typedef struct vx_measure {
    uint64_t size;
    uint32_t crc32c;
    vx_digest digest;
} vx_measure;

vx_measure vx_measure_of(vx_cbytes content);

/* The text of manifest.json in new memory. It ends with a digest of all the rest. state is NULL
 * when there is no optimiser file. */
VX_MUST_CHECK vx_status vx_manifest_print(const vx_checkpoint *checkpoint,
                                          const vx_measure *parameters, const vx_measure *state,
                                          vx_bytes *ret_text, vx_error *err);

/* Checks the text fully. The texts in ret_manifest->checkpoint are borrowed from its json, which
 * the caller releases; the tensors are not set. VX_ERR_DATA says what is wrong. */
typedef struct vx_manifest {
    json_t *json; /* owned */
    vx_checkpoint checkpoint;
    vx_measure parameters, state;
    bool has_state;
} vx_manifest;
VX_MUST_CHECK vx_status vx_manifest_parse(vx_cbytes text, vx_manifest *ret_manifest, vx_error *err);
#endif
