#ifndef VX_ROSTER_ASSIGNMENT_H
#define VX_ROSTER_ASSIGNMENT_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <vx_base/status.h>

/*
 * Which slot draws from which shard. There is one shard a slot: its own. Every shard has exactly
 * one owner at any time, at first its own slot. Only a border between two rounds moves shards, and
 * only those that must:
 *
 *   whose own slot is live and does not have it: back to it;
 *   whose owner is overdue: to the live slot that has the fewest, of those the lowest.
 *
 * So a slot that is live has its own shard after a border, and every shard is with a slot that is
 * live or waited for, when any is live. Pure: no I/O, no clock; the heap only at creation.
 */
typedef enum vx_presence {
    VX_PRESENCE_LIVE,
    VX_PRESENCE_AWAY,   /* and waited for */
    VX_PRESENCE_OVERDUE /* away for too long */
} vx_presence;

typedef struct vx_assigned {
    uint32_t owner;   /* of the shard of this number */
    bool lent;        /* the slot draws from its shard beside the owner, until the next border */
    uint64_t version; /* of what the slot has: a change makes it larger; from 1 */
    uint64_t idle_rounds; /* that used no observation of the shard */
    size_t load;          /* shards that the slot owns */
} vx_assigned;

typedef struct vx_assignment {
    size_t count;
    vx_assigned *slots;  /* (count), owned */
    uint64_t reassigned; /* moves to another than the shard's own slot */
} vx_assignment;

typedef struct vx_shard_move {
    uint32_t shard, from, to; /* to = shard: it is back */
} vx_shard_move;

VX_MUST_CHECK vx_status vx_assignment_create(size_t count, vx_assignment *ret_assignment);
void vx_assignment_destroy(vx_assignment *assignment); /* leaves it zeroed; takes a zeroed one */

/* Moves what must move. ret_moves (count): at most one move a shard, in the order of shards; their
 * number is returned. O(count) and, for each move, O(count). */
size_t vx_assignment_border(vx_assignment *assignment, const vx_presence *slots,
                            vx_shard_move *ret_moves);
/* As a record says: owners (count), each below count. */
void vx_assignment_restore(vx_assignment *assignment, const uint32_t *owners);
/* A slot that has no shard may draw from its own until the next border. */
void vx_assignment_lend(vx_assignment *assignment, size_t slot);

bool vx_assignment_has_any(const vx_assignment *assignment, size_t slot);
/* ret_shards (count): ascending; how many is returned. O(count). */
size_t vx_assignment_shards(const vx_assignment *assignment, size_t slot, uint32_t *ret_shards);
/* Counts the shards that no included slot drew from. */
void vx_assignment_commit_round(vx_assignment *assignment, const bool *included);
#endif
