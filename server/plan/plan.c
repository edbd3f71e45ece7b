#include <vx_plan/plan.h>

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include <vx_base/limits.h>
#include <vx_place/place.h>

static vx_flag_scale flag_scale(vx_job_flag_scale scale)
{
    switch (scale) {
    case VX_JOB_FLAG_SCALE_SUBSPACE:
        return VX_FLAG_SCALE_SUBSPACE;
    case VX_JOB_FLAG_SCALE_COUNT:
        return VX_FLAG_SCALE_COUNT;
    case VX_JOB_FLAG_SCALE_MEDIAN_NORM:
        break;
    }
    return VX_FLAG_SCALE_MEDIAN_NORM;
}

static unsigned to_unsigned(uint64_t value)
{
    return value < UINT_MAX ? (unsigned)value : UINT_MAX;
}

static vx_flag_options flag_options(const vx_job_flag *flag)
{
    return (vx_flag_options){
        .subspace = flag->subspace,
        .iterations = to_unsigned(flag->iterations),
        .lambda = flag->lambda,
        .tolerance = flag->tolerance,
        .alpha = flag->alpha,
        .beta = flag->beta,
        .scale = flag_scale(flag->scale),
        .paper_loss = flag->loss == VX_JOB_FLAG_LOSS_PAPER,
        .raw = flag->direction == VX_JOB_FLAG_DIRECTION_RAW,
    };
}

/* More threads than memory can feed only wait for each other. */
static unsigned thread_count(uint64_t threads)
{
    uint32_t processors = vx_place_processors();

    if (threads > 0)
        return to_unsigned(threads);
    return processors < VX_PLAN_THREADS_MAX ? processors : VX_PLAN_THREADS_MAX;
}

static void take_rule_options(const vx_job_aggregation *aggregation, vx_aggregate_options *options)
{
    options->compat =
        aggregation->compat == VX_JOB_COMPAT_BYZFL ? VX_COMPAT_BYZFL : VX_COMPAT_PAPER;
    options->measure = aggregation->report == VX_JOB_REPORT_FULL;
    options->selected = aggregation->selected;
    options->geometric_nu = aggregation->nu;
    options->geometric_tolerance = aggregation->tolerance;
    options->geometric_iterations = to_unsigned(aggregation->iterations);
    options->tau = aggregation->tau;
    options->clip_iterations = to_unsigned(aggregation->clip_iterations);
    options->pivot = aggregation->pivot;
    options->aksel =
        aggregation->aksel == VX_JOB_AKSEL_TRUSTED ? VX_AKSEL_TRUSTED : VX_AKSEL_MIDDLE;
    options->clip_norm = aggregation->clip_norm;
    options->clip_quantile = aggregation->clip_quantile;
    options->bucket_size = aggregation->bucket_size;
    options->bucket_seed = aggregation->bucket_seed;
    options->exact_rows = aggregation->exact_rows;
    options->flag = flag_options(&aggregation->flag);
}

vx_aggregate_options vx_plan_aggregate_options(const vx_job *job, const char *pre[VX_PLAN_PRE_MAX])
{
    const vx_job_aggregation *aggregation = &job->aggregation;
    vx_aggregate_options options = vx_aggregate_options_default();

    options.pre_count =
        aggregation->pre_count < VX_PLAN_PRE_MAX ? aggregation->pre_count : VX_PLAN_PRE_MAX;
    for (size_t i = 0; i < options.pre_count; i++)
        pre[i] = vx_job_pre_name(aggregation->pre[i]);
    options.pre = pre;
    options.rule = vx_job_rule_name(aggregation->rule);
    options.byzantine = aggregation->byzantine;
    options.threads = thread_count(aggregation->threads);
    options.share = aggregation->share_count > 0 ? aggregation->share : NULL;
    take_rule_options(aggregation, &options);
    return options;
}

static vx_schedule_kind schedule_kind(vx_job_schedule_kind kind)
{
    switch (kind) {
    case VX_JOB_SCHEDULE_STEP:
        return VX_SCHEDULE_STEP;
    case VX_JOB_SCHEDULE_COSINE:
        return VX_SCHEDULE_COSINE;
    case VX_JOB_SCHEDULE_ONE_CYCLE:
        return VX_SCHEDULE_ONE_CYCLE;
    case VX_JOB_SCHEDULE_CONSTANT:
        break;
    }
    return VX_SCHEDULE_CONSTANT;
}

static vx_optimiser_kind optimiser_kind(vx_job_optimiser_kind kind)
{
    switch (kind) {
    case VX_JOB_OPTIMISER_HEAVY_BALL:
        return VX_OPTIMISER_HEAVY_BALL;
    case VX_JOB_OPTIMISER_NESTEROV:
        return VX_OPTIMISER_NESTEROV;
    case VX_JOB_OPTIMISER_ADAMW:
        return VX_OPTIMISER_ADAMW;
    case VX_JOB_OPTIMISER_SGD:
        break;
    }
    return VX_OPTIMISER_SGD;
}

vx_optimiser_options vx_plan_optimiser_options(const vx_job *job)
{
    const vx_job_optimiser *optimiser = &job->optimiser;
    const vx_job_schedule *schedule = &optimiser->schedule;

    return (vx_optimiser_options){
        .kind = optimiser_kind(optimiser->kind),
        .step_size = optimiser->step_size,
        .momentum = optimiser->momentum,
        .beta1 = optimiser->beta1,
        .beta2 = optimiser->beta2,
        .epsilon = optimiser->epsilon,
        .weight_decay = optimiser->weight_decay,
        .l1 = optimiser->l1,
        .schedule = { .kind = schedule_kind(schedule->kind),
                      .warmup = schedule->warmup,
                      .every = schedule->every,
                      .factor = schedule->factor,
                      .final_factor = schedule->final_factor,
                      .initial_divisor = schedule->initial_divisor,
                      .up_share = schedule->up_share,
                      .momentum_low = schedule->momentum_low,
                      .rounds = job->rounds },
    };
}

typedef struct key_of {
    const char *word, *key;
} key_of;

/* The key to blame: of the first word that the message holds. The last entry has no word. */
static const char *find_key(const key_of *keys, const char *message)
{
    while (keys->word != NULL && strstr(message, keys->word) == NULL)
        keys++;
    return keys->key;
}

enum { KEY_SIZE = 64 };

/* A value out of range is told by the name of its key. */
static const char *aggregation_key(const char *message, char key[KEY_SIZE])
{
    static const key_of keys[] = {
        { "bucketing by ", "bucket_size" },
        { " needs ", "byzantine" },
        { "pre-aggregator", "pre" },
        { "no rule", "rule" },
        { "share", "share" },
        { NULL, "byzantine" },
    };
    const char *name = find_key(keys, message);

    for (size_t i = 0; i < vx_aggregate_key_count(); i++) {
        vx_aggregate_key one = vx_aggregate_key_at(i);
        size_t size = strlen(one.name);

        if (strncmp(message, one.name, size) == 0 && strncmp(message + size, ": ", 2) == 0)
            name = one.name;
    }
    (void)snprintf(key, KEY_SIZE, "aggregation.%s", name);
    return key;
}

static vx_status create_aggregator(const vx_job *job, size_t rows, size_t dimension,
                                   vx_aggregator **ret_aggregator, vx_error *err)
{
    const char *pre[VX_PLAN_PRE_MAX];
    char key[KEY_SIZE];
    vx_error why = { 0 };
    vx_aggregate_options options;
    vx_status status = VX_OK;

    if (job->aggregation.pre_count > VX_PLAN_PRE_MAX)
        return vx_job_fail(job, "aggregation.pre", err, "expected at most %d names, found %u",
                           VX_PLAN_PRE_MAX, job->aggregation.pre_count);
    options = vx_plan_aggregate_options(job, pre);
    status = vx_aggregator_create(&options, rows, dimension, ret_aggregator, &why);
    if (status == VX_ERR_DOMAIN || status == VX_ERR_CONFIG)
        return vx_job_fail(job, aggregation_key(why.message, key), err, "%s", why.message);
    if (status != VX_OK && err != NULL)
        *err = why;
    return status;
}

vx_status vx_plan_aggregator_create(const vx_job *job, size_t dimension,
                                    vx_aggregator **ret_aggregator, vx_error *err)
{
    return create_aggregator(job, job->workers.max_workers, dimension, ret_aggregator, err);
}

/* A word that holds another stands before it. */
static const char *optimiser_key(const char *message)
{
    static const key_of keys[] = {
        { "l1 ", "optimiser.l1" },
        { "step_size", "optimiser.step_size" },
        { "momentum_low", "optimiser.schedule.momentum_low" },
        { "momentum", "optimiser.momentum" },
        { "beta1", "optimiser.beta1" },
        { "beta2", "optimiser.beta2" },
        { "epsilon", "optimiser.epsilon" },
        { "weight_decay", "optimiser.weight_decay" },
        { "final_factor", "optimiser.schedule.final_factor" },
        { "factor", "optimiser.schedule.factor" },
        { "every", "optimiser.schedule.every" },
        { "initial_divisor", "optimiser.schedule.initial_divisor" },
        { "up_share", "optimiser.schedule.up_share" },
        { "schedule", "optimiser.schedule.kind" },
        { NULL, "optimiser.kind" },
    };

    return find_key(keys, message);
}

static size_t find_exempt(const vx_plan_tensor *tensors, size_t count,
                          vx_optimiser_part ret_parts[VX_TENSORS_MAX])
{
    size_t offset = 0, found = 0;

    for (size_t i = 0; i < count; i++) {
        if (!tensors[i].is_weight)
            ret_parts[found++] = (vx_optimiser_part){ offset, tensors[i].numbers };
        offset += tensors[i].numbers;
    }
    return found;
}

vx_status vx_plan_optimiser_create(const vx_job *job, size_t dimension,
                                   const vx_plan_tensor *tensors, size_t count,
                                   vx_optimiser **ret_optimiser, vx_error *err)
{
    vx_optimiser_options options = vx_plan_optimiser_options(job);
    vx_optimiser_part exempt[VX_TENSORS_MAX];
    vx_error why = { 0 };
    vx_status status = VX_OK;

    if (count > VX_TENSORS_MAX)
        return vx_fail(err, VX_ERR_SHAPE, "%zu tensors: expected at most %d", count,
                       VX_TENSORS_MAX);
    options.exempt_count = find_exempt(tensors, count, exempt);
    options.exempt = exempt;
    status = vx_optimiser_create(&options, dimension, ret_optimiser, &why);
    if (status == VX_ERR_DOMAIN)
        return vx_job_fail(job, optimiser_key(why.message), err, "%s", why.message);
    if (status != VX_OK && err != NULL)
        *err = why;
    return status;
}

vx_status vx_plan_check(const vx_job *job, vx_error *err)
{
    vx_aggregator *aggregator = NULL;
    vx_optimiser *optimiser = NULL;
    vx_status status = create_aggregator(job, job->workers.count, 1, &aggregator, err);

    if (status == VX_OK)
        status = vx_plan_optimiser_create(job, 1, NULL, 0, &optimiser, err);
    vx_optimiser_destroy(optimiser);
    vx_aggregator_destroy(aggregator);
    return status;
}

size_t vx_plan_quorum(const vx_job *job, const vx_aggregator *aggregator)
{
    size_t rows_min = vx_aggregator_rows_min(aggregator);

    return job->workers.quorum > rows_min ? (size_t)job->workers.quorum : rows_min;
}

size_t vx_plan_least_workers(const vx_job *job, const vx_aggregator *aggregator)
{
    size_t quorum = vx_plan_quorum(job, aggregator);

    return job->workers.min_workers > quorum ? (size_t)job->workers.min_workers : quorum;
}
