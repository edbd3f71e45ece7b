#include "task_private.h"

#include <string.h>

#include <vx_base/alloc.h>
#include <vx_base/assert.h>
#include <vx_base/file.h>
#include <vx_likelihood/head.h>

char *vx_task_data_path(const vx_task_place *place, const char *path)
{
    if (place->data_dir[0] == '\0' || path[0] == '\0')
        return vx_strdup(path);
    return vx_path_join(place->data_dir, vx_path_name(path));
}

static vx_data_format format_of(vx_job_format format)
{
    switch (format) {
    case VX_JOB_FORMAT_NPY:
        return VX_DATA_NPY;
    case VX_JOB_FORMAT_CSV:
        return VX_DATA_CSV;
    case VX_JOB_FORMAT_SVMLIGHT:
        return VX_DATA_SVMLIGHT;
    case VX_JOB_FORMAT_CIFAR:
        return VX_DATA_CIFAR;
    case VX_JOB_FORMAT_IDX:
        break;
    }
    return VX_DATA_IDX;
}

/* A job with means has a reference, but where one is to be made. */
static vx_missing missing_of(vx_job_missing missing, const vx_reference *reference)
{
    switch (missing) {
    case VX_JOB_MISSING_ZERO:
        return VX_MISSING_ZERO;
    case VX_JOB_MISSING_MEAN:
        return reference != NULL ? VX_MISSING_MEAN : VX_MISSING_NAN;
    case VX_JOB_MISSING_REFUSE:
        break;
    }
    return VX_MISSING_REFUSE;
}

char **vx_task_paths_destroy(char **paths, size_t count)
{
    for (size_t i = 0; paths != NULL && i < count; i++)
        vx_free(paths[i]);
    vx_free(paths);
    return NULL;
}

char **vx_task_data_paths(const vx_task_place *place, char *const *paths, size_t count)
{
    char **list = vx_calloc(count + 1, sizeof(*list));

    for (size_t i = 0; list != NULL && i < count; i++) {
        list[i] = vx_task_data_path(place, paths[i]);
        if (list[i] == NULL)
            return vx_task_paths_destroy(list, count);
    }
    return list;
}

static vx_status open_reference(vx_task *task, const vx_task_place *place, vx_error *err)
{
    const vx_job_data *data = &task->job->data;
    char *path = NULL;
    vx_status status = VX_OK;

    task->standardise =
        (vx_standardise){ .mean = (float)data->mean, .deviation = (float)data->deviation };
    if (data->reference[0] == '\0')
        return VX_OK;
    path = vx_task_data_path(place, data->reference);
    status = path != NULL ? vx_reference_open(path, &task->reference, err)
                          : vx_fail(err, VX_ERR_NOMEM, "out of memory");
    task->standardise.reference = task->reference;
    vx_free(path);
    return status;
}

/* The files of one set: those of a test set or of a training set. */
typedef struct set_files {
    const char *features, *labels;
    char *const *more;
    size_t more_count;
} set_files;

static vx_status share(vx_task *task, vx_error *err)
{
    vx_status status = vx_dataset_share(task->dataset, NULL, &task->shared, err);

    task->is_shared = status == VX_OK;
    return status;
}

static vx_status load(vx_task *task, const vx_task_place *place, set_files set, vx_error *err)
{
    const vx_job_data *data = &task->job->data;
    char *features = vx_task_data_path(place, set.features);
    char *labels = vx_task_data_path(place, set.labels);
    char *categories = vx_task_data_path(place, data->csv.categories);
    char **more = vx_task_data_paths(place, set.more, set.more_count);
    bool classes = task->job->model.likelihood == VX_JOB_LIKELIHOOD_CATEGORICAL;
    vx_data_source source = {
        .format = format_of(data->format),
        .features = features,
        .labels = labels,
        .more = (const char *const *)more,
        .more_count = set.more_count,
        .targets = classes ? VX_TARGETS_CLASSES : VX_TARGETS_REAL,
        .classes = data->classes,
        .csv = { .header = data->csv.header,
                 .delimiter = data->csv.delimiter[0],
                 .target = data->csv.target,
                 .ignore = (const char *const *)data->csv.ignore,
                 .ignore_count = data->csv.ignore_count,
                 .missing = missing_of(data->csv.missing, task->reference),
                 .categories = categories },
        .reference = task->reference,
        .columns = data->svmlight.features,
        .first_column = data->svmlight.first,
        .memory_bytes = (size_t)data->memory_mib << 20,
        .rows_later = task->rows_later,
    };
    vx_status status = vx_fail(err, VX_ERR_NOMEM, "out of memory");

    if (features != NULL && labels != NULL && categories != NULL && more != NULL)
        status = vx_dataset_load(&source, &task->dataset, err);
    vx_free(features);
    vx_free(labels);
    vx_free(categories);
    vx_task_paths_destroy(more, set.more_count);
    return status;
}

static vx_augment_kind kind_of(vx_job_augment_kind kind)
{
    switch (kind) {
    case VX_JOB_AUGMENT_FLIP:
        return VX_AUGMENT_FLIP;
    case VX_JOB_AUGMENT_SHIFT:
        return VX_AUGMENT_SHIFT;
    case VX_JOB_AUGMENT_GAUSSIAN_NOISE:
        return VX_AUGMENT_GAUSSIAN_NOISE;
    case VX_JOB_AUGMENT_LOTKA_VOLTERRA:
        return VX_AUGMENT_LOTKA_VOLTERRA;
    case VX_JOB_AUGMENT_CAT_MAP:
        return VX_AUGMENT_CAT_MAP;
    case VX_JOB_AUGMENT_SMOOTH_CAT_MAP:
        break;
    }
    return VX_AUGMENT_SMOOTH_CAT_MAP;
}

static bool concerns(const vx_job_augment *augment, uint32_t slot)
{
    bool ours = augment->slots_count == 0;

    for (unsigned k = 0; k < augment->slots_count; k++)
        ours |= augment->slots[k] == slot;
    return ours;
}

static vx_status take_augment(vx_task *task, vx_error *err)
{
    const vx_job_data *data = &task->job->data;
    vx_dataset_info info = vx_dataset_get_info(task->dataset);
    vx_augment_step *steps = vx_calloc(data->augment_count + 1, sizeof(*steps));
    size_t count = 0;
    vx_error why = { 0 };
    vx_status status = VX_OK;

    if (steps == NULL)
        return vx_fail(err, VX_ERR_NOMEM, "out of memory");
    for (unsigned i = 0; i < data->augment_count; i++) {
        const vx_job_augment *augment = &data->augment[i];

        if (concerns(augment, task->slot))
            steps[count++] =
                (vx_augment_step){ kind_of(augment->kind), augment->share, augment->scale,
                                   augment->from_round, augment->to_round };
    }
    if (count > 0)
        status = vx_augment_create(steps, count, info.image, info.features, &task->augment, &why);
    vx_free(steps);
    if (status == VX_ERR_DOMAIN || status == VX_ERR_LIMIT)
        return vx_job_fail(task->job, "data.augment", err, "%s", why.message);
    return status == VX_OK ? VX_OK : vx_fail(err, status, "data.augment: %s", why.message);
}

static vx_status check_standardise(const vx_task *task, vx_error *err)
{
    vx_error why = { 0 };
    vx_status status =
        vx_standardise_check(&task->standardise, task->dataset, task->standardise.scale_only, &why);

    if (status == VX_OK)
        return VX_OK;
    return vx_job_fail(task->job, task->reference != NULL ? "data.reference" : "data.mean", err,
                       "%s", why.message);
}

/* Every target in the domain of the likelihood: what is found here is not found in a round. */
static vx_status check_targets(const vx_task *task, const char *file, vx_error *err)
{
    vx_dataset_info info = vx_dataset_get_info(task->dataset);
    vx_likelihood likelihood = vx_task_likelihood(task->job->model.likelihood);
    bool plugin = task->job->model.family == VX_JOB_FAMILY_PLUGIN; /* knows its own */
    size_t count = info.classes > 0 || plugin ? 0 : info.count;
    vx_matf row = { vx_calloc(info.target_columns + 1, sizeof(float)), 1, info.target_columns,
                    info.target_columns };
    vx_status status = VX_OK;

    if (row.at == NULL)
        return vx_fail(err, VX_ERR_NOMEM, "out of memory");
    for (size_t i = 0; status == VX_OK && i < count; i++) {
        uint32_t position = (uint32_t)i;

        vx_dataset_gather_targets(task->dataset, &position, 1, row);
        for (size_t k = 0; status == VX_OK && k < row.cols; k++) {
            const char *expected = vx_head_target_expected(likelihood, (double)row.at[k]);

            if (expected != NULL)
                status = vx_fail(err, VX_ERR_DATA,
                                 "%s: observation %zu has the target %g, model.likelihood: %s "
                                 "expects %s",
                                 file, i, (double)row.at[k],
                                 vx_job_likelihood_name(task->job->model.likelihood), expected);
        }
    }
    vx_free(row.at);
    return status;
}

vx_status vx_task_load(vx_task *task, const vx_task_place *place, bool training, vx_error *err)
{
    const vx_job_data *data = &task->job->data;
    set_files train = { data->train_features, data->train_labels, data->train_more,
                        data->train_more_count };
    set_files test = { data->test_features, data->test_labels, data->test_more,
                       data->test_more_count };
    bool sparse = false;
    vx_status status = open_reference(task, place, err);

    if (status == VX_OK)
        status = place->shared != NULL ? vx_dataset_attach(place->shared, &task->dataset, err)
                                       : load(task, place, training ? train : test, err);
    if (status == VX_OK && place->shares && vx_dataset_is_made(task->dataset))
        status = share(task, err);
    if (status == VX_OK)
        status = check_targets(task, training ? train.features : test.features, err);
    if (status == VX_OK && training)
        status = take_augment(task, err);
    if (status != VX_OK)
        return status;
    /* A slot that augments has its rows in full: the features mean what they mean to the others. */
    sparse = vx_dataset_get_info(task->dataset).sparse &&
             task->job->model.family == VX_JOB_FAMILY_LINEAR;
    task->standardise.scale_only = sparse;
    task->sparse = sparse && task->augment == NULL;
    return check_standardise(task, err);
}
