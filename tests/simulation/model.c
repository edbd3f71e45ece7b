#include "model.h"

#include <stdio.h>
#include <string.h>

#include <vx_aggregate/aggregate.h>
#include <vx_base/alloc.h>
#include <vx_base/assert.h>
#include <vx_base/file.h>
#include <vx_base/rng.h>
#include <vx_optimise/optimise.h>
#include <vx_plan/plan.h>
#include <vx_task/task.h>

#include "wrap.h"

#define TRAIN    60
#define TEST     24
#define FEATURES 6
#define CLASSES  3

#define TENSORS_MAX 4

struct sim_oracle {
    vx_task tasks[SIM_WORKERS_MAX];
    vx_aggregator *aggregator;
    vx_optimiser *optimiser;
};

static void write_file(const char *folder, const char *name, const uint8_t *at, size_t size)
{
    char path[512];
    vx_error err = { 0 };

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    VX_ASSERT(vx_file_replace(path, (vx_cbytes){ at, size }, 0644, &err) == VX_OK);
}

static void write_pair(const char *folder, const char *name, uint8_t count)
{
    uint8_t features[12 + TRAIN * FEATURES] = { 0, 0, 8, 2, 0, 0, 0, count, 0, 0, 0, FEATURES };
    uint8_t labels[8 + TRAIN] = { 0, 0, 8, 1, 0, 0, 0, count };
    vx_rng rng = vx_rng_stream(count, VX_RNG_TEST, 100, 0);
    char file[64];

    for (unsigned i = 0; i < count; i++) {
        uint8_t label = (uint8_t)(i < CLASSES ? i : vx_rng_below(&rng, CLASSES));

        labels[8 + i] = label;
        for (unsigned k = 0; k < FEATURES; k++)
            features[12 + i * FEATURES + k] =
                (uint8_t)(vx_rng_below(&rng, 120) + (k % CLASSES == label ? 100 : 0));
    }
    snprintf(file, sizeof(file), "%s-features", name);
    write_file(folder, file, features, 12 + (size_t)count * FEATURES);
    snprintf(file, sizeof(file), "%s-labels", name);
    write_file(folder, file, labels, 8 + (size_t)count);
}

void sim_model_write_data(const char *folder)
{
    write_pair(folder, "train", TRAIN);
    write_pair(folder, "test", TEST);
}

static const char *const rules[] = { "rule: mean", "rule: flag\n  pre: [nnm]\n  byzantine: 1",
                                     "rule: median\n  byzantine: 1", "rule: flag\n  byzantine: 1" };
static const char *const optimisers[] = { "kind: sgd\n  step_size: 0.2",
                                          "kind: heavy_ball\n  step_size: 0.05\n  l1: 0.02",
                                          "kind: adamw\n  step_size: 0.02" };

/* The second: of a job with old gradients. */
static const char *const durabilities[2][4] = { { "full", "ledger", "checkpoint", "auto" },
                                                { "full", "full", "checkpoint", "auto" } };

static unsigned roll(vx_rng *rng, unsigned bound)
{
    return (unsigned)vx_rng_below(rng, bound);
}

static int print_workers(vx_rng *rng, unsigned workers, bool momentum, char *text, size_t size)
{
    double heartbeat_s = 0.2 + 0.1 * (double)roll(rng, 10);
    unsigned backup = roll(rng, 3) == 0 ? 1 : 0;
    /* One roll a statement: compilers differ in the order of arguments. */
    bool adaptive = roll(rng, 3) == 0;
    unsigned quorum = workers - (backup > 0 ? 1 : roll(rng, 2));
    double patience = 2.0 + (double)roll(rng, 3);
    double deadline_s = 0.5 + 0.5 * (double)roll(rng, 6);

    return snprintf(text, size,
                    "workers:\n  count: %u\n  deadline_s: %.1f\n  start_timeout_s: 60\n"
                    "  heartbeat_s: %.1f\n  heartbeat_timeout_s: %.1f\n  max_restarts: 1000\n"
                    "  momentum: %s\n  quorum: %u\n  backup: %u\n  deadline: %s\n",
                    workers, deadline_s, heartbeat_s, heartbeat_s * patience,
                    momentum ? "0.9" : "0", quorum, backup, adaptive ? "adaptive" : "fixed");
}

/* Membership that changes, gradients of earlier rounds, or both. The rounds are long enough for a
 * shard to be given away, and close early enough for a gradient to come late. */
static int print_members(vx_rng *rng, unsigned slots, bool elastic, unsigned staleness, char *text,
                         size_t size)
{
    double heartbeat_s = 0.1 + 0.1 * (double)roll(rng, 6);
    unsigned count = elastic && slots > 4 ? 4 + roll(rng, slots - 4) : slots;
    unsigned quorum = count - 1 - (count > 4 ? roll(rng, 2) : 0);
    unsigned backup = staleness > 0 ? roll(rng, 4) > 0 : roll(rng, 2);

    return snprintf(text, size,
                    "workers:\n  count: %u\n  max_workers: %u\n  min_workers: %u\n  quorum: %u\n"
                    "  shard_timeout_s: %.2f\n  staleness: %u\n  backup: %u\n  deadline: %s\n"
                    "  deadline_s: %.1f\n  heartbeat_s: %.1f\n  heartbeat_timeout_s: %.1f\n"
                    "  momentum: %s\n  start_timeout_s: 60\n  max_restarts: 1000\n",
                    count, slots, quorum + roll(rng, count - quorum + 1), quorum,
                    elastic ? 0.05 + 0.15 * (double)roll(rng, 6) : 0.0, staleness, backup,
                    roll(rng, 3) == 0 ? "adaptive" : "fixed", 0.2 + 0.2 * (double)roll(rng, 6),
                    heartbeat_s, heartbeat_s * (2.0 + (double)roll(rng, 3)),
                    roll(rng, 2) == 0 ? "0.9" : "0");
}

/* What such a variant adds to the plain ones: see SIM_VARIANTS. */
static unsigned staleness_of(unsigned variant)
{
    return variant >= SIM_VARIANTS_PLAIN && variant % 3 != 0 ? 1 + variant / 3 % 3 : 0;
}

static bool is_elastic(unsigned variant)
{
    return variant >= SIM_VARIANTS_PLAIN && variant % 3 != 1;
}

/* Everything a job may say that matters to who comes when. */
static int print_job(unsigned variant, char *text, size_t size)
{
    vx_rng rng = vx_rng_stream(variant, VX_RNG_TEST, 101, 0);
    unsigned workers = 4 + roll(&rng, SIM_WORKERS_MAX - 3);
    unsigned rounds = 10 + roll(&rng, SIM_ROUNDS_MAX - 10 + 1);
    char workers_text[512];
    unsigned handshake_s, evaluate, keep, save;
    const char *on_full, *durability, *optimiser, *rule;

    if (variant < SIM_VARIANTS_PLAIN)
        (void)print_workers(&rng, workers, variant % 2 == 1, workers_text, sizeof(workers_text));
    else
        (void)print_members(&rng, workers, is_elastic(variant), staleness_of(variant), workers_text,
                            sizeof(workers_text));
    handshake_s = 1 + roll(&rng, 5);
    evaluate = roll(&rng, 8);
    on_full = roll(&rng, 2) == 0 ? "stop" : "continue";
    durability = durabilities[staleness_of(variant) > 0][roll(&rng, 4)];
    keep = 1 + roll(&rng, 3);
    save = roll(&rng, 6);
    optimiser = optimisers[roll(&rng, 3)];
    rule = rules[roll(&rng, 4)];
    return snprintf(
        text, size,
        "name: simulated\nseed: %u\nrounds: %u\n"
        "data:\n  train_features: /data/train-features\n  train_labels: /data/train-labels\n"
        "  test_features: /data/test-features\n  test_labels: /data/test-labels\n  batch: 5\n"
        "model:\n  family: linear\n%saggregation:\n  threads: 1\n  %s\noptimiser:\n  %s\n"
        "checkpoint:\n  every: %u\n  keep: %u\n  durability: %s\n  on_disk_full: %s\n"
        "evaluation:\n  every: %u\n  batch: 10\nlimits:\n  connections: 8\n  handshake_s: %u\n",
        variant, rounds, workers_text, rule, optimiser, save, keep, durability, on_full, evaluate,
        handshake_s);
}

static void find_clean_end(sim_model *model)
{
    sim_state state = model->first;
    float rows[SIM_WORKERS_MAX * SIM_DIMENSION_MAX];
    bool present[SIM_WORKERS_MAX];
    uint64_t of_round[SIM_WORKERS_MAX];

    for (uint64_t round = 0; round < model->rounds; round++) {
        for (unsigned slot = 0; slot < model->workers; slot++) {
            present[slot] = true;
            of_round[slot] = round;
            sim_model_gradient(model, slot, round, 1u << slot, state.theta, &state.momentum[slot],
                               rows + slot * model->dimension);
        }
        VX_ASSERT(sim_model_step(model, round, rows, present, of_round, &state, &state));
    }
    model->clean = sim_model_digest(model, &state);
}

static void create_optimiser(sim_model *model)
{
    const vx_model *of = model->oracle->tasks[0].model;
    vx_plan_tensor tensors[TENSORS_MAX];
    size_t count = vx_model_tensor_count(of);
    vx_error err = { 0 };

    VX_ASSERT(count <= TENSORS_MAX);
    for (size_t i = 0; i < count; i++) {
        vx_model_tensor known = vx_model_tensor_at(of, i);

        tensors[i] = (vx_plan_tensor){ 1, known.is_weight };
        for (size_t k = 0; k < known.rank; k++)
            tensors[i].numbers *= known.shape[k];
    }
    VX_ASSERT(vx_plan_optimiser_create(model->job, model->dimension, tensors, count,
                                       &model->oracle->optimiser, &err) == VX_OK);
}

static void create_oracle(sim_model *model)
{
    struct sim_oracle *oracle = vx_calloc(1, sizeof(*oracle));
    vx_task_place place = { .data_dir = model->folder, .local_workers = SIM_LOCAL_WORKERS };
    vx_error err = { 0 };

    VX_ASSERT(oracle != NULL);
    model->oracle = oracle;
    for (unsigned slot = 0; slot < model->workers; slot++) {
        vx_job *job = NULL; /* the task's own */

        place.slot = slot;
        VX_ASSERT(vx_job_load(model->job_path, NULL, 0, &job, &err) == VX_OK);
        VX_ASSERT(vx_task_create_worker(job, &place, &oracle->tasks[slot], &err) == VX_OK);
    }
    model->dimension = vx_model_dimension(oracle->tasks[0].model);
    VX_ASSERT(model->dimension <= SIM_DIMENSION_MAX);
    vx_model_initialise(oracle->tasks[0].model, model->job->seed,
                        (vx_vecf){ model->first.theta, model->dimension });
    VX_ASSERT(vx_plan_aggregator_create(model->job, model->dimension, &oracle->aggregator, &err) ==
              VX_OK);
    create_optimiser(model);
    model->states = vx_optimiser_state_count(oracle->optimiser);
    VX_ASSERT(model->states <= SIM_STATES_MAX);
}

sim_model *sim_model_create(unsigned variant, const char *folder)
{
    sim_model *model = vx_calloc(1, sizeof(*model));
    char text[2048];
    char name[32];
    int size = print_job(variant, text, sizeof(text));
    vx_error err = { 0 };

    VX_ASSERT(model != NULL && size > 0 && (size_t)size < sizeof(text));
    snprintf(name, sizeof(name), "job-%u.yaml", variant);
    write_file(folder, name, (const uint8_t *)text, (size_t)size);
    model->variant = variant;
    model->folder = folder;
    model->job_path = vx_path_join(folder, name);
    model->job_text = (vx_bytes){ (uint8_t *)vx_strdup(text), (size_t)size };
    if (vx_job_load(model->job_path, NULL, 0, &model->job, &err) != VX_OK) {
        fprintf(stderr, "%s\n", err.message);
        sim_real_exit(1);
    }
    model->workers = (unsigned)model->job->workers.max_workers;
    model->awaited = (unsigned)model->job->workers.count;
    model->rounds = model->job->rounds;
    create_oracle(model);
    find_clean_end(model);
    return model;
}

bool sim_model_bears_one(const sim_model *model)
{
    return model->job->aggregation.byzantine > 0 &&
           model->job->workers.min_workers < model->awaited;
}

vx_digest sim_model_digest(const sim_model *model, const sim_state *state)
{
    return vx_digest_of(state->theta, model->dimension * sizeof(float));
}

/* The task keeps what it draws from until it is to draw from others. Not memory of a program. */
static void take_shards(vx_task *task, uint32_t shards)
{
    uint32_t list[SIM_WORKERS_MAX];
    size_t count = 0;
    vx_error err = { 0 };

    for (uint32_t shard = 0; shard < SIM_WORKERS_MAX; shard++)
        if ((shards >> shard & 1) != 0)
            list[count++] = shard;
    sim_wrap_count(false);
    VX_ASSERT(vx_task_take_shards(task, list, count, &err) == VX_OK);
    sim_wrap_count(true);
}

void sim_model_gradient(const sim_model *model, unsigned slot, uint64_t round, uint32_t shards,
                        const float *theta, const sim_base *base, float *ret_gradient)
{
    vx_task *task = &model->oracle->tasks[slot];
    vx_task_gradient about;

    take_shards(task, shards);
    if (base->label == 0)
        VX_ASSERT(vx_momentum_rebase(task->momentum, 0));
    else
        vx_momentum_restore(task->momentum, base->label,
                            (vx_cvecf){ base->numbers, model->dimension });
    vx_task_gradient_at(task, (vx_cvecf){ theta, model->dimension }, round,
                        (vx_vecf){ ret_gradient, model->dimension }, &about);
}

/* A gradient that is a rounds old counts 1 / (1 + a). */
static void damp(const sim_model *model, uint64_t age, float *row)
{
    for (size_t k = 0; age > 0 && k < model->dimension; k++)
        row[k] = (float)((double)row[k] / (1.0 + (double)age));
}

static void carry_momentum(const sim_model *model, const float *rows, const bool *present,
                           const uint64_t *of_round, sim_state *state)
{
    for (unsigned slot = 0; slot < model->workers; slot++) {
        if (!present[slot])
            continue;
        memcpy(state->momentum[slot].numbers, rows + slot * model->dimension,
               model->dimension * sizeof(float));
        state->momentum[slot].label = of_round[slot] + 1;
    }
}

bool sim_model_step(const sim_model *model, uint64_t round, const float *rows, const bool *present,
                    const uint64_t *of_round, const sim_state *before, sim_state *ret_after)
{
    struct sim_oracle *oracle = model->oracle;
    size_t d = model->dimension;
    float damped[SIM_WORKERS_MAX * SIM_DIMENSION_MAX];
    vx_cmatf matrix = { damped, model->workers, d, d };
    float update[SIM_DIMENSION_MAX];
    vx_aggregate_report report;
    sim_state after = *before;
    vx_error err = { 0 };

    memcpy(damped, rows, model->workers * d * sizeof(float));
    for (unsigned slot = 0; slot < model->workers; slot++)
        if (present[slot])
            damp(model, round - of_round[slot], damped + slot * d);
    if (vx_aggregator_run(oracle->aggregator, matrix, present, (vx_vecf){ update, d }, &report,
                          &err) != VX_OK)
        return false;
    for (size_t i = 0; i < model->states; i++)
        memcpy(vx_optimiser_state_at(oracle->optimiser, i).at, before->vectors[i],
               d * sizeof(float));
    if (vx_optimiser_step(oracle->optimiser, round, (vx_cvecf){ update, d },
                          (vx_vecf){ after.theta, d }) != VX_OK)
        return false;
    for (size_t i = 0; i < model->states; i++)
        memcpy(after.vectors[i], vx_optimiser_state_at(oracle->optimiser, i).at, d * sizeof(float));
    carry_momentum(model, rows, present, of_round, &after);
    *ret_after = after;
    return true;
}
