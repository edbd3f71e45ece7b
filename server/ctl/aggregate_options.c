#include "aggregate_options.h"

#include <argp.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <vx_base/limits.h>

#include "option_word.h"

enum {
    KEY_RULE = 'r',
    KEY_BYZANTINE = 'f',
    KEY_SET = 's',
    KEY_PRE = 'p',
    KEY_IN = 'i',
    KEY_OUT = 'o',
    KEY_REPORT = 256,
    KEY_SHARE,
    KEY_LIST,
    KEY_BENCH,
    KEY_JSON,
    KEY_QUIET = 'q'
};

static const struct argp_option words[] = {
    { "rule", KEY_RULE, "RULE", 0, "the rule; --list names them", 0 },
    { "byzantine", KEY_BYZANTINE, "F", 0, "rows that may be anything; default 0", 0 },
    { "set", KEY_SET, "KEY=VALUE", 0, "an option of the rule; may be given again", 0 },
    { "pre", KEY_PRE, "NAME", 0, "a pre-aggregator before the rule; may be given again, in order",
      0 },
    { "in", KEY_IN, "G.npy", 0, "float32 or float64 of shape (n, d), a row a worker", 0 },
    { "out", KEY_OUT, "FILE.npy", 0, "where the update (d) goes", 0 },
    { "report", KEY_REPORT, "FILE.json", 0, "where what the rule did goes", 0 },
    { "share", KEY_SHARE, "A,B,...", 0, "how much the data of each row weighs", 0 },
    { "list", KEY_LIST, NULL, 0, "print the rules, pre-aggregators and keys", 0 },
    { "bench", KEY_BENCH, "NxD", 0, "time the rule on that many made rows", 0 },
    { "json", KEY_JSON, NULL, 0, "print JSON", 0 },
    { "quiet", KEY_QUIET, NULL, 0, "print nothing", 0 },
    { 0 },
};

static void check_whole(const vx_ctl_aggregate_options *o, const struct argp_state *state)
{
    if (o->list) {
        if (o->in != NULL || o->bench != NULL)
            argp_error(state, "--list stands alone");
        return;
    }
    if (o->rule == NULL)
        argp_error(state, "--rule is missing");
    if ((o->in == NULL) == (o->bench == NULL))
        argp_error(state, "expected --in or --bench");
    if (o->bench != NULL && (o->out != NULL || o->report != NULL || o->share != NULL))
        argp_error(state, "--bench writes no file");
}

static size_t take_byzantine(const char *word, const struct argp_state *state)
{
    char *end = NULL;
    unsigned long count = strtoul(word, &end, 10);

    if (word[0] < '0' || word[0] > '9' || *end != '\0' || count >= VX_WORKERS_MAX)
        argp_error(state, "--byzantine: expected a number from 0 to %d, found '%s'",
                   VX_WORKERS_MAX - 1, word);
    return count;
}

static void take_listed(const char **list, size_t *count, size_t most, const char *option,
                        const char *word, const struct argp_state *state)
{
    if (*count == most)
        argp_error(state, "--%s: at most %zu times", option, most);
    list[(*count)++] = word;
}

static error_t parse_one(int key, char *value, struct argp_state *state)
{
    vx_ctl_aggregate_options *o = state->input;

    switch (key) {
    case KEY_RULE:
        o->rule = value;
        break;
    case KEY_BYZANTINE:
        o->byzantine = take_byzantine(value, state);
        break;
    case KEY_SET:
        if (strchr(value, '=') == NULL)
            argp_error(state, "--set: expected KEY=VALUE, found '%s'", value);
        take_listed(o->sets, &o->sets_count, VX_CTL_SETS_MAX, "set", value, state);
        break;
    case KEY_PRE:
        take_listed(o->pre, &o->pre_count, VX_CTL_PRE_MAX, "pre", value, state);
        break;
    case KEY_IN:
        o->in = vx_ctl_word_path("in", value, state);
        break;
    case KEY_OUT:
        o->out = vx_ctl_word_path("out", value, state);
        break;
    case KEY_REPORT:
        o->report = vx_ctl_word_path("report", value, state);
        break;
    case KEY_SHARE:
        o->share = value;
        break;
    case KEY_LIST:
        o->list = true;
        break;
    case KEY_BENCH:
        o->bench = value;
        break;
    case KEY_JSON:
        o->json = true;
        break;
    case KEY_QUIET:
        o->quiet = true;
        break;
    case ARGP_KEY_END:
        check_whole(o, state);
        break;
    default:
        return ARGP_ERR_UNKNOWN;
    }
    return 0;
}

vx_status vx_ctl_aggregate_options_parse(int argc, char **argv,
                                         vx_ctl_aggregate_options *ret_options, vx_error *err)
{
    static const struct argp argp = {
        .options = words,
        .parser = parse_one,
        .args_doc = "--rule RULE --in G.npy [--out FILE.npy]\n--list\n--rule RULE --bench NxD",
        .doc = "Aggregates a file of gradients by a rule.\v"
               "A row with infinity or NaN is left out and named. Files are written only when all "
               "went well.",
    };
    vx_ctl_aggregate_options options = { 0 };
    vx_status status = vx_ctl_parse_as("vexil aggregate", &argp, 0, argc, argv, &options, err);

    if (status == VX_OK)
        *ret_options = options;
    return status;
}

static vx_status set_one(const char *word, vx_aggregate_options *options, vx_error *err)
{
    char key[VX_NAME_MAX];
    const char *value = strchr(word, '=');
    size_t length = (size_t)(value - word);
    vx_error why = { 0 };
    vx_status status;

    if (length >= sizeof(key))
        return vx_fail(err, VX_ERR_CONFIG, "--set %.64s...: no key is so long", word);
    memcpy(key, word, length);
    key[length] = '\0';
    status = vx_aggregate_check_read(options, key, &why);
    if (status == VX_OK)
        status = vx_aggregate_set(options, key, value + 1, &why);
    return status == VX_OK ? VX_OK : vx_fail(err, status, "--set %.64s: %s", word, why.message);
}

typedef struct names {
    char text[256];
} names;

static void add_name(names *list, const char *name)
{
    size_t used = strlen(list->text);

    (void)snprintf(list->text + used, sizeof(list->text) - used, "%s%s", used > 0 ? ", " : "",
                   name);
}

/* As the aggregator would, with the option that is wrong. */
static vx_status check_names(const vx_ctl_aggregate_options *options, vx_error *err)
{
    names list = { "" };

    if (vx_rule_find(options->rule, NULL)) {
        for (size_t i = 0; i < options->pre_count; i++) {
            if (vx_pre_find(options->pre[i]))
                continue;
            for (size_t k = 0; k < vx_pre_count(); k++)
                add_name(&list, vx_pre_at(k).name);
            return vx_fail(err, VX_ERR_CONFIG, "--pre: no pre-aggregator '%.48s'; there are %s",
                           options->pre[i], list.text);
        }
        return VX_OK;
    }
    for (size_t k = 0; k < vx_rule_count(); k++)
        add_name(&list, vx_rule_at(k).name);
    return vx_fail(err, VX_ERR_CONFIG, "--rule: no rule '%.48s'; there are %s", options->rule,
                   list.text);
}

vx_status vx_ctl_aggregate_rule_options(const vx_ctl_aggregate_options *options,
                                        vx_aggregate_options *ret_options, vx_error *err)
{
    vx_aggregate_options made = vx_aggregate_options_default();
    vx_status status = VX_OK;

    made.rule = options->rule;
    made.pre = options->pre;
    made.pre_count = options->pre_count;
    made.byzantine = options->byzantine;
    status = check_names(options, err);
    for (size_t i = 0; status == VX_OK && i < options->sets_count; i++)
        status = set_one(options->sets[i], &made, err);
    if (status == VX_OK)
        *ret_options = made;
    return status;
}
