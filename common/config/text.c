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
