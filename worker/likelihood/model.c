#include <vx_likelihood/model.h>

#include <math.h>
#include <string.h>

#include <vx_base/alloc.h>
#include <vx_base/assert.h>
#include <vx_likelihood/loss.h>

#include "family.h"

static const vx_family *const families[] = { &vx_family_linear, &vx_family_mlp };
#define FAMILIES (sizeof(families) / sizeof(families[0]))

struct vx_model {
    const vx_family *family;
    void *self;
    size_t dimension, features, classes, batch_max;
};

size_t vx_model_family_count(void)
{
    return FAMILIES;
}

const char *vx_model_family_name(size_t index)
{
    VX_ASSERT(index < FAMILIES);
    return families[index]->name;
}

static const vx_family *find_family(const char *name)
{
    for (size_t i = 0; i < FAMILIES; i++)
        if (strcmp(families[i]->name, name) == 0)
            return families[i];
    return NULL;
}

vx_status vx_model_create(const vx_model_spec *spec, vx_model **ret_model, vx_error *err)
{
    const vx_family *family = find_family(spec->family);
    vx_model *model = NULL;
    vx_model_tensor last;
    vx_status status = VX_OK;

    if (family == NULL)
        return vx_fail(err, VX_ERR_CONFIG, "model.family: expected linear or mlp, found '%s'",
                       spec->family);
    VX_ASSERT(spec->batch_max >= 1);
    model = vx_calloc(1, sizeof(*model));
    if (model == NULL)
        return vx_fail(err, VX_ERR_NOMEM, "out of memory");
    *model = (vx_model){ .family = family,
                         .features = spec->features,
                         .classes = spec->classes,
                         .batch_max = spec->batch_max };
    status = family->create(spec, &model->self, err);
    if (status != VX_OK) {
        vx_free(model);
        return status;
    }
    last = family->tensor_at(model->self, family->tensor_count(model->self) - 1);
    VX_ASSERT(last.rank == 1); /* every family ends with a bias */
    model->dimension = last.offset + last.shape[0];
    *ret_model = model;
    return VX_OK;
}

vx_model *vx_model_destroy(vx_model *model)
{
    if (model == NULL)
        return NULL;
    model->family->destroy(model->self);
    vx_free(model);
    return NULL;
}

size_t vx_model_dimension(const vx_model *model)
{
    return model->dimension;
}

size_t vx_model_tensor_count(const vx_model *model)
{
    return model->family->tensor_count(model->self);
}

vx_model_tensor vx_model_tensor_at(const vx_model *model, size_t index)
{
    return model->family->tensor_at(model->self, index);
}

void vx_model_initialise(const vx_model *model, uint64_t seed, vx_vecf theta)
{
    VX_ASSERT(theta.n == model->dimension);
    model->family->initialise(model->self, seed, theta);
}

static bool batch_fits(const vx_model *model, size_t theta, const vx_batch *batch)
{
    return theta == model->dimension && batch->features.cols == model->features &&
           batch->features.rows >= 1 && batch->features.rows <= model->batch_max;
}

vx_status vx_model_nll_gradient(vx_model *model, vx_cvecf theta, const vx_batch *batch,
                                vx_vecf ret_gradient, double *ret_nll)
{
    vx_matf logits;
    vx_status status = VX_OK;
    double sum = 0.0;

    if (!batch_fits(model, theta.n, batch) || ret_gradient.n != model->dimension)
        return VX_ERR_SHAPE;
    status = model->family->forward(model->self, theta, batch->features, &logits);
    if (status != VX_OK)
        return status;
    *ret_nll = vx_loss_categorical(logits, batch->labels, batch->weights);
    status = model->family->backward(model->self, theta, batch->features, ret_gradient);
    if (status != VX_OK)
        return status;
    for (size_t i = 0; i < ret_gradient.n; i++) /* 0 x finite = 0; infinity and NaN give NaN */
        sum += 0.0 * (double)ret_gradient.at[i];
    return isfinite(*ret_nll) && isfinite(sum) ? VX_OK : VX_ERR_NONFINITE;
}

static bool is_correct(vx_cvecf logits, uint32_t label)
{
    size_t best = 0;

    for (size_t k = 1; k < logits.n; k++)
        best = logits.at[k] > logits.at[best] ? k : best;
    return best == label;
}

vx_status vx_model_evaluate(vx_model *model, vx_cvecf theta, const vx_batch *batch,
                            vx_evaluation *evaluation)
{
    size_t count = batch->features.rows;
    vx_matf logits;
    vx_status status = VX_OK;
    double weight = 0.0;
    double nll = 0.0;

    if (!batch_fits(model, theta.n, batch))
        return VX_ERR_SHAPE;
    status = model->family->forward(model->self, theta, batch->features, &logits);
    if (status != VX_OK)
        return status;
    for (size_t i = 0; i < count; i++) {
        evaluation->correct +=
            is_correct(vx_vecf_const(vx_matf_row(logits, i)), batch->labels[i]) ? 1 : 0;
        weight += batch->weights != NULL ? (double)batch->weights[i] : 1.0;
    }
    nll = vx_loss_categorical(logits, batch->labels, batch->weights);
    evaluation->count += count;
    evaluation->weight_sum += weight;
    evaluation->nll_sum += nll * weight;
    return isfinite(nll) ? VX_OK : VX_ERR_NONFINITE;
}
