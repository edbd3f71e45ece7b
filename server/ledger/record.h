#ifndef VX_LEDGER_RECORD_H
#define VX_LEDGER_RECORD_H
#include <vx_ledger/ledger.h>

#define VX_LEDGER_HEAD_BYTES 88u
#define VX_LEDGER_SLOT_BYTES 66u
#define VX_LEDGER_RECORD_MAX (VX_LEDGER_HEAD_BYTES + VX_WORKERS_MAX * VX_LEDGER_SLOT_BYTES)

/*
 * The canonical bytes of a round, little-endian without gaps. Head: round u64, epoch u32, slots
 * u32, loss f64, step size f64, digests of update and parameters, size u64 and digest of the update
 * that is kept. Then each slot: slot u32, incarnation u32, verdict u8, included u8, samples u64,
 * nll, norm, reconstruction, weight f64, digest of the gradient.
 *
 * at holds VX_LEDGER_RECORD_MAX; the size is returned.
 */
size_t vx_ledger_record_encode(const vx_ledger_round *round, vx_cbytes kept, uint8_t *at);

/* What a record says beside the round. */
typedef struct vx_ledger_kept {
    uint64_t size;
    vx_digest digest;
} vx_ledger_kept;

/* false when the bytes are no record. VX_ERR_LIMIT is for the caller: only slots_count is read when
 * it is more than slots_max. */
bool vx_ledger_record_decode(vx_cbytes bytes, vx_ledger_slot *slots, size_t slots_max,
                             vx_ledger_round *ret_round, vx_ledger_kept *ret_kept);
#endif
