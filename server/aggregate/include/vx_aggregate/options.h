#ifndef VX_AGGREGATE_OPTIONS_H
#define VX_AGGREGATE_OPTIONS_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <vx_base/status.h>

typedef enum vx_flag_scale {
    VX_FLAG_SCALE_MEDIAN_NORM, /* direction / its norm x median norm of the rows that the rule sees
                                  (mixed ones behind a pre-aggregator): the default */
    VX_FLAG_SCALE_SUBSPACE,    /* 1/m, the released code */
    VX_FLAG_SCALE_COUNT        /* 1/n, the paper; n counts the rows that are not zero */
} vx_flag_scale;

typedef struct vx_flag_options {
    size_t subspace;     /* m; 0 = ceil((n + 1) / 2) of the rows that are not zero; at most n */
    unsigned iterations; /* of reweighting; default 1 */
    double lambda;       /* weight of the pair term, 0..1e6; default 0 */
    double tolerance;    /* stop when the objective falls by less; default 1e-10 */
    double alpha, beta;  /* of the Beta likelihood of v_i; default 1 and 0.5: the paper's */
    vx_flag_scale scale;
    bool paper_loss; /* pairs divided by D_ij^2, raw differences; false = the released loss */
    bool raw;        /* direction from raw rows; false = from unit rows */
} vx_flag_options;

typedef enum vx_compat {
    VX_COMPAT_PAPER, /* what the paper of the rule says: the default */
    VX_COMPAT_BYZFL  /* what ByzFL computes */
} vx_compat;

typedef enum vx_aksel_count {
    VX_AKSEL_MIDDLE, /* (n + 1) / 2 nearest rows: the default */
    VX_AKSEL_TRUSTED /* n - f */
} vx_aksel_count;

/* Of a number whose default depends on compat. */
#define VX_AGGREGATE_NOT_SET (-1.0)

typedef struct vx_aggregate_options {
    const char *rule;       /* a name of the registry; borrowed during create */
    const char *const *pre; /* pre-aggregators in order, e.g. {"nnm"}; borrowed during create */
    size_t pre_count;
    size_t byzantine;    /* f */
    unsigned threads;    /* that share out one aggregation, 1 .. VX_THREADS_MAX; default 1 */
    const double *share; /* (n_max) a_i > 0, how much a slot's data weighs (its declared number of
                            samples), in any unit; NULL: all the same. Copied by create. */
    vx_compat compat;
    size_t selected;               /* multi_krum: m; 0 = n - f - 2 (paper), n - f (byzfl) */
    double geometric_nu;           /* geometric_median: distances below this share of the typical
                                      distance between rows count as that. With compat byzfl: an
                                      absolute distance. VX_AGGREGATE_NOT_SET, the default: 1e-6,
                                      with byzfl 0.1 */
    double geometric_tolerance;    /* relative change of a weight that ends it; default 1e-10 */
    unsigned geometric_iterations; /* compat byzfl: exactly so many. 0, the default: 1000, with
                                      byzfl 3 */
    double tau;                    /* centered_clipping: radius, in units of the gradient; default
                                      100 */
    unsigned clip_iterations;      /* centered_clipping: L; default 1 */
    size_t pivot;                  /* monna: the trusted slot; default 0 */
    vx_aksel_count aksel;
    double clip_norm;     /* clipping: longest norm; default 2 */
    double clip_quantile; /* clipping: > 0 = the norm at this quantile of the present rows'
                             norms instead of clip_norm; 0 .. 1, default 0 */
    size_t bucket_size;   /* bucketing: s >= 1; default 2 */
    uint64_t bucket_seed; /* bucketing: of the permutation; default 0 */
    bool measure; /* key "report", full or weights: mean, aksel and coordinate rules: distance, norm
                     and reconstruction of the rows in the report: the first costs a sweep of n d,
                     the others their products, n^2 d / 2. False: NaN there where the rule itself
                     does not need the products. Default true */
    size_t exact_rows; /* smea, trimmed_flag, mda: up to so many rows the best subset is
                          found exactly; default 20. For more than 20 smea may end the search
                          (some 20 s): method is then "bounded" */
    vx_flag_options flag;
} vx_aggregate_options;

vx_aggregate_options vx_aggregate_options_default(void); /* flag, no pre, f = 0 */

/* One key that a person may set, as in the job file's section aggregation. */
typedef struct vx_aggregate_key {
    const char *name;     /* "tau", "flag.lambda" */
    const char *rules;    /* " multi_krum ", " flag trimmed_flag ": who reads it; "" = every rule */
    const char *range;    /* "1 .. 64", "paper | byzfl" */
    const char *standard; /* the default, as text */
    const char *about;
} vx_aggregate_key;
size_t vx_aggregate_key_count(void);
vx_aggregate_key vx_aggregate_key_at(size_t index);

/*
 * options.name = value, from text. For a rule with its own section the section may be left out:
 * "lambda" is "flag.lambda" for flag. VX_ERR_CONFIG: no such key (the message lists those of the
 * rule), or a value that is none: what was expected.
 */
VX_MUST_CHECK vx_status vx_aggregate_set(vx_aggregate_options *options, const char *name,
                                         const char *value, vx_error *err);

/* VX_ERR_CONFIG: there is such a key, but neither options->rule nor a pre-aggregator of options
 * reads it; the message lists those that they read. A name that is no key is left to
 * vx_aggregate_set. */
VX_MUST_CHECK vx_status vx_aggregate_check_read(const vx_aggregate_options *options,
                                                const char *name, vx_error *err);

/* One line of the registry, for lists and checks. */
typedef struct vx_rule_info {
    const char *name;
    const char *requirement; /* "n >= 2f + 3" */
    const char *cost;        /* "n^2 d" */
    const char *weighted;    /* how shares enter, or why not */
    const char *source;
    bool gram;   /* false = looks at columns */
    bool robust; /* false = mean: worker momentum is then off by default */
} vx_rule_info;
size_t vx_rule_count(void);
vx_rule_info vx_rule_at(size_t index);
bool vx_rule_find(const char *name, vx_rule_info *ret_info);

typedef struct vx_pre_info {
    const char *name;
    const char *requirement;
    const char *source;
} vx_pre_info;
size_t vx_pre_count(void);
vx_pre_info vx_pre_at(size_t index);
bool vx_pre_find(const char *name); /* "nnm" */
#endif
