#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include <vx_base/alloc.h>
#include <vx_base/file.h>

#include "database.h"
#include "ledger_state.h"

#define FORMAT         2
#define APPLICATION_ID 1450724455 /* "VxLg" */
#define SQL_SIZE       1024
#define TEXT_SIZE      320

#define JOB_TABLE "CREATE TABLE job(config BLOB NOT NULL, seal BLOB NOT NULL)"
#define ROUNDS_TABLE                                                                               \
    "CREATE TABLE rounds(round INTEGER PRIMARY KEY, record BLOB NOT NULL, seal BLOB NOT NULL)"
#define UPDATES_TABLE "CREATE TABLE updates(place INTEGER PRIMARY KEY, bytes BLOB NOT NULL)"
#define TABLES        JOB_TABLE ";" ROUNDS_TABLE ";" UPDATES_TABLE

/*
 * Before the file is touched. EXCLUSIVE comes first: then the index of the log is in our memory and
 * there is no -shm file. No vacuum: pruned rounds leave free pages that the next rounds fill, which
 * needs neither pointer maps nor moved pages. secure_delete would write each page that is pruned.
 * EXTRA is for the rollback journals of the creation: one whose removal is lost with the power
 * undoes all.
 */
static const char settings[] = "PRAGMA locking_mode = EXCLUSIVE; PRAGMA trusted_schema = OFF;"
                               "PRAGMA cell_size_check = ON; PRAGMA mmap_size = 0;"
                               "PRAGMA temp_store = MEMORY; PRAGMA secure_delete = OFF;"
                               "PRAGMA auto_vacuum = NONE;"
                               "PRAGMA synchronous = EXTRA";

static const char *const statements[VX_LEDGER_STATEMENTS] = {
    [VX_LEDGER_BEGIN] = "BEGIN IMMEDIATE",
    [VX_LEDGER_END] = "COMMIT",
    [VX_LEDGER_ROLLBACK] = "ROLLBACK",
    [VX_LEDGER_INSERT_RECORD] = "INSERT INTO rounds VALUES(?1, ?2, ?3)",
    [VX_LEDGER_INSERT_PART] = "INSERT INTO updates VALUES(?1, ?2)",
    [VX_LEDGER_SELECT_RECORD] = "SELECT record, seal FROM rounds WHERE round = ?1",
    [VX_LEDGER_SELECT_PART] = "SELECT bytes FROM updates WHERE place = ?1",
    [VX_LEDGER_DELETE_RECORDS] = "DELETE FROM rounds WHERE round BETWEEN ?1 AND ?2",
    [VX_LEDGER_DELETE_PARTS] = "DELETE FROM updates WHERE place BETWEEN ?1 AND ?2",
};

/* Covers the format too, so that a flipped bit is never taken for the ledger of another job. */
static vx_digest seal_of_job(vx_digest config)
{
    uint8_t bytes[VX_DIGEST_BYTES + 4];

    memcpy(bytes, config.at, VX_DIGEST_BYTES);
    vx_store_u32(bytes + VX_DIGEST_BYTES, FORMAT);
    return vx_digest_of(bytes, sizeof(bytes));
}

static vx_status connect(vx_ledger *ledger, vx_error *err)
{
    const int flags =
        SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE;

    if (sqlite3_open_v2(ledger->path, &ledger->db, flags, NULL) != SQLITE_OK) {
        if (ledger->db == NULL)
            return vx_fail(err, VX_ERR_NOMEM, "%s: no memory to open it", ledger->path);
        return vx_database_fail(ledger->db, ledger->path, "cannot open it", err);
    }
    sqlite3_extended_result_codes(ledger->db, 1);
    /* Until it is known to be ours, closing does not write. */
    sqlite3_db_config(ledger->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    sqlite3_db_config(ledger->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    if (sqlite3_db_readonly(ledger->db, "main") == 1)
        return vx_fail(err, VX_ERR_IO, "%s: it cannot be written", ledger->path);
    return VX_OK;
}

/* SQLite removes the log of an empty database, so this is asked before it reads the file. */
static vx_status has_log(vx_ledger *ledger, int *ret_has_log, vx_error *err)
{
    sqlite3_vfs *vfs = NULL;
    const char *name = sqlite3_filename_wal(sqlite3_db_filename(ledger->db, "main"));

    if (sqlite3_file_control(ledger->db, "main", SQLITE_FCNTL_VFS_POINTER, &vfs) != SQLITE_OK ||
        vfs == NULL || vfs->xAccess(vfs, name, SQLITE_ACCESS_EXISTS, ret_has_log) != SQLITE_OK)
        return vx_fail(err, VX_ERR_IO, "%s: cannot look for its log", ledger->path);
    return VX_OK;
}

/* One transaction with a rollback journal: a crash leaves an empty file or a whole ledger. The sync
 * of the journal's folder makes the name of the ledger durable too. With EXCLUSIVE the journal
 * would stay behind. */
static vx_status create(vx_ledger *ledger, vx_digest config, vx_error *err)
{
    char sql[SQL_SIZE];
    char digest[VX_DIGEST_TEXT_SIZE];
    char seal[VX_DIGEST_TEXT_SIZE];
    int size = snprintf(sql, sizeof(sql),
                        "PRAGMA locking_mode = NORMAL; BEGIN EXCLUSIVE; " TABLES
                        "; PRAGMA application_id = %d; PRAGMA user_version = %d;"
                        "INSERT INTO job VALUES(x'%s', x'%s'); COMMIT;"
                        "PRAGMA locking_mode = EXCLUSIVE",
                        APPLICATION_ID, FORMAT, vx_digest_text(config, digest),
                        vx_digest_text(seal_of_job(config), seal));

    VX_ASSERT(size > 0 && (size_t)size < sizeof(sql));
    return vx_database_run(ledger->db, ledger->path, sql, err);
}

static vx_status check_identity(vx_ledger *ledger, vx_error *err)
{
    sqlite3_int64 number = 0;
    char tables[SQL_SIZE];
    vx_status status =
        vx_database_number(ledger->db, ledger->path, "PRAGMA application_id", &number, err);

    if (status == VX_OK && number != APPLICATION_ID)
        return vx_fail(err, VX_ERR_DATA, "%s: it is not a ledger of Vexil", ledger->path);
    if (status == VX_OK)
        status = vx_database_number(ledger->db, ledger->path, "PRAGMA user_version", &number, err);
    if (status == VX_OK && number != FORMAT)
        return vx_fail(err, VX_ERR_DATA, "%s: it has format %lld, this program reads format %d",
                       ledger->path, number, FORMAT);
    if (status == VX_OK)
        status = vx_database_text(ledger->db, ledger->path,
                                  "SELECT group_concat(sql, ';') FROM"
                                  " (SELECT sql FROM sqlite_schema ORDER BY rowid)",
                                  tables, sizeof(tables), err);
    if (status == VX_OK && strcmp(tables, TABLES) != 0)
        return vx_fail(err, VX_ERR_DATA, "%s: damaged: its tables are not those of a ledger",
                       ledger->path);
    return status;
}

/* SQLite says "... error code 266" of a page that it could not read, as of one that it could not
 * understand. */
static bool is_read_error(const char *text)
{
    static const char mark[] = "error code";
    const char *at = strstr(text, mark);
    const char *number = at != NULL ? at + sizeof(mark) - 1 : "";
    long code = strtol(number + strspn(number, " ="), NULL, 10);

    return (code & 0xff) == SQLITE_IOERR;
}

static vx_status check_pages(vx_ledger *ledger, vx_error *err)
{
    char text[TEXT_SIZE];
    vx_status status = vx_database_text(ledger->db, ledger->path, "PRAGMA quick_check(1)", text,
                                        sizeof(text), err);

    if (status == VX_OK && strcmp(text, "ok") != 0) {
        char again[TEXT_SIZE] = "";

        /* A page that can be read now was not damaged then. */
        if (vx_database_text(ledger->db, ledger->path, "PRAGMA quick_check(1)", again,
                             sizeof(again), NULL) == VX_OK &&
            strcmp(again, "ok") == 0)
            return vx_fail(err, VX_ERR_IO, "%s: could not be read: %s", ledger->path, text);
    }
    if (status == VX_OK && strcmp(text, "ok") != 0)
        return vx_fail(err, is_read_error(text) ? VX_ERR_IO : VX_ERR_DATA, "%s: %s: %s",
                       ledger->path, is_read_error(text) ? "cannot be read" : "damaged", text);
    return status;
}

static vx_status read_job(vx_ledger *ledger, vx_digest *ret_config, vx_error *err)
{
    char text[TEXT_SIZE];
    uint8_t bytes[2 * VX_DIGEST_BYTES];
    vx_digest found;
    vx_digest seal;
    vx_status status =
        vx_database_text(ledger->db, ledger->path,
                         "SELECT group_concat(lower(hex(config)) || lower(hex(seal))) FROM job",
                         text, sizeof(text), err);

    if (status != VX_OK)
        return status;
    if (!vx_hex_decode(text, bytes, sizeof(bytes)))
        return vx_fail(err, VX_ERR_DATA, "%s: damaged: it names no job", ledger->path);
    memcpy(found.at, bytes, VX_DIGEST_BYTES);
    memcpy(seal.at, bytes + VX_DIGEST_BYTES, VX_DIGEST_BYTES);
    if (!vx_digest_equal(seal, seal_of_job(found)))
        return vx_fail(err, VX_ERR_DATA, "%s: damaged: the job that it names does not fit its seal",
                       ledger->path);
    *ret_config = found;
    return VX_OK;
}

/* One statement, so one transaction. */
static vx_status take_over(vx_ledger *ledger, vx_digest config, vx_error *err)
{
    char sql[SQL_SIZE];
    char digest[VX_DIGEST_TEXT_SIZE];
    char seal[VX_DIGEST_TEXT_SIZE];
    int size = snprintf(sql, sizeof(sql), "UPDATE job SET config = x'%s', seal = x'%s'",
                        vx_digest_text(config, digest), vx_digest_text(seal_of_job(config), seal));

    VX_ASSERT(size > 0 && (size_t)size < sizeof(sql));
    return vx_database_run(ledger->db, ledger->path, sql, err);
}

static vx_status read_range(vx_ledger *ledger, vx_error *err)
{
    sqlite3_int64 first = 0;
    sqlite3_int64 last = 0;
    sqlite3_int64 count = 0;
    vx_status status =
        vx_database_number(ledger->db, ledger->path, "SELECT count(*) FROM rounds", &count, err);

    if (status == VX_OK)
        status = vx_database_number(ledger->db, ledger->path, "SELECT min(round) FROM rounds",
                                    &first, err);
    if (status == VX_OK)
        status = vx_database_number(ledger->db, ledger->path, "SELECT max(round) FROM rounds",
                                    &last, err);
    if (status != VX_OK || count == 0)
        return status;
    if (first < 0 || (uint64_t)last >= VX_ROUNDS_MAX || last - first != count - 1)
        return vx_fail(err, VX_ERR_DATA, "%s: damaged: %lld records of rounds %lld to %lld",
                       ledger->path, count, first, last);
    ledger->first = (uint64_t)first;
    ledger->end = (uint64_t)last + 1;
    return VX_OK;
}

static vx_status check(vx_ledger *ledger, vx_digest config, bool *ret_other_job, vx_error *err)
{
    char ours[VX_DIGEST_TEXT_SIZE];
    char theirs[VX_DIGEST_TEXT_SIZE];
    vx_digest found = { { 0 } };
    vx_status status = check_identity(ledger, err);

    if (status == VX_OK)
        status = check_pages(ledger, err);
    if (status == VX_OK)
        status = read_job(ledger, &found, err);
    if (status == VX_OK)
        status = read_range(ledger, err);
    if (status != VX_OK)
        return status;
    *ret_other_job = !vx_digest_equal(found, config);
    if (*ret_other_job && ledger->first < ledger->end)
        return vx_fail(err, VX_ERR_CONFIG, "%s: it is of a job with digest %s, this job has %s",
                       ledger->path, vx_digest_text(found, theirs), vx_digest_text(config, ours));
    return VX_OK;
}

static int count_log_pages(void *context, sqlite3 *db, const char *name, int pages)
{
    vx_ledger *ledger = context;

    (void)db;
    (void)name;
    ledger->log_pages = pages;
    return SQLITE_OK;
}

static vx_status make_ready(vx_ledger *ledger, vx_error *err)
{
    const char *synchronous = ledger->durability == VX_LEDGER_CHECKPOINT
                                  ? "PRAGMA synchronous = NORMAL"
                                  : "PRAGMA synchronous = FULL";
    char mode[8];
    vx_status status = vx_database_text(ledger->db, ledger->path, "PRAGMA journal_mode = WAL", mode,
                                        sizeof(mode), err);

    if (status == VX_OK && strcmp(mode, "wal") != 0)
        status = vx_fail(err, VX_ERR_IO, "%s: SQLite gives it no write-ahead log", ledger->path);
    if (status == VX_OK)
        status = vx_database_run(ledger->db, ledger->path, synchronous, err);
    for (size_t i = 0; i < VX_LEDGER_STATEMENTS && status == VX_OK; i++)
        if (sqlite3_prepare_v3(ledger->db, statements[i], -1, SQLITE_PREPARE_PERSISTENT,
                               &ledger->statements[i], NULL) != SQLITE_OK)
            status = vx_database_fail(ledger->db, ledger->path, "cannot prepare it", err);
    if (status != VX_OK)
        return status;
    /* In place of SQLite's own hook: that one moves the log and hides it when a sync fails. */
    sqlite3_wal_hook(ledger->db, count_log_pages, ledger);
    sqlite3_db_config(ledger->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, NULL);
    return VX_OK;
}

/* SQLite syncs the folder of a new journal or log once, and does not tell when that fails. */
static vx_status make_names_durable(const vx_ledger *ledger, vx_error *err)
{
    char *folder = vx_path_folder(ledger->path);
    vx_status status = folder != NULL ? vx_file_sync_folder(folder, err)
                                      : vx_fail(err, VX_ERR_NOMEM, "%s: no memory", ledger->path);

    vx_free(folder);
    return status;
}

vx_status vx_ledger_open_database(vx_ledger *ledger, vx_digest config, vx_error *err)
{
    sqlite3_int64 pages = 0;
    int log = 0;
    bool other_job = false;
    vx_status status = connect(ledger, err);

    if (status == VX_OK)
        status = has_log(ledger, &log, err);
    if (status == VX_OK)
        status = vx_database_run(ledger->db, ledger->path, settings, err);
    if (status == VX_OK)
        status = vx_database_number(ledger->db, ledger->path, "PRAGMA page_count", &pages, err);
    if (status == VX_OK && pages == 0 && log != 0)
        status = vx_fail(err, VX_ERR_DATA, "%s: damaged: it is empty and has a log", ledger->path);
    if (status == VX_OK && pages == 0)
        status = create(ledger, config, err);
    if (status == VX_OK)
        status = check(ledger, config, &other_job, err);
    if (status == VX_OK)
        status = make_ready(ledger, err);
    if (status == VX_OK && other_job)
        status = take_over(ledger, config, err);
    /* A round that a crash caught before its sync is readable, and lost with the power: what open
     * tells of is durable. */
    if (status == VX_OK)
        status = vx_ledger_rewrite_log(ledger, err);
    if (status == VX_OK)
        status = vx_ledger_move_log(ledger, err);
    if (status == VX_OK)
        status = make_names_durable(ledger, err);
    return status;
}
