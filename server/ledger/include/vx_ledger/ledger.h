#ifndef VX_LEDGER_LEDGER_H
#define VX_LEDGER_LEDGER_H
#include <stdbool.h>
#include <stdint.h>

#include <vx_base/bytes.h>
#include <vx_base/limits.h>
#include <vx_base/span.h>
#include <vx_base/status.h>

/*
 * The ledger: run_dir/ledger.db, an SQLite database with one record a committed round. The records
 * are the rounds first..end-1 without a gap. ARCHITECTURE.md has its tables.
 *
 * One thread at a time uses a ledger; which one may change. While it is open nobody else can open
 * it, neither a process nor this one. The lock is one of fcntl(2): a process that opens and closes
 * ledger.db by other means loses it.
 *
 * After a write, a sync or a truncation that failed for another reason than missing space or
 * memory, nobody knows what the disk holds: that ledger is broken, and all that would change it
 * fails from then on with the first error. Open it anew to see what is there.
 */
typedef struct vx_ledger vx_ledger;

#define VX_LEDGER_FILE      "ledger.db"
#define VX_LEDGER_PRUNE_MAX 256 /* rounds that one call of vx_ledger_prune drops */

typedef enum vx_ledger_durability {
    VX_LEDGER_CHECKPOINT, /* records are written; vx_ledger_sync makes them durable */
    VX_LEDGER_ROUNDS,     /* a record is durable when its commit returns */
    VX_LEDGER_FULL        /* and the update is kept with it */
} vx_ledger_durability;

/* What a round knew of one slot. NaN and zero digests mean that there is none. */
typedef struct vx_ledger_slot {
    uint32_t slot, incarnation;
    uint32_t owner;  /* the slot that drew from this one's shard; its own number: itself */
    uint8_t verdict; /* a vx_judgement, which the ledger does not read */
    bool included;
    uint64_t samples;
    double nll, norm, reconstruction, weight;
    vx_digest gradient;
} vx_ledger_slot;

/* Every number comes back with the same bits, NaN, infinity and -0 too. */
typedef struct vx_ledger_round {
    uint64_t round; /* below VX_ROUNDS_MAX */
    uint32_t epoch;
    double loss, step_size;
    vx_digest update, parameters; /* after the round */
    size_t slots_count;           /* at most VX_WORKERS_MAX */
    vx_ledger_slot *slots;        /* borrowed; slot numbers ascend */
    vx_cbytes update_bytes;       /* borrowed; kept only by VX_LEDGER_FULL */
} vx_ledger_round;

/*
 * Opens the ledger of run_dir, or creates it for the job with this config digest; one without any
 * record becomes this job's. What a crash left in the write-ahead log is recovered: it is written
 * again and synced, so that what open tells of is durable, also after a sync that failed. All pages
 * are read and their structure is checked; records are checked when they are read.
 *
 * VX_ERR_CONFIG: records of a job with another digest. VX_ERR_DATA: not a ledger, of another
 * format, or damaged. VX_ERR_BUSY: open elsewhere. VX_ERR_NOT_FOUND: no folder. VX_ERR_SPACE,
 * VX_ERR_IO, VX_ERR_NOMEM.
 *
 * The first call of a process gives SQLite the heap of vx_base/alloc.h, if nobody initialised
 * SQLite before. Files are reached through the default VFS of SQLite.
 */
VX_MUST_CHECK vx_status vx_ledger_open(const char *run_dir, vx_digest config,
                                       vx_ledger_durability durability, vx_ledger **ret_ledger,
                                       vx_error *err);
vx_ledger *vx_ledger_close(vx_ledger *ledger);

/*
 * Records a round: the one after the last, or any when there is none yet. VX_LEDGER_FULL wants an
 * update that is not empty.
 *
 * On failure the ledger is as before. A later open may find the round all the same, as the last
 * one, when a sync failed. VX_ERR_DOMAIN: not the next round, or slots that do not ascend.
 * VX_ERR_SHAPE: no update. VX_ERR_LIMIT. VX_ERR_SPACE: may be tried again. VX_ERR_NOMEM: likewise.
 * VX_ERR_IO, VX_ERR_DATA: the ledger is broken.
 *
 * One sync, none with VX_LEDGER_CHECKPOINT; three when the log is moved into the database, which is
 * due every 4 MiB. No allocation but SQLite's own, at most about 1 MiB at a time beside its cache.
 */
VX_MUST_CHECK vx_status vx_ledger_commit(vx_ledger *ledger, const vx_ledger_round *round,
                                         vx_error *err);

/*
 * Records a round in place of the one that is recorded, and of all behind it: those, or this one,
 * whatever happens meanwhile. Of the round after the last it is a commit. Durable with
 * VX_LEDGER_CHECKPOINT too. Statuses as for commit; VX_ERR_DOMAIN: before the range or beyond it.
 */
VX_MUST_CHECK vx_status vx_ledger_replace(vx_ledger *ledger, const vx_ledger_round *round,
                                          vx_error *err);

/* The rounds that are recorded: [first, end); first == end: none. */
void vx_ledger_range(const vx_ledger *ledger, uint64_t *ret_first, uint64_t *ret_end);

/*
 * Reads a record and compares it with its digest. ret_round->slots is slots; update_bytes is update
 * cut to size, and empty when none was kept or update.at is NULL (then it is not read either).
 *
 * VX_ERR_NOT_FOUND: outside the range. VX_ERR_LIMIT: slots or update are too small.
 * VX_ERR_DATA names the round that is damaged. VX_ERR_IO, VX_ERR_NOMEM. On failure the content of
 * slots and update is undefined.
 */
VX_MUST_CHECK vx_status vx_ledger_read(vx_ledger *ledger, uint64_t round, vx_ledger_slot *slots,
                                       size_t slots_max, vx_bytes update,
                                       vx_ledger_round *ret_round, vx_error *err);

/* Forgets the rounds >= from_round, all or none of them; durable. A broken record is no obstacle.
 * Statuses as for commit. */
VX_MUST_CHECK vx_status vx_ledger_truncate(vx_ledger *ledger, uint64_t from_round, vx_error *err);

/*
 * Drops rounds < below_round, the oldest first, at most VX_LEDGER_PRUNE_MAX a call: call again
 * while first < below_round. Their room is used by later rounds, the file does not shrink. Costs a
 * sync like a commit when there is something to drop, nothing when there is not. Statuses as for
 * commit.
 */
VX_MUST_CHECK vx_status vx_ledger_prune(vx_ledger *ledger, uint64_t below_round, vx_error *err);

/* Makes all records durable and moves them from the log into the database. For
 * VX_LEDGER_CHECKPOINT, before a checkpoint gets its name. Statuses as for commit. */
VX_MUST_CHECK vx_status vx_ledger_sync(vx_ledger *ledger, vx_error *err);
#endif
