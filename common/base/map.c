#include <vx_base/file.h>

#include <fcntl.h>

#include <vx_base/assert.h>

vx_status vx_file_map_handle(int handle, const char *path, size_t least, vx_cbytes *ret_bytes,
                             vx_error *err)
{
    const vx_files *files = vx_files_current();
    vx_file_info info = { 0 };
    const void *at = NULL;
    int result = files->info(files->context, handle, &info);

    if (result < 0)
        return vx_file_fail(err, result, "stat", path);
    if (!info.is_regular)
        return vx_fail(err, VX_ERR_DATA, "%s: expected a regular file", path);
    if (info.size < least)
        return vx_fail(err, VX_ERR_DATA, "%s: truncated: expected at least %zu bytes, found %llu",
                       path, least, (unsigned long long)info.size);
    result = files->map(files->context, handle, (size_t)info.size, &at);
    if (result < 0)
        return vx_file_fail(err, result, "map", path);
    *ret_bytes = (vx_cbytes){ at, (size_t)info.size };
    return VX_OK;
}

vx_status vx_file_map(const char *path, size_t least, vx_cbytes *ret_bytes, vx_error *err)
{
    const vx_files *files = vx_files_current();
    vx_status status = VX_OK;
    int handle = -1;

    VX_ASSERT(least > 0);
    handle = files->open(files->context, path, O_RDONLY | O_NONBLOCK, 0);
    if (handle < 0)
        return vx_file_fail(err, handle, "open", path);
    status = vx_file_map_handle(handle, path, least, ret_bytes, err);
    vx_file_close(handle);
    return status;
}

void vx_file_unmap(vx_cbytes bytes)
{
    const vx_files *files = vx_files_current();

    if (bytes.at != NULL)
        files->unmap(files->context, bytes.at, bytes.size);
}
