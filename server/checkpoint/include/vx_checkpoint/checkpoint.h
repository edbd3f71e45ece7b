#ifndef VX_CHECKPOINT_CHECKPOINT_H
#define VX_CHECKPOINT_CHECKPOINT_H
#include <stdbool.h>
#include <stdint.h>

#include <vx_base/bytes.h>
#include <vx_base/status.h>
#include <vx_tensor_file/safetensors.h>

/*
 * A checkpoint is a folder run_dir/checkpoint-0000001000 with parameters.safetensors,
 * optimiser.safetensors (when the optimiser has a state), workers.safetensors (when state of
 * workers is kept) and manifest.json, written last: without a manifest that fits there is no
 * checkpoint. The folder is built under a name starting with ".tmp-" and renamed.
 *
 * manifest.json: format, job name, config digest (which covers the seed), rounds committed, epoch,
 * digest of the parameters, BLAS setting, for each tensor of workers its round, for each file its
 * size, CRC-32C and XXH3-128, and a digest of the manifest itself.
 */
typedef struct vx_checkpoint {
    uint64_t rounds;  /* committed rounds: the next round's number */
    uint32_t epoch;   /* of the server that wrote it */
    const char *job;  /* name; borrowed */
    vx_digest config; /* digest of the job; whether it is the right one is the caller's business */
    vx_digest parameters_digest;
    const char *blas;            /* "OpenBLAS 0.3.21 Zen, 1 thread"; borrowed; only recorded */
    const vx_tensor *parameters; /* named tensors of the model, in order; borrowed */
    size_t parameters_count;
    const vx_tensor *state; /* of the optimiser; borrowed */
    size_t state_count;
    const vx_tensor *workers; /* what workers have told: "slot.3.momentum"; borrowed */
    size_t workers_count;
    const uint64_t *workers_round; /* (workers_count) the round each of them is of; borrowed */
} vx_checkpoint;

/* Durable and atomic. Of the checkpoints up to these rounds the newest `keep` (>= 1) stay, and
 * those whose rounds are a multiple of `keep_every` (0: none); the others are removed afterwards,
 * and so is what a killed writer left. One writer at a time. On failure earlier checkpoints stand
 * and nothing half-written is left; only when the last fsync or the removal fails does the new one
 * stand too. VX_ERR_SPACE, VX_ERR_IO, VX_ERR_NOMEM, VX_ERR_LIMIT. */
VX_MUST_CHECK vx_status vx_checkpoint_write(const char *run_dir, const vx_checkpoint *checkpoint,
                                            uint64_t keep, uint64_t keep_every, vx_error *err);

/* The rounds of the `keep`-th newest (>= 1) of the checkpoints up to these rounds, valid or not: no
 * older record is of use. 0 while there are fewer. */
VX_MUST_CHECK vx_status vx_checkpoint_oldest_kept(const char *run_dir, uint64_t rounds,
                                                  uint64_t keep, uint64_t *ret_rounds,
                                                  vx_error *err);

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
/* This one. VX_ERR_NOT_FOUND, VX_ERR_DATA, VX_ERR_IO: it is missing, broken, unreadable. */
VX_MUST_CHECK vx_status vx_checkpoint_open(const char *folder, vx_checkpoint_loaded **ret_loaded,
                                           vx_error *err);
vx_checkpoint_loaded *vx_checkpoint_close(vx_checkpoint_loaded *loaded);
/* Borrowed until close; vx_checkpoint.blas and .job too. */
const vx_checkpoint *vx_checkpoint_content(const vx_checkpoint_loaded *loaded);
const char *vx_checkpoint_folder(const vx_checkpoint_loaded *loaded);

/* Removes every temp folder of run_dir: what writers that were killed have left, and what was put
 * aside. Renames are made durable before: until then a crash can bring a folder back to the name
 * that it had. A cleanup may ignore the status. */
vx_status vx_checkpoint_sweep(const char *run_dir, vx_error *err);

/* For tools. */
typedef struct vx_checkpoint_entry {
    const char *folder; /* borrowed until visit returns, and so is broken */
    uint64_t rounds;    /* of its name */
    uint32_t epoch;     /* 0: the manifest is broken */
    uint64_t bytes;
    uint64_t written_ns;    /* since 1970-01-01 UTC; 0: unknown */
    const vx_error *broken; /* NULL: valid, as far as was looked */
    bool stays;             /* when it is pruned */
} vx_checkpoint_entry;
typedef void (*vx_checkpoint_visit)(void *context, const vx_checkpoint_entry *entry);

typedef enum vx_checkpoint_look {
    VX_CHECKPOINT_LOOK,  /* the manifest, and the size of each file */
    VX_CHECKPOINT_VERIFY /* every byte, as opening it does */
} vx_checkpoint_look;

/* All checkpoints of run_dir, the newest first. A broken one is no failure. */
VX_MUST_CHECK vx_status vx_checkpoint_list(const char *run_dir, vx_checkpoint_look look,
                                           vx_checkpoint_visit visit, void *context, vx_error *err);

/* Reads one checkpoint whole; found(context, path, why) is called for each file that is broken, why
 * names both digests. VX_ERR_DATA when one was; the first one's message. found may be NULL. */
VX_MUST_CHECK vx_status vx_checkpoint_verify(const char *folder, vx_checkpoint_skipped found,
                                             void *context, vx_error *err);

/* Removes all but the newest `keep` (>= 1) valid ones and those of each `keep_every`-th round (0:
 * none). Every byte is read before. A broken one does not count, and goes when keep valid ones are
 * newer. visit sees each; dry_run removes nothing. No server may run on run_dir. */
VX_MUST_CHECK vx_status vx_checkpoint_prune(const char *run_dir, uint64_t keep, uint64_t keep_every,
                                            bool dry_run, vx_checkpoint_visit visit, void *context,
                                            vx_error *err);
#endif
