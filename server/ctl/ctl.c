#include <vx_ctl/ctl.h>

#include <argp.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include <jansson.h>
#include <uv.h>

#include <vx_base/alloc.h>

#include "commands.h"
#include "tool.h"

const char *argp_program_bug_address = NULL;

static void print_version(FILE *out, struct argp_state *state)
{
    (void)state;
    (void)fprintf(out, "vexil %s\nlibuv %s, jansson %s\n", VX_VERSION, uv_version_string(),
                  JANSSON_VERSION);
}

static const char doc[] =
    "Vexil trains models on many workers, of which some may be broken or hostile.\v"
    "Commands:\n"
    "  train JOB.yaml        train with a server and workers on this machine\n"
    "  check JOB.yaml        check a job file, print it with every default\n"
    "  status --run-dir DIR  how a running job does\n"
    "  stop --run-dir DIR    finish the round, write a checkpoint and end\n"
    "  checkpoint ACTION     list, verify, prune or export checkpoints\n"
    "  aggregate --rule RULE aggregate a file of gradients; --list names the rules\n"
    "  gradient JOB.yaml     what a worker pushes in a round\n"
    "  evaluate JOB.yaml     score parameters on the test data\n"
    "  gradcheck JOB.yaml    compare a model's gradient with differences\n"
    "  reference JOB.yaml    mean and deviation of each feature\n"
    "  likelihoods           list families, likelihoods and losses\n\n"
    "`vexil COMMAND --help' tells more. Exit codes and files are in vexil(1).";

typedef struct chosen {
    vx_ctl_command command;
    bool tool;
    int at; /* its place in argv */
} chosen;

/* Takes the first word, the command, and leaves the rest to it. */
static error_t parse_command(int key, char *value, struct argp_state *state)
{
    chosen *into = state->input;

    if (key == ARGP_KEY_NO_ARGS)
        argp_error(state, "a command is missing");
    if (key != ARGP_KEY_ARG)
        return ARGP_ERR_UNKNOWN;
    into->command = vx_ctl_command_find(value);
    into->at = state->next - 1;
    into->tool = vx_ctl_tool_is(value);
    if (into->command == VX_CTL_COMMAND_MAX && !into->tool)
        argp_error(state, "unknown command '%s'", value);
    state->next = state->argc;
    return 0;
}

static int run(vx_ctl_command command, const vx_ctl_options *options)
{
    switch (command) {
    case VX_CTL_COMMAND_TRAIN:
        return vx_ctl_train(options);
    case VX_CTL_COMMAND_CHECK:
        return vx_ctl_check(options);
    case VX_CTL_COMMAND_STATUS:
        return vx_ctl_status(options);
    case VX_CTL_COMMAND_STOP:
        return vx_ctl_stop(options);
    case VX_CTL_COMMAND_CHECKPOINT: /* have no options of this kind */
    case VX_CTL_COMMAND_AGGREGATE:
    case VX_CTL_COMMAND_MAX:
        break;
    }
    return vx_status_exit_code(VX_ERR_USAGE);
}

int vx_ctl_complain(const vx_error *err)
{
    (void)fflush(stdout);
    (void)fprintf(stderr, "vexil: %s\n",
                  err->message[0] != '\0' ? err->message : vx_status_text(err->code));
    return vx_status_exit_code(err->code);
}

/* What was printed has to have arrived: a full disk is no success. */
static int end(int exit_code)
{
    vx_error err = { 0 };

    if (fflush(stdout) == 0 && !ferror(stdout))
        return exit_code;
    (void)vx_fail(&err, VX_ERR_IO, "standard output: %s", strerror(errno));
    return exit_code == 0 ? vx_ctl_complain(&err) : exit_code;
}

int vx_ctl_main(int argc, char **argv)
{
    static const struct argp argp = {
        .parser = parse_command,
        .args_doc = "COMMAND [OPTION...]",
        .doc = doc,
    };
    chosen choice = { .command = VX_CTL_COMMAND_MAX };
    vx_ctl_options options = { 0 };
    vx_error err = { 0 };
    int exit_code = 0;

    argp_program_version_hook = print_version;
    argp_err_exit_status = vx_status_exit_code(VX_ERR_USAGE);
    json_set_alloc_funcs(vx_malloc, vx_free);
    (void)signal(SIGPIPE, SIG_IGN);
    if (argp_parse(&argp, argc, argv, ARGP_IN_ORDER, NULL, &choice) != 0)
        return vx_status_exit_code(VX_ERR_USAGE);
    if (choice.tool)
        return vx_ctl_tool(argv + choice.at);
    if (choice.command == VX_CTL_COMMAND_CHECKPOINT)
        return end(vx_ctl_checkpoint(argc - choice.at, argv + choice.at));
    if (choice.command == VX_CTL_COMMAND_AGGREGATE)
        return end(vx_ctl_aggregate(argc - choice.at, argv + choice.at));
    if (vx_ctl_options_parse(choice.command, argc - choice.at, argv + choice.at, &options, &err) !=
        VX_OK)
        return vx_ctl_complain(&err);
    exit_code = run(choice.command, &options);
    vx_ctl_options_clear(&options);
    return end(exit_code);
}
