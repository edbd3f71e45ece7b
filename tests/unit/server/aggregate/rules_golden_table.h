#ifndef VX_TESTS_RULES_GOLDEN_TABLE_H
#define VX_TESTS_RULES_GOLDEN_TABLE_H
/* Which function of the recorded results is compared with which rule, and which is not and why. Of
 * rules_golden_test.c alone. */
#include <stdbool.h>

#include "rule.h"

/* A function of the files, how this project says the same, and what was found. */
typedef struct entry {
    const char *function, *rule, *pre;
    vx_compat compat;
    vx_rule_weights *kernel; /* instead of a rule: of its selection only */
    bool paper_count;        /* m = n - f - 2 whatever compat says */
    double bound, worst;     /* relative, over all rows of a result */
    int cases;               /* in the files, those with infinity or NaN included */
    int nonfinite;           /* of them: such rows never reach a rule */
    int differing;           /* calls that may be off by more than bound: why */
    const char *why;
    double loose; /* the bound of those; 0: none */
    int found, off, skipped;
} entry;

static entry entries[] = {
    { .function = "Average", .rule = "mean", .bound = 1e-12, .cases = 12, .nonfinite = 3 },
    { .function = "Median", .rule = "median", .bound = 1e-12, .cases = 12, .nonfinite = 3 },
    { .function = "epfml.CM", .rule = "median", .bound = 1e-12, .cases = 8 },
    { .function = "TrMean", .rule = "trimmed_mean", .bound = 1e-12, .cases = 16, .nonfinite = 3 },
    { .function = "trmean", .rule = "trimmed_mean", .bound = 1e-12, .cases = 8 },
    { .function = "epfml.TM", .rule = "trimmed_mean", .bound = 1e-12, .cases = 8 },
    { .function = "Meamed", .rule = "meamed", .bound = 1e-12, .cases = 15, .nonfinite = 3 },
    { .function = "meamed",
      .rule = "meamed",
      .bound = 1e-12,
      .cases = 8,
      .differing = 4,
      .why = "the lower of two middle values is its median",
      .loose = 10.0 },
    { .function = "phocas", .rule = "phocas", .bound = 1e-12, .cases = 8 },
    { .function = "NNM", .pre = "nnm", .bound = 1e-12, .cases = 15, .nonfinite = 3 },
    { .function = "Clipping",
      .pre = "clipping",
      .bound = 1e-12,
      .cases = 12,
      .nonfinite = 3,
      .differing = 1,
      .why = "an example of its documentation, with nine digits",
      .loose = 1e-8 },
    { .function = "ARC",
      .pre = "arc",
      .bound = 1e-12,
      .cases = 12,
      .nonfinite = 3,
      .differing = 1,
      .why = "an example of its documentation, with nine digits",
      .loose = 1e-8 },
    { .function = "Bucketing",
      .pre = "bucketing",
      .bound = 1e-12,
      .cases = 9,
      .differing = 1,
      .why = "an example of its documentation, whose order is not told",
      .loose = 10.0 },
    { .function = "RobustAggregator",
      .rule = "",
      .bound = 1e-9,
      .cases = 9,
      .differing = 1,
      .why = "an example of its documentation, with nine digits",
      .loose = 1e-8 },
    { .function = "Krum_paper", .rule = "krum", .bound = 0.0, .cases = 8 },
    { .function = "flower.aggregate_krum", .rule = "krum", .bound = 0.0, .cases = 8 },
    { .function = "Krum",
      .rule = "krum",
      .compat = VX_COMPAT_BYZFL,
      .bound = 0.0,
      .cases = 15,
      .nonfinite = 3 },
    { .function = "MultiKrum_paper", .rule = "multi_krum", .bound = 1e-12, .cases = 8 },
    { .function = "MultiKrum",
      .rule = "multi_krum",
      .compat = VX_COMPAT_BYZFL,
      .bound = 1e-12,
      .cases = 15,
      .nonfinite = 3 },
    { .function = "krum",
      .rule = "multi_krum",
      .compat = VX_COMPAT_BYZFL,
      .paper_count = true,
      .bound = 1e-12,
      .cases = 8,
      .differing = 1,
      .why = "it adds distances that are not squared",
      .loose = 10.0 },
    { .function = "GeometricMedian_exact", .rule = "geometric_median", .bound = 1e-9, .cases = 8 },
    { .function = "GeometricMedian",
      .rule = "geometric_median",
      .compat = VX_COMPAT_BYZFL,
      .bound = 1e-9,
      .cases = 16,
      .nonfinite = 3 },
    { .function = "epfml.RFA",
      .rule = "geometric_median",
      .compat = VX_COMPAT_BYZFL,
      .bound = 1e-9,
      .cases = 8 },
    { .function = "CenteredClipping",
      .rule = "centered_clipping",
      .bound = 1e-9,
      .cases = 13,
      .nonfinite = 3 },
    { .function = "epfml.Clipping", .rule = "centered_clipping", .bound = 1e-9, .cases = 8 },
    { .function = "MDA", .rule = "mda", .bound = 1e-12, .cases = 15, .nonfinite = 3 },
    { .function = "brute", .rule = "mda", .bound = 1e-12, .cases = 6 },
    { .function = "MoNNA", .rule = "monna", .bound = 1e-12, .cases = 12, .nonfinite = 3 },
    { .function = "cge", .rule = "cge", .bound = 1e-12, .cases = 8 },
    { .function = "SMEA_exact", .rule = "smea", .bound = 1e-12, .cases = 8 },
    { .function = "CAF_exact",
      .rule = "caf",
      .compat = VX_COMPAT_BYZFL,
      .bound = 1e-9,
      .cases = 8,
      .differing = 1,
      .why = "the two largest eigenvalues meet: 1e-15 of the input moves the result by 2e-7",
      .loose = 1e-5 },
    { .function = "Bulyan_paper", .rule = "bulyan", .bound = 1e-12, .cases = 7 },
    { .function = "aksel", .kernel = vx_aksel_weights, .bound = 1e-12, .cases = 16 },
};

enum { ENTRIES = sizeof(entries) / sizeof(entries[0]) };

/* Functions of the files that this table does not compare. */
typedef struct exception {
    const char *function;
    int cases;
    const char *why;
    int found;
} exception;

static exception exceptions[] = {
    { "CAF", 4, "one power step from a random vector; CAF_exact instead", 0 },
    { "SMEA", 3, "one power step from a random vector; SMEA_exact instead", 0 },
    { "bulyan", 7, "its loop never drops a row: not the paper's rule", 0 },
    { "flower.aggregate_bulyan", 7, "one selection of all rows at once: not the paper's rule", 0 },
    { "median", 8, "the lower of two middle values", 0 },
    { "flower.aggregate_trimmed_avg", 8, "its count of trimmed rows is a share of n", 0 },
    { "ALittleIsEnough", 9, "an attack", 0 },
    { "Gaussian", 4, "an attack", 0 },
    { "Inf", 9, "an attack", 0 },
    { "InnerProductManipulation", 9, "an attack", 0 },
    { "LabelFlipping", 8, "an attack", 0 },
    { "Mimic", 9, "an attack", 0 },
    { "Optimal_ALittleIsEnough", 9, "an attack", 0 },
    { "Optimal_InnerProductManipulation", 9, "an attack", 0 },
    { "SignFlipping", 9, "an attack", 0 },
};

enum { EXCEPTIONS = sizeof(exceptions) / sizeof(exceptions[0]) };
#endif
