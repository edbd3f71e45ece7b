#include <vx_task/task.h>

#include <stdio.h>
#include <string.h>

#include <jansson.h>

#include <vx_base/alloc.h>
#include <vx_base/assert.h>
#include <vx_base/bytes.h>
#include <vx_base/file.h>
#include <vx_tensor_file/safetensors.h>

#define MANIFEST_BYTES_MAX (1u << 20)
#define SHAPE_TEXT_SIZE    96

static char *shape_text(const size_t *shape, size_t rank, char text[SHAPE_TEXT_SIZE])
{
    size_t used = (size_t)snprintf(text, SHAPE_TEXT_SIZE, "(");

    for (size_t i = 0; i < rank; i++)
        used += (size_t)snprintf(text + used, SHAPE_TEXT_SIZE - used, "%s%zu", i > 0 ? ", " : "",
                                 shape[i]);
    (void)snprintf(text + used, SHAPE_TEXT_SIZE - used, ")");
    return text;
}

static bool is_same(const vx_tensor *found, const vx_model_tensor *ours)
{
    return strcmp(found->name, ours->name) == 0 && found->rank == ours->rank &&
           memcmp(found->shape, ours->shape, ours->rank * sizeof(ours->shape[0])) == 0;
}

static vx_status check_tensors(const vx_model *model, const vx_tensor_file *file, const char *path,
                               vx_error *err)
{
    size_t count = vx_model_tensor_count(model);
    char theirs[SHAPE_TEXT_SIZE], wanted[SHAPE_TEXT_SIZE];

    if (vx_tensor_file_count(file) != count)
        return vx_fail(err, VX_ERR_DATA,
                       "%s: %zu tensors, the model of this job has %zu: these are the parameters "
                       "of another model",
                       path, vx_tensor_file_count(file), count);
    for (size_t i = 0; i < count; i++) {
        vx_tensor found = vx_tensor_file_at(file, i);
        vx_model_tensor ours = vx_model_tensor_at(model, i);

        if (!is_same(&found, &ours))
            return vx_fail(err, VX_ERR_DATA,
                           "%s: tensor %zu is %.60s %s, of the model of this job %.60s %s: these "
                           "are the parameters of another model",
                           path, i, found.name, shape_text(found.shape, found.rank, theirs),
                           ours.name, shape_text(ours.shape, ours.rank, wanted));
    }
    return VX_OK;
}

/* The digest that the manifest of a checkpoint states; "" when there is none. */
static vx_status read_manifest(const char *folder, char text[VX_DIGEST_TEXT_SIZE], vx_error *err)
{
    char *path = vx_path_join(folder, "manifest.json");
    vx_bytes bytes = { NULL, 0 };
    json_t *root = NULL;
    const char *digest = NULL;
    vx_status status = path != NULL ? vx_file_read(path, MANIFEST_BYTES_MAX, &bytes, err)
                                    : vx_fail(err, VX_ERR_NOMEM, "out of memory");

    if (status == VX_ERR_NOT_FOUND)
        status = vx_fail(err, status,
                         "%s: no such file: expected the folder of a checkpoint, that is "
                         "checkpoint-ROUNDS in a run directory, or a safetensors file",
                         path);
    if (status != VX_OK)
        goto out;
    root = json_loadb((const char *)bytes.at, bytes.size, JSON_REJECT_DUPLICATES, NULL);
    digest = json_string_value(json_object_get(root, "parameters"));
    if (digest == NULL || strlen(digest) != VX_DIGEST_TEXT_SIZE - 1)
        status = vx_fail(err, VX_ERR_DATA, "%s: expected the digest of the parameters, found none",
                         path);
    else
        memcpy(text, digest, VX_DIGEST_TEXT_SIZE);
out:
    json_decref(root);
    vx_free(bytes.at);
    vx_free(path);
    return status;
}

static void copy_tensors(const vx_model *model, const vx_tensor_file *file, vx_vecf theta)
{
    for (size_t i = 0; i < vx_model_tensor_count(model); i++) {
        vx_tensor found = vx_tensor_file_at(file, i);

        memcpy(theta.at + vx_model_tensor_at(model, i).offset, found.at,
               vx_tensor_numbers(&found) * sizeof(float));
    }
}

static vx_status check_digest(const char *path, const char *stated, vx_cvecf theta, vx_error *err)
{
    char found[VX_DIGEST_TEXT_SIZE];

    vx_digest_text(vx_digest_of(theta.at, theta.n * sizeof(float)), found);
    if (stated[0] == '\0' || strcmp(stated, found) == 0)
        return VX_OK;
    return vx_fail(err, VX_ERR_DATA,
                   "%s: the digest of its parameters is %s, it says %.40s: the file is broken",
                   path, found, stated);
}

vx_status vx_task_read_parameters(const vx_model *model, const char *path, vx_vecf ret_theta,
                                  vx_error *err)
{
    const vx_files *files = vx_files_current();
    vx_file_info info = { 0 };
    bool folder = files->info_of(files->context, path, &info) == 0 && info.is_folder;
    char stated[VX_DIGEST_TEXT_SIZE] = "";
    char *name = folder ? vx_path_join(path, "parameters.safetensors") : vx_strdup(path);
    vx_tensor_file *file = NULL;
    const char *note = NULL;
    vx_status status = VX_OK;

    VX_ASSERT(ret_theta.n == vx_model_dimension(model));
    if (name == NULL)
        return vx_fail(err, VX_ERR_NOMEM, "out of memory");
    if (folder)
        status = read_manifest(path, stated, err);
    if (status == VX_OK)
        status = vx_safetensors_open(name, &file, err);
    if (status == VX_OK)
        status = check_tensors(model, file, name, err);
    if (status != VX_OK)
        goto out;
    note = vx_tensor_file_note(file, "vexil.parameters");
    copy_tensors(model, file, ret_theta);
    status = check_digest(name,
                          folder         ? stated
                          : note != NULL ? note
                                         : "",
                          vx_vecf_const(ret_theta), err);
out:
    vx_tensor_file_close(file);
    vx_free(name);
    return status;
}
