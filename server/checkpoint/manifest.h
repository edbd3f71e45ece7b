#ifndef VX_CHECKPOINT_MANIFEST_H
#define VX_CHECKPOINT_MANIFEST_H
#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include <vx_base/bytes.h>
#include <vx_checkpoint/checkpoint.h>

#define VX_MANIFEST_FILE   "manifest.json"
#define VX_MANIFEST_FORMAT 2
#define VX_MANIFEST_MAX    (256u * 1024u)

/* The tensor files of a checkpoint, in this order. The first is always there. */
typedef enum vx_part { VX_PART_PARAMETERS, VX_PART_OPTIMISER, VX_PART_WORKERS, VX_PARTS } vx_part;
const char *vx_part_file(vx_part part); /* "parameters.safetensors" */

/* What the manifest says of a file, or what was measured. */
typedef struct vx_measure {
    uint64_t size;
    uint32_t crc32c;
    vx_digest digest;
} vx_measure;

vx_measure vx_measure_of(vx_cbytes content);

/* What the manifest says of the tensor files. */
typedef struct vx_parts {
    bool present[VX_PARTS];
    vx_measure measure[VX_PARTS];
} vx_parts;

/* The text of manifest.json in new memory. It ends with a digest of all the rest. */
VX_MUST_CHECK vx_status vx_manifest_print(const vx_checkpoint *checkpoint, const vx_parts *parts,
                                          vx_bytes *ret_text, vx_error *err);

/* Checks the text fully. The texts in ret_manifest->checkpoint are borrowed from its json, which
 * the caller releases; tensors and rounds of workers are not set. VX_ERR_DATA says what is wrong,
 * not of which file.
 */
typedef struct vx_manifest {
    json_t *json; /* owned */
    vx_checkpoint checkpoint;
    vx_parts parts;
} vx_manifest;
VX_MUST_CHECK vx_status vx_manifest_parse(vx_cbytes text, vx_manifest *ret_manifest, vx_error *err);

/* The rounds of these tensors of workers. VX_ERR_DATA: the manifest has others; the message does
 * not name the file either. */
VX_MUST_CHECK vx_status vx_manifest_workers(const vx_manifest *manifest, const vx_tensor *workers,
                                            size_t count, uint64_t *ret_rounds, vx_error *err);
#endif
