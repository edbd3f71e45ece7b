#include <vx_base/status.h>

#include <vx_base/assert.h>

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define MESSAGE_SIZE sizeof(((vx_error *)NULL)->message)

static const struct {
    const char *name;
    const char *text;
    int exit_code;
} statuses[VX_STATUS_MAX] = {
#define ROW(name, exit_code, text) [name] = { #name, text, exit_code },
    VX_STATUS_LIST(ROW)
#undef ROW
};

/* A message quotes paths and peers: it stays one line whatever they contain. */
static void make_one_line(char *text)
{
    for (; *text != '\0'; text++)
        if ((unsigned char)*text < 0x20 || *text == 0x7f)
            *text = ' ';
}

vx_status vx_fail_at(vx_error *err, vx_status code, const char *file, int line, const char *format,
                     ...)
{
    char message[MESSAGE_SIZE]; /* not err->message: an argument may point into it */
    va_list args;

    if (err == NULL)
        return code;
    va_start(args, format);
    vsnprintf(message, sizeof(message), format, args);
    va_end(args);
    make_one_line(message);
    err->code = code;
    err->file = file;
    err->line = line;
    memcpy(err->message, message, sizeof(message));
    return code;
}

vx_status vx_error_prefix(vx_error *err, const char *format, ...)
{
    char prefix[MESSAGE_SIZE];
    char message[2 * MESSAGE_SIZE + 2];
    va_list args;

    VX_ASSERT(err != NULL);
    va_start(args, format);
    vsnprintf(prefix, sizeof(prefix), format, args);
    va_end(args);
    make_one_line(prefix);
    snprintf(message, sizeof(message), "%s: %s", prefix, err->message);
    memcpy(err->message, message, MESSAGE_SIZE);
    err->message[MESSAGE_SIZE - 1] = '\0';
    return err->code;
}

static bool is_known(vx_status status)
{
    return (unsigned)status < (unsigned)VX_STATUS_MAX;
}

const char *vx_status_name(vx_status status)
{
    return is_known(status) ? statuses[status].name : "VX_STATUS_UNKNOWN";
}

const char *vx_status_text(vx_status status)
{
    return is_known(status) ? statuses[status].text : "unknown status";
}

int vx_status_exit_code(vx_status status)
{
    return is_known(status) ? statuses[status].exit_code : 70;
}
