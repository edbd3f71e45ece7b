#include "relate.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <vx_base/alloc.h>
#include <vx_base/file.h>
#include <vx_base/sum.h>

#include "idle.h"
#include "schema.h"
#include "text.h"
#include "where.h"

static bool given(const vx_job *job, const char *key)
{
    return vx_config_origin_find(job->origin, key) != NULL;
}

static void derive(vx_job *job)
{
    uint64_t count = job->workers.count;
    uint64_t byzantine = job->aggregation.byzantine;
    char key[VX_KEY_PATH_MAX];

    if (!given(job, "workers.quorum"))
        job->workers.quorum = byzantine < count ? count - byzantine : 1;
    if (!given(job, "workers.min_workers"))
        job->workers.min_workers = job->workers.quorum;
    if (!given(job, "workers.max_workers"))
        job->workers.max_workers = count;
    if (!given(job, "workers.blocks"))
        job->workers.blocks = job->workers.ranks;
    if (!given(job, "workers.momentum"))
        job->workers.momentum = job->aggregation.rule == VX_JOB_RULE_MEAN ? 0 : 0.9;
    if (job->aggregation.compat == VX_JOB_COMPAT_BYZFL) { /* its own defaults */
        if (!given(job, "aggregation.nu"))
            job->aggregation.nu = 0.1;
        if (!given(job, "aggregation.iterations"))
            job->aggregation.iterations = 3;
    }
    for (unsigned i = 0; i < job->faults_count; i++) {
        (void)snprintf(key, sizeof(key), "faults[%u].to_round", i);
        if (!given(job, key))
            job->faults[i].to_round = job->rounds - 1;
    }
    for (unsigned i = 0; i < job->data.augment_count; i++) {
        (void)snprintf(key, sizeof(key), "data.augment[%u].to_round", i);
        if (!given(job, key))
            job->data.augment[i].to_round = job->rounds - 1;
    }
}

static vx_status make_absolute(vx_job *job, const char *folder, const char *key, char **path,
                               vx_error *err)
{
    char *joined = NULL;

    if ((*path)[0] == '\0')
        return VX_OK; /* none */
    joined = vx_path_join(folder, *path);
    if (joined == NULL)
        return VX_ERR_NOMEM;
    vx_free(*path);
    *path = joined;
    if (strlen(joined) >= VX_PATH_MAX)
        return vx_job_fail(job, key, err, "expected a path of at most %d bytes, found %zu",
                           VX_PATH_MAX - 1, strlen(joined));
    if (!vx_config_text_is_printable(joined))
        return vx_job_fail(job, key, err, "expected a path of printable UTF-8, found other bytes");
    return VX_OK;
}

static vx_status resolve_list(vx_job *job, const char *folder, const char *name, char **list,
                              unsigned count, vx_error *err)
{
    char key[VX_KEY_PATH_MAX];
    vx_status status = VX_OK;

    for (unsigned i = 0; status == VX_OK && i < count; i++) {
        (void)snprintf(key, sizeof(key), "%s[%u]", name, i);
        status = make_absolute(job, folder, key, &list[i], err);
    }
    return status;
}

static vx_status resolve_lists(vx_job *job, const char *folder, vx_error *err)
{
    vx_job_data *data = &job->data;
    vx_status status =
        resolve_list(job, folder, "data.train_more", data->train_more, data->train_more_count, err);

    if (status == VX_OK)
        status = resolve_list(job, folder, "data.test_more", data->test_more, data->test_more_count,
                              err);
    if (status == VX_OK)
        status = resolve_list(job, folder, "data.files", data->files, data->files_count, err);
    return status;
}

static vx_status resolve_paths(vx_job *job, const char *folder, vx_error *err)
{
    const struct {
        const char *key;
        char **path;
    } paths[] = {
        { "data.train_features", &job->data.train_features },
        { "data.train_labels", &job->data.train_labels },
        { "data.test_features", &job->data.test_features },
        { "data.test_labels", &job->data.test_labels },
        { "data.reference", &job->data.reference },
        { "data.csv.categories", &job->data.csv.categories },
        { "model.loss.teacher", &job->model.loss.teacher },
        { "model.plugin", &job->model.plugin },
    };
    char here[VX_PATH_MAX] = "/";
    bool found = folder[0] == '/' || getcwd(here, sizeof(here)) != NULL;
    char *absolute = found ? vx_path_join(here, folder) : NULL;
    vx_status status = absolute != NULL ? VX_OK : VX_ERR_NOMEM;

    if (!found)
        status = vx_fail(err, VX_ERR_SYSTEM, "the current folder cannot be found");
    for (size_t i = 0; status == VX_OK && i < sizeof(paths) / sizeof(paths[0]); i++)
        status = make_absolute(job, absolute, paths[i].key, paths[i].path, err);
    if (status == VX_OK)
        status = resolve_lists(job, absolute, err);
    vx_free(absolute);
    return status;
}

static vx_status check_membership(const vx_job *job, vx_error *err)
{
    const vx_job_workers *w = &job->workers;

    if (w->quorum > w->count)
        return vx_job_fail(job, "workers.quorum", err,
                           "expected at most workers.count (%" PRIu64 "), found %" PRIu64, w->count,
                           w->quorum);
    if (w->min_workers < w->quorum)
        return vx_job_fail(job, "workers.min_workers", err,
                           "expected at least workers.quorum (%" PRIu64 "), found %" PRIu64,
                           w->quorum, w->min_workers);
    if (w->min_workers > w->count)
        return vx_job_fail(job, "workers.min_workers", err,
                           "expected at most workers.count (%" PRIu64 "), found %" PRIu64, w->count,
                           w->min_workers);
    if (w->max_workers < w->count)
        return vx_job_fail(job, "workers.max_workers", err,
                           "expected at least workers.count (%" PRIu64 "), found %" PRIu64,
                           w->count, w->max_workers);
    return VX_OK;
}

/* Each rank has a run of blocks whose sum is a node of the order in which blocks are added. */
static vx_status check_ranks(const vx_job *job, vx_error *err)
{
    const vx_job_workers *w = &job->workers;
    const char *key = given(job, "workers.blocks") ? "workers.blocks" : "workers.ranks";

    if (!vx_sum_splits(w->blocks, w->ranks))
        return vx_job_fail(job, "workers.ranks", err,
                           "expected a power of two that divides workers.blocks, or as many as "
                           "workers.blocks (%" PRIu64 "), found %" PRIu64,
                           w->blocks, w->ranks);
    if (w->blocks > job->data.batch)
        return vx_job_fail(job, key, err,
                           "expected at most data.batch (%" PRIu64 "), found %" PRIu64,
                           job->data.batch, w->blocks);
    return VX_OK;
}

static vx_status check_workers(const vx_job *job, vx_error *err)
{
    const vx_job_workers *w = &job->workers;
    uint64_t n = w->count;
    vx_status status = check_membership(job, err);

    if (status == VX_OK)
        status = check_ranks(job, err);
    if (status != VX_OK)
        return status;
    if (w->backup > n - w->quorum)
        return vx_job_fail(job, "workers.backup", err,
                           "expected at most workers.count - workers.quorum (%" PRIu64
                           "), found %" PRIu64,
                           n - w->quorum, w->backup);
    if (w->staleness > 0 && job->checkpoint.durability == VX_JOB_DURABILITY_LEDGER)
        return vx_job_fail(job, "checkpoint.durability", err,
                           "expected full or checkpoint with workers.staleness above 0, found "
                           "ledger: a round of older gradients cannot be made again");
    if (w->deadline == VX_JOB_DEADLINE_ADAPTIVE && w->deadline_least_s > w->deadline_s)
        return vx_job_fail(job, "workers.deadline_least_s", err,
                           "expected at most workers.deadline_s (%g), found %g", w->deadline_s,
                           w->deadline_least_s);
    if (w->heartbeat_timeout_s <= w->heartbeat_s)
        return vx_job_fail(job, "workers.heartbeat_timeout_s", err,
                           "expected more than workers.heartbeat_s (%g), found %g", w->heartbeat_s,
                           w->heartbeat_timeout_s);
    return VX_OK;
}

typedef struct mode_value {
    const char *key, *value; /* as the file spells it */
    int is, was;
} mode_value;

/* A mode is a whole: a key beside it that says something else is a mistake. */
static vx_status apply_mode(vx_job *job, vx_error *err)
{
    vx_job_flag *flag = &job->aggregation.flag;
    bool paper = flag->mode == VX_JOB_FLAG_MODE_PAPER;
    const mode_value values[] = {
        { "aggregation.flag.iterations", paper ? "5" : "1", paper ? 5 : 1, (int)flag->iterations },
        { "aggregation.flag.scale", paper ? "count" : "subspace",
          paper ? VX_JOB_FLAG_SCALE_COUNT : VX_JOB_FLAG_SCALE_SUBSPACE, (int)flag->scale },
        { "aggregation.flag.loss", paper ? "paper" : "released",
          paper ? VX_JOB_FLAG_LOSS_PAPER : VX_JOB_FLAG_LOSS_RELEASED, (int)flag->loss },
        { "aggregation.flag.direction", paper ? "raw" : "unit",
          paper ? VX_JOB_FLAG_DIRECTION_RAW : VX_JOB_FLAG_DIRECTION_UNIT, (int)flag->direction },
    };

    if (flag->mode == VX_JOB_FLAG_MODE_DEFAULT)
        return VX_OK;
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
        if (given(job, values[i].key) && values[i].is != values[i].was)
            return vx_job_fail(job, values[i].key, err,
                               "expected %s or no such key with aggregation.flag.mode: %s, found "
                               "another value",
                               values[i].value, paper ? "paper" : "released");
    flag->iterations = (uint64_t)values[0].is;
    flag->scale = (vx_job_flag_scale)values[1].is;
    flag->loss = (vx_job_flag_loss)values[2].is;
    flag->direction = (vx_job_flag_direction)values[3].is;
    return VX_OK;
}

static vx_status check_slots(const vx_job *job, vx_error *err)
{
    const vx_job_aggregation *a = &job->aggregation;
    uint64_t slots = job->workers.max_workers;

    if (a->share_count > 0 && a->share_count != slots)
        return vx_job_fail(job, "aggregation.share", err,
                           "expected no number or one a slot, workers.max_workers (%" PRIu64
                           "), found %u",
                           slots, a->share_count);
    if (a->pivot >= slots)
        return vx_job_fail(job, "aggregation.pivot", err,
                           "expected a slot below workers.max_workers (%" PRIu64
                           "), found %" PRIu64,
                           slots, a->pivot);
    return VX_OK;
}

static vx_status check_aggregation(const vx_job *job, vx_error *err)
{
    const struct {
        const char *key;
        uint64_t value, most;
        const char *what;
    } counts[] = {
        { "aggregation.byzantine", job->aggregation.byzantine, job->workers.count - 1,
          "less than" },
        { "aggregation.selected", job->aggregation.selected, job->workers.count, "at most" },
        { "aggregation.flag.subspace", job->aggregation.flag.subspace, job->workers.count,
          "at most" },
    };

    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
        if (counts[i].value > counts[i].most)
            return vx_job_fail(job, counts[i].key, err,
                               "expected %s workers.count (%" PRIu64 "), found %" PRIu64,
                               counts[i].what, job->workers.count, counts[i].value);
    return check_slots(job, err);
}

static vx_status check_schedule(const vx_job *job, vx_error *err)
{
    if (job->optimiser.schedule.kind == VX_JOB_SCHEDULE_STEP && job->optimiser.schedule.every == 0)
        return vx_job_fail(job, "optimiser.schedule.every", err,
                           "expected at least 1 with kind: step, found 0");
    return VX_OK;
}

static vx_status check_fault(const vx_job *job, unsigned index, vx_error *err)
{
    const vx_job_fault *fault = &job->faults[index];
    char key[VX_KEY_PATH_MAX];

    for (unsigned i = 0; i < fault->slots_count; i++) {
        if (fault->slots[i] < job->workers.max_workers)
            continue;
        (void)snprintf(key, sizeof(key), "faults[%u].slots[%u]", index, i);
        return vx_job_fail(job, key, err,
                           "expected a slot below workers.max_workers (%" PRIu64
                           "), found %" PRIu64,
                           job->workers.max_workers, fault->slots[i]);
    }
    (void)snprintf(key, sizeof(key), "faults[%u].to_round", index);
    if (fault->from_round > fault->to_round)
        return vx_job_fail(job, key, err,
                           "expected at least from_round (%" PRIu64 "), found %" PRIu64,
                           fault->from_round, fault->to_round);
    return VX_OK;
}

static vx_status check_faults(const vx_job *job, vx_error *err)
{
    vx_status status = VX_OK;

    if (job->faults_count > 0 && !job->allow_fault_injection)
        return vx_job_fail(job, "faults", err,
                           "expected allow_fault_injection: true beside it, found false");
    for (unsigned i = 0; status == VX_OK && i < job->faults_count; i++)
        status = check_fault(job, i, err);
    return status;
}

vx_status vx_config_relate(vx_job *job, const char *folder, vx_error *err)
{
    vx_status status = VX_OK;

    derive(job);
    status = resolve_paths(job, folder, err);
    if (status == VX_OK)
        status = vx_config_relate_data(job, err);
    if (status == VX_OK)
        status = vx_config_relate_model(job, err);
    if (status == VX_OK)
        status = check_schedule(job, err);
    if (status == VX_OK)
        status = apply_mode(job, err);
    if (status == VX_OK)
        status = check_aggregation(job, err);
    if (status == VX_OK)
        status = check_workers(job, err);
    if (status == VX_OK)
        status = check_faults(job, err);
    return status;
}
