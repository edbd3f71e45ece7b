#include <vx_checkpoint/checkpoint.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <vx_base/alloc.h>
#include <vx_base/assert.h>
#include <vx_base/file.h>
#include <vx_base/limits.h>

#include "folder.h"
#include "manifest.h"

#define FOLDER_MODE 0755
#define FILE_MODE   0644

/* Writes one tensor file and measures what a reader of it gets. */
static vx_status write_tensors(const char *folder, const char *name, const vx_tensor *tensors,
                               size_t count, vx_measure *ret_measure, vx_error *err)
{
    char *path = vx_path_join(folder, name);
    vx_tensor_file *file = NULL;
    vx_status status = VX_OK;

    if (path == NULL)
        return vx_fail(err, VX_ERR_NOMEM, "%s: no memory to write %s", folder, name);
    status = vx_safetensors_write(path, tensors, count, NULL, 0, err);
    if (status == VX_OK)
        status = vx_safetensors_open(path, &file, err);
    if (status == VX_OK)
        *ret_measure = vx_measure_of(vx_tensor_file_bytes(file));
    vx_tensor_file_close(file);
    vx_free(path);
    return status;
}

static vx_status write_manifest(const char *folder, const vx_checkpoint *checkpoint,
                                const vx_parts *parts, vx_error *err)
{
    vx_bytes text = { NULL, 0 };
    char *path = vx_path_join(folder, VX_MANIFEST_FILE);
    vx_status status = VX_ERR_NOMEM;

    if (path == NULL)
        return vx_fail(err, status, "%s: no memory to write " VX_MANIFEST_FILE, folder);
    status = vx_manifest_print(checkpoint, parts, &text, err);
    if (status == VX_OK && text.size > VX_MANIFEST_MAX)
        status = vx_fail(err, VX_ERR_LIMIT, "%s: %zu bytes, at most %u", path, text.size,
                         VX_MANIFEST_MAX);
    if (status == VX_OK)
        status = vx_file_replace(path, (vx_cbytes){ text.at, text.size }, FILE_MODE, err);
    vx_free(text.at);
    vx_free(path);
    return status;
}

/* The files of the checkpoint; vx_file_replace makes the folder's entries durable with the last. */
static vx_status fill(const char *folder, const vx_checkpoint *c, vx_error *err)
{
    const vx_tensor *const tensors[VX_PARTS] = { c->parameters, c->state, c->workers };
    const size_t counts[VX_PARTS] = { c->parameters_count, c->state_count, c->workers_count };
    vx_parts parts = { 0 };
    vx_status status = VX_OK;

    for (unsigned i = 0; i < VX_PARTS && status == VX_OK; i++) {
        parts.present[i] = i == VX_PART_PARAMETERS || counts[i] > 0;
        if (parts.present[i])
            status = write_tensors(folder, vx_part_file(i), tensors[i], counts[i],
                                   &parts.measure[i], err);
    }
    return status == VX_OK ? write_manifest(folder, c, &parts, err) : status;
}

/*
 * Puts temp in the place of path. Where one of the same rounds stands (a run that was set back
 * comes by again), the two change names in one step; a file system without that has a moment
 * without either, in which older checkpoints stand. The old one has a temp name then: swept.
 */
static vx_status publish(const char *run_dir, const char *temp, const char *path, vx_error *err)
{
    const vx_files *files = vx_files_current();
    vx_status status = VX_OK;
    int result = files->rename(files->context, temp, path);

    if (vx_checkpoint_is_taken(result)) {
        result = files->exchange(files->context, temp, path);
        if (result == -EINVAL || result == -ENOSYS || result == -ENOTSUP) {
            status = vx_checkpoint_put_aside(run_dir, path, err);
            if (status != VX_OK)
                return status;
            result = files->rename(files->context, temp, path);
        }
    }
    return result < 0 ? vx_file_fail(err, result, "rename the checkpoint to", path) : VX_OK;
}

/* Those of later rounds were found broken or abandoned when the run began: not ours to judge, and
 * never counted. */
static vx_status put_old_aside(const char *run_dir, uint64_t rounds, uint64_t keep,
                               uint64_t keep_every, vx_error *err)
{
    uint64_t *all = NULL;
    size_t count = 0;
    uint64_t seen = 0;
    vx_status status = vx_checkpoint_rounds(run_dir, &all, &count, err);

    for (size_t i = 0; status == VX_OK && i < count; i++) {
        char *path = NULL;

        if (all[i] > rounds || vx_checkpoint_stays(all[i], seen++, keep, keep_every))
            continue;
        path = vx_checkpoint_path(run_dir, all[i]);
        status = path != NULL
                     ? vx_checkpoint_put_aside(run_dir, path, err)
                     : vx_fail(err, VX_ERR_NOMEM, "%s: no memory to remove old ones", run_dir);
        vx_free(path);
    }
    vx_free(all);
    return status;
}

static vx_status build(const char *run_dir, const vx_checkpoint *checkpoint, const char *temp,
                       const char *path, vx_error *err)
{
    const vx_files *files = vx_files_current();
    int result = files->make_folder(files->context, temp, FOLDER_MODE);
    vx_status status = VX_OK;

    if (result < 0)
        return vx_file_fail(err, result, "create folder", temp);
    status = fill(temp, checkpoint, err);
    if (status == VX_OK)
        status = publish(run_dir, temp, path, err);
    if (status == VX_OK)
        status = vx_file_sync_folder(run_dir, err);
    return status;
}

vx_status vx_checkpoint_write(const char *run_dir, const vx_checkpoint *checkpoint, uint64_t keep,
                              uint64_t keep_every, vx_error *err)
{
    char *path = vx_checkpoint_path(run_dir, checkpoint->rounds);
    char *temp = vx_format("%s/" VX_CHECKPOINT_TEMP "new", run_dir);
    vx_status status = VX_OK;

    VX_ASSERT(keep >= 1);
    VX_ASSERT(checkpoint->rounds <= VX_ROUNDS_MAX);
    if (path == NULL || temp == NULL)
        status = vx_fail(err, VX_ERR_NOMEM, "%s: no memory for a checkpoint", run_dir);
    if (status == VX_OK)
        status = vx_checkpoint_sweep(run_dir, err);
    if (status == VX_OK)
        status = build(run_dir, checkpoint, temp, path, err);
    if (status == VX_OK)
        status = put_old_aside(run_dir, checkpoint->rounds, keep, keep_every, err);
    if (status == VX_OK)
        status = vx_checkpoint_sweep(run_dir, err);
    if (status != VX_OK)
        (void)vx_checkpoint_sweep(run_dir, NULL); /* what failed once may do now */
    vx_free(temp);
    vx_free(path);
    return status;
}
