#include "idle.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include <vx_base/assert.h>

#include "schema.h"

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static vx_status check_labels(const vx_job *job, vx_error *err)
{
    const vx_job_data *data = &job->data;
    bool pair = data->format == VX_JOB_FORMAT_IDX || data->format == VX_JOB_FORMAT_NPY;
    const struct {
        const char *key, *path;
    } labels[] = {
        { "data.train_labels", data->train_labels },
        { "data.test_labels", data->test_labels },
    };

    for (size_t i = 0; i < COUNT_OF(labels); i++) {
        if (pair && labels[i].path[0] == '\0')
            return vx_job_fail(job, labels[i].key, err,
                               "expected the path of a file with data.format: %s, found none",
                               vx_job_format_name(data->format));
        if (!pair && labels[i].path[0] != '\0')
            return vx_job_fail(job, labels[i].key, err,
                               "expected no such key with data.format: %s, whose files have both, "
                               "found one",
                               vx_job_format_name(data->format));
    }
    return VX_OK;
}

static vx_status check_format(const vx_job *job, vx_error *err)
{
    bool csv = job->data.format == VX_JOB_FORMAT_CSV;
    bool cifar = job->data.format == VX_JOB_FORMAT_CIFAR;
    bool svmlight = job->data.format == VX_JOB_FORMAT_SVMLIGHT;
    const vx_idle_key keys[] = {
        { "data.csv.header", csv, "data.format: csv" },
        { "data.csv.delimiter", csv, "data.format: csv" },
        { "data.csv.target", csv, "data.format: csv" },
        { "data.csv.ignore", csv, "data.format: csv" },
        { "data.csv.missing", csv, "data.format: csv" },
        { "data.csv.categories", csv, "data.format: csv" },
        { "data.train_more", cifar, "data.format: cifar" },
        { "data.test_more", cifar, "data.format: cifar" },
        { "data.svmlight.features", svmlight, "data.format: svmlight" },
        { "data.svmlight.first", svmlight, "data.format: svmlight" },
    };

    if (cifar && job->data.classes != 10 && job->data.classes != 20 && job->data.classes != 100)
        return vx_job_fail(job, "data.format", err,
                           "expected data.classes: 10, or of CIFAR-100 100 (fine labels) or 20 "
                           "(coarse ones), beside it, found %" PRIu64,
                           job->data.classes);
    return vx_config_refuse_idle(job, keys, COUNT_OF(keys), vx_job_format_name(job->data.format),
                                 err);
}

static vx_status check_scale(const vx_job *job, vx_error *err)
{
    bool constants = job->data.reference[0] == '\0';
    const vx_idle_key keys[] = {
        { "data.mean", constants, "no data.reference" },
        { "data.deviation", constants, "no data.reference" },
    };

    return vx_config_refuse_idle(job, keys, COUNT_OF(keys), "one", err);
}

static vx_status check_csv(const vx_job *job, vx_error *err)
{
    const vx_job_csv *csv = &job->data.csv;

    if (csv->delimiter[0] == '"' || csv->delimiter[0] == '\n' || csv->delimiter[0] == '\r')
        return vx_job_fail(job, "data.csv.delimiter", err,
                           "expected a byte that is neither a quote nor the end of a line");
    if (csv->missing == VX_JOB_MISSING_MEAN && job->data.reference[0] == '\0')
        return vx_job_fail(job, "data.csv.missing", err,
                           "expected data.reference beside mean, which says the means, found none");
    return VX_OK;
}

static vx_status check_shard(const vx_job *job, vx_error *err)
{
    const vx_job_data *data = &job->data;
    bool files = data->shard == VX_JOB_SHARD_FILES;
    const vx_idle_key keys[] = {
        { "data.gamma", data->shard == VX_JOB_SHARD_GAMMA_SIMILARITY,
          "data.shard: gamma_similarity" },
        { "data.files", files, "data.shard: files" },
    };

    if (files && data->files_count != job->workers.max_workers)
        return vx_job_fail(job, "data.files", err,
                           "expected a file a slot, workers.max_workers (%" PRIu64 "), found %u",
                           job->workers.max_workers, data->files_count);
    if (data->shard == VX_JOB_SHARD_DIRICHLET &&
        job->model.likelihood != VX_JOB_LIKELIHOOD_CATEGORICAL)
        return vx_job_fail(job, "data.shard", err,
                           "expected iid, sorted, gamma_similarity or files with "
                           "model.likelihood: %s, which has no classes, found dirichlet",
                           vx_job_likelihood_name(job->model.likelihood));
    return vx_config_refuse_idle(job, keys, COUNT_OF(keys), "another one", err);
}

/* The largest scale of a kind; flip has none. */
static const struct {
    const char *name;
    double most;
    bool whole;
} scales[] = {
    [VX_JOB_AUGMENT_FLIP] = { "flip", HUGE_VAL, false },
    [VX_JOB_AUGMENT_SHIFT] = { "shift", 4096, true },
    [VX_JOB_AUGMENT_GAUSSIAN_NOISE] = { "gaussian_noise", 1e6, false },
    [VX_JOB_AUGMENT_LOTKA_VOLTERRA] = { "lotka_volterra", 1, false },
    [VX_JOB_AUGMENT_CAT_MAP] = { "cat_map", 1000, true },
    [VX_JOB_AUGMENT_SMOOTH_CAT_MAP] = { "smooth_cat_map", 1, false },
};

static vx_status check_scale_of(const vx_job *job, const char *key, const vx_job_augment *augment,
                                vx_error *err)
{
    double scale = augment->scale, most = scales[augment->kind].most;

    if (scales[augment->kind].whole && floor(scale) < scale)
        return vx_job_fail(job, key, err,
                           "expected a whole number with kind: shift or cat_map, found %g", scale);
    if (scale > most)
        return vx_job_fail(job, key, err, "expected at most %g with kind: %s, found %g", most,
                           scales[augment->kind].name, scale);
    return VX_OK;
}

static vx_status check_augment(const vx_job *job, unsigned index, vx_error *err)
{
    const vx_job_augment *augment = &job->data.augment[index];
    char key[VX_KEY_PATH_MAX];
    vx_status status = VX_OK;

    for (unsigned i = 0; i < augment->slots_count; i++) {
        if (augment->slots[i] < job->workers.max_workers)
            continue;
        (void)snprintf(key, sizeof(key), "data.augment[%u].slots[%u]", index, i);
        return vx_job_fail(job, key, err,
                           "expected a slot below workers.max_workers (%" PRIu64
                           "), found %" PRIu64,
                           job->workers.max_workers, augment->slots[i]);
    }
    (void)snprintf(key, sizeof(key), "data.augment[%u].scale", index);
    status = check_scale_of(job, key, augment, err);
    if (status != VX_OK)
        return status;
    (void)snprintf(key, sizeof(key), "data.augment[%u].to_round", index);
    if (augment->from_round > augment->to_round)
        return vx_job_fail(job, key, err,
                           "expected at least from_round (%" PRIu64 "), found %" PRIu64,
                           augment->from_round, augment->to_round);
    return VX_OK;
}

vx_status vx_config_relate_data(vx_job *job, vx_error *err)
{
    static vx_status (*const checks[])(const vx_job *job, vx_error *err) = {
        check_labels, check_format, check_scale, check_csv, check_shard,
    };
    vx_status status = VX_OK;

    for (size_t i = 0; status == VX_OK && i < COUNT_OF(checks); i++)
        status = checks[i](job, err);
    for (unsigned i = 0; status == VX_OK && i < job->data.augment_count; i++)
        status = check_augment(job, i, err);
    return status;
}
