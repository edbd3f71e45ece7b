#include "task_private.h"

#include <string.h>

#include <vx_base/alloc.h>
#include <vx_base/assert.h>
#include <vx_linalg/finite.h>

static vx_activation activation_of(vx_job_activation activation)
{
    switch (activation) {
    case VX_JOB_ACTIVATION_TANH:
        return VX_ACTIVATION_TANH;
    case VX_JOB_ACTIVATION_GELU:
        return VX_ACTIVATION_GELU;
    case VX_JOB_ACTIVATION_RELU:
        break;
    }
    return VX_ACTIVATION_RELU;
}

vx_likelihood vx_task_likelihood(vx_job_likelihood likelihood)
{
    switch (likelihood) {
    case VX_JOB_LIKELIHOOD_GAUSSIAN:
        return VX_LIKELIHOOD_GAUSSIAN;
    case VX_JOB_LIKELIHOOD_BERNOULLI:
        return VX_LIKELIHOOD_BERNOULLI;
    case VX_JOB_LIKELIHOOD_POISSON:
        return VX_LIKELIHOOD_POISSON;
    case VX_JOB_LIKELIHOOD_NEGATIVE_BINOMIAL:
        return VX_LIKELIHOOD_NEGATIVE_BINOMIAL;
    case VX_JOB_LIKELIHOOD_CATEGORICAL:
        break;
    }
    return VX_LIKELIHOOD_CATEGORICAL;
}

static vx_loss_kind kind_of(vx_job_loss_kind kind)
{
    switch (kind) {
    case VX_JOB_LOSS_SMOOTHING:
        return VX_LOSS_SMOOTHING;
    case VX_JOB_LOSS_FOCAL:
        return VX_LOSS_FOCAL;
    case VX_JOB_LOSS_POWER:
        return VX_LOSS_POWER;
    case VX_JOB_LOSS_MIXCE:
        return VX_LOSS_MIXCE;
    case VX_JOB_LOSS_UNLIKELIHOOD:
        return VX_LOSS_UNLIKELIHOOD;
    case VX_JOB_LOSS_DISTILLATION:
        return VX_LOSS_DISTILLATION;
    case VX_JOB_LOSS_NCE:
        return VX_LOSS_NCE;
    case VX_JOB_LOSS_NLL:
        break;
    }
    return VX_LOSS_NLL;
}

static vx_loss_spec loss_of(const vx_job_loss *loss)
{
    return (vx_loss_spec){
        .kind = kind_of(loss->kind),
        .epsilon = loss->epsilon,
        .gamma = loss->gamma,
        .exponent = loss->threshold > 0 ? 0 : loss->exponent,
        .threshold = loss->threshold,
        .eta = loss->eta,
        .mix = loss->mix,
        .temperature = loss->temperature,
        .noise = (size_t)loss->noise,
    };
}

/* widths and channels as sizes, one after the other. */
static size_t *copy_lists(const vx_job_model *model)
{
    size_t *lists =
        vx_calloc((size_t)model->widths_count + model->channels_count + 1, sizeof(*lists));

    for (size_t i = 0; lists != NULL && i < model->widths_count; i++)
        lists[i] = model->widths[i];
    for (size_t i = 0; lists != NULL && i < model->channels_count; i++)
        lists[model->widths_count + i] = model->channels[i];
    return lists;
}

vx_status vx_task_spec(const vx_job *job, vx_dataset_info info, bool sparse, size_t batch_max,
                       vx_model_spec *ret_spec, size_t **ret_lists, vx_error *err)
{
    const vx_job_model *model = &job->model;
    size_t *lists = copy_lists(model);

    if (lists == NULL)
        return vx_fail(err, VX_ERR_NOMEM, "out of memory");
    *ret_spec = (vx_model_spec){
        .family = vx_job_family_name(model->family),
        .features = info.features,
        .outputs_data = info.classes > 0 ? info.classes : info.target_columns,
        .image = info.image,
        .widths = lists,
        .widths_count = model->widths_count,
        .activation = activation_of(model->activation),
        .dropout = model->dropout,
        .layer_norm = model->layer_norm,
        .residual = model->residual,
        .channels = lists + model->widths_count,
        .channels_count = model->channels_count,
        .kernel = (size_t)model->kernel,
        .pool = model->pool == VX_JOB_POOL_MAX ? VX_POOL_MAX : VX_POOL_AVERAGE,
        .patch = (size_t)model->patch,
        .blocks = (size_t)model->blocks,
        .hidden = (size_t)model->hidden,
        .residual_scale = model->residual_scale,
        .likelihood = vx_task_likelihood(model->likelihood),
        .variance = model->variance,
        .dispersion = model->dispersion,
        .loss = loss_of(&model->loss),
        .l2 = model->l2,
        .columns = (size_t)model->columns.count,
        .plugin = model->plugin,
        .options = model->options,
        .sparse = sparse,
        .batch_max = batch_max,
    };
    *ret_lists = lists;
    return VX_OK;
}

static vx_status read_teacher(vx_task *task, vx_error *err)
{
    vx_job *job = task->job;
    size_t d = vx_model_dimension(task->model);
    vx_status status = vx_job_pin_teacher(job, err);

    if (status != VX_OK)
        return status;
    task->theta_of_teacher = vx_aligned_calloc(d, sizeof(float));
    if (task->theta_of_teacher == NULL)
        return vx_fail(err, VX_ERR_NOMEM, "no memory for %zu parameters", d);
    status = vx_task_read_parameters(task->model, job->model.loss.teacher,
                                     (vx_vecf){ task->theta_of_teacher, d }, err);
    if (status == VX_OK && !vx_all_finite_f32((vx_cvecf){ task->theta_of_teacher, d }))
        status = vx_fail(err, VX_ERR_DATA, "%s: expected finite parameters, found others",
                         job->model.loss.teacher);
    return status == VX_OK ? VX_OK : vx_error_prefix(err, "model.loss.teacher");
}

vx_status vx_task_create_model(vx_task *task, bool training, vx_error *err)
{
    vx_job *job = task->job;
    vx_model_spec spec = { 0 };
    size_t *lists = NULL;
    vx_status status = vx_job_pin_plugin(job, err);

    if (status == VX_OK)
        status = vx_task_spec(job, vx_dataset_get_info(task->dataset), task->sparse, task->rows,
                              &spec, &lists, err);
    if (status == VX_OK)
        status = vx_model_create(&spec, &task->model, err);
    vx_free(lists);
    task->columns = (size_t)job->model.columns.count;
    if (status == VX_OK && training && job->model.loss.kind == VX_JOB_LOSS_DISTILLATION)
        status = read_teacher(task, err);
    return status;
}
