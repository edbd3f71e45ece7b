#include "job_text.h"

#include <stdio.h>
#include <string.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* JOB_SMALL has ten lines. */
static const struct {
    const char *text, *message;
} cases[] = {
    /* the document */
    { "", "job.yaml:1: expected a mapping, found nothing" },
    { "- a\n", "job.yaml:1: expected a mapping, found a list" },
    { "hello\n", "job.yaml:1: expected a mapping, found \"hello\"" },
    { "name: x\n  rounds: 3\n",
      "job.yaml:2: expected YAML: mapping values are not allowed in this context" },
    { "name: [a, b\nrounds: 3\n", "job.yaml:2: expected YAML: did not find expected ',' or ']' "
                                  "while parsing a flow sequence" },
    { "name: \"a\nrounds: 3\n", "job.yaml:3: expected YAML: found unexpected end of stream while "
                                "scanning a quoted scalar" },
    { "name: x\nrounds: \xff\n", "job.yaml:2: expected YAML: invalid leading UTF-8 octet" },
    { "a: 1\n---\nb: 2\n", "job.yaml:2: expected one document, found another" },
    { "name: &a x\n", "job.yaml:1: expected plain YAML, found an anchor (&)" },
    { "name: x\nrounds: *a\n", "job.yaml:2: expected plain YAML, found an alias (*)" },
    { "<<: *base\n", "job.yaml:1: expected plain YAML, found an alias (*)" },
    { "name: !!str x\n", "job.yaml:1: expected plain YAML, found a tag (!)" },
    { "name: \"a\\0b\"\n", "job.yaml:1: expected text, found a zero byte" },
    { "? [a]\n: b\n", "job.yaml:1: expected a key, found a list" },

    /* keys */
    { JOB_SMALL "agregation: {}\n", "job.yaml:11: expected a known key, found \"agregation\"; did "
                                    "you mean aggregation" },
    { JOB_SMALL "aggregation:\n  rule: flag\n  byzantin: 1\n",
      "job.yaml:13: aggregation: expected a known key, found \"byzantin\"; did you mean "
      "aggregation.byzantine" },
    { JOB_SMALL "byzantine: 1\n", "job.yaml:11: expected a known key, found \"byzantine\"; did you "
                                  "mean aggregation.byzantine" },
    { JOB_SMALL "checkpoint: {step_size: 1}\n",
      "job.yaml:11: checkpoint: expected a known key, found \"step_size\"; did you mean "
      "optimiser.step_size" },
    { JOB_SMALL "learning_rate: 1\n",
      "job.yaml:11: expected a known key, found \"learning_rate\"" },
    { JOB_SMALL "\"new\\nline\": 1\n", "job.yaml:11: expected a known key, found \"new\\nline\"" },
    { JOB_SMALL "seed: 1\nseed: 2\n", "job.yaml:12: seed: expected this key once, found it again" },
    { JOB_SMALL "workers: {count: 3}\n",
      "job.yaml:11: workers: expected this key once, found it again" },
    { JOB_SMALL "faults: [{slots: [0], slot: 1, kind: zero}]\n",
      "job.yaml:11: faults[0]: expected a known key, found \"slot\"; did you mean "
      "faults[0].slots" },

    /* required keys */
    { "rounds: 1\n", "job.yaml:1: name: expected 1 to 63 of a-z, 0-9 and -, found no such key" },
    { "name: a\n", "job.yaml:1: rounds: expected a whole number from 1 to 281474976710656, found "
                   "no such key" },
    { "name: a\nrounds: 1\n",
      "job.yaml:1: data.train_features: expected the path of a file, found no such key" },
    { "name: a\nrounds: 1\ndata:\n  train_features: a\n  train_labels: b\n",
      "job.yaml:3: data.test_features: expected the path of a file, found no such key" },
    { "name: a\nrounds: 1\ndata:\n  train_features: a\n  train_labels: b\n  test_features: "
      "c\n" JOB_MODEL JOB_WORKERS JOB_OPTIMISER,
      "job.yaml:3: data.test_labels: expected the path of a file with data.format: idx, found "
      "none" },
    { JOB_HEAD JOB_WORKERS JOB_OPTIMISER,
      "job.yaml:1: model.family: expected one of linear, mlp, cnn, lenet5, cnn_mnist, "
      "resmlp, plugin, found no such key" },
    { JOB_HEAD JOB_MODEL JOB_OPTIMISER, "job.yaml:1: workers.count: expected a whole number from 1 "
                                        "to 1024, found no such key" },
    { JOB_HEAD JOB_MODEL JOB_WORKERS "optimiser:\n  kind: sgd\n",
      "job.yaml:10: optimiser.step_size: expected a number above 0, found no such key" },
    { JOB_SMALL "allow_fault_injection: true\nfaults:\n  - slots: [1]\n",
      "job.yaml:13: faults[0].kind: expected one of sign_flip, scale, gaussian, constant, zero, "
      "nan, infinity, delay, crash, found no such key" },

    /* kinds and ranges */
    { JOB_SMALL "checkpoint: {keep_every: 281474976710657}\n",
      "job.yaml:11: checkpoint.keep_every: expected a whole number from 0 to 281474976710656, "
      "found "
      "\"281474976710657\"" },
    { "name: Big\n", "job.yaml:1: name: expected 1 to 63 of a-z, 0-9 and -, found \"Big\"" },
    { "name: ''\n", "job.yaml:1: name: expected 1 to 63 of a-z, 0-9 and -, found \"\"" },
    { "name:\n", "job.yaml:1: name: expected 1 to 63 of a-z, 0-9 and -, found nothing" },
    { "name: [a]\n", "job.yaml:1: name: expected 1 to 63 of a-z, 0-9 and -, found a list" },
    { "name: "
      "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n",
      "job.yaml:1: name: expected 1 to 63 of a-z, 0-9 and -, found "
      "\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa...\"" },
    { "seed: 18446744073709551616\n",
      "job.yaml:1: seed: expected a whole number, found \"18446744073709551616\"" },
    { "seed: -1\n", "job.yaml:1: seed: expected a whole number, found \"-1\"" },
    { "seed: 010\n", "job.yaml:1: seed: expected a whole number, found \"010\"" },
    { "seed: 0x10\n", "job.yaml:1: seed: expected a whole number, found \"0x10\"" },
    { "seed: \"1\"\n", "job.yaml:1: seed: expected a whole number, found \"1\"" },
    { "rounds: 1e3\n",
      "job.yaml:1: rounds: expected a whole number from 1 to 281474976710656, found \"1e3\"" },
    { "rounds: 0\n",
      "job.yaml:1: rounds: expected a whole number from 1 to 281474976710656, found \"0\"" },
    { "data: 3\n", "job.yaml:1: data: expected a mapping, found \"3\"" },
    { "data:\n", "job.yaml:1: data: expected a mapping, found nothing" },
    { "data: []\n", "job.yaml:1: data: expected a mapping, found an empty list" },
    { "data: {train_features: ''}\n",
      "job.yaml:1: data.train_features: expected the path of a file, found \"\"" },
    { "data: {files: [a, '']}\n",
      "job.yaml:1: data.files[1]: expected the path of a file, found \"\"" },
    { "data: {csv: {delimiter: ab}}\n",
      "job.yaml:1: data.csv.delimiter: expected a text of 1 byte, found \"ab\"" },
    { "data: {csv: {ignore: [a, '']}}\n",
      "job.yaml:1: data.csv.ignore[1]: expected a text of 1 to 255 bytes, found \"\"" },
    { "model: {options: [a]}\n",
      "job.yaml:1: model.options: expected a text of 0 to 4000 bytes, found a list" },
    { "model: {options: \"\\u0085\"}\n",
      "job.yaml:1: model.options: expected a text of 0 to 4000 bytes, found \"\\xc2\\x85\"" },
    { "data: {augment: [{share: 0}]}\n",
      "job.yaml:1: data.augment[0].share: expected a number above 0 and at most 1, found \"0\"" },
    { "model: {loss: {epsilon: 1}}\n",
      "job.yaml:1: model.loss.epsilon: expected a number of at least 0 and below 1, found \"1\"" },
    { "evaluation: {bins: 1001}\n",
      "job.yaml:1: evaluation.bins: expected a whole number from 1 to 1000, found \"1001\"" },
    { "data:\n  batch: 0\n",
      "job.yaml:2: data.batch: expected a whole number from 1 to 1000000000, found \"0\"" },
    { "data: {deviation: 0}\n",
      "job.yaml:1: data.deviation: expected a number from 1e-18 to 1e18, found \"0\"" },
    { "data: {deviation: 9e-19}\n",
      "job.yaml:1: data.deviation: expected a number from 1e-18 to 1e18, found \"9e-19\"" },
    { "data: {mean: .nan}\n", "job.yaml:1: data.mean: expected a number, found \".nan\"" },
    { "data: {mean: nan}\n", "job.yaml:1: data.mean: expected a number, found \"nan\"" },
    { "data: {mean: 0x1p3}\n", "job.yaml:1: data.mean: expected a number, found \"0x1p3\"" },
    { "data: {mean: 1e999}\n", "job.yaml:1: data.mean: expected a number, found \"1e999\"" },
    { "data: {mean: 1e}\n", "job.yaml:1: data.mean: expected a number, found \"1e\"" },
    { "data: {alpha: -0.5}\n",
      "job.yaml:1: data.alpha: expected a number above 0 and at most 1e9, found \"-0.5\"" },
    { "data: {shard: uniform}\n",
      "job.yaml:1: data.shard: expected one of iid, dirichlet, sorted, gamma_similarity, files, "
      "found \"uniform\"" },
    { "data: {format: png}\n", "job.yaml:1: data.format: expected one of idx, npy, csv, svmlight, "
                               "cifar, found \"png\"" },
    { "model: {widths: 3}\n", "job.yaml:1: model.widths: expected a list of at most 32, found "
                              "\"3\"" },
    { "model:\n  widths:\n    - 3\n    - 0\n",
      "job.yaml:4: model.widths[1]: expected a whole number from 1 to 1000000, found \"0\"" },
    { "model: {widths: [1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]}\n",
      "job.yaml:1: model.widths: expected a list of at most 32, found a list" },
    { "workers: {momentum: 1}\n",
      "job.yaml:1: workers.momentum: expected a number of at least 0 and below 1, found \"1\"" },
    { "workers: {deadline_s: 0}\n",
      "job.yaml:1: workers.deadline_s: expected seconds above 0 and at most 1e9, found \"0\"" },
    { "workers: {deadline_s: 2e9}\n",
      "job.yaml:1: workers.deadline_s: expected seconds above 0 and at most 1e9, found \"2e9\"" },
    { "workers: {shard_timeout_s: -1}\n",
      "job.yaml:1: workers.shard_timeout_s: expected seconds from 0 to 1e9, found \"-1\"" },
    { "workers: {shard_timeout_s: 1.1e9}\n",
      "job.yaml:1: workers.shard_timeout_s: expected seconds from 0 to 1e9, found \"1.1e9\"" },
    { "workers: {clip_norm: -1}\n",
      "job.yaml:1: workers.clip_norm: expected a number of at least 0, found \"-1\"" },
    { "aggregation: {rule: Flag}\n",
      "job.yaml:1: aggregation.rule: expected one of mean, unit_mean, median, trimmed_mean, "
      "meamed, "
      "phocas, geometric_median, krum, multi_krum, bulyan, mda, monna, centered_clipping, cge, "
      "caf, "
      "smea, aksel, sign_majority, flag, trimmed_flag, found \"Flag\"" },
    { "aggregation: {pre: [nnm, nmm]}\n",
      "job.yaml:1: aggregation.pre[1]: expected one of nnm, unit, clipping, arc, bucketing, found "
      "\"nmm\"" },
    { "aggregation: {share: [1, 0]}\n",
      "job.yaml:1: aggregation.share[1]: expected a number above 0 and at most 1e18, found \"0\"" },
    { "aggregation: {clip_quantile: 1.5}\n",
      "job.yaml:1: aggregation.clip_quantile: expected a number from 0 to 1, found \"1.5\"" },
    { "aggregation: {threads: 65}\n",
      "job.yaml:1: aggregation.threads: expected a whole number from 0 to 64, found \"65\"" },
    { "aggregation: {flag: {alpha: 0.5}}\n",
      "job.yaml:1: aggregation.flag.alpha: expected a number from 1 to 1e6, found \"0.5\"" },
    { "aggregation: {flag: {beta: 1}}\n",
      "job.yaml:1: aggregation.flag.beta: expected a number from 0 to 0.999, found \"1\"" },
    { "aggregation: {flag: {lambda: x}}\n",
      "job.yaml:1: aggregation.flag.lambda: expected a number of at least 0, found \"x\"" },
    { "optimiser: {l1: -1e-9}\n",
      "job.yaml:1: optimiser.l1: expected a number of at least 0, found \"-1e-9\"" },
    { "optimiser: {schedule: {up_share: 1}}\n",
      "job.yaml:1: optimiser.schedule.up_share: expected a number between 0 and 1, found \"1\"" },
    { "optimiser: {schedule: {initial_divisor: 0.5}}\n",
      "job.yaml:1: optimiser.schedule.initial_divisor: expected a number of at least 1, found "
      "\"0.5\"" },
    { "faults: {}\n", "job.yaml:1: faults: expected a list of at most 256, found a mapping" },
    { "faults: [{slots: []}]\n",
      "job.yaml:1: faults[0].slots: expected a list of 1 to 1024, found an empty list" },
    { "faults: [{slots: [[1]]}]\n",
      "job.yaml:1: faults[0].slots[0]: expected a whole number from 0 to 1023, found a list" },
    { "allow_fault_injection: yes\n",
      "job.yaml:1: allow_fault_injection: expected true or false, found \"yes\"" },
    { "limits: {log_level: 1}\n",
      "job.yaml:1: limits.log_level: expected one of debug, info, warn, error, found \"1\"" },

    /* between keys */
    { JOB_HEAD "model:\n  family: mlp\n" JOB_WORKERS JOB_OPTIMISER,
      "job.yaml:8: model.widths: expected 1 to 32 widths with model.family: mlp, found none" },
    { JOB_HEAD JOB_MODEL "workers:\n  count: 4\n  quorum: 5\n" JOB_OPTIMISER,
      "job.yaml:11: workers.quorum: expected at most workers.count (4), found 5" },
    { JOB_HEAD JOB_MODEL "workers:\n  count: 4\n  staleness: 2\n" JOB_OPTIMISER
                         "checkpoint:\n  durability: ledger\n",
      "job.yaml:14: checkpoint.durability: expected full or checkpoint with workers.staleness "
      "above "
      "0, found ledger: a round of older gradients cannot be made again" },
    { JOB_HEAD JOB_MODEL "workers:\n  count: 4\n  quorum: 3\n  min_workers: 2\n" JOB_OPTIMISER,
      "job.yaml:12: workers.min_workers: expected at least workers.quorum (3), found 2" },
    { JOB_HEAD JOB_MODEL "workers:\n  count: 4\n  max_workers: 6\n  min_workers: 5\n" JOB_OPTIMISER,
      "job.yaml:12: workers.min_workers: expected at most workers.count (4), found 5" },
    { JOB_HEAD JOB_MODEL "workers:\n  count: 4\n  max_workers: 3\n" JOB_OPTIMISER,
      "job.yaml:11: workers.max_workers: expected at least workers.count (4), found 3" },
    { JOB_HEAD JOB_MODEL "workers:\n  count: 4\n  quorum: 3\n  backup: 2\n" JOB_OPTIMISER,
      "job.yaml:12: workers.backup: expected at most workers.count - workers.quorum (1), found 2" },
    { JOB_HEAD JOB_MODEL "workers:\n  count: 4\n  deadline: adaptive\n  deadline_s: 0.05\n"
                         "  deadline_least_s: 0.06\n" JOB_OPTIMISER,
      "job.yaml:13: workers.deadline_least_s: expected at most workers.deadline_s (0.05), found "
      "0.06" },
    { JOB_HEAD JOB_MODEL "workers:\n  count: 4\n  heartbeat_timeout_s: 2\n" JOB_OPTIMISER,
      "job.yaml:11: workers.heartbeat_timeout_s: expected more than workers.heartbeat_s (2), found "
      "2" },
    { JOB_HEAD JOB_MODEL "workers:\n  count: 4\n  heartbeat_s: 20\n" JOB_OPTIMISER,
      "job.yaml:9: workers.heartbeat_timeout_s: expected more than workers.heartbeat_s (20), found "
      "10" },
    { JOB_SMALL "aggregation:\n  byzantine: 4\n",
      "job.yaml:12: aggregation.byzantine: expected less than workers.count (4), found 4" },
    { JOB_SMALL "aggregation:\n  selected: 5\n",
      "job.yaml:12: aggregation.selected: expected at most workers.count (4), found 5" },
    { JOB_SMALL "aggregation:\n  share: [1, 2, 3]\n",
      "job.yaml:12: aggregation.share: expected no number or one a slot, workers.max_workers (4), "
      "found 3" },
    { JOB_SMALL "aggregation:\n  pivot: 4\n",
      "job.yaml:12: aggregation.pivot: expected a slot below workers.max_workers (4), found 4" },
    { JOB_SMALL "aggregation:\n  flag:\n    mode: paper\n    scale: subspace\n",
      "job.yaml:14: aggregation.flag.scale: expected count or no such key with "
      "aggregation.flag.mode: paper, found another value" },
    { JOB_SMALL "aggregation:\n  flag:\n    iterations: 5\n    mode: released\n",
      "job.yaml:13: aggregation.flag.iterations: expected 1 or no such key with "
      "aggregation.flag.mode: released, found another value" },
    { JOB_SMALL "aggregation:\n  flag:\n    subspace: 5\n",
      "job.yaml:13: aggregation.flag.subspace: expected at most workers.count (4), found 5" },
    { JOB_HEAD JOB_MODEL JOB_WORKERS "optimiser: {step_size: 1, schedule: {kind: step}}\n",
      "job.yaml:10: optimiser.schedule.every: expected at least 1 with kind: step, found 0" },
    { JOB_SMALL "faults:\n  - {slots: [1], kind: zero}\n",
      "job.yaml:11: faults: expected allow_fault_injection: true beside it, found false" },
    { JOB_SMALL "allow_fault_injection: true\nfaults:\n  - {slots: [1], kind: zero}\n"
                "  - slots: [3, 4]\n    kind: zero\n",
      "job.yaml:14: faults[1].slots[1]: expected a slot below workers.max_workers (4), found 4" },
    { JOB_SMALL "allow_fault_injection: true\nfaults:\n  - slots: [3]\n    kind: zero\n"
                "    from_round: 5\n    to_round: 4\n",
      "job.yaml:16: faults[0].to_round: expected at least from_round (5), found 4" },
    { JOB_SMALL "allow_fault_injection: true\nfaults: [{slots: [3], kind: nan, from_round: 100}]\n",
      "job.yaml:12: faults[0].to_round: expected at least from_round (100), found 99" },
    { "name: small\nrounds: 100\ndata:\n  train_features: \"a\\nb\"\n  train_labels: /b\n"
      "  test_features: c\n  test_labels: d\n" JOB_MODEL JOB_WORKERS JOB_OPTIMISER,
      "job.yaml:4: data.train_features: expected a path of printable UTF-8, found other bytes" },
};

static void each_wrong_file_is_refused_with_its_message(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        vx_job *job = NULL;
        vx_error err = { 0 };

        vx_assert_status(parse_job(cases[i].text, &job, &err), VX_ERR_CONFIG, &err);
        assert_string_equal(err.message, cases[i].message);
        assert_null(job);
        assert_int_equal(parse_job(cases[i].text, &job, NULL), VX_ERR_CONFIG);
    }
}

static void a_long_file_name_keeps_its_end(void **state)
{
    char name[300];
    vx_job *job = NULL;
    vx_error err = { 0 };
    (void)state;

    memset(name, 'd', sizeof(name));
    (void)snprintf(name + 250, sizeof(name) - 250, "/job.yaml");
    vx_assert_status(
        vx_job_parse((vx_cbytes){ (const uint8_t *)"x", 1 }, name, "/", NULL, 0, &job, &err),
        VX_ERR_CONFIG, &err);
    assert_memory_equal(err.message, "...ddd", 6);
    assert_non_null(strstr(err.message, "ddd/job.yaml:1: expected a mapping, found \"x\""));
}

static void deep_nesting_is_refused(void **state)
{
    static char text[50000];
    vx_job *job = NULL;
    vx_error err = { 0 };
    (void)state;

    memset(text, '[', sizeof(text) - 1);
    vx_assert_status(parse_job(text, &job, &err), VX_ERR_CONFIG, &err);
    assert_string_equal(err.message, "job.yaml:1: expected at most 16 levels, found more");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_wrong_file_is_refused_with_its_message),
        cmocka_unit_test(a_long_file_name_keeps_its_end),
        cmocka_unit_test(deep_nesting_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
