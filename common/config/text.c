#include "text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <vx_base/alloc.h>

static bool reserve(vx_text *text, size_t more)
{
    size_t capacity = text->capacity > 0 ? text->capacity : 1024;
    char *grown = NULL;

    if (text->failed)
        return false;
    while (capacity < text->size + more + 1)
        capacity *= 2;
    if (capacity == text->capacity)
        return true;
    grown = vx_realloc(text->at, capacity);
    if (grown == NULL) {
        text->failed = true;
        return false;
    }
    text->at = grown;
    text->capacity = capacity;
    return true;
}

void vx_config_text_add(vx_text *text, const void *bytes, size_t size)
{
    if (!reserve(text, size))
        return;
    if (size > 0)
        memcpy(text->at + text->size, bytes, size);
    text->size += size;
    text->at[text->size] = '\0';
}

void vx_config_text_format(vx_text *text, const char *format, ...)
{
    char line[256];
    va_list args;
    int size = 0;

    va_start(args, format);
    size = vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    if (size < 0 || (size_t)size >= sizeof(line))
        text->failed = true;
    else
        vx_config_text_add(text, line, (size_t)size);
}

void vx_config_text_repeat(vx_text *text, char byte, size_t count)
{
    for (; count > 0; count--)
        vx_config_text_add(text, &byte, 1);
}

void vx_config_text_quote(vx_text *text, const char *string)
{
    vx_config_text_add(text, "\"", 1);
    for (const unsigned char *at = (const unsigned char *)string; *at != '\0'; at++) {
        if (*at == '"' || *at == '\\')
            vx_config_text_format(text, "\\%c", *at);
        else if (*at < 0x20 || *at == 0x7f)
            vx_config_text_format(text, "\\u%04x", *at);
        else
            vx_config_text_add(text, at, 1);
    }
    vx_config_text_add(text, "\"", 1);
}

void vx_config_text_real(vx_text *text, double value)
{
    char digits[32];

    value += 0.0; /* -0 becomes 0 */
    for (int precision = 15; precision <= 17; precision++) {
        (void)snprintf(digits, sizeof(digits), "%.*g", precision, value);
        if (strtod(digits, NULL) == value)
            break;
    }
    vx_config_text_add(text, digits, strlen(digits));
}

/* The size of the UTF-8 character at `at` that a message, a log line and YAML can hold as it is; 0:
 * there is none. U+0080 to U+009F, the line separators and U+FEFF to U+FFFF are not. */
static size_t printable_size(const unsigned char *at)
{
    size_t size = at[0] < 0x80 ? 1 : at[0] < 0xe0 ? 2 : at[0] < 0xf0 ? 3 : 4;
    uint32_t code = size == 1 ? at[0] : at[0] & (0xffu >> (size + 1));
    static const uint32_t least[] = { 0, 0x20, 0xa0, 0x800, 0x10000 };

    if (at[0] >= 0xf8 || (at[0] >= 0x80 && at[0] < 0xc2))
        return 0;
    for (size_t i = 1; i < size; i++) {
        if ((at[i] & 0xc0) != 0x80)
            return 0;
        code = code << 6 | (at[i] & 0x3f);
    }
    if (code < least[size] || code == 0x7f || code == 0x2028 || code == 0x2029 || code == 0xfeff)
        return 0;
    if ((code >= 0xd800 && code < 0xe000) || code == 0xfffe || code == 0xffff || code > 0x10ffff)
        return 0;
    return size;
}

/* The bytes of the character at `at`; 0 when it may not stand in a text. */
static size_t size_in(const unsigned char *at, bool controls)
{
    if (controls && (at[0] < 0x20 || at[0] == 0x7f))
        return 1; /* a printed form escapes it */
    return printable_size(at);
}

static bool holds_only(const char *text, bool controls)
{
    const unsigned char *at = (const unsigned char *)text;

    while (*at != '\0') {
        size_t size = size_in(at, controls);

        if (size == 0)
            return false;
        at += size;
    }
    return true;
}

bool vx_config_text_is_printable(const char *text)
{
    return holds_only(text, false);
}

bool vx_config_text_is_plain(const char *text)
{
    return holds_only(text, true);
}
