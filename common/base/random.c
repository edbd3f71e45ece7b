#include <vx_base/random.h>

#include <errno.h>
#include <string.h>
#include <sys/random.h>

static int fill_from_kernel(void *context, uint8_t *ret_bytes, size_t size)
{
    size_t have = 0;

    (void)context;
    while (have < size) {
        ssize_t more = getrandom(ret_bytes + have, size - have, 0);

        if (more < 0 && errno != EINTR)
            return errno;
        if (more > 0)
            have += (size_t)more;
    }
    return 0;
}

static vx_random current = { .fill = fill_from_kernel };

void vx_random_install(const vx_random *random)
{
    current = random != NULL ? *random : (vx_random){ .fill = fill_from_kernel };
}

vx_status vx_random_bytes(uint8_t *ret_bytes, size_t size, vx_error *err)
{
    int error = current.fill(current.context, ret_bytes, size);

    return error == 0 ? VX_OK : vx_fail(err, VX_ERR_SYSTEM, "random numbers: %s", strerror(error));
}
