#include <vx_checkpoint/checkpoint.h>

#include <inttypes.h>
#include <string.h>

#include <vx_base/alloc.h>
#include <vx_base/file.h>

#include "folder.h"
#include "manifest.h"

#define READ_SIZE (256u * 1024u)

struct vx_checkpoint_loaded {
    char *folder;             /* owned */
    vx_manifest manifest;     /* owned: its json; its checkpoint is the content */
    vx_tensor_file *files[2]; /* owned: parameters, state or NULL */
    vx_tensor *tensors[2];    /* owned */
};

static vx_status measure_to_end(const char *path, int handle, uint8_t *block,
                                vx_measure *ret_measure, vx_error *err)
{
    const vx_files *files = vx_files_current();
    ssize_t count = 0;

    *ret_measure = (vx_measure){ 0 };
    while ((count = files->read(files->context, handle, block, READ_SIZE)) > 0) {
        ret_measure->crc32c = vx_crc32c(ret_measure->crc32c, block, (size_t)count);
        ret_measure->size += (size_t)count;
    }
    return count < 0 ? vx_file_fail(err, count, "read", path) : VX_OK;
}

/* Reads the file to its end by read(2): a sector that cannot be read is an error here, and would be
 * a signal in the mapped file. */
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

static vx_status compare(const char *path, const vx_measure *expected, vx_tensor_file **ret_file,
                         vx_error *err)
{
    vx_measure found = { 0 };
    vx_cbytes content = { NULL, 0 };
    vx_tensor_file *file = NULL;
    vx_status status = read_through(path, &found, err);

    if (status != VX_OK)
        return status;
    if (found.size != expected->size)
        return vx_fail(err, VX_ERR_DATA, "%s: %" PRIu64 " bytes, the manifest says %" PRIu64, path,
                       found.size, expected->size);
    if (found.crc32c != expected->crc32c)
        return vx_fail(err, VX_ERR_DATA, "%s: its CRC-32C is not the manifest's", path);
    status = vx_safetensors_open(path, &file, err);
    if (status != VX_OK)
        return status;
    content = vx_tensor_file_bytes(file);
    if (!vx_digest_equal(vx_digest_of(content.at, content.size), expected->digest)) {
        vx_tensor_file_close(file);
        return vx_fail(err, VX_ERR_DATA, "%s: its digest is not the manifest's", path);
    }
    *ret_file = file;
    return VX_OK;
}

/* One tensor file of the checkpoint: which is 0 for the parameters, 1 for the state. */
static vx_status take_file(vx_checkpoint_loaded *loaded, size_t which, vx_error *err)
{
    const vx_measure *expected =
        which == 0 ? &loaded->manifest.parameters : &loaded->manifest.state;
    char *path = vx_path_join(loaded->folder, which == 0 ? VX_PARAMETERS_FILE : VX_OPTIMISER_FILE);
    vx_status status = VX_ERR_NOMEM;
    size_t count = 0;

    if (path == NULL)
        return vx_fail(err, status, "%s: no memory to open it", loaded->folder);
    status = compare(path, expected, &loaded->files[which], err);
    vx_free(path);
    if (status != VX_OK)
        return status;
    count = vx_tensor_file_count(loaded->files[which]);
    loaded->tensors[which] = vx_calloc(count + 1, sizeof(vx_tensor));
    if (loaded->tensors[which] == NULL)
        return vx_fail(err, VX_ERR_NOMEM, "%s: no memory to open it", loaded->folder);
    for (size_t i = 0; i < count; i++)
        loaded->tensors[which][i] = vx_tensor_file_at(loaded->files[which], i);
    return VX_OK;
}

static vx_status take_manifest(vx_checkpoint_loaded *loaded, uint64_t rounds, vx_error *err)
{
    vx_bytes text = { NULL, 0 };
    char *path = vx_path_join(loaded->folder, VX_MANIFEST_FILE);
    vx_status status = VX_ERR_NOMEM;

    if (path == NULL)
        return vx_fail(err, status, "%s: no memory to open it", loaded->folder);
    status = vx_file_read(path, VX_MANIFEST_MAX, &text, err);
    if (status == VX_OK)
        status = vx_manifest_parse((vx_cbytes){ text.at, text.size }, &loaded->manifest, err);
    vx_free(text.at);
    vx_free(path);
    if (status == VX_OK && loaded->manifest.checkpoint.rounds != rounds)
        return vx_fail(err, VX_ERR_DATA, VX_MANIFEST_FILE ": it is of round %" PRIu64,
                       loaded->manifest.checkpoint.rounds);
    return status;
}

static vx_status take_all(vx_checkpoint_loaded *loaded, uint64_t rounds, vx_error *err)
{
    vx_checkpoint *content = &loaded->manifest.checkpoint;
    vx_status status = take_manifest(loaded, rounds, err);

    if (status == VX_OK)
        status = take_file(loaded, 0, err);
    if (status == VX_OK && loaded->manifest.has_state)
        status = take_file(loaded, 1, err);
    if (status != VX_OK)
        return status;
    content->parameters = loaded->tensors[0];
    content->parameters_count = vx_tensor_file_count(loaded->files[0]);
    content->state = loaded->tensors[1];
    content->state_count = loaded->files[1] != NULL ? vx_tensor_file_count(loaded->files[1]) : 0;
    return VX_OK;
}

/* *ret_loaded holds the folder also when the checkpoint is broken; NULL when memory is out. */
static vx_status open_one(const char *run_dir, uint64_t rounds, vx_checkpoint_loaded **ret_loaded,
                          vx_error *err)
{
    vx_checkpoint_loaded *loaded = vx_calloc(1, sizeof(*loaded));

    if (loaded != NULL)
        loaded->folder = vx_checkpoint_path(run_dir, rounds);
    if (loaded == NULL || loaded->folder == NULL) {
        vx_checkpoint_close(loaded);
        return vx_fail(err, VX_ERR_NOMEM, "%s: no memory to open a checkpoint", run_dir);
    }
    *ret_loaded = loaded;
    return take_all(loaded, rounds, err);
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
        vx_checkpoint_loaded *loaded = NULL;
        vx_error why = { 0 };

        status = open_one(run_dir, rounds[i], &loaded, &why);
        if (status == VX_OK) {
            *ret_loaded = loaded;
            break;
        }
        if (status == VX_ERR_NOMEM)
            (void)vx_fail(err, status, "%s", why.message);
        else if (skipped != NULL && loaded != NULL)
            skipped(context, loaded->folder, &why);
        vx_checkpoint_close(loaded);
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
    for (size_t i = 0; i < 2; i++) {
        vx_tensor_file_close(loaded->files[i]);
        vx_free(loaded->tensors[i]);
    }
    json_decref(loaded->manifest.json);
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
