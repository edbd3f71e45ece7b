#include "run_folder.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <vx_base/alloc.h>
#include <vx_base/bytes.h>
#include <vx_base/file.h>

#include "document.h"

#define RUNS_FOLDER    "runs"
#define RUN_MODE       0777
#define ATTEMPTS_MAX   100
#define TOKENS_SIZE    ((VX_WORKERS_MAX + 2) * (2 * VX_TOKEN_BYTES + 24))
#define TOKEN_LINE_MAX 256

char *vx_ctl_run_name(const char *job, const struct tm *when, unsigned attempt,
                      char text[VX_CTL_RUN_NAME_SIZE])
{
    char stamp[32] = "";
    char suffix[16] = "";

    (void)strftime(stamp, sizeof(stamp), "%Y%m%d-%H%M%S", when);
    if (attempt > 1)
        (void)snprintf(suffix, sizeof(suffix), "-%u", attempt);
    (void)snprintf(text, VX_CTL_RUN_NAME_SIZE, RUNS_FOLDER "/%.*s-%s%s", VX_NAME_MAX - 1, job,
                   stamp, suffix);
    return text;
}

vx_status vx_ctl_run_create(const char *job, time_t now, char **ret_path, vx_error *err)
{
    const vx_files *files = vx_files_current();
    char name[VX_CTL_RUN_NAME_SIZE];
    struct tm when = { 0 };
    int result = -EEXIST;
    vx_status status = vx_file_make_folder(RUNS_FOLDER, err);

    if (status != VX_OK)
        return status;
    (void)localtime_r(&now, &when);
    for (unsigned attempt = 1; attempt <= ATTEMPTS_MAX && result == -EEXIST; attempt++)
        result = files->make_folder(files->context, vx_ctl_run_name(job, &when, attempt, name),
                                    RUN_MODE);
    if (result < 0)
        return vx_file_fail(err, result, "create folder", name);
    status = vx_file_sync_folder(RUNS_FOLDER, err);
    if (status != VX_OK)
        return status;
    *ret_path = vx_strdup(name);
    return *ret_path != NULL ? VX_OK : vx_fail(err, VX_ERR_NOMEM, "no memory for a path");
}

/* Whether the server runs on this host. */
static bool is_here(const json_t *root)
{
    const char *host = json_string_value(json_object_get(root, "host"));
    char ours[VX_NAME_MAX] = "";

    return host != NULL && gethostname(ours, sizeof(ours) - 1) == 0 && strcmp(host, ours) == 0;
}

static bool has_endpoint(const vx_ctl_server *server, const vx_endpoint *endpoint)
{
    for (size_t i = 0; i < server->endpoints_count; i++)
        if (server->endpoints[i].port == endpoint->port &&
            strcmp(server->endpoints[i].host, endpoint->host) == 0)
            return true;
    return false;
}

static vx_status read_endpoints(const json_t *root, const char *name, vx_ctl_server *server,
                                vx_error *err)
{
    const json_t *list = json_object_get(root, "endpoints");
    const char *local = json_string_value(json_object_get(root, "local"));
    vx_endpoint here = { 0 };

    for (size_t i = 0; i < json_array_size(list) && i < VX_ENDPOINTS_MAX; i++) {
        const char *text = json_string_value(json_array_get(list, i));
        vx_status status = vx_endpoint_parse(text != NULL ? text : "", &server->endpoints[i], err);

        if (status != VX_OK)
            return vx_fail(err, VX_ERR_DATA, "%s: endpoints: expected tcp://HOST:PORT", name);
        server->endpoints_count++;
    }
    if (server->endpoints_count == 0)
        return vx_fail(err, VX_ERR_DATA, "%s: no endpoints", name);
    if (is_here(root) && local != NULL && vx_endpoint_parse(local, &here, NULL) == VX_OK &&
        !has_endpoint(server, &here))
        server->endpoints[server->endpoints_count++] = here;
    return VX_OK;
}

static vx_status read_server(const json_t *root, const char *name, vx_ctl_server *server,
                             vx_error *err)
{
    const char *job_id = json_string_value(json_object_get(root, "job_id"));
    char *end = NULL;

    server->pid = vx_ctl_json_count(root, "pid");
    server->workers = vx_ctl_json_count(root, "workers");
    server->epoch = (uint32_t)vx_ctl_json_count(root, "epoch");
    server->job_id = job_id != NULL ? strtoull(job_id, &end, 16) : 0;
    if (server->pid == 0 || job_id == NULL || end != job_id + 16 || *end != '\0')
        return vx_fail(err, VX_ERR_DATA, "%s: expected a pid and a job_id of 16 hex digits", name);
    return read_endpoints(root, name, server, err);
}

vx_status vx_ctl_server_parse(vx_cbytes text, const char *name, vx_ctl_server *ret_server,
                              vx_error *err)
{
    vx_ctl_server server = { 0 };
    json_t *root = NULL;
    vx_status status = vx_ctl_document_parse(text, name, &root, err);

    if (status == VX_OK)
        status = read_server(root, name, &server, err);
    if (status == VX_OK)
        *ret_server = server;
    json_decref(root);
    return status;
}

vx_status vx_ctl_server_load(const char *run_dir, vx_ctl_server *ret_server, vx_error *err)
{
    char *path = vx_path_join(run_dir, "server.json");
    vx_bytes text = { 0 };
    vx_status status = VX_ERR_NOMEM;

    if (path == NULL)
        return vx_fail(err, VX_ERR_NOMEM, "no memory for a path");
    status = vx_file_read(path, VX_DOCUMENT_BYTES_MAX, &text, err);
    if (status == VX_OK)
        status = vx_ctl_server_parse((vx_cbytes){ text.at, text.size }, path, ret_server, err);
    vx_free(text.at);
    vx_free(path);
    return status;
}

/* The next line of text without its line feed; false at the end. */
static bool next_line(vx_cbytes text, size_t *at, char line[TOKEN_LINE_MAX])
{
    const char *begin = (const char *)text.at + *at;
    const char *end = NULL;
    size_t length = 0;

    if (*at >= text.size)
        return false;
    end = memchr(begin, '\n', text.size - *at);
    length = end != NULL ? (size_t)(end - begin) : text.size - *at;
    *at += length + 1;
    (void)snprintf(line, TOKEN_LINE_MAX, "%.*s",
                   (int)(length < TOKEN_LINE_MAX ? length : TOKEN_LINE_MAX - 1), begin);
    return true;
}

vx_status vx_ctl_token_parse(vx_cbytes text, const char *name, uint8_t ret_token[VX_TOKEN_BYTES],
                             vx_error *err)
{
    static const char prefix[] = "observer - ";
    char line[TOKEN_LINE_MAX];
    size_t at = 0;

    while (next_line(text, &at, line)) {
        if (strncmp(line, prefix, sizeof(prefix) - 1) != 0)
            continue;
        if (!vx_hex_decode(line + sizeof(prefix) - 1, ret_token, VX_TOKEN_BYTES))
            return vx_fail(err, VX_ERR_DATA, "%s: observer: expected %d hex digits", name,
                           2 * VX_TOKEN_BYTES);
        return VX_OK;
    }
    return vx_fail(err, VX_ERR_DATA, "%s: no line \"observer - HEX\"", name);
}

vx_status vx_ctl_token_load(const char *run_dir, uint8_t ret_token[VX_TOKEN_BYTES], vx_error *err)
{
    char *path = vx_path_join(run_dir, "tokens");
    vx_bytes text = { 0 };
    vx_status status = VX_OK;

    if (path == NULL)
        return vx_fail(err, VX_ERR_NOMEM, "no memory for a path");
    status = vx_file_read(path, TOKENS_SIZE, &text, err);
    if (status == VX_OK)
        status = vx_ctl_token_parse((vx_cbytes){ text.at, text.size }, path, ret_token, err);
    vx_free(text.at);
    vx_free(path);
    return status;
}
