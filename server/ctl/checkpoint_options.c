#include "checkpoint_options.h"

#include <argp.h>
#include <stdio.h>
#include <string.h>

#include "option_word.h"

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

static error_t parse_one(int key, char *value, struct argp_state *state)
{
    vx_ctl_checkpoint_options *options = state->input;

    switch (key) {
    case KEY_RUN_DIR:
        options->run_dir = vx_ctl_word_path("run-dir", value, state);
        break;
    case KEY_OUT:
        options->out = vx_ctl_word_path("out", value, state);
        break;
    case KEY_KEEP:
        options->keep = vx_ctl_word_count("keep", value, state);
        break;
    case KEY_EVERY:
        options->keep_every = vx_ctl_word_count("every", value, state);
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

vx_status vx_ctl_checkpoint_options_parse(int argc, char **argv,
                                          vx_ctl_checkpoint_options *ret_options, vx_error *err)
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
    vx_status status =
        vx_ctl_parse_as("vexil checkpoint", &first, ARGP_IN_ORDER, argc, argv, &choice, err);

    if (status != VX_OK)
        return status;
    options.action = choice.action;
    second = (struct argp){
        .options = actions[choice.action].options,
        .parser = parse_one,
        .args_doc = actions[choice.action].words,
        .doc = actions[choice.action].text,
    };
    (void)snprintf(name, sizeof(name), "vexil checkpoint %s", actions[choice.action].name);
    status = vx_ctl_parse_as(name, &second, 0, argc - choice.at, argv + choice.at, &options, err);
    if (status == VX_OK)
        *ret_options = options;
    return status;
}
