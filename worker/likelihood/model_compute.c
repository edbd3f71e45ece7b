#include "model_private.h"

#include <math.h>
#include <string.h>

#include <vx_base/assert.h>

static size_t rows_of(const vx_batch *batch)
{
    return batch->sparse != NULL ? batch->sparse->rows : batch->features.rows;
}

static bool batch_fits(const VX_R(vx_model) * model, size_t theta, const vx_batch *batch)
{
    size_t rows = rows_of(batch);
    size_t cols = batch->sparse != NULL ? batch->sparse->cols : batch->features.cols;
    bool taken = batch->sparse == NULL || model->rows != NULL || VX_R(vx_model_takes_sparse)(model);

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
        (y->at == NULL || y->rows != rows || y->cols != model->targets))
        return false;
    if (training && head->loss.kind == VX_LOSS_DISTILLATION &&
        (teacher->at == NULL || teacher->rows != rows || teacher->cols != model->targets))
        return false;
    return weights->at == NULL || (weights->rows == rows && weights->cols == head->columns);
}

static void expand(const VX_R(vx_model) * model, const vx_csr *sparse)
{
    memset(model->rows, 0, sparse->rows * model->features * sizeof(vx_real));
    for (size_t b = 0; b < sparse->rows; b++)
        for (size_t k = sparse->begin[b]; k < sparse->begin[b + 1]; k++)
            model->rows[b * model->features + sparse->columns[k]] = (vx_real)sparse->values[k];
}

static void widen(const VX_R(vx_model) * model, vx_cmatf features)
{
    for (size_t b = 0; b < features.rows; b++)
        for (size_t k = 0; k < features.cols; k++)
            model->rows[b * features.cols + k] = (vx_real)features.at[b * features.ld + k];
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
    bool direct = batch->sparse != NULL && VX_R(vx_model_takes_sparse)(model);
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

static double l2_of(const VX_R(vx_model) * model, const vx_batch *batch)
{
    return batch->without_l2 ? 0.0 : model->l2;
}

/* l2 / 2 |W|^2. */
static double l2_term(const VX_R(vx_model) * model, vx_rcvec theta, const vx_batch *batch)
{
    double l2 = l2_of(model, batch);
    double sum = 0.0;

    for (size_t r = 0; l2 > 0.0 && r < model->weights_count; r++) {
        const vx_range *range = &model->weights[r];

        for (size_t i = range->from; i < range->from + range->count; i++)
            sum += (double)theta.at[i] * (double)theta.at[i];
    }
    return 0.5 * l2 * sum;
}

/* A gradient on its way: what is left to do where the network has done its part. */
typedef struct finish {
    const VX_R(vx_model) * model;
    const vx_batch *batch;
    vx_rcvec theta;
    vx_rvec gradient;
    bool finite; /* so far */
} finish;

/* Adds the derivative of the l2 term in these numbers, and tells of them. They are those of whole
 * tensors. */
static void finish_numbers(void *context, size_t offset, size_t count)
{
    finish *f = context;
    vx_real l2 = (vx_real)l2_of(f->model, f->batch);

    for (size_t r = 0; l2 > 0 && r < f->model->weights_count; r++) {
        const vx_range *range = &f->model->weights[r];

        if (range->from < offset || range->from >= offset + count)
            continue;
        for (size_t i = range->from; i < range->from + range->count; i++)
            f->gradient.at[i] += l2 * f->theta.at[i];
    }
    f->finite = vx_all_finite_r((vx_rcvec){ f->gradient.at + offset, count }) && f->finite;
    if (f->batch->flow != NULL)
        f->batch->flow->ready(f->batch->flow->context, offset, count);
}

/* A plugin takes features in float, in both builds; sparse ones are made rows for float only. */
static vx_cmatf plugin_features(const VX_R(vx_model) * model, const vx_batch *batch)
{
#ifndef VX_REAL_DOUBLE
    vx_rcmat features;

    (void)begin_pass(model, batch, &features);
    return features;
#else
    (void)model;
    return batch->features;
#endif
}

/* A plugin divides by the sum of the weights that it sees. */
static double share_of_whole(const vx_batch *batch)
{
    double own = 0.0;

    if (batch->totals == NULL)
        return 1.0;
    for (size_t i = 0; i < rows_of(batch); i++)
        own += batch->weights != NULL ? (double)batch->weights[i] : 1.0;
    return own < batch->totals[0] ? own / batch->totals[0] : 1.0;
}

static vx_status plugin_value_and_gradient(VX_R(vx_model) * model, vx_rcvec theta,
                                           const vx_batch *batch, vx_rvec gradient,
                                           vx_model_value *ret_value)
{
    double share = share_of_whole(batch);
    vx_status status = VX_R(vx_plugin_gradient)(model->plugin, theta, plugin_features(model, batch),
                                                batch, gradient, &ret_value->nll);

    for (size_t i = 0; share < 1.0 && i < gradient.n; i++)
        gradient.at[i] = (vx_real)(share * (double)gradient.at[i]);
    ret_value->nll *= share;
    ret_value->loss = ret_value->nll;
    return status == VX_ERR_NONFINITE ? VX_OK : status; /* found again in what it wrote */
}

/* Forward, head and backward; or those of a plugin. */
static vx_status value_and_gradient(VX_R(vx_model) * model, vx_rcvec theta, const vx_batch *batch,
                                    finish *own, vx_model_value *ret_value)
{
    vx_flow flow = { finish_numbers, own };
    vx_rvec gradient = own->gradient;
    vx_rcmat features;
    vx_rmat outputs;
    vx_pass pass;
    vx_status status = VX_OK;

    if (model->plugin != NULL) {
        status = plugin_value_and_gradient(model, theta, batch, gradient, ret_value);
        if (status == VX_OK)
            finish_numbers(own, 0, gradient.n);
        return status;
    }
    pass = begin_pass(model, batch, &features);
    status = VX_R(vx_network_forward)(model->network, &pass, theta, features, &outputs);
    if (status != VX_OK)
        return status;
    *ret_value = VX_R(vx_head_gradient)(model->head, outputs, batch);
    return VX_R(vx_network_backward)(model->network, &pass, theta, features, outputs, gradient,
                                     &flow);
}

vx_status VX_R(vx_model_loss_gradient)(VX_R(vx_model) * model, vx_rcvec theta,
                                       const vx_batch *batch, vx_rvec ret_gradient,
                                       vx_model_value *ret_value)
{
    finish own = { model, batch, theta, ret_gradient, true };
    vx_status status = VX_OK;

    if (!batch_fits(model, theta.n, batch) || ret_gradient.n != model->dimension ||
        !targets_fit(model, batch, true))
        return VX_ERR_SHAPE;
    status = value_and_gradient(model, theta, batch, &own, ret_value);
    if (status != VX_OK)
        return status;
    ret_value->loss += l2_term(model, theta, batch);
    return own.finite && isfinite(ret_value->nll) && isfinite(ret_value->loss) ? VX_OK
                                                                               : VX_ERR_NONFINITE;
}

vx_status VX_R(vx_model_nll_gradient)(VX_R(vx_model) * model, vx_rcvec theta, const vx_batch *batch,
                                      vx_rvec ret_gradient, double *ret_nll)
{
    vx_model_value value = { 0 };
    vx_status status = VX_R(vx_model_loss_gradient)(model, theta, batch, ret_gradient, &value);

    if (status == VX_OK || status == VX_ERR_NONFINITE)
        *ret_nll = value.nll;
    return status;
}

#ifndef VX_REAL_DOUBLE
static vx_status plugin_predict(vx_model *model, vx_cvecf theta, const vx_batch *batch,
                                vx_matf ret_outputs)
{
    return vx_plugin_predict(model->plugin, theta, plugin_features(model, batch), batch,
                             ret_outputs);
}

static vx_status plugin_evaluate(vx_model *model, vx_cvecf theta, const vx_batch *batch,
                                 vx_evaluation *evaluation)
{
    return vx_plugin_evaluate(model->plugin, theta, plugin_features(model, batch), batch,
                              evaluation);
}
#else
/* The interface of plugins has no such call in double. */
static vx_status plugin_predict(vx_model64 *model, vx_cvec theta, const vx_batch *batch,
                                vx_mat ret_outputs)
{
    (void)model;
    (void)theta;
    (void)batch;
    (void)ret_outputs;
    return VX_ERR_USAGE;
}

static vx_status plugin_evaluate(vx_model64 *model, vx_cvec theta, const vx_batch *batch,
                                 vx_evaluation *evaluation)
{
    (void)model;
    (void)theta;
    (void)batch;
    (void)evaluation;
    return VX_ERR_USAGE;
}
#endif

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
    if (model->plugin != NULL)
        return plugin_predict(model, theta, batch, ret_outputs);
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
    if (model->plugin != NULL)
        return plugin_evaluate(model, theta, batch, evaluations);
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
