#include "chaos_rule.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <vx_base/assert.h>

#define LINE_SIZE_MAX 256
#define COUNT_MAX     9007199254740992.0 /* 2^53 */

static const char *const verbs[VX_CHAOS_VERB_MAX] = {
    [VX_CHAOS_DELAY] = "delay",         [VX_CHAOS_RATE] = "rate",   [VX_CHAOS_FLIP] = "flip",
    [VX_CHAOS_DROP] = "drop",           [VX_CHAOS_CUT] = "cut",     [VX_CHAOS_HOLD] = "hold",
    [VX_CHAOS_DUPLICATE] = "duplicate", [VX_CHAOS_SWAP] = "swap",   [VX_CHAOS_RELEASE] = "release",
    [VX_CHAOS_FREEZE] = "freeze",       [VX_CHAOS_CLEAR] = "clear", [VX_CHAOS_STATS] = "stats",
    [VX_CHAOS_QUIT] = "quit",
};

static bool parse_number(const char *word, double *ret_number)
{
    char *end = NULL;
    double number = word != NULL ? strtod(word, &end) : -1.0;

    if (word == NULL || end == word || *end != '\0' || !isfinite(number) || number < 0.0 ||
        number > COUNT_MAX)
        return false;
    *ret_number = number;
    return true;
}

/* A word that stands alone. */
static bool take_flag(const char *word, vx_chaos_rule *rule)
{
    if (strcmp(word, "up") == 0)
        rule->down = false;
    else if (strcmp(word, "down") == 0)
        rule->up = false;
    else if (strcmp(word, "once") == 0)
        rule->once = true;
    else if (strcmp(word, "reset") == 0)
        rule->reset = true;
    else
        return strcmp(word, "both") == 0 || strcmp(word, "all") == 0;
    return true;
}

/* Where the number after this word goes; NULL: no such word. */
static uint64_t *place_of(const char *word, vx_chaos_rule *rule)
{
    const struct {
        const char *word;
        uint64_t *at;
    } places[] = {
        { "conn", &rule->conn },   { "slot", &rule->slot },   { "type", &rule->type },
        { "frame", &rule->frame }, { "every", &rule->every }, { "at", &rule->at },
        { "after", &rule->after },
    };

    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
        if (strcmp(word, places[i].word) == 0)
            return places[i].at;
    return NULL;
}

static bool take_word(const char *word, char **rest, vx_chaos_rule *rule)
{
    uint64_t *place = place_of(word, rule);
    double number = 0.0;

    if (take_flag(word, rule))
        return true;
    if (parse_number(word, &number)) {
        rule->amount = number;
        return true;
    }
    if (!parse_number(strtok_r(NULL, " \t", rest), &number))
        return false;
    if (place != NULL)
        *place = (uint64_t)number;
    else if (strcmp(word, "jitter") == 0)
        rule->jitter = number;
    else if (strcmp(word, "chance") == 0 && number <= 1.0)
        rule->chance = number;
    else
        return false;
    return true;
}

static vx_status check(const vx_chaos_rule *rule, vx_error *err)
{
    if (!rule->up && !rule->down)
        return vx_fail(err, VX_ERR_USAGE, "up and down exclude each other: say both");
    if ((rule->verb == VX_CHAOS_RATE || rule->verb == VX_CHAOS_FLIP) && rule->amount < 1.0)
        return vx_fail(err, VX_ERR_USAGE, "%s: expected a number of bytes from 1",
                       verbs[rule->verb]);
    if (rule->every == 0)
        return vx_fail(err, VX_ERR_USAGE, "every: expected a number from 1");
    return VX_OK;
}

vx_status vx_chaos_rule_parse(const char *line, vx_chaos_rule *ret_rule, vx_error *err)
{
    char copy[LINE_SIZE_MAX];
    char *rest = NULL;
    char *word = NULL;
    vx_chaos_rule rule = { .up = true,
                           .down = true,
                           .chance = 1.0,
                           .conn = VX_CHAOS_ANY,
                           .slot = VX_CHAOS_ANY,
                           .type = VX_CHAOS_ANY,
                           .frame = VX_CHAOS_ANY,
                           .every = VX_CHAOS_ANY,
                           .at = VX_CHAOS_ANY,
                           .after = VX_CHAOS_ANY };
    int verb = 0;

    if (strlen(line) >= sizeof(copy))
        return vx_fail(err, VX_ERR_USAGE, "a line of more than %d bytes", LINE_SIZE_MAX - 1);
    memcpy(copy, line, strlen(line) + 1);
    word = strtok_r(copy, " \t", &rest);
    while (word != NULL && verb < VX_CHAOS_VERB_MAX && strcmp(word, verbs[verb]) != 0)
        verb++;
    if (word == NULL || verb == VX_CHAOS_VERB_MAX)
        return vx_fail(err, VX_ERR_USAGE, "'%s' is no verb", word != NULL ? word : "");
    rule.verb = (vx_chaos_verb)verb;
    while ((word = strtok_r(NULL, " \t", &rest)) != NULL)
        if (!take_word(word, &rest, &rule))
            return vx_fail(err, VX_ERR_USAGE, "'%s' is unknown or lacks its number", word);
    if (check(&rule, err) != VX_OK)
        return VX_ERR_USAGE;
    *ret_rule = rule;
    return VX_OK;
}

bool vx_chaos_rule_selects(const vx_chaos_rule *rule)
{
    return rule->type != VX_CHAOS_ANY || rule->frame != VX_CHAOS_ANY ||
           rule->every != VX_CHAOS_ANY || rule->at != VX_CHAOS_ANY || rule->chance < 1.0;
}

bool vx_chaos_rule_covers(const vx_chaos_rule *rule, const vx_chaos_place *place)
{
    return (place->way == VX_CHAOS_UP ? rule->up : rule->down) &&
           (rule->conn == VX_CHAOS_ANY || rule->conn == place->conn) &&
           (rule->slot == VX_CHAOS_ANY || rule->slot == place->slot);
}

vx_status vx_chaos_plan_add(vx_chaos_plan *plan, const vx_chaos_rule *rule)
{
    if (plan->count == VX_CHAOS_RULES_MAX)
        return VX_ERR_LIMIT;
    plan->rules[plan->count++] = *rule;
    return VX_OK;
}

void vx_chaos_plan_remove(vx_chaos_plan *plan, unsigned index)
{
    VX_ASSERT(index < plan->count);
    plan->count--;
    memmove(&plan->rules[index], &plan->rules[index + 1],
            (plan->count - index) * sizeof(plan->rules[0]));
}

void vx_chaos_plan_release(vx_chaos_plan *plan, const vx_chaos_rule *release)
{
    for (unsigned i = plan->count; i-- > 0;) {
        vx_chaos_rule *rule = &plan->rules[i];

        if (rule->verb != VX_CHAOS_HOLD ||
            (release->conn != VX_CHAOS_ANY && release->conn != rule->conn) ||
            (release->slot != VX_CHAOS_ANY && release->slot != rule->slot))
            continue;
        rule->up = rule->up && !release->up;
        rule->down = rule->down && !release->down;
        if (!rule->up && !rule->down)
            vx_chaos_plan_remove(plan, i);
    }
}
