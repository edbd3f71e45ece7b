#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <vx_base/alloc.h>
#include <vx_base/file.h>

#include "json.h"

static json_t *missing_slots(const vx_roster *roster)
{
    json_t *list = json_array();

    for (size_t i = 0; i < roster->count && list != NULL; i++)
        if (roster->slots[i].state != VX_SLOT_LIVE && roster->slots[i].expected)
            list = vx_json_list_with(list, json_integer((json_int_t)i));
    return list;
}

static json_t *text_list(const char *const *texts, size_t count)
{
    json_t *list = json_array();

    for (size_t i = 0; i < count && list != NULL; i++)
        list = vx_json_list_with(list, vx_json_text(texts[i]));
    return list;
}

vx_status vx_status_document(const vx_run_summary *run, const vx_roster *roster, vx_bytes *ret_text)
{
    double percent = run->rounds > 0 ? 100.0 * (double)run->round / (double)run->rounds : 100.0;
    json_t *document = json_pack(
        "{s:i, s:o, s:s, s:I, s:I, s:I, s:f, s:o, s:o, s:o, s:I, s:I, s:I, s:o, s:f, s:o, s:o, "
        "s:o, "
        "s:o, s:o}",
        "format", 1, "job", vx_json_text(run->job), "state", run->state, "epoch",
        (json_int_t)run->epoch, "round", (json_int_t)run->round, "rounds", (json_int_t)run->rounds,
        "percent", percent, "loss", vx_json_real(run->loss), "rate", vx_json_real(run->rate),
        "eta_s", vx_json_real(run->eta_s), "live", (json_int_t)roster->live, "workers",
        (json_int_t)roster->count, "ranks", (json_int_t)run->ranks, "missing",
        missing_slots(roster), "since_s", run->since_s, "message", vx_json_text(run->message),
        "test", vx_json_test(&run->test), "slots", vx_json_slots(roster), "shards",
        vx_json_shards(run->shards), "endpoints", text_list(run->endpoints, run->endpoints_count));
    vx_status status = vx_json_dump(document, JSON_COMPACT, ret_text);

    json_decref(document);
    return status;
}

vx_status vx_result_write(const char *run_dir, const vx_run_summary *run, const vx_roster *roster,
                          vx_error *err)
{
    char digest[VX_DIGEST_TEXT_SIZE];
    json_t *document = json_pack(
        "{s:i, s:s, s:o, s:o, s:I, s:I, s:I, s:f, s:s, s:I, s:o, s:o, s:o, s:o, "
        "s:{s:s, s:s, s:s}}",
        "format", 1, "state", run->state, "reason", vx_json_text(run->message), "job",
        vx_json_text(run->job), "epoch", (json_int_t)run->epoch, "rounds", (json_int_t)run->round,
        "rounds_total", (json_int_t)run->rounds, "seconds", run->seconds, "parameters_digest",
        vx_digest_text(run->parameters, digest), "dimension", (json_int_t)run->dimension, "test",
        vx_json_test(&run->test), "phase_ms_mean", vx_json_phases(&run->phases_mean), "slots",
        vx_json_slots(roster), "shards", vx_json_shards(run->shards), "versions", "vexil",
        VX_VERSION, "blas", run->blas, "libuv", run->libuv);

    return vx_json_replace_file(run_dir, "result.json", document, err);
}

/* NULL: there is none that can be read. */
static json_t *card_read(const char *run_dir)
{
    char *path = vx_path_join(run_dir, "server.json");
    vx_bytes text = { NULL, 0 };
    json_t *card = NULL;

    if (path != NULL && vx_file_read(path, 65536, &text, NULL) == VX_OK)
        card = json_loadb((const char *)text.at, text.size, JSON_REJECT_DUPLICATES, NULL);
    vx_free(text.at);
    vx_free(path);
    return card;
}

char *vx_server_card_local(const char *run_dir)
{
    json_t *card = card_read(run_dir);
    const char *endpoint = NULL;
    char *copy = NULL;

    if (card != NULL && json_unpack(card, "{s:s}", "local", &endpoint) == 0)
        copy = vx_strdup(endpoint);
    json_decref(card);
    return copy;
}

bool vx_server_card_is_own(const char *run_dir)
{
    json_t *card = card_read(run_dir);
    int pid = 0;
    bool is_own = card != NULL && json_unpack(card, "{s:i}", "pid", &pid) == 0 && pid == getpid();

    json_decref(card);
    return is_own;
}

vx_status vx_server_card_write(const char *run_dir, const vx_server_card *card, vx_error *err)
{
    char digest[VX_DIGEST_TEXT_SIZE];
    char started[VX_TIME_TEXT_SIZE];
    char host[VX_NAME_MAX] = "";
    char job_id[17];
    json_t *document = NULL;

    (void)gethostname(host, sizeof(host) - 1);
    snprintf(job_id, sizeof(job_id), "%016llx", (unsigned long long)card->job_id);
    document = json_pack("{s:i, s:s, s:i, s:o, s:o, s:s, s:s, s:I, s:o, s:s, s:I, s:I, s:I, s:s}",
                         "format", 1, "version", VX_VERSION, "pid", (int)getpid(), "host",
                         vx_json_text(host), "job", vx_json_text(card->job), "job_id", job_id,
                         "config_digest", vx_digest_text(card->config, digest), "epoch",
                         (json_int_t)card->epoch, "endpoints",
                         text_list(card->endpoints, card->endpoints_count), "local", card->local,
                         "workers", (json_int_t)card->workers, "ranks", (json_int_t)card->ranks,
                         "max_restarts", (json_int_t)card->max_restarts, "started",
                         vx_time_text(card->started_realtime_ns, started));
    return vx_json_replace_file(run_dir, "server.json", document, err);
}
