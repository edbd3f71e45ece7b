#include "options.h"

#include <argp.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <vx_base/limits.h>
#include <vx_transport/conn.h>

#include "option_word.h"

enum {
    KEY_SET = 's',
    KEY_ROUNDS = 'n',
    KEY_RUN_DIR = 'd',
    KEY_QUIET = 'q',
    KEY_RESUME = 256,
    KEY_JSON,
    KEY_BIND,
    KEY_INTERFACE,
    KEY_ADVERTISE,
    KEY_HOSTFILE,
    KEY_MPIRUN,
    KEY_MPIRUN_ARG,
    KEY_OVERSUBSCRIBE,
    KEY_GROUP_LAUNCHER,
    KEY_GROUP_TIMEOUT,
    KEY_WATCH
};

#define OPTION_SET                                                                                 \
    {                                                                                              \
        "set", KEY_SET, "KEY=VALUE", 0, "override a key of the job file; may be repeated", 0       \
    }
#define OPTION_ROUNDS                                                                              \
    {                                                                                              \
        "rounds", KEY_ROUNDS, "N", 0, "the same as --set rounds=N", 0                              \
    }
#define OPTION_RUN_DIR(text)                                                                       \
    {                                                                                              \
        "run-dir", KEY_RUN_DIR, "DIR", 0, text, 0                                                  \
    }
#define OPTION_JSON(text)                                                                          \
    {                                                                                              \
        "json", KEY_JSON, NULL, 0, text, 0                                                         \
    }

static const struct argp_option train_options[] = {
    OPTION_SET,
    OPTION_ROUNDS,
    OPTION_RUN_DIR("folder of the run (default: runs/NAME-YYYYmmdd-HHMMSS)"),
    { "resume", KEY_RESUME, NULL, 0,
      "go on from the newest checkpoint of --run-dir; JOB is its own job file unless given", 0 },
    { "bind", KEY_BIND, "ADDRESS[:PORT]", 0,
      "where the server listens (default: a free port of 127.0.0.1; with --hostfile of the address "
      "that the hosts reach), see vexild(8)",
      0 },
    { "listen", KEY_BIND, "ADDRESS", OPTION_HIDDEN, NULL, 0 }, /* its name in 0.1.0 */
    { "interface", KEY_INTERFACE, "NAME", 0, "listen on the addresses of this network interface",
      0 },
    { "advertise", KEY_ADVERTISE, "HOST[:PORT]", 0,
      "what workers are told instead; may be repeated", 0 },
    { "hostfile", KEY_HOSTFILE, "FILE", 0,
      "start the workers on these hosts: a line 'HOST slots=N' each", 0 },
    { "oversubscribe", KEY_OVERSUBSCRIBE, NULL, 0, "more workers than slots are right", 0 },
    { "mpirun", KEY_MPIRUN, "PROGRAM", 0, "the mpirun of Open MPI (default: mpirun)", 0 },
    { "mpirun-arg", KEY_MPIRUN_ARG, "WORD", 0, "a word for mpirun; may be repeated", 0 },
    { "group-launcher", KEY_GROUP_LAUNCHER, "WORDS", 0,
      "what starts the ranks of a worker (default: mpirun)", 0 },
    { "group-timeout", KEY_GROUP_TIMEOUT, "SECONDS", 0,
      "ranks of a worker that need longer for a gradient are started again", 0 },
    { "quiet", KEY_QUIET, NULL, 0, "print the result only", 0 },
    OPTION_JSON("print progress and result as JSON, an object a line"),
    { 0 },
};
static const struct argp_option check_options[] = {
    OPTION_SET,
    OPTION_ROUNDS,
    OPTION_JSON("print the resolved job as JSON"),
    { 0 },
};
static const struct argp_option status_options[] = {
    OPTION_RUN_DIR("folder of the run"),
    OPTION_JSON("print the status document as it is"),
    { "watch", KEY_WATCH, "SECONDS", 0, "print again and again until the server ends", 0 },
    { 0 },
};
static const struct argp_option stop_options[] = {
    OPTION_RUN_DIR("folder of the run"),
    { 0 },
};

static const struct {
    const char *name;
    const struct argp_option *options;
    const char *words, *text;
    bool takes_job, needs_run_dir;
} commands[VX_CTL_COMMAND_MAX] = {
    [VX_CTL_COMMAND_TRAIN] = { "train", train_options, "JOB.yaml",
                               "Trains a job with a server on this machine, and workers here or on "
                               "other hosts.\v"
                               "Ctrl-C stops the run so that it can be resumed, a second one ends "
                               "it at once. See vexil(1).",
                               true, false },
    [VX_CTL_COMMAND_CHECK] = { "check", check_options, "JOB.yaml",
                               "Checks a job file and prints it with every default resolved, and "
                               "its model.",
                               true, false },
    [VX_CTL_COMMAND_STATUS] = { "status", status_options, "--run-dir DIR",
                                "Prints how a running job does.", false, true },
    [VX_CTL_COMMAND_STOP] = { "stop", stop_options, "--run-dir DIR",
                              "Asks a server to finish its round, write a checkpoint and end.",
                              false, true },
    [VX_CTL_COMMAND_CHECKPOINT] = { .name = "checkpoint" },
    [VX_CTL_COMMAND_AGGREGATE] = { .name = "aggregate" },
};

vx_ctl_command vx_ctl_command_find(const char *name)
{
    unsigned command = 0;

    while (command < VX_CTL_COMMAND_MAX && strcmp(commands[command].name, name) != 0)
        command++;
    return (vx_ctl_command)command;
}

typedef struct parser {
    vx_ctl_command command;
    vx_ctl_options options;
} parser;

/* For vexild; the rest of what can be wrong it says itself. */
static void take_address(const char *option, const char *text, parser *into,
                         const struct argp_state *state)
{
    vx_endpoint endpoint;
    vx_error err = { 0 };

    if (strcmp(option, "--interface") != 0 &&
        vx_endpoint_parse_address(text, &endpoint, &err) != VX_OK)
        argp_error(state, "%s: %s", option, err.message);
    vx_ctl_argv_add(&into->options.address, option);
    vx_ctl_argv_add(&into->options.address, text);
}

static void take_watch(const char *text, parser *into, const struct argp_state *state)
{
    char *end = NULL;

    into->options.watch_s = strtod(text, &end);
    if (end == text || *end != '\0' ||
        !(into->options.watch_s >= 0.1 && into->options.watch_s <= 86400))
        argp_error(state, "--watch: expected seconds from 0.1 to 86400, found '%s'", text);
}

static void take_word(char *word, parser *into, const struct argp_state *state)
{
    if (!commands[into->command].takes_job)
        argp_error(state, "unexpected argument '%s'", word);
    if (into->options.job != NULL)
        argp_error(state, "one job file, found '%s' too", word);
    into->options.job = word;
}

static void check_whole(const parser *into, const struct argp_state *state)
{
    const vx_ctl_options *options = &into->options;

    if (options->resume && options->run_dir == NULL)
        argp_error(state, "--resume needs --run-dir");
    if (commands[into->command].takes_job && options->job == NULL && !options->resume)
        argp_error(state, "a job file is missing");
    if (options->oversubscribe && options->hostfile == NULL)
        argp_error(state, "--oversubscribe needs --hostfile");
    if (commands[into->command].needs_run_dir && options->run_dir == NULL)
        argp_error(state, "--run-dir is missing");
}

/* The words about mpirun, and for vexil-worker. */
static error_t parse_launch(int key, char *value, struct argp_state *state)
{
    parser *into = state->input;

    switch (key) {
    case KEY_HOSTFILE:
        into->options.hostfile = vx_ctl_word_path("hostfile", value, state);
        break;
    case KEY_MPIRUN:
        into->options.mpirun = vx_ctl_word_path("mpirun", value, state);
        break;
    case KEY_MPIRUN_ARG:
        vx_ctl_argv_add(&into->options.mpirun_args, value);
        break;
    case KEY_OVERSUBSCRIBE:
        into->options.oversubscribe = true;
        break;
    case KEY_GROUP_LAUNCHER:
        if (value[strspn(value, " ")] == '\0')
            argp_error(state, "--group-launcher: no word");
        into->options.group_launcher = value;
        break;
    case KEY_GROUP_TIMEOUT:
        (void)vx_ctl_word_number("group-timeout", value, VX_GROUP_S_MAX, state);
        into->options.group_timeout = value;
        break;
    default:
        return ARGP_ERR_UNKNOWN;
    }
    return 0;
}

static error_t parse_one(int key, char *value, struct argp_state *state)
{
    parser *into = state->input;

    switch (key) {
    case KEY_SET:
        if (strchr(value, '=') == NULL)
            argp_error(state, "--set: expected KEY=VALUE, found '%s'", value);
        vx_ctl_argv_add(&into->options.overrides, value);
        break;
    case KEY_ROUNDS:
        vx_ctl_argv_format(&into->options.overrides, "rounds=%" PRIu64,
                           vx_ctl_word_count("rounds", value, state));
        break;
    case KEY_RUN_DIR:
        into->options.run_dir = vx_ctl_word_path("run-dir", value, state);
        break;
    case KEY_QUIET:
        into->options.quiet = true;
        break;
    case KEY_RESUME:
        into->options.resume = true;
        break;
    case KEY_JSON:
        into->options.json = true;
        break;
    case KEY_BIND:
        take_address("--bind", value, into, state);
        break;
    case KEY_INTERFACE:
        take_address("--interface", value, into, state);
        break;
    case KEY_ADVERTISE:
        take_address("--advertise", value, into, state);
        break;
    case KEY_WATCH:
        take_watch(value, into, state);
        break;
    case ARGP_KEY_ARG:
        take_word(value, into, state);
        break;
    case ARGP_KEY_END:
        check_whole(into, state);
        break;
    default:
        return parse_launch(key, value, state);
    }
    return 0;
}

vx_status vx_ctl_options_parse(vx_ctl_command command, int argc, char **argv,
                               vx_ctl_options *ret_options, vx_error *err)
{
    struct argp argp = {
        .options = commands[command].options,
        .parser = parse_one,
        .args_doc = commands[command].words,
        .doc = commands[command].text,
    };
    parser into = { .command = command };
    char name[32];
    vx_status status = VX_OK;

    (void)snprintf(name, sizeof(name), "vexil %s", commands[command].name);
    status = vx_ctl_parse_as(name, &argp, 0, argc, argv, &into, err);
    if (status == VX_OK)
        status = vx_ctl_argv_status(&into.options.overrides, err);
    if (status == VX_OK)
        status = vx_ctl_argv_status(&into.options.address, err);
    if (status == VX_OK)
        status = vx_ctl_argv_status(&into.options.mpirun_args, err);
    if (status == VX_OK)
        *ret_options = into.options;
    else
        vx_ctl_options_clear(&into.options);
    return status;
}

void vx_ctl_options_clear(vx_ctl_options *options)
{
    vx_ctl_argv_clear(&options->overrides);
    vx_ctl_argv_clear(&options->address);
    vx_ctl_argv_clear(&options->mpirun_args);
}
