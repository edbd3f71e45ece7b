#include "schema.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include <vx_base/assert.h>
#include <vx_base/limits.h>
#include <vx_config/job.h>

#include "words.h"

#define COUNT_OF(array)       (sizeof(array) / sizeof((array)[0]))
#define SIZE_OF(type, member) sizeof(((type *)NULL)->member)

/*
 * The table: X(kind, struct, member, default, ...), where the rest is
 *   COUNT low, high    TEXT bytes, at least and most    REAL range    ENUM names
 *   LIST element, least, most    SECTION nothing
 * DERIVED marks a default that relate.c makes of other keys; the text only has to be in range.
 */
#define DERIVED       "0"
#define DERIVED_COUNT "1"

#define CSV_KEYS(X)                                                                                \
    X(BOOL, vx_job_csv, header, "true")                                                            \
    X(TEXT, vx_job_csv, delimiter, ",", 1, 1)                                                      \
    X(TEXT, vx_job_csv, target, "", 0, 255)                                                        \
    X(LIST, vx_job_csv, ignore, "[]", column, 0, VX_IGNORE_MAX)                                    \
    X(ENUM, vx_job_csv, missing, "refuse", missings)                                               \
    X(PATH, vx_job_csv, categories, "")

#define SVMLIGHT_KEYS(X)                                                                           \
    X(COUNT, vx_job_svmlight, features, "0", 0, 1u << 28)                                          \
    X(COUNT, vx_job_svmlight, first, "1", 0, 1)

#define AUGMENT_KEYS(X)                                                                            \
    X(ENUM, vx_job_augment, kind, NULL, augments)                                                  \
    X(LIST, vx_job_augment, slots, "[]", slot, 0, VX_WORKERS_MAX)                                  \
    X(REAL, vx_job_augment, share, "1", VX_RANGE_SOME)                                             \
    X(REAL, vx_job_augment, scale, "1", VX_RANGE_POSITIVE)                                         \
    X(COUNT, vx_job_augment, from_round, "0", 0, VX_ROUNDS_MAX)                                    \
    X(COUNT, vx_job_augment, to_round, DERIVED, 0, VX_ROUNDS_MAX)

#define DATA_KEYS(X)                                                                               \
    X(ENUM, vx_job_data, format, "idx", formats)                                                   \
    X(PATH, vx_job_data, train_features, NULL)                                                     \
    X(PATH, vx_job_data, train_labels, "")                                                         \
    X(PATH, vx_job_data, test_features, NULL)                                                      \
    X(PATH, vx_job_data, test_labels, "")                                                          \
    X(LIST, vx_job_data, train_more, "[]", file, 0, VX_MORE_MAX)                                   \
    X(LIST, vx_job_data, test_more, "[]", file, 0, VX_MORE_MAX)                                    \
    X(COUNT, vx_job_data, classes, "0", 0, 1000000)                                                \
    X(REAL, vx_job_data, mean, "0", VX_RANGE_ANY)                                                  \
    X(REAL, vx_job_data, deviation, "1", VX_RANGE_DEVIATION)                                       \
    X(PATH, vx_job_data, reference, "")                                                            \
    X(SECTION, vx_job_data, csv, "{}")                                                             \
    X(SECTION, vx_job_data, svmlight, "{}")                                                        \
    X(ENUM, vx_job_data, shard, "iid", shards)                                                     \
    X(REAL, vx_job_data, alpha, "0.5", VX_RANGE_CONCENTRATION)                                     \
    X(REAL, vx_job_data, gamma, "0.5", VX_RANGE_PART)                                              \
    X(LIST, vx_job_data, files, "[]", file, 0, VX_WORKERS_MAX)                                     \
    X(LIST, vx_job_data, augment, "[]", augment, 0, VX_AUGMENT_MAX)                                \
    X(COUNT, vx_job_data, batch, "64", 1, 1000000000)                                              \
    X(COUNT, vx_job_data, memory_mib, "256", 1, UINT64_C(1) << 30)

#define COLUMNS_KEYS(X)                                                                            \
    X(ENUM, vx_job_columns, kind, "one", column_kinds)                                             \
    X(COUNT, vx_job_columns, count, "1", 1, 4096)

#define LOSS_KEYS(X)                                                                               \
    X(ENUM, vx_job_loss, kind, "nll", losses)                                                      \
    X(REAL, vx_job_loss, epsilon, "0.1", VX_RANGE_BELOW_ONE)                                       \
    X(REAL, vx_job_loss, gamma, "2", VX_RANGE_FOCUS)                                               \
    X(REAL, vx_job_loss, exponent, "0.5", VX_RANGE_EXPONENT)                                       \
    X(REAL, vx_job_loss, threshold, "0", VX_RANGE_BELOW_ONE)                                       \
    X(REAL, vx_job_loss, eta, "0.5", VX_RANGE_PART)                                                \
    X(REAL, vx_job_loss, mix, "0.5", VX_RANGE_PART)                                                \
    X(REAL, vx_job_loss, temperature, "2", VX_RANGE_TEMPERATURE)                                   \
    X(COUNT, vx_job_loss, noise, "8", 1, 512)                                                      \
    X(PATH, vx_job_loss, teacher, "")                                                              \
    X(TEXT, vx_job_loss, teacher_digest, "", 0, VX_DIGEST_TEXT_SIZE - 1)

#define MODEL_KEYS(X)                                                                              \
    X(ENUM, vx_job_model, family, "plugin", families) /* relate.c asks for it or a plugin */       \
    X(ENUM, vx_job_model, likelihood, "categorical", likelihoods)                                  \
    X(LIST, vx_job_model, widths, "[]", width, 0, VX_WIDTHS_MAX)                                   \
    X(ENUM, vx_job_model, activation, "relu", activations)                                         \
    X(REAL, vx_job_model, dropout, "0", VX_RANGE_BELOW_ONE)                                        \
    X(BOOL, vx_job_model, layer_norm, "false")                                                     \
    X(BOOL, vx_job_model, residual, "false")                                                       \
    X(LIST, vx_job_model, channels, "[]", width, 0, VX_WIDTHS_MAX)                                 \
    X(COUNT, vx_job_model, kernel, "3", 1, 1000)                                                   \
    X(ENUM, vx_job_model, pool, "max", pools)                                                      \
    X(COUNT, vx_job_model, patch, "7", 1, 10000)                                                   \
    X(COUNT, vx_job_model, blocks, "2", 1, 1000)                                                   \
    X(COUNT, vx_job_model, hidden, "64", 1, 1000000)                                               \
    X(REAL, vx_job_model, residual_scale, "0.1", VX_RANGE_NOT_NEGATIVE)                            \
    X(REAL, vx_job_model, variance, "1", VX_RANGE_VARIANCE)                                        \
    X(REAL, vx_job_model, dispersion, "1", VX_RANGE_DISPERSION)                                    \
    X(REAL, vx_job_model, l2, "0", VX_RANGE_PENALTY)                                               \
    X(SECTION, vx_job_model, columns, "{}")                                                        \
    X(SECTION, vx_job_model, loss, "{}")                                                           \
    X(PATH, vx_job_model, plugin, "")                                                              \
    X(TEXT, vx_job_model, plugin_digest, "", 0, VX_DIGEST_TEXT_SIZE - 1)                           \
    X(TEXT, vx_job_model, options, "", 0, VX_TEXT_MAX)

#define WORKERS_KEYS(X)                                                                            \
    X(COUNT, vx_job_workers, count, NULL, 1, VX_WORKERS_MAX)                                       \
    X(COUNT, vx_job_workers, max_workers, DERIVED_COUNT, 1, VX_WORKERS_MAX)                        \
    X(COUNT, vx_job_workers, min_workers, DERIVED_COUNT, 1, VX_WORKERS_MAX)                        \
    X(COUNT, vx_job_workers, ranks, "1", 1, VX_BLOCKS_MAX)                                         \
    X(COUNT, vx_job_workers, blocks, DERIVED_COUNT, 1, VX_BLOCKS_MAX)                              \
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
    X(COUNT, vx_job_evaluation, batch, "1000", 1, 1000000000)                                      \
    X(COUNT, vx_job_evaluation, bins, "15", 1, 1000)                                               \
    X(COUNT, vx_job_evaluation, bootstrap, "0", 0, 1000000)

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
    CYAML_FIELD_STRING_PTR(#member, CYAML_FLAG_POINTER, type, member, 0, VX_PATH_MAX - 1),
#define FIELD_TEXT(type, member, fallback, least, most)                                            \
    CYAML_FIELD_STRING_PTR(#member, CYAML_FLAG_POINTER, type, member, least, most),
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
#define KEY_TEXT(type, member, text, least, most)                                                  \
    { KEY_OF(type, member, TEXT, text), .low = (least), .high = (most) },
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

static const cyaml_schema_value_t file_value = { CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char, 1,
                                                                    VX_PATH_MAX - 1) };
static const vx_key file_key = { .name = "", .kind = VX_KEY_PATH, .size = sizeof(char *) };
static const cyaml_schema_value_t column_value = { CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char, 1,
                                                                      255) };
static const vx_key column_key = {
    .name = "", .kind = VX_KEY_TEXT, .size = sizeof(char *), .low = 1, .high = 255
};

static const cyaml_schema_field_t csv_fields[] = { CSV_KEYS(FIELD) CYAML_FIELD_END };
static const vx_key csv_keys[] = { CSV_KEYS(KEY) KEY_END };
static const cyaml_schema_field_t svmlight_fields[] = { SVMLIGHT_KEYS(FIELD) CYAML_FIELD_END };
static const vx_key svmlight_keys[] = { SVMLIGHT_KEYS(KEY) KEY_END };
static const cyaml_schema_field_t augment_fields[] = { AUGMENT_KEYS(FIELD) CYAML_FIELD_END };
static const vx_key augment_keys[] = { AUGMENT_KEYS(KEY) KEY_END };
static const cyaml_schema_value_t augment_value = { CYAML_VALUE_MAPPING(
    CYAML_FLAG_DEFAULT, vx_job_augment, augment_fields) };
static const vx_key augment_key = {
    .name = "", .kind = VX_KEY_SECTION, .size = sizeof(vx_job_augment), .keys = augment_keys
};
static const cyaml_schema_field_t data_fields[] = { DATA_KEYS(FIELD) CYAML_FIELD_END };
static const vx_key data_keys[] = { DATA_KEYS(KEY) KEY_END };
static const cyaml_schema_field_t columns_fields[] = { COLUMNS_KEYS(FIELD) CYAML_FIELD_END };
static const vx_key columns_keys[] = { COLUMNS_KEYS(KEY) KEY_END };
static const cyaml_schema_field_t loss_fields[] = { LOSS_KEYS(FIELD) CYAML_FIELD_END };
static const vx_key loss_keys[] = { LOSS_KEYS(KEY) KEY_END };
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
