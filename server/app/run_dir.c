#include "server_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <vx_base/alloc.h>
#include <vx_base/file.h>
#include <vx_base/random.h>

static vx_status replace_file(const vx_server *server, const char *name, vx_cbytes content,
                              mode_t mode, vx_error *err)
{
    char *path = vx_path_join(server->options.run_dir, name);
    vx_status status = path != NULL ? vx_file_replace(path, content, mode, err)
                                    : vx_fail(err, VX_ERR_NOMEM, "out of memory");

    vx_free(path);
    return status;
}

static uint8_t *place_of_token(vx_server *server, const char *role, const char *slot)
{
    char *end = NULL;
    unsigned long number = 0;

    if (strcmp(role, "evaluator") == 0)
        return server->evaluator_token;
    if (strcmp(role, "observer") == 0)
        return server->observer_token;
    number = strtoul(slot, &end, 10);
    if (strcmp(role, "worker") != 0 || *end != '\0' || end == slot ||
        number >= server->roster.count)
        return NULL;
    return server->slot_tokens[number];
}

/* The tokens of the earlier start: workers that live know them. VX_AGAIN: they are not all there.
 */
static vx_status read_tokens(vx_server *server, vx_error *err)
{
    char *path = vx_path_join(server->options.run_dir, "tokens");
    size_t wanted = server->roster.count + 2;
    vx_bytes text = { NULL, 0 };
    char *save = NULL;
    size_t have = 0;
    vx_status status = path != NULL ? vx_file_read(path, wanted * 96, &text, err)
                                    : vx_fail(err, VX_ERR_NOMEM, "out of memory");

    vx_free(path);
    if (status != VX_OK)
        return status == VX_ERR_NOT_FOUND ? VX_AGAIN : status;
    for (char *line = strtok_r((char *)text.at, "\n", &save); line != NULL;
         line = strtok_r(NULL, "\n", &save)) {
        char role[16];
        char slot[16];
        char hex[2 * VX_TOKEN_BYTES + 2];
        uint8_t *at = NULL;

        if (sscanf(line, "%15s %15s %65s", role, slot, hex) == 3)
            at = place_of_token(server, role, slot);
        have += at != NULL && vx_hex_decode(hex, at, VX_TOKEN_BYTES);
    }
    vx_free(text.at);
    return have == wanted ? VX_OK : VX_AGAIN;
}

/* One secret a slot, one for the evaluator, one for observers. */
static vx_status write_tokens(vx_server *server, vx_error *err)
{
    size_t slots = server->roster.count;
    size_t room = (slots + 2) * 96;
    char *text = vx_malloc(room);
    char hex[2 * VX_TOKEN_BYTES + 1];
    size_t used = 0;
    vx_status status = VX_OK;

    server->slot_tokens = vx_calloc(slots, VX_TOKEN_BYTES);
    if (text == NULL || server->slot_tokens == NULL) {
        vx_free(text);
        return vx_fail(err, VX_ERR_NOMEM, "out of memory");
    }
    if (server->epoch > 1)
        status = read_tokens(server, err);
    if (server->epoch > 1 && status != VX_AGAIN) {
        vx_free(text);
        return status;
    }
    status = VX_OK;
    for (size_t i = 0; status == VX_OK && i < slots; i++) {
        status = vx_random_bytes(server->slot_tokens[i], VX_TOKEN_BYTES, err);
        used += (size_t)snprintf(text + used, room - used, "worker %zu %s\n", i,
                                 vx_hex_encode(server->slot_tokens[i], VX_TOKEN_BYTES, hex));
    }
    if (status == VX_OK)
        status = vx_random_bytes(server->evaluator_token, VX_TOKEN_BYTES, err);
    if (status == VX_OK)
        status = vx_random_bytes(server->observer_token, VX_TOKEN_BYTES, err);
    used += (size_t)snprintf(text + used, room - used, "evaluator - %s\n",
                             vx_hex_encode(server->evaluator_token, VX_TOKEN_BYTES, hex));
    used += (size_t)snprintf(text + used, room - used, "observer - %s\n",
                             vx_hex_encode(server->observer_token, VX_TOKEN_BYTES, hex));
    if (status == VX_OK)
        status =
            replace_file(server, "tokens", (vx_cbytes){ (const uint8_t *)text, used }, 0600, err);
    vx_free(text);
    return status;
}

/* Runs of the server on this folder so far, plus one. */
static vx_status next_epoch(vx_server *server, vx_error *err)
{
    char *path = vx_path_join(server->options.run_dir, "epoch");
    vx_bytes content = { NULL, 0 };
    char text[32];
    vx_status status = VX_ERR_NOMEM;
    unsigned long before = 0;

    if (path == NULL)
        return vx_fail(err, VX_ERR_NOMEM, "out of memory");
    status = vx_file_read(path, 32, &content, err);
    if (status == VX_OK)
        before = strtoul((const char *)content.at, NULL, 10);
    if (status == VX_OK && (before == 0 || before >= UINT32_MAX - 1))
        status = vx_fail(err, VX_ERR_DATA, "%s: expected a number from 1, found \"%.16s\"", path,
                         (const char *)content.at);
    if (status == VX_ERR_NOT_FOUND)
        status = VX_OK;
    vx_free(content.at);
    vx_free(path);
    if (status != VX_OK)
        return status;
    server->epoch = (uint32_t)before + 1;
    snprintf(text, sizeof(text), "%u\n", server->epoch);
    return replace_file(server, "epoch", (vx_cbytes){ (const uint8_t *)text, strlen(text) }, 0644,
                        err);
}

static void on_skipped(void *context, const char *folder, const vx_error *why)
{
    vx_server *server = context;
    const char *rounds = strrchr(folder, '-');

    vx_log_event(&server->log, VX_LOG_WARN, "checkpoint.skipped", "folder=\"%s\" why=\"%s\"",
                 folder, why->message);
    if ((why->code != VX_ERR_IO && why->code != VX_ERR_SYSTEM) || /* or no descriptor was free */
        server->unread.code != VX_OK || rounds == NULL)
        return;
    server->unread = *why;
    server->unread_rounds = strtoull(rounds + 1, NULL, 10);
}

/* The newest valid checkpoint, when there is one: before the first, a run begins with its ledger.
 */
static vx_status load_checkpoint(vx_server *server, vx_error *err)
{
    char theirs[VX_DIGEST_TEXT_SIZE];
    char ours[VX_DIGEST_TEXT_SIZE];
    const vx_checkpoint *content = NULL;
    vx_status status = vx_checkpoint_open_newest(server->options.run_dir, on_skipped, server,
                                                 &server->loaded, err);

    if (status != VX_OK)
        return status == VX_ERR_NOT_FOUND ? VX_OK : status;
    content = vx_checkpoint_content(server->loaded);
    if (!vx_digest_equal(content->config, server->config))
        return vx_fail(
            err, VX_ERR_CONFIG,
            "%s is of another job: config digest %s, this job has %s; resume with the job file and "
            "--set options of the first run",
            vx_checkpoint_folder(server->loaded), vx_digest_text(content->config, theirs),
            vx_digest_text(server->config, ours));
    if (content->rounds > server->job->rounds)
        return vx_fail(err, VX_ERR_CONFIG, "%s has %llu rounds, the job only %llu",
                       vx_checkpoint_folder(server->loaded), (unsigned long long)content->rounds,
                       (unsigned long long)server->job->rounds);
    return VX_OK;
}

/* Bytes of a file of the run directory, 0 when there is none. What cannot be told is an error: a
 * run is never taken for a new one. */
static vx_status size_of_file(const vx_server *server, const char *name, uint64_t *ret_size,
                              vx_error *err)
{
    const vx_files *files = vx_files_current();
    char *path = vx_path_join(server->options.run_dir, name);
    vx_file_info info = { 0 };
    vx_status status = VX_OK;
    int result = 0;

    *ret_size = 0;
    if (path == NULL)
        return vx_fail(err, VX_ERR_NOMEM, "out of memory");
    result = files->info_of(files->context, path, &info);
    if (result >= 0)
        *ret_size = info.size;
    else if (result != -ENOENT)
        status = vx_file_fail(err, result, "look at", path);
    vx_free(path);
    return status;
}

/* Removes what a killed server was writing; what cannot be removed stays till the next start. */
static void sweep(const vx_server *server)
{
    const vx_files *files = vx_files_current();
    vx_names names = { 0 };

    (void)vx_checkpoint_sweep(server->options.run_dir, NULL);
    if (vx_file_list(server->options.run_dir, &names, NULL) != VX_OK)
        return;
    for (size_t i = 0; i < names.count; i++) {
        const char *mark = strstr(names.at[i], ".tmp.");
        char *path = NULL;

        if (mark == NULL || mark[5] == '\0' || mark[5 + strspn(mark + 5, "0123456789")] != '\0')
            continue;
        path = vx_path_join(server->options.run_dir, names.at[i]);
        if (path != NULL)
            (void)files->remove(files->context, path);
        vx_free(path);
    }
    vx_names_clear(&names);
}

static void count_checkpoint(void *context, const vx_checkpoint_entry *entry)
{
    size_t *count = context;

    (void)entry;
    ++*count;
}

/* Whether a round of this folder's run was committed. */
static vx_status look_for_rounds(const vx_server *server, bool *ret_found, vx_error *err)
{
    vx_ledger *ledger = NULL;
    uint64_t size = 0;
    uint64_t first = 0;
    uint64_t end = 0;
    size_t checkpoints = 0;
    vx_status status = vx_checkpoint_list(server->options.run_dir, VX_CHECKPOINT_LOOK,
                                          count_checkpoint, &checkpoints, err);

    *ret_found = true;
    if (status != VX_OK || checkpoints > 0)
        return status;
    status = size_of_file(server, VX_LEDGER_FILE, &size, err);
    if (status == VX_OK && size > 0)
        status =
            vx_ledger_open(server->options.run_dir, server->config, VX_LEDGER_ROUNDS, &ledger, err);
    if (status == VX_ERR_CONFIG)
        return VX_OK; /* of another job */
    if (ledger != NULL)
        vx_ledger_range(ledger, &first, &end);
    vx_ledger_close(ledger);
    *ret_found = first < end;
    return status;
}

/* The job of the run that is to go on must be this one, once it has a committed round. */
static vx_status compare_job(const vx_server *server, vx_error *err)
{
    char *path = vx_path_join(server->options.run_dir, "job.yaml");
    char difference[VX_DIFFERENCE_SIZE] = "";
    vx_job *earlier = NULL;
    bool committed = false;
    vx_digest digest = { { 0 } };
    char theirs[VX_DIGEST_TEXT_SIZE];
    char ours[VX_DIGEST_TEXT_SIZE];
    vx_status status = path != NULL ? vx_job_load(path, NULL, 0, &earlier, NULL) : VX_ERR_NOMEM;

    vx_free(path);
    if (status == VX_OK)
        status = vx_job_digest(earlier, &digest);
    if (status == VX_OK)
        status = vx_job_difference(server->job, earlier, difference);
    vx_job_destroy(earlier);
    if (status != VX_OK) /* checkpoint and ledger say whose they are */
        return VX_OK;
    if (vx_digest_equal(digest, server->config) ||
        look_for_rounds(server, &committed, NULL) != VX_OK || !committed)
        return VX_OK;
    return vx_fail(err, VX_ERR_CONFIG,
                   "%s is a run of another job: %s; its config digest is %s, this job has %s; "
                   "resume with the job file and --set options of the first run",
                   server->options.run_dir, difference, vx_digest_text(digest, theirs),
                   vx_digest_text(server->config, ours));
}

/* Whether the folder may be used as the options say: a run of which a round was committed is gone
 * on with only when that was asked for. */
static vx_status check_earlier_run(const vx_server *server, vx_error *err)
{
    uint64_t epoch = 0;
    bool found = false;
    vx_status status = size_of_file(server, "epoch", &epoch, err);

    if (status == VX_OK && server->options.resume && epoch == 0)
        return vx_fail(err, VX_ERR_NOT_FOUND, "%s has no run to resume", server->options.run_dir);
    if (status != VX_OK || server->options.resume || epoch == 0)
        return status;
    status = look_for_rounds(server, &found, err);
    if (status == VX_OK && found)
        return vx_fail(err, VX_ERR_BUSY,
                       "%s has an earlier run; use --resume to go on with it, or another --run-dir",
                       server->options.run_dir);
    return status;
}

/* Takes run.lock. */
static vx_status lock_run_dir(vx_server *server, vx_error *err)
{
    char *lock = vx_path_join(server->options.run_dir, "run.lock");
    vx_error why = { 0 };
    vx_status status = lock != NULL ? vx_file_lock(lock, &server->lock_fd, &why)
                                    : vx_fail(&why, VX_ERR_NOMEM, "out of memory");

    vx_free(lock);
    if (status == VX_ERR_BUSY)
        return vx_fail(err, status,
                       "another server uses %s: %s; end it (vexil stop --run-dir %s) or take "
                       "another --run-dir",
                       server->options.run_dir, why.message, server->options.run_dir);
    if (status != VX_OK && err != NULL)
        *err = why;
    return status;
}

static vx_status open_log(vx_server *server, vx_error *err)
{
    vx_log_level level = server->options.log_level_given
                             ? server->options.log_level
                             : (vx_log_level)server->job->limits.log_level;
    int fd = STDERR_FILENO;

    server->log_fd = -1;
    if (server->options.log_file != NULL) {
        fd = open(server->options.log_file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
        if (fd < 0)
            return vx_fail(err, VX_ERR_IO, "%s: %s", server->options.log_file, strerror(errno));
        server->log_fd = fd;
    }
    server->log = vx_log_to(fd, level, "vexild");
    return VX_OK;
}

vx_status vx_server_open_run_dir(vx_server *server, vx_error *err)
{
    vx_status status = vx_file_make_folder(server->options.run_dir, err);

    if (status == VX_OK)
        status = lock_run_dir(server, err);
    if (status == VX_OK)
        status = open_log(server, err);
    if (status != VX_OK)
        return status;
    status = check_earlier_run(server, err);
    if (status == VX_OK)
        sweep(server);
    if (status == VX_OK && server->options.resume)
        status = compare_job(server, err);
    if (status == VX_OK && server->options.resume)
        status = load_checkpoint(server, err);
    if (status == VX_OK)
        status = next_epoch(server, err);
    if (status == VX_OK)
        status = replace_file(server, "job.yaml",
                              (vx_cbytes){ server->job_text.at, server->job_text.size }, 0644, err);
    if (status == VX_OK)
        status = write_tokens(server, err);
    if (status == VX_OK)
        status = vx_journal_open(server->options.run_dir, server->epoch, server->clock,
                                 &server->journal, err);
    return status;
}

vx_status vx_server_reopen_log(vx_server *server, vx_error *err)
{
    int fd = -1;

    if (server->options.log_file == NULL)
        return VX_OK;
    fd = open(server->options.log_file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (fd < 0 || dup3(fd, server->log_fd, O_CLOEXEC) < 0) {
        vx_fail(err, VX_ERR_IO, "%s: %s", server->options.log_file, strerror(errno));
        if (fd >= 0)
            close(fd);
        return VX_ERR_IO;
    }
    close(fd);
    return VX_OK;
}

void vx_server_dump(vx_server *server)
{
    vx_run_summary summary;
    vx_bytes text = { NULL, 0 };
    vx_error err = { 0 };
    vx_status status = VX_OK;

    vx_server_summary(server, vx_server_state_name(server), &summary);
    status = vx_status_document(&summary, &server->roster, &text);
    if (status == VX_OK)
        status = replace_file(server, "status.json", (vx_cbytes){ text.at, text.size }, 0644, &err);
    if (status != VX_OK)
        vx_log_event(&server->log, VX_LOG_ERROR, "dump.failed", "why=\"%s\"", err.message);
    vx_free(text.at);
}

vx_status vx_server_write_card(vx_server *server, vx_error *err)
{
    char local[VX_ENDPOINT_TEXT_SIZE];
    vx_server_card card = {
        .job = server->job->name,
        .endpoints = server->address.texts,
        .endpoints_count = server->address.advertised_count,
        .local = vx_endpoint_text(&server->address.local, local),
        .job_id = server->job_id,
        .config = server->config,
        .epoch = server->epoch,
        .workers = server->job->workers.count,
        .ranks = server->job->workers.ranks,
        .max_restarts = server->job->workers.max_restarts,
        .started_realtime_ns = server->started_realtime_ns,
    };
    vx_status status = vx_server_card_write(server->options.run_dir, &card, err);

    /* It may have failed when the card was there already. */
    server->card_written = status == VX_OK || vx_server_card_is_own(server->options.run_dir);
    return status;
}

void vx_server_remove_card(vx_server *server)
{
    char *path = vx_path_join(server->options.run_dir, "server.json");

    if (path != NULL && server->card_written)
        server->card_written = vx_files_current()->remove(vx_files_current()->context, path) != 0;
    vx_free(path);
}
