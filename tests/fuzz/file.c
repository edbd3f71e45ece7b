#include "file.h"

#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include <vx_base/assert.h>

vx_fuzz_file vx_fuzz_file_create(const uint8_t *at, size_t size)
{
    vx_fuzz_file file = { .fd = memfd_create("fuzz", MFD_CLOEXEC) };
    ssize_t written = 0;

    VX_ASSERT(file.fd >= 0);
    written = write(file.fd, at, size);
    VX_ASSERT(written == (ssize_t)size);
    (void)snprintf(file.path, sizeof(file.path), "/proc/self/fd/%d", file.fd);
    return file;
}

void vx_fuzz_file_remove(vx_fuzz_file *file)
{
    close(file->fd);
    file->fd = -1;
}
