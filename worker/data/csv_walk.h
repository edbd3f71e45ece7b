#ifndef VX_DATA_CSV_WALK_H
#define VX_DATA_CSV_WALK_H
#include <stddef.h>

#include <vx_base/status.h>

/* Called for each cell and at the end of each row; anything but VX_OK ends the walk. Text ends with
 * a zero that is not counted and has none before; borrowed for the call. line: where the cell or
 * the row ends, from 1. */
typedef struct vx_csv_visitor {
    vx_status (*cell)(void *context, size_t line, size_t column, const char *text, size_t size,
                      vx_error *err);
    vx_status (*row)(void *context, size_t line, size_t columns, vx_error *err);
    void *context;
} vx_csv_visitor;

/*
 * RFC 4180 by libcsv, strict: a quote stands around a whole cell, and twice in it. Lines end with
 * LF or CR LF; empty ones are no rows; blanks around a cell without quotes, and a byte order mark,
 * do not count. VX_ERR_DATA with file and line: misplaced quote, zero byte; VX_ERR_LIMIT: cell,
 * columns or line too long; VX_ERR_NOT_FOUND, VX_ERR_IO, VX_ERR_NOMEM; what the visitor returns.
 */
VX_MUST_CHECK vx_status vx_csv_walk(const char *path, char delimiter, const vx_csv_visitor *visitor,
                                    vx_error *err);
#endif
