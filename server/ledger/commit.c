#include <vx_ledger/ledger.h>

#include <inttypes.h>

#include "database.h"
#include "ledger_state.h"
#include "record.h"

#define LOG_PAGES_MAX 1024 /* 4 MiB: then the log is moved into the database and begins anew */
#define UPDATE_MAX    (4 * VX_DIMENSION_MAX)

/* Lack of memory and of space leave a whole ledger behind; after anything else it is not trusted.
 */
static vx_status judge(vx_ledger *ledger, vx_status status, const vx_error *why, vx_error *err)
{
    if (status == VX_OK)
        return VX_OK;
    if (status != VX_ERR_SPACE && status != VX_ERR_NOMEM && ledger->broken.code == VX_OK)
        ledger->broken = *why;
    if (err != NULL)
        *err = *why;
    return status;
}

static vx_status check_usable(const vx_ledger *ledger, vx_error *err)
{
    if (ledger->broken.code == VX_OK)
        return VX_OK;
    if (err != NULL)
        *err = ledger->broken;
    return ledger->broken.code;
}

static vx_status run(vx_ledger *ledger, vx_ledger_statement which, const char *what, vx_error *err)
{
    return vx_database_step(ledger->statements[which], ledger->path, what, err);
}

/* Before a transaction, not after it: a failure here is one of a commit that has not begun. */
static vx_status begin(vx_ledger *ledger, vx_error *err)
{
    vx_status status = VX_OK;

    if (ledger->log_pages >= LOG_PAGES_MAX)
        status = vx_ledger_move_log(ledger, err);
    return status == VX_OK ? run(ledger, VX_LEDGER_BEGIN, "cannot begin", err) : status;
}

/* Ends a transaction by status: commits, or rolls back and keeps status with its error. */
static vx_status end(vx_ledger *ledger, vx_status status, vx_error *err)
{
    if (status == VX_OK)
        status = run(ledger, VX_LEDGER_END, "cannot commit", err);
    if (status == VX_OK || sqlite3_get_autocommit(ledger->db) != 0) /* SQLite has rolled back */
        return status;
    if (run(ledger, VX_LEDGER_ROLLBACK, "cannot roll back", NULL) != VX_OK)
        ledger->broken = *err;
    return status;
}

static vx_status check_slots(const vx_ledger_round *round, vx_error *err)
{
    if (round->slots_count > VX_WORKERS_MAX)
        return vx_fail(err, VX_ERR_LIMIT, "round %" PRIu64 ": %zu slots, at most %d are recorded",
                       round->round, round->slots_count, VX_WORKERS_MAX);
    for (size_t i = 1; i < round->slots_count; i++)
        if (round->slots[i].slot <= round->slots[i - 1].slot)
            return vx_fail(err, VX_ERR_DOMAIN, "round %" PRIu64 ": slot %" PRIu32 " after %" PRIu32,
                           round->round, round->slots[i].slot, round->slots[i - 1].slot);
    return VX_OK;
}

/* What a round that is recorded must be like; least is the first that may be made anew. */
static vx_status check_round(const vx_ledger *ledger, const vx_ledger_round *round, uint64_t least,
                             vx_error *err)
{
    if (ledger->first != ledger->end && (round->round < least || round->round > ledger->end))
        return vx_fail(err, VX_ERR_DOMAIN, "%s: round %" PRIu64 ", the next is %" PRIu64,
                       ledger->path, round->round, ledger->end);
    if (round->round >= VX_ROUNDS_MAX)
        return vx_fail(err, VX_ERR_LIMIT, "%s: round %" PRIu64 " is too large", ledger->path,
                       round->round);
    if (ledger->durability == VX_LEDGER_FULL &&
        (round->update_bytes.at == NULL || round->update_bytes.size == 0))
        return vx_fail(err, VX_ERR_SHAPE, "%s: round %" PRIu64 " comes without its update",
                       ledger->path, round->round);
    if (round->update_bytes.size > UPDATE_MAX)
        return vx_fail(err, VX_ERR_LIMIT, "%s: round %" PRIu64 " has an update of %zu bytes",
                       ledger->path, round->round, round->update_bytes.size);
    return check_slots(round, err);
}

static vx_status insert_record(vx_ledger *ledger, const vx_ledger_round *round, vx_cbytes kept,
                               vx_error *err)
{
    sqlite3_stmt *insert = ledger->statements[VX_LEDGER_INSERT_RECORD];
    size_t size = vx_ledger_record_encode(round, kept, ledger->record);
    vx_digest seal = vx_digest_of(ledger->record, size);
    vx_status status;

    if (sqlite3_bind_int64(insert, 1, (sqlite3_int64)round->round) != SQLITE_OK ||
        sqlite3_bind_blob64(insert, 2, ledger->record, size, SQLITE_STATIC) != SQLITE_OK ||
        sqlite3_bind_blob64(insert, 3, seal.at, sizeof(seal.at), SQLITE_STATIC) != SQLITE_OK)
        status = vx_database_fail(ledger->db, ledger->path, "cannot commit", err);
    else
        status = run(ledger, VX_LEDGER_INSERT_RECORD, "cannot commit", err);
    sqlite3_clear_bindings(insert);
    return status;
}

static vx_status insert_update(vx_ledger *ledger, uint64_t round, vx_cbytes kept, vx_error *err)
{
    sqlite3_stmt *insert = ledger->statements[VX_LEDGER_INSERT_PART];
    vx_status status = VX_OK;

    for (uint64_t part = 0; kept.size > 0 && status == VX_OK; part++) {
        size_t size = kept.size < VX_LEDGER_PART_BYTES ? kept.size : VX_LEDGER_PART_BYTES;

        if (sqlite3_bind_int64(insert, 1, vx_ledger_place(round, part)) != SQLITE_OK ||
            sqlite3_bind_blob64(insert, 2, kept.at, size, SQLITE_STATIC) != SQLITE_OK)
            status = vx_database_fail(ledger->db, ledger->path, "cannot commit", err);
        else
            status = run(ledger, VX_LEDGER_INSERT_PART, "cannot commit", err);
        kept.at += size;
        kept.size -= size;
    }
    sqlite3_clear_bindings(insert);
    return status;
}

static vx_status delete_between(vx_ledger *ledger, vx_ledger_statement which, sqlite3_int64 first,
                                sqlite3_int64 last, vx_error *err)
{
    sqlite3_stmt *statement = ledger->statements[which];

    if (sqlite3_bind_int64(statement, 1, first) != SQLITE_OK ||
        sqlite3_bind_int64(statement, 2, last) != SQLITE_OK)
        return vx_database_fail(ledger->db, ledger->path, "cannot drop rounds", err);
    return run(ledger, which, "cannot drop rounds", err);
}

static vx_status delete_rounds(vx_ledger *ledger, uint64_t first, uint64_t last, vx_error *err)
{
    vx_status status = delete_between(ledger, VX_LEDGER_DELETE_RECORDS, (sqlite3_int64)first,
                                      (sqlite3_int64)last, err);

    if (status == VX_OK)
        status = delete_between(ledger, VX_LEDGER_DELETE_PARTS, vx_ledger_place(first, 0),
                                vx_ledger_place(last, (1u << VX_LEDGER_PART_BITS) - 1), err);
    return status;
}

/* One transaction with this round as the last one. */
static vx_status record(vx_ledger *ledger, const vx_ledger_round *round, vx_error *err)
{
    vx_error why = { 0 };
    vx_cbytes kept = { NULL, 0 };
    vx_status status = begin(ledger, &why);

    if (status != VX_OK)
        return judge(ledger, status, &why, err);
    if (ledger->durability == VX_LEDGER_FULL)
        kept = round->update_bytes;
    if (ledger->first != ledger->end && round->round < ledger->end)
        status = delete_rounds(ledger, round->round, ledger->end - 1, &why);
    if (status == VX_OK)
        status = insert_record(ledger, round, kept, &why);
    if (status == VX_OK)
        status = insert_update(ledger, round->round, kept, &why);
    status = end(ledger, status, &why);
    if (status != VX_OK)
        return judge(ledger, status, &why, err);
    if (ledger->first == ledger->end)
        ledger->first = round->round;
    ledger->end = round->round + 1;
    return VX_OK;
}

vx_status vx_ledger_commit(vx_ledger *ledger, const vx_ledger_round *round, vx_error *err)
{
    vx_status status = check_usable(ledger, err);

    if (status == VX_OK)
        status = check_round(ledger, round, ledger->end, err);
    return status == VX_OK ? record(ledger, round, err) : status;
}

/* One transaction without the rounds first..last. */
static vx_status drop(vx_ledger *ledger, uint64_t first, uint64_t last, vx_error *err)
{
    vx_error why = { 0 };
    vx_status status = begin(ledger, &why);

    if (status != VX_OK)
        return judge(ledger, status, &why, err);
    status = end(ledger, delete_rounds(ledger, first, last, &why), &why);
    return judge(ledger, status, &why, err);
}

/* What forgets rounds is durable when it returns. */
static vx_status begin_durable(vx_ledger *ledger, vx_error *err)
{
    if (ledger->durability != VX_LEDGER_CHECKPOINT)
        return VX_OK;
    return vx_database_run(ledger->db, ledger->path, "PRAGMA synchronous = FULL", err);
}

/* Should this fail, the ledger is slower and as safe. */
static void end_durable(vx_ledger *ledger)
{
    if (ledger->durability == VX_LEDGER_CHECKPOINT)
        (void)sqlite3_exec(ledger->db, "PRAGMA synchronous = NORMAL", NULL, NULL, NULL);
}

vx_status vx_ledger_replace(vx_ledger *ledger, const vx_ledger_round *round, vx_error *err)
{
    vx_status status = check_usable(ledger, err);

    if (status == VX_OK)
        status = check_round(ledger, round, ledger->first, err);
    if (status == VX_OK)
        status = begin_durable(ledger, err);
    if (status == VX_OK)
        status = record(ledger, round, err);
    end_durable(ledger);
    return status;
}

vx_status vx_ledger_truncate(vx_ledger *ledger, uint64_t from_round, vx_error *err)
{
    uint64_t first = from_round > ledger->first ? from_round : ledger->first;
    vx_status status = check_usable(ledger, err);

    if (status != VX_OK || first >= ledger->end)
        return status;
    status = begin_durable(ledger, err);
    if (status == VX_OK)
        status = drop(ledger, first, ledger->end - 1, err);
    if (status == VX_OK)
        ledger->end = first;
    end_durable(ledger);
    return status;
}

vx_status vx_ledger_prune(vx_ledger *ledger, uint64_t below_round, vx_error *err)
{
    uint64_t below = below_round < ledger->end ? below_round : ledger->end;
    vx_status status = check_usable(ledger, err);

    if (status != VX_OK || below <= ledger->first)
        return status;
    if (below - ledger->first > VX_LEDGER_PRUNE_MAX)
        below = ledger->first + VX_LEDGER_PRUNE_MAX;
    status = drop(ledger, ledger->first, below - 1, err);
    if (status == VX_OK)
        ledger->first = below;
    return status;
}

vx_status vx_ledger_sync(vx_ledger *ledger, vx_error *err)
{
    vx_error why = { 0 };
    vx_status status = check_usable(ledger, err);

    return status == VX_OK ? judge(ledger, vx_ledger_move_log(ledger, &why), &why, err) : status;
}
