#include <vx_test/check.h>

#include <math.h>
#include <string.h>

#include <vx_likelihood/gradcheck.h>

#include "batch.h"

#define ROWS 9

static const size_t widths[] = { 6, 5 };
static const double noise_law[] = { 0.4, 0.3, 0.2, 0.1 };

static const vx_likelihood real_likelihoods[] = {
    VX_LIKELIHOOD_GAUSSIAN,
    VX_LIKELIHOOD_BERNOULLI,
    VX_LIKELIHOOD_POISSON,
    VX_LIKELIHOOD_NEGATIVE_BINOMIAL,
};

static const vx_loss_spec class_losses[] = {
    { .kind = VX_LOSS_NLL },
    { .kind = VX_LOSS_SMOOTHING, .epsilon = 0.1 },
    { .kind = VX_LOSS_FOCAL, .gamma = 2 },
    { .kind = VX_LOSS_FOCAL, .gamma = 0.5 },
    { .kind = VX_LOSS_FOCAL, .gamma = 0 },
    { .kind = VX_LOSS_POWER, .exponent = 0.7 },
    { .kind = VX_LOSS_POWER, .exponent = 1 },
    { .kind = VX_LOSS_POWER, .threshold = 0.2 },
    { .kind = VX_LOSS_MIXCE, .eta = 0.3 },
    { .kind = VX_LOSS_MIXCE, .eta = 0 },
    { .kind = VX_LOSS_UNLIKELIHOOD },
    { .kind = VX_LOSS_DISTILLATION, .mix = 0.6, .temperature = 3 },
    { .kind = VX_LOSS_DISTILLATION, .mix = 1, .temperature = 0.5 },
    { .kind = VX_LOSS_NCE, .noise = 7 },
    { .kind = VX_LOSS_NCE, .noise = 5, .noise_law = noise_law },
};
#define CLASS_LOSSES (sizeof(class_losses) / sizeof(class_losses[0]))

static const vx_loss_spec bernoulli_losses[] = {
    { .kind = VX_LOSS_SMOOTHING, .epsilon = 0.2 },
    { .kind = VX_LOSS_DISTILLATION, .mix = 0.4, .temperature = 2 },
};

static vx_model_spec spec_of(const char *family)
{
    return (vx_model_spec){ .family = family,
                            .features = 5,
                            .outputs_data = 4,
                            .widths = widths,
                            .widths_count = 2,
                            .variance = 1.7,
                            .dispersion = 0.4,
                            .batch_max = BATCH_ROWS_MAX };
}

static void expect_right(const vx_model_spec *spec, batch_options options)
{
    static const vx_gradcheck_options how = { .seed = 5, .points = 3 };
    batch_data *data = batch_create(spec, options, 17);
    vx_gradcheck_result result;
    vx_error err = { 0 };

    vx_assert_ok(vx_gradcheck(spec, &data->batch, &how, &result, &err), &err);
    batch_free(data);
    assert_true(result.checked > 0);
    if (result.worst < 1e-6 && result.float_worst < 1e-5)
        return;
    fail_msg("%s likelihood %d loss %d activation %d columns %zu%s: %s[%zu] is %.17g, differences "
             "say %.17g; float is off by %g",
             spec->family, (int)spec->likelihood, (int)spec->loss.kind, (int)spec->activation,
             spec->columns, options.sparse ? " sparse" : "", result.tensor, result.coordinate,
             result.analytic, result.numeric, result.float_worst);
}

/* With weights and without, with l2, with several columns. */
static void check_options(vx_model_spec spec)
{
    for (int sparse = 0; sparse < 2; sparse++) {
        spec.l2 = 0;
        expect_right(&spec, (batch_options){ .rows = ROWS, .sparse = sparse });
        spec.l2 = 0.3;
        expect_right(&spec, (batch_options){ .rows = ROWS, .sparse = sparse, .weighted = true });
        if (strcmp(spec.family, "linear") != 0 || spec.loss.kind == VX_LOSS_NCE)
            continue;
        spec.columns = 3;
        expect_right(&spec, (batch_options){ .rows = ROWS, .sparse = sparse, .weighted = true });
        expect_right(
            &spec, (batch_options){
                       .rows = ROWS, .sparse = sparse, .weighted = true, .column_weighted = true });
        spec.columns = 0;
    }
}

static void check_family(vx_model_spec spec)
{
    spec.likelihood = VX_LIKELIHOOD_CATEGORICAL;
    for (size_t k = 0; k < CLASS_LOSSES; k++) {
        spec.loss = class_losses[k];
        check_options(spec);
    }
    for (size_t k = 0; k < 4; k++) {
        spec.likelihood = real_likelihoods[k];
        spec.loss = (vx_loss_spec){ .kind = VX_LOSS_NLL };
        check_options(spec);
    }
    spec.likelihood = VX_LIKELIHOOD_BERNOULLI;
    for (size_t k = 0; k < 2; k++) {
        spec.loss = bernoulli_losses[k];
        check_options(spec);
    }
}

static void linear_models_have_the_slopes_of_their_loss(void **state)
{
    (void)state;
    check_family(spec_of("linear"));
}

static void mlps_have_the_slopes_of_their_loss(void **state)
{
    (void)state;
    for (int activation = 0; activation < 3; activation++) {
        vx_model_spec spec = spec_of("mlp");

        spec.activation = (vx_activation)activation;
        check_family(spec);
    }
}

static void some_coordinates_can_be_drawn(void **state)
{
    const vx_gradcheck_options how = { .seed = 1, .points = 2, .coordinates = 5 };
    vx_model_spec spec = spec_of("mlp");
    batch_data *data = batch_create(&spec, (batch_options){ .rows = ROWS }, 1);
    vx_gradcheck_result result;
    (void)state;

    vx_assert_ok(vx_gradcheck(&spec, &data->batch, &how, &result, NULL), NULL);
    assert_int_equal(result.checked, 10);
    assert_true(result.worst < 1e-6 && strncmp(result.tensor, "layer", 5) == 0);
    batch_free(data);
}

/* Differences over a step below the last digit of theta are 0. */
/* Steps of 0.5 to 0.002 meet kinks of relu, as the default does where a weight meets many units. */
static void kinks_beside_the_parameters_are_left_out_by_narrower_differences(void **state)
{
    const vx_gradcheck_options how = { .seed = 5, .points = 20, .step = 0.5 };
    vx_model_spec spec = spec_of("mlp");
    batch_data *data = NULL;
    vx_gradcheck_result result;
    (void)state;

    spec.activation = VX_ACTIVATION_RELU;
    data = batch_create(&spec, (batch_options){ .rows = ROWS }, 17);
    vx_assert_ok(vx_gradcheck(&spec, &data->batch, &how, &result, NULL), NULL);
    batch_free(data);
    if (result.worst >= 1e-6)
        fail_msg("%s[%zu] is %.17g, differences say %.17g", result.tensor, result.coordinate,
                 result.analytic, result.numeric);
}

static void slopes_that_differ_from_the_differences_are_told(void **state)
{
    const vx_gradcheck_options how = { .seed = 1, .points = 1, .step = 1e-300 };
    vx_model_spec spec = spec_of("linear");
    batch_data *data = batch_create(&spec, (batch_options){ .rows = ROWS }, 1);
    vx_gradcheck_result result;
    (void)state;

    vx_assert_ok(vx_gradcheck(&spec, &data->batch, &how, &result, NULL), NULL);
    assert_true(result.worst > 0.5);
    batch_free(data);
}

static void what_the_model_refuses_is_told(void **state)
{
    const vx_gradcheck_options how = { .seed = 1, .points = 1 };
    vx_model_spec spec = spec_of("linear");
    batch_data *data = batch_create(&spec, (batch_options){ .rows = ROWS }, 1);
    vx_gradcheck_result result;
    vx_error err = { 0 };
    (void)state;

    spec.family = "quadratic";
    vx_assert_status(vx_gradcheck(&spec, &data->batch, &how, &result, &err), VX_ERR_CONFIG, &err);
    spec.family = "linear";
    spec.features = 6;
    vx_assert_status(vx_gradcheck(&spec, &data->batch, &how, &result, &err), VX_ERR_SHAPE, &err);
    batch_free(data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(linear_models_have_the_slopes_of_their_loss),
        cmocka_unit_test(mlps_have_the_slopes_of_their_loss),
        cmocka_unit_test(some_coordinates_can_be_drawn),
        cmocka_unit_test(kinks_beside_the_parameters_are_left_out_by_narrower_differences),
        cmocka_unit_test(slopes_that_differ_from_the_differences_are_told),
        cmocka_unit_test(what_the_model_refuses_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
