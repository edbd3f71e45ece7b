#include <vx_likelihood/head.h>

#include <math.h>

#include <vx_base/assert.h>

#include "head_rows.h"

static double weight_of(const vx_batch *batch, size_t i, size_t k)
{
    double own = batch->weights != NULL ? (double)batch->weights[i] : 1.0;

    if (batch->column_weights.at == NULL)
        return own;
    return own * (double)batch->column_weights.at[i * batch->column_weights.ld + k];
}

static vx_target target_of(const vx_head *head, const vx_batch *batch, size_t i, size_t k)
{
    vx_target target = { .seed = batch->seed,
                         .round = batch->round,
                         .slot = batch->slot,
                         .observation =
                             batch->observations != NULL ? batch->observations[i] : (uint32_t)i };

    if (head->likelihood == VX_LIKELIHOOD_CATEGORICAL)
        target.label = batch->labels[i * head->columns + k];
    else
        target.values = batch->targets.at + i * batch->targets.ld + k * head->outputs;
    if (batch->teacher.at != NULL)
        target.teacher = batch->teacher.at + i * batch->teacher.ld + k * head->outputs;
    return target;
}

static void sum_weights(vx_head *head, size_t rows, const vx_batch *batch)
{
    for (size_t k = 0; k < head->columns; k++)
        head->totals[k] = batch->totals != NULL ? batch->totals[k] : 0.0;
    if (batch->totals != NULL)
        return;
    for (size_t i = 0; i < rows; i++)
        for (size_t k = 0; k < head->columns; k++)
            head->totals[k] += weight_of(batch, i, k);
}

vx_model_value VX_R(vx_head_gradient)(vx_head *head, vx_rmat outputs, const vx_batch *batch)
{
    bool classes = head->likelihood == VX_LIKELIHOOD_CATEGORICAL;
    vx_model_value value = { 0 };

    VX_ASSERT(outputs.cols == head->outputs * head->columns);
    sum_weights(head, outputs.rows, batch);
    for (size_t i = 0; i < outputs.rows; i++) {
        for (size_t k = 0; k < head->columns; k++) {
            vx_real *z = outputs.at + i * outputs.ld + k * head->outputs;
            double weight = weight_of(batch, i, k);
            double share = weight > 0.0 ? weight / head->totals[k] : 0.0;
            vx_target target = target_of(head, batch, i, k);
            vx_model_value own = { 0 };

            if (weight > 0.0)
                own = classes ? VX_R(vx_head_categorical)(head, &target, z)
                              : VX_R(vx_head_real)(head, &target, z);
            value.loss += share * own.loss;
            value.nll += share * own.nll;
            for (size_t o = 0; o < head->outputs; o++)
                z[o] = weight > 0.0 ? (vx_real)(share * (double)z[o]) : 0;
        }
    }
    return value;
}

/* Ties of the largest go to the lowest class. */
static double class_nll(const vx_real *z, size_t n, uint32_t label, bool *ret_correct)
{
    size_t best = 0;
    double sum = 0.0;

    VX_ASSERT(label < n);
    for (size_t k = 1; k < n; k++)
        best = z[k] > z[best] ? k : best;
    for (size_t k = 0; k < n; k++)
        sum += exp((double)(z[k] - z[best]));
    *ret_correct = best == label;
    return log(sum) - ((double)z[label] - (double)z[best]);
}

/* nll and deviance of a row of outputs; correct when each output is on its target's side of 1/2. */
static double real_nll(const vx_head *head, const vx_real *z, const float *y, double *ret_deviance,
                       bool *ret_correct)
{
    double nll = 0.0;
    double saturated = 0.0;
    double slope = 0.0;
    bool correct = head->likelihood == VX_LIKELIHOOD_BERNOULLI;

    for (size_t o = 0; o < head->outputs; o++) {
        nll += vx_head_nll(head, (double)z[o], (double)y[o], &slope);
        saturated += vx_head_saturated(head, (double)y[o]);
        correct = correct && (z[o] > 0) == (y[o] > 0.5f);
    }
    *ret_deviance = 2.0 * (nll - saturated);
    *ret_correct = correct;
    return nll;
}

void VX_R(vx_head_evaluate)(vx_head *head, vx_rcmat outputs, const vx_batch *batch,
                            vx_evaluation *evaluations)
{
    for (size_t i = 0; i < outputs.rows; i++) {
        for (size_t k = 0; k < head->columns; k++) {
            const vx_real *z = outputs.at + i * outputs.ld + k * head->outputs;
            vx_target target = target_of(head, batch, i, k);
            double weight = weight_of(batch, i, k);
            double deviance = 0.0;
            bool correct = false;
            double nll = 0.0;

            if (head->likelihood == VX_LIKELIHOOD_CATEGORICAL) {
                nll = class_nll(z, head->outputs, target.label, &correct);
                deviance = 2.0 * nll;
            } else {
                nll = real_nll(head, z, target.values, &deviance, &correct);
            }
            evaluations[k].count++;
            evaluations[k].correct += correct ? 1 : 0;
            evaluations[k].weight_sum += weight;
            evaluations[k].nll_sum += weight > 0.0 ? weight * nll : 0.0;
            evaluations[k].deviance_sum += weight > 0.0 ? weight * deviance : 0.0;
        }
    }
}
