#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include <vx_base/alloc.h>
#include <vx_base/file.h>
#include <vx_checkpoint/checkpoint.h>

#include "checker_private.h"
#include "programs.h"
#include "storage.h"
#include "world.h"

#define TRIES          40 /* an error that waits for the next operation may hit the reader */
#define DOCUMENT_BYTES (1u << 20)

/* Whole and JSON, whenever it is read. NULL: there is none. */
static json_t *read_document(const char *name)
{
    char *path = vx_path_join(SIM_RUN_DIR, name);
    vx_status status = VX_ERR_IO;
    vx_bytes text = { NULL, 0 };
    vx_error err = { 0 };
    json_error_t where;
    json_t *document = NULL;
    json_int_t format = 0;

    for (int tries = 0; tries < TRIES && status == VX_ERR_IO; tries++)
        status = vx_file_read(path, DOCUMENT_BYTES, &text, &err);
    vx_free(path);
    if (status == VX_ERR_NOT_FOUND)
        return NULL;
    if (status != VX_OK)
        sim_violation("I10", "%s cannot be read: %s", name, err.message);
    document = json_loadb((const char *)text.at, text.size, JSON_REJECT_DUPLICATES, &where);
    vx_free(text.at);
    if (document == NULL)
        sim_violation("I10", "%s:%d: %s", name, where.line, where.text);
    if (json_unpack(document, "{s:I}", "format", &format) != 0 || format != 1)
        sim_violation("I10", "%s has no format that is known", name);
    return document;
}

void sim_checker_look_at_documents(void)
{
    static const char *const names[] = { "status.json", "result.json", "server.json" };

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        json_decref(read_document(names[i]));
}

void sim_checker_look_at_result(const char *state)
{
    json_t *document = read_document("result.json");
    const sim_record *record = &sim_check.records[sim_check.last];
    char expected[VX_DIGEST_TEXT_SIZE];
    const char *found = "";
    const char *digest = "";
    json_int_t rounds = -1;
    json_int_t epoch = 0;

    if (document == NULL)
        sim_violation("I10", "the server has ended, and there is no result");
    (void)json_unpack(document, "{s:s, s:s, s:I, s:I}", "state", &found, "parameters_digest",
                      &digest, "rounds", &rounds, "epoch", &epoch);
    vx_digest_text(record->digest, expected);
    if (strcmp(found, state) != 0 || epoch != (json_int_t)sim_check.life.epoch)
        sim_violation("I10", "result.json is of epoch %lld and \"%s\", not of %u and \"%s\"",
                      (long long)epoch, found, sim_check.life.epoch, state);
    if (sim_check.was_ready &&
        (rounds != (json_int_t)sim_check.last || strcmp(digest, expected) != 0))
        sim_violation("I1", "result.json has %lld rounds and digest %s, not %" PRIu64 " and %s",
                      (long long)rounds, digest, sim_check.last, expected);
    json_decref(document);
}

void sim_checker_look_at_dump(void)
{
    json_t *document = read_document("status.json");
    const char *state = "";
    json_int_t round = -1;
    json_int_t epoch = 0;

    if (document == NULL)
        sim_violation("I10", "USR2 came, and there is no status.json");
    if (json_unpack(document, "{s:s, s:I, s:I}", "state", &state, "round", &round, "epoch",
                    &epoch) != 0 ||
        epoch != (json_int_t)sim_check.life.epoch || round < 0 ||
        round > (json_int_t)sim_check.model->rounds || state[0] == '\0')
        sim_violation("I10",
                      "status.json says \"%s\", round %lld of epoch %lld: the server is of "
                      "epoch %u",
                      state, (long long)round, (long long)epoch, sim_check.life.epoch);
    json_decref(document);
}

static void note_skipped(void *context, const char *folder, const vx_error *why)
{
    bool *skipped = context;

    (void)folder;
    (void)why;
    *skipped = true;
}

void sim_checker_look_at_checkpoint(void)
{
    vx_checkpoint_loaded *loaded = NULL;
    const vx_checkpoint *content = NULL;
    vx_status status = VX_ERR_IO;
    vx_error err = { 0 };
    bool skipped = true;

    for (int tries = 0; tries < TRIES && skipped; tries++) {
        (void)vx_checkpoint_close(loaded);
        loaded = NULL;
        skipped = false;
        status = vx_checkpoint_open_newest(SIM_RUN_DIR, note_skipped, &skipped, &loaded, &err);
        skipped |= status != VX_OK;
    }
    if (status != VX_OK)
        sim_violation("I1", "the server has stopped, and there is no checkpoint: %s", err.message);
    content = vx_checkpoint_content(loaded);
    if (content->rounds != sim_check.last ||
        !vx_digest_equal(content->parameters_digest, sim_check.records[sim_check.last].digest))
        sim_violation("I1",
                      "the server has stopped after %" PRIu64 " rounds, its newest checkpoint is "
                      "of %" PRIu64,
                      sim_check.last, content->rounds);
    (void)vx_checkpoint_close(loaded);
}

void sim_checker_look_at_log(void)
{
    if (access(sim_server_log(), F_OK) != 0)
        sim_violation("I10", "HUP came, and %s was not opened anew", sim_server_log());
}
