#include "job_text.h"

#include <float.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <vx_base/alloc.h>
#include <vx_base/file.h>

static vx_job *must_parse(const char *text)
{
    vx_job *job = NULL;
    vx_error err = { 0 };

    vx_assert_ok(parse_job(text, &job, &err), &err);
    assert_non_null(job);
    return job;
}

static void missing_keys_get_their_defaults(void **state)
{
    vx_job *job = must_parse(JOB_SMALL);
    (void)state;

    assert_string_equal(job->name, "small");
    assert_int_equal(job->seed, 1);
    assert_int_equal(job->rounds, 100);
    assert_int_equal(job->data.format, VX_JOB_FORMAT_IDX);
    assert_int_equal(job->data.classes, 0);
    vx_assert_close(job->data.mean, 0, 0, 0);
    vx_assert_close(job->data.deviation, 1, 0, 0);
    assert_int_equal(job->data.shard, VX_JOB_SHARD_IID);
    vx_assert_close(job->data.alpha, 0.5, 0, 0);
    assert_int_equal(job->data.batch, 64);
    assert_string_equal(job->data.reference, "");
    assert_true(job->data.csv.header);
    assert_string_equal(job->data.csv.delimiter, ",");
    assert_string_equal(job->data.csv.target, "");
    assert_int_equal(job->data.csv.ignore_count, 0);
    assert_int_equal(job->data.csv.missing, VX_JOB_MISSING_REFUSE);
    assert_int_equal(job->data.svmlight.first, 1);
    vx_assert_close(job->data.gamma, 0.5, 0, 0);
    assert_int_equal(job->data.files_count, 0);
    assert_int_equal(job->data.augment_count, 0);
    assert_int_equal(job->model.widths_count, 0);
    assert_int_equal(job->model.likelihood, VX_JOB_LIKELIHOOD_CATEGORICAL);
    assert_int_equal(job->model.columns.kind, VX_JOB_COLUMNS_ONE);
    assert_int_equal(job->model.columns.count, 1);
    assert_int_equal(job->model.loss.kind, VX_JOB_LOSS_NLL);
    vx_assert_close(job->model.l2, 0, 0, 0);
    vx_assert_close(job->model.variance, 1, 0, 0);
    assert_string_equal(job->model.plugin, "");
    assert_int_equal(job->evaluation.bins, 15);
    assert_int_equal(job->evaluation.bootstrap, 0);
    assert_int_equal(job->workers.max_restarts, 10);
    vx_assert_close(job->workers.deadline_s, 60, 0, 0);
    assert_int_equal(job->workers.deadline, VX_JOB_DEADLINE_FIXED);
    vx_assert_close(job->workers.deadline_least_s, 0.1, 0, 0);
    vx_assert_close(job->workers.deadline_spread, 8, 0, 0);
    assert_int_equal(job->workers.backup, 0);
    assert_int_equal(job->workers.staleness, 0);
    assert_int_equal(job->workers.max_workers, 4);
    assert_int_equal(job->workers.min_workers, 4);
    assert_int_equal(job->workers.ranks, 1);
    assert_int_equal(job->workers.blocks, 1);
    vx_assert_close(job->workers.shard_timeout_s, 0, 0, 0);
    assert_int_equal(job->checkpoint.durability, VX_JOB_DURABILITY_AUTO);
    assert_int_equal(job->checkpoint.on_disk_full, VX_JOB_ON_DISK_FULL_STOP);
    assert_int_equal(job->aggregation.rule, VX_JOB_RULE_FLAG);
    assert_int_equal(job->aggregation.pre_count, 0);
    vx_assert_close(job->aggregation.flag.tolerance, 1e-10, 0, 0);
    assert_int_equal(job->aggregation.flag.scale, VX_JOB_FLAG_SCALE_MEDIAN_NORM);
    assert_int_equal(job->optimiser.kind, VX_JOB_OPTIMISER_SGD);
    vx_assert_close(job->optimiser.epsilon, 1e-8, 0, 0);
    vx_assert_close(job->optimiser.l1, 0, 0, 0);
    vx_assert_close(job->optimiser.schedule.up_share, 0.3, 0, 0);
    assert_int_equal(job->checkpoint.keep, 3);
    assert_int_equal(job->checkpoint.keep_every, 0);
    assert_int_equal(job->faults_count, 0);
    assert_false(job->allow_fault_injection);
    assert_int_equal(job->limits.connections, 64);
    assert_int_equal(job->limits.log_level, VX_LOG_INFO);
    assert_null(vx_job_destroy(job));
}

static void some_defaults_depend_on_other_keys(void **state)
{
    static const struct {
        const char *aggregation;
        uint64_t quorum;
        double momentum;
    } cases[] = {
        { "aggregation: {rule: flag}\n", 4, 0.9 },
        { "aggregation: {rule: mean}\n", 4, 0 },
        { "aggregation: {rule: median, byzantine: 1}\n", 3, 0.9 },
        { "aggregation: {byzantine: 3}\n", 1, 0.9 },
    };
    (void)state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[1024];
        vx_job *job = NULL;

        (void)snprintf(text, sizeof(text), JOB_SMALL "%s", cases[i].aggregation);
        job = must_parse(text);
        assert_int_equal(job->workers.quorum, cases[i].quorum);
        assert_int_equal(job->workers.min_workers, cases[i].quorum);
        vx_assert_close(job->workers.momentum, cases[i].momentum, 0, 0);
        vx_job_destroy(job);
    }
}

static void byzfl_has_its_own_nu_and_iterations(void **state)
{
    static const struct {
        const char *aggregation;
        double nu;
        uint64_t iterations;
    } cases[] = {
        { "aggregation: {rule: geometric_median}\n", 1e-6, 1000 },
        { "aggregation: {rule: geometric_median, compat: byzfl}\n", 0.1, 3 },
        { "aggregation: {rule: geometric_median, compat: byzfl, nu: 0.5, iterations: 9}\n", 0.5,
          9 },
    };
    (void)state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[1024];
        vx_job *job = NULL;

        (void)snprintf(text, sizeof(text), JOB_SMALL "%s", cases[i].aggregation);
        job = must_parse(text);
        vx_assert_close(job->aggregation.nu, cases[i].nu, 0, 0);
        assert_int_equal(job->aggregation.iterations, cases[i].iterations);
        vx_job_destroy(job);
    }
}

static void a_batch_has_as_many_blocks_as_a_worker_has_ranks(void **state)
{
    vx_job *job = must_parse(JOB_HEAD JOB_MODEL JOB_OPTIMISER "workers: {count: 4, ranks: 3}\n");

    (void)state;
    assert_int_equal(job->workers.blocks, 3);
    vx_job_destroy(job);
    job = must_parse(JOB_HEAD JOB_MODEL JOB_OPTIMISER "workers: {count: 4, ranks: 2, blocks: 8}\n");
    assert_int_equal(job->workers.ranks, 2);
    assert_int_equal(job->workers.blocks, 8);
    vx_job_destroy(job);
}

static void a_given_value_is_not_replaced_by_a_derived_one(void **state)
{
    vx_job *job = must_parse(
        JOB_HEAD JOB_MODEL JOB_OPTIMISER
        "workers: {count: 4, quorum: 1, min_workers: 2, max_workers: 9, momentum: 0.5}\n"
        "allow_fault_injection: true\n"
        "faults: [{slots: [0], kind: zero, to_round: 7}, {slots: [3, 1], kind: crash}]\n");
    (void)state;

    assert_int_equal(job->workers.quorum, 1);
    assert_int_equal(job->workers.min_workers, 2);
    assert_int_equal(job->workers.max_workers, 9);
    vx_assert_close(job->workers.momentum, 0.5, 0, 0);
    assert_int_equal(job->faults_count, 2);
    assert_int_equal(job->faults[0].to_round, 7);
    assert_int_equal(job->faults[1].to_round, 99);
    assert_int_equal(job->faults[1].slots_count, 2);
    assert_int_equal(job->faults[1].slots[0], 3);
    assert_int_equal(job->faults[1].kind, VX_JOB_FAULT_CRASH);
    vx_job_destroy(job);
}

static void paths_become_absolute(void **state)
{
    vx_job *job = must_parse(JOB_SMALL);
    (void)state;

    assert_string_equal(job->data.train_features, "/run/job/a");
    assert_string_equal(job->data.train_labels, "/b");
    assert_string_equal(job->data.test_features, "/run/job/sub/c");
    vx_job_destroy(job);
}

static void a_file_is_read_and_paths_start_at_its_folder(void **state)
{
    char *folder = vx_test_folder_create();
    char *real = realpath(folder, NULL);
    char *path = vx_format("%s/job.yaml", folder);
    char *expected = vx_format("%s/a", real);
    vx_job *job = NULL;
    vx_error err = { 0 };
    (void)state;

    vx_assert_status(vx_job_load(path, NULL, 0, &job, &err), VX_ERR_NOT_FOUND, &err);
    vx_assert_ok(vx_file_replace(path,
                                 (vx_cbytes){ (const uint8_t *)JOB_SMALL, sizeof(JOB_SMALL) - 1 },
                                 0644, &err),
                 &err);
    vx_assert_ok(vx_job_load(path, NULL, 0, &job, &err), &err);
    assert_string_equal(job->data.train_features, expected);
    vx_job_destroy(job);
    vx_free(expected);
    vx_free(path);
    free(real);
    vx_test_folder_remove(folder);
}

static void a_text_over_the_limit_is_refused(void **state)
{
    static char text[VX_JOB_TEXT_MAX + 2];
    vx_job *job = NULL;
    vx_error err = { 0 };
    (void)state;

    memset(text, '\n', sizeof(text) - 1);
    memcpy(text, JOB_SMALL, sizeof(JOB_SMALL) - 1);
    vx_assert_status(parse_job(text, &job, &err), VX_ERR_CONFIG, &err);
    assert_string_equal(err.message, "job.yaml: 61441 bytes, at most 61440");
    text[sizeof(text) - 2] = '\0';
    vx_assert_ok(parse_job(text, &job, &err), &err);
    vx_job_destroy(job);
}

/* A short file can say much: 256 faults take more with all their keys. */
static void a_job_whose_full_form_is_over_the_limit_is_refused(void **state)
{
    char *text = vx_calloc(1, VX_JOB_TEXT_MAX);
    size_t size = 0;
    vx_job *job = NULL;
    vx_error err = { 0 };
    (void)state;

    size = (size_t)sprintf(text, "%s", JOB_SMALL "allow_fault_injection: true\nfaults:\n");
    for (int i = 0; i < 256; i++) {
        size += (size_t)sprintf(text + size, " - {kind: zero, slots: [0");
        for (int j = 0; j < 85; j++)
            size += (size_t)sprintf(text + size, ",1");
        size += (size_t)sprintf(text + size, "]}\n");
    }
    assert_true(size < VX_JOB_TEXT_MAX);
    vx_assert_status(parse_job(text, &job, &err), VX_ERR_CONFIG, &err);
    assert_non_null(strstr(err.message, "with all defaults"));
    vx_free(text);
}

static const char full_job[] =
    "name: full-1\n"
    "seed: 18446744073709551615\n"
    "rounds: 281474976710656\n"
    "data:\n"
    "  train_features: \"/data/with \\\"quotes\\\" \\\\ and ~ #1\"\n"
    "  train_labels: '/data/{brackets}: [and], colon'\n"
    "  test_features: /d\xc3\xa4ten/\xe6\x95\xb0\xe6\x8d\xae/\xf0\x9f\x98\x80\n"
    "  test_labels: \"true\"\n"
    "  classes: 1000000\n"
    "  mean: 0.28604059698879547\n"
    "  deviation: 2.2250738585072014e-8\n"
    "  shard: dirichlet\n"
    "  alpha: 1e-3\n"
    "  batch: 1\n"
    "model: {family: mlp, widths: [1, 1000000], activation: gelu}\n"
    "workers: {count: 1024, quorum: 5, deadline_s: 1e9, clip_norm: 1.7976931348623157e308,\n"
    "  heartbeat_s: 0.1, heartbeat_timeout_s: 0.30000000000000004, blas_threads: 2}\n"
    "aggregation:\n"
    "  rule: multi_krum\n"
    "  pre: [nnm, clipping, nnm]\n"
    "  byzantine: 1023\n"
    "  compat: byzfl\n"
    "  bucket_seed: 18446744073709551615\n"
    "  clip_quantile: 0.1\n"
    "  selected: 3\n"
    "  flag: {subspace: 2, lambda: 0.1, scale: count, loss: paper, direction: raw}\n"
    "optimiser:\n"
    "  kind: adamw\n"
    "  step_size: +.5e-1\n"
    "  schedule: {kind: one_cycle, warmup: 5, up_share: 0.25}\n"
    "checkpoint: {every: 0, keep: 1, keep_every: 281474976710656}\n"
    "evaluation: {every: 3, batch: 2}\n"
    "faults:\n"
    "- {slots: [0, 1023], kind: infinity, scale: -0.0}\n"
    "- slots:\n"
    "  - 4\n"
    "  kind: delay\n"
    "  scale: -1.5\n"
    "  from_round: 3\n"
    "  to_round: 3\n"
    "allow_fault_injection: true\n"
    "limits: {connections: 1, memory_mib: 64, handshake_s: 0.001, log_level: error}\n";

static vx_digest digest_of(const vx_job *job)
{
    vx_digest digest = { { 0 } };

    vx_assert_ok(vx_job_digest(job, &digest), NULL);
    return digest;
}

static void jobs_that_differ_in_ranks_alone_have_one_digest(void **state)
{
    static const char *const workers[] = { "{count: 4, blocks: 4}",
                                           "{count: 4, blocks: 4, ranks: 4}",
                                           "{count: 4, blocks: 2, ranks: 2}" };
    vx_digest digests[3];

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        char text[2000];
        vx_job *job = NULL;

        snprintf(text, sizeof(text), "%sworkers: %s\n", JOB_HEAD JOB_MODEL JOB_OPTIMISER,
                 workers[i]);
        job = must_parse(text);
        digests[i] = digest_of(job);
        vx_job_destroy(job);
    }
    assert_true(vx_digest_equal(digests[0], digests[1]));
    assert_false(vx_digest_equal(digests[0], digests[2]));
}

static void expect_the_same_job(const vx_job *job, vx_bytes text)
{
    vx_job *again = NULL;
    vx_error err = { 0 };

    assert_int_equal(text.at[text.size], '\0');
    vx_assert_ok(parse_job((const char *)text.at, &again, &err), &err);
    assert_true(vx_digest_equal(digest_of(job), digest_of(again)));
    assert_int_equal(again->workers.ranks, job->workers.ranks); /* which is not in it */
    vx_job_destroy(again);
    vx_free(text.at);
}

static void every_printed_form_reads_back_as_the_same_job(void **state)
{
    static const char *const texts[] = { JOB_SMALL, full_job };
    (void)state;

    for (size_t i = 0; i < 2; i++) {
        vx_job *job = must_parse(texts[i]);
        vx_bytes text = { NULL, 0 };

        vx_assert_ok(vx_job_print_yaml(job, &text), NULL);
        expect_the_same_job(job, text);
        vx_assert_ok(vx_job_print_json(job, true, &text), NULL);
        expect_the_same_job(job, text);
        vx_assert_ok(vx_job_print_json(job, false, &text), NULL);
        expect_the_same_job(job, text);
        vx_job_destroy(job);
    }
}

static void shares_of_slots_survive_with_all_their_bits(void **state)
{
    vx_job *job =
        must_parse(JOB_SMALL "aggregation: {share: [0.1, 1e18, 2.2250738585072014e-308, 3]}\n");
    vx_bytes text = { NULL, 0 };
    (void)state;

    assert_int_equal(job->aggregation.share_count, 4);
    assert_true(job->aggregation.share[0] == 0.1);
    assert_true(job->aggregation.share[1] == 1e18);
    assert_true(job->aggregation.share[2] == DBL_MIN);
    vx_assert_ok(vx_job_print_yaml(job, &text), NULL);
    expect_the_same_job(job, text);
    vx_job_destroy(job);
}

static void expect_mode(const char *mode, uint64_t iterations, vx_job_flag_scale scale,
                        vx_job_flag_loss loss, vx_job_flag_direction direction)
{
    char text[2048];
    vx_job *job = NULL;
    vx_bytes printed = { NULL, 0 };

    (void)snprintf(text, sizeof(text), JOB_SMALL "aggregation: {flag: {mode: %s}}\n", mode);
    job = must_parse(text);
    assert_int_equal(job->aggregation.flag.iterations, iterations);
    assert_int_equal(job->aggregation.flag.scale, scale);
    assert_int_equal(job->aggregation.flag.loss, loss);
    assert_int_equal(job->aggregation.flag.direction, direction);
    vx_assert_ok(vx_job_print_yaml(job, &printed), NULL);
    expect_the_same_job(job, printed);
    vx_job_destroy(job);
}

static void a_mode_of_flag_sets_its_four_keys(void **state)
{
    (void)state;
    expect_mode("default", 1, VX_JOB_FLAG_SCALE_MEDIAN_NORM, VX_JOB_FLAG_LOSS_RELEASED,
                VX_JOB_FLAG_DIRECTION_UNIT);
    expect_mode("released", 1, VX_JOB_FLAG_SCALE_SUBSPACE, VX_JOB_FLAG_LOSS_RELEASED,
                VX_JOB_FLAG_DIRECTION_UNIT);
    expect_mode("paper", 5, VX_JOB_FLAG_SCALE_COUNT, VX_JOB_FLAG_LOSS_PAPER,
                VX_JOB_FLAG_DIRECTION_RAW);
}

static void numbers_survive_with_all_their_bits(void **state)
{
    vx_job *job = must_parse(full_job);
    vx_bytes text = { NULL, 0 };
    (void)state;

    assert_true(job->seed == UINT64_MAX);
    assert_true(job->data.deviation == 2.2250738585072014e-8);
    assert_true(job->workers.clip_norm == DBL_MAX);
    assert_true(job->workers.heartbeat_timeout_s == 0.1 + 0.2);
    assert_true(job->data.mean == 0.28604059698879547);
    assert_true(job->optimiser.step_size == 0.05);
    vx_assert_ok(vx_job_print_json(job, false, &text), NULL);
    assert_non_null(strstr((char *)text.at, "\"heartbeat_timeout_s\":0.30000000000000004,"));
    assert_non_null(strstr((char *)text.at, "\"heartbeat_s\":0.1,"));
    assert_non_null(
        strstr((char *)text.at, "\"slots\":[0,1023],\"kind\":\"infinity\",\"scale\":0,"));
    assert_non_null(strstr((char *)text.at, "/data/with \\\"quotes\\\" \\\\ and ~ #1"));
    vx_free(text.at);
    vx_job_destroy(job);
}

static void the_digest_is_of_the_meaning_not_of_the_text(void **state)
{
    vx_job *a = must_parse(JOB_SMALL);
    vx_job *b = must_parse("# the same\n" JOB_OPTIMISER JOB_WORKERS JOB_HEAD
                           "  mean: 0.0\nseed: 1\nmodel:\n  family: linear\n");
    vx_job *c = must_parse(JOB_SMALL "seed: 2\n");
    (void)state;

    assert_true(vx_digest_equal(digest_of(a), digest_of(b)));
    assert_false(vx_digest_equal(digest_of(a), digest_of(c)));
    vx_job_destroy(a);
    vx_job_destroy(b);
    vx_job_destroy(c);
}

static void the_server_blames_a_key_as_the_loader_does(void **state)
{
    static const char *const overrides[] = { "aggregation.byzantine=2" };
    vx_job *job = must_parse(JOB_SMALL "aggregation:\n  rule: krum\n  byzantine: 1\n");
    vx_job by_hand = { 0 };
    vx_error err = { 0 };
    (void)state;

    assert_int_equal(vx_job_fail(job, "aggregation.byzantine", &err, "n >= %d", 5), VX_ERR_CONFIG);
    assert_string_equal(err.message, "job.yaml:13: aggregation.byzantine: n >= 5");
    (void)vx_job_fail(job, "aggregation.selected", &err, "too many");
    assert_string_equal(err.message, "job.yaml:11: aggregation.selected: too many");
    (void)vx_job_fail(job, "limits.memory_mib", &err, "too small");
    assert_string_equal(err.message, "job.yaml:1: limits.memory_mib: too small");
    vx_job_destroy(job);

    vx_assert_ok(parse_job_with(JOB_SMALL, overrides, 1, &job, &err), &err);
    (void)vx_job_fail(job, "aggregation.byzantine", &err, "wrong");
    assert_string_equal(err.message, "--set aggregation.byzantine=2: aggregation.byzantine: wrong");
    vx_job_destroy(job);

    (void)vx_job_fail(&by_hand, "rounds", &err, "wrong");
    assert_string_equal(err.message, "job: rounds: wrong");
    assert_int_equal(vx_job_fail(&by_hand, "rounds", NULL, "wrong"), VX_ERR_CONFIG);
}

static void names_are_spelled_as_in_the_file(void **state)
{
    (void)state;
    assert_string_equal(vx_job_rule_name(VX_JOB_RULE_GEOMETRIC_MEDIAN), "geometric_median");
    assert_string_equal(vx_job_rule_name(VX_JOB_RULE_UNIT_MEAN), "unit_mean");
    assert_string_equal(vx_job_pre_name(VX_JOB_PRE_NNM), "nnm");
    assert_string_equal(vx_job_family_name(VX_JOB_FAMILY_MLP), "mlp");
    assert_string_equal(vx_job_fault_kind_name(VX_JOB_FAULT_SIGN_FLIP), "sign_flip");
    assert_string_equal(vx_job_likelihood_name(VX_JOB_LIKELIHOOD_NEGATIVE_BINOMIAL),
                        "negative_binomial");
    assert_string_equal(vx_job_format_name(VX_JOB_FORMAT_SVMLIGHT), "svmlight");
    assert_string_equal(vx_job_rule_name((vx_job_rule)99), "?");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(missing_keys_get_their_defaults),
        cmocka_unit_test(some_defaults_depend_on_other_keys),
        cmocka_unit_test(byzfl_has_its_own_nu_and_iterations),
        cmocka_unit_test(a_batch_has_as_many_blocks_as_a_worker_has_ranks),
        cmocka_unit_test(a_given_value_is_not_replaced_by_a_derived_one),
        cmocka_unit_test(paths_become_absolute),
        cmocka_unit_test(a_file_is_read_and_paths_start_at_its_folder),
        cmocka_unit_test(a_text_over_the_limit_is_refused),
        cmocka_unit_test(a_job_whose_full_form_is_over_the_limit_is_refused),
        cmocka_unit_test(jobs_that_differ_in_ranks_alone_have_one_digest),
        cmocka_unit_test(every_printed_form_reads_back_as_the_same_job),
        cmocka_unit_test(shares_of_slots_survive_with_all_their_bits),
        cmocka_unit_test(a_mode_of_flag_sets_its_four_keys),
        cmocka_unit_test(numbers_survive_with_all_their_bits),
        cmocka_unit_test(the_digest_is_of_the_meaning_not_of_the_text),
        cmocka_unit_test(the_server_blames_a_key_as_the_loader_does),
        cmocka_unit_test(names_are_spelled_as_in_the_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
