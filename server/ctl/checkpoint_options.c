#include "checkpoint_options.h"

#include <argp.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <vx_base/assert.h>
#include <vx_base/limits.h>

enum {
    KEY_RUN_DIR = 'd',
    KEY_OUT = 'o',
    KEY_KEEP = 'k',
    KEY_EVERY = 'e',
    KEY_DRY_RUN = 'n',
    KEY_JSON = 256
};

#define OPTION_RUN_DIR                                                                             \
    {                                                                                              \
        "run-dir", KEY_RUN_DIR, "DIR", 0, "folder of the run", 0                                   \
    }

static const struct argp_option list_options[] = {
    OPTION_RUN_DIR,
    { "json", KEY_JSON, NULL, 0, "print one JSON object", 0 },
    { 0 },
};
static const struct argp_option verify_options[] = {
    { "run-dir", KEY_RUN_DIR, "DIR", 0, "all checkpoints of this run", 0 },
    { 0 },
};
static const struct argp_option prune_options[] = {
    OPTION_RUN_DIR,
    { "keep", KEY_KEEP, "N", 0, "the newest N valid ones stay", 0 },
    { "every", KEY_EVERY, "M", 0, "those of a multiple of M rounds stay too", 0 },
    { "dry-run", KEY_DRY_RUN, NULL, 0, "only print what would be removed", 0 },
    { 0 },
};
static const struct argp_option export_options[] = {
    { "out", KEY_OUT, "FILE.safetensors|DIR/", 0,
      "one file with every tensor, or a folder with a .npy file a tensor", 0 },
    { 0 },
};

static const struct {
    const char *name;
    const struct argp_option *options;
    const char *words, *text;
    bool needs_run_dir, takes_folder;
} actions[VX_CTL_CHECKPOINT_MAX] = {
    [VX_CTL_CHECKPOINT_LIST] = { "list", list_options, "--run-dir DIR",
                                 "Prints a row a checkpoint, the newest first. Files are not read, "
                                 "only their sizes are compared: see verify.",
                                 true, false },
    [VX_CTL_CHECKPOINT_VERIFY] = { "verify", verify_options, "--run-dir DIR\nFOLDER",
                                   "Reads every file of the checkpoints and compares it with the "
                                   "manifest. Exits with 65 when one is broken.",
                                   false, true },
    [VX_CTL_CHECKPOINT_PRUNE] = { "prune", prune_options, "--run-dir DIR --keep N",
                                  "Removes old checkpoints. No server may run on the folder. A "
                                  "broken one does not count, and goes when N valid ones are "
                                  "newer.",
                                  true, false },
    [VX_CTL_CHECKPOINT_EXPORT] = { "export", export_options, "FOLDER --out FILE.safetensors|DIR/",
                                   "Writes the parameters of a checkpoint for other programs.",
                                   false, true },
};

static const char doc[] =
    "Looks at the checkpoints of a run.\v"
    "Actions:\n"
    "  list --run-dir DIR                a row a checkpoint\n"
    "  verify --run-dir DIR | FOLDER     read and compare everything\n"
    "  prune --run-dir DIR --keep N      remove old ones\n"
    "  export FOLDER --out FILE | DIR/   write the parameters for other programs\n\n"
    "`vexil checkpoint ACTION --help' tells more.";

static uint64_t take_number(const char *name, const char *text, uint64_t least,
                            const struct argp_state *state)
{
    char *end = NULL;
    unsigned long long number = 0;

    errno = 0;
    number = strtoull(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end != '\0' || errno != 0 || number < least ||
        number > VX_ROUNDS_MAX)
        argp_error(state, "--%s: expected a number from %llu, found '%s'", name,
                   (unsigned long long)least, text);
    return number;
}

static void check_whole(const vx_ctl_checkpoint_options *options, const struct argp_state *state)
{
    if (actions[options->action].needs_run_dir && options->run_dir == NULL)
        argp_error(state, "--run-dir is missing");
    if (actions[options->action].takes_folder &&
        (options->folder == NULL) == (options->run_dir == NULL))
        argp_error(state, "expected %s",
                   actions[options->action].options == export_options
                       ? "the folder of a checkpoint"
                       : "--run-dir or the folder of a checkpoint");
    if (options->action == VX_CTL_CHECKPOINT_PRUNE && options->keep == 0)
        argp_error(state, "--keep is missing");
    if (options->action == VX_CTL_CHECKPOINT_EXPORT && options->out == NULL)
        argp_error(state, "--out is missing");
}

static void take_word(char *word, vx_ctl_checkpoint_options *options,
                      const struct argp_state *state)
{
    if (!actions[options->action].takes_folder || options->folder != NULL)
        argp_error(state, "unexpected argument '%s'", word);
    options->folder = word;
}

static void take_path(const char **ret_path, const char *name, const char *value,
                      const struct argp_state *state)
{
    if (value[0] == '\0')
        argp_error(state, "--%s: expected a path", name);
    *ret_path = value;
}

static error_t parse_one(int key, char *value, struct argp_state *state)
{
    vx_ctl_checkpoint_options *options = state->input;

    switch (key) {
    case KEY_RUN_DIR:
        take_path(&options->run_dir, "run-dir", value, state);
        break;
    case KEY_OUT:
        take_path(&options->out, "out", value, state);
        break;
    case KEY_KEEP:
        options->keep = take_number("keep", value, 1, state);
        break;
    case KEY_EVERY:
        options->keep_every = take_number("every", value, 1, state);
        break;
    case KEY_DRY_RUN:
        options->dry_run = true;
        break;
    case KEY_JSON:
        options->json = true;
        break;
    case ARGP_KEY_ARG:
        take_word(value, options, state);
        break;
    case ARGP_KEY_END:
        check_whole(options, state);
        break;
    default:
        return ARGP_ERR_UNKNOWN;
    }
    return 0;
}

typedef struct chosen {
    vx_ctl_checkpoint_action action;
    int at; /* its place in argv */
} chosen;

/* Takes the first word, the action, and leaves the rest to it. */
static error_t parse_action(int key, char *value, struct argp_state *state)
{
    chosen *into = state->input;
    unsigned action = 0;

    if (key == ARGP_KEY_NO_ARGS)
        argp_error(state, "an action is missing: list, verify, prune or export");
    if (key != ARGP_KEY_ARG)
        return ARGP_ERR_UNKNOWN;
    while (action < VX_CTL_CHECKPOINT_MAX && strcmp(actions[action].name, value) != 0)
        action++;
    if (action == VX_CTL_CHECKPOINT_MAX)
        argp_error(state, "unknown action '%s'; expected list, verify, prune or export", value);
    into->action = (vx_ctl_checkpoint_action)action;
    into->at = state->next - 1;
    state->next = state->argc;
    return 0;
}

/* argp_parse with another name of the program, for its messages. */
static void parse_as(const char *name, const struct argp *argp, unsigned flags, int argc,
                     char **argv, void *input)
{
    char shown[48];
    char *word = argv[0];
    error_t failure = 0;

    (void)snprintf(shown, sizeof(shown), "%s", name);
    argv[0] = shown;
    failure = argp_parse(argp, argc, argv, flags, NULL, input);
    argv[0] = word;
    VX_ASSERT(failure == 0); /* the parsers end the program on every mistake */
}

void vx_ctl_checkpoint_options_parse(int argc, char **argv, vx_ctl_checkpoint_options *ret_options)
{
    static const struct argp first = {
        .parser = parse_action,
        .args_doc = "ACTION [OPTION...]",
        .doc = doc,
    };
    chosen choice = { .action = VX_CTL_CHECKPOINT_MAX };
    vx_ctl_checkpoint_options options = { 0 };
    struct argp second = { 0 };
    char name[48];

    parse_as("vexil checkpoint", &first, ARGP_IN_ORDER, argc, argv, &choice);
    options.action = choice.action;
    second = (struct argp){
        .options = actions[choice.action].options,
        .parser = parse_one,
        .args_doc = actions[choice.action].words,
        .doc = actions[choice.action].text,
    };
    (void)snprintf(name, sizeof(name), "vexil checkpoint %s", actions[choice.action].name);
    parse_as(name, &second, 0, argc - choice.at, argv + choice.at, &options);
    *ret_options = options;
}
