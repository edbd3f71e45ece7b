#ifndef VX_LEDGER_LEDGER_STATE_H
#define VX_LEDGER_LEDGER_STATE_H
#include <sqlite3.h>

#include <vx_ledger/ledger.h>

/* An update lies in parts of this size, so that SQLite never holds more of it in its memory, and
 * its own limit of 1e9 bytes a value is no limit of ours. */
#define VX_LEDGER_PART_BYTES (1u << 20)
#define VX_LEDGER_PART_BITS  15

_Static_assert(4 * VX_DIMENSION_MAX / VX_LEDGER_PART_BYTES < 1ULL << VX_LEDGER_PART_BITS,
               "the parts of an update are counted in PART_BITS");
_Static_assert(VX_ROUNDS_MAX - 1 <= (uint64_t)INT64_MAX >> VX_LEDGER_PART_BITS,
               "the key of a part is an integer of SQLite");

typedef enum vx_ledger_statement {
    VX_LEDGER_BEGIN,
    VX_LEDGER_END,
    VX_LEDGER_ROLLBACK,
    VX_LEDGER_INSERT_RECORD,  /* 1 round, 2 record, 3 seal */
    VX_LEDGER_INSERT_PART,    /* 1 place, 2 bytes */
    VX_LEDGER_SELECT_RECORD,  /* 1 round */
    VX_LEDGER_SELECT_PART,    /* 1 place */
    VX_LEDGER_DELETE_RECORDS, /* 1 first, 2 last */
    VX_LEDGER_DELETE_PARTS,   /* 1 first, 2 last */
    VX_LEDGER_STATEMENTS
} vx_ledger_statement;

struct vx_ledger {
    char *path;                                     /* owned */
    sqlite3 *db;                                    /* owned */
    sqlite3_stmt *statements[VX_LEDGER_STATEMENTS]; /* owned */
    uint8_t *record;                                /* owned; VX_LEDGER_RECORD_MAX bytes */
    uint64_t first, end;
    vx_ledger_durability durability;
    int log_pages;   /* in the write-ahead log since it was last moved into the database */
    vx_error broken; /* the first error after which the file is not trusted; VX_OK before it */
};

/* The key of part `part` of the update of a round. */
static inline sqlite3_int64 vx_ledger_place(uint64_t round, uint64_t part)
{
    return (sqlite3_int64)(round << VX_LEDGER_PART_BITS | part);
}

/* Opens and checks ledger->path, creates it when it is empty, prepares the statements. On failure
 * the caller closes. */
VX_MUST_CHECK vx_status vx_ledger_open_database(vx_ledger *ledger, vx_digest config, vx_error *err);

/* Moves the log into the database, with a sync of the log before and of the database after. */
VX_MUST_CHECK vx_status vx_ledger_move_log(vx_ledger *ledger, vx_error *err);

/*
 * Writes all that can be read of the log in its place, and syncs it. A sync that failed has left
 * pages behind that are read and that no later sync writes: the kernel takes them for clean. Moving
 * such a log would leave the beginning of it on the disk, above a database that is newer.
 */
VX_MUST_CHECK vx_status vx_ledger_rewrite_log(vx_ledger *ledger, vx_error *err);
#endif
