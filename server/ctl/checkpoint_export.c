#include "checkpoint_export.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <vx_base/alloc.h>
#include <vx_base/file.h>
#include <vx_base/log.h>
#include <vx_tensor_file/npy.h>

#define NUMBER_TEXT_SIZE 24

static bool is_folder(const char *path)
{
    const vx_files *files = vx_files_current();
    vx_file_info info = { 0 };

    return path[strlen(path) - 1] == '/' ||
           (files->info_of(files->context, path, &info) == 0 && info.is_folder);
}

static bool ends_with(const char *text, const char *end)
{
    size_t length = strlen(text);

    return length > strlen(end) && strcmp(text + length - strlen(end), end) == 0;
}

static vx_status write_npy(const char *folder, const vx_tensor *tensor, vx_error *err)
{
    char quoted[VX_LOG_QUOTE_SIZE];
    char *path = NULL;
    vx_status status = VX_OK;

    if (tensor->name[0] == '.' || strchr(tensor->name, '/') != NULL)
        return vx_fail(err, VX_ERR_DATA, "tensor %.80s: no file can have this name",
                       vx_log_quote(tensor->name, quoted));
    path = vx_format("%s%s%s.npy", folder, ends_with(folder, "/") ? "" : "/", tensor->name);
    status = path != NULL ? vx_npy_write(path, tensor, err)
                          : vx_fail(err, VX_ERR_NOMEM, "no memory for a path");
    vx_free(path);
    return status;
}

static vx_status write_folder(const vx_checkpoint *content, const char *folder, vx_error *err)
{
    vx_status status = vx_file_make_folder(folder, err);

    for (size_t i = 0; i < content->parameters_count && status == VX_OK; i++)
        status = write_npy(folder, &content->parameters[i], err);
    return status;
}

static vx_status write_file(const vx_checkpoint *content, const char *path, vx_error *err)
{
    char rounds[NUMBER_TEXT_SIZE];
    char config[VX_DIGEST_TEXT_SIZE];
    char digest[VX_DIGEST_TEXT_SIZE];
    const vx_tensor_note notes[] = {
        { "vexil.job", content->job },
        { "vexil.rounds", rounds },
        { "vexil.config", vx_digest_text(content->config, config) },
        { "vexil.parameters", vx_digest_text(content->parameters_digest, digest) },
    };

    (void)snprintf(rounds, sizeof(rounds), "%" PRIu64, content->rounds);
    return vx_safetensors_write(path, content->parameters, content->parameters_count, notes,
                                sizeof(notes) / sizeof(notes[0]), err);
}

vx_status vx_ctl_checkpoint_write_to(const vx_checkpoint *content, const char *out, vx_error *err)
{
    if (is_folder(out))
        return write_folder(content, out, err);
    if (ends_with(out, ".safetensors"))
        return write_file(content, out, err);
    return vx_fail(err, VX_ERR_USAGE,
                   "--out: expected FILE.safetensors, or a folder with a slash at its end, found "
                   "'%s'",
                   out);
}
