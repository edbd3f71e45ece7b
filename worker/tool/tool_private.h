#ifndef VX_TOOL_TOOL_PRIVATE_H
#define VX_TOOL_TOOL_PRIVATE_H
#include <argp.h>

#include <jansson.h>

#include <vx_task/task.h>
#include <vx_tool/tool.h>

#define VX_TOOL_SETS_MAX 256

typedef struct vx_tool_options {
    const char *job, *params, *out, *batch_out, *data_dir;
    const char *sets[VX_TOOL_SETS_MAX];
    size_t sets_count;
    uint64_t slot, round, local_workers, points, coordinates;
    double tolerance;
    bool faults, json;
} vx_tool_options;

/* The options that a tool takes; argv[0] becomes "vexil NAME". Ends the program on --help, and with
 * 2 on wrong use. */
void vx_tool_options_parse(int argc, char **argv, vx_tool_options *ret_options);

/* The job with its overrides, and where its data is. */
VX_MUST_CHECK vx_status vx_tool_load_job(const vx_tool_options *options, vx_job **ret_job,
                                         vx_error *err);
vx_task_place vx_tool_place(const vx_tool_options *options, const vx_job *job);

/* New memory (d): those of --params, or the model's first ones for the job's seed. */
VX_MUST_CHECK vx_status vx_tool_parameters(const vx_tool_options *options, const vx_task *task,
                                           vx_vecf *ret_theta, vx_error *err);

/* Prints root on a line and frees it; NULL: there was no memory for it. */
VX_MUST_CHECK vx_status vx_tool_print_json(json_t *root, vx_error *err);
json_t *vx_tool_real(double value); /* null when it is not finite */

VX_MUST_CHECK vx_status vx_tool_gradient(const vx_tool_options *options, vx_error *err);
VX_MUST_CHECK vx_status vx_tool_evaluate(const vx_tool_options *options, vx_error *err);
/* VX_ERR_DATA when a gradient is wrong. */
VX_MUST_CHECK vx_status vx_tool_gradcheck(const vx_tool_options *options, vx_error *err);
VX_MUST_CHECK vx_status vx_tool_likelihoods(const vx_tool_options *options, vx_error *err);
VX_MUST_CHECK vx_status vx_tool_model(const vx_tool_options *options, vx_error *err);
VX_MUST_CHECK vx_status vx_tool_reference(const vx_tool_options *options, vx_error *err);

/* What an evaluation finds. NaN: there is no such number. */
typedef struct vx_tool_interval {
    double low, high;
} vx_tool_interval;

typedef struct vx_tool_scores {
    uint64_t count;
    double nll, accuracy, deviance, ece, auroc;
    double temperature, nll_tempered, ece_tempered;
    vx_tool_interval nll_in, accuracy_in, deviance_in;
} vx_tool_scores;

/* Of each column (K), from its outputs, also on failure. VX_ERR_USAGE: a plugin that does not
 * predict; VX_ERR_LIMIT: too many outputs; VX_ERR_NOMEM. At most 256 MiB are taken, or what one
 * column needs: the test set is predicted once for as many columns as fit. */
VX_MUST_CHECK vx_status vx_tool_score(vx_task *task, vx_cvecf theta, vx_tool_scores *ret_scores,
                                      vx_error *err);
#endif
