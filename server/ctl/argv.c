#include "argv.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <vx_base/alloc.h>
#include <vx_base/limits.h>

static bool argv_reserve(vx_ctl_argv *argv)
{
    size_t room = argv->room == 0 ? 16 : argv->room * 2;
    char **at = NULL;

    if (argv->count + 1 < argv->room)
        return true;
    at = vx_realloc(argv->at, room * sizeof(*at));
    if (at == NULL)
        return false;
    argv->at = at;
    argv->room = room;
    return true;
}

void vx_ctl_argv_add(vx_ctl_argv *argv, const char *word)
{
    char *copy = NULL;

    if (argv->failed)
        return;
    copy = argv_reserve(argv) ? vx_strdup(word) : NULL;
    argv->failed = copy == NULL;
    if (argv->failed)
        return;
    argv->at[argv->count++] = copy;
    argv->at[argv->count] = NULL;
}

void vx_ctl_argv_format(vx_ctl_argv *argv, const char *format, ...)
{
    char word[VX_PATH_MAX + 64];
    va_list arguments;
    int length = 0;

    va_start(arguments, format);
    length = vsnprintf(word, sizeof(word), format, arguments);
    va_end(arguments);
    if (length < 0 || (size_t)length >= sizeof(word))
        argv->failed = true;
    else
        vx_ctl_argv_add(argv, word);
}

vx_status vx_ctl_argv_status(const vx_ctl_argv *argv, vx_error *err)
{
    if (argv->failed)
        return vx_fail(err, VX_ERR_NOMEM, "no memory for a command line");
    return VX_OK;
}

void vx_ctl_argv_clear(vx_ctl_argv *argv)
{
    for (size_t i = 0; i < argv->count; i++)
        vx_free(argv->at[i]);
    vx_free(argv->at);
    *argv = (vx_ctl_argv){ 0 };
}

static bool word_is_plain(const char *word)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "_-./:,=+@%";

    return word[0] != '\0' && word[strspn(word, plain)] == '\0';
}

/* Appends to text at *length; only counts when text is NULL. */
static void append(char *text, size_t *length, const char *piece, size_t size)
{
    if (text != NULL)
        memcpy(text + *length, piece, size);
    *length += size;
}

/* The word as a shell reads it back; returns its length. text may be NULL. */
static size_t word_quote(const char *word, char *text)
{
    size_t length = 0;

    if (word_is_plain(word)) {
        append(text, &length, word, strlen(word));
        return length;
    }
    append(text, &length, "'", 1);
    for (const char *c = word; *c != '\0'; c++) {
        if (*c == '\'')
            append(text, &length, "'\\''", 4);
        else
            append(text, &length, c, 1);
    }
    append(text, &length, "'", 1);
    return length;
}

char *vx_ctl_argv_shell(const vx_ctl_argv *argv)
{
    size_t size = 1;
    char *text = NULL, *end = NULL;

    for (size_t i = 0; i < argv->count; i++)
        size += word_quote(argv->at[i], NULL) + 1;
    text = vx_malloc(size);
    if (text == NULL)
        return NULL;
    end = text;
    for (size_t i = 0; i < argv->count; i++) {
        if (i > 0)
            *end++ = ' ';
        end += word_quote(argv->at[i], end);
    }
    *end = '\0';
    return text;
}
