#include <vx_bootstrap/bootstrap.h>

#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <vx_base/alloc.h>
#include <vx_base/file.h>

#define FILE_BYTES_MAX (VX_WORKERS_MAX * 128u)
#define TRIES_SILENT   20 /* of a tenth of a second */

/* "tcp://a:1,tcp://b:1" of a card's list. False: it is none, or does not fit. */
static bool join_endpoints(const json_t *list, char text[VX_BOOTSTRAP_ENDPOINTS_SIZE])
{
    size_t used = 0;

    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *one = json_string_value(json_array_get(list, i));
        int more = one != NULL ? snprintf(text + used, VX_BOOTSTRAP_ENDPOINTS_SIZE - used, "%s%s",
                                          i > 0 ? "," : "", one)
                               : -1;

        if (more < 0 || (size_t)more >= VX_BOOTSTRAP_ENDPOINTS_SIZE - used)
            return false;
        used += (size_t)more;
    }
    return used > 0;
}

/* The fields of server.json that a worker needs. What the server tells others may be no address of
 * its own host: its evaluator has another one. */
static vx_status parse_card(const char *path, const vx_bytes *text, vx_bootstrap_role role,
                            vx_bootstrap *ret_common, vx_error *err)
{
    json_error_t where;
    json_t *card = json_loadb((const char *)text->at, text->size, JSON_REJECT_DUPLICATES, &where);
    const char *local = NULL;
    json_t *endpoints = NULL;
    const char *digest = NULL;
    int restarts = 10;
    int ranks = 1;
    int pid = 0;
    vx_status status = VX_OK;

    if (card == NULL)
        return vx_fail(err, VX_ERR_DATA, "%s:%d: %s", path, where.line, where.text);
    if (json_unpack_ex(card, &where, 0, "{s:o, s:s, s:i, s?i, s?i, s?s}", "endpoints", &endpoints,
                       "config_digest", &digest, "pid", &pid, "max_restarts", &restarts, "ranks",
                       &ranks, "local", &local) != 0 ||
        strlen(digest) != 2 * VX_DIGEST_BYTES ||
        !vx_hex_decode(digest, ret_common->config.at, VX_DIGEST_BYTES) ||
        !join_endpoints(endpoints, ret_common->endpoints) || restarts < 0 || ranks < 1 ||
        ranks > VX_BLOCKS_MAX)
        status = vx_fail(err, VX_ERR_DATA, "%s is not a server's card: %s", path, where.text);
    if (status == VX_OK) {
        if (role == VX_BOOTSTRAP_EVALUATOR && local != NULL)
            snprintf(ret_common->endpoints, sizeof(ret_common->endpoints), "%s", local);
        ret_common->max_restarts = (uint32_t)restarts;
        ret_common->ranks = (uint32_t)ranks;
    }
    json_decref(card);
    return status;
}

/* A server that starts makes the run directory; a folder above it is not a matter of waiting. */
static bool may_appear(const char *run_dir)
{
    char *parent = vx_path_folder(run_dir);
    bool may = vx_file_exists(run_dir) || parent == NULL || vx_file_exists(parent);

    vx_free(parent);
    return may;
}

/* Waits for the server's card; it is removed at the orderly end of a server. */
static vx_status read_card(const char *run_dir, vx_bootstrap_role role, unsigned wait_s,
                           vx_bootstrap *ret_common, vx_error *err)
{
    char *path = vx_path_join(run_dir, "server.json");
    struct timespec pause = { 0, 100000000 };
    vx_bytes text = { NULL, 0 };
    vx_status status = VX_ERR_NOT_FOUND;

    if (path == NULL)
        return vx_fail(err, VX_ERR_NOMEM, "out of memory");
    if (!may_appear(run_dir)) {
        vx_free(path);
        return vx_fail(err, VX_ERR_NOT_FOUND, "--run-dir %s: there is no such folder", run_dir);
    }
    for (unsigned tries = 0; tries <= 10 * wait_s && status == VX_ERR_NOT_FOUND; tries++) {
        if (tries > 0)
            nanosleep(&pause, NULL);
        if (tries == TRIES_SILENT)
            fprintf(stderr, "vexil-worker: waiting up to %u s for a server: %s is not there\n",
                    wait_s, path);
        status = vx_file_read(path, FILE_BYTES_MAX, &text, err);
    }
    if (status == VX_ERR_NOT_FOUND)
        status = vx_fail(err, VX_ERR_UNAVAILABLE, "no server: %s did not appear within %u s", path,
                         wait_s);
    else if (status == VX_OK)
        status = parse_card(path, &text, role, ret_common, err);
    vx_free(text.at);
    vx_free(path);
    return status;
}

/* One line: ROLE SLOT HEX. VX_AGAIN: of another role. */
static vx_status parse_token_line(const char *line, vx_bootstrap_role role, vx_bootstrap *entry)
{
    char who[16];
    char slot[16];
    char hex[2 * VX_TOKEN_BYTES + 2];
    char rest = '\0';
    char *end = NULL;
    unsigned long number = 0;

    if (sscanf(line, "%15s %15s %65s %c", who, slot, hex, &rest) != 3 ||
        strlen(hex) != 2 * VX_TOKEN_BYTES)
        return VX_ERR_DATA;
    if (strcmp(who, role == VX_BOOTSTRAP_WORKERS ? "worker" : "evaluator") != 0)
        return VX_AGAIN;
    if (!vx_hex_decode(hex, entry->token, VX_TOKEN_BYTES))
        return VX_ERR_DATA;
    entry->slot = UINT32_MAX;
    if (role == VX_BOOTSTRAP_EVALUATOR)
        return VX_OK;
    number = strtoul(slot, &end, 10);
    if (*end != '\0' || end == slot || number >= VX_WORKERS_MAX)
        return VX_ERR_DATA;
    entry->slot = (uint32_t)number;
    return VX_OK;
}

static vx_status parse_tokens(const char *path, char *text, vx_bootstrap_role role,
                              const vx_bootstrap *common, vx_bootstrap *entries, size_t *ret_count,
                              vx_error *err)
{
    char *save = NULL;
    int number = 0;

    *ret_count = 0;
    for (char *line = strtok_r(text, "\n", &save); line != NULL;
         line = strtok_r(NULL, "\n", &save)) {
        vx_bootstrap entry = *common;
        vx_status status = VX_AGAIN;

        number++;
        if (line[0] != '#')
            status = parse_token_line(line, role, &entry);
        if (status == VX_ERR_DATA)
            return vx_fail(
                err, VX_ERR_DATA,
                "%s:%d: expected 'worker SLOT TOKEN' with %d hex digits, found something else",
                path, number, 2 * VX_TOKEN_BYTES);
        if (status == VX_OK && *ret_count == VX_WORKERS_MAX)
            return vx_fail(err, VX_ERR_LIMIT, "%s: more than %d workers", path, VX_WORKERS_MAX);
        if (status == VX_OK)
            entries[(*ret_count)++] = entry;
    }
    if (*ret_count == 0)
        return vx_fail(err, VX_ERR_DATA, "%s: no token for this role", path);
    return VX_OK;
}

vx_status vx_bootstrap_read(const vx_bootstrap_options *options, vx_bootstrap_role role,
                            unsigned wait_s, vx_bootstrap **ret_entries, size_t *ret_count,
                            vx_error *err)
{
    vx_bootstrap *common = vx_calloc(1, sizeof(*common));
    vx_bootstrap *entries = vx_calloc(VX_WORKERS_MAX, sizeof(*entries));
    char *path = options->run_dir != NULL ? vx_path_join(options->run_dir, "tokens")
                                          : vx_strdup(options->token_file);
    vx_bytes text = { NULL, 0 };
    vx_status status = VX_OK;

    if (common == NULL || entries == NULL || path == NULL) {
        status = vx_fail(err, VX_ERR_NOMEM, "out of memory");
        goto out;
    }
    common->max_restarts = 10;
    common->ranks = 1;
    if (options->run_dir != NULL)
        status = read_card(options->run_dir, role, wait_s, common, err);
    else
        snprintf(common->endpoints, sizeof(common->endpoints), "%s", options->connect);
    if (status != VX_OK)
        goto out;
    if (!vx_digest_is_zero(options->config))
        common->config = options->config;
    if (options->max_restarts >= 0)
        common->max_restarts = (uint32_t)options->max_restarts;
    if (options->ranks > 0)
        common->ranks = options->ranks;
    common->patience_s = options->patience_s;
    common->reconnect_s = options->reconnect_s;
    common->group_s = options->group_s;
    if (options->run_dir != NULL)
        snprintf(common->run_dir, sizeof(common->run_dir), "%s", options->run_dir);
    common->log_level = options->log_level;
    if (options->data_dir != NULL)
        snprintf(common->data_dir, sizeof(common->data_dir), "%s", options->data_dir);
    status = vx_file_read(path, FILE_BYTES_MAX, &text, err);
    if (status == VX_OK)
        status = parse_tokens(path, (char *)text.at, role, common, entries, ret_count, err);
    if (status == VX_OK) {
        *ret_entries = entries;
        entries = NULL; /* moved to the caller */
    }
out:
    vx_free(text.at);
    vx_free(path);
    vx_free(entries);
    vx_free(common);
    return status;
}

static bool has_file(const char *run_dir, const char *name)
{
    char *path = vx_path_join(run_dir, name);
    bool has = path != NULL && vx_file_exists(path);

    vx_free(path);
    return has;
}

/* The number of a small file: the whole of it, or what `key` of its object says; 0: there is none.
 */
static unsigned long number_of(const char *run_dir, const char *name, const char *key)
{
    char *path = vx_path_join(run_dir, name);
    vx_bytes text = { NULL, 0 };
    unsigned long number = 0;
    vx_error err = { 0 };

    if (path != NULL && vx_file_read(path, VX_DOCUMENT_BYTES_MAX, &text, &err) == VX_OK) {
        json_t *root =
            json_loadb((const char *)text.at, text.size, JSON_DECODE_ANY, &(json_error_t){ 0 });
        json_int_t found = json_integer_value(key != NULL ? json_object_get(root, key) : root);

        number = found > 0 ? (unsigned long)found : 0;
        json_decref(root);
    }
    vx_free(text.at);
    vx_free(path);
    return number;
}

bool vx_bootstrap_run_is_over(const char *run_dir)
{
    unsigned long epoch = 0;

    if (run_dir[0] == '\0' || has_file(run_dir, "server.json"))
        return false;
    epoch = number_of(run_dir, "result.json", "epoch");
    return epoch > 0 && epoch == number_of(run_dir, "epoch", NULL);
}

vx_status vx_bootstrap_receive(int fd, vx_bootstrap *ret_bootstrap, vx_error *err)
{
    uint8_t *at = (uint8_t *)ret_bootstrap;
    size_t have = 0;

    while (have < sizeof(*ret_bootstrap)) {
        ssize_t more = read(fd, at + have, sizeof(*ret_bootstrap) - have);

        if (more <= 0)
            return vx_fail(err, VX_ERR_USAGE,
                           "--worker-fd is for the agent's use: no bootstrap came");
        have += (size_t)more;
    }
    return VX_OK;
}
