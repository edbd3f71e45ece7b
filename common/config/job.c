#include <vx_config/job.h>

#include <limits.h>
#include <stdlib.h>

#include <cyaml/cyaml.h>

#include <vx_base/alloc.h>
#include <vx_base/assert.h>
#include <vx_base/file.h>

#include "check.h"
#include "override.h"
#include "relate.h"
#include "schema.h"
#include "tree.h"
#include "where.h"

static void *reallocate(void *context, void *old, size_t size)
{
    (void)context;
    if (size > 0)
        return vx_realloc(old, size);
    vx_free(old);
    return NULL;
}

static const cyaml_config_t cyaml_settings = { .mem_fn = reallocate, .flags = CYAML_CFG_DEFAULT };

static void free_data(vx_job *job)
{
    (void)cyaml_free(&cyaml_settings, &vx_config_cyaml_root, job, 0);
}

/* libcyaml fills the struct from the document, in which every key now stands and fits. */
static vx_status fill(vx_tree *tree, const char *file, vx_job **ret_job, vx_error *err)
{
    vx_bytes text = { NULL, 0 };
    cyaml_data_t *data = NULL;
    cyaml_err_t code = CYAML_OK;
    vx_status status = vx_config_tree_emit(tree, &text);

    if (status != VX_OK)
        return status;
    code = cyaml_load_data(text.at, text.size, &cyaml_settings, &vx_config_cyaml_root, &data, NULL);
    vx_free(text.at);
    if (code == CYAML_ERR_OOM)
        return VX_ERR_NOMEM;
    if (code != CYAML_OK)
        return vx_fail(err, VX_ERR_CONFIG, "%s: %s", file, cyaml_strerror(code));
    VX_ASSERT(data != NULL);
    *ret_job = data;
    return VX_OK;
}

static vx_status read_tree(vx_cbytes text, const char *file, const char *const *overrides,
                           size_t overrides_count, vx_tree **ret_tree, vx_error *err)
{
    vx_status status = vx_config_tree_create(text, file, overrides, overrides_count, ret_tree, err);

    if (status == VX_OK)
        status = vx_config_check(*ret_tree, &vx_config_root, 1, 1, "", err);
    for (size_t i = 0; status == VX_OK && i < overrides_count; i++)
        status = vx_config_override(*ret_tree, i, err);
    return status;
}

/* A job that was read can be printed and sent: its full form keeps the limit too. */
static vx_status check_size(const vx_job *job, const char *file, vx_error *err)
{
    vx_bytes text = { NULL, 0 };
    vx_status status = vx_job_print_yaml(job, &text);

    vx_free(text.at);
    if (status == VX_OK && text.size > VX_JOB_TEXT_MAX)
        return vx_fail(err, VX_ERR_CONFIG, "%s: %zu bytes with all defaults, at most %u", file,
                       text.size, VX_JOB_TEXT_MAX);
    return status;
}

vx_status vx_job_parse(vx_cbytes text, const char *name, const char *folder,
                       const char *const *overrides, size_t overrides_count, vx_job **ret_job,
                       vx_error *err)
{
    vx_status status = VX_OK;
    vx_job_origin *origin = NULL;
    vx_tree *tree = NULL;
    vx_job *job = NULL;

    if (text.size > VX_JOB_TEXT_MAX)
        return vx_fail(err, VX_ERR_CONFIG, "%s: %zu bytes, at most %u", name, text.size,
                       VX_JOB_TEXT_MAX);
    status = read_tree(text, name, overrides, overrides_count, &tree, err);
    if (status != VX_OK)
        goto out;
    status = vx_config_origin_create(name, overrides, overrides_count, &origin);
    if (status != VX_OK)
        goto out;
    status = vx_config_complete(tree, origin, err);
    if (status != VX_OK)
        goto out;
    status = fill(tree, name, &job, err);
    if (status != VX_OK)
        goto out;
    VX_ASSERT(job != NULL);
    job->origin = origin;
    origin = NULL;
    status = vx_config_relate(job, folder, err);
    if (status != VX_OK)
        goto out;
    status = check_size(job, name, err);
    if (status != VX_OK)
        goto out;
    *ret_job = job;
    job = NULL;
out:
    if (status == VX_ERR_NOMEM)
        (void)vx_fail(err, VX_ERR_NOMEM, "%s: out of memory", name);
    vx_config_origin_destroy(origin);
    vx_config_tree_destroy(tree);
    vx_job_destroy(job);
    return status;
}

vx_status vx_job_load(const char *path, const char *const *overrides, size_t overrides_count,
                      vx_job **ret_job, vx_error *err)
{
    vx_bytes text = { NULL, 0 };
    char *folder = NULL;
    char absolute[PATH_MAX]; /* what realpath wants */
    bool found = false;
    vx_status status = vx_file_read(path, VX_JOB_TEXT_MAX, &text, err);

    if (status == VX_ERR_LIMIT)
        return vx_fail(err, VX_ERR_CONFIG, "%s: a job file has at most %u bytes", path,
                       VX_JOB_TEXT_MAX);
    if (status != VX_OK)
        return status;
    folder = vx_path_folder(path);
    found = folder != NULL && realpath(folder, absolute) != NULL;
    if (folder == NULL)
        status = vx_fail(err, VX_ERR_NOMEM, "%s: out of memory", path);
    else if (!found)
        status = vx_fail(err, VX_ERR_IO, "%s: its folder cannot be found", path);
    else
        status = vx_job_parse((vx_cbytes){ text.at, text.size }, path, absolute, overrides,
                              overrides_count, ret_job, err);
    vx_free(folder);
    vx_free(text.at);
    return status;
}

vx_job *vx_job_destroy(vx_job *job)
{
    if (job == NULL)
        return NULL;
    vx_config_origin_destroy(job->origin);
    free_data(job);
    return NULL;
}
