#include "csv_walk.h"

#include <csv.h>
#include <string.h>

#include <vx_base/alloc.h>

#include "store.h"
#include "text.h"

#define PIECE 1024u /* bytes given to libcsv at a time: its buffer is looked at in between */

typedef struct walk {
    const vx_csv_visitor *visitor;
    vx_error *err;
    char name[VX_STORE_NAME_SIZE];
    vx_lines lines;
    struct csv_parser parser;
    size_t column; /* of the next cell */
    vx_status status;
} walk;

static void on_cell(void *at, size_t size, void *context)
{
    walk *w = context;

    if (w->status != VX_OK)
        return;
    if (w->column == VX_DATA_COLUMNS_MAX)
        w->status = vx_fail(w->err, VX_ERR_LIMIT, "%s:%zu: more than %zu columns", w->name,
                            w->lines.number, VX_DATA_COLUMNS_MAX);
    else if (size > VX_DATA_CELL_MAX)
        w->status = vx_fail(w->err, VX_ERR_LIMIT, "%s:%zu: column %zu: more than %zu bytes",
                            w->name, w->lines.number, w->column, VX_DATA_CELL_MAX);
    else if (size > 0 && memchr(at, '\0', size) != NULL)
        w->status =
            vx_fail(w->err, VX_ERR_DATA, "%s:%zu: column %zu: expected text, found a zero byte",
                    w->name, w->lines.number, w->column);
    else
        w->status = w->visitor->cell(w->visitor->context, w->lines.number, w->column,
                                     at != NULL ? at : "", size, w->err);
    w->column++;
}

static void on_row(int end, void *context)
{
    walk *w = context;
    size_t columns = w->column;

    (void)end;
    w->column = 0;
    if (w->status == VX_OK)
        w->status = w->visitor->row(w->visitor->context, w->lines.number, columns, w->err);
}

static vx_status fail_parser(walk *w, vx_error *err)
{
    if (csv_error(&w->parser) != CSV_EPARSE)
        return vx_fail(err, VX_ERR_NOMEM, "%s: no memory for a cell", w->name);
    return vx_fail(err, VX_ERR_DATA,
                   "%s:%zu: column %zu: a misplaced quote; expected quotes around the whole cell, "
                   "and twice inside it",
                   w->name, w->lines.number, w->column);
}

static vx_status give(walk *w, const char *at, size_t size, vx_error *err)
{
    for (size_t done = 0; w->status == VX_OK && done < size;) {
        size_t piece = size - done < PIECE ? size - done : PIECE;

        if (csv_parse(&w->parser, at + done, piece, on_cell, on_row, w) != piece)
            return w->status == VX_OK ? fail_parser(w, err) : w->status;
        if (w->status == VX_OK && w->parser.entry_pos > VX_DATA_CELL_MAX)
            return vx_fail(err, VX_ERR_LIMIT, "%s:%zu: column %zu: more than %zu bytes", w->name,
                           w->lines.number, w->column, VX_DATA_CELL_MAX);
        done += piece;
    }
    return w->status;
}

static vx_status walk_lines(walk *w, vx_error *err)
{
    vx_status status = VX_OK;

    while (status == VX_OK && vx_lines_next(&w->lines)) {
        size_t size = (size_t)(w->lines.at - w->lines.line); /* with its line feed */

        if (size > VX_DATA_LINE_MAX)
            return vx_fail(err, VX_ERR_LIMIT, "%s:%zu: the line has more than %zu bytes", w->name,
                           w->lines.number, VX_DATA_LINE_MAX);
        status = give(w, w->lines.line, size, err);
    }
    if (status == VX_OK && csv_fini(&w->parser, on_cell, on_row, w) != 0)
        return w->status == VX_OK ? fail_parser(w, err) : w->status;
    return status == VX_OK ? w->status : status;
}

vx_status vx_csv_walk(const char *path, char delimiter, const vx_csv_visitor *visitor,
                      vx_error *err)
{
    static const char mark[] = { (char)0xef, (char)0xbb, (char)0xbf };
    walk w = { .visitor = visitor, .err = err };
    vx_block text = { 0 };
    vx_status status = vx_block_map_file(path, 1, &text, err);

    if (status != VX_OK)
        return status;
    (void)vx_store_name(path, w.name);
    w.lines = (vx_lines){ .at = text.at, .end = (const char *)text.at + text.size };
    if (text.size >= sizeof(mark) && memcmp(text.at, mark, sizeof(mark)) == 0)
        w.lines.at += sizeof(mark);
    (void)csv_init(&w.parser, CSV_STRICT | CSV_STRICT_FINI | CSV_APPEND_NULL); /* cannot fail */
    csv_set_delim(&w.parser, (unsigned char)(delimiter != '\0' ? delimiter : ','));
    csv_set_realloc_func(&w.parser, vx_realloc);
    csv_set_free_func(&w.parser, vx_free);
    status = walk_lines(&w, err);
    csv_free(&w.parser);
    vx_block_clear(&text);
    return status;
}
