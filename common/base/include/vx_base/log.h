#ifndef VX_BASE_LOG_H
#define VX_BASE_LOG_H
#include <stdbool.h>
#include <stdint.h>

#include <vx_base/clock.h>

/*
 * One line an event, logfmt:
 *     ts=... program=vexild level=info event=round.enter round=41 from=collecting to=aggregating
 * Only app rooms log; the others return a vx_error. error = a person must act; warn = we carry on
 * (say how); info = state changes; debug = a frame. No secrets, no payloads; text of a peer goes
 * through vx_log_quote.
 */
typedef enum vx_log_level {
    VX_LOG_DEBUG,
    VX_LOG_INFO,
    VX_LOG_WARN,
    VX_LOG_ERROR,
    VX_LOG_LEVEL_MAX
} vx_log_level;

typedef struct vx_log {
    int fd; /* borrowed */
    vx_log_level at_least;
    const char *program; /* borrowed; "vexild" */
    vx_clock clock;
} vx_log;

vx_log vx_log_to(int fd, vx_log_level at_least, const char *program);
/* event is a dotted name; format gives the key=value pairs. Lines are cut at 1024 bytes, "..." then
 * ends them; control characters become spaces. Never fails: a line that cannot be written is lost.
 */
void vx_log_event(const vx_log *log, vx_log_level level, const char *event, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* text in double quotes; quotes, backslashes and bytes outside printable ASCII are escaped; cut to
 * fit, then "..." ends it. Returns buffer. */
#define VX_LOG_QUOTE_SIZE 256
char *vx_log_quote(const char *text, char buffer[VX_LOG_QUOTE_SIZE]);
bool vx_log_level_parse(const char *text, vx_log_level *ret_level); /* debug info warn error */
#endif
