#include <vx_base/descriptors.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

bool vx_descriptors_ran_out(int error)
{
    return error == EMFILE || error == ENFILE;
}

const char *vx_errno_text(int error, char text[VX_ERRNO_TEXT_SIZE])
{
    struct rlimit limit = { 0 };

    if (error == EMFILE && getrlimit(RLIMIT_NOFILE, &limit) == 0)
        snprintf(text, VX_ERRNO_TEXT_SIZE, "%s: %llu in this process (ulimit -n)", strerror(error),
                 (unsigned long long)limit.rlim_cur);
    else if (error == ENFILE)
        snprintf(text, VX_ERRNO_TEXT_SIZE, "%s: the limit of the host (sysctl fs.file-max)",
                 strerror(error));
    else
        snprintf(text, VX_ERRNO_TEXT_SIZE, "%s", strerror(error));
    return text;
}

uint64_t vx_descriptors_raise(uint64_t at_least)
{
    struct rlimit limit = { 0 };
    struct rlimit more;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return UINT64_MAX;
    more = limit;
    more.rlim_cur = at_least < limit.rlim_max ? (rlim_t)at_least : limit.rlim_max;
    if (more.rlim_cur > limit.rlim_cur && setrlimit(RLIMIT_NOFILE, &more) == 0)
        return more.rlim_cur;
    return limit.rlim_cur;
}
