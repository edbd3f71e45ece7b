#include "database.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <vx_base/files.h>
#include <vx_base/limits.h>

/* A sync that failed is never a matter of space alone: what it should have written may be lost. */
static bool is_failed_sync(int code)
{
    return code == SQLITE_IOERR_FSYNC || code == SQLITE_IOERR_DIR_FSYNC;
}

/* Of a file that cannot be opened SQLite keeps the error of its second try, as one to read only. */
static bool is_folder_there(const char *path)
{
    const vx_files *files = vx_files_current();
    char folder[VX_PATH_MAX];
    vx_file_info info = { 0 };
    const char *end = strrchr(path, '/');

    snprintf(folder, sizeof(folder), "%.*s", end != NULL ? (int)(end - path) : 1,
             end != NULL ? path : ".");
    return files->info_of(files->context, folder[0] != '\0' ? folder : "/", &info) == 0;
}

static bool is_not_found(int code, int number, const char *path)
{
    return (code & 0xff) == SQLITE_CANTOPEN && (number == ENOENT || number == ENOTDIR) &&
           !is_folder_there(path);
}

static vx_status status_of_file_failure(int code, int number)
{
    if (code == SQLITE_IOERR_NOMEM)
        return VX_ERR_NOMEM;
    if (!is_failed_sync(code) && (number == ENOSPC || number == EDQUOT))
        return VX_ERR_SPACE;
    return VX_ERR_IO;
}

/* The error of the system that a file of SQLite's own VFS had last; 0: none, or another VFS. */
static int last_error(sqlite3_file *file)
{
    int number = 0;

    if (file == NULL || file->pMethods == NULL ||
        file->pMethods->xFileControl(file, SQLITE_FCNTL_LAST_ERRNO, &number) != SQLITE_OK)
        return 0;
    return number;
}

/* When a device cannot read, SQLite says that the database is malformed. 0: it read all. */
static int failed_read(sqlite3 *db)
{
    static const int pointers[] = { SQLITE_FCNTL_FILE_POINTER, SQLITE_FCNTL_JOURNAL_POINTER };

    for (size_t i = 0; i < sizeof(pointers) / sizeof(pointers[0]); i++) {
        sqlite3_file *file = NULL;
        int number = 0;

        if (sqlite3_file_control(db, "main", pointers[i], &file) == SQLITE_OK)
            number = last_error(file);
        if (number == EIO || number == ENXIO || number == ERANGE)
            return number;
    }
    return 0;
}

/* Our SQL is constant: when SQLite says that it is wrong, the tables are not ours. */
static vx_status status_of(int code, int number)
{
    switch (code & 0xff) {
    case SQLITE_NOMEM:
        return VX_ERR_NOMEM;
    case SQLITE_FULL:
        return VX_ERR_SPACE;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return VX_ERR_BUSY;
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
        return status_of_file_failure(code, number);
    case SQLITE_ERROR:
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_CONSTRAINT:
    case SQLITE_MISMATCH:
    case SQLITE_READONLY: /* of a format that is newer; what we may not write is found out before */
    case SQLITE_SCHEMA:
    case SQLITE_TOOBIG:
        return VX_ERR_DATA;
    default:
        return VX_ERR_IO;
    }
}

vx_status vx_database_fail(sqlite3 *db, const char *path, const char *what, vx_error *err)
{
    int code = sqlite3_extended_errcode(db);
    int number = sqlite3_system_errno(db);
    vx_status status = status_of(code, number);

    if ((code & 0xff) == SQLITE_CORRUPT && (number = failed_read(db)) != 0)
        return vx_fail(err, VX_ERR_IO, "%s: %s: %s", path, what, strerror(number));
    if ((code & 0xff) == SQLITE_READONLY && sqlite3_db_readonly(db, "main") == 0)
        return vx_fail(err, VX_ERR_IO, "%s: %s: its log cannot be written", path, what);
    if (is_not_found(code, number, path))
        status = VX_ERR_NOT_FOUND;
    else if ((code & 0xff) == SQLITE_CANTOPEN && number == ENOENT)
        number = 0;
    if (status == VX_ERR_NOMEM)
        return vx_fail(err, status, "%s: %s: out of memory", path, what);
    if (status == VX_ERR_BUSY)
        return vx_fail(err, status, "%s: it is open elsewhere", path);
    return vx_fail(err, status, "%s: %s: %s (SQLite %d%s%s)", path, what, sqlite3_errmsg(db), code,
                   number != 0 ? ", " : "", number != 0 ? strerror(number) : "");
}

vx_status vx_database_run(sqlite3 *db, const char *path, const char *sql, vx_error *err)
{
    return sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK
               ? VX_OK
               : vx_database_fail(db, path, "cannot prepare it", err);
}

/* Prepares and steps once: the caller reads the row, if has_row, and calls end in every case. */
static vx_status first_row(sqlite3 *db, const char *path, const char *sql, sqlite3_stmt **statement,
                           bool *has_row, vx_error *err)
{
    int code = sqlite3_prepare_v2(db, sql, -1, statement, NULL);

    if (code == SQLITE_OK)
        code = sqlite3_step(*statement);
    *has_row = code == SQLITE_ROW;
    if (code == SQLITE_ROW || code == SQLITE_DONE)
        return VX_OK;
    return vx_database_fail(db, path, "cannot read it", err);
}

/* A statement that writes, such as a PRAGMA, is committed here, behind its row. */
static vx_status end(sqlite3 *db, const char *path, sqlite3_stmt *statement, vx_status status,
                     vx_error *err)
{
    if (sqlite3_finalize(statement) == SQLITE_OK || status != VX_OK)
        return status;
    return vx_database_fail(db, path, "cannot read it", err);
}

vx_status vx_database_number(sqlite3 *db, const char *path, const char *sql,
                             sqlite3_int64 *ret_number, vx_error *err)
{
    sqlite3_stmt *statement = NULL;
    bool has_row = false;
    vx_status status = first_row(db, path, sql, &statement, &has_row, err);

    if (status == VX_OK)
        *ret_number = has_row ? sqlite3_column_int64(statement, 0) : 0;
    return end(db, path, statement, status, err);
}

vx_status vx_database_text(sqlite3 *db, const char *path, const char *sql, char *text,
                           size_t text_size, vx_error *err)
{
    sqlite3_stmt *statement = NULL;
    bool has_row = false;
    vx_status status = first_row(db, path, sql, &statement, &has_row, err);

    text[0] = '\0';
    if (status == VX_OK && has_row && sqlite3_column_type(statement, 0) != SQLITE_NULL) {
        const unsigned char *found = sqlite3_column_text(statement, 0);

        if (found == NULL)
            status = vx_fail(err, VX_ERR_NOMEM, "%s: no memory to read it", path);
        else
            snprintf(text, text_size, "%s", (const char *)found);
    }
    return end(db, path, statement, status, err);
}

vx_status vx_database_step(sqlite3_stmt *statement, const char *path, const char *what,
                           vx_error *err)
{
    vx_status status = VX_OK;

    if (sqlite3_step(statement) != SQLITE_DONE)
        status = vx_database_fail(sqlite3_db_handle(statement), path, what, err);
    sqlite3_reset(statement);
    return status;
}
