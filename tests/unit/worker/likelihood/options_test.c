#include <vx_test/check.h>

#include <math.h>
#include <string.h>

#include "image.h"

/* What an mlp can have between its layers. */
static const size_t widths[] = { 6, 6, 6 };
static const vx_model_spec plain = { .family = "mlp",
                                     .features = 5,
                                     .outputs_data = 3,
                                     .widths = widths,
                                     .widths_count = 3,
                                     .batch_max = IMAGE_ROWS_MAX };

static void every_mixture_of_options_has_the_slopes_of_its_loss(void **state)
{
    (void)state;
    for (int activation = 0; activation < 3; activation++)
        for (int options = 0; options < 8; options++) {
            vx_model_spec spec = plain;

            spec.activation = (vx_activation)activation;
            spec.dropout = (options & 1) != 0 ? 0.3 : 0;
            spec.layer_norm = (options & 2) != 0;
            spec.residual = (options & 4) != 0;
            image_check_slopes(&spec, 9, 0);
        }
}

static size_t dimension(const vx_model_spec *spec)
{
    vx_model *model = NULL;
    vx_error err = { 0 };
    size_t d = 0;

    vx_assert_ok(vx_model_create(spec, &model, &err), &err);
    d = vx_model_dimension(model);
    vx_model_destroy(model);
    return d;
}

static void only_layer_norm_has_parameters(void **state)
{
    size_t d = (5 + 1) * 6 + 2 * (6 + 1) * 6 + (6 + 1) * 3;
    vx_model_spec spec = plain;
    (void)state;

    assert_int_equal(dimension(&spec), d);
    spec.dropout = 0.5;
    spec.residual = true;
    assert_int_equal(dimension(&spec), d);
    spec.layer_norm = true;
    assert_int_equal(dimension(&spec), d + 3 * 2 * 6);
}

static void predict(vx_model *model, const float *theta, const vx_batch *batch, float *ret_outputs)
{
    size_t rows = batch->features.rows;
    size_t outputs = vx_model_outputs(model);

    vx_assert_ok(vx_model_predict(model, (vx_cvecf){ theta, vx_model_dimension(model) }, batch,
                                  (vx_matf){ ret_outputs, rows, outputs, outputs }),
                 NULL);
}

/* With weights and biases of all but the first hidden layer at 0, tanh adds nothing: the outputs
 * are those of one hidden layer. */
static void a_residual_block_of_zeros_changes_nothing(void **state)
{
    static image_data data;
    vx_model_spec deep = plain, flat = plain;
    vx_model *models[2] = { NULL, NULL };
    float theta[512] = { 0 }, one[512], outputs[2][10 * 3];
    size_t first = (5 + 1) * 6, last = (6 + 1) * 3, d = 0;
    (void)state;

    deep.activation = flat.activation = VX_ACTIVATION_TANH;
    deep.residual = true;
    flat.widths_count = 1;
    vx_assert_ok(vx_model_create(&deep, &models[0], NULL), NULL);
    vx_assert_ok(vx_model_create(&flat, &models[1], NULL), NULL);
    d = vx_model_dimension(models[0]);
    vx_model_initialise(models[1], 3, (vx_vecf){ one, first + last });
    memcpy(theta, one, first * sizeof(float));
    memcpy(theta + d - last, one + first, last * sizeof(float));
    image_fill(&data, &plain, 10, 1);
    predict(models[0], theta, &data.batch, outputs[0]);
    predict(models[1], one, &data.batch, outputs[1]);
    for (size_t i = 0; i < 10 * 3; i++)
        vx_assert_close((double)outputs[0][i], (double)outputs[1][i], 1e-6, 1e-6);
    vx_model_destroy(models[0]);
    vx_model_destroy(models[1]);
}

static void prediction_and_evaluation_drop_nothing(void **state)
{
    static image_data data;
    vx_model_spec drops = plain;
    vx_model *models[2] = { NULL, NULL };
    vx_evaluation sums[2];
    float theta[512], outputs[2][10 * 3];
    (void)state;

    memset(sums, 0, sizeof(sums));
    drops.dropout = 0.5;
    vx_assert_ok(vx_model_create(&plain, &models[0], NULL), NULL);
    vx_assert_ok(vx_model_create(&drops, &models[1], NULL), NULL);
    vx_model_initialise(models[0], 3, (vx_vecf){ theta, vx_model_dimension(models[0]) });
    image_fill(&data, &plain, 10, 1);
    for (size_t k = 0; k < 2; k++) {
        predict(models[k], theta, &data.batch, outputs[k]);
        vx_assert_ok(vx_model_evaluate(models[k],
                                       (vx_cvecf){ theta, vx_model_dimension(models[k]) },
                                       &data.batch, &sums[k]),
                     NULL);
        vx_model_destroy(models[k]);
    }
    assert_memory_equal(outputs[0], outputs[1], sizeof(outputs[0]));
    assert_true(sums[0].nll_sum == sums[1].nll_sum);
}

static void options_that_do_not_fit_are_refused(void **state)
{
    static const size_t uneven[] = { 6, 6, 7 };
    vx_model_spec bad = plain;
    (void)state;

    bad.residual = true;
    bad.widths = uneven;
    image_expect_refused(&bad, VX_ERR_CONFIG,
                         "model.residual: expected model.widths all the same, found 6 and 7");
    bad.widths_count = 1;
    image_expect_refused(&bad, VX_ERR_CONFIG,
                         "model.residual: expected at least 2 hidden layers, model.widths has 1");
    bad = plain;
    bad.dropout = 1;
    image_expect_refused(&bad, VX_ERR_CONFIG,
                         "model.dropout: expected at least 0 and below 1, found 1");
    bad.dropout = (double)NAN;
    image_expect_refused(&bad, VX_ERR_CONFIG, "model.dropout");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_mixture_of_options_has_the_slopes_of_its_loss),
        cmocka_unit_test(only_layer_norm_has_parameters),
        cmocka_unit_test(a_residual_block_of_zeros_changes_nothing),
        cmocka_unit_test(prediction_and_evaluation_drop_nothing),
        cmocka_unit_test(options_that_do_not_fit_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
