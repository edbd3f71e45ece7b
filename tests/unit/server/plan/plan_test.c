#include <vx_test/check.h>

#include <stdio.h>
#include <string.h>

#include <vx_base/limits.h>
#include <vx_plan/plan.h>

/* workers.count stands in line 9, the next section begins in line 10. */
#define HEAD                                                                                       \
    "name: small\n"                                                                                \
    "rounds: 100\n"                                                                                \
    "data:\n"                                                                                      \
    "  train_features: a\n"                                                                        \
    "  train_labels: b\n"                                                                          \
    "  test_features: c\n"                                                                         \
    "  test_labels: d\n"                                                                           \
    "model: {family: linear}\n"                                                                    \
    "workers: {count: 8}\n"
#define OPTIMISER "optimiser: {step_size: 0.1}\n"

static vx_job *parse(const char *text)
{
    vx_job *job = NULL;
    vx_error err = { 0 };

    vx_assert_ok(vx_job_parse((vx_cbytes){ (const uint8_t *)text, strlen(text) }, "job.yaml",
                              "/run/job", NULL, 0, &job, &err),
                 &err);
    return job;
}

static void check_fails(const char *text, const char *message)
{
    vx_job *job = parse(text);
    vx_error err = { 0 };

    vx_assert_status(vx_plan_check(job, &err), VX_ERR_CONFIG, &err);
    assert_string_equal(err.message, message);
    vx_job_destroy(job);
}

static void a_job_that_fits_its_rule_passes(void **state)
{
    vx_job *job = parse(HEAD OPTIMISER "aggregation: {rule: krum, byzantine: 2, pre: [nnm]}\n");
    vx_error err = { 0 };

    (void)state;
    vx_assert_ok(vx_plan_check(job, &err), &err);
    vx_job_destroy(job);
}

static void too_many_byzantine_workers_are_told_with_file_line_and_key(void **state)
{
    (void)state;
    check_fails(HEAD "aggregation:\n"
                     "  rule: krum\n"
                     "  byzantine: 3\n" OPTIMISER,
                "job.yaml:12: aggregation.byzantine: krum needs n >= 2f + 3: n = 8, f = 3");
    check_fails(HEAD "aggregation: {byzantine: 4}\n" OPTIMISER,
                "job.yaml:10: aggregation.byzantine: flag needs n >= 2f + 1: n = 8, f = 4");
    check_fails(HEAD "aggregation:\n"
                     "  byzantine: 2\n"
                     "  bucket_size: 3\n"
                     "  pre: [bucketing]\n" OPTIMISER,
                "job.yaml:12: aggregation.bucket_size: bucketing by 3 leaves 3 of n = 8 rows, flag "
                "behind it needs n >= 2f + 1: f = 2; n >= 13 is enough");
}

static void an_override_is_named_in_place_of_the_line(void **state)
{
    static const char *const overrides[] = { "aggregation.rule=krum", "aggregation.byzantine=3" };
    static const char text[] = HEAD OPTIMISER;
    vx_job *job = NULL;
    vx_error err = { 0 };

    (void)state;
    vx_assert_ok(vx_job_parse((vx_cbytes){ (const uint8_t *)text, sizeof(text) - 1 }, "job.yaml",
                              "/run/job", overrides, 2, &job, &err),
                 &err);
    vx_assert_status(vx_plan_check(job, &err), VX_ERR_CONFIG, &err);
    assert_string_equal(err.message, "--set aggregation.byzantine=3: aggregation.byzantine: krum "
                                     "needs n >= 2f + 3: n = 8, f = 3");
    vx_job_destroy(job);
}

/* The loader refuses such values itself; here they are put in behind its back. */
static void a_chain_that_is_too_long_is_refused(void **state)
{
    vx_job *job = parse(HEAD OPTIMISER "aggregation:\n"
                                       "  pre: [nnm]\n");
    vx_error err = { 0 };

    (void)state;
    job->aggregation.pre_count = 9;
    vx_assert_status(vx_plan_check(job, &err), VX_ERR_CONFIG, &err);
    assert_string_equal(err.message,
                        "job.yaml:12: aggregation.pre: expected at most 8 names, found 9");
    vx_job_destroy(job);
}

static void an_optimiser_option_out_of_range_names_its_key(void **state)
{
    vx_job *job = parse(HEAD "optimiser:\n"
                             "  kind: adamw\n"
                             "  step_size: 0.1\n"
                             "  beta1: 0.5\n"
                             "  schedule: {kind: cosine, final_factor: 0.5}\n");
    vx_optimiser *optimiser = NULL;
    vx_error err = { 0 };

    (void)state;
    job->optimiser.beta1 = 2.0;
    vx_assert_status(vx_plan_optimiser_create(job, 1, NULL, 0, &optimiser, &err), VX_ERR_CONFIG,
                     &err);
    assert_string_equal(err.message, "job.yaml:13: optimiser.beta1: beta1 2 must be in [0, 1)");
    job->optimiser.beta1 = 0.5;
    job->optimiser.schedule.final_factor = 3.0;
    vx_assert_status(vx_plan_optimiser_create(job, 1, NULL, 0, &optimiser, &err), VX_ERR_CONFIG,
                     &err);
    assert_string_equal(err.message, "job.yaml:14: optimiser.schedule.final_factor: schedule: "
                                     "final_factor 3 must be in 0..1");
    assert_null(optimiser);
    vx_job_destroy(job);
}

static void l1_with_adamw_is_refused_before_the_data_is_read(void **state)
{
    (void)state;
    check_fails(HEAD "optimiser:\n"
                     "  kind: adamw\n"
                     "  step_size: 0.1\n"
                     "  l1: 0.5\n",
                "job.yaml:13: optimiser.l1: l1 0.5 must be 0 with adamw: it divides the gradient "
                "by another number in each coordinate, so a threshold would not minimise the loss "
                "with l1; use sgd, heavy_ball or nesterov");
}

static void l1_holds_for_weights_alone(void **state)
{
    static const vx_plan_tensor tensors[] = {
        { 2, true }, { 1, false }, { 1, true }, { 2, false }, { 1, true },
    };
    static const float after[] = { 0, 0, 1, 0, 1, 1, 0 };
    vx_job *job = parse(HEAD "optimiser: {step_size: 1, l1: 1}\n");
    vx_optimiser *optimiser = NULL;
    vx_error err = { 0 };
    float theta[7] = { 1, 1, 1, 1, 1, 1, 1 }, update[7] = { 0 };

    (void)state;
    vx_assert_ok(vx_plan_optimiser_create(job, 7, tensors, 5, &optimiser, &err), &err);
    vx_assert_ok(vx_optimiser_step(optimiser, 0, (vx_cvecf){ update, 7 }, (vx_vecf){ theta, 7 }),
                 NULL);
    assert_memory_equal(theta, after, sizeof(after));
    vx_optimiser_destroy(optimiser);
    vx_job_destroy(job);
}

static void tensors_that_do_not_fit_the_parameters_are_refused(void **state)
{
    static const vx_plan_tensor bias = { 2, false };
    vx_job *job = parse(HEAD OPTIMISER);
    vx_optimiser *optimiser = NULL;

    (void)state;
    vx_assert_status(vx_plan_optimiser_create(job, 1, &bias, 1, &optimiser, NULL), VX_ERR_SHAPE,
                     NULL);
    vx_assert_status(vx_plan_optimiser_create(job, 1, &bias, VX_TENSORS_MAX + 1, &optimiser, NULL),
                     VX_ERR_SHAPE, NULL);
    assert_null(optimiser);
    vx_job_destroy(job);
}

static void aggregation_options_say_what_the_job_says(void **state)
{
    vx_job *job =
        parse(HEAD OPTIMISER "aggregation:\n"
                             "  rule: multi_krum\n"
                             "  pre: [nnm]\n"
                             "  byzantine: 2\n"
                             "  selected: 3\n"
                             "  nu: 0.001\n"
                             "  tolerance: 0.01\n"
                             "  iterations: 7\n"
                             "  share: [1, 2, 3, 4, 5, 6, 7, 8.5]\n"
                             "  threads: 3\n"
                             "  compat: byzfl\n"
                             "  report: weights\n"
                             "  tau: 0.5\n"
                             "  clip_iterations: 4\n"
                             "  pivot: 6\n"
                             "  aksel: trusted\n"
                             "  clip_norm: 3\n"
                             "  clip_quantile: 0.75\n"
                             "  bucket_size: 5\n"
                             "  bucket_seed: 9\n"
                             "  exact_rows: 11\n"
                             "  flag: {subspace: 4, iterations: 5, lambda: 0.5, tolerance: 0.25,"
                             " alpha: 1.5, beta: 0.25, scale: count, loss: paper,"
                             " direction: raw}\n");
    const char *pre[VX_PLAN_PRE_MAX];
    vx_aggregate_options options = vx_plan_aggregate_options(job, pre);

    (void)state;
    assert_string_equal(options.rule, "multi_krum");
    assert_int_equal(options.pre_count, 1);
    assert_string_equal(options.pre[0], "nnm");
    assert_int_equal(options.byzantine, 2);
    assert_int_equal(options.selected, 3);
    vx_assert_close(options.geometric_nu, 0.001, 0, 0);
    vx_assert_close(options.geometric_tolerance, 0.01, 0, 0);
    assert_int_equal(options.geometric_iterations, 7);
    assert_int_equal(options.flag.subspace, 4);
    assert_int_equal(options.flag.iterations, 5);
    vx_assert_close(options.flag.lambda, 0.5, 0, 0);
    vx_assert_close(options.flag.tolerance, 0.25, 0, 0);
    assert_int_equal(options.flag.scale, VX_FLAG_SCALE_COUNT);
    assert_true(options.flag.paper_loss);
    assert_true(options.flag.raw);
    vx_assert_close(options.flag.alpha, 1.5, 0, 0);
    vx_assert_close(options.flag.beta, 0.25, 0, 0);
    vx_assert_close(options.share[7], 8.5, 0, 0);
    assert_int_equal(options.threads, 3);
    assert_int_equal(options.compat, VX_COMPAT_BYZFL);
    assert_false(options.measure);
    vx_assert_close(options.tau, 0.5, 0, 0);
    assert_int_equal(options.clip_iterations, 4);
    assert_int_equal(options.pivot, 6);
    assert_int_equal(options.aksel, VX_AKSEL_TRUSTED);
    vx_assert_close(options.clip_norm, 3, 0, 0);
    vx_assert_close(options.clip_quantile, 0.75, 0, 0);
    assert_int_equal(options.bucket_size, 5);
    assert_int_equal(options.bucket_seed, 9);
    assert_int_equal(options.exact_rows, 11);
    vx_job_destroy(job);
}

static void without_a_number_of_threads_there_are_at_most_eight(void **state)
{
    vx_job *job = parse(HEAD OPTIMISER);
    const char *pre[VX_PLAN_PRE_MAX];
    vx_aggregate_options options = vx_plan_aggregate_options(job, pre);

    (void)state;
    assert_in_range(options.threads, 1, VX_PLAN_THREADS_MAX);
    assert_null(options.share);
    vx_job_destroy(job);
}

static void a_value_out_of_range_names_its_key(void **state)
{
    (void)state;
    check_fails(HEAD OPTIMISER "aggregation:\n"
                               "  tau: 1e301\n",
                "job.yaml:12: aggregation.tau: tau: expected above 0, found 1e+301");
    check_fails(HEAD OPTIMISER "aggregation:\n"
                               "  flag:\n"
                               "    lambda: 1e7\n",
                "job.yaml:13: aggregation.flag.lambda: flag.lambda: expected 0 .. 1e6, found "
                "1e+07");
}

/* Keys of the job that are no key of a rule. */
static bool is_of_the_job_alone(const char *key)
{
    static const char *const keys[] = { "rule", "pre", "byzantine", "share" };

    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
        if (strcmp(keys[i], key) == 0)
            return true;
    return false;
}

static void expect_rule_key(const char *key, void *context)
{
    size_t *found = context;
    bool known = false;

    if (strncmp(key, "aggregation.", 12) != 0 || is_of_the_job_alone(key + 12))
        return;
    (*found)++;
    for (size_t i = 0; i < vx_aggregate_key_count(); i++)
        known |= strcmp(vx_aggregate_key_at(i).name, key + 12) == 0;
    if (!known)
        fail_msg("no rule has a key %s", key + 12);
}

static void the_job_file_has_the_keys_of_the_rules(void **state)
{
    size_t found = 0;

    (void)state;
    vx_job_keys(expect_rule_key, &found);
    assert_int_equal(found, vx_aggregate_key_count());
}

static void check_standard(const vx_aggregate_options *options, const char *whose)
{
    for (size_t i = 0; i < vx_aggregate_key_count(); i++) {
        vx_aggregate_key key = vx_aggregate_key_at(i);
        vx_aggregate_options set;
        vx_error err = { 0 };

        memcpy(&set, options, sizeof(set)); /* the gaps between members too */
        vx_assert_ok(vx_aggregate_set(&set, key.name, key.standard, &err), &err);
        if (memcmp(&set, options, sizeof(set)) != 0)
            fail_msg("%s: the default of %s is not %s", whose, key.name, key.standard);
    }
}

static void job_command_and_library_have_the_same_defaults(void **state)
{
    vx_job *job = parse(HEAD OPTIMISER);
    const char *pre[VX_PLAN_PRE_MAX];
    vx_aggregate_options here = vx_aggregate_options_default();
    vx_aggregate_options of_job = vx_plan_aggregate_options(job, pre);

    (void)state;
    assert_string_equal(of_job.rule, here.rule);
    assert_int_equal(of_job.byzantine, here.byzantine);
    assert_int_equal(of_job.pre_count, here.pre_count);
    of_job.threads = here.threads;    /* a job leaves them to the server's host, on purpose */
    here.rule = of_job.rule = "mean"; /* "tolerance" is then no key of the flag rules */
    /* Not set is the standard value, or ByzFL's: the engine's tests hold it to both. */
    assert_true(here.geometric_nu == VX_AGGREGATE_NOT_SET);
    assert_int_equal(here.geometric_iterations, 0);
    here.geometric_nu = of_job.geometric_nu;
    here.geometric_iterations = of_job.geometric_iterations;
    check_standard(&here, "library");
    check_standard(&of_job, "job");
    vx_job_destroy(job);
}

static void check_border(const char *key, const char *value)
{
    static const char text[] = HEAD OPTIMISER;
    char override[96];
    const char *overrides[] = { "workers.count=1024", override };
    vx_job *job = NULL;
    vx_error err = { 0 };

    (void)snprintf(override, sizeof(override), "aggregation.%s=%s", key, value);
    vx_assert_ok(vx_job_parse((vx_cbytes){ (const uint8_t *)text, sizeof(text) - 1 }, "job.yaml",
                              "/run/job", overrides, 2, &job, &err),
                 &err);
    vx_job_destroy(job);
}

static void a_job_takes_what_the_rules_take(void **state)
{
    size_t borders = 0;

    (void)state;
    for (size_t i = 0; i < vx_aggregate_key_count(); i++) {
        vx_aggregate_key key = vx_aggregate_key_at(i);
        char range[64], *high;

        (void)snprintf(range, sizeof(range), "%s", key.range);
        high = strstr(range, " .. ");
        if (high == NULL)
            continue;
        *high = '\0';
        high = strchr(high + 4, '^') != NULL ? range : high + 4; /* 2^64 - 1 is no number here */
        check_border(key.name, range);
        check_border(key.name, high);
        borders++;
    }
    assert_true(borders >= 10);
}

/* Of two lists of names that hold each other, the job's by number. */
static void the_job_file_names_the_rules_and_pre_aggregators_that_there_are(void **state)
{
    size_t named = 0;

    (void)state;
    for (int i = 0; strcmp(vx_job_rule_name((vx_job_rule)i), "?") != 0; i++, named++)
        if (!vx_rule_find(vx_job_rule_name((vx_job_rule)i), NULL))
            fail_msg("there is no rule %s", vx_job_rule_name((vx_job_rule)i));
    assert_int_equal(named, vx_rule_count());
    named = 0;
    for (int i = 0; strcmp(vx_job_pre_name((vx_job_pre)i), "?") != 0; i++, named++)
        if (!vx_pre_find(vx_job_pre_name((vx_job_pre)i)))
            fail_msg("there is no pre-aggregator %s", vx_job_pre_name((vx_job_pre)i));
    assert_int_equal(named, vx_pre_count());
}

static void optimiser_options_say_what_the_job_says(void **state)
{
    vx_job *job = parse(HEAD "optimiser:\n"
                             "  kind: nesterov\n"
                             "  step_size: 0.2\n"
                             "  momentum: 0.8\n"
                             "  weight_decay: 0.01\n"
                             "  l1: 0.001\n"
                             "  schedule: {kind: one_cycle, warmup: 3, final_factor: 0.125,"
                             " initial_divisor: 10, up_share: 0.4, momentum_low: 0.7}\n");
    vx_optimiser_options options = vx_plan_optimiser_options(job);

    (void)state;
    assert_int_equal(options.kind, VX_OPTIMISER_NESTEROV);
    vx_assert_close(options.step_size, 0.2, 0, 0);
    vx_assert_close(options.momentum, 0.8, 0, 0);
    vx_assert_close(options.weight_decay, 0.01, 0, 0);
    vx_assert_close(options.l1, 0.001, 0, 0);
    assert_int_equal(options.schedule.kind, VX_SCHEDULE_ONE_CYCLE);
    assert_int_equal(options.schedule.warmup, 3);
    vx_assert_close(options.schedule.final_factor, 0.125, 0, 0);
    vx_assert_close(options.schedule.initial_divisor, 10, 0, 0);
    vx_assert_close(options.schedule.up_share, 0.4, 0, 0);
    vx_assert_close(options.schedule.momentum_low, 0.7, 0, 0);
    assert_int_equal(options.schedule.rounds, 100);
    vx_job_destroy(job);
}

static void every_kind_of_the_job_file_is_known_to_its_room(void **state)
{
    static const char *const optimisers[] = { "sgd", "heavy_ball", "nesterov", "adamw" };
    static const char *const schedules[] = { "constant", "cosine", "one_cycle", "step, every: 5" };
    size_t rules = vx_rule_count();
    char text[1024];

    (void)state;
    for (size_t i = 0; i < rules + vx_pre_count(); i++) {
        vx_job *job = NULL;
        vx_error err = { 0 };

        (void)snprintf(text, sizeof(text),
                       HEAD "optimiser: {step_size: 0.1, kind: %s, schedule: {kind: %s}}\n"
                            "aggregation: {rule: %s, byzantine: 1, pre: [%s]}\n",
                       optimisers[i % 4], schedules[i / 4 % 4],
                       i < rules ? vx_rule_at(i).name : "mean",
                       i < rules ? "" : vx_pre_at(i - rules).name);
        job = parse(text);
        vx_assert_ok(vx_plan_check(job, &err), &err);
        vx_job_destroy(job);
    }
}

static void the_quorum_is_never_below_what_the_rule_needs(void **state)
{
    vx_job *job = parse(HEAD OPTIMISER "aggregation: {rule: krum, byzantine: 2}\n");
    vx_aggregator *aggregator = NULL;
    vx_error err = { 0 };

    (void)state;
    vx_assert_ok(vx_plan_aggregator_create(job, 3, &aggregator, &err), &err);
    assert_int_equal(job->workers.quorum, 6);             /* n - f */
    assert_int_equal(vx_plan_quorum(job, aggregator), 7); /* 2f + 3 */
    assert_int_equal(vx_plan_least_workers(job, aggregator), 7);
    job->workers.min_workers = 8;
    assert_int_equal(vx_plan_least_workers(job, aggregator), 8);
    job->workers.quorum = 8;
    assert_int_equal(vx_plan_quorum(job, aggregator), 8);
    vx_aggregator_destroy(aggregator);
    vx_job_destroy(job);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_job_that_fits_its_rule_passes),
        cmocka_unit_test(too_many_byzantine_workers_are_told_with_file_line_and_key),
        cmocka_unit_test(an_override_is_named_in_place_of_the_line),
        cmocka_unit_test(a_chain_that_is_too_long_is_refused),
        cmocka_unit_test(an_optimiser_option_out_of_range_names_its_key),
        cmocka_unit_test(l1_with_adamw_is_refused_before_the_data_is_read),
        cmocka_unit_test(l1_holds_for_weights_alone),
        cmocka_unit_test(tensors_that_do_not_fit_the_parameters_are_refused),
        cmocka_unit_test(aggregation_options_say_what_the_job_says),
        cmocka_unit_test(without_a_number_of_threads_there_are_at_most_eight),
        cmocka_unit_test(a_value_out_of_range_names_its_key),
        cmocka_unit_test(the_job_file_has_the_keys_of_the_rules),
        cmocka_unit_test(job_command_and_library_have_the_same_defaults),
        cmocka_unit_test(a_job_takes_what_the_rules_take),
        cmocka_unit_test(the_job_file_names_the_rules_and_pre_aggregators_that_there_are),
        cmocka_unit_test(optimiser_options_say_what_the_job_says),
        cmocka_unit_test(every_kind_of_the_job_file_is_known_to_its_room),
        cmocka_unit_test(the_quorum_is_never_below_what_the_rule_needs),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
