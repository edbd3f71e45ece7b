#ifndef VX_CONFIG_TEXT_H
#define VX_CONFIG_TEXT_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Text that grows. A failed allocation is remembered: check `failed` once at the end. */
typedef struct vx_text {
    char *at; /* owned; a zero follows size bytes */
    size_t size, capacity;
    bool failed;
} vx_text;

void vx_config_text_add(vx_text *text, const void *bytes, size_t size);
void vx_config_text_format(vx_text *text, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void vx_config_text_repeat(vx_text *text, char byte, size_t count);
/* In double quotes, so that JSON and YAML read it alike. string is UTF-8. */
void vx_config_text_quote(vx_text *text, const char *string);
/* The shortest of 15 to 17 digits that reads back as the same number; -0 is written as 0. */
void vx_config_text_real(vx_text *text, double value);
/* Is it UTF-8 that a message, a log line and YAML can hold as it is; with tabs, line feeds and
 * other ASCII controls too? */
bool vx_config_text_is_printable(const char *text);
bool vx_config_text_is_plain(const char *text);
#endif
