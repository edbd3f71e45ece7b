#include "option_range.h"

#include <errno.h>
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <vx_base/limits.h>
#include <vx_linalg/parallel.h>

#include "rule.h"

typedef enum kind { COUNT, UNSIGNED, SEED, REAL, CHOICE, MODE } kind;

typedef struct key {
    vx_aggregate_key shown;
    kind kind;
    size_t offset;
    double least, most;         /* COUNT, UNSIGNED, REAL */
    const char *const *choices; /* CHOICE: ends with NULL, in the order of the enum */
} key;

static const char *const compats[] = { "paper", "byzfl", NULL };
static const char *const aksel_counts[] = { "middle", "trusted", NULL };
static const char *const scales[] = { "median_norm", "subspace", "count", NULL };
static const char *const losses[] = { "released", "paper", NULL };
static const char *const modes[] = { "default", "released", "paper", NULL };
static const char *const reports[] = { "weights", "full", NULL }; /* false, true */
static const char *const directions[] = { "unit", "raw", NULL };

#define AT(field) offsetof(vx_aggregate_options, field)

static const key keys[] = {
    { { "compat", "", "paper | byzfl", "paper",
        "whose definition counts where they differ: krum, multi_krum, geometric_median, caf" },
      CHOICE,
      AT(compat),
      0,
      0,
      compats },
    { { "threads", "", "1 .. 64", "1", "threads that share out one aggregation" },
      UNSIGNED,
      AT(threads),
      1,
      VX_THREADS_MAX,
      NULL },
    { { "report", "", "full | weights", "full",
        "full: norm, distance and ratio of each row too, where the rule itself does not need "
        "them" },
      CHOICE,
      AT(measure),
      0,
      0,
      reports },
    { { "selected", " multi_krum ", "0 .. 1024", "0",
        "m, rows that are averaged; 0: n - f - 2, with byzfl n - f" },
      COUNT,
      AT(selected),
      0,
      VX_WORKERS_MAX,
      NULL },
    { { "nu", " geometric_median ", "0 .. 1e30", "1e-6",
        "share of the typical distance that counts as no distance; with byzfl a distance, 0.1" },
      REAL,
      AT(geometric_nu),
      0,
      1e30,
      NULL },
    { { "tolerance", " geometric_median ", "0 .. 1e30", "1e-10",
        "relative change of a weight that ends it" },
      REAL,
      AT(geometric_tolerance),
      0,
      1e30,
      NULL },
    { { "iterations", " geometric_median ", "1 .. 1000000", "1000",
        "most steps; with byzfl exactly so many, 3 when not given" },
      UNSIGNED,
      AT(geometric_iterations),
      1,
      1e6,
      NULL },
    { { "tau", " centered_clipping ", "above 0", "100", "radius, in units of the gradient" },
      REAL,
      AT(tau),
      1e-300,
      1e300,
      NULL },
    { { "clip_iterations", " centered_clipping ", "1 .. 1000", "1", "L, steps" },
      UNSIGNED,
      AT(clip_iterations),
      1,
      1000,
      NULL },
    { { "pivot", " monna ", "0 .. 1023", "0", "the trusted slot" },
      COUNT,
      AT(pivot),
      0,
      VX_WORKERS_MAX - 1,
      NULL },
    { { "aksel", " aksel ", "middle | trusted", "middle", "(n + 1) / 2 nearest rows, or n - f" },
      CHOICE,
      AT(aksel),
      0,
      0,
      aksel_counts },
    { { "clip_norm", " clipping ", "above 0", "2", "longest norm" },
      REAL,
      AT(clip_norm),
      1e-300,
      1e300,
      NULL },
    { { "clip_quantile", " clipping ", "0 .. 1", "0",
        "above 0: the norm at this quantile instead of clip_norm" },
      REAL,
      AT(clip_quantile),
      0,
      1,
      NULL },
    { { "bucket_size", " bucketing ", "1 .. 1024", "2", "s, rows in a bucket" },
      COUNT,
      AT(bucket_size),
      1,
      VX_WORKERS_MAX,
      NULL },
    { { "bucket_seed", " bucketing ", "0 .. 2^64 - 1", "0", "of the permutation" },
      SEED,
      AT(bucket_seed),
      0,
      0,
      NULL },
    { { "exact_rows", " mda smea trimmed_flag ", "0 .. 30", "20",
        "up to so many rows the best subset is found exactly" },
      COUNT,
      AT(exact_rows),
      0,
      30,
      NULL },
    { { "flag.mode", " flag trimmed_flag ", "default | released | paper", "default",
        "iterations, loss, direction and scale of the released code, or of the paper" },
      MODE,
      0,
      0,
      0,
      modes },
    { { "flag.subspace", " flag trimmed_flag ", "0 .. 1024", "0", "m; 0: ceil((n + 1) / 2)" },
      COUNT,
      AT(flag.subspace),
      0,
      VX_WORKERS_MAX,
      NULL },
    { { "flag.iterations", " flag trimmed_flag ", "1 .. 10000", "1", "reweightings" },
      UNSIGNED,
      AT(flag.iterations),
      1,
      1e4,
      NULL },
    { { "flag.lambda", " flag trimmed_flag ", "0 .. 1e6", "0", "weight of the pair term" },
      REAL,
      AT(flag.lambda),
      0,
      1e6,
      NULL },
    { { "flag.tolerance", " flag trimmed_flag ", "0 .. 1e30", "1e-10",
        "fall of the objective that ends it" },
      REAL,
      AT(flag.tolerance),
      0,
      1e30,
      NULL },
    { { "flag.alpha", " flag trimmed_flag ", "1 .. 1e6", "1",
        "of the Beta likelihood of a reconstruction ratio" },
      REAL,
      AT(flag.alpha),
      1,
      1e6,
      NULL },
    { { "flag.beta", " flag trimmed_flag ", "0 .. 0.999", "0.5",
        "of the Beta likelihood of a reconstruction ratio" },
      REAL,
      AT(flag.beta),
      0,
      0.999,
      NULL },
    { { "flag.scale", " flag trimmed_flag ", "median_norm | subspace | count", "median_norm",
        "length of the update" },
      CHOICE,
      AT(flag.scale),
      0,
      0,
      scales },
    { { "flag.loss", " flag trimmed_flag ", "released | paper", "released",
        "form of the pair term" },
      CHOICE,
      AT(flag.paper_loss),
      0,
      0,
      losses },
    { { "flag.direction", " flag trimmed_flag ", "unit | raw", "unit",
        "rows whose sum is projected" },
      CHOICE,
      AT(flag.raw),
      0,
      0,
      directions },
};

enum { KEYS = sizeof(keys) / sizeof(keys[0]) };

vx_aggregate_options vx_aggregate_options_default(void)
{
    return (vx_aggregate_options){
        .rule = "flag",
        .threads = 1,
        .geometric_nu = VX_AGGREGATE_NOT_SET,
        .geometric_tolerance = 1e-10,
        .geometric_iterations = 0,
        .tau = 100.0,
        .clip_iterations = 1,
        .clip_norm = 2.0,
        .bucket_size = 2,
        .measure = true,
        .exact_rows = 20,
        .flag = { .iterations = 1,
                  .tolerance = 1e-10,
                  .alpha = 1.0,
                  .beta = 0.5,
                  .scale = VX_FLAG_SCALE_MEDIAN_NORM },
    };
}

size_t vx_aggregate_key_count(void)
{
    return KEYS;
}

vx_aggregate_key vx_aggregate_key_at(size_t index)
{
    VX_ASSERT(index < KEYS);
    return keys[index].shown;
}

static const void *at_const(const vx_aggregate_options *options, const key *k)
{
    return (const char *)options + k->offset;
}

/* The enums and flags behind CHOICE are ints and bools of 0, 1, 2. */
static bool is_bool(const key *k)
{
    return k->offset == AT(measure) || k->offset == AT(flag.paper_loss) ||
           k->offset == AT(flag.raw);
}

static double number_at(const vx_aggregate_options *options, const key *k)
{
    if (k->kind == COUNT)
        return (double)*(const size_t *)at_const(options, k);
    if (k->kind == UNSIGNED)
        return (double)*(const unsigned *)at_const(options, k);
    return *(const double *)at_const(options, k);
}

/* Left to compat. */
static bool is_not_set(const key *k, double value)
{
    return (k->offset == AT(geometric_nu) && value == VX_AGGREGATE_NOT_SET) ||
           (k->offset == AT(geometric_iterations) && value == 0.0);
}

vx_status vx_aggregate_check_range(const vx_aggregate_options *options, vx_error *err)
{
    if (options->byzantine >= VX_WORKERS_MAX)
        return vx_fail(err, VX_ERR_DOMAIN, "byzantine: expected 0 .. %d, found %zu",
                       VX_WORKERS_MAX - 1, options->byzantine);
    for (size_t i = 0; i < KEYS; i++) {
        const key *k = &keys[i];
        double value;

        if (k->kind == CHOICE || k->kind == MODE || k->kind == SEED)
            continue;
        value = number_at(options, k);
        if (is_not_set(k, value))
            continue;
        if (!(value >= k->least && value <= k->most))
            return vx_fail(err, VX_ERR_DOMAIN, "%s: expected %s, found %g", k->shown.name,
                           k->shown.range, value);
    }
    return VX_OK;
}

static vx_status expected(const key *k, const char *value, vx_error *err)
{
    return vx_fail(err, VX_ERR_CONFIG, "%s: expected %s, found '%.64s'", k->shown.name,
                   k->shown.range, value);
}

static vx_status set_choice(void *at, const key *k, const char *value, vx_error *err)
{
    for (int i = 0; k->choices[i] != NULL; i++) {
        if (strcmp(k->choices[i], value) != 0)
            continue;
        if (is_bool(k))
            *(bool *)at = i > 0;
        else
            *(int *)at = i;
        return VX_OK;
    }
    return expected(k, value, err);
}

static bool parse_count(const char *text, uint64_t *ret_count)
{
    char *end = NULL;

    if (*text < '0' || *text > '9')
        return false;
    errno = 0;
    *ret_count = strtoull(text, &end, 10);
    return errno == 0 && *end == '\0';
}

static bool parse_real(const char *text, double *ret_real)
{
    char *end = NULL;

    *ret_real = strtod(text, &end);
    return end != text && *end == '\0' && isfinite(*ret_real);
}

static vx_status set_number(void *at, const key *k, const char *value, vx_error *err)
{
    uint64_t count = 0;
    double real = 0.0;

    if (k->kind == REAL ? !parse_real(value, &real) : !parse_count(value, &count))
        return expected(k, value, err);
    if (k->kind == SEED) {
        *(uint64_t *)at = count;
        return VX_OK;
    }
    if (k->kind != REAL)
        real = (double)count;
    if (!(real >= k->least && real <= k->most))
        return expected(k, value, err);
    if (k->kind == COUNT)
        *(size_t *)at = (size_t)count;
    else if (k->kind == UNSIGNED)
        *(unsigned *)at = (unsigned)count;
    else
        *(double *)at = real;
    return VX_OK;
}

static bool is_read_by(const key *k, const char *rule)
{
    char word[VX_NAME_MAX + 3];

    snprintf(word, sizeof(word), " %.*s ", VX_NAME_MAX, rule);
    return strstr(k->shown.rules, word) != NULL;
}

/* To the rule or to a pre-aggregator before it. */
static bool matters(const vx_aggregate_options *options, const key *k)
{
    bool found = k->shown.rules[0] == '\0';

    if (!found && options->rule != NULL)
        found = is_read_by(k, options->rule);
    for (size_t i = 0; !found && i < options->pre_count; i++)
        found = is_read_by(k, options->pre[i]);
    return found;
}

static const key *find(const vx_aggregate_options *options, const char *name)
{
    for (size_t i = 0; i < KEYS; i++) {
        const char *dot = strchr(keys[i].shown.name, '.');

        if (dot != NULL && strcmp(dot + 1, name) == 0 && options->rule != NULL &&
            is_read_by(&keys[i], options->rule))
            return &keys[i];
    }
    for (size_t i = 0; i < KEYS; i++) {
        if (strcmp(keys[i].shown.name, name) == 0)
            return &keys[i];
    }
    return NULL;
}

/* Four options at once. */
static vx_status set_mode(vx_flag_options *flag, const key *k, const char *value, vx_error *err)
{
    bool paper = strcmp(value, modes[2]) == 0, released = strcmp(value, modes[1]) == 0;

    if (!paper && !released && strcmp(value, modes[0]) != 0)
        return expected(k, value, err);
    flag->iterations = paper ? 5 : 1;
    flag->paper_loss = paper;
    flag->raw = paper;
    flag->scale = VX_FLAG_SCALE_MEDIAN_NORM;
    if (paper || released)
        flag->scale = paper ? VX_FLAG_SCALE_COUNT : VX_FLAG_SCALE_SUBSPACE;
    return VX_OK;
}

typedef struct key_list {
    char text[256];
} key_list;

/* "compat, threads, ...": the keys that matter. */
static key_list keys_of(const vx_aggregate_options *options)
{
    key_list known = { "" };

    for (size_t i = 0; i < KEYS; i++) {
        size_t used = strlen(known.text);

        if (matters(options, &keys[i]))
            snprintf(known.text + used, sizeof(known.text) - used, "%s%s", used > 0 ? ", " : "",
                     keys[i].shown.name);
    }
    return known;
}

vx_status vx_aggregate_set(vx_aggregate_options *options, const char *name, const char *value,
                           vx_error *err)
{
    const key *k = find(options, name);

    if (k != NULL && k->kind == MODE)
        return set_mode(&options->flag, k, value, err);
    if (k != NULL && k->kind == CHOICE)
        return set_choice((char *)options + k->offset, k, value, err);
    if (k != NULL)
        return set_number((char *)options + k->offset, k, value, err);
    return vx_fail(err, VX_ERR_CONFIG, "no key '%.64s'; %.*s has %s", name, VX_NAME_MAX,
                   options->rule != NULL ? options->rule : "every rule", keys_of(options).text);
}

vx_status vx_aggregate_check_read(const vx_aggregate_options *options, const char *name,
                                  vx_error *err)
{
    const key *k = find(options, name);

    if (k == NULL || matters(options, k))
        return VX_OK;
    return vx_fail(err, VX_ERR_CONFIG, "%.*s does not read it; it has %s", VX_NAME_MAX,
                   options->rule != NULL ? options->rule : "every rule", keys_of(options).text);
}
