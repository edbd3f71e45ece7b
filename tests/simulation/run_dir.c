#include <stdio.h>
#include <string.h>

#include <vx_base/files.h>

#include "storage.h"

#define NAME_SIZE 256

typedef struct search {
    bool (*wanted)(const char *name);
    char found[NAME_SIZE]; /* the last one in the order of names */
} search;

static int visit(void *visitor, const char *name)
{
    search *self = visitor;

    if (self->wanted(name) && strcmp(name, self->found) > 0)
        snprintf(self->found, sizeof(self->found), "%s", name);
    return 0;
}

static bool find(const char *folder, search *self)
{
    const vx_files *files = vx_files_current();

    self->found[0] = '\0';
    (void)files->list(files->context, folder, visit, self);
    return self->found[0] != '\0';
}

static bool is_checkpoint(const char *name)
{
    return strncmp(name, "checkpoint-", 11) == 0;
}

static bool is_any(const char *name)
{
    return name[0] != '\0';
}

static bool is_litter(const char *name)
{
    static const char *const known[] = { "run.lock",    "job.yaml",     "epoch",
                                         "tokens",      "events.jsonl", "metrics.jsonl",
                                         "result.json", "status.json",  "ledger.db" };
    bool is_known = is_checkpoint(name) || strncmp(name, "skipped-", 8) == 0;

    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        is_known |= strcmp(name, known[i]) == 0;
    return !is_known;
}

/* A folder of files. */
static void remove_flat(const char *folder)
{
    const vx_files *files = vx_files_current();
    search all = { .wanted = is_any };
    char path[3 * NAME_SIZE];

    while (find(folder, &all)) {
        if (snprintf(path, sizeof(path), "%s/%s", folder, all.found) >= (int)sizeof(path) ||
            files->remove(files->context, path) != 0)
            return;
    }
    (void)files->remove_folder(files->context, folder);
}

void sim_run_dir_lose_newest(void)
{
    const vx_files *files = vx_files_current();
    search newest = { .wanted = is_checkpoint };
    char path[3 * NAME_SIZE];

    (void)files->remove(files->context, SIM_RUN_DIR "/ledger.db");
    (void)files->remove(files->context, SIM_RUN_DIR "/ledger.db-wal");
    if (!find(SIM_RUN_DIR, &newest))
        return;
    snprintf(path, sizeof(path), "%s/%s", SIM_RUN_DIR, newest.found);
    remove_flat(path);
}

const char *sim_run_dir_litter(void)
{
    static search litter = { .wanted = is_litter };

    return find(SIM_RUN_DIR, &litter) ? litter.found : NULL;
}
