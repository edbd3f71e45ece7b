#ifndef VX_LEDGER_DATABASE_H
#define VX_LEDGER_DATABASE_H
#include <sqlite3.h>

#include <vx_base/status.h>

/* What the vx_base statuses are to SQLite: the last failure of db with its text. "path: what: ..."
 */
vx_status vx_database_fail(sqlite3 *db, const char *path, const char *what, vx_error *err);

/* Runs SQL that returns nothing of interest. */
VX_MUST_CHECK vx_status vx_database_run(sqlite3 *db, const char *path, const char *sql,
                                        vx_error *err);

/* The first column of the first row that the SQL returns; a text that does not fit is cut. NULL or
 * no row: 0 or "". */
VX_MUST_CHECK vx_status vx_database_number(sqlite3 *db, const char *path, const char *sql,
                                           sqlite3_int64 *ret_number, vx_error *err);
VX_MUST_CHECK vx_status vx_database_text(sqlite3 *db, const char *path, const char *sql, char *text,
                                         size_t text_size, vx_error *err);

/* Steps a statement that returns no row, and resets it. */
VX_MUST_CHECK vx_status vx_database_step(sqlite3_stmt *statement, const char *path,
                                         const char *what, vx_error *err);

/* Gives SQLite the heap of vx_base. Only before SQLite is initialised; later it does nothing. */
void vx_database_use_our_heap(void);
#endif
