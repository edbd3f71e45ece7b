#include <stdio.h>
#include <string.h>

#include "rule.h"

static size_t one(const vx_aggregate_options *options)
{
    (void)options;
    return 1;
}

static size_t majority(const vx_aggregate_options *options)
{
    return 2 * options->byzantine + 1;
}

static size_t krum_rows(const vx_aggregate_options *options)
{
    return 2 * options->byzantine + 3;
}

/* At least m rows must be left when f are not trusted. */
static size_t multi_krum_rows(const vx_aggregate_options *options)
{
    size_t selected = options->byzantine + options->selected;
    size_t krum = krum_rows(options);

    return selected > krum ? selected : krum;
}

static const vx_rule rules[] = {
    { { "mean", "n >= 1", "average", true, false }, one, vx_mean, NULL },
    { { "unit_mean", "n >= 2 f + 1", "control of the flag rule", true, true },
      majority,
      vx_unit_mean,
      NULL },
    { { "median", "n >= 2 f + 1", "Yin et al., ICML 2018", false, true },
      majority,
      NULL,
      vx_median },
    { { "trimmed_mean", "n >= 2 f + 1", "Yin et al., ICML 2018", false, true },
      majority,
      NULL,
      vx_trimmed_mean },
    { { "krum", "n >= 2 f + 3", "Blanchard et al., NeurIPS 2017", true, true },
      krum_rows,
      vx_krum,
      NULL },
    { { "multi_krum", "n >= 2 f + 3 and n >= f + m", "Blanchard et al., NeurIPS 2017", true, true },
      multi_krum_rows,
      vx_multi_krum,
      NULL },
    { { "geometric_median", "n >= 2 f + 1", "Pillutla et al., IEEE TSP 2022", true, true },
      majority,
      vx_geometric_median,
      NULL },
    { { "flag", "n >= 2 f + 1", "Almasi et al., ICLR 2024", true, true }, majority, vx_flag, NULL },
};

static const vx_pre pres[] = {
    { "nnm", majority, vx_nnm }, /* Allouah et al., AISTATS 2023 */
};

enum { RULES = sizeof(rules) / sizeof(rules[0]), PRES = sizeof(pres) / sizeof(pres[0]) };

const vx_rule *vx_rule_named(const char *name)
{
    for (size_t i = 0; i < RULES; i++) {
        if (strcmp(rules[i].info.name, name) == 0)
            return &rules[i];
    }
    return NULL;
}

const vx_pre *vx_pre_named(const char *name)
{
    for (size_t i = 0; i < PRES; i++) {
        if (strcmp(pres[i].name, name) == 0)
            return &pres[i];
    }
    return NULL;
}

static void append(char *text, size_t size, const char *name)
{
    size_t used = strlen(text);

    snprintf(text + used, size - used, "%s%s", used > 0 ? ", " : "", name);
}

void vx_rule_names(char *text, size_t size)
{
    VX_ASSERT(size > 0);
    text[0] = '\0';
    for (size_t i = 0; i < RULES; i++)
        append(text, size, rules[i].info.name);
}

void vx_pre_names(char *text, size_t size)
{
    VX_ASSERT(size > 0);
    text[0] = '\0';
    for (size_t i = 0; i < PRES; i++)
        append(text, size, pres[i].name);
}

size_t vx_rule_count(void)
{
    return RULES;
}

vx_rule_info vx_rule_at(size_t index)
{
    VX_ASSERT(index < RULES);
    return rules[index].info;
}

bool vx_rule_find(const char *name, vx_rule_info *ret_info)
{
    const vx_rule *rule = vx_rule_named(name);

    if (rule != NULL && ret_info != NULL)
        *ret_info = rule->info;
    return rule != NULL;
}

bool vx_pre_find(const char *name)
{
    return vx_pre_named(name) != NULL;
}
