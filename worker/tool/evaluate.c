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
    return json_pack("{s:i, s:I, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:{s:o, s:o, s:o}}",
                     "format", 1, "count", (json_int_t)s->count, "nll", vx_tool_real(s->nll),
                     "accuracy", vx_tool_real(s->accuracy), "deviance", vx_tool_real(s->deviance),
                     "ece", vx_tool_real(s->ece), "temperature", vx_tool_real(s->temperature),
                     "nll_tempered", vx_tool_real(s->nll_tempered), "ece_tempered",
                     vx_tool_real(s->ece_tempered), "auroc", vx_tool_real(s->auroc), "intervals",
                     "nll", pair(s->nll_in), "accuracy", pair(s->accuracy_in), "deviance",
                     pair(s->deviance_in));
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

static vx_status print_columns_json(const vx_task *task, const vx_evaluation *columns,
                                    vx_error *err)
{
    json_t *list = json_array();

    for (size_t k = 0; k < task->columns; k++) {
        column c = column_of(task, &columns[k]);

        (void)json_array_append_new(list, json_pack("{s:o, s:o, s:o}", "nll", vx_tool_real(c.nll),
                                                    "accuracy", vx_tool_real(c.accuracy),
                                                    "deviance", vx_tool_real(c.deviance)));
    }
    return vx_tool_print_json(json_pack("{s:i, s:I, s:o}", "format", 1, "count",
                                        (json_int_t)columns[0].count, "columns", list),
                              err);
}

/* Of many models at once, or of a plugin that does not predict: what the model itself tells. */
static vx_status print_columns(vx_task *task, vx_cvecf theta, bool json, vx_error *err)
{
    const vx_evaluation *columns = NULL;
    vx_status status = vx_task_evaluate_columns(task, theta, &columns);

    if (status != VX_OK)
        return vx_fail(err, status, "the evaluation failed: %s", vx_status_text(status));
    if (json)
        return print_columns_json(task, columns, err);
    (void)printf("column  %12s%12s%12s\n", "nll", "accuracy", "deviance");
    for (size_t k = 0; k < task->columns; k++) {
        column c = column_of(task, &columns[k]);

        (void)printf("%6zu  %12.6g", k, c.nll);
        (void)(isnan(c.accuracy) ? printf("%12s", "-") : printf("%12.6g", c.accuracy));
        (void)(isnan(c.deviance) ? printf("%12s\n", "-") : printf("%12.6g\n", c.deviance));
    }
    return VX_OK;
}

static vx_status run(vx_task *task, const vx_tool_options *options, vx_cvecf theta, vx_error *err)
{
    vx_tool_scores scores;
    vx_status status = VX_OK;

    if (task->columns > 1 || vx_model_outputs(task->model) == 0 ||
        task->job->model.family == VX_JOB_FAMILY_PLUGIN)
        return print_columns(task, theta, options->json, err);
    status = vx_tool_score(task, theta, &scores, err);
    if (status != VX_OK)
        return status;
    if (options->json)
        return vx_tool_print_json(scores_object(&scores), err);
    print_scores(&scores);
    return VX_OK;
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
