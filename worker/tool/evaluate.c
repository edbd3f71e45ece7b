#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include <vx_base/alloc.h>

#include "tool_private.h"

static json_t *pair(vx_tool_interval in)
{
    return isnan(in.low) ? json_null() : json_pack("[f, f]", in.low, in.high);
}

static json_t *scores_object(const vx_tool_scores *s)
{
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:{s:o, s:o, s:o}}", "nll",
                     vx_tool_real(s->nll), "accuracy", vx_tool_real(s->accuracy), "deviance",
                     vx_tool_real(s->deviance), "ece", vx_tool_real(s->ece), "temperature",
                     vx_tool_real(s->temperature), "nll_tempered", vx_tool_real(s->nll_tempered),
                     "ece_tempered", vx_tool_real(s->ece_tempered), "auroc", vx_tool_real(s->auroc),
                     "intervals", "nll", pair(s->nll_in), "accuracy", pair(s->accuracy_in),
                     "deviance", pair(s->deviance_in));
}

/* One model: its scores; many: a list of them. */
static json_t *document(const vx_tool_scores *s, size_t columns)
{
    json_t *root = json_pack("{s:i, s:I}", "format", 1, "count", (json_int_t)s[0].count);
    json_t *list = json_array();

    for (size_t k = 0; columns > 1 && k < columns; k++)
        (void)json_array_append_new(list, scores_object(&s[k]));
    if (columns > 1)
        (void)json_object_set(root, "columns", list);
    else
        (void)json_object_update_new(root, scores_object(&s[0]));
    json_decref(list);
    return root;
}

static void print_line(const char *name, double value, vx_tool_interval in)
{
    if (isnan(value))
        return;
    (void)printf("%-12s%.6g", name, value);
    if (!isnan(in.low))
        (void)printf("  [%.6g, %.6g]", in.low, in.high);
    (void)puts("");
}

static void print_scores(const vx_tool_scores *s)
{
    const vx_tool_interval none = { (double)NAN, (double)NAN };

    (void)printf("%-12s%" PRIu64 "\n", "count", s->count);
    print_line("nll", s->nll, s->nll_in);
    print_line("accuracy", s->accuracy, s->accuracy_in);
    print_line("deviance", s->deviance, s->deviance_in);
    print_line("auroc", s->auroc, none);
    print_line("ece", s->ece, none);
    if (isinf(s->temperature) || s->temperature <= 0)
        (void)printf("%-12snone: the nll falls for ever as it goes to %g\n", "temperature",
                     s->temperature);
    else if (!isnan(s->temperature))
        (void)printf("%-12s%.6g: nll %.6g, ece %.6g\n", "temperature", s->temperature,
                     s->nll_tempered, s->ece_tempered);
}

static void print_cell(double value)
{
    (void)(isnan(value) ? printf("%12s", "-") : printf("%12.6g", value));
}

static void print_bounds(const char *name, double nll, double accuracy, double deviance)
{
    (void)printf("%6s  ", name);
    print_cell(nll);
    print_cell(accuracy);
    print_cell(deviance);
    (void)puts("");
}

/* Of many models: a row each, and two for its intervals where there are some. */
static void print_table(const vx_tool_scores *scores, size_t columns)
{
    (void)printf("column  %12s%12s%12s%12s%12s%12s\n", "nll", "accuracy", "deviance", "auroc",
                 "ece", "temperature");
    for (size_t k = 0; k < columns; k++) {
        const vx_tool_scores *s = &scores[k];
        const double cells[] = {
            s->nll, s->accuracy, s->deviance, s->auroc, s->ece, s->temperature
        };

        (void)printf("%6zu  ", k);
        for (size_t i = 0; i < sizeof(cells) / sizeof(cells[0]); i++)
            print_cell(cells[i]);
        (void)puts("");
        if (isnan(s->nll_in.low))
            continue;
        print_bounds("low", s->nll_in.low, s->accuracy_in.low, s->deviance_in.low);
        print_bounds("high", s->nll_in.high, s->accuracy_in.high, s->deviance_in.high);
    }
}

typedef struct column {
    double nll, accuracy, deviance;
} column;

static column column_of(const vx_task *task, const vx_evaluation *e)
{
    vx_likelihood likelihood = vx_model_likelihood(task->model);
    bool categorical = likelihood == VX_LIKELIHOOD_CATEGORICAL;
    bool sides = categorical || likelihood == VX_LIKELIHOOD_BERNOULLI;

    return (column){ e->nll_sum / e->weight_sum,
                     sides ? (double)e->correct / (double)e->count : (double)NAN,
                     categorical ? (double)NAN : e->deviance_sum / e->weight_sum };
}

/* Of a plugin: what it tells itself. */
static vx_status print_plugin(vx_task *task, vx_cvecf theta, bool json, vx_error *err)
{
    const vx_evaluation *columns = NULL;
    column c;
    vx_status status = vx_task_evaluate_columns(task, theta, &columns);

    if (status != VX_OK)
        return vx_fail(err, status, "the evaluation failed: %s", vx_status_text(status));
    c = column_of(task, &columns[0]);
    if (json)
        return vx_tool_print_json(
            json_pack("{s:i, s:I, s:[{s:o, s:o, s:o}]}", "format", 1, "count",
                      (json_int_t)columns[0].count, "columns", "nll", vx_tool_real(c.nll),
                      "accuracy", vx_tool_real(c.accuracy), "deviance", vx_tool_real(c.deviance)),
            err);
    (void)printf("column  %12s%12s%12s\n", "nll", "accuracy", "deviance");
    print_bounds("0", c.nll, c.accuracy, c.deviance);
    return VX_OK;
}

static vx_status run(vx_task *task, const vx_tool_options *options, vx_cvecf theta, vx_error *err)
{
    vx_tool_scores *scores = NULL;
    vx_status status = VX_OK;

    if (vx_model_outputs(task->model) == 0 || task->job->model.family == VX_JOB_FAMILY_PLUGIN)
        return print_plugin(task, theta, options->json, err);
    scores = vx_calloc(task->columns, sizeof(*scores));
    if (scores == NULL)
        return vx_fail(err, VX_ERR_NOMEM, "out of memory");
    status = vx_tool_score(task, theta, scores, err);
    if (status == VX_OK && options->json)
        status = vx_tool_print_json(document(scores, task->columns), err);
    else if (status == VX_OK && task->columns > 1)
        print_table(scores, task->columns);
    else if (status == VX_OK)
        print_scores(&scores[0]);
    vx_free(scores);
    return status;
}

vx_status vx_tool_evaluate(const vx_tool_options *options, vx_error *err)
{
    vx_job *job = NULL;
    vx_task task = { 0 };
    vx_vecf theta = { NULL, 0 };
    vx_task_place place;
    vx_status status = vx_tool_load_job(options, &job, err);

    if (status != VX_OK)
        return status;
    place = vx_tool_place(options, job);
    status = vx_task_create_evaluator(job, &place, &task, err);
    if (status == VX_OK)
        status = vx_tool_parameters(options, &task, &theta, err);
    if (status == VX_OK)
        status = run(&task, options, vx_vecf_const(theta), err);
    vx_free(theta.at);
    vx_task_destroy(&task);
    return status;
}
