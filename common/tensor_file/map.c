#include "map.h"

#include <inttypes.h>

#include <vx_base/file.h>

static vx_status map_handle(const char *path, int handle, size_t least, vx_cbytes *ret_bytes,
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
        return vx_fail(err, VX_ERR_DATA, "%s: %" PRIu64 " bytes, too short for a header", path,
                       info.size);
    result = files->map(files->context, handle, (size_t)info.size, &at);
    if (result < 0)
        return vx_file_fail(err, result, "map", path);
    *ret_bytes = (vx_cbytes){ at, (size_t)info.size };
    return VX_OK;
}

vx_status vx_tensor_map(const char *path, size_t least, vx_cbytes *ret_bytes, vx_error *err)
{
    const vx_files *files = vx_files_current();
    vx_status status = VX_OK;
    int handle = files->open(files->context, path, O_RDONLY | O_NONBLOCK, 0);

    if (handle < 0)
        return vx_file_fail(err, handle, "open", path);
    status = map_handle(path, handle, least, ret_bytes, err);
    vx_file_close(handle);
    return status;
}

void vx_tensor_unmap(vx_cbytes bytes)
{
    const vx_files *files = vx_files_current();

    if (bytes.at != NULL)
        files->unmap(files->context, bytes.at, bytes.size);
}
