#include <vx_checkpoint/checkpoint.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <vx_base/alloc.h>
#include <vx_base/assert.h>
#include <vx_base/file.h>
#include <vx_base/limits.h>

#include "folder.h"
#include "manifest.h"

#define FOLDER_MODE 0755
#define FILE_MODE   0644

static vx_status fail_errno(const char *what, const char *path, vx_error *err)
{
    return vx_fail(err, VX_ERR_IO, "cannot %s %s: %s", what, path, strerror(errno));
}

/* Writes one tensor file and measures what a reader of it gets. */
static vx_status write_tensors(const char *folder, const char *name, const vx_tensor *tensors,
                               size_t count, vx_measure *ret_measure, vx_error *err)
{
    char *path = vx_path_join(folder, name);
    vx_tensor_file *file = NULL;
    vx_status status = VX_OK;

    if (path == NULL)
        return vx_fail(err, VX_ERR_NOMEM, "no memory to write %s", name);
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
                                const vx_measure *parameters, const vx_measure *state,
                                vx_error *err)
{
    vx_bytes text = { NULL, 0 };
    char *path = vx_path_join(folder, VX_MANIFEST_FILE);
    vx_status status = VX_ERR_NOMEM;

    if (path == NULL)
        return vx_fail(err, status, "no memory to write " VX_MANIFEST_FILE);
    status = vx_manifest_print(checkpoint, parameters, state, &text, err);
    if (status == VX_OK)
        status = vx_file_replace(path, (vx_cbytes){ text.at, text.size }, FILE_MODE, err);
    vx_free(text.at);
    vx_free(path);
    return status;
}

/* The files of the checkpoint; vx_file_replace makes the folder's entries durable with the last. */
static vx_status fill(const char *folder, const vx_checkpoint *checkpoint, vx_error *err)
{
    bool has_state = checkpoint->state_count > 0;
    vx_measure parameters = { 0 };
    vx_measure state = { 0 };
    vx_status status = write_tensors(folder, VX_PARAMETERS_FILE, checkpoint->parameters,
                                     checkpoint->parameters_count, &parameters, err);

    if (status == VX_OK && has_state)
        status = write_tensors(folder, VX_OPTIMISER_FILE, checkpoint->state,
                               checkpoint->state_count, &state, err);
    if (status == VX_OK)
        status = write_manifest(folder, checkpoint, &parameters, has_state ? &state : NULL, err);
    return status;
}

/*
 * Puts temp in the place of path. Where one of the same rounds stands (a run that was set back
 * comes by again), the two change names in one step; a file system without that has a moment
 * without either, in which older checkpoints stand.
 */
static vx_status publish(const char *temp, const char *path, vx_error *err)
{
    if (rename(temp, path) == 0)
        return VX_OK;
    if (errno != ENOTEMPTY && errno != EEXIST && errno != ENOTDIR)
        return fail_errno("rename the checkpoint to", path, err);
    if (renameat2(AT_FDCWD, temp, AT_FDCWD, path, RENAME_EXCHANGE) != 0) {
        vx_status status = vx_checkpoint_remove_folder(path, err);

        if (status != VX_OK)
            return status;
        return rename(temp, path) == 0 ? VX_OK : fail_errno("rename to", path, err);
    }
    return VX_OK; /* temp holds the old one now: swept */
}

/* Of the checkpoints that are not newer than this one, the newest keep stay. Those of later rounds
 * were found broken or abandoned when the run began: not ours to judge, and never counted. */
static vx_status remove_old(const char *run_dir, uint64_t rounds, uint64_t keep, vx_error *err)
{
    uint64_t *all = NULL;
    size_t count = 0;
    uint64_t seen = 0;
    vx_status status = vx_checkpoint_list(run_dir, &all, &count, err);

    for (size_t i = 0; status == VX_OK && i < count; i++) {
        char *path = NULL;
        char *temp = NULL;

        seen += all[i] <= rounds;
        if (seen <= keep)
            continue;
        path = vx_checkpoint_path(run_dir, all[i]);
        temp = vx_format("%s/" VX_CHECKPOINT_TEMP "old", run_dir);
        if (path == NULL || temp == NULL)
            status = vx_fail(err, VX_ERR_NOMEM, "%s: no memory to remove old ones", run_dir);
        else if (rename(path, temp) != 0) /* half removed, it must not look like a checkpoint */
            status = fail_errno("remove", path, err);
        else
            status = vx_checkpoint_remove_folder(temp, err);
        vx_free(temp);
        vx_free(path);
    }
    vx_free(all);
    return status;
}

static vx_status build(const char *run_dir, const vx_checkpoint *checkpoint, char *temp,
                       const char *path, vx_error *err)
{
    vx_status status = VX_OK;

    VX_ASSERT(temp != NULL);
    VX_ASSERT(path != NULL);
    if (mkdtemp(temp) == NULL)
        return fail_errno("create a folder in", run_dir, err);
    if (chmod(temp, FOLDER_MODE) != 0)
        status = fail_errno("set the mode of", temp, err);
    if (status == VX_OK)
        status = fill(temp, checkpoint, err);
    if (status == VX_OK)
        status = publish(temp, path, err);
    if (status != VX_OK) {
        (void)vx_checkpoint_remove_folder(temp, NULL);
        return status;
    }
    return vx_file_sync_folder(run_dir, err);
}

vx_status vx_checkpoint_write(const char *run_dir, const vx_checkpoint *checkpoint, uint64_t keep,
                              vx_error *err)
{
    char *path = vx_checkpoint_path(run_dir, checkpoint->rounds);
    char *temp = vx_format("%s/" VX_CHECKPOINT_TEMP "XXXXXX", run_dir);
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
        status = vx_checkpoint_sweep(run_dir, err);
    if (status == VX_OK)
        status = remove_old(run_dir, checkpoint->rounds, keep, err);
    vx_free(temp);
    vx_free(path);
    return status;
}
