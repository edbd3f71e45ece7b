#ifndef VX_CONFIG_WORDS_H
#define VX_CONFIG_WORDS_H
/* The words of each enum of a job file, for the table in schema.c alone. */
#include <cyaml/cyaml.h>

#include <vx_base/log.h>
#include <vx_config/job.h>

static const cyaml_strval_t formats[] = {
    { "idx", VX_JOB_FORMAT_IDX },     { "npy", VX_JOB_FORMAT_NPY },
    { "csv", VX_JOB_FORMAT_CSV },     { "svmlight", VX_JOB_FORMAT_SVMLIGHT },
    { "cifar", VX_JOB_FORMAT_CIFAR },
};
static const cyaml_strval_t missings[] = {
    { "refuse", VX_JOB_MISSING_REFUSE },
    { "zero", VX_JOB_MISSING_ZERO },
    { "mean", VX_JOB_MISSING_MEAN },
};
static const cyaml_strval_t shards[] = {
    { "iid", VX_JOB_SHARD_IID },       { "dirichlet", VX_JOB_SHARD_DIRICHLET },
    { "sorted", VX_JOB_SHARD_SORTED }, { "gamma_similarity", VX_JOB_SHARD_GAMMA_SIMILARITY },
    { "files", VX_JOB_SHARD_FILES },
};
static const cyaml_strval_t augments[] = {
    { "flip", VX_JOB_AUGMENT_FLIP },
    { "shift", VX_JOB_AUGMENT_SHIFT },
    { "gaussian_noise", VX_JOB_AUGMENT_GAUSSIAN_NOISE },
    { "lotka_volterra", VX_JOB_AUGMENT_LOTKA_VOLTERRA },
    { "cat_map", VX_JOB_AUGMENT_CAT_MAP },
    { "smooth_cat_map", VX_JOB_AUGMENT_SMOOTH_CAT_MAP },
};
static const cyaml_strval_t families[] = {
    { "linear", VX_JOB_FAMILY_LINEAR },
    { "mlp", VX_JOB_FAMILY_MLP },
    { "cnn", VX_JOB_FAMILY_CNN },
    { "lenet5", VX_JOB_FAMILY_LENET5 },
    { "cnn_mnist", VX_JOB_FAMILY_CNN_MNIST },
    { "resmlp", VX_JOB_FAMILY_RESMLP },
    { "plugin", VX_JOB_FAMILY_PLUGIN },
};
static const cyaml_strval_t likelihoods[] = {
    { "categorical", VX_JOB_LIKELIHOOD_CATEGORICAL },
    { "gaussian", VX_JOB_LIKELIHOOD_GAUSSIAN },
    { "bernoulli", VX_JOB_LIKELIHOOD_BERNOULLI },
    { "poisson", VX_JOB_LIKELIHOOD_POISSON },
    { "negative_binomial", VX_JOB_LIKELIHOOD_NEGATIVE_BINOMIAL },
};
static const cyaml_strval_t pools[] = {
    { "max", VX_JOB_POOL_MAX },
    { "average", VX_JOB_POOL_AVERAGE },
};
static const cyaml_strval_t column_kinds[] = {
    { "one", VX_JOB_COLUMNS_ONE },
    { "bootstrap", VX_JOB_COLUMNS_BOOTSTRAP },
    { "fold", VX_JOB_COLUMNS_FOLD },
    { "permutation", VX_JOB_COLUMNS_PERMUTATION },
};
static const cyaml_strval_t losses[] = {
    { "nll", VX_JOB_LOSS_NLL },
    { "smoothing", VX_JOB_LOSS_SMOOTHING },
    { "focal", VX_JOB_LOSS_FOCAL },
    { "power", VX_JOB_LOSS_POWER },
    { "mixce", VX_JOB_LOSS_MIXCE },
    { "unlikelihood", VX_JOB_LOSS_UNLIKELIHOOD },
    { "distillation", VX_JOB_LOSS_DISTILLATION },
    { "nce", VX_JOB_LOSS_NCE },
};
static const cyaml_strval_t activations[] = {
    { "relu", VX_JOB_ACTIVATION_RELU },
    { "tanh", VX_JOB_ACTIVATION_TANH },
    { "gelu", VX_JOB_ACTIVATION_GELU },
};
static const cyaml_strval_t rules[] = {
    { "mean", VX_JOB_RULE_MEAN },
    { "unit_mean", VX_JOB_RULE_UNIT_MEAN },
    { "median", VX_JOB_RULE_MEDIAN },
    { "trimmed_mean", VX_JOB_RULE_TRIMMED_MEAN },
    { "meamed", VX_JOB_RULE_MEAMED },
    { "phocas", VX_JOB_RULE_PHOCAS },
    { "geometric_median", VX_JOB_RULE_GEOMETRIC_MEDIAN },
    { "krum", VX_JOB_RULE_KRUM },
    { "multi_krum", VX_JOB_RULE_MULTI_KRUM },
    { "bulyan", VX_JOB_RULE_BULYAN },
    { "mda", VX_JOB_RULE_MDA },
    { "monna", VX_JOB_RULE_MONNA },
    { "centered_clipping", VX_JOB_RULE_CENTERED_CLIPPING },
    { "cge", VX_JOB_RULE_CGE },
    { "caf", VX_JOB_RULE_CAF },
    { "smea", VX_JOB_RULE_SMEA },
    { "aksel", VX_JOB_RULE_AKSEL },
    { "sign_majority", VX_JOB_RULE_SIGN_MAJORITY },
    { "flag", VX_JOB_RULE_FLAG },
    { "trimmed_flag", VX_JOB_RULE_TRIMMED_FLAG },
};
static const cyaml_strval_t pres[] = {
    { "nnm", VX_JOB_PRE_NNM },
    { "unit", VX_JOB_PRE_UNIT },
    { "clipping", VX_JOB_PRE_CLIPPING },
    { "arc", VX_JOB_PRE_ARC },
    { "bucketing", VX_JOB_PRE_BUCKETING },
};
static const cyaml_strval_t compats[] = {
    { "paper", VX_JOB_COMPAT_PAPER },
    { "byzfl", VX_JOB_COMPAT_BYZFL },
};
static const cyaml_strval_t reports[] = {
    { "full", VX_JOB_REPORT_FULL },
    { "weights", VX_JOB_REPORT_WEIGHTS },
};
static const cyaml_strval_t aksels[] = {
    { "middle", VX_JOB_AKSEL_MIDDLE },
    { "trusted", VX_JOB_AKSEL_TRUSTED },
};
static const cyaml_strval_t flag_modes[] = {
    { "default", VX_JOB_FLAG_MODE_DEFAULT },
    { "released", VX_JOB_FLAG_MODE_RELEASED },
    { "paper", VX_JOB_FLAG_MODE_PAPER },
};
static const cyaml_strval_t flag_scales[] = {
    { "median_norm", VX_JOB_FLAG_SCALE_MEDIAN_NORM },
    { "subspace", VX_JOB_FLAG_SCALE_SUBSPACE },
    { "count", VX_JOB_FLAG_SCALE_COUNT },
};
static const cyaml_strval_t flag_losses[] = {
    { "released", VX_JOB_FLAG_LOSS_RELEASED },
    { "paper", VX_JOB_FLAG_LOSS_PAPER },
};
static const cyaml_strval_t flag_directions[] = {
    { "unit", VX_JOB_FLAG_DIRECTION_UNIT },
    { "raw", VX_JOB_FLAG_DIRECTION_RAW },
};
static const cyaml_strval_t optimisers[] = {
    { "sgd", VX_JOB_OPTIMISER_SGD },
    { "heavy_ball", VX_JOB_OPTIMISER_HEAVY_BALL },
    { "nesterov", VX_JOB_OPTIMISER_NESTEROV },
    { "adamw", VX_JOB_OPTIMISER_ADAMW },
};
static const cyaml_strval_t schedules[] = {
    { "constant", VX_JOB_SCHEDULE_CONSTANT },
    { "step", VX_JOB_SCHEDULE_STEP },
    { "cosine", VX_JOB_SCHEDULE_COSINE },
    { "one_cycle", VX_JOB_SCHEDULE_ONE_CYCLE },
};
static const cyaml_strval_t fault_kinds[] = {
    { "sign_flip", VX_JOB_FAULT_SIGN_FLIP }, { "scale", VX_JOB_FAULT_SCALE },
    { "gaussian", VX_JOB_FAULT_GAUSSIAN },   { "constant", VX_JOB_FAULT_CONSTANT },
    { "zero", VX_JOB_FAULT_ZERO },           { "nan", VX_JOB_FAULT_NAN },
    { "infinity", VX_JOB_FAULT_INFINITY },   { "delay", VX_JOB_FAULT_DELAY },
    { "crash", VX_JOB_FAULT_CRASH },
};
static const cyaml_strval_t deadlines[] = {
    { "fixed", VX_JOB_DEADLINE_FIXED },
    { "adaptive", VX_JOB_DEADLINE_ADAPTIVE },
};
static const cyaml_strval_t durabilities[] = {
    { "auto", VX_JOB_DURABILITY_AUTO },
    { "checkpoint", VX_JOB_DURABILITY_CHECKPOINT },
    { "ledger", VX_JOB_DURABILITY_LEDGER },
    { "full", VX_JOB_DURABILITY_FULL },
};
static const cyaml_strval_t disk_fulls[] = {
    { "stop", VX_JOB_ON_DISK_FULL_STOP },
    { "continue", VX_JOB_ON_DISK_FULL_CONTINUE },
};
static const cyaml_strval_t log_levels[] = {
    { "debug", VX_LOG_DEBUG },
    { "info", VX_LOG_INFO },
    { "warn", VX_LOG_WARN },
    { "error", VX_LOG_ERROR },
};
#endif
