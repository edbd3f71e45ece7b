#include "content.h"

#include <inttypes.h>

#include <vx_base/alloc.h>
#include <vx_base/file.h>

#include "folder.h"

#define READ_SIZE (256u * 1024u)

vx_status vx_content_manifest(const char *folder, vx_manifest *ret_manifest, vx_error *err)
{
    vx_manifest manifest = { 0 };
    vx_bytes text = { NULL, 0 };
    vx_error why = { 0 };
    uint64_t rounds = 0;
    char *path = vx_path_join(folder, VX_MANIFEST_FILE);
    vx_status status = VX_ERR_NOMEM;

    if (path == NULL)
        return vx_fail(err, status, "%s: no memory to open it", folder);
    status = vx_file_read(path, VX_MANIFEST_MAX, &text, err);
    if (status == VX_OK) {
        status = vx_manifest_parse((vx_cbytes){ text.at, text.size }, &manifest, &why);
        if (status != VX_OK)
            (void)vx_fail(err, status, "%s: %s", path, why.message);
    }
    vx_free(text.at);
    vx_free(path);
    if (status != VX_OK)
        return status;
    if (vx_checkpoint_name_parse(vx_path_name(folder), &rounds) &&
        manifest.checkpoint.rounds != rounds) {
        status = vx_fail(err, VX_ERR_DATA, "%s/" VX_MANIFEST_FILE ": it is of round %" PRIu64,
                         folder, manifest.checkpoint.rounds);
        json_decref(manifest.json);
        return status;
    }
    *ret_manifest = manifest;
    return VX_OK;
}

static vx_status measure_to_end(const char *path, int handle, uint8_t *block,
                                vx_measure *ret_measure, vx_error *err)
{
    const vx_files *files = vx_files_current();
    vx_digest_stream stream;
    vx_measure measure = { 0 };
    ssize_t count = 0;

    vx_digest_begin(&stream);
    while ((count = files->read(files->context, handle, block, READ_SIZE)) > 0) {
        measure.crc32c = vx_crc32c(measure.crc32c, block, (size_t)count);
        measure.size += (size_t)count;
        vx_digest_add(&stream, block, (size_t)count);
    }
    if (count < 0)
        return vx_file_fail(err, count, "read", path);
    measure.digest = vx_digest_end(&stream);
    *ret_measure = measure;
    return VX_OK;
}

/* By read(2): a sector that cannot be read is an error here, and would be a signal in the mapped
 * file. */
static vx_status read_through(const char *path, vx_measure *ret_measure, vx_error *err)
{
    const vx_files *files = vx_files_current();
    vx_status status = VX_OK;
    int handle = files->open(files->context, path, O_RDONLY | O_NONBLOCK, 0);
    uint8_t *block = NULL;

    if (handle < 0)
        return vx_file_fail(err, handle, "open", path);
    block = vx_malloc(READ_SIZE);
    status = block != NULL ? measure_to_end(path, handle, block, ret_measure, err)
                           : vx_fail(err, VX_ERR_NOMEM, "%s: no memory to read it", path);
    vx_free(block);
    vx_file_close(handle);
    return status;
}

static vx_status fail_size(const char *path, uint64_t found, uint64_t expected, vx_error *err)
{
    return vx_fail(err, VX_ERR_DATA, "%s: %" PRIu64 " bytes, the manifest says %" PRIu64, path,
                   found, expected);
}

vx_status vx_content_compare(const char *path, const vx_measure *expected, vx_error *err)
{
    char ours[VX_DIGEST_TEXT_SIZE];
    char theirs[VX_DIGEST_TEXT_SIZE];
    vx_measure found = { 0 };
    vx_status status = read_through(path, &found, err);

    if (status != VX_OK)
        return status;
    if (found.size != expected->size)
        return fail_size(path, found.size, expected->size, err);
    if (!vx_digest_equal(found.digest, expected->digest))
        return vx_fail(err, VX_ERR_DATA, "%s: its digest is %s, the manifest says %s", path,
                       vx_digest_text(found.digest, ours),
                       vx_digest_text(expected->digest, theirs));
    if (found.crc32c != expected->crc32c)
        return vx_fail(err, VX_ERR_DATA,
                       "%s: its CRC-32C is %08" PRIx32 ", the manifest says %08" PRIx32, path,
                       found.crc32c, expected->crc32c);
    return VX_OK;
}

vx_status vx_content_compare_size(const char *path, uint64_t expected, vx_error *err)
{
    const vx_files *files = vx_files_current();
    vx_file_info info = { 0 };
    int result = files->info_of(files->context, path, &info);

    if (result < 0)
        return vx_file_fail(err, result, "open", path);
    return info.size == expected ? VX_OK : fail_size(path, info.size, expected, err);
}
