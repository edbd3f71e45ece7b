#include "text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define NUMBER_MAX 127
#define SHOWN_MAX  40

bool vx_text_number(const char *at, size_t size, double *ret_number)
{
    char text[NUMBER_MAX + 1];
    char *end = NULL;
    double number = 0.0;

    if (size == 0 || size > NUMBER_MAX)
        return false;
    for (size_t i = 0; i < size; i++) {
        bool fits = (at[i] >= '0' && at[i] <= '9') || at[i] == '+' || at[i] == '-' ||
                    at[i] == '.' || at[i] == 'e' || at[i] == 'E';

        if (!fits) /* strtod takes blanks, "inf", "nan" and hexadecimal too */
            return false;
        text[i] = at[i];
    }
    text[size] = '\0';
    number = strtod(text, &end);
    if (end != text + size || !isfinite((float)number))
        return false;
    *ret_number = number;
    return true;
}

bool vx_text_whole(const char *at, size_t size, uint64_t most, uint64_t *ret_number)
{
    uint64_t number = 0;

    for (size_t i = 0; i < size; i++) {
        if (at[i] < '0' || at[i] > '9' || __builtin_mul_overflow(number, 10, &number) ||
            __builtin_add_overflow(number, (uint64_t)(at[i] - '0'), &number))
            return false;
    }
    *ret_number = number;
    return size > 0 && number <= most;
}

char *vx_text_quote(const char *at, size_t size, char buffer[VX_LOG_QUOTE_SIZE])
{
    char shown[SHOWN_MAX + 4] = { 0 };

    memcpy(shown, at, size < SHOWN_MAX ? size : SHOWN_MAX);
    if (size > SHOWN_MAX)
        memcpy(shown + SHOWN_MAX, "...", 4);
    return vx_log_quote(shown, buffer);
}

bool vx_lines_next(vx_lines *lines)
{
    const char *stop = NULL;

    if (lines->at == lines->end)
        return false;
    stop = memchr(lines->at, '\n', (size_t)(lines->end - lines->at));
    lines->line = lines->at;
    lines->size = (size_t)((stop != NULL ? stop : lines->end) - lines->at);
    lines->at = stop != NULL ? stop + 1 : lines->end;
    lines->number++;
    return true;
}
