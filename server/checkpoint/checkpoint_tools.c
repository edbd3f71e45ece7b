#include <vx_checkpoint/checkpoint.h>

#include <string.h>

#include <vx_base/alloc.h>
#include <vx_base/assert.h>
#include <vx_base/file.h>

#include "content.h"
#include "folder.h"

typedef struct listener { /* for what is broken; NULL functions hear nothing */
    vx_checkpoint_skipped found;
    void *context;
    vx_status first; /* VX_OK: nothing yet */
    vx_error *err;   /* of the first */
} listener;

static void hear(listener *to, const char *path, const vx_error *why)
{
    if (to->found != NULL)
        to->found(to->context, path, why);
    if (to->first != VX_OK)
        return;
    to->first = why->code;
    if (to->err != NULL)
        *to->err = *why;
}

/* Compares one file. Only VX_ERR_NOMEM comes back; what is broken is heard. */
static vx_status look_at(const char *folder, vx_part part, const vx_manifest *manifest,
                         vx_checkpoint_look look, listener *to)
{
    const vx_measure *expected = &manifest->parts.measure[part];
    char *path = vx_path_join(folder, vx_part_file(part));
    vx_tensor_file *file = NULL;
    vx_error why = { 0 };
    vx_status status = VX_OK;

    if (path == NULL)
        return VX_ERR_NOMEM;
    if (look == VX_CHECKPOINT_LOOK)
        status = vx_content_compare_size(path, expected->size, &why);
    else
        status = vx_content_compare(path, expected, &why);
    if (status == VX_OK && look == VX_CHECKPOINT_VERIFY)
        status = vx_safetensors_open(path, &file, &why);
    vx_tensor_file_close(file);
    if (status != VX_OK && status != VX_ERR_NOMEM)
        hear(to, path, &why);
    vx_free(path);
    return status == VX_ERR_NOMEM ? status : VX_OK;
}

/* The same of the whole folder. */
static vx_status look_into(const char *folder, vx_checkpoint_look look, listener *to,
                           uint32_t *ret_epoch)
{
    vx_manifest manifest = { 0 };
    vx_error why = { 0 };
    vx_status status = vx_content_manifest(folder, &manifest, &why);

    if (status == VX_ERR_NOMEM)
        return status;
    if (status != VX_OK) {
        hear(to, folder, &why);
        return VX_OK;
    }
    *ret_epoch = manifest.checkpoint.epoch;
    for (unsigned part = 0; part < VX_PARTS && status == VX_OK; part++)
        if (manifest.parts.present[part])
            status = look_at(folder, part, &manifest, look, to);
    json_decref(manifest.json);
    if (status == VX_OK && look == VX_CHECKPOINT_VERIFY && to->first == VX_OK) {
        vx_checkpoint_loaded *loaded = NULL; /* the rest: what the files say of each other */

        status = vx_checkpoint_open(folder, &loaded, &why);
        vx_checkpoint_close(loaded);
        if (status != VX_OK && status != VX_ERR_NOMEM)
            hear(to, folder, &why);
    }
    return status == VX_ERR_NOMEM ? status : VX_OK;
}

vx_status vx_checkpoint_verify(const char *folder, vx_checkpoint_skipped found, void *context,
                               vx_error *err)
{
    listener to = { .found = found, .context = context, .err = err };
    uint32_t epoch = 0;
    vx_status status = look_into(folder, VX_CHECKPOINT_VERIFY, &to, &epoch);

    if (status != VX_OK)
        return vx_fail(err, status, "%s: no memory to read it", folder);
    return to.first;
}

/* Bytes of all files of the folder, and when its manifest was written: 0 where nothing is known. */
static vx_status weigh(const char *folder, vx_checkpoint_entry *entry)
{
    const vx_files *files = vx_files_current();
    vx_names names = { 0 };
    vx_status status = vx_file_list(folder, &names, NULL);

    for (size_t i = 0; status == VX_OK && i < names.count; i++) {
        char *path = vx_path_join(folder, names.at[i]);
        vx_file_info info = { 0 };

        if (path == NULL)
            status = VX_ERR_NOMEM;
        else if (files->info_of(files->context, path, &info) == 0)
            entry->bytes += info.size;
        if (strcmp(names.at[i], VX_MANIFEST_FILE) == 0)
            entry->written_ns = info.modified_ns;
        vx_free(path);
    }
    vx_names_clear(&names);
    return status == VX_ERR_NOMEM ? status : VX_OK;
}

/* What is done with each entry, the newest first, before it is visited; it may set stays. */
typedef vx_status (*step)(void *context, const char *run_dir, vx_checkpoint_entry *entry,
                          vx_error *err);

typedef struct walk {
    vx_checkpoint_look look;
    step step; /* or NULL */
    void *step_context;
    vx_checkpoint_visit visit; /* or NULL */
    void *context;
} walk;

static vx_status walk_one(const char *run_dir, uint64_t rounds, const walk *how, vx_error *err)
{
    char *folder = vx_checkpoint_path(run_dir, rounds);
    vx_checkpoint_entry entry = { .folder = folder, .rounds = rounds, .stays = true };
    vx_error why = { 0 };
    listener to = { .err = &why };
    vx_status status = VX_ERR_NOMEM;

    if (folder != NULL)
        status = weigh(folder, &entry);
    if (status == VX_OK)
        status = look_into(folder, how->look, &to, &entry.epoch);
    if (status == VX_ERR_NOMEM) {
        vx_free(folder);
        return vx_fail(err, status, "%s: no memory to list it", run_dir);
    }
    if (to.first != VX_OK)
        entry.broken = &why;
    if (how->step != NULL)
        status = how->step(how->step_context, run_dir, &entry, err);
    if (status == VX_OK && how->visit != NULL)
        how->visit(how->context, &entry);
    vx_free(folder);
    return status;
}

static vx_status walk_all(const char *run_dir, const walk *how, vx_error *err)
{
    uint64_t *rounds = NULL;
    size_t count = 0;
    vx_status status = vx_checkpoint_rounds(run_dir, &rounds, &count, err);

    for (size_t i = 0; status == VX_OK && i < count; i++)
        status = walk_one(run_dir, rounds[i], how, err);
    vx_free(rounds);
    return status;
}

vx_status vx_checkpoint_list(const char *run_dir, vx_checkpoint_look look,
                             vx_checkpoint_visit visit, void *context, vx_error *err)
{
    walk how = { .look = look, .visit = visit, .context = context };

    return walk_all(run_dir, &how, err);
}

typedef struct pruning {
    uint64_t keep, keep_every;
    uint64_t newer; /* valid ones so far */
    bool dry_run;
} pruning;

static vx_status prune_one(void *context, const char *run_dir, vx_checkpoint_entry *entry,
                           vx_error *err)
{
    pruning *p = context;

    entry->stays = vx_checkpoint_stays(entry->rounds, p->newer, p->keep, p->keep_every);
    p->newer += entry->broken == NULL;
    if (entry->stays || p->dry_run)
        return VX_OK;
    return vx_checkpoint_put_aside(run_dir, entry->folder, err);
}

vx_status vx_checkpoint_prune(const char *run_dir, uint64_t keep, uint64_t keep_every, bool dry_run,
                              vx_checkpoint_visit visit, void *context, vx_error *err)
{
    pruning p = { .keep = keep, .keep_every = keep_every, .dry_run = dry_run };
    walk how = { .look = VX_CHECKPOINT_VERIFY,
                 .step = prune_one,
                 .step_context = &p,
                 .visit = visit,
                 .context = context };
    vx_status status = VX_OK;

    VX_ASSERT(keep >= 1);
    status = walk_all(run_dir, &how, err);
    if (status == VX_OK && !dry_run)
        status = vx_checkpoint_sweep(run_dir, err);
    return status;
}
