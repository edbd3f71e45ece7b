#include <vx_ledger/ledger.h>

#include <inttypes.h>

#include "database.h"
#include "ledger_state.h"
#include "record.h"

typedef struct reading {
    vx_ledger *ledger;
    uint64_t round;
    vx_error *err;
} reading;

static vx_status damaged(const reading *r, const char *what)
{
    return vx_fail(r->err, VX_ERR_DATA, "%s: round %" PRIu64 " is damaged: %s", r->ledger->path,
                   r->round, what);
}

/* The row that a statement with the key gives. The caller resets the statement in every case. */
static vx_status select_row(const reading *r, sqlite3_stmt *select, sqlite3_int64 key)
{
    int code = sqlite3_bind_int64(select, 1, key);
    vx_status status;

    if (code == SQLITE_OK)
        code = sqlite3_step(select);
    if (code == SQLITE_ROW)
        return VX_OK;
    if (code == SQLITE_DONE)
        return damaged(r, "a part of it is missing");
    status = vx_database_fail(r->ledger->db, r->ledger->path, "cannot read it", r->err);
    if (status == VX_ERR_DATA)
        return damaged(r, sqlite3_errmsg(r->ledger->db));
    return status;
}

/* A column of the row; size 0 when it is not a blob. */
static vx_status column(const reading *r, sqlite3_stmt *select, int index, vx_cbytes *ret_bytes)
{
    const void *at = NULL;

    *ret_bytes = (vx_cbytes){ NULL, 0 };
    if (sqlite3_column_type(select, index) != SQLITE_BLOB)
        return VX_OK;
    at = sqlite3_column_blob(select, index);
    if (at == NULL && sqlite3_errcode(r->ledger->db) == SQLITE_NOMEM)
        return vx_fail(r->err, VX_ERR_NOMEM, "%s: no memory to read it", r->ledger->path);
    if (at != NULL)
        *ret_bytes = (vx_cbytes){ at, (size_t)sqlite3_column_bytes(select, index) };
    return VX_OK;
}

static vx_status take_record(const reading *r, sqlite3_stmt *select, vx_ledger_slot *slots,
                             size_t slots_max, vx_ledger_round *ret_round, vx_ledger_kept *ret_kept)
{
    vx_cbytes record;
    vx_cbytes seal;
    vx_digest digest;
    vx_status status = select_row(r, select, (sqlite3_int64)r->round);

    if (status == VX_OK)
        status = column(r, select, 0, &record);
    if (status == VX_OK)
        status = column(r, select, 1, &seal);
    if (status != VX_OK)
        return status;
    digest = vx_digest_of(record.at, record.size);
    if (seal.size != sizeof(digest.at) || memcmp(seal.at, digest.at, sizeof(digest.at)) != 0)
        return damaged(r, "its record does not fit its digest");
    if (!vx_ledger_record_decode(record, slots, slots_max, ret_round, ret_kept) ||
        ret_round->round != r->round)
        return damaged(r, "its record is that of another round");
    if (ret_round->slots_count > slots_max)
        return vx_fail(r->err, VX_ERR_LIMIT, "%s: round %" PRIu64 " has %zu slots, not %zu",
                       r->ledger->path, r->round, ret_round->slots_count, slots_max);
    return VX_OK;
}

static vx_status take_part(const reading *r, uint64_t part, uint8_t *at, size_t size)
{
    sqlite3_stmt *select = r->ledger->statements[VX_LEDGER_SELECT_PART];
    vx_cbytes bytes = { NULL, 0 };
    vx_status status = select_row(r, select, vx_ledger_place(r->round, part));

    if (status == VX_OK)
        status = column(r, select, 0, &bytes);
    if (status == VX_OK && bytes.at != NULL && bytes.size == size)
        memcpy(at, bytes.at, size);
    else if (status == VX_OK)
        status = damaged(r, "a part of its update has another size");
    sqlite3_reset(select);
    return status;
}

static vx_status take_update(const reading *r, const vx_ledger_kept *kept, vx_bytes update)
{
    vx_status status = VX_OK;

    if (kept->size > update.size)
        return vx_fail(r->err, VX_ERR_LIMIT,
                       "%s: the update of round %" PRIu64 " has %" PRIu64 " bytes, not %zu",
                       r->ledger->path, r->round, kept->size, update.size);
    for (uint64_t done = 0; done < kept->size && status == VX_OK; done += VX_LEDGER_PART_BYTES) {
        uint64_t left = kept->size - done;

        status = take_part(r, done / VX_LEDGER_PART_BYTES, update.at + done,
                           left < VX_LEDGER_PART_BYTES ? (size_t)left : VX_LEDGER_PART_BYTES);
    }
    if (status == VX_OK &&
        !vx_digest_equal(vx_digest_of(update.at, (size_t)kept->size), kept->digest))
        status = damaged(r, "its update does not fit its digest");
    return status;
}

vx_status vx_ledger_read(vx_ledger *ledger, uint64_t round, vx_ledger_slot *slots, size_t slots_max,
                         vx_bytes update, vx_ledger_round *ret_round, vx_error *err)
{
    const reading r = { .ledger = ledger, .round = round, .err = err };
    sqlite3_stmt *select = ledger->statements[VX_LEDGER_SELECT_RECORD];
    vx_ledger_round found = { 0 };
    vx_ledger_kept kept = { 0 };
    vx_status status;

    if (round < ledger->first || round >= ledger->end)
        return vx_fail(err, VX_ERR_NOT_FOUND, "%s: it has no round %" PRIu64, ledger->path, round);
    status = take_record(&r, select, slots, slots_max, &found, &kept);
    sqlite3_reset(select);
    if (status == VX_OK && update.at != NULL && kept.size > 0) {
        status = take_update(&r, &kept, update);
        found.update_bytes = (vx_cbytes){ update.at, (size_t)kept.size };
    }
    if (status == VX_OK)
        *ret_round = found;
    return status;
}
