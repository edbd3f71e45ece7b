#ifndef VX_CHECKPOINT_CHECKPOINT_H
#define VX_CHECKPOINT_CHECKPOINT_H
#include <stdint.h>

#include <vx_base/bytes.h>
#include <vx_base/status.h>
#include <vx_tensor_file/safetensors.h>

/*
 * A checkpoint is a folder run_dir/checkpoint-0000001000 with parameters.safetensors,
 * optimiser.safetensors (when the optimiser has a state) and manifest.json, written last: without a
 * manifest that fits there is no checkpoint. The folder is built under a name starting with ".tmp-"
 * and renamed.
 *
 * manifest.json: format, job name, config digest (which covers the seed), rounds committed, epoch,
 * digest of the parameters, BLAS setting, for each file its size, CRC-32C and XXH3-128, and a
 * digest of the manifest itself.
 */
typedef struct vx_checkpoint {
    uint64_t rounds;  /* committed rounds: the next round's number */
    uint32_t epoch;   /* of the server that wrote it */
    const char *job;  /* name; borrowed */
    vx_digest config; /* digest of the job */
    vx_digest parameters_digest;
    const char *blas;            /* "OpenBLAS 0.3.21 Zen, 1 thread"; borrowed; only recorded */
    const vx_tensor *parameters; /* named tensors of the model, in order; borrowed */
    size_t parameters_count;
    const vx_tensor *state; /* of the optimiser; borrowed */
    size_t state_count;
} vx_checkpoint;

/* Durable and atomic; of the checkpoints up to these rounds the newest `keep` (>= 1) stay, older
 * ones are removed afterwards, and so is what a killed writer left. One writer at a time. On
 * failure earlier checkpoints stand and nothing half-written is left; only when the removal fails
 * does the new one stand too. */
VX_MUST_CHECK vx_status vx_checkpoint_write(const char *run_dir, const vx_checkpoint *checkpoint,
                                            uint64_t keep, vx_error *err);

/*
 * Opens the newest valid checkpoint of run_dir: every file is read and compared with the manifest.
 * A broken one is skipped; skipped(context, folder, why) is called for each. VX_ERR_NOT_FOUND:
 * there is none.
 */
typedef struct vx_checkpoint_loaded vx_checkpoint_loaded;
typedef void (*vx_checkpoint_skipped)(void *context, const char *folder, const vx_error *why);
VX_MUST_CHECK vx_status vx_checkpoint_open_newest(const char *run_dir,
                                                  vx_checkpoint_skipped skipped, void *context,
                                                  vx_checkpoint_loaded **ret_loaded, vx_error *err);
vx_checkpoint_loaded *vx_checkpoint_close(vx_checkpoint_loaded *loaded);
/* Borrowed until close; vx_checkpoint.blas and .job too. */
const vx_checkpoint *vx_checkpoint_content(const vx_checkpoint_loaded *loaded);
const char *vx_checkpoint_folder(const vx_checkpoint_loaded *loaded);
#endif
