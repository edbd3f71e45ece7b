#include <vx_base/assert.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

_Noreturn void vx_assert_failed(const char *condition, const char *file, int line,
                                const char *function)
{
    /* Not through stdio: its buffers and locks may be what is broken. */
    dprintf(STDERR_FILENO, "%s:%d: %s: assertion failed: %s\n", file, line, function, condition);
    abort();
}
