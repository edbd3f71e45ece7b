#include "commands.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <jansson.h>

#include <vx_base/alloc.h>
#include <vx_base/clock.h>
#include <vx_base/file.h>
#include <vx_checkpoint/checkpoint.h>

#include "checkpoint_export.h"
#include "checkpoint_options.h"
#include "progress.h"

/* "1.6 MiB". */
static void print_size(uint64_t bytes)
{
    static const char *const units[] = { "B  ", "KiB", "MiB", "GiB", "TiB" };
    double value = (double)bytes;
    size_t unit = 0;

    for (; value >= 1024 && unit + 1 < sizeof(units) / sizeof(units[0]); unit++)
        value /= 1024;
    (void)printf("  %6.*f %s", unit == 0 ? 0 : 1, value, units[unit]);
}

static void print_row(void *context, const vx_checkpoint_entry *entry)
{
    const uint64_t *now_ns = context;
    char age[VX_CTL_DURATION_SIZE] = "-";

    if (entry->written_ns > 0 && entry->written_ns <= *now_ns)
        (void)vx_ctl_duration((double)(*now_ns - entry->written_ns) / VX_NS_PER_S, age);
    (void)printf("%10" PRIu64, entry->rounds);
    if (entry->epoch > 0)
        (void)printf("  %5" PRIu32, entry->epoch);
    else
        (void)printf("  %5s", "-");
    print_size(entry->bytes);
    (void)printf("  %7s  %s%s\n", age, entry->broken != NULL ? "broken: " : "complete",
                 entry->broken != NULL ? entry->broken->message : "");
}

typedef struct listed {
    json_t *objects;
    bool failed; /* one of them could not be made */
} listed;

static void add_object(void *context, const vx_checkpoint_entry *entry)
{
    listed *list = context;
    char written[VX_TIME_TEXT_SIZE];
    json_t *object = json_pack(
        "{s:s, s:I, s:o, s:I, s:o, s:s, s:s%}", "folder", entry->folder, "rounds",
        (json_int_t)entry->rounds, "epoch",
        entry->epoch > 0 ? json_integer((json_int_t)entry->epoch) : json_null(), "bytes",
        (json_int_t)entry->bytes, "written",
        entry->written_ns > 0 ? json_string(vx_time_text(entry->written_ns, written)) : json_null(),
        "state", entry->broken != NULL ? "broken" : "complete", "why",
        entry->broken != NULL ? entry->broken->message : "",
        entry->broken != NULL ? strlen(entry->broken->message) : (size_t)0);

    if (json_array_append_new(list->objects, object) != 0)
        list->failed = true;
}

static vx_status list_json(const vx_ctl_checkpoint_options *options, vx_error *err)
{
    listed list = { .objects = json_array() };
    json_t *root = NULL;
    vx_status status =
        vx_checkpoint_list(options->run_dir, VX_CHECKPOINT_LOOK, add_object, &list, err);

    root = json_pack("{s:i, s:s, s:O}", "format", 1, "run_dir", options->run_dir, "checkpoints",
                     list.objects);
    if (status == VX_OK &&
        (list.failed || root == NULL || json_dumpf(root, stdout, JSON_COMPACT) != 0))
        status = vx_fail(err, VX_ERR_IO, "%s: cannot print the list", options->run_dir);
    if (status == VX_OK)
        (void)puts("");
    json_decref(root);
    json_decref(list.objects);
    return status;
}

static vx_status list_all(const vx_ctl_checkpoint_options *options, vx_error *err)
{
    vx_clock clock = vx_clock_system();
    uint64_t now_ns = vx_clock_realtime_ns(&clock);

    if (options->json)
        return list_json(options, err);
    if (!vx_file_exists(options->run_dir))
        return vx_fail(err, VX_ERR_NOT_FOUND, "%s: no such run directory", options->run_dir);
    (void)puts("    rounds  epoch        size      age  state");
    return vx_checkpoint_list(options->run_dir, VX_CHECKPOINT_LOOK, print_row, &now_ns, err);
}

typedef struct verdict {
    unsigned seen, broken;
    vx_status failure; /* that is not of a checkpoint: memory */
    vx_error err;
} verdict;

static void print_broken(void *context, const char *path, const vx_error *why)
{
    (void)context;
    (void)path; /* the message names it */
    (void)printf("  %s\n", why->message);
}

static void verify_one(verdict *all, const char *folder)
{
    vx_status status = VX_OK;

    (void)printf("%s\n", folder);
    status = vx_checkpoint_verify(folder, print_broken, NULL, &all->err);
    all->seen++;
    if (status == VX_ERR_NOMEM)
        all->failure = status;
    else if (status == VX_OK)
        (void)puts("  valid");
    else
        all->broken++;
}

static void verify_entry(void *context, const vx_checkpoint_entry *entry)
{
    verdict *all = context;

    if (all->failure == VX_OK)
        verify_one(all, entry->folder);
}

static vx_status verify(const vx_ctl_checkpoint_options *options, vx_error *err)
{
    verdict all = { .failure = VX_OK };
    vx_status status = VX_OK;
    const char *where = options->folder != NULL ? options->folder : options->run_dir;

    if (!vx_file_exists(where))
        return vx_fail(err, VX_ERR_NOT_FOUND, "%s: no such folder", where);
    if (options->folder != NULL)
        verify_one(&all, options->folder);
    else
        status = vx_checkpoint_list(where, VX_CHECKPOINT_LOOK, verify_entry, &all, err);
    if (status == VX_OK && all.failure != VX_OK) {
        *err = all.err;
        status = all.failure;
    }
    if (status != VX_OK)
        return status;
    if (all.seen == 0)
        return vx_fail(err, VX_ERR_NOT_FOUND, "%s: no checkpoint", where);
    if (all.broken > 0)
        return vx_fail(err, VX_ERR_DATA, "%u of %u checkpoints broken", all.broken, all.seen);
    return VX_OK;
}

typedef struct pruned {
    bool dry_run;
    unsigned removed, kept;
} pruned;

static void print_pruned(void *context, const vx_checkpoint_entry *entry)
{
    pruned *counts = context;

    if (entry->stays) {
        counts->kept++;
        return;
    }
    counts->removed++;
    (void)printf("%s %s%s\n", counts->dry_run ? "would remove" : "removed",
                 vx_path_name(entry->folder), entry->broken != NULL ? " (broken)" : "");
}

static vx_status prune(const vx_ctl_checkpoint_options *options, vx_error *err)
{
    pruned counts = { .dry_run = options->dry_run };
    char *lock = vx_path_join(options->run_dir, "run.lock");
    int handle = -1;
    vx_status status = VX_OK;

    if (lock == NULL)
        return vx_fail(err, VX_ERR_NOMEM, "no memory for a path");
    if (!vx_file_exists(options->run_dir))
        status = vx_fail(err, VX_ERR_NOT_FOUND, "%s: no such run directory", options->run_dir);
    if (status == VX_OK)
        status = vx_file_lock(lock, &handle, err);
    if (status == VX_OK)
        status = vx_checkpoint_prune(options->run_dir, options->keep, options->keep_every,
                                     options->dry_run, print_pruned, &counts, err);
    vx_file_close(handle);
    vx_free(lock);
    if (status == VX_OK)
        (void)printf("%u %s, %u stay\n", counts.removed,
                     options->dry_run ? "would be removed" : "removed", counts.kept);
    return status;
}

static vx_status export_one(const vx_ctl_checkpoint_options *options, vx_error *err)
{
    vx_checkpoint_loaded *loaded = NULL;
    const vx_checkpoint *content = NULL;
    vx_status status = vx_checkpoint_open(options->folder, &loaded, err);
    size_t numbers = 0;

    if (status != VX_OK)
        return status;
    content = vx_checkpoint_content(loaded);
    status = vx_ctl_checkpoint_write_to(content, options->out, err);
    for (size_t i = 0; i < content->parameters_count; i++)
        numbers += vx_tensor_numbers(&content->parameters[i]);
    if (status == VX_OK)
        (void)printf("%s: %zu tensors, %zu parameters after %" PRIu64 " rounds\n", options->out,
                     content->parameters_count, numbers, content->rounds);
    vx_checkpoint_close(loaded);
    return status;
}

int vx_ctl_checkpoint(int argc, char **argv)
{
    static vx_status (*const actions[VX_CTL_CHECKPOINT_MAX])(const vx_ctl_checkpoint_options *,
                                                             vx_error *) = {
        [VX_CTL_CHECKPOINT_LIST] = list_all,
        [VX_CTL_CHECKPOINT_VERIFY] = verify,
        [VX_CTL_CHECKPOINT_PRUNE] = prune,
        [VX_CTL_CHECKPOINT_EXPORT] = export_one,
    };
    vx_ctl_checkpoint_options options = { 0 };
    vx_error err = { 0 };

    if (vx_ctl_checkpoint_options_parse(argc, argv, &options, &err) != VX_OK ||
        actions[options.action](&options, &err) != VX_OK)
        return vx_ctl_complain(&err);
    return 0;
}
