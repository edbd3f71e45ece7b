#include <vx_test/check.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

#include <vx_base/alloc.h>
#include <vx_likelihood/gradcheck.h>
#include <vx_likelihood/model64.h>

#include "batch.h"

#define ROWS 20

static char path[512];

static const char *path_of(const char *name)
{
    snprintf(path, sizeof(path), "%s/%s.so", PLUGINS, name);
    return path;
}

static vx_model_spec spec_of(const char *name)
{
    return (vx_model_spec){ .family = "plugin",
                            .features = 3,
                            .outputs_data = 1,
                            .likelihood = VX_LIKELIHOOD_POISSON,
                            .plugin = path_of(name),
                            .batch_max = ROWS };
}

static vx_model *create(const vx_model_spec *spec)
{
    vx_model *model = NULL;
    vx_error err = { 0 };

    vx_assert_ok(vx_model_create(spec, &model, &err), &err);
    return model;
}

static void the_example_has_the_slopes_of_its_loss(void **state)
{
    static const vx_gradcheck_options how = { .seed = 5, .points = 4 };
    vx_model_spec spec = spec_of("zero_inflated_poisson");
    (void)state;

    for (int k = 0; k < 4; k++) {
        batch_data *data = batch_create(
            &spec, (batch_options){ .rows = ROWS, .weighted = k % 2 == 1, .sparse = false }, 2);
        vx_gradcheck_result result;
        vx_error err = { 0 };

        spec.l2 = k < 2 ? 0 : 0.5;
        vx_assert_ok(vx_gradcheck(&spec, &data->batch, &how, &result, &err), &err);
        assert_true(result.worst < 1e-6 && result.float_worst < 1e-6);
        assert_int_equal(result.checked, 4 * 5);
        batch_free(data);
    }
}

static void the_example_is_a_model_like_any_other(void **state)
{
    vx_model_spec spec = spec_of("zero_inflated_poisson");
    batch_data *data = batch_create(&spec, (batch_options){ .rows = ROWS, .sparse = true }, 2);
    float theta[5] = { 0 }, gradient[5], predicted[ROWS];
    vx_evaluation sums = { 0 };
    vx_model *model = NULL;
    double nll = 0, sparse_nll = 0;
    (void)state;

    spec.options = "inflation=0.25";
    spec.sparse = true;
    model = create(&spec);
    assert_int_equal(vx_model_dimension(model), 5);
    assert_int_equal(vx_model_tensor_count(model), 3);
    assert_string_equal(vx_model_tensor_at(model, 2).name, "inflation");
    assert_int_equal(vx_model_tensor_at(model, 2).offset, 4);
    assert_true(vx_model_tensor_at(model, 0).is_weight && !vx_model_tensor_at(model, 1).is_weight);
    vx_model_initialise(model, 1, (vx_vecf){ theta, 5 });
    vx_assert_close((double)theta[4], -log(3), 1e-6, 0);
    vx_assert_ok(vx_model_nll_gradient(model, (vx_cvecf){ theta, 5 }, &data->batch,
                                       (vx_vecf){ gradient, 5 }, &sparse_nll),
                 NULL);
    data->batch.sparse = NULL;
    data->batch.features = (vx_cmatf){ data->features, ROWS, 3, 3 };
    vx_assert_ok(vx_model_nll_gradient(model, (vx_cvecf){ theta, 5 }, &data->batch,
                                       (vx_vecf){ gradient, 5 }, &nll),
                 NULL);
    vx_assert_close(sparse_nll, nll, 1e-14, 0);
    vx_assert_ok(vx_model_evaluate(model, (vx_cvecf){ theta, 5 }, &data->batch, &sums), NULL);
    vx_assert_close(sums.nll_sum, ROWS * nll, 1e-12, 0);
    assert_int_equal(sums.count, ROWS);
    vx_assert_ok(vx_model_predict(model, (vx_cvecf){ theta, 5 }, &data->batch,
                                  (vx_matf){ predicted, ROWS, 1, 1 }),
                 NULL);
    vx_assert_close((double)predicted[7], 0.75, 1e-6, 0); /* m = 1 */
    vx_model_destroy(model);
    batch_free(data);
}

static void note(void *context, size_t offset, size_t count)
{
    size_t *told = context;

    told[0]++;
    told[1] += offset;
    told[2] += count;
}

/* It divides by the weights that it sees; those of the whole batch are put in their place. */
static void parts_of_a_batch_add_up_with_a_plugin_too(void **state)
{
    vx_model_spec spec = spec_of("zero_inflated_poisson");
    batch_data *data = batch_create(&spec, (batch_options){ .rows = ROWS, .weighted = true }, 2);
    float theta[5], whole[5], parts[2][5];
    size_t told[3] = { 0 };
    vx_flow flow = { note, told };
    double totals[1] = { 0 }, nll = 0, shares[2] = { 0 };
    vx_model *model = NULL;

    (void)state;
    spec.l2 = 0.5;
    model = create(&spec);
    vx_model_initialise(model, 1, (vx_vecf){ theta, 5 });
    theta[0] = 0.3f; /* else l2 has nothing to do */
    for (size_t i = 0; i < ROWS; i++)
        totals[0] += (double)data->weights[i];
    data->batch.flow = &flow;
    vx_assert_ok(vx_model_nll_gradient(model, (vx_cvecf){ theta, 5 }, &data->batch,
                                       (vx_vecf){ whole, 5 }, &nll),
                 NULL);
    assert_int_equal(told[0], 1);
    assert_int_equal(told[1], 0);
    assert_int_equal(told[2], 5);
    for (size_t p = 0; p < 2; p++) {
        vx_batch part = batch_part(&spec, data, p == 0 ? 0 : 6, p == 0 ? 6 : ROWS - 6);

        part.totals = totals;
        part.without_l2 = p == 1;
        vx_assert_ok(vx_model_nll_gradient(model, (vx_cvecf){ theta, 5 }, &part,
                                           (vx_vecf){ parts[p], 5 }, &shares[p]),
                     NULL);
    }
    vx_assert_close(shares[0] + shares[1], nll, 1e-12, 0);
    for (size_t i = 0; i < 5; i++)
        vx_assert_close((double)parts[0][i] + (double)parts[1][i], (double)whole[i], 1e-5, 1e-6);
    vx_model_destroy(model);
    batch_free(data);
}

static void expect_refused(vx_model_spec spec, vx_status expected, const char *text)
{
    vx_model *model = NULL;
    vx_error err = { 0 };

    vx_assert_status(vx_model_create(&spec, &model, &err), expected, &err);
    assert_null(model);
    if (strstr(err.message, text) == NULL || strchr(err.message, '\n') != NULL)
        fail_msg("'%s' is not in: %s", text, err.message);
}

static void what_is_no_plugin_is_refused_with_the_reason(void **state)
{
    static const struct {
        const char *name;
        vx_status expected;
        const char *text;
    } cases[] = {
        { "missing", VX_ERR_NOT_FOUND, "no such file: " },
        { "no_abi", VX_ERR_CONFIG, "no symbol vexil_model_abi" },
        { "other_abi", VX_ERR_CONFIG, "interface version 99, this Vexil has 1" },
        { "no_entry", VX_ERR_CONFIG, "no symbol vexil_model_entry" },
        { "no_table", VX_ERR_CONFIG, "gives no table" },
        { "small_table", VX_ERR_CONFIG, "gives no table" },
        { "no_name", VX_ERR_CONFIG, "[a-z0-9_]" },
        { "bad_name", VX_ERR_CONFIG, "[a-z0-9_]" },
        { "no_gradient", VX_ERR_CONFIG, "lacks a function" },
        { "half_predict", VX_ERR_CONFIG, "expected both or none" },
        { "dimension_0", VX_ERR_CONFIG, "no parameters" },
        { "dimension_large", VX_ERR_LIMIT, "4294967296 parameters" },
        { "tensors_0", VX_ERR_LIMIT, "0 tensors, expected 1..512" },
        { "tensors_many", VX_ERR_LIMIT, "513 tensors" },
        { "bad_tensor", VX_ERR_CONFIG, "the name of tensor 0" },
        { "notes_name", VX_ERR_CONFIG, "tensor 0 cannot be called __metadata__" },
        { "same_names", VX_ERR_CONFIG, "tensors 0 and 1 are both called theta" },
        { "rank_5", VX_ERR_CONFIG, "rank 5" },
        { "shape_0", VX_ERR_CONFIG, "does not fit" },
        { "shape_large", VX_ERR_CONFIG, "does not fit" },
        { "short_tensors", VX_ERR_CONFIG, "2 parameters, its tensors hold 1" },
    };
    vx_model_spec spec = spec_of("right");
    (void)state;

    for (size_t k = 0; k < sizeof(cases) / sizeof(cases[0]); k++)
        expect_refused(spec_of(cases[k].name), cases[k].expected, cases[k].text);
    spec.plugin = NULL;
    expect_refused(spec, VX_ERR_CONFIG, "with a slash");
    spec.plugin = "libm.so.6"; /* nothing is searched for */
    expect_refused(spec, VX_ERR_CONFIG, "with a slash, found 'libm.so.6'");
    spec.plugin = "/etc/passwd";
    expect_refused(spec, VX_ERR_CONFIG, "/etc/passwd: ");
    spec = spec_of("right");
    spec.loss = (vx_loss_spec){ .kind = VX_LOSS_SMOOTHING, .epsilon = 0.1 };
    spec.likelihood = VX_LIKELIHOOD_CATEGORICAL;
    expect_refused(spec, VX_ERR_CONFIG, "a plugin has its own");
    spec = spec_of("right");
    spec.columns = 2;
    expect_refused(spec, VX_ERR_CONFIG, "model.columns");
}

static void a_plugin_that_refuses_its_data_is_quoted(void **state)
{
    vx_model_spec spec = spec_of("right");
    (void)state;

    spec.options = "refuse";
    expect_refused(spec, VX_ERR_CONFIG, "right: line one?of two");
    spec.options = "unended";
    expect_refused(spec, VX_ERR_CONFIG, "xxx");
    spec.options = "silent";
    expect_refused(spec, VX_ERR_CONFIG, "it does not say why");
    spec.options = "no model";
    expect_refused(spec, VX_ERR_CONFIG, "gives no model");
    spec = spec_of("zero_inflated_poisson");
    spec.outputs_data = 2;
    expect_refused(spec, VX_ERR_CONFIG, "one count");
    spec.outputs_data = 1;
    spec.options = "inflation=1";
    expect_refused(spec, VX_ERR_CONFIG, "found 'inflation=1'");
}

static void a_gradient_that_fails_is_not_finite(void **state)
{
    vx_model_spec spec = spec_of("right");
    vx_model *model = create(&spec);
    batch_data *data = batch_create(&spec, (batch_options){ .rows = ROWS }, 2);
    float theta = 3, gradient = 0, outputs[ROWS];
    vx_evaluation sums = { 0 };
    double nll = 0;
    (void)state;

    vx_assert_ok(vx_model_nll_gradient(model, (vx_cvecf){ &theta, 1 }, &data->batch,
                                       (vx_vecf){ &gradient, 1 }, &nll),
                 NULL);
    assert_true(gradient == 6 && nll == 9);
    vx_assert_status(vx_model_predict(model, (vx_cvecf){ &theta, 1 }, &data->batch,
                                      (vx_matf){ outputs, ROWS, 0, 1 }),
                     VX_ERR_USAGE, NULL);
    theta = 13;
    vx_assert_status(vx_model_nll_gradient(model, (vx_cvecf){ &theta, 1 }, &data->batch,
                                           (vx_vecf){ &gradient, 1 }, &nll),
                     VX_ERR_NONFINITE, NULL);
    assert_true(isnan(gradient) && isnan(nll));
    vx_assert_status(vx_model_evaluate(model, (vx_cvecf){ &theta, 1 }, &data->batch, &sums),
                     VX_ERR_NONFINITE, NULL);
    vx_model_destroy(model);
    batch_free(data);
}

/* What was there before, of another batch, would be taken for its predictions. */
static void predictions_that_fail_are_not_finite(void **state)
{
    vx_model_spec spec = spec_of("fails_to_predict");
    vx_model *model = create(&spec);
    batch_data *data = batch_create(&spec, (batch_options){ .rows = ROWS }, 2);
    float theta = 3, outputs[2 * ROWS] = { 0 };
    (void)state;

    vx_assert_status(vx_model_predict(model, (vx_cvecf){ &theta, 1 }, &data->batch,
                                      (vx_matf){ outputs, ROWS, 1, 2 }),
                     VX_ERR_NONFINITE, NULL);
    for (size_t i = 0; i < ROWS; i++)
        assert_true(isnan(outputs[2 * i]) && outputs[2 * i + 1] == 0);
    vx_model_destroy(model);
    batch_free(data);
}

static void a_check_needs_a_gradient_in_double(void **state)
{
    vx_model_spec spec = spec_of("right");
    vx_model64 *model = NULL;
    vx_error err = { 0 };
    (void)state;

    vx_assert_status(vx_model_create64(&spec, &model, &err), VX_ERR_CONFIG, &err);
    assert_non_null(strstr(err.message, "gradient64"));
}

static void create_survives_the_failure_of_every_allocation(void **state)
{
    vx_model_spec spec = spec_of("zero_inflated_poisson");
    vx_model *model = NULL;
    int k = 0;
    (void)state;

    for (vx_status status = VX_ERR_NOMEM; status != VX_OK; k++) {
        int left = k;

        vx_alloc_set_hook(vx_test_fail_at_zero, &left);
        status = vx_model_create(&spec, &model, NULL);
        vx_alloc_set_hook(NULL, NULL);
        assert_true(status == VX_OK || (status == VX_ERR_NOMEM && model == NULL));
    }
    assert_in_range(k, 5, 20);
    vx_model_destroy(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_example_has_the_slopes_of_its_loss),
        cmocka_unit_test(the_example_is_a_model_like_any_other),
        cmocka_unit_test(parts_of_a_batch_add_up_with_a_plugin_too),
        cmocka_unit_test(what_is_no_plugin_is_refused_with_the_reason),
        cmocka_unit_test(a_plugin_that_refuses_its_data_is_quoted),
        cmocka_unit_test(a_gradient_that_fails_is_not_finite),
        cmocka_unit_test(predictions_that_fail_are_not_finite),
        cmocka_unit_test(a_check_needs_a_gradient_in_double),
        cmocka_unit_test(create_survives_the_failure_of_every_allocation),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
