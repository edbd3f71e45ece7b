#ifndef VX_ROUND_RECOVERY_H
#define VX_ROUND_RECOVERY_H
#include <stdbool.h>
#include <stdint.h>

/*
 * What a server that starts again does with what it finds: a checkpoint after some rounds, and a
 * ledger of the rounds first..end-1. Pure.
 */
typedef struct vx_recovery {
    uint64_t from;  /* rounds of the checkpoint: where replaying begins */
    uint64_t until; /* every recorded round below it is replayed; from = until: none */
    bool forget;    /* the ledger's records do not join the checkpoint: it is emptied */
    uint64_t lost;  /* rounds that were recorded and cannot be derived again: between the checkpoint
                       and the first record; 0 but after damage */
} vx_recovery;

vx_recovery vx_recovery_plan(uint64_t checkpoint, uint64_t first, uint64_t end);
#endif
