#include <vx_config/job.h>

#include <string.h>

#include <vx_base/alloc.h>
#include <vx_base/file.h>
#include <vx_base/files.h>

#define PARAMETERS "parameters.safetensors"

/* The file itself, or that of a checkpoint's folder. New memory; NULL when there is none. */
static char *file_of(const char *path)
{
    const vx_files *files = vx_files_current();
    vx_file_info info = { 0 };
    bool folder = files->info_of(files->context, path, &info) == 0 && info.is_folder;

    return folder ? vx_path_join(path, PARAMETERS) : vx_strdup(path);
}

static vx_status digest_of_file(const char *path, char text[VX_DIGEST_TEXT_SIZE], vx_error *err)
{
    char *file = file_of(path);
    vx_cbytes bytes = { NULL, 0 };
    vx_status status = file != NULL ? vx_file_map(file, 1, &bytes, err)
                                    : vx_fail(err, VX_ERR_NOMEM, "out of memory");

    if (status == VX_OK)
        vx_digest_text(vx_digest_of(bytes.at, bytes.size), text);
    vx_file_unmap(bytes);
    vx_free(file);
    return status;
}

static vx_status pin(const vx_job *job, const char *path_key, const char *key, const char *path,
                     char **digest, vx_error *err)
{
    char found[VX_DIGEST_TEXT_SIZE];
    char *copy = NULL;
    vx_status status = VX_OK;

    if (path[0] == '\0')
        return VX_OK;
    status = digest_of_file(path, found, err);
    if (status != VX_OK)
        return vx_error_prefix(err, "%s", path_key);
    if ((*digest)[0] != '\0')
        return strcmp(*digest, found) == 0
                   ? VX_OK
                   : vx_job_fail(job, key, err,
                                 "expected %s, found %s: %s holds something else than when the run "
                                 "began; bring back that file, or begin a new run",
                                 *digest, found, path);
    copy = vx_strdup(found);
    if (copy == NULL)
        return vx_fail(err, VX_ERR_NOMEM, "out of memory");
    vx_free(*digest);
    *digest = copy;
    return VX_OK;
}

vx_status vx_job_pin_teacher(vx_job *job, vx_error *err)
{
    return pin(job, "model.loss.teacher", "model.loss.teacher_digest", job->model.loss.teacher,
               &job->model.loss.teacher_digest, err);
}

vx_status vx_job_pin_plugin(vx_job *job, vx_error *err)
{
    return pin(job, "model.plugin", "model.plugin_digest", job->model.plugin,
               &job->model.plugin_digest, err);
}

vx_status vx_job_pin(vx_job *job, vx_error *err)
{
    vx_status status = vx_job_pin_teacher(job, err);

    return status == VX_OK ? vx_job_pin_plugin(job, err) : status;
}
