#include "head_rows.h"

#include <math.h>
#include <string.h>

#include <vx_base/alloc.h>
#include <vx_likelihood/catalogue.h>

/* Compiled once: what a head is made from. */

static vx_status check_pair(const vx_model_spec *spec, vx_error *err)
{
    const char *loss = vx_loss_name(spec->loss.kind);
    const char *likelihood = vx_likelihood_name(spec->likelihood);

    if (spec->loss.kind == VX_LOSS_NLL || spec->likelihood == VX_LIKELIHOOD_CATEGORICAL)
        return VX_OK;
    if (spec->likelihood != VX_LIKELIHOOD_BERNOULLI)
        return vx_fail(
            err, VX_ERR_CONFIG,
            "model.loss: %s compares probabilities of classes, %s has none; expected nll", loss,
            likelihood);
    if (spec->loss.kind == VX_LOSS_SMOOTHING || spec->loss.kind == VX_LOSS_DISTILLATION)
        return VX_OK;
    return vx_fail(err, VX_ERR_CONFIG,
                   "model.loss: %s needs the probability of one label, bernoulli has targets in "
                   "0..1; expected nll, smoothing or distillation, or categorical with 2 classes",
                   loss);
}

static vx_status out_of_range(const char *key, double value, const char *expected, vx_error *err)
{
    return vx_fail(err, VX_ERR_CONFIG, "%s: expected %s, found %g", key, expected, value);
}

static vx_status check_noise(const vx_model_spec *spec, vx_error *err)
{
    const vx_loss_spec *loss = &spec->loss;
    double sum = 0.0;

    if (loss->noise < 1 || loss->noise > VX_NOISE_MAX)
        return out_of_range("model.loss.noise", (double)loss->noise, "1..512", err);
    if (spec->columns > 1)
        return vx_fail(err, VX_ERR_CONFIG, "model.loss: nce does not go with model.columns");
    for (size_t c = 0; loss->noise_law != NULL && c < spec->outputs_data; c++) {
        if (!(loss->noise_law[c] > 0.0) || !isfinite(loss->noise_law[c]))
            return vx_fail(err, VX_ERR_CONFIG,
                           "model.loss: class %zu has no probability as noise; expected above 0",
                           c);
        sum += loss->noise_law[c];
    }
    if (loss->noise_law != NULL && fabs(sum - 1.0) > 1e-6)
        return out_of_range("model.loss: the sum of the noise's probabilities", sum, "1", err);
    return VX_OK;
}

static vx_status check_loss(const vx_model_spec *spec, vx_error *err)
{
    const vx_loss_spec *loss = &spec->loss;

    switch (loss->kind) {
    case VX_LOSS_NLL:
        return VX_OK;
    case VX_LOSS_UNLIKELIHOOD:
        return spec->outputs_data >= 2
                   ? VX_OK
                   : vx_fail(err, VX_ERR_CONFIG, "model.loss: unlikelihood needs 2 classes");
    case VX_LOSS_SMOOTHING:
        if (!(loss->epsilon >= 0.0 && loss->epsilon < 1.0))
            return out_of_range("model.loss.epsilon", loss->epsilon, "0 <= epsilon < 1", err);
        return VX_OK;
    case VX_LOSS_FOCAL:
        if (!(loss->gamma >= 0.0 && loss->gamma <= 100.0))
            return out_of_range("model.loss.gamma", loss->gamma, "0..100", err);
        return VX_OK;
    case VX_LOSS_POWER:
        if (!(loss->exponent >= 0.0 && loss->exponent <= 100.0))
            return out_of_range("model.loss.exponent", loss->exponent, "0..100", err);
        if (!(loss->threshold >= 0.0 && loss->threshold < 1.0))
            return out_of_range("model.loss.threshold", loss->threshold, "0 <= threshold < 1", err);
        return VX_OK;
    case VX_LOSS_MIXCE:
        if (!(loss->eta >= 0.0 && loss->eta <= 1.0))
            return out_of_range("model.loss.eta", loss->eta, "0..1", err);
        return VX_OK;
    case VX_LOSS_DISTILLATION:
        if (!(loss->mix >= 0.0 && loss->mix <= 1.0))
            return out_of_range("model.loss.mix", loss->mix, "0..1", err);
        if (!(loss->temperature >= 1e-3 && loss->temperature <= 1e6))
            return out_of_range("model.loss.temperature", loss->temperature, "0.001..1000000", err);
        return VX_OK;
    case VX_LOSS_NCE:
        return check_noise(spec, err);
    }
    return vx_fail(err, VX_ERR_CONFIG, "model.loss: unknown kind %d", (int)loss->kind);
}

static vx_status check_likelihood(const vx_model_spec *spec, vx_error *err)
{
    if ((unsigned)spec->likelihood > VX_LIKELIHOOD_NEGATIVE_BINOMIAL)
        return vx_fail(err, VX_ERR_CONFIG, "model.likelihood: unknown kind %d",
                       (int)spec->likelihood);
    if ((unsigned)spec->loss.kind > VX_LOSS_NCE)
        return vx_fail(err, VX_ERR_CONFIG, "model.loss: unknown kind %d", (int)spec->loss.kind);
    if (spec->likelihood == VX_LIKELIHOOD_GAUSSIAN &&
        !(spec->variance >= 1e-30 && spec->variance <= 1e30))
        return out_of_range("model.variance", spec->variance, "1e-30..1e30", err);
    if (spec->likelihood == VX_LIKELIHOOD_NEGATIVE_BINOMIAL &&
        !(spec->dispersion >= 1e-6 && spec->dispersion <= 1e6))
        return out_of_range("model.dispersion", spec->dispersion, "1e-6..1e6", err);
    return VX_OK;
}

static vx_status take_noise(vx_head *head, const vx_model_spec *spec)
{
    double up_to = 0.0;

    head->noise_up_to = vx_calloc(head->outputs, sizeof(double));
    head->noise_log = vx_calloc(head->outputs, sizeof(double));
    if (head->noise_up_to == NULL || head->noise_log == NULL)
        return VX_ERR_NOMEM;
    for (size_t c = 0; c < head->outputs; c++) {
        double own =
            spec->loss.noise_law != NULL ? spec->loss.noise_law[c] : 1.0 / (double)head->outputs;

        up_to += own;
        head->noise_up_to[c] = up_to;
        head->noise_log[c] = log((double)head->loss.noise * own);
    }
    return VX_OK;
}

vx_status vx_head_create(const vx_model_spec *spec, vx_head **ret_head, vx_error *err)
{
    vx_head *head = NULL;
    vx_status status = check_likelihood(spec, err);

    if (status == VX_OK)
        status = check_pair(spec, err);
    if (status == VX_OK)
        status = check_loss(spec, err);
    if (status != VX_OK)
        return status;
    head = vx_calloc(1, sizeof(*head));
    if (head == NULL)
        return vx_fail(err, VX_ERR_NOMEM, "out of memory");
    head->likelihood = spec->likelihood;
    head->loss = spec->loss;
    head->loss.noise_law = NULL;
    head->outputs = spec->outputs_data;
    head->columns = spec->columns > 1 ? spec->columns : 1;
    head->variance = spec->variance;
    head->dispersion = spec->dispersion;
    for (size_t y = 0; y < VX_HEAD_CONSTANTS; y++)
        head->constants[y] = vx_head_constant(head, (double)y);
    head->totals = vx_calloc(head->columns, sizeof(double));
    head->scratch = vx_calloc(head->outputs, sizeof(double));
    status = head->totals != NULL && head->scratch != NULL ? VX_OK : VX_ERR_NOMEM;
    if (status == VX_OK && spec->loss.kind == VX_LOSS_NCE)
        status = take_noise(head, spec);
    if (status != VX_OK) {
        vx_head_destroy(head);
        return vx_fail(err, VX_ERR_NOMEM, "out of memory");
    }
    *ret_head = head;
    return VX_OK;
}

vx_head *vx_head_destroy(vx_head *head)
{
    if (head == NULL)
        return NULL;
    vx_free(head->totals);
    vx_free(head->scratch);
    vx_free(head->noise_up_to);
    vx_free(head->noise_log);
    vx_free(head);
    return NULL;
}

const char *vx_head_target_expected(vx_likelihood likelihood, double target)
{
    if (!isfinite(target))
        return "a finite number";
    switch (likelihood) {
    case VX_LIKELIHOOD_BERNOULLI:
        return target >= 0.0 && target <= 1.0 ? NULL : "0..1";
    case VX_LIKELIHOOD_POISSON:
    case VX_LIKELIHOOD_NEGATIVE_BINOMIAL:
        return target >= 0.0 && target == floor(target) ? NULL : "a count: 0, 1, 2, ...";
    case VX_LIKELIHOOD_CATEGORICAL:
    case VX_LIKELIHOOD_GAUSSIAN:
        break;
    }
    return NULL;
}
