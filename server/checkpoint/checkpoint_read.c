#include <vx_checkpoint/checkpoint.h>

#include <string.h>

#include <vx_base/alloc.h>
#include <vx_base/file.h>

#include "content.h"
#include "folder.h"
#include "manifest.h"

struct vx_checkpoint_loaded {
    char *folder;                    /* owned */
    vx_manifest manifest;            /* owned: its json; its checkpoint is the content */
    vx_tensor_file *files[VX_PARTS]; /* owned; NULL where there is none */
    vx_tensor *tensors[VX_PARTS];    /* owned */
    size_t counts[VX_PARTS];
    uint64_t *workers_round; /* owned */
};

static vx_status take_file(vx_checkpoint_loaded *loaded, vx_part part, vx_error *err)
{
    char *path = vx_path_join(loaded->folder, vx_part_file(part));
    vx_status status = VX_ERR_NOMEM;
    size_t count = 0;

    if (path == NULL)
        return vx_fail(err, status, "%s: no memory to open it", loaded->folder);
    status = vx_content_compare(path, &loaded->manifest.parts.measure[part], err);
    if (status == VX_OK)
        status = vx_safetensors_open(path, &loaded->files[part], err);
    vx_free(path);
    if (status != VX_OK)
        return status;
    count = vx_tensor_file_count(loaded->files[part]);
    loaded->tensors[part] = vx_calloc(count + 1, sizeof(vx_tensor));
    if (loaded->tensors[part] == NULL)
        return vx_fail(err, VX_ERR_NOMEM, "%s: no memory to open it", loaded->folder);
    for (size_t i = 0; i < count; i++)
        loaded->tensors[part][i] = vx_tensor_file_at(loaded->files[part], i);
    loaded->counts[part] = count;
    return VX_OK;
}

static vx_status take_workers_round(vx_checkpoint_loaded *loaded, vx_error *err)
{
    size_t count = loaded->counts[VX_PART_WORKERS];
    vx_error why = { 0 };
    vx_status status = VX_OK;

    loaded->workers_round = vx_calloc(count + 1, sizeof(*loaded->workers_round));
    if (loaded->workers_round == NULL)
        return vx_fail(err, VX_ERR_NOMEM, "%s: no memory to open it", loaded->folder);
    status = vx_manifest_workers(&loaded->manifest, loaded->tensors[VX_PART_WORKERS], count,
                                 loaded->workers_round, &why);
    if (status != VX_OK)
        return vx_fail(err, status, "%s/" VX_MANIFEST_FILE ": %s", loaded->folder, why.message);
    return VX_OK;
}

static vx_status take_all(vx_checkpoint_loaded *loaded, vx_error *err)
{
    vx_checkpoint *content = &loaded->manifest.checkpoint;
    vx_status status = vx_content_manifest(loaded->folder, &loaded->manifest, err);

    for (unsigned part = 0; part < VX_PARTS && status == VX_OK; part++)
        if (loaded->manifest.parts.present[part])
            status = take_file(loaded, part, err);
    if (status == VX_OK)
        status = take_workers_round(loaded, err);
    if (status != VX_OK)
        return status;
    content->parameters = loaded->tensors[VX_PART_PARAMETERS];
    content->parameters_count = loaded->counts[VX_PART_PARAMETERS];
    content->state = loaded->tensors[VX_PART_OPTIMISER];
    content->state_count = loaded->counts[VX_PART_OPTIMISER];
    content->workers = loaded->tensors[VX_PART_WORKERS];
    content->workers_count = loaded->counts[VX_PART_WORKERS];
    content->workers_round = loaded->workers_round;
    return VX_OK;
}

vx_status vx_checkpoint_open(const char *folder, vx_checkpoint_loaded **ret_loaded, vx_error *err)
{
    vx_checkpoint_loaded *loaded = vx_calloc(1, sizeof(*loaded));
    vx_status status = VX_ERR_NOMEM;

    if (loaded != NULL)
        loaded->folder = vx_strdup(folder);
    status = loaded != NULL && loaded->folder != NULL
                 ? take_all(loaded, err)
                 : vx_fail(err, VX_ERR_NOMEM, "%s: no memory to open it", folder);
    if (status == VX_OK)
        *ret_loaded = loaded;
    else
        vx_checkpoint_close(loaded);
    return status;
}

vx_status vx_checkpoint_open_newest(const char *run_dir, vx_checkpoint_skipped skipped,
                                    void *context, vx_checkpoint_loaded **ret_loaded, vx_error *err)
{
    uint64_t *rounds = NULL;
    size_t count = 0;
    vx_status status = vx_checkpoint_rounds(run_dir, &rounds, &count, err);

    if (status != VX_OK)
        return status;
    status = VX_ERR_NOT_FOUND;
    for (size_t i = 0; i < count && status != VX_OK && status != VX_ERR_NOMEM; i++) {
        char *folder = vx_checkpoint_path(run_dir, rounds[i]);
        vx_error why = { 0 };

        status = folder != NULL ? vx_checkpoint_open(folder, ret_loaded, &why)
                                : vx_fail(&why, VX_ERR_NOMEM, "%s: no memory", run_dir);
        if (status == VX_ERR_NOMEM)
            (void)vx_fail(err, status, "%s", why.message);
        else if (status != VX_OK && skipped != NULL)
            skipped(context, folder, &why);
        vx_free(folder);
    }
    vx_free(rounds);
    if (status == VX_OK || status == VX_ERR_NOMEM)
        return status;
    return vx_fail(err, VX_ERR_NOT_FOUND, "%s: no checkpoint%s", run_dir,
                   count > 0 ? " that is valid" : "");
}

vx_checkpoint_loaded *vx_checkpoint_close(vx_checkpoint_loaded *loaded)
{
    if (loaded == NULL)
        return NULL;
    for (size_t i = 0; i < VX_PARTS; i++) {
        vx_tensor_file_close(loaded->files[i]);
        vx_free(loaded->tensors[i]);
    }
    json_decref(loaded->manifest.json);
    vx_free(loaded->workers_round);
    vx_free(loaded->folder);
    vx_free(loaded);
    return NULL;
}

const vx_checkpoint *vx_checkpoint_content(const vx_checkpoint_loaded *loaded)
{
    return &loaded->manifest.checkpoint;
}

const char *vx_checkpoint_folder(const vx_checkpoint_loaded *loaded)
{
    return loaded->folder;
}
