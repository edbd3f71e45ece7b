#include "idle.h"

#include "schema.h"
#include "where.h"

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static vx_status check_family(const vx_job *job, vx_error *err)
{
    const vx_job_model *model = &job->model;
    const vx_key *section = vx_config_key_find(&vx_config_root, "model");
    char expected[VX_EXPECTED_SIZE];
    bool plugin = model->family == VX_JOB_FAMILY_PLUGIN;
    bool given = vx_config_origin_find(job->origin, "model.family") != NULL;

    if (!given && model->plugin[0] == '\0')
        return vx_job_fail(job, "model.family", err, "expected %s, found no such key",
                           vx_config_expected(vx_config_key_find(section, "family"), expected));
    if (plugin && model->plugin[0] == '\0')
        return vx_job_fail(job, "model.plugin", err,
                           "expected the path of a shared library with model.family: plugin, "
                           "found none");
    if (model->family == VX_JOB_FAMILY_MLP && model->widths_count == 0)
        return vx_job_fail(job, "model.widths", err,
                           "expected 1 to %d widths with model.family: mlp, found none",
                           VX_WIDTHS_MAX);
    if (model->family == VX_JOB_FAMILY_CNN && model->channels_count == 0)
        return vx_job_fail(job, "model.channels", err,
                           "expected 1 to %d numbers of channels with model.family: cnn, found "
                           "none",
                           VX_WIDTHS_MAX);
    return VX_OK;
}

/* widths and activation beside linear were always taken; the page says that it ignores them. */
static vx_status check_family_keys(const vx_job *job, vx_error *err)
{
    vx_job_family family = job->model.family;
    bool linear = family == VX_JOB_FAMILY_LINEAR;
    bool mlp = family == VX_JOB_FAMILY_MLP;
    bool cnn = family == VX_JOB_FAMILY_CNN;
    bool images = cnn || family == VX_JOB_FAMILY_LENET5 || family == VX_JOB_FAMILY_CNN_MNIST;
    bool resmlp = family == VX_JOB_FAMILY_RESMLP;
    bool plugin = family == VX_JOB_FAMILY_PLUGIN;
    const vx_idle_key keys[] = {
        { "model.widths", linear || mlp || cnn, "model.family: mlp or cnn" },
        { "model.activation", linear || mlp || images,
          "model.family: mlp, cnn, lenet5 or "
          "cnn_mnist" },
        { "model.dropout", mlp || images, "model.family: mlp, cnn, lenet5 or cnn_mnist" },
        { "model.layer_norm", mlp, "model.family: mlp" },
        { "model.residual", mlp, "model.family: mlp" },
        { "model.channels", cnn, "model.family: cnn" },
        { "model.kernel", cnn, "model.family: cnn" },
        { "model.pool", images, "model.family: cnn, lenet5 or cnn_mnist" },
        { "model.patch", resmlp, "model.family: resmlp" },
        { "model.blocks", resmlp, "model.family: resmlp" },
        { "model.hidden", resmlp, "model.family: resmlp" },
        { "model.residual_scale", resmlp, "model.family: resmlp" },
        { "model.columns.kind", linear, "model.family: linear" },
        { "model.plugin", plugin, "model.family: plugin, or no family," },
        { "model.plugin_digest", plugin, "model.plugin" },
        { "model.options", plugin, "model.plugin" },
    };

    return vx_config_refuse_idle(job, keys, COUNT_OF(keys), vx_job_family_name(family), err);
}

static vx_status check_likelihood(const vx_job *job, vx_error *err)
{
    vx_job_likelihood likelihood = job->model.likelihood;
    vx_job_loss_kind loss = job->model.loss.kind;
    bool categorical = likelihood == VX_JOB_LIKELIHOOD_CATEGORICAL;
    bool bernoulli = likelihood == VX_JOB_LIKELIHOOD_BERNOULLI;
    bool soft = loss == VX_JOB_LOSS_SMOOTHING || loss == VX_JOB_LOSS_DISTILLATION;
    const vx_idle_key keys[] = {
        { "model.variance", likelihood == VX_JOB_LIKELIHOOD_GAUSSIAN,
          "model.likelihood: gaussian" },
        { "model.dispersion", likelihood == VX_JOB_LIKELIHOOD_NEGATIVE_BINOMIAL,
          "model.likelihood: negative_binomial" },
        { "model.loss.kind", categorical || (bernoulli && soft),
          soft ? "model.likelihood: categorical or bernoulli" : "model.likelihood: categorical" },
        { "data.classes", categorical, "model.likelihood: categorical" },
    };

    return vx_config_refuse_idle(job, keys, COUNT_OF(keys), vx_job_likelihood_name(likelihood),
                                 err);
}

static vx_status check_loss(const vx_job *job, vx_error *err)
{
    const vx_job_loss *loss = &job->model.loss;
    bool power = loss->kind == VX_JOB_LOSS_POWER;
    bool distillation = loss->kind == VX_JOB_LOSS_DISTILLATION;
    const vx_idle_key keys[] = {
        { "model.loss.epsilon", loss->kind == VX_JOB_LOSS_SMOOTHING, "kind: smoothing" },
        { "model.loss.gamma", loss->kind == VX_JOB_LOSS_FOCAL, "kind: focal" },
        { "model.loss.exponent", power, "kind: power" },
        { "model.loss.threshold", power, "kind: power" },
        { "model.loss.eta", loss->kind == VX_JOB_LOSS_MIXCE, "kind: mixce" },
        { "model.loss.mix", distillation, "kind: distillation" },
        { "model.loss.temperature", distillation, "kind: distillation" },
        { "model.loss.teacher", distillation, "kind: distillation" },
        { "model.loss.teacher_digest", distillation, "kind: distillation" },
        { "model.loss.noise", loss->kind == VX_JOB_LOSS_NCE, "kind: nce" },
    };

    if (job->model.family == VX_JOB_FAMILY_PLUGIN && loss->kind != VX_JOB_LOSS_NLL)
        return vx_job_fail(
            job, "model.loss.kind", err,
            "expected nll with a plugin, which has its own loss, found another kind");
    if (distillation && loss->teacher[0] == '\0')
        return vx_job_fail(job, "model.loss.teacher", err,
                           "expected a safetensors file or a checkpoint with kind: distillation, "
                           "found none");
    if (loss->threshold > 0 && !vx_config_is_default(job, "model.loss.exponent"))
        return vx_job_fail(job, "model.loss.exponent", err,
                           "expected no such key with a threshold, which takes its place, found "
                           "one");
    return vx_config_refuse_idle(job, keys, COUNT_OF(keys), "another kind", err);
}

static vx_status check_columns(const vx_job *job, vx_error *err)
{
    const vx_job_columns *columns = &job->model.columns;
    vx_job_loss_kind loss = job->model.loss.kind;
    bool many = columns->kind != VX_JOB_COLUMNS_ONE;
    const vx_idle_key keys[] = {
        { "model.columns.count", many, "kind: bootstrap, fold or permutation" },
    };

    if (many && columns->count < 2)
        return vx_job_fail(job, "model.columns.count", err,
                           "expected at least 2 with kind: bootstrap, fold or permutation, found "
                           "1");
    if (many && (loss == VX_JOB_LOSS_DISTILLATION || loss == VX_JOB_LOSS_NCE))
        return vx_job_fail(job, "model.columns.kind", err,
                           "expected one with model.loss.kind: %s, found another kind",
                           loss == VX_JOB_LOSS_NCE ? "nce" : "distillation");
    return vx_config_refuse_idle(job, keys, COUNT_OF(keys), "one", err);
}

static vx_status check_digest(const vx_job *job, const char *key, const char *text, vx_error *err)
{
    char plain[VX_DIGEST_TEXT_SIZE]; /* one form, so that texts can be compared */
    vx_digest digest;

    if (text[0] == '\0' || (vx_hex_decode(text, digest.at, sizeof(digest.at)) &&
                            strcmp(vx_digest_text(digest, plain), text) == 0))
        return VX_OK;
    return vx_job_fail(job, key, err, "expected 32 hex digits (0-9, a-f) or none, found '%s'",
                       text);
}

static vx_status check_digests(const vx_job *job, vx_error *err)
{
    vx_status status =
        check_digest(job, "model.loss.teacher_digest", job->model.loss.teacher_digest, err);

    return status == VX_OK ? check_digest(job, "model.plugin_digest", job->model.plugin_digest, err)
                           : status;
}

vx_status vx_config_relate_model(vx_job *job, vx_error *err)
{
    static vx_status (*const checks[])(const vx_job *job, vx_error *err) = {
        check_family, check_family_keys, check_likelihood, check_loss, check_columns, check_digests,
    };
    vx_status status = VX_OK;

    for (size_t i = 0; status == VX_OK && i < COUNT_OF(checks); i++)
        status = checks[i](job, err);
    return status;
}
