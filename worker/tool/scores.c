#include <math.h>
#include <string.h>

#include <vx_base/alloc.h>
#include <vx_base/assert.h>

#include "tool_private.h"

#define LEVEL       0.95
#define NUMBERS_MAX ((size_t)1 << 28) /* numbers of a column that are held: 2 GiB */
#define GROUP_MAX   ((size_t)1 << 25) /* of columns that one reading of the test set serves */

/* All outputs and scores of one column on the test set. */
typedef struct whole {
    vx_mat logits; /* (n, classes), when there are classes: of bernoulli 0 and z */
    uint32_t *labels;
    vx_vec nll, hits, deviance; /* (n) */
    bool classes;
} whole;

/* Outputs of one column. */
static size_t outputs_of(const vx_task *task)
{
    return vx_model_outputs(task->model) / task->columns;
}

static size_t classes_of(const vx_task *task)
{
    size_t outputs = outputs_of(task);

    return outputs > 1 ? outputs : 2;
}

static void clear(whole *w)
{
    vx_free(w->logits.at);
    vx_free(w->labels);
    vx_free(w->nll.at);
    vx_free(w->hits.at);
    vx_free(w->deviance.at);
}

static vx_status take_memory(const vx_task *task, size_t n, whole *w, vx_error *err)
{
    size_t classes = classes_of(task);

    if (n > NUMBERS_MAX / classes)
        return vx_fail(err, VX_ERR_LIMIT, "%zu x %zu outputs are more than can be held", n,
                       classes);
    w->logits = (vx_mat){ vx_calloc(n * classes, sizeof(double)), n, classes, classes };
    w->labels = vx_calloc(n, sizeof(*w->labels));
    w->nll = (vx_vec){ vx_calloc(n, sizeof(double)), n };
    w->hits = (vx_vec){ vx_calloc(n, sizeof(double)), n };
    w->deviance = (vx_vec){ vx_calloc(n, sizeof(double)), n };
    if (w->logits.at == NULL || w->labels == NULL || w->nll.at == NULL || w->hits.at == NULL ||
        w->deviance.at == NULL)
        return vx_fail(err, VX_ERR_NOMEM, "no memory for %zu x %zu outputs", n, classes);
    return VX_OK;
}

/* A target of bernoulli that is 0 or 1 is a class. */
static bool take_binary(const vx_score_data *data, size_t i, double *logits, uint32_t *label)
{
    double y = data->targets.at[i * data->targets.ld];

    logits[0] = 0;
    logits[1] = data->outputs.at[i * data->outputs.ld];
    *label = y > 0.5 ? 1 : 0;
    return !(y > 0 && y < 1);
}

static void take_batch(const vx_score_data *data, size_t from, whole *w)
{
    size_t n = data->outputs.rows;
    size_t classes = w->logits.cols;

    VX_ASSERT(w->logits.at != NULL && w->labels != NULL);
    vx_score_nll(data, (vx_vec){ w->nll.at + from, n });
    vx_score_deviance(data, (vx_vec){ w->deviance.at + from, n });
    for (size_t i = 0; w->classes && i < n; i++) {
        double *logits = w->logits.at + (from + i) * classes;

        if (data->kind == VX_SCORE_CATEGORICAL) {
            memcpy(logits, data->outputs.at + i * data->outputs.ld, classes * sizeof(double));
            w->labels[from + i] = data->labels[i];
        } else {
            w->classes = take_binary(data, i, logits, &w->labels[from + i]);
        }
    }
}

/* That of the columns that follow each other in the outputs. */
static vx_score_data column_of(const vx_score_data *data, size_t column, size_t outputs)
{
    vx_score_data one = *data;

    one.outputs.at += column * outputs;
    one.outputs.cols = outputs;
    return one;
}

/* Columns first .. first + count. */
static vx_status predict_all(vx_task *task, vx_cvecf theta, size_t first, size_t count, whole *w,
                             vx_error *err)
{
    size_t n = vx_dataset_get_info(task->dataset).count;
    vx_status status = VX_OK;

    for (size_t from = 0; status == VX_OK && from < n; from += task->batch) {
        vx_score_data data;

        status = vx_task_predict(task, theta, from, n - from < task->batch ? n - from : task->batch,
                                 &data);
        for (size_t k = 0; status == VX_OK && k < count; k++) {
            vx_score_data one = column_of(&data, first + k, outputs_of(task));

            take_batch(&one, from, &w[k]);
        }
    }
    if (status != VX_OK)
        return vx_fail(err, status, "the outputs cannot be computed: %s", vx_status_text(status));
    return VX_OK;
}

static vx_status score_classes(const vx_task *task, whole *w, vx_tool_scores *s, vx_error *err)
{
    vx_cmat logits = vx_mat_const(w->logits);
    size_t bins = (size_t)task->job->evaluation.bins;
    vx_vec tempered = w->hits;
    vx_status status = VX_OK;

    s->ece = vx_score_ece(logits, w->labels, 1, bins);
    status = vx_score_auroc_macro(logits, w->labels, &s->auroc);
    if (status == VX_ERR_NOMEM)
        return vx_fail(err, status, "out of memory");
    status = vx_score_temperature(logits, w->labels, &s->temperature);
    if (status == VX_OK) {
        vx_score_data data = { .kind = VX_SCORE_CATEGORICAL,
                               .outputs = logits,
                               .labels = w->labels };

        s->ece_tempered = vx_score_ece(logits, w->labels, s->temperature, bins);
        for (size_t i = 0; i < w->logits.rows * w->logits.cols; i++)
            w->logits.at[i] /= s->temperature;
        vx_score_nll(&data, tempered);
        s->nll_tempered = vx_score_mean(vx_vec_const(tempered));
    } else if (status == VX_ERR_NONFINITE) {
        s->temperature = (double)NAN;
    }
    vx_score_hits(logits, w->labels, w->hits); /* a temperature does not change them */
    s->accuracy = vx_score_mean(vx_vec_const(w->hits));
    return VX_OK;
}

static vx_status interval(const vx_task *task, vx_vec values, vx_tool_interval *ret, vx_error *err)
{
    size_t samples = (size_t)task->job->evaluation.bootstrap;

    if (samples == 0)
        return VX_OK;
    if (vx_score_bootstrap(vx_vec_const(values), samples, task->job->seed, LEVEL, &ret->low,
                           &ret->high) != VX_OK)
        return vx_fail(err, VX_ERR_NOMEM, "no memory for %zu samples", samples);
    return VX_OK;
}

static vx_status score_all(const vx_task *task, whole *w, bool categorical, vx_tool_scores *s,
                           vx_error *err)
{
    vx_status status = VX_OK;

    s->nll = vx_score_mean(vx_vec_const(w->nll));
    status = interval(task, w->nll, &s->nll_in, err);
    if (status == VX_OK && !categorical) {
        s->deviance = vx_score_mean(vx_vec_const(w->deviance));
        status = interval(task, w->deviance, &s->deviance_in, err);
    }
    if (categorical && !w->classes) /* of one class */
        s->accuracy = 1;
    if (status == VX_OK && w->classes)
        status = score_classes(task, w, s, err);
    if (status == VX_OK && w->classes)
        status = interval(task, w->hits, &s->accuracy_in, err);
    return status;
}

static vx_status score_group(vx_task *task, vx_cvecf theta, size_t first, size_t count, whole *w,
                             vx_tool_scores *scores, vx_error *err)
{
    const double none = (double)NAN;
    size_t n = vx_dataset_get_info(task->dataset).count;
    vx_likelihood likelihood = vx_model_likelihood(task->model);
    bool categorical = likelihood == VX_LIKELIHOOD_CATEGORICAL;
    bool binary = likelihood == VX_LIKELIHOOD_BERNOULLI && outputs_of(task) == 1;
    vx_status status = VX_OK;

    for (size_t k = 0; status == VX_OK && k < count; k++) {
        w[k].classes = (categorical && outputs_of(task) > 1) || binary;
        status = take_memory(task, n, &w[k], err);
    }
    if (status == VX_OK)
        status = predict_all(task, theta, first, count, w, err);
    for (size_t k = 0; status == VX_OK && k < count; k++) {
        scores[k] =
            (vx_tool_scores){ n,    none, none, none,           none,           none,
                              none, none, none, { none, none }, { none, none }, { none, none } };
        status = score_all(task, &w[k], categorical, &scores[k], err);
    }
    return status;
}

vx_status vx_tool_score(vx_task *task, vx_cvecf theta, vx_tool_scores *ret_scores, vx_error *err)
{
    size_t n = vx_dataset_get_info(task->dataset).count;
    size_t fit = GROUP_MAX / (classes_of(task) + 3) / n;
    size_t group = fit < 1 ? 1 : fit < task->columns ? fit : task->columns;
    whole *w = vx_calloc(group, sizeof(*w));
    vx_status status = VX_OK;

    if (w == NULL)
        return vx_fail(err, VX_ERR_NOMEM, "out of memory");
    for (size_t first = 0; status == VX_OK && first < task->columns; first += group) {
        size_t left = task->columns - first;

        status = score_group(task, theta, first, left < group ? left : group, w, ret_scores + first,
                             err);
        for (size_t k = 0; k < group; k++) {
            clear(&w[k]);
            w[k] = (whole){ 0 };
        }
    }
    vx_free(w);
    return status;
}
