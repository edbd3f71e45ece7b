#ifndef VX_TEST_CHECKPOINT_SAMPLE_H
#define VX_TEST_CHECKPOINT_SAMPLE_H
#include <vx_test/check.h>

#include <vx_checkpoint/checkpoint.h>

/* A checkpoint of two parameters and, with_state, one state vector; values depend on rounds.
 * Borrowed until the next call. */
const vx_checkpoint *sample(uint64_t rounds, bool with_state);
/* The same with what two workers have told, of rounds - 1 and rounds - 2. */
const vx_checkpoint *sample_workers(uint64_t rounds);
void write_sample(const char *run_dir, uint64_t rounds, uint64_t keep);

typedef struct skipped_list {
    size_t count;
    char folder[8][256];
    vx_error why[8];
} skipped_list;
void note_skipped(void *context, const char *folder, const vx_error *why);

/* The rounds of the newest valid one, 0 when there is none; list may be NULL. */
uint64_t newest(const char *run_dir, skipped_list *list);
#endif
