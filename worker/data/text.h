#ifndef VX_DATA_TEXT_H
#define VX_DATA_TEXT_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <vx_base/log.h>
#include <vx_base/status.h>

/* Text that need not end with a zero. */

/* A decimal number, all of the text: sign, digits, point, exponent; no infinity, no NaN, no blanks.
 * False too for more than 127 bytes, or when it is too large for a float32. */
bool vx_text_number(const char *at, size_t size, double *ret_number);

/* Digits alone, at most `most`. */
bool vx_text_whole(const char *at, size_t size, uint64_t most, uint64_t *ret_number);

/* Its first bytes, in quotes, for a message. Returns buffer. */
char *vx_text_quote(const char *at, size_t size, char buffer[VX_LOG_QUOTE_SIZE]);

/* One line after the other of a text; zeroed but for at and end to begin with. */
typedef struct vx_lines {
    const char *at, *end; /* what is left */
    size_t number;        /* of the line, from 1 */
    const char *line;     /* without its line feed */
    size_t size;
} vx_lines;
bool vx_lines_next(vx_lines *lines); /* false: there is none left */
#endif
