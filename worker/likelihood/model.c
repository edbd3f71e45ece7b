#include <vx_likelihood/model.h>
#ifdef VX_REAL_DOUBLE
#include <vx_likelihood/model64.h>
#endif

#include <math.h>
#include <stdio.h>
#include <string.h>

#include <vx_base/alloc.h>
#include <vx_base/assert.h>
#include <vx_linalg/finite.h>

#include "family.h"
#include "head_rows.h"

typedef struct vx_range {
    size_t from, count;
} vx_range;

struct VX_R(vx_model) {
    VX_R(vx_network) * network;
    vx_head *head;
    double l2;
    size_t dimension, features, outputs, batch_max;
    vx_range *weights; /* (weights_count) where l2 holds */
    size_t weights_count;
    vx_evaluation *columns; /* (columns) */
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

static vx_status check_spec(const vx_model_spec *spec, vx_error *err)
{
    if (!(spec->l2 >= 0.0 && spec->l2 <= 1e6))
        return vx_fail(err, VX_ERR_CONFIG, "model.l2: expected 0..1000000, found %g", spec->l2);
    if (spec->columns > 1 && strcmp(spec->family, "linear") != 0)
        return vx_fail(err, VX_ERR_CONFIG,
                       "model.columns: many models at once need family linear, found %s",
                       spec->family);
    if (spec->columns > VX_COLUMNS_MAX)
        return vx_fail(err, VX_ERR_LIMIT, "model.columns: expected at most %d, found %zu",
                       VX_COLUMNS_MAX, spec->columns);
    return VX_OK;
}

static vx_status take_weights(VX_R(vx_model) * model)
{
    size_t count = VX_R(vx_model_tensor_count)(model);

    model->weights = vx_calloc(count, sizeof(*model->weights));
    if (model->weights == NULL)
        return VX_ERR_NOMEM;
    for (size_t t = 0; t < count; t++) {
        vx_model_tensor tensor = VX_R(vx_model_tensor_at)(model, t);
        size_t size = 1;

        for (size_t k = 0; k < tensor.rank; k++)
            size *= tensor.shape[k];
        if (tensor.is_weight)
            model->weights[model->weights_count++] = (vx_range){ tensor.offset, size };
    }
    return VX_OK;
}

static vx_status take_memory(VX_R(vx_model) * model, const vx_model_spec *spec, vx_error *err)
{
    vx_status status = take_weights(model);

    model->columns = vx_calloc(model->head->columns, sizeof(*model->columns));
    if (needs_rows(model, spec))
        model->rows = vx_aligned_calloc(spec->batch_max, spec->features * sizeof(vx_real));
    if (status != VX_OK || model->columns == NULL ||
        (needs_rows(model, spec) && model->rows == NULL))
        return vx_fail(err, VX_ERR_NOMEM, "no memory for a batch of %zu x %zu", spec->batch_max,
                       spec->features);
    return VX_OK;
}

vx_status VX_R(vx_model_create)(const vx_model_spec *spec, VX_R(vx_model) * *ret_model,
                                vx_error *err)
{
    VX_R(vx_model) *model = NULL;
    vx_status status = check_spec(spec, err);

    VX_ASSERT(spec->batch_max >= 1);
    if (status != VX_OK)
        return status;
    model = vx_calloc(1, sizeof(*model));
    if (model == NULL)
        return vx_fail(err, VX_ERR_NOMEM, "out of memory");
    model->l2 = spec->l2;
    model->features = spec->features;
    model->outputs = vx_spec_outputs(spec);
    model->batch_max = spec->batch_max;
    status = build_network(model, spec, err);
    if (status == VX_OK)
        status = vx_head_create(spec, &model->head, err);
    if (status == VX_OK)
        status = take_memory(model, spec, err);
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
    vx_head_destroy(model->head);
    vx_free(model->weights);
    vx_free(model->columns);
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
    return model->head->likelihood;
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

/* Has the batch what likelihood and loss look at? */
static bool targets_fit(const VX_R(vx_model) * model, const vx_batch *batch, bool training)
{
    const vx_head *head = model->head;
    size_t rows = rows_of(batch);
    const vx_cmatf *y = &batch->targets;
    const vx_cmatf *teacher = &batch->teacher;
    const vx_cmatf *weights = &batch->column_weights;

    if (head->likelihood == VX_LIKELIHOOD_CATEGORICAL && batch->labels == NULL)
        return false;
    if (head->likelihood != VX_LIKELIHOOD_CATEGORICAL &&
        (y->at == NULL || y->rows != rows || y->cols != model->outputs))
        return false;
    if (training && head->loss.kind == VX_LOSS_DISTILLATION &&
        (teacher->at == NULL || teacher->rows != rows || teacher->cols != model->outputs))
        return false;
    return weights->at == NULL || (weights->rows == rows && weights->cols == head->columns);
}

static void expand(const VX_R(vx_model) * model, const vx_csr *sparse)
{
    memset(model->rows, 0, sparse->rows * model->features * sizeof(vx_real));
    for (size_t b = 0; b < sparse->rows; b++)
        for (size_t k = sparse->begin[b]; k < sparse->begin[b + 1]; k++)
            model->rows[b * model->features + sparse->columns[k]] = sparse->values[k];
}

static void widen(const VX_R(vx_model) * model, vx_cmatf features)
{
    for (size_t b = 0; b < features.rows; b++)
        for (size_t k = 0; k < features.cols; k++)
            model->rows[b * features.cols + k] = features.at[b * features.ld + k];
}

/* Columns of sparse rows were checked where the data was loaded. */
static void check_sparse(const vx_csr *sparse)
{
    for (size_t k = sparse->begin[0]; k < sparse->begin[sparse->rows]; k++)
        VX_ASSERT(sparse->columns[k] < sparse->cols);
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
    if (batch->sparse != NULL)
        check_sparse(batch->sparse);
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

/* l2 / 2 |W|^2; its derivative is added to the gradient. */
static double add_l2(const VX_R(vx_model) * model, vx_rcvec theta, vx_rvec gradient)
{
    vx_real l2 = (vx_real)model->l2;
    double sum = 0.0;

    for (size_t r = 0; model->l2 > 0.0 && r < model->weights_count; r++) {
        const vx_range *range = &model->weights[r];

        for (size_t i = range->from; i < range->from + range->count; i++) {
            gradient.at[i] += l2 * theta.at[i];
            sum += (double)theta.at[i] * (double)theta.at[i];
        }
    }
    return 0.5 * model->l2 * sum;
}

vx_status VX_R(vx_model_loss_gradient)(VX_R(vx_model) * model, vx_rcvec theta,
                                       const vx_batch *batch, vx_rvec ret_gradient,
                                       vx_model_value *ret_value)
{
    vx_rcmat features;
    vx_rmat outputs;
    vx_pass pass;
    vx_status status = VX_OK;
    bool finite = false;

    if (!batch_fits(model, theta.n, batch) || ret_gradient.n != model->dimension ||
        !targets_fit(model, batch, true))
        return VX_ERR_SHAPE;
    pass = begin_pass(model, batch, &features);
    status = VX_R(vx_network_forward)(model->network, &pass, theta, features, &outputs);
    if (status != VX_OK)
        return status;
    *ret_value = VX_R(vx_head_gradient)(model->head, outputs, batch);
    status =
        VX_R(vx_network_backward)(model->network, &pass, theta, features, outputs, ret_gradient);
    if (status != VX_OK)
        return status;
    ret_value->loss += add_l2(model, theta, ret_gradient);
    finite = vx_all_finite_r((vx_rcvec){ ret_gradient.at, ret_gradient.n });
    return finite && isfinite(ret_value->nll) && isfinite(ret_value->loss) ? VX_OK
                                                                           : VX_ERR_NONFINITE;
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

vx_status VX_R(vx_model_evaluate_columns)(VX_R(vx_model) * model, vx_rcvec theta,
                                          const vx_batch *batch, vx_evaluation *evaluations)
{
    vx_rcmat features;
    vx_rmat outputs;
    vx_pass pass;
    vx_status status = VX_OK;
    bool finite = true;

    if (!batch_fits(model, theta.n, batch) || !targets_fit(model, batch, false))
        return VX_ERR_SHAPE;
    pass = begin_pass(model, batch, &features);
    pass.training = false;
    status = VX_R(vx_network_forward)(model->network, &pass, theta, features, &outputs);
    if (status != VX_OK)
        return status;
    VX_R(vx_head_evaluate)(model->head, vx_rmat_const(outputs), batch, evaluations);
    for (size_t k = 0; k < model->head->columns; k++)
        finite = finite && isfinite(evaluations[k].nll_sum);
    return finite ? VX_OK : VX_ERR_NONFINITE;
}

vx_status VX_R(vx_model_evaluate)(VX_R(vx_model) * model, vx_rcvec theta, const vx_batch *batch,
                                  vx_evaluation *evaluation)
{
    size_t columns = model->head->columns;
    vx_status status = VX_OK;

    memset(model->columns, 0, columns * sizeof(*model->columns));
    status = VX_R(vx_model_evaluate_columns)(model, theta, batch, model->columns);
    if (status != VX_OK && status != VX_ERR_NONFINITE)
        return status;
    for (size_t k = 0; k < columns; k++) {
        evaluation->nll_sum += model->columns[k].nll_sum;
        evaluation->weight_sum += model->columns[k].weight_sum;
        evaluation->deviance_sum += model->columns[k].deviance_sum;
        evaluation->correct += model->columns[k].correct;
        evaluation->count += model->columns[k].count;
    }
    return status;
}
