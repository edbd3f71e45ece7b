#ifndef VX_CHECKPOINT_FOLDER_H
#define VX_CHECKPOINT_FOLDER_H
#include <stdbool.h>
#include <stdint.h>

#include <vx_base/status.h>
#include <vx_checkpoint/checkpoint.h>

#define VX_CHECKPOINT_TEMP ".tmp-checkpoint-" /* begins every temp name */

/* "run_dir/checkpoint-0000001000" in new memory, or NULL. */
char *vx_checkpoint_path(const char *run_dir, uint64_t rounds);

/* Whether name is one that vx_checkpoint_path makes. */
bool vx_checkpoint_name_parse(const char *name, uint64_t *ret_rounds);

/* The rounds of all checkpoints of run_dir, valid or not, newest first; the caller frees. */
VX_MUST_CHECK vx_status vx_checkpoint_rounds(const char *run_dir, uint64_t **ret_rounds,
                                             size_t *ret_count, vx_error *err);

/* Whether a rename gave this result because something else has the new name. */
bool vx_checkpoint_is_taken(int result);

/* Gives the folder path of run_dir a temp name: half removed, it must not look like a checkpoint.
 */
VX_MUST_CHECK vx_status vx_checkpoint_put_aside(const char *run_dir, const char *path,
                                                vx_error *err);

/* Whether a checkpoint stays of which that many newer ones count. */
bool vx_checkpoint_stays(uint64_t rounds, uint64_t newer, uint64_t keep, uint64_t keep_every);

#endif
