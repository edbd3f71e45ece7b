#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <vx_base/limits.h>

#include "tool_private.h"

enum {
    KEY_SET = 's',
    KEY_PARAMS = 'p',
    KEY_OUT = 'o',
    KEY_SLOT = 256,
    KEY_ROUND,
    KEY_BATCH_OUT,
    KEY_FAULTS,
    KEY_LOCAL,
    KEY_DATA_DIR,
    KEY_JSON,
    KEY_POINTS,
    KEY_COORDINATES,
    KEY_TOLERANCE
};

#define SET                                                                                        \
    {                                                                                              \
        "set", KEY_SET, "KEY=VALUE", 0, "override a key of the job file; may be repeated", 0       \
    }
#define PARAMS                                                                                     \
    {                                                                                              \
        "params", KEY_PARAMS, "PATH", 0,                                                           \
            "a checkpoint's folder or a safetensors file (default: the first parameters)", 0       \
    }
#define DATA_DIR                                                                                   \
    {                                                                                              \
        "data-dir", KEY_DATA_DIR, "DIR", 0, "data files are taken from here, by their last name",  \
            0                                                                                      \
    }
#define JSON                                                                                       \
    {                                                                                              \
        "json", KEY_JSON, NULL, 0, "print one JSON object", 0                                      \
    }
#define OUT(what)                                                                                  \
    {                                                                                              \
        "out", KEY_OUT, what, 0, "where the result goes", 0                                        \
    }

static const struct argp_option gradient_options[] = {
    SET,
    PARAMS,
    { "slot", KEY_SLOT, "I", 0, "the worker (default 0)", 0 },
    { "round", KEY_ROUND, "T", 0, "the round (default 0)", 0 },
    OUT("FILE.npy"),
    { "batch-out", KEY_BATCH_OUT, "PREFIX", 0,
      "write what was drawn to PREFIX-features.npy, -targets, -observations, -weights", 0 },
    { "faults", KEY_FAULTS, NULL, 0, "inject the faults of the job too", 0 },
    { "local-workers", KEY_LOCAL, "N", 0,
      "workers on the host, which share its cores (default: workers.count)", 0 },
    DATA_DIR,
    JSON,
    { 0 },
};
static const struct argp_option evaluate_options[] = { SET, PARAMS, DATA_DIR, JSON, { 0 } };
static const struct argp_option gradcheck_options[] = {
    SET,
    { "points", KEY_POINTS, "N", 0, "random parameters that are tried (default 3)", 0 },
    { "coordinates", KEY_COORDINATES, "N", 0,
      "numbers of each tensor that are checked at a point (default 20; 0: all)", 0 },
    { "tolerance", KEY_TOLERANCE, "X", 0, "largest relative error (default 1e-6)", 0 },
    DATA_DIR,
    JSON,
    { 0 },
};
static const struct argp_option likelihoods_options[] = { JSON, { 0 } };
static const struct argp_option model_options[] = { SET, DATA_DIR, JSON, { 0 } };
static const struct argp_option reference_options[] = { SET, OUT("FILE.npy"), DATA_DIR, { 0 } };

static const struct {
    const char *name, *words, *text;
    const struct argp_option *options;
    bool takes_job, needs_out;
} commands[] = {
    { "gradient", "JOB.yaml",
      "Computes what a worker pushes in a round, to the bit: batch, gradient, clipping. The "
      "momentum "
      "begins anew: it is that of a worker without earlier rounds.",
      gradient_options, true, false },
    { "evaluate", "JOB.yaml", "Scores parameters on the test data.", evaluate_options, true,
      false },
    { "gradcheck", "JOB.yaml",
      "Compares the gradient of a job's model with differences of its loss, in double.",
      gradcheck_options, true, false },
    { "likelihoods", "", "Lists families, likelihoods and losses with their keys.",
      likelihoods_options, false, false },
    { "model", "JOB.yaml", "Prints the model of a job.", model_options, true, false },
    { "reference", "JOB.yaml",
      "Writes mean and deviation of each feature of the training data, for data.reference.",
      reference_options, true, true },
};

typedef struct parser {
    vx_tool_options *into;
    size_t command;
} parser;

static uint64_t count_of(const char *name, const char *text, uint64_t least, uint64_t most,
                         const struct argp_state *state)
{
    char *end = NULL;
    unsigned long long value = 0;

    errno = 0;
    value = strtoull(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end != '\0' || errno != 0 || value < least ||
        value > most)
        argp_error(state, "--%s: expected a whole number from %llu to %llu, found '%s'", name,
                   (unsigned long long)least, (unsigned long long)most, text);
    return value;
}

static double tolerance_of(const char *text, const struct argp_state *state)
{
    char *end = NULL;
    double value = strtod(text, &end);

    if (end == text || *end != '\0' || !(value > 0 && value < 1))
        argp_error(state, "--tolerance: expected a number between 0 and 1, found '%s'", text);
    return value;
}

static void take_set(const char *text, vx_tool_options *into, const struct argp_state *state)
{
    if (strchr(text, '=') == NULL)
        argp_error(state, "--set: expected KEY=VALUE, found '%s'", text);
    if (into->sets_count == VX_TOOL_SETS_MAX)
        argp_error(state, "--set: at most %d times", VX_TOOL_SETS_MAX);
    into->sets[into->sets_count++] = text;
}

static void check_whole(const parser *p, const struct argp_state *state)
{
    if (commands[p->command].takes_job && p->into->job == NULL)
        argp_error(state, "a job file is missing");
    if (commands[p->command].needs_out && p->into->out == NULL)
        argp_error(state, "--out is missing");
}

static error_t take_number(int key, const char *value, vx_tool_options *into,
                           const struct argp_state *state)
{
    switch (key) {
    case KEY_SLOT:
        into->slot = count_of("slot", value, 0, VX_WORKERS_MAX - 1, state);
        return 0;
    case KEY_ROUND:
        into->round = count_of("round", value, 0, VX_ROUNDS_MAX - 1, state);
        return 0;
    case KEY_LOCAL:
        into->local_workers = count_of("local-workers", value, 1, VX_WORKERS_MAX, state);
        return 0;
    case KEY_POINTS:
        into->points = count_of("points", value, 1, 1000, state);
        return 0;
    case KEY_COORDINATES:
        into->coordinates = count_of("coordinates", value, 0, UINT32_MAX, state);
        return 0;
    case KEY_TOLERANCE:
        into->tolerance = tolerance_of(value, state);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static error_t take_one(int key, char *value, struct argp_state *state)
{
    parser *p = state->input;
    vx_tool_options *into = p->into;

    switch (key) {
    case KEY_SET:
        take_set(value, into, state);
        return 0;
    case KEY_PARAMS:
        into->params = value;
        return 0;
    case KEY_OUT:
        into->out = value;
        return 0;
    case KEY_BATCH_OUT:
        into->batch_out = value;
        return 0;
    case KEY_DATA_DIR:
        into->data_dir = value;
        return 0;
    case KEY_FAULTS:
        into->faults = true;
        return 0;
    case KEY_JSON:
        into->json = true;
        return 0;
    case ARGP_KEY_ARG:
        if (!commands[p->command].takes_job || into->job != NULL)
            argp_error(state, "unexpected argument '%s'", value);
        into->job = value;
        return 0;
    case ARGP_KEY_END:
        check_whole(p, state);
        return 0;
    default:
        return take_number(key, value, into, state);
    }
}

void vx_tool_options_parse(int argc, char **argv, vx_tool_options *ret_options)
{
    static char name[32];
    parser p = { .into = ret_options };
    struct argp argp = { .parser = take_one };

    *ret_options = (vx_tool_options){ .points = 3, .coordinates = 20, .tolerance = 1e-6 };
    while (strcmp(commands[p.command].name, argv[0]) != 0)
        p.command++;
    argp.options = commands[p.command].options;
    argp.args_doc = commands[p.command].words;
    argp.doc = commands[p.command].text;
    (void)snprintf(name, sizeof(name), "vexil %s", argv[0]);
    argv[0] = name;
    argp_err_exit_status = vx_status_exit_code(VX_ERR_USAGE);
    (void)argp_parse(&argp, argc, argv, 0, NULL, &p); /* ends the program on an error */
}
