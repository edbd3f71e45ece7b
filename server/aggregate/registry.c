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

static size_t bulyan_rows(const vx_aggregate_options *options)
{
    return 4 * options->byzantine + 3;
}

static size_t krum_rows(const vx_aggregate_options *options)
{
    if (options->compat == VX_COMPAT_BYZFL)
        return majority(options);
    return 2 * options->byzantine + 3;
}

/* At least m rows must be left when f are not trusted. */
static size_t multi_krum_rows(const vx_aggregate_options *options)
{
    size_t selected = options->byzantine + options->selected;
    size_t krum = krum_rows(options);

    return selected > krum ? selected : krum;
}

static size_t any(const vx_aggregate_options *options, size_t behind)
{
    (void)options;
    return behind;
}

/* ceil(n / s) >= behind. */
static size_t bucket_rows(const vx_aggregate_options *options, size_t behind)
{
    return behind > 0 ? (behind - 1) * options->bucket_size + 1 : 1;
}

static size_t same_majority(const vx_aggregate_options *options, size_t behind)
{
    (void)behind;
    return majority(options);
}

#define GRAM_COST    "n^2 d / 2 + n d"
#define COLUMN_COST  "n log^2 n d (n d beyond n = 32)"
#define BY_SHARES    "each row counts by its share"
#define NEAREST_MASS "the nearest values up to 1 - f / n of the shares"
#define NOT_WEIGHTED "no: it chooses rows, and a share says nothing about a row's honesty"
#define OF_SELECTED  "rows are chosen without shares; the mean of the chosen ones has them"

static const vx_rule rules[] = {
    { { "mean", "n >= 1", "n d", BY_SHARES, "average", true, false },
      VX_WAY_WEIGHTS,
      one,
      vx_mean,
      NULL },
    { { "unit_mean", "n >= 2f + 1", GRAM_COST, BY_SHARES, "control of the flag rule", true, true },
      VX_WAY_WEIGHTS,
      majority,
      vx_unit_mean,
      NULL },
    { { "median", "n >= 2f + 1", COLUMN_COST, "the value at half of the shares",
        "Yin et al., ICML 2018", false, true },
      VX_WAY_COLUMNS,
      majority,
      NULL,
      vx_median },
    { { "trimmed_mean", "n >= 2f + 1", COLUMN_COST, "f / n of the shares are cut off each end",
        "Yin et al., ICML 2018", false, true },
      VX_WAY_COLUMNS,
      majority,
      NULL,
      vx_trimmed_mean },
    { { "meamed", "n >= 2f + 1", COLUMN_COST, NEAREST_MASS, "Xie et al., arXiv 1802.10116", false,
        true },
      VX_WAY_COLUMNS,
      majority,
      NULL,
      vx_meamed },
    { { "phocas", "n >= 2f + 1", COLUMN_COST, NEAREST_MASS, "Xie et al., arXiv 1805.09682", false,
        true },
      VX_WAY_COLUMNS,
      majority,
      NULL,
      vx_phocas },
    { { "sign_majority", "n >= 2f + 1", "n d", "a sign counts by its row's share",
        "Bernstein et al., ICLR 2019", false, true },
      VX_WAY_COLUMNS,
      majority,
      NULL,
      vx_sign_majority },
    { { "krum", "n >= 2f + 3", GRAM_COST, NOT_WEIGHTED, "Blanchard et al., NeurIPS 2017", true,
        true },
      VX_WAY_WEIGHTS,
      krum_rows,
      vx_krum,
      NULL },
    { { "multi_krum", "n >= 2f + 3 and n >= f + m", GRAM_COST, NOT_WEIGHTED,
        "Blanchard et al., NeurIPS 2017", true, true },
      VX_WAY_WEIGHTS,
      multi_krum_rows,
      vx_multi_krum,
      NULL },
    { { "geometric_median", "n >= 2f + 1", GRAM_COST, "weighted Weiszfeld: a_i / distance",
        "Pillutla et al., IEEE TSP 2022", true, true },
      VX_WAY_WEIGHTS,
      majority,
      vx_geometric_median,
      NULL },
    { { "mda", "n >= 2f + 1", GRAM_COST ", then a search: 1.47^f at worst", OF_SELECTED,
        "El Mhamdi et al., PODC 2020", true, true },
      VX_WAY_WEIGHTS,
      majority,
      vx_mda,
      NULL },
    { { "monna", "n >= 2f + 1", GRAM_COST, OF_SELECTED, "Farhadkhani et al., ICML 2023", true,
        true },
      VX_WAY_WEIGHTS,
      majority,
      vx_monna,
      NULL },
    { { "cge", "n >= 2f + 1", GRAM_COST, OF_SELECTED, "Gupta and Vaidya, PODC 2020", true, true },
      VX_WAY_WEIGHTS,
      majority,
      vx_cge,
      NULL },
    { { "caf", "n >= 2f + 1", GRAM_COST " + 2f n^3",
        "no: its weights are what it trusts of each row, n - 2f rows in all",
        "Allouah et al., ICML 2025", true, true },
      VX_WAY_WEIGHTS,
      majority,
      vx_caf,
      NULL },
    { { "smea", "n >= 2f + 1", GRAM_COST ", then a search", OF_SELECTED,
        "Allouah et al., ICML 2023", true, true },
      VX_WAY_WEIGHTS,
      majority,
      vx_smea,
      NULL },
    { { "centered_clipping", "n >= 2f + 1", GRAM_COST " + L n^2",
        "each row's clipped step counts by its share", "Karimireddy et al., ICML 2021", true,
        true },
      VX_WAY_MEMORY,
      majority,
      vx_centered_clipping,
      NULL },
    { { "bulyan", "n >= 4f + 3", GRAM_COST " + n^3 + n log^2 n d", NOT_WEIGHTED,
        "El Mhamdi et al., ICML 2018", false, true },
      VX_WAY_SELECT_COLUMNS,
      bulyan_rows,
      vx_bulyan_select,
      vx_bulyan },
    { { "aksel", "n >= 2f + 1", COLUMN_COST " + n d",
        "the median by shares; the mean of the chosen rows has them too",
        "Boussetta et al., OPODIS 2020", false, true },
      VX_WAY_COLUMNS_WEIGHTS,
      majority,
      vx_aksel_weights,
      vx_median },
    { { "flag", "n >= 2f + 1", GRAM_COST, BY_SHARES, "Almasi et al., ICLR 2024", true, true },
      VX_WAY_WEIGHTS,
      majority,
      vx_flag,
      NULL },
    { { "trimmed_flag", "n >= 2f + 1", GRAM_COST,
        "rows are chosen without shares; the chosen ones count by them",
        "Vexil: SMEA's subset of unit rows, then flag", true, true },
      VX_WAY_WEIGHTS,
      majority,
      vx_trimmed_flag,
      NULL },
};

static const vx_pre pres[] = {
    { { "nnm", "n >= 2f + 1", "Allouah et al., AISTATS 2023" }, same_majority, vx_nnm },
    { { "unit", "n >= 1", "the released code of Almasi et al., ICLR 2024" }, any, vx_unit },
    { { "clipping", "n >= 1", "static, or at a quantile of the norms" }, any, vx_clipping },
    { { "arc", "n >= 2f + 1", "Allouah et al., ICLR 2025" }, same_majority, vx_arc },
    { { "bucketing", "ceil(n / s) rows are enough for the rule", "Karimireddy et al., ICLR 2022" },
      bucket_rows,
      vx_bucketing },
};

enum { RULES = sizeof(rules) / sizeof(rules[0]), PRES = sizeof(pres) / sizeof(pres[0]) };

const vx_rule *vx_rule_named(const char *name)
{
    const char *ours = strcmp(name, "average") == 0 ? "mean" : name; /* its name elsewhere */

    for (size_t i = 0; i < RULES; i++) {
        if (strcmp(rules[i].info.name, ours) == 0)
            return &rules[i];
    }
    return NULL;
}

const vx_pre *vx_pre_named(const char *name)
{
    for (size_t i = 0; i < PRES; i++) {
        if (strcmp(pres[i].info.name, name) == 0)
            return &pres[i];
    }
    return NULL;
}

const char *vx_rule_requirement(const vx_rule *rule, const vx_aggregate_options *options)
{
    if (options->compat == VX_COMPAT_BYZFL && rule->rows_min == krum_rows)
        return "n >= 2f + 1";
    if (options->compat == VX_COMPAT_BYZFL && rule->rows_min == multi_krum_rows)
        return "n >= 2f + 1 and n >= f + m";
    return rule->info.requirement;
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
        append(text, size, pres[i].info.name);
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

size_t vx_pre_count(void)
{
    return PRES;
}

vx_pre_info vx_pre_at(size_t index)
{
    VX_ASSERT(index < PRES);
    return pres[index].info;
}
