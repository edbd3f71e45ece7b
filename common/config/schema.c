#include "schema.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include <vx_base/assert.h>
#include <vx_base/limits.h>
#include <vx_config/job.h>

#define COUNT_OF(array)       (sizeof(array) / sizeof((array)[0]))
#define SIZE_OF(type, member) sizeof(((type *)NULL)->member)

static const cyaml_strval_t formats[] = { { "idx", VX_JOB_FORMAT_IDX } };
static const cyaml_strval_t shards[] = {
    { "iid", VX_JOB_SHARD_IID },
    { "dirichlet", VX_JOB_SHARD_DIRICHLET },
    { "sorted", VX_JOB_SHARD_SORTED },
};
static const cyaml_strval_t families[] = {
    { "linear", VX_JOB_FAMILY_LINEAR },
    { "mlp", VX_JOB_FAMILY_MLP },
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

/*
 * The table: X(kind, struct, member, default, ...), where the rest is
 *   COUNT low, high    REAL range    ENUM names    LIST element, least, most    SECTION nothing
 * DERIVED marks a default that relate.c makes of other keys; the text only has to be in range.
 */
#define DERIVED       "0"
#define DERIVED_COUNT "1"

#define DATA_KEYS(X)                                                                               \
    X(ENUM, vx_job_data, format, "idx", formats)                                                   \
    X(PATH, vx_job_data, train_features, NULL)                                                     \
    X(PATH, vx_job_data, train_labels, NULL)                                                       \
    X(PATH, vx_job_data, test_features, NULL)                                                      \
    X(PATH, vx_job_data, test_labels, NULL)                                                        \
    X(COUNT, vx_job_data, classes, "0", 0, 1000000)                                                \
    X(REAL, vx_job_data, mean, "0", VX_RANGE_ANY)                                                  \
    X(REAL, vx_job_data, deviation, "1", VX_RANGE_POSITIVE)                                        \
    X(ENUM, vx_job_data, shard, "iid", shards)                                                     \
    X(REAL, vx_job_data, alpha, "0.5", VX_RANGE_CONCENTRATION)                                     \
    X(COUNT, vx_job_data, batch, "64", 1, 1000000000)

#define MODEL_KEYS(X)                                                                              \
    X(ENUM, vx_job_model, family, NULL, families)                                                  \
    X(LIST, vx_job_model, widths, "[]", width, 0, VX_WIDTHS_MAX)                                   \
    X(ENUM, vx_job_model, activation, "relu", activations)

#define WORKERS_KEYS(X)                                                                            \
    X(COUNT, vx_job_workers, count, NULL, 1, VX_WORKERS_MAX)                                       \
    X(COUNT, vx_job_workers, max_workers, DERIVED_COUNT, 1, VX_WORKERS_MAX)                        \
    X(COUNT, vx_job_workers, min_workers, DERIVED_COUNT, 1, VX_WORKERS_MAX)                        \
    X(COUNT, vx_job_workers, quorum, DERIVED_COUNT, 1, VX_WORKERS_MAX)                             \
    X(COUNT, vx_job_workers, backup, "0", 0, VX_WORKERS_MAX - 1)                                   \
    X(COUNT, vx_job_workers, staleness, "0", 0, 1000)                                              \
    X(ENUM, vx_job_workers, deadline, "fixed", deadlines)                                          \
    X(REAL, vx_job_workers, deadline_s, "60", VX_RANGE_SECONDS)                                    \
    X(REAL, vx_job_workers, deadline_least_s, "0.1", VX_RANGE_SECONDS)                             \
    X(REAL, vx_job_workers, deadline_spread, "8", VX_RANGE_NOT_NEGATIVE)                           \
    X(REAL, vx_job_workers, start_timeout_s, "300", VX_RANGE_SECONDS)                              \
    X(REAL, vx_job_workers, shard_timeout_s, "0", VX_RANGE_PATIENCE)                               \
    X(REAL, vx_job_workers, heartbeat_s, "2", VX_RANGE_SECONDS)                                    \
    X(REAL, vx_job_workers, heartbeat_timeout_s, "10", VX_RANGE_SECONDS)                           \
    X(COUNT, vx_job_workers, max_restarts, "10", 0, 1000000)                                       \
    X(REAL, vx_job_workers, momentum, DERIVED, VX_RANGE_BELOW_ONE)                                 \
    X(REAL, vx_job_workers, clip_norm, "0", VX_RANGE_NOT_NEGATIVE)                                 \
    X(COUNT, vx_job_workers, blas_threads, "0", 0, 1024)

#define FLAG_KEYS(X)                                                                               \
    X(ENUM, vx_job_flag, mode, "default", flag_modes)                                              \
    X(COUNT, vx_job_flag, subspace, "0", 0, VX_WORKERS_MAX)                                        \
    X(COUNT, vx_job_flag, iterations, "1", 1, 10000)                                               \
    X(REAL, vx_job_flag, lambda, "0", VX_RANGE_NOT_NEGATIVE)                                       \
    X(REAL, vx_job_flag, tolerance, "1e-10", VX_RANGE_NOT_NEGATIVE)                                \
    X(REAL, vx_job_flag, alpha, "1", VX_RANGE_BETA_ALPHA)                                          \
    X(REAL, vx_job_flag, beta, "0.5", VX_RANGE_BETA_BETA)                                          \
    X(ENUM, vx_job_flag, scale, "median_norm", flag_scales)                                        \
    X(ENUM, vx_job_flag, loss, "released", flag_losses)                                            \
    X(ENUM, vx_job_flag, direction, "unit", flag_directions)

#define AGGREGATION_KEYS(X)                                                                        \
    X(ENUM, vx_job_aggregation, rule, "flag", rules)                                               \
    X(LIST, vx_job_aggregation, pre, "[]", pre, 0, VX_PRE_MAX)                                     \
    X(COUNT, vx_job_aggregation, byzantine, "0", 0, VX_WORKERS_MAX - 1)                            \
    X(LIST, vx_job_aggregation, share, "[]", share, 0, VX_WORKERS_MAX)                             \
    X(COUNT, vx_job_aggregation, threads, "0", 0, 64)                                              \
    X(ENUM, vx_job_aggregation, compat, "paper", compats)                                          \
    X(ENUM, vx_job_aggregation, report, "full", reports)                                           \
    X(COUNT, vx_job_aggregation, selected, "0", 0, VX_WORKERS_MAX)                                 \
    X(REAL, vx_job_aggregation, nu, "1e-6", VX_RANGE_NOT_NEGATIVE)                                 \
    X(REAL, vx_job_aggregation, tolerance, "1e-10", VX_RANGE_NOT_NEGATIVE)                         \
    X(COUNT, vx_job_aggregation, iterations, "1000", 1, 1000000)                                   \
    X(REAL, vx_job_aggregation, tau, "100", VX_RANGE_POSITIVE)                                     \
    X(COUNT, vx_job_aggregation, clip_iterations, "1", 1, 1000)                                    \
    X(COUNT, vx_job_aggregation, pivot, "0", 0, VX_WORKERS_MAX - 1)                                \
    X(ENUM, vx_job_aggregation, aksel, "middle", aksels)                                           \
    X(REAL, vx_job_aggregation, clip_norm, "2", VX_RANGE_POSITIVE)                                 \
    X(REAL, vx_job_aggregation, clip_quantile, "0", VX_RANGE_PART)                                 \
    X(COUNT, vx_job_aggregation, bucket_size, "2", 1, VX_WORKERS_MAX)                              \
    X(COUNT, vx_job_aggregation, bucket_seed, "0", 0, UINT64_MAX)                                  \
    X(COUNT, vx_job_aggregation, exact_rows, "20", 0, 30)                                          \
    X(SECTION, vx_job_aggregation, flag, "{}")

#define SCHEDULE_KEYS(X)                                                                           \
    X(ENUM, vx_job_schedule, kind, "constant", schedules)                                          \
    X(COUNT, vx_job_schedule, warmup, "0", 0, VX_ROUNDS_MAX)                                       \
    X(COUNT, vx_job_schedule, every, "0", 0, VX_ROUNDS_MAX)                                        \
    X(REAL, vx_job_schedule, factor, "0.1", VX_RANGE_POSITIVE)                                     \
    X(REAL, vx_job_schedule, final_factor, "0", VX_RANGE_NOT_NEGATIVE)                             \
    X(REAL, vx_job_schedule, initial_divisor, "25", VX_RANGE_AT_LEAST_ONE)                         \
    X(REAL, vx_job_schedule, up_share, "0.3", VX_RANGE_BETWEEN)                                    \
    X(REAL, vx_job_schedule, momentum_low, "0.85", VX_RANGE_BELOW_ONE)

#define OPTIMISER_KEYS(X)                                                                          \
    X(ENUM, vx_job_optimiser, kind, "sgd", optimisers)                                             \
    X(REAL, vx_job_optimiser, step_size, NULL, VX_RANGE_POSITIVE)                                  \
    X(REAL, vx_job_optimiser, momentum, "0.9", VX_RANGE_BELOW_ONE)                                 \
    X(REAL, vx_job_optimiser, beta1, "0.9", VX_RANGE_BELOW_ONE)                                    \
    X(REAL, vx_job_optimiser, beta2, "0.999", VX_RANGE_BELOW_ONE)                                  \
    X(REAL, vx_job_optimiser, epsilon, "1e-8", VX_RANGE_POSITIVE)                                  \
    X(REAL, vx_job_optimiser, weight_decay, "0", VX_RANGE_NOT_NEGATIVE)                            \
    X(REAL, vx_job_optimiser, l1, "0", VX_RANGE_NOT_NEGATIVE)                                      \
    X(SECTION, vx_job_optimiser, schedule, "{}")

#define CHECKPOINT_KEYS(X)                                                                         \
    X(COUNT, vx_job_checkpoint, every, "100", 0, VX_ROUNDS_MAX)                                    \
    X(COUNT, vx_job_checkpoint, keep, "3", 1, 1000000)                                             \
    X(COUNT, vx_job_checkpoint, keep_every, "0", 0, VX_ROUNDS_MAX)                                 \
    X(ENUM, vx_job_checkpoint, durability, "auto", durabilities)                                   \
    X(ENUM, vx_job_checkpoint, on_disk_full, "stop", disk_fulls)

#define EVALUATION_KEYS(X)                                                                         \
    X(COUNT, vx_job_evaluation, every, "0", 0, VX_ROUNDS_MAX)                                      \
    X(COUNT, vx_job_evaluation, batch, "1000", 1, 1000000000)

#define FAULT_KEYS(X)                                                                              \
    X(LIST, vx_job_fault, slots, NULL, slot, 1, VX_WORKERS_MAX)                                    \
    X(ENUM, vx_job_fault, kind, NULL, fault_kinds)                                                 \
    X(REAL, vx_job_fault, scale, "1", VX_RANGE_ANY)                                                \
    X(COUNT, vx_job_fault, from_round, "0", 0, VX_ROUNDS_MAX)                                      \
    X(COUNT, vx_job_fault, to_round, DERIVED, 0, VX_ROUNDS_MAX)

#define LIMITS_KEYS(X)                                                                             \
    X(COUNT, vx_job_limits, connections, "64", 1, 65536)                                           \
    X(COUNT, vx_job_limits, memory_mib, "0", 0, UINT64_C(1) << 40)                                 \
    X(REAL, vx_job_limits, handshake_s, "10", VX_RANGE_SECONDS)                                    \
    X(ENUM, vx_job_limits, log_level, "info", log_levels)

#define JOB_KEYS(X)                                                                                \
    X(NAME, vx_job, name, NULL)                                                                    \
    X(COUNT, vx_job, seed, "1", 0, UINT64_MAX)                                                     \
    X(COUNT, vx_job, rounds, NULL, 1, VX_ROUNDS_MAX)                                               \
    X(SECTION, vx_job, data, "{}")                                                                 \
    X(SECTION, vx_job, model, "{}")                                                                \
    X(SECTION, vx_job, workers, "{}")                                                              \
    X(SECTION, vx_job, aggregation, "{}")                                                          \
    X(SECTION, vx_job, optimiser, "{}")                                                            \
    X(SECTION, vx_job, checkpoint, "{}")                                                           \
    X(SECTION, vx_job, evaluation, "{}")                                                           \
    X(LIST, vx_job, faults, "[]", fault, 0, VX_FAULTS_MAX)                                         \
    X(BOOL, vx_job, allow_fault_injection, "false")                                                \
    X(SECTION, vx_job, limits, "{}")

/* A row as a field of libcyaml's schema. */
#define FIELD(kind, ...) FIELD_##kind(__VA_ARGS__)
#define FIELD_NAME(type, member, fallback)                                                         \
    CYAML_FIELD_STRING_PTR(#member, CYAML_FLAG_POINTER, type, member, 1, VX_NAME_MAX - 1),
#define FIELD_PATH(type, member, fallback)                                                         \
    CYAML_FIELD_STRING_PTR(#member, CYAML_FLAG_POINTER, type, member, 1, VX_PATH_MAX - 1),
#define FIELD_COUNT(type, member, fallback, ...)                                                   \
    CYAML_FIELD_UINT(#member, CYAML_FLAG_DEFAULT, type, member),
#define FIELD_REAL(type, member, fallback, range)                                                  \
    CYAML_FIELD_FLOAT(#member, CYAML_FLAG_STRICT, type, member),
#define FIELD_ENUM(type, member, fallback, names)                                                  \
    CYAML_FIELD_ENUM(#member, CYAML_FLAG_STRICT, type, member, names, COUNT_OF(names)),
#define FIELD_BOOL(type, member, fallback)                                                         \
    CYAML_FIELD_BOOL(#member, CYAML_FLAG_DEFAULT, type, member),
#define FIELD_LIST(type, member, fallback, element, least, most)                                   \
    CYAML_FIELD_SEQUENCE(#member, CYAML_FLAG_POINTER, type, member, &element##_value, least, most),
#define FIELD_SECTION(type, member, fallback)                                                      \
    CYAML_FIELD_MAPPING(#member, CYAML_FLAG_DEFAULT, type, member, member##_fields),

/* The same row as a vx_key. */
#define KEY_END                                                                                    \
    {                                                                                              \
        .name = NULL                                                                               \
    }
#define KEY(kind, ...) KEY_##kind(__VA_ARGS__)
#define KEY_OF(type, member, letters, text)                                                        \
    .name = #member, .kind = VX_KEY_##letters, .offset = offsetof(type, member), .fallback = (text)
#define KEY_NAME(type, member, text)        { KEY_OF(type, member, NAME, text) },
#define KEY_PATH(type, member, text)        { KEY_OF(type, member, PATH, text) },
#define KEY_BOOL(type, member, text)        { KEY_OF(type, member, BOOL, text) },
#define KEY_REAL(type, member, text, holds) { KEY_OF(type, member, REAL, text), .range = (holds) },
#define KEY_COUNT(type, member, text, least, most)                                                 \
    { KEY_OF(type, member, COUNT, text), .size = SIZE_OF(type, member), .low = (least),            \
      .high = (most) },
#define KEY_ENUM(type, member, text, strings)                                                      \
    { KEY_OF(type, member, ENUM, text), .size = SIZE_OF(type, member), .names = (strings),         \
      .high = COUNT_OF(strings) },
#define KEY_LIST(type, member, text, element, least, most)                                         \
    { KEY_OF(type, member, LIST, text),                                                            \
      .size = sizeof(*((type *)NULL)->member),                                                     \
      .count_offset = offsetof(type, member##_count),                                              \
      .low = (least),                                                                              \
      .high = (most),                                                                              \
      .keys = &element##_key },
#define KEY_SECTION(type, member, text)                                                            \
    { KEY_OF(type, member, SECTION, text), .keys = member##_keys },

static const cyaml_schema_value_t width_value = { CYAML_VALUE_UINT(CYAML_FLAG_DEFAULT, uint64_t) };
static const vx_key width_key = {
    .name = "", .kind = VX_KEY_COUNT, .size = sizeof(uint64_t), .low = 1, .high = 1000000
};
static const cyaml_schema_value_t slot_value = { CYAML_VALUE_UINT(CYAML_FLAG_DEFAULT, uint64_t) };
static const vx_key slot_key = {
    .name = "", .kind = VX_KEY_COUNT, .size = sizeof(uint64_t), .high = VX_WORKERS_MAX - 1
};
static const cyaml_schema_value_t pre_value = { CYAML_VALUE_ENUM(CYAML_FLAG_STRICT, vx_job_pre,
                                                                 pres, COUNT_OF(pres)) };
static const vx_key pre_key = { .name = "",
                                .kind = VX_KEY_ENUM,
                                .size = sizeof(vx_job_pre),
                                .names = pres,
                                .high = COUNT_OF(pres) };

static const cyaml_schema_value_t share_value = { CYAML_VALUE_FLOAT(CYAML_FLAG_STRICT, double) };
static const vx_key share_key = {
    .name = "", .kind = VX_KEY_REAL, .size = sizeof(double), .range = VX_RANGE_SHARE
};

static const cyaml_schema_field_t data_fields[] = { DATA_KEYS(FIELD) CYAML_FIELD_END };
static const vx_key data_keys[] = { DATA_KEYS(KEY) KEY_END };
static const cyaml_schema_field_t model_fields[] = { MODEL_KEYS(FIELD) CYAML_FIELD_END };
static const vx_key model_keys[] = { MODEL_KEYS(KEY) KEY_END };
static const cyaml_schema_field_t workers_fields[] = { WORKERS_KEYS(FIELD) CYAML_FIELD_END };
static const vx_key workers_keys[] = { WORKERS_KEYS(KEY) KEY_END };
static const cyaml_schema_field_t flag_fields[] = { FLAG_KEYS(FIELD) CYAML_FIELD_END };
static const vx_key flag_keys[] = { FLAG_KEYS(KEY) KEY_END };
static const cyaml_schema_field_t aggregation_fields[] = { AGGREGATION_KEYS(FIELD)
                                                               CYAML_FIELD_END };
static const vx_key aggregation_keys[] = { AGGREGATION_KEYS(KEY) KEY_END };
static const cyaml_schema_field_t schedule_fields[] = { SCHEDULE_KEYS(FIELD) CYAML_FIELD_END };
static const vx_key schedule_keys[] = { SCHEDULE_KEYS(KEY) KEY_END };
static const cyaml_schema_field_t optimiser_fields[] = { OPTIMISER_KEYS(FIELD) CYAML_FIELD_END };
static const vx_key optimiser_keys[] = { OPTIMISER_KEYS(KEY) KEY_END };
static const cyaml_schema_field_t checkpoint_fields[] = { CHECKPOINT_KEYS(FIELD) CYAML_FIELD_END };
static const vx_key checkpoint_keys[] = { CHECKPOINT_KEYS(KEY) KEY_END };
static const cyaml_schema_field_t evaluation_fields[] = { EVALUATION_KEYS(FIELD) CYAML_FIELD_END };
static const vx_key evaluation_keys[] = { EVALUATION_KEYS(KEY) KEY_END };
static const cyaml_schema_field_t limits_fields[] = { LIMITS_KEYS(FIELD) CYAML_FIELD_END };
static const vx_key limits_keys[] = { LIMITS_KEYS(KEY) KEY_END };
static const cyaml_schema_field_t fault_fields[] = { FAULT_KEYS(FIELD) CYAML_FIELD_END };
static const vx_key fault_keys[] = { FAULT_KEYS(KEY) KEY_END };

static const cyaml_schema_value_t fault_value = { CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT,
                                                                      vx_job_fault, fault_fields) };
static const vx_key fault_key = {
    .name = "", .kind = VX_KEY_SECTION, .size = sizeof(vx_job_fault), .keys = fault_keys
};

static const cyaml_schema_field_t job_fields[] = { JOB_KEYS(FIELD) CYAML_FIELD_END };
static const vx_key job_keys[] = { JOB_KEYS(KEY) KEY_END };

const vx_key vx_config_root = { .name = "", .kind = VX_KEY_SECTION, .keys = job_keys };
const cyaml_schema_value_t vx_config_cyaml_root = { CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, vx_job,
                                                                        job_fields) };

const vx_key *vx_config_key_find(const vx_key *section, const char *name)
{
    VX_ASSERT(section->kind == VX_KEY_SECTION);
    for (const vx_key *key = section->keys; key->name != NULL; key++)
        if (strcmp(key->name, name) == 0)
            return key;
    return NULL;
}
