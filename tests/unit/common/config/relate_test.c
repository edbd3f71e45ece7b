#include "job_text.h"

#include <stdio.h>
#include <string.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))
#define SETS_MAX        8

/* Overrides of the small job, and the end of the message: that names the first of them. */
typedef struct combination {
    const char *sets[SETS_MAX];
    const char *message;
} combination;

static size_t count_of(const char *const sets[SETS_MAX])
{
    size_t count = 0;

    while (count < SETS_MAX && sets[count] != NULL)
        count++;
    return count;
}

static const combination refused[] = {
    /* files */
    { { "data.train_labels=''" }, "expected the path of a file with data.format: idx, found none" },
    { { "data.test_labels=''", "data.format=npy" },
      "expected the path of a file with data.format: npy, found none" },
    { { "data.train_labels=x", "data.format=csv" },
      "expected no such key with data.format: csv, whose files have both, found one" },
    { { "data.test_labels=x", "data.train_labels=''", "data.format=cifar" },
      "expected no such key with data.format: cifar, whose files have both, found one" },
    { { "data.format=cifar", "data.train_labels=''", "data.test_labels=''" },
      "expected data.classes: 10, or of CIFAR-100 100 (fine labels) or 20 (coarse ones), beside "
      "it, found 0" },
    { { "data.svmlight.features=268435457", "data.format=svmlight", "data.train_labels=''",
        "data.test_labels=''" },
      "expected a whole number from 0 to 268435456, found \"268435457\"" },
    { { "data.csv.header=false" }, "expected data.format: csv beside it, found idx" },
    { { "data.csv.target=price" }, "expected data.format: csv beside it, found idx" },
    { { "data.csv.categories=c.csv" }, "expected data.format: csv beside it, found idx" },
    { { "data.train_more=[b]" }, "expected data.format: cifar beside it, found idx" },
    { { "data.test_more=[b]" }, "expected data.format: cifar beside it, found idx" },
    { { "data.csv.ignore=[id]" }, "expected data.format: csv beside it, found idx" },
    { { "data.svmlight.features=10" }, "expected data.format: svmlight beside it, found idx" },
    { { "data.svmlight.first=0", "data.format=csv", "data.train_labels=''", "data.test_labels=''" },
      "expected data.format: svmlight beside it, found csv" },
    { { "data.csv.delimiter='\"'", "data.format=csv", "data.train_labels=''",
        "data.test_labels=''" },
      "expected a byte that is neither a quote nor the end of a line" },
    { { "data.csv.missing=mean", "data.format=csv", "data.train_labels=''", "data.test_labels=''" },
      "expected data.reference beside mean, which says the means, found none" },
    { { "data.mean=0.5", "data.reference=r.npy" },
      "expected no data.reference beside it, found "
      "one" },
    { { "data.deviation=2", "data.reference=r.npy" },
      "expected no data.reference beside it, found one" },

    /* shards and augmentation */
    { { "data.gamma=0.1" }, "expected data.shard: gamma_similarity beside it, found another one" },
    { { "data.files=[a, b, c, d]" }, "expected data.shard: files beside it, found another one" },
    { { "data.files=[a, b, c]", "data.shard=files" },
      "expected a file a slot, workers.max_workers (4), found 3" },
    { { "data.shard=dirichlet", "model.likelihood=poisson" },
      "expected iid, sorted, gamma_similarity or files with model.likelihood: poisson, which has "
      "no classes, found dirichlet" },
    { { "data.augment[0].slots[0]=4", "data.augment[0].kind=flip" },
      "expected a slot below workers.max_workers (4), found 4" },
    { { "data.augment[0].to_round=2", "data.augment[0].kind=flip", "data.augment[0].from_round=3" },
      "expected at least from_round (3), found 2" },
    { { "data.augment[0].scale=1.5", "data.augment[0].kind=shift" },
      "expected a whole number with kind: shift or cat_map, found 1.5" },
    { { "data.augment[0].scale=1.5", "data.augment[0].kind=smooth_cat_map" },
      "expected at most 1 with kind: smooth_cat_map, found 1.5" },
    { { "data.augment[0].scale=1.5", "data.augment[0].kind=lotka_volterra" },
      "expected at most 1 with kind: lotka_volterra, found 1.5" },
    { { "data.augment[0].scale=4097", "data.augment[0].kind=shift" },
      "expected at most 4096 with kind: shift, found 4097" },
    { { "data.augment[0].scale=1001", "data.augment[0].kind=cat_map" },
      "expected at most 1000 with kind: cat_map, found 1001" },
    { { "data.augment[0].scale=2e6", "data.augment[0].kind=gaussian_noise" },
      "expected at most 1e+06 with kind: gaussian_noise, found 2e+06" },

    /* families */
    { { "model.widths=[]", "model.family=mlp" },
      "expected 1 to 32 widths with model.family: mlp, found none" },
    { { "model.widths=[3]", "model.family=lenet5" },
      "expected model.family: mlp or cnn beside it, found lenet5" },
    { { "model.activation=tanh", "model.family=resmlp" },
      "expected model.family: mlp, cnn, lenet5 or cnn_mnist beside it, found resmlp" },
    { { "model.dropout=0.5" },
      "expected model.family: mlp, cnn, lenet5 or cnn_mnist beside it, found linear" },
    { { "model.layer_norm=true", "model.family=cnn", "model.channels=[4]" },
      "expected model.family: mlp beside it, found cnn" },
    { { "model.residual=true" }, "expected model.family: mlp beside it, found linear" },
    { { "model.channels=[4]" }, "expected model.family: cnn beside it, found linear" },
    { { "model.channels=[]", "model.family=cnn" },
      "expected 1 to 32 numbers of channels with model.family: cnn, found none" },
    { { "model.kernel=5" }, "expected model.family: cnn beside it, found linear" },
    { { "model.pool=average" },
      "expected model.family: cnn, lenet5 or cnn_mnist beside it, found linear" },
    { { "model.patch=4" }, "expected model.family: resmlp beside it, found linear" },
    { { "model.blocks=4" }, "expected model.family: resmlp beside it, found linear" },
    { { "model.hidden=4" }, "expected model.family: resmlp beside it, found linear" },
    { { "model.residual_scale=1" }, "expected model.family: resmlp beside it, found linear" },
    { { "model.plugin=a.so" },
      "expected model.family: plugin, or no family, beside it, found linear" },
    { { "model.plugin=''", "model.family=plugin" },
      "expected the path of a shared library with model.family: plugin, found none" },
    { { "model.loss.kind=focal", "model.family=plugin", "model.plugin=a.so" },
      "expected nll with a plugin, which has its own loss, found another kind" },
    { { "model.options=x" }, "expected model.plugin beside it, found linear" },

    /* likelihoods and losses */
    { { "model.variance=2" }, "expected model.likelihood: gaussian beside it, found categorical" },
    { { "model.dispersion=2", "model.likelihood=poisson" },
      "expected model.likelihood: negative_binomial beside it, found poisson" },
    { { "model.loss.kind=focal", "model.likelihood=poisson" },
      "expected model.likelihood: categorical beside it, found poisson" },
    { { "model.loss.kind=smoothing", "model.likelihood=poisson" },
      "expected model.likelihood: categorical or bernoulli beside it, found poisson" },
    { { "data.classes=3", "model.likelihood=gaussian" },
      "expected model.likelihood: categorical beside it, found gaussian" },
    { { "model.loss.epsilon=0.2" }, "expected kind: smoothing beside it, found another kind" },
    { { "model.loss.gamma=1", "model.loss.kind=mixce" },
      "expected kind: focal beside it, found another kind" },
    { { "model.loss.exponent=2" }, "expected kind: power beside it, found another kind" },
    { { "model.loss.threshold=0.2" }, "expected kind: power beside it, found another kind" },
    { { "model.loss.exponent=2", "model.loss.threshold=0.2", "model.loss.kind=power" },
      "expected no such key with a threshold, which takes its place, found one" },
    { { "model.loss.eta=1" }, "expected kind: mixce beside it, found another kind" },
    { { "model.loss.mix=1" }, "expected kind: distillation beside it, found another kind" },
    { { "model.loss.temperature=1" }, "expected kind: distillation beside it, found another kind" },
    { { "model.loss.teacher=t" }, "expected kind: distillation beside it, found another kind" },
    { { "model.loss.noise=3" }, "expected kind: nce beside it, found another kind" },
    { { "model.loss.noise=513", "model.loss.kind=nce" },
      "expected a whole number from 1 to 512, found \"513\"" },
    { { "model.loss.gamma=101", "model.loss.kind=focal" },
      "expected a number from 0 to 100, found \"101\"" },
    { { "model.loss.exponent=101", "model.loss.kind=power" },
      "expected a number above 0 and at most 100, found \"101\"" },
    { { "model.loss.temperature=1e-4", "model.loss.kind=distillation", "model.loss.teacher=t" },
      "expected a number from 0.001 to 1e6, found \"1e-4\"" },
    { { "model.variance=1e31", "model.likelihood=gaussian" },
      "expected a number from 1e-30 to 1e30, found \"1e31\"" },
    { { "model.dispersion=1e-7", "model.likelihood=negative_binomial" },
      "expected a number from 1e-6 to 1e6, found \"1e-7\"" },
    { { "model.l2=1e7" }, "expected a number from 0 to 1e6, found \"1e7\"" },
    { { "model.loss.teacher=''", "model.loss.kind=distillation" },
      "expected a safetensors file or a checkpoint with kind: distillation, found none" },

    /* ranks of a worker */
    { { "workers.ranks=3", "workers.blocks=6" },
      "expected a power of two that divides workers.blocks, or as many as workers.blocks (6), "
      "found 3" },
    { { "workers.ranks=4", "workers.blocks=6" },
      "expected a power of two that divides workers.blocks, or as many as workers.blocks (6), "
      "found 4" },
    { { "workers.ranks=2", "workers.blocks=1" },
      "expected a power of two that divides workers.blocks, or as many as workers.blocks (1), "
      "found 2" },
    { { "workers.blocks=8", "data.batch=7" }, "expected at most data.batch (7), found 8" },
    { { "workers.ranks=8", "data.batch=7" }, "expected at most data.batch (7), found 8" },
    { { "workers.ranks=0" }, "expected a whole number from 1 to 64, found \"0\"" },
    { { "workers.ranks=65" }, "expected a whole number from 1 to 64, found \"65\"" },
    { { "workers.blocks=0" }, "expected a whole number from 1 to 64, found \"0\"" },
    { { "workers.blocks=65" }, "expected a whole number from 1 to 64, found \"65\"" },

    /* many models at once */
    { { "model.columns.kind=fold", "model.columns.count=5", "model.family=mlp",
        "model.widths=[3]" },
      "expected model.family: linear beside it, found mlp" },
    { { "model.columns.count=5" },
      "expected kind: bootstrap, fold or permutation beside it, found "
      "one" },
    { { "model.columns.count=1", "model.columns.kind=bootstrap" },
      "expected at least 2 with kind: bootstrap, fold or permutation, found 1" },
    { { "model.columns.kind=fold", "model.columns.count=2", "model.loss.kind=distillation",
        "model.loss.teacher=t" },
      "expected one with model.loss.kind: distillation, found another kind" },
    { { "model.columns.kind=fold", "model.columns.count=2", "model.loss.kind=nce" },
      "expected one with model.loss.kind: nce, found another kind" },
};

static void each_combination_without_sense_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(refused); i++) {
        const combination *c = &refused[i];
        const char *set = c->sets[0];
        char expected[512];
        vx_job *job = NULL;
        vx_error err = { 0 };

        (void)snprintf(expected, sizeof(expected), "--set %s: %.*s: %s", set,
                       (int)strcspn(set, "="), set, c->message);
        vx_assert_status(parse_job_with(JOB_SMALL, c->sets, count_of(c->sets), &job, &err),
                         VX_ERR_CONFIG, &err);
        assert_string_equal(err.message, expected);
        assert_null(job);
    }
}

static const char *const taken[][SETS_MAX] = {
    { "data.format=npy", "model.likelihood=gaussian", "model.variance=2" },
    { "data.format=csv", "data.train_labels=''", "data.test_labels=''", "data.csv.target=y",
      "model.likelihood=bernoulli" },
    { "data.format=svmlight", "data.train_labels=''", "data.test_labels=''",
      "data.svmlight.first=0", "data.svmlight.features=47236" },
    { "data.format=cifar", "data.train_labels=''", "data.test_labels=''", "data.train_more=[b, c]",
      "data.classes=100", "model.family=resmlp", "model.patch=4", "model.residual_scale=0" },
    { "data.shard=files", "data.files=[a, b, c, d]" },
    { "workers.ranks=2", "workers.blocks=6" },
    { "workers.ranks=6", "workers.blocks=6" },
    { "workers.ranks=64", "data.batch=64" },
    { "data.shard=sorted", "model.likelihood=negative_binomial", "model.dispersion=0.5",
      "data.alpha=3" },
    { "model.widths=[3]", "model.activation=gelu" }, /* linear ignores them, as it always did */
    { "model.family=mlp", "model.widths=[3]", "model.layer_norm=true", "model.residual=true",
      "model.dropout=0.1" },
    { "model.family=lenet5", "model.pool=average", "model.activation=tanh", "model.dropout=0.2" },
    { "model.loss.kind=power", "model.loss.threshold=0.3" },
    { "model.loss.kind=smoothing", "model.likelihood=bernoulli" },
    { "model.loss.kind=distillation", "model.loss.teacher=t", "model.family=lenet5" },
    { "model.columns.kind=permutation", "model.columns.count=100", "model.likelihood=poisson" },
    { "model.dropout=0", "model.loss.gamma=2", "data.csv.delimiter=','", "model.plugin=''" },
};

static void combinations_with_sense_are_taken(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(taken); i++) {
        vx_job *job = NULL;
        vx_error err = { 0 };

        vx_assert_ok(parse_job_with(JOB_SMALL, taken[i], count_of(taken[i]), &job, &err), &err);
        vx_job_destroy(job);
    }
}

static void a_plugin_needs_no_family(void **state)
{
    static const char *const overrides[] = { "model.plugin=p.so" };
    vx_job *job = NULL;
    vx_error err = { 0 };
    (void)state;

    vx_assert_ok(parse_job_with(JOB_HEAD JOB_WORKERS JOB_OPTIMISER, overrides, 1, &job, &err),
                 &err);
    assert_int_equal(job->model.family, VX_JOB_FAMILY_PLUGIN);
    assert_string_equal(job->model.plugin, "/run/job/p.so");
    vx_job_destroy(job);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_combination_without_sense_is_refused),
        cmocka_unit_test(combinations_with_sense_are_taken),
        cmocka_unit_test(a_plugin_needs_no_family),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
