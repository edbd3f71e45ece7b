#include "job_text.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <vx_base/alloc.h>
#include <vx_base/file.h>

static const char table_job[] =
    "name: table\n"
    "rounds: 3\n"
    "data:\n"
    "  format: csv\n"
    "  train_features: a.csv\n"
    "  test_features: b.csv\n"
    "  reference: scale.npy\n"
    "  csv: {header: false, delimiter: \"\\t\", target: 3, ignore: [\"a \\\"b\\\"\", 0],\n"
    "    missing: mean, categories: words.csv}\n"
    "  shard: files\n"
    "  files: [s0.txt, /s1.txt]\n"
    "  augment:\n"
    "  - kind: gaussian_noise\n"
    "    slots: [1]\n"
    "    scale: 0.25\n"
    "    share: 0.5\n"
    "  - {kind: cat_map, from_round: 1, to_round: 1}\n"
    "model:\n"
    "  likelihood: negative_binomial\n"
    "  dispersion: 0.7\n"
    "  l2: 1e-3\n"
    "  plugin: lib/tweedie.so\n"
    "  options: \"a: 1\\nb: \\t\\u00e4\"\n"
    "workers: {count: 2}\n"
    "optimiser: {step_size: 1}\n"
    "evaluation: {bins: 10, bootstrap: 500}\n";

static const char network_job[] =
    JOB_HEAD "  shard: gamma_similarity\n"
             "  gamma: 0.25\n"
             "model:\n"
             "  family: cnn\n"
             "  channels: [8, 16]\n"
             "  kernel: 5\n"
             "  pool: average\n"
             "  widths: [32]\n"
             "  dropout: 0.5\n"
             "  loss: {kind: distillation, mix: 0.9, temperature: 4, teacher: "
             "runs/t/checkpoint}\n" JOB_WORKERS JOB_OPTIMISER;

static vx_job *must_parse(const char *text)
{
    vx_job *job = NULL;
    vx_error err = { 0 };

    vx_assert_ok(parse_job(text, &job, &err), &err);
    assert_non_null(job);
    return job;
}

static void expect_the_same_job(const vx_job *job, vx_bytes text)
{
    vx_digest before = { { 0 } }, after = { { 0 } };
    vx_job *again = must_parse((const char *)text.at);

    vx_assert_ok(vx_job_digest(job, &before), NULL);
    vx_assert_ok(vx_job_digest(again, &after), NULL);
    assert_true(vx_digest_equal(before, after));
    vx_job_destroy(again);
    vx_free(text.at);
}

static void a_job_of_a_table_is_read(void **state)
{
    vx_job *job = must_parse(table_job);
    (void)state;

    assert_int_equal(job->data.format, VX_JOB_FORMAT_CSV);
    assert_string_equal(job->data.train_labels, "");
    assert_string_equal(job->data.reference, "/run/job/scale.npy");
    assert_false(job->data.csv.header);
    assert_string_equal(job->data.csv.delimiter, "\t");
    assert_string_equal(job->data.csv.target, "3");
    assert_int_equal(job->data.csv.ignore_count, 2);
    assert_string_equal(job->data.csv.ignore[0], "a \"b\"");
    assert_string_equal(job->data.csv.ignore[1], "0");
    assert_string_equal(job->data.csv.categories, "/run/job/words.csv");
    assert_int_equal(job->data.files_count, 2);
    assert_string_equal(job->data.files[0], "/run/job/s0.txt");
    assert_string_equal(job->data.files[1], "/s1.txt");
    assert_int_equal(job->data.augment_count, 2);
    assert_int_equal(job->data.augment[0].kind, VX_JOB_AUGMENT_GAUSSIAN_NOISE);
    assert_int_equal(job->data.augment[0].slots_count, 1);
    vx_assert_close(job->data.augment[0].scale, 0.25, 0, 0);
    assert_int_equal(job->data.augment[0].to_round, 2);
    assert_int_equal(job->data.augment[1].slots_count, 0);
    vx_assert_close(job->data.augment[1].share, 1, 0, 0);
    assert_int_equal(job->data.augment[1].to_round, 1);
    assert_int_equal(job->model.family, VX_JOB_FAMILY_PLUGIN);
    assert_string_equal(job->model.plugin, "/run/job/lib/tweedie.so");
    assert_string_equal(job->model.options, "a: 1\nb: \t\xc3\xa4");
    assert_int_equal(job->evaluation.bootstrap, 500);
    vx_job_destroy(job);
}

static void a_job_of_a_network_is_read(void **state)
{
    vx_job *job = must_parse(network_job);
    (void)state;

    assert_int_equal(job->data.shard, VX_JOB_SHARD_GAMMA_SIMILARITY);
    vx_assert_close(job->data.gamma, 0.25, 0, 0);
    assert_int_equal(job->model.family, VX_JOB_FAMILY_CNN);
    assert_int_equal(job->model.channels_count, 2);
    assert_int_equal(job->model.channels[1], 16);
    assert_int_equal(job->model.kernel, 5);
    assert_int_equal(job->model.pool, VX_JOB_POOL_AVERAGE);
    assert_int_equal(job->model.loss.kind, VX_JOB_LOSS_DISTILLATION);
    assert_string_equal(job->model.loss.teacher, "/run/job/runs/t/checkpoint");
    vx_job_destroy(job);
}

static vx_job *pinned_job(const char *model, const char *folder)
{
    char *text = vx_format(JOB_HEAD "model: %s\n" JOB_WORKERS JOB_OPTIMISER, model);
    vx_job *job = NULL;
    vx_error err = { 0 };

    vx_assert_ok(vx_job_parse((vx_cbytes){ (const uint8_t *)text, strlen(text) }, "job.yaml",
                              folder, NULL, 0, &job, &err),
                 &err);
    vx_free(text);
    vx_assert_ok(vx_job_pin(job, &err), &err);
    vx_assert_ok(vx_job_pin(job, &err), &err); /* it is what it was */
    return job;
}

/* The folder of a checkpoint stands for its parameters. */
static void what_a_teacher_and_a_plugin_hold_is_part_of_the_job(void **state)
{
    static const struct {
        const char *model, *file, *key;
    } cases[] = {
        { "{family: linear, loss: {kind: distillation, teacher: t}}", "t",
          "model.loss.teacher_digest" },
        { "{family: linear, loss: {kind: distillation, teacher: c}}", "c/parameters.safetensors",
          "model.loss.teacher_digest" },
        { "{plugin: p.so}", "p.so", "model.plugin_digest" },
    };
    char *folder = vx_path_join(*state, "c");

    assert_int_equal(mkdir(folder, 0755), 0);
    vx_free(folder);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char *path = vx_path_join(*state, cases[i].file);
        vx_digest digests[2];
        vx_job *job = NULL;
        vx_error err = { 0 };

        for (size_t k = 0; k < 2; k++) {
            vx_test_file_put(path, k == 0 ? "one" : "two", 3);
            vx_job_destroy(job);
            job = pinned_job(cases[i].model, *state);
            vx_assert_ok(vx_job_digest(job, &digests[k]), &err);
        }
        assert_false(vx_digest_equal(digests[0], digests[1]));
        vx_test_file_put(path, "one", 3);
        vx_assert_status(vx_job_pin(job, &err), VX_ERR_CONFIG, &err);
        vx_test_says(&err, cases[i].key, *state, NULL);
        assert_int_equal(unlink(path), 0);
        vx_assert_status(vx_job_pin(job, &err), VX_ERR_NOT_FOUND, &err);
        vx_test_says(&err, i < 2 ? "model.loss.teacher" : "model.plugin", path, NULL);
        vx_job_destroy(job);
        vx_free(path);
    }
}

static void a_digest_is_hex_and_stands_beside_its_file(void **state)
{
    static const struct {
        const char *model, *says;
    } cases[] = {
        { "{plugin: a.so, plugin_digest: 0123456789abcdef0123456789abcdeg}", "32 hex digits" },
        { "{plugin: a.so, plugin_digest: 0a}", "32 hex digits" },
        { "{family: linear, plugin_digest: 0123456789abcdef0123456789abcdef}", "model.plugin" },
        { "{family: linear, loss: {teacher_digest: 0123456789abcdef0123456789abcdef}}",
          "kind: distillation" },
        { "{family: linear, loss: {kind: distillation, teacher: t, teacher_digest: x}}",
          "32 hex digits" },
    };
    (void)state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char *text = vx_format(JOB_HEAD "model: %s\n" JOB_WORKERS JOB_OPTIMISER, cases[i].model);
        vx_job *job = NULL;
        vx_error err = { 0 };

        vx_assert_status(parse_job(text, &job, &err), VX_ERR_CONFIG, &err);
        vx_test_says(&err, "_digest", cases[i].says, NULL);
        vx_free(text);
    }
}

static void the_printed_forms_read_back_as_the_same_job(void **state)
{
    static const char *const texts[] = { table_job, network_job };
    (void)state;

    for (size_t i = 0; i < 2; i++) {
        vx_job *job = must_parse(texts[i]);
        vx_bytes text = { NULL, 0 };

        vx_assert_ok(vx_job_print_yaml(job, &text), NULL);
        expect_the_same_job(job, text);
        vx_assert_ok(vx_job_print_json(job, false, &text), NULL);
        expect_the_same_job(job, text);
        vx_job_destroy(job);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_job_of_a_table_is_read),
        cmocka_unit_test(a_job_of_a_network_is_read),
        cmocka_unit_test_setup_teardown(what_a_teacher_and_a_plugin_hold_is_part_of_the_job,
                                        vx_test_folder_setup, vx_test_folder_teardown),
        cmocka_unit_test(a_digest_is_hex_and_stands_beside_its_file),
        cmocka_unit_test(the_printed_forms_read_back_as_the_same_job),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
