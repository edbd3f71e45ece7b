#include <vx_tensor_file/npy.h>

#include <string.h>

#include <vx_base/alloc.h>
#include <vx_base/file.h>

struct vx_npy_file {
    vx_cbytes bytes; /* mapped; NULL when not */
    vx_npy_array array;
};

static vx_status read_array(const char *path, vx_npy_file *file, vx_error *err)
{
    vx_npy_header header = { 0 };
    vx_status status = vx_npy_header_read(path, file->bytes, VX_NPY_REALS, &header, err);

    if (status != VX_OK)
        return status;
    file->array = (vx_npy_array){ .at = file->bytes.at + header.start,
                                  .is_double = header.width == sizeof(double),
                                  .rank = header.rank };
    memcpy(file->array.shape, header.shape, sizeof(header.shape));
    return VX_OK;
}

vx_status vx_npy_open(const char *path, vx_npy_file **ret_file, vx_error *err)
{
    vx_npy_file *file = vx_calloc(1, sizeof(*file));
    vx_status status = VX_OK;

    if (file == NULL)
        return vx_fail(err, VX_ERR_NOMEM, "%s: no memory", path);
    status = vx_file_map(path, VX_NPY_FILE_LEAST, &file->bytes, err);
    if (status == VX_OK)
        status = read_array(path, file, err);
    if (status != VX_OK)
        goto out;
    *ret_file = file;
    file = NULL; /* moved to the caller */
out:
    vx_npy_close(file);
    return status;
}

vx_npy_file *vx_npy_close(vx_npy_file *file)
{
    if (file == NULL)
        return NULL;
    vx_file_unmap(file->bytes);
    vx_free(file);
    return NULL;
}

vx_npy_array vx_npy_at(const vx_npy_file *file)
{
    return file->array;
}
