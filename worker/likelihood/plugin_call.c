#include "plugin_private.h"

#include <math.h>
#include <string.h>

#include <vx_base/assert.h>

/* Compiled once: calls into a library that was checked when it was loaded. */

size_t vx_plugin_dimension(const vx_plugin *plugin)
{
    return plugin->dimension;
}

size_t vx_plugin_outputs(const vx_plugin *plugin)
{
    return plugin->outputs;
}

size_t vx_plugin_tensor_count(const vx_plugin *plugin)
{
    return plugin->tensors_count;
}

vx_model_tensor vx_plugin_tensor_at(const vx_plugin *plugin, size_t index)
{
    VX_ASSERT(index < plugin->tensors_count);
    return plugin->tensors[index];
}

void vx_plugin_initialise(const vx_plugin *plugin, uint64_t seed, vx_vecf theta)
{
    plugin->table->initialise(plugin->self, seed, theta.at);
}

void vx_plugin_initialise64(const vx_plugin *plugin, uint64_t seed, vx_vec theta)
{
    plugin->table->initialise(plugin->self, seed, plugin->theta);
    for (size_t i = 0; i < theta.n; i++)
        theta.at[i] = (double)plugin->theta[i];
}

static vexil_model_batch batch_of(const vx_plugin *plugin, vx_cmatf features, const vx_batch *batch)
{
    return (vexil_model_batch){
        .rows = features.rows,
        .features = features.at,
        .features_ld = features.ld,
        .labels = plugin->classes ? batch->labels : NULL,
        .targets = plugin->classes ? NULL : batch->targets.at,
        .targets_ld = batch->targets.ld,
        .weights = batch->weights,
        .seed = batch->seed,
        .round = batch->round,
        .slot = batch->slot,
        .numbers = batch->observations,
    };
}

vx_status vx_plugin_gradient(vx_plugin *plugin, vx_cvecf theta, vx_cmatf features,
                             const vx_batch *batch, vx_vecf ret_gradient, double *ret_nll)
{
    vexil_model_batch own = batch_of(plugin, features, batch);
    double nll = nan("");

    if (plugin->table->gradient(plugin->self, theta.at, &own, ret_gradient.at, &nll) == 0) {
        *ret_nll = nll;
        return isfinite(nll) ? VX_OK : VX_ERR_NONFINITE;
    }
    for (size_t i = 0; ret_gradient.at != NULL && i < ret_gradient.n; i++)
        ret_gradient.at[i] = (float)nan("");
    *ret_nll = nan("");
    return VX_ERR_NONFINITE;
}

vx_status vx_plugin_gradient64(vx_plugin *plugin, vx_cvec theta, vx_cmatf features,
                               const vx_batch *batch, vx_vec ret_gradient, double *ret_nll)
{
    vexil_model_batch own = batch_of(plugin, features, batch);
    double nll = nan("");

    if (plugin->table->gradient64(plugin->self, theta.at, &own, ret_gradient.at, &nll) == 0) {
        *ret_nll = nll;
        return isfinite(nll) ? VX_OK : VX_ERR_NONFINITE;
    }
    for (size_t i = 0; ret_gradient.at != NULL && i < ret_gradient.n; i++)
        ret_gradient.at[i] = nan("");
    *ret_nll = nan("");
    return VX_ERR_NONFINITE;
}

vx_status vx_plugin_predict(vx_plugin *plugin, vx_cvecf theta, vx_cmatf features,
                            const vx_batch *batch, vx_matf ret_outputs)
{
    vexil_model_batch own = batch_of(plugin, features, batch);

    if (plugin->outputs == 0)
        return VX_ERR_USAGE;
    if (plugin->table->predict(plugin->self, theta.at, &own, ret_outputs.at, ret_outputs.ld) == 0)
        return VX_OK;
    for (size_t b = 0; b < ret_outputs.rows; b++)
        for (size_t k = 0; k < ret_outputs.cols; k++)
            ret_outputs.at[b * ret_outputs.ld + k] = (float)nan("");
    return VX_ERR_NONFINITE;
}

/* Ties go to the lowest class. */
static uint64_t count_correct(const vx_plugin *plugin, const vx_batch *batch, size_t rows)
{
    uint64_t correct = 0;

    for (size_t i = 0; i < rows; i++) {
        const float *row = plugin->predicted + i * plugin->outputs;
        size_t best = 0;

        for (size_t k = 1; k < plugin->outputs; k++)
            best = row[k] > row[best] ? k : best;
        correct += best == batch->labels[i] ? 1 : 0;
    }
    return correct;
}

vx_status vx_plugin_evaluate(vx_plugin *plugin, vx_cvecf theta, vx_cmatf features,
                             const vx_batch *batch, vx_evaluation *evaluation)
{
    vx_matf predicted = { plugin->predicted, features.rows, plugin->outputs, plugin->outputs };
    double weight = 0.0;
    double nll = 0.0;
    vx_status status =
        vx_plugin_gradient(plugin, theta, features, batch, (vx_vecf){ NULL, 0 }, &nll);

    for (size_t i = 0; i < features.rows; i++)
        weight += batch->weights != NULL ? (double)batch->weights[i] : 1.0;
    if (plugin->classes && plugin->outputs > 0) {
        vx_status predicts = vx_plugin_predict(plugin, theta, features, batch, predicted);

        status = status == VX_OK ? predicts : status;
        evaluation->correct += predicts == VX_OK ? count_correct(plugin, batch, features.rows) : 0;
    }
    evaluation->count += features.rows;
    evaluation->weight_sum += weight;
    evaluation->nll_sum += nll * weight;
    evaluation->deviance_sum += 2.0 * nll * weight;
    return status;
}
