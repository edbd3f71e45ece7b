#include "text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define NUMBER_MAX 127
#define DIGITS_MAX 15 /* any number of so many digits is a double */
#define SHOWN_MAX  40

/* A decimal as it is written: mantissa x 10^exponent. */
typedef struct decimal {
    uint64_t mantissa;
    size_t digits; /* of the mantissa, zeros in front too */
    int exponent;
    bool negative;
} decimal;

/* Digits from at[*place] on, added to the mantissa while they fit. */
static size_t take_digits(const char *at, size_t size, size_t *place, decimal *d)
{
    size_t first = *place;

    for (; *place < size && at[*place] >= '0' && at[*place] <= '9'; (*place)++)
        if (d->digits++ < DIGITS_MAX)
            d->mantissa = 10 * d->mantissa + (uint64_t)(at[*place] - '0');
    return *place - first;
}

static bool take_exponent(const char *at, size_t size, size_t *place, decimal *d)
{
    bool negative = false;
    size_t first = 0;
    int exponent = 0;

    (*place)++; /* e */
    if (*place < size && (at[*place] == '+' || at[*place] == '-'))
        negative = at[(*place)++] == '-';
    first = *place;
    for (; *place < size && at[*place] >= '0' && at[*place] <= '9'; (*place)++)
        exponent = exponent < 10000 ? 10 * exponent + (at[*place] - '0') : exponent;
    d->exponent += negative ? -exponent : exponent;
    return *place > first;
}

/* sign, digits with a point among, before or behind them, exponent. */
static bool parse_decimal(const char *at, size_t size, decimal *d)
{
    size_t place = 0, whole = 0, part = 0;

    if (size > 0 && (at[0] == '+' || at[0] == '-'))
        d->negative = at[place++] == '-';
    whole = take_digits(at, size, &place, d);
    if (place < size && at[place] == '.') {
        place++;
        part = take_digits(at, size, &place, d);
        d->exponent = -(int)part;
    }
    if (whole + part == 0)
        return false;
    if (place < size && (at[place] == 'e' || at[place] == 'E') &&
        !take_exponent(at, size, &place, d))
        return false;
    return place == size;
}

/* Mantissa and power are both doubles without rounding, so that one operation rounds, and rightly:
 * Clinger, "How to read floating point numbers accurately", PLDI 1990. */
static bool small_decimal(const decimal *d, double *ret_number)
{
    static const double powers[] = { 1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                     1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                     1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22 };
    double number = (double)d->mantissa;

    if (d->digits > DIGITS_MAX || d->exponent < -22 || d->exponent > 22)
        return false;
    number = d->exponent < 0 ? number / powers[-d->exponent] : number * powers[d->exponent];
    *ret_number = d->negative ? -number : number;
    return true;
}

bool vx_text_number(const char *at, size_t size, double *ret_number)
{
    char text[NUMBER_MAX + 1];
    decimal d = { 0 };
    double number = 0.0;

    if (size > NUMBER_MAX || !parse_decimal(at, size, &d))
        return false;
    if (!small_decimal(&d, &number)) {
        memcpy(text, at, size);
        text[size] = '\0';
        number = strtod(text, NULL); /* what it would take beyond a decimal is excluded */
    }
    if (!isfinite((float)number))
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
