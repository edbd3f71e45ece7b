#include "aggregate_output.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <vx_base/alloc.h>
#include <vx_base/file.h>

#define FILE_MODE 0644

/* The folder in which a file is or will be, without links; false: it cannot be told. */
static bool real_folder(const char *path, char ret_folder[PATH_MAX])
{
    char *folder = vx_path_folder(path);
    bool found = folder != NULL && realpath(folder, ret_folder) != NULL;

    vx_free(folder);
    return found;
}

/* Writing to one takes away the other: a file is replaced by its name. */
static bool are_one(const char *a, const char *b)
{
    char folder_a[PATH_MAX], folder_b[PATH_MAX];

    if (a == NULL || b == NULL)
        return false;
    return real_folder(a, folder_a) && real_folder(b, folder_b) &&
           strcmp(folder_a, folder_b) == 0 && strcmp(vx_path_name(a), vx_path_name(b)) == 0;
}

vx_status vx_ctl_aggregate_check_paths(const vx_ctl_aggregate_options *words, vx_error *err)
{
    const struct {
        const char *option, *path, *other, *other_path;
    } pairs[] = {
        { "--out", words->out, "--in", words->in },
        { "--report", words->report, "--in", words->in },
        { "--report", words->report, "--out", words->out },
    };

    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        if (are_one(pairs[i].path, pairs[i].other_path))
            return vx_fail(err, VX_ERR_USAGE, "%s %s is the file of %s: name another one",
                           pairs[i].option, pairs[i].path, pairs[i].other);
    }
    return VX_OK;
}

static vx_status dump(json_t *root, char **ret_text, vx_error *err)
{
    char *text = root != NULL ? json_dumps(root, JSON_COMPACT | JSON_REAL_PRECISION(17)) : NULL;

    json_decref(root);
    if (text == NULL)
        return vx_fail(err, VX_ERR_NOMEM, "no memory for the report");
    *ret_text = text;
    return VX_OK;
}

vx_status vx_ctl_aggregate_print_json(json_t *root, vx_error *err)
{
    char *text = NULL;
    vx_status status = dump(root, &text, err);

    if (status == VX_OK)
        (void)printf("%s\n", text);
    vx_free(text);
    return status;
}

static vx_status stage_update(const char *path, const vx_npy_array *update, vx_staged **ret_staged,
                              vx_error *err)
{
    uint8_t header[VX_NPY_HEADER_SIZE];
    vx_cbytes pieces[2];
    vx_status status = vx_npy_pieces(path, update, header, pieces, err);

    return status == VX_OK ? vx_file_stage(path, pieces, 2, FILE_MODE, ret_staged, err) : status;
}

static vx_status stage_report(const char *path, json_t *root, vx_staged **ret_staged, vx_error *err)
{
    char *text = NULL;
    vx_status status = dump(root, &text, err);

    if (status == VX_OK) {
        vx_cbytes piece = { (const uint8_t *)text, strlen(text) };

        status = vx_file_stage(path, &piece, 1, FILE_MODE, ret_staged, err);
    }
    vx_free(text);
    return status;
}

vx_status vx_ctl_aggregate_write(const vx_ctl_aggregate_options *words, const vx_npy_array *update,
                                 json_t *report, vx_error *err)
{
    vx_staged *staged_update = NULL, *staged_report = NULL;
    vx_status status = VX_OK;

    if (words->report != NULL)
        status = stage_report(words->report, report, &staged_report, err);
    if (status == VX_OK && words->out != NULL)
        status = stage_update(words->out, update, &staged_update, err);
    if (status == VX_OK && staged_report != NULL)
        status = vx_file_publish(staged_report, err);
    if (status == VX_OK && staged_update != NULL)
        status = vx_file_publish(staged_update, err);
    vx_file_unstage(staged_update);
    vx_file_unstage(staged_report);
    return status;
}
