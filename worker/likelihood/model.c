#include <vx_likelihood/model.h>
#ifdef VX_REAL_DOUBLE
#include <vx_likelihood/model64.h>
#endif

#include <math.h>
#include <stdio.h>
#include <string.h>

#include <vx_base/alloc.h>
#include <vx_base/assert.h>

#include "family.h"
#include "head.h"

struct VX_R(vx_model) {
    VX_R(vx_network) * network;
    vx_likelihood likelihood;
    size_t dimension, features, outputs, batch_max;
    vx_real *rows; /* (batch_max, features) of a batch that does not come in vx_real; or NULL */
};

#ifndef VX_REAL_DOUBLE
size_t vx_model_family_count(void)
{
    size_t count = 0;

    while (vx_families[count].name != NULL)
        count++;
    return count;
}

const char *vx_model_family_name(size_t index)
{
    VX_ASSERT(index < vx_model_family_count());
    return vx_families[index].name;
}
#endif

static vx_status no_family(const char *name, vx_error *err)
{
    char list[256] = "";
    size_t used = 0;

    for (const VX_R(vx_family) *family = VX_R(vx_families); family->name != NULL; family++) {
        bool last = family[1].name == NULL;
        int size = snprintf(list + used, sizeof(list) - used, "%s%s",
                            used == 0 ? "" : (last ? " or " : ", "), family->name);

        VX_ASSERT(size > 0 && used + (size_t)size < sizeof(list));
        used += (size_t)size;
    }
    return vx_fail(err, VX_ERR_CONFIG, "model.family: expected %s, found '%s'", list, name);
}

static const VX_R(vx_family) * find_family(const char *name)
{
    for (const VX_R(vx_family) *family = VX_R(vx_families); family->name != NULL; family++)
        if (strcmp(family->name, name) == 0)
            return family;
    return NULL;
}

static vx_status build_network(VX_R(vx_model) * model, const vx_model_spec *spec, vx_error *err)
{
    const VX_R(vx_family) *family = find_family(spec->family);
    vx_shape image = spec->image;
    vx_status status = VX_OK;

    if (family == NULL)
        return no_family(spec->family, err);
    if (vx_shape_size(image) != spec->features)
        image = (vx_shape){ spec->features, 1, 1 };
    if (VX_R(vx_network_create)(image, spec->batch_max, &model->network) != VX_OK)
        return vx_fail(err, VX_ERR_NOMEM, "out of memory");
    status = family->build(spec, model->network, err);
    if (status != VX_OK)
        return status;
    VX_ASSERT(vx_shape_size(VX_R(vx_network_out)(model->network)) == vx_spec_outputs(spec));
    return VX_R(vx_network_finish)(model->network, err);
}

/* Are batches turned into rows of vx_real before the first layer? */
static bool needs_rows(const VX_R(vx_model) * model, const vx_model_spec *spec)
{
    return sizeof(vx_real) != sizeof(float) ||
           (spec->sparse && !VX_R(vx_network_takes_sparse)(model->network));
}

vx_status VX_R(vx_model_create)(const vx_model_spec *spec, VX_R(vx_model) * *ret_model,
                                vx_error *err)
{
    VX_R(vx_model) *model = vx_calloc(1, sizeof(*model));
    vx_status status = VX_OK;

    VX_ASSERT(spec->batch_max >= 1);
    if (model == NULL)
        return vx_fail(err, VX_ERR_NOMEM, "out of memory");
    model->likelihood = spec->likelihood;
    model->features = spec->features;
    model->outputs = vx_spec_outputs(spec);
    model->batch_max = spec->batch_max;
    status = build_network(model, spec, err);
    if (status == VX_OK && needs_rows(model, spec)) {
        model->rows = vx_aligned_calloc(spec->batch_max, spec->features * sizeof(vx_real));
        if (model->rows == NULL)
            status = vx_fail(err, VX_ERR_NOMEM, "no memory for a batch of %zu x %zu",
                             spec->batch_max, spec->features);
    }
    if (status != VX_OK) {
        VX_R(vx_model_destroy)(model);
        return status;
    }
    model->dimension = VX_R(vx_network_dimension)(model->network);
    *ret_model = model;
    return VX_OK;
}

VX_R(vx_model) * VX_R(vx_model_destroy)(VX_R(vx_model) * model)
{
    if (model == NULL)
        return NULL;
    VX_R(vx_network_destroy)(model->network);
    vx_free(model->rows);
    vx_free(model);
    return NULL;
}

size_t VX_R(vx_model_dimension)(const VX_R(vx_model) * model)
{
    return model->dimension;
}

size_t VX_R(vx_model_outputs)(const VX_R(vx_model) * model)
{
    return model->outputs;
}

vx_likelihood VX_R(vx_model_likelihood)(const VX_R(vx_model) * model)
{
    return model->likelihood;
}

size_t VX_R(vx_model_tensor_count)(const VX_R(vx_model) * model)
{
    return VX_R(vx_network_tensor_count)(model->network);
}

vx_model_tensor VX_R(vx_model_tensor_at)(const VX_R(vx_model) * model, size_t index)
{
    return VX_R(vx_network_tensor_at)(model->network, index);
}

void VX_R(vx_model_initialise)(const VX_R(vx_model) * model, uint64_t seed, vx_rvec theta)
{
    VX_ASSERT(theta.n == model->dimension);
    VX_R(vx_network_initialise)(model->network, seed, theta);
}

static size_t rows_of(const vx_batch *batch)
{
    return batch->sparse != NULL ? batch->sparse->rows : batch->features.rows;
}

static bool batch_fits(const VX_R(vx_model) * model, size_t theta, const vx_batch *batch)
{
    size_t rows = rows_of(batch);
    size_t cols = batch->sparse != NULL ? batch->sparse->cols : batch->features.cols;
    bool taken = batch->sparse == NULL || model->rows != NULL ||
                 VX_R(vx_network_takes_sparse)(model->network);

    return theta == model->dimension && cols == model->features && rows >= 1 &&
           rows <= model->batch_max && taken;
}

static void expand(const VX_R(vx_model) * model, const vx_csr *sparse)
{
    memset(model->rows, 0, sparse->rows * model->features * sizeof(vx_real));
    for (size_t b = 0; b < sparse->rows; b++)
        for (size_t k = sparse->begin[b]; k < sparse->begin[b + 1]; k++) {
            VX_ASSERT(sparse->columns[k] < model->features);
            model->rows[b * model->features + sparse->columns[k]] = sparse->values[k];
        }
}

static void widen(const VX_R(vx_model) * model, vx_cmatf features)
{
    for (size_t b = 0; b < features.rows; b++)
        for (size_t k = 0; k < features.cols; k++)
            model->rows[b * features.cols + k] = features.at[b * features.ld + k];
}

/* The pass and the features (rows, features) of a batch, as the first layer wants them. */
static vx_pass begin_pass(const VX_R(vx_model) * model, const vx_batch *batch,
                          vx_rcmat *ret_features)
{
    bool direct = batch->sparse != NULL && VX_R(vx_network_takes_sparse)(model->network);
    vx_pass pass = { .rows = rows_of(batch),
                     .sparse = direct ? batch->sparse : NULL,
                     .training = batch->training,
                     .seed = batch->seed,
                     .round = batch->round,
                     .slot = batch->slot,
                     .observations = batch->observations };

    *ret_features = (vx_rcmat){ NULL, pass.rows, model->features, model->features };
    if (direct)
        return pass;
#ifndef VX_REAL_DOUBLE
    if (batch->sparse == NULL) {
        *ret_features = batch->features;
        return pass;
    }
#endif
    if (batch->sparse != NULL)
        expand(model, batch->sparse);
    else
        widen(model, batch->features);
    ret_features->at = model->rows;
    return pass;
}

vx_status VX_R(vx_model_loss_gradient)(VX_R(vx_model) * model, vx_rcvec theta,
                                       const vx_batch *batch, vx_rvec ret_gradient,
                                       vx_model_value *ret_value)
{
    vx_rcmat features;
    vx_rmat outputs;
    vx_pass pass;
    vx_status status = VX_OK;
    double sum = 0.0;

    if (!batch_fits(model, theta.n, batch) || ret_gradient.n != model->dimension)
        return VX_ERR_SHAPE;
    pass = begin_pass(model, batch, &features);
    status = VX_R(vx_network_forward)(model->network, &pass, theta, features, &outputs);
    if (status != VX_OK)
        return status;
    ret_value->nll = VX_R(vx_loss_categorical)(outputs, batch->labels, batch->weights);
    ret_value->loss = ret_value->nll;
    status =
        VX_R(vx_network_backward)(model->network, &pass, theta, features, outputs, ret_gradient);
    if (status != VX_OK)
        return status;
    for (size_t i = 0; i < ret_gradient.n; i++) /* 0 x finite = 0; infinity and NaN give NaN */
        sum += 0.0 * (double)ret_gradient.at[i];
    return isfinite(ret_value->nll) && isfinite(sum) ? VX_OK : VX_ERR_NONFINITE;
}

vx_status VX_R(vx_model_nll_gradient)(VX_R(vx_model) * model, vx_rcvec theta, const vx_batch *batch,
                                      vx_rvec ret_gradient, double *ret_nll)
{
    vx_model_value value;
    vx_status status = VX_R(vx_model_loss_gradient)(model, theta, batch, ret_gradient, &value);

    if (status == VX_OK || status == VX_ERR_NONFINITE)
        *ret_nll = value.nll;
    return status;
}

vx_status VX_R(vx_model_predict)(VX_R(vx_model) * model, vx_rcvec theta, const vx_batch *batch,
                                 vx_rmat ret_outputs)
{
    vx_rcmat features;
    vx_rmat outputs;
    vx_pass pass;
    vx_status status = VX_OK;

    if (!batch_fits(model, theta.n, batch) || ret_outputs.rows != rows_of(batch) ||
        ret_outputs.cols != model->outputs)
        return VX_ERR_SHAPE;
    pass = begin_pass(model, batch, &features);
    pass.training = false;
    status = VX_R(vx_network_forward)(model->network, &pass, theta, features, &outputs);
    for (size_t b = 0; status == VX_OK && b < outputs.rows; b++)
        memcpy(ret_outputs.at + b * ret_outputs.ld, outputs.at + b * outputs.ld,
               outputs.cols * sizeof(vx_real));
    return status;
}

static bool is_correct(vx_rvec logits, uint32_t label)
{
    size_t best = 0;

    for (size_t k = 1; k < logits.n; k++)
        best = logits.at[k] > logits.at[best] ? k : best;
    return best == label;
}

vx_status VX_R(vx_model_evaluate)(VX_R(vx_model) * model, vx_rcvec theta, const vx_batch *batch,
                                  vx_evaluation *evaluation)
{
    vx_rcmat features;
    vx_rmat outputs;
    vx_pass pass;
    vx_status status = VX_OK;
    double weight = 0.0;
    double nll = 0.0;

    if (!batch_fits(model, theta.n, batch))
        return VX_ERR_SHAPE;
    pass = begin_pass(model, batch, &features);
    pass.training = false;
    status = VX_R(vx_network_forward)(model->network, &pass, theta, features, &outputs);
    if (status != VX_OK)
        return status;
    for (size_t i = 0; i < pass.rows; i++) {
        evaluation->correct += is_correct(vx_rmat_row(outputs, i), batch->labels[i]) ? 1 : 0;
        weight += batch->weights != NULL ? (double)batch->weights[i] : 1.0;
    }
    nll = VX_R(vx_loss_categorical)(outputs, batch->labels, batch->weights);
    evaluation->count += pass.rows;
    evaluation->weight_sum += weight;
    evaluation->nll_sum += nll * weight;
    return isfinite(nll) ? VX_OK : VX_ERR_NONFINITE;
}
