#include <string.h>

#include <vx_base/alloc.h>

#include "database.h"
#include "ledger_state.h"

#define COPY_BYTES (64 << 10)

vx_status vx_ledger_move_log(vx_ledger *ledger, vx_error *err)
{
    int pages = 0;
    int moved = 0;

    if (sqlite3_wal_checkpoint_v2(ledger->db, "main", SQLITE_CHECKPOINT_PASSIVE, &pages, &moved) !=
        SQLITE_OK)
        return vx_database_fail(ledger->db, ledger->path, "cannot move the log into it", err);
    VX_ASSERT(pages == moved); /* nobody else reads */
    ledger->log_pages = 0;
    return VX_OK;
}

static vx_status fail(const vx_ledger *ledger, sqlite3_file *log, int code, vx_error *err)
{
    int number = 0;

    if (log == NULL || log->pMethods == NULL ||
        log->pMethods->xFileControl(log, SQLITE_FCNTL_LAST_ERRNO, &number) != SQLITE_OK)
        number = 0;
    return vx_fail(err, (code & 0xff) == SQLITE_FULL ? VX_ERR_SPACE : VX_ERR_IO,
                   "%s: its log cannot be written again (SQLite %d%s%s)", ledger->path, code,
                   number != 0 ? ", " : "", number != 0 ? strerror(number) : "");
}

static int write_again(sqlite3_file *log, uint8_t *bytes, sqlite3_int64 size)
{
    int code = SQLITE_OK;

    for (sqlite3_int64 at = 0; at < size && code == SQLITE_OK; at += COPY_BYTES) {
        int part = size - at < COPY_BYTES ? (int)(size - at) : COPY_BYTES;

        code = log->pMethods->xRead(log, bytes, part, at);
        if (code == SQLITE_OK)
            code = log->pMethods->xWrite(log, bytes, part, at);
    }
    return code == SQLITE_OK ? log->pMethods->xSync(log, SQLITE_SYNC_NORMAL) : code;
}

vx_status vx_ledger_rewrite_log(vx_ledger *ledger, vx_error *err)
{
    sqlite3_file *log = NULL;
    sqlite3_int64 size = 0;
    uint8_t *bytes = NULL;
    int code = sqlite3_file_control(ledger->db, "main", SQLITE_FCNTL_JOURNAL_POINTER, &log);

    if (code == SQLITE_OK && log != NULL && log->pMethods != NULL)
        code = log->pMethods->xFileSize(log, &size);
    if (code != SQLITE_OK)
        return fail(ledger, log, code, err);
    if (size == 0)
        return VX_OK;
    bytes = vx_malloc(COPY_BYTES);
    if (bytes == NULL)
        return vx_fail(err, VX_ERR_NOMEM, "%s: no memory to write its log again", ledger->path);
    code = write_again(log, bytes, size);
    vx_free(bytes);
    return code == SQLITE_OK ? VX_OK : fail(ledger, log, code, err);
}
