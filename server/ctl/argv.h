#ifndef VX_CTL_ARGV_H
#define VX_CTL_ARGV_H
#include <stdbool.h>
#include <stddef.h>

#include <vx_base/status.h>

/* A growing list of words: a command line, or repeated options. Start with all zero. at[count] is
 * NULL once a word is in. */
typedef struct vx_ctl_argv {
    char **at; /* owned, each word too */
    size_t count, room;
    bool failed; /* memory ran out on the way: ask vx_ctl_argv_status */
} vx_ctl_argv;

void vx_ctl_argv_add(vx_ctl_argv *argv, const char *word);
void vx_ctl_argv_format(vx_ctl_argv *argv, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
VX_MUST_CHECK vx_status vx_ctl_argv_status(const vx_ctl_argv *argv, vx_error *err);
void vx_ctl_argv_clear(vx_ctl_argv *argv);

/* As a person would type it: words that a shell would read otherwise stand in single quotes. New
 * memory; NULL when there is none. */
char *vx_ctl_argv_shell(const vx_ctl_argv *argv);
#endif
