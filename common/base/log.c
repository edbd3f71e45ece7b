#include <vx_base/log.h>

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LINE_SIZE 1024 /* with the line feed */
#define CUT_DOTS  3

static const char *const level_names[VX_LOG_LEVEL_MAX] = {
    [VX_LOG_DEBUG] = "debug",
    [VX_LOG_INFO] = "info",
    [VX_LOG_WARN] = "warn",
    [VX_LOG_ERROR] = "error",
};

vx_log vx_log_to(int fd, vx_log_level at_least, const char *program)
{
    return (
        vx_log){ .fd = fd, .at_least = at_least, .program = program, .clock = vx_clock_system() };
}

/* Ends a line of wanted bytes (more than fit: cut) with a line feed. Returns its length. */
static size_t line_finish(char line[LINE_SIZE], size_t wanted)
{
    size_t length = wanted < LINE_SIZE - 1 ? wanted : LINE_SIZE - 1;

    if (wanted > length)
        memset(line + length - CUT_DOTS, '.', CUT_DOTS);
    for (size_t i = 0; i < length; i++)
        if ((unsigned char)line[i] < 0x20 || line[i] == 0x7f)
            line[i] = ' '; /* one event stays one line */
    line[length] = '\n';
    return length + 1;
}

/* A log that cannot be written stops nothing: what is left of the line is dropped. */
static void line_write(int fd, const char *line, size_t length)
{
    while (length > 0) {
        ssize_t written = write(fd, line, length);

        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return;
        line += written;
        length -= (size_t)written;
    }
}

void vx_log_event(const vx_log *log, vx_log_level level, const char *event, const char *format, ...)
{
    char line[LINE_SIZE];
    char time_text[VX_TIME_TEXT_SIZE];
    va_list args;
    size_t used;
    int errno_before = errno;

    if (level < log->at_least || level >= VX_LOG_LEVEL_MAX)
        return;
    vx_time_text(vx_clock_realtime_ns(&log->clock), time_text);
    used = (size_t)snprintf(line, sizeof(line), "ts=%s program=%s level=%s event=%s ", time_text,
                            log->program, level_names[level], event);
    if (used < sizeof(line)) {
        va_start(args, format);
        used += (size_t)vsnprintf(line + used, sizeof(line) - used, format, args);
        va_end(args);
    }
    line_write(log->fd, line, line_finish(line, used));
    errno = errno_before;
}

/* Writes one byte as it stands between quotes. Returns its length, at most 4. */
static size_t escape(char byte, char ret_text[5])
{
    unsigned char value = (unsigned char)byte;

    if (byte == '"' || byte == '\\')
        return (size_t)snprintf(ret_text, 5, "\\%c", byte);
    if (byte == '\n')
        return (size_t)snprintf(ret_text, 5, "\\n");
    if (value < 0x20 || value >= 0x7f)
        return (size_t)snprintf(ret_text, 5, "\\x%02x", value);
    ret_text[0] = byte;
    ret_text[1] = '\0';
    return 1;
}

char *vx_log_quote(const char *text, char buffer[VX_LOG_QUOTE_SIZE])
{
    const size_t end_max = VX_LOG_QUOTE_SIZE - CUT_DOTS - sizeof("\"");
    size_t used = 0;

    buffer[used++] = '"';
    for (; *text != '\0'; text++) {
        char escaped[5];
        size_t length = escape(*text, escaped);

        if (used + length > end_max) {
            memset(buffer + used, '.', CUT_DOTS);
            used += CUT_DOTS;
            break;
        }
        memcpy(buffer + used, escaped, length);
        used += length;
    }
    buffer[used++] = '"';
    buffer[used] = '\0';
    return buffer;
}

bool vx_log_level_parse(const char *text, vx_log_level *ret_level)
{
    for (int level = 0; level < VX_LOG_LEVEL_MAX; level++) {
        if (strcmp(text, level_names[level]) == 0) {
            *ret_level = (vx_log_level)level;
            return true;
        }
    }
    return false;
}
