#include <vx_test/check.h>

#include <math.h>
#include <string.h>

#include <vx_likelihood/head.h>
#include <vx_likelihood/model64.h>

static vx_head *head_create(const vx_model_spec *spec)
{
    vx_head *head = NULL;
    vx_error err = { 0 };

    vx_assert_ok(vx_head_create(spec, &head, &err), &err);
    return head;
}

/* nll and slope of one output, in double. */
static double nll_of(const vx_model_spec *spec, double z, double y, double *ret_slope)
{
    vx_head *head = head_create(spec);
    float target = (float)y;
    const vx_batch batch = { .targets = { &target, 1, 1, 1 } };
    vx_model_value value;

    *ret_slope = z;
    value = vx_head_gradient64(head, (vx_mat){ ret_slope, 1, 1, 1 }, &batch);
    vx_head_destroy(head);
    assert_true(value.loss == value.nll);
    return value.nll;
}

static const vx_model_spec gaussian = { .outputs_data = 1,
                                        .likelihood = VX_LIKELIHOOD_GAUSSIAN,
                                        .variance = 4 };
static const vx_model_spec bernoulli = { .outputs_data = 1, .likelihood = VX_LIKELIHOOD_BERNOULLI };
static const vx_model_spec poisson = { .outputs_data = 1, .likelihood = VX_LIKELIHOOD_POISSON };
static const vx_model_spec binomial = { .outputs_data = 1,
                                        .likelihood = VX_LIKELIHOOD_NEGATIVE_BINOMIAL,
                                        .dispersion = 0.5 };

static void densities_have_their_constants(void **state)
{
    double slope = 0;
    (void)state;

    /* N(1; 3, 4) = exp(-1/2) / sqrt(8 pi) */
    vx_assert_close(nll_of(&gaussian, 3, 1, &slope), 0.5 + 0.5 * log(8 * M_PI), 1e-15, 0);
    vx_assert_close(slope, 0.5, 1e-15, 0);
    vx_assert_close(nll_of(&bernoulli, log(3), 1, &slope), log(4.0 / 3), 1e-15, 0);
    vx_assert_close(slope, -0.25, 1e-15, 0);
    vx_assert_close(nll_of(&bernoulli, log(3), 0.5, &slope), 0.5 * log(4.0 / 3) + 0.5 * log(4),
                    1e-15, 0);
    vx_assert_close(slope, 0.25, 1e-15, 0);
    /* Poisson(3; 2) = 8/6 exp(-2) */
    vx_assert_close(nll_of(&poisson, log(2), 3, &slope), 2 - log(8.0 / 6), 1e-14, 0);
    vx_assert_close(slope, -1, 1e-14, 0);
    /* r = 2, m = 3: P(1) = 2 (2/5)^2 (3/5) */
    vx_assert_close(nll_of(&binomial, log(3), 1, &slope), -log(2 * .16 * .6), 1e-14, 0);
    vx_assert_close(slope, (3.0 - 1) / (1 + 0.5 * 3), 1e-14, 0);
}

/* Both laws of counts, as they are defined, and beyond the table of constants. */
static void laws_of_counts_sum_to_1(void **state)
{
    const vx_model_spec *specs[] = { &poisson, &binomial };
    (void)state;

    for (size_t s = 0; s < 2; s++) {
        double sum = 0, mean = 0, slope = 0;

        for (int y = 0; y < 2000; y++) {
            double p = exp(-nll_of(specs[s], log(40), y, &slope));

            sum += p;
            mean += p * y;
        }
        vx_assert_close(sum, 1, 1e-11, 0);
        vx_assert_close(mean, 40, 1e-11, 0);
    }
}

static void extreme_outputs_stay_finite_where_the_law_does(void **state)
{
    double slope = 0;
    (void)state;

    vx_assert_close(nll_of(&bernoulli, 800, 1, &slope), 0, 0, 1e-300);
    vx_assert_close(slope, 0, 0, 1e-15);
    vx_assert_close(nll_of(&bernoulli, -800, 1, &slope), 800, 1e-15, 0);
    vx_assert_close(slope, -1, 0, 0);
    vx_assert_close(nll_of(&bernoulli, 1e300, 0, &slope), 1e300, 1e-15, 0);
    vx_assert_close(nll_of(&poisson, -800, 2, &slope), 1600 + log(2), 1e-15, 0);
    vx_assert_close(slope, -2, 0, 0);
    vx_assert_close(nll_of(&binomial, 800, 0, &slope), 2 * (800 + log(0.5)), 1e-15, 0);
    vx_assert_close(slope, 2, 1e-15, 0);
    assert_true(isinf(nll_of(&poisson, 800, 2, &slope)));
}

/* The loss is minimised, the nll is told. */
static void loss_and_nll_are_two_numbers(void **state)
{
    static const vx_loss_spec losses[] = {
        { .kind = VX_LOSS_SMOOTHING, .epsilon = 0.2 },
        { .kind = VX_LOSS_FOCAL, .gamma = 2 },
        { .kind = VX_LOSS_POWER, .exponent = 0.5 },
        { .kind = VX_LOSS_POWER, .threshold = 0.5 },
        { .kind = VX_LOSS_MIXCE, .eta = 0.25 },
        { .kind = VX_LOSS_UNLIKELIHOOD },
        { .kind = VX_LOSS_DISTILLATION, .mix = 0.5, .temperature = 1 },
    };
    const double q = 0.25; /* of the label; the teacher says 1/2, 1/2 */
    const double expected[] = {
        0.9 * -log(q) + 0.1 * -log(1 - q),
        0.75 * 0.75 * -log(q),
        (1 - sqrt(q)) / 0.5,
        -log(0.5),
        0.25 * -log(q) - 0.75 * q,
        -log(1 - q),
        0.5 * -log(q) + 0.5 * (0.5 * -log(q) + 0.5 * -log(1 - q)),
    };
    const float teacher[2] = { 3, 3 };
    const uint32_t label = 0;
    const vx_batch batch = { .labels = &label, .teacher = { teacher, 1, 2, 2 } };
    (void)state;

    for (size_t k = 0; k < sizeof(losses) / sizeof(losses[0]); k++) {
        const vx_model_spec spec = { .outputs_data = 2, .loss = losses[k] };
        vx_head *head = head_create(&spec);
        double z[2] = { 0, log(3) };
        vx_model_value value = vx_head_gradient64(head, (vx_mat){ z, 1, 2, 2 }, &batch);

        vx_assert_close(value.loss, expected[k], 1e-14, 0);
        vx_assert_close(value.nll, log(4), 1e-14, 0);
        vx_head_destroy(head);
    }
}

/* Far from the label no loss may lose its derivative to 0 x infinity. */
static void losses_stay_finite_for_extreme_logits(void **state)
{
    static const vx_loss_spec losses[] = {
        { .kind = VX_LOSS_SMOOTHING, .epsilon = 0.2 },
        { .kind = VX_LOSS_FOCAL, .gamma = 0.5 },
        { .kind = VX_LOSS_POWER, .exponent = 0.5 },
        { .kind = VX_LOSS_POWER, .threshold = 0.5 },
        { .kind = VX_LOSS_MIXCE, .eta = 0.25 },
        { .kind = VX_LOSS_UNLIKELIHOOD },
        { .kind = VX_LOSS_DISTILLATION, .mix = 0.5, .temperature = 2 },
        { .kind = VX_LOSS_NCE, .noise = 3 },
    };
    const float teacher[3] = { 0, 500, -500 };
    (void)state;

    for (size_t k = 0; k < sizeof(losses) / sizeof(losses[0]); k++) {
        const vx_model_spec spec = { .outputs_data = 3, .loss = losses[k] };
        vx_head *head = head_create(&spec);

        for (uint32_t label = 0; label < 3; label++) {
            const vx_batch batch = { .labels = &label, .teacher = { teacher, 1, 3, 3 } };
            float z[3] = { 1000, -1000, 0 };
            double wide[3] = { 1000, -1000, 0 };
            vx_model_value value = vx_head_gradient(head, (vx_matf){ z, 1, 3, 3 }, &batch);
            vx_model_value wider = vx_head_gradient64(head, (vx_mat){ wide, 1, 3, 3 }, &batch);

            assert_true(isfinite(value.loss) && isfinite(value.nll));
            vx_assert_close(value.loss, wider.loss, 1e-6, 1e-6);
            for (size_t c = 0; c < 3; c++)
                vx_assert_close((double)z[c], wide[c], 1e-5, 1e-6);
        }
        vx_head_destroy(head);
    }
}

static void check_refused(vx_model_spec spec, const char *text)
{
    vx_head *head = NULL;
    vx_error err = { 0 };

    vx_assert_status(vx_head_create(&spec, &head, &err), VX_ERR_CONFIG, &err);
    assert_null(head);
    if (strstr(err.message, text) == NULL)
        fail_msg("'%s' is not in: %s", text, err.message);
}

static void pairs_that_make_no_sense_are_refused_with_the_reason(void **state)
{
    static const vx_loss_kind kinds[] = { VX_LOSS_SMOOTHING,    VX_LOSS_FOCAL,
                                          VX_LOSS_POWER,        VX_LOSS_MIXCE,
                                          VX_LOSS_UNLIKELIHOOD, VX_LOSS_DISTILLATION,
                                          VX_LOSS_NCE };
    (void)state;

    for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++) {
        vx_model_spec spec = gaussian;

        spec.loss.kind = kinds[k];
        check_refused(spec, "gaussian has none");
        spec = poisson;
        spec.loss.kind = kinds[k];
        check_refused(spec, "poisson has none");
        spec = bernoulli;
        spec.loss.kind = kinds[k];
        if (kinds[k] != VX_LOSS_SMOOTHING && kinds[k] != VX_LOSS_DISTILLATION)
            check_refused(spec, "categorical with 2 classes");
    }
}

static void numbers_out_of_range_are_refused_by_their_key(void **state)
{
    static const double law[3] = { 0.5, 0.5, 0 }, sum[3] = { 0.5, 0.5, 0.5 };
    const struct {
        vx_model_spec spec;
        const char *text;
    } cases[] = {
        { { .likelihood = VX_LIKELIHOOD_GAUSSIAN }, "model.variance" },
        { { .likelihood = VX_LIKELIHOOD_GAUSSIAN, .variance = (double)-1 }, "found -1" },
        { { .likelihood = VX_LIKELIHOOD_NEGATIVE_BINOMIAL }, "model.dispersion" },
        { { .likelihood = (vx_likelihood)77 }, "model.likelihood" },
        { { .loss = { .kind = (vx_loss_kind)77 } }, "model.loss" },
        { { .loss = { .kind = VX_LOSS_SMOOTHING, .epsilon = 1 } }, "model.loss.epsilon" },
        { { .loss = { .kind = VX_LOSS_FOCAL, .gamma = -1 } }, "model.loss.gamma" },
        { { .loss = { .kind = VX_LOSS_FOCAL, .gamma = nan("") } }, "model.loss.gamma" },
        { { .loss = { .kind = VX_LOSS_POWER, .exponent = -1 } }, "model.loss.exponent" },
        { { .loss = { .kind = VX_LOSS_POWER, .threshold = 1 } }, "model.loss.threshold" },
        { { .loss = { .kind = VX_LOSS_MIXCE, .eta = 1.1 } }, "model.loss.eta" },
        { { .loss = { .kind = VX_LOSS_DISTILLATION, .mix = 2, .temperature = 1 } },
          "model.loss.mix" },
        { { .loss = { .kind = VX_LOSS_DISTILLATION } }, "model.loss.temperature" },
        { { .loss = { .kind = VX_LOSS_NCE } }, "model.loss.noise" },
        { { .loss = { .kind = VX_LOSS_NCE, .noise = 513 } }, "1..512" },
        { { .loss = { .kind = VX_LOSS_NCE, .noise = 1 }, .columns = 2 }, "model.columns" },
        { { .loss = { .kind = VX_LOSS_NCE, .noise = 1, .noise_law = law } }, "class 2" },
        { { .loss = { .kind = VX_LOSS_NCE, .noise = 1, .noise_law = sum } }, "found 1.5" },
    };
    (void)state;

    for (size_t k = 0; k < sizeof(cases) / sizeof(cases[0]); k++) {
        vx_model_spec spec = cases[k].spec;

        spec.outputs_data = 3;
        check_refused(spec, cases[k].text);
    }
}

static void targets_outside_a_law_are_told(void **state)
{
    (void)state;
    assert_null(vx_head_target_expected(VX_LIKELIHOOD_GAUSSIAN, -1e30));
    assert_null(vx_head_target_expected(VX_LIKELIHOOD_BERNOULLI, 0.3));
    assert_null(vx_head_target_expected(VX_LIKELIHOOD_POISSON, 7));
    assert_non_null(vx_head_target_expected(VX_LIKELIHOOD_GAUSSIAN, nan("")));
    assert_string_equal(vx_head_target_expected(VX_LIKELIHOOD_BERNOULLI, 1.1), "0..1");
    assert_non_null(vx_head_target_expected(VX_LIKELIHOOD_POISSON, -1));
    assert_non_null(vx_head_target_expected(VX_LIKELIHOOD_NEGATIVE_BINOMIAL, 0.5));
}

/* Deviances by their textbook forms, with weights; two outputs. */
static void evaluations_sum_nll_and_deviance(void **state)
{
    const float targets[4] = { 3, 0, 1, 2 }, weights[2] = { 2, 0.5f };
    const double z[4] = { 0.5, -1, 0.25, 1 };
    const vx_batch batch = { .targets = { targets, 2, 2, 2 }, .weights = weights };
    const vx_model_spec *specs[] = { &gaussian, &poisson, &binomial };
    (void)state;

    for (size_t s = 0; s < 3; s++) {
        vx_model_spec spec = *specs[s];
        vx_evaluation sums = { 0 };
        vx_head *head = NULL;
        double nll = 0, deviance = 0, slope = 0;

        spec.outputs_data = 2;
        head = head_create(&spec);
        vx_head_evaluate64(head, (vx_cmat){ z, 2, 2, 2 }, &batch, &sums);
        for (size_t i = 0; i < 4; i++) {
            double w = (double)weights[i / 2], y = (double)targets[i], m = exp(z[i]);
            double ratio = y > 0 ? y * log(y / m) : 0;

            nll += w * nll_of(specs[s], z[i], y, &slope);
            if (s == 0)
                deviance += w * (y - z[i]) * (y - z[i]) / 4;
            else if (s == 1)
                deviance += w * 2 * (ratio - (y - m));
            else
                deviance += w * 2 * (ratio - (y + 2) * log((1 + y / 2) / (1 + m / 2)));
        }
        vx_assert_close(sums.nll_sum, nll, 1e-14, 0);
        vx_assert_close(sums.deviance_sum, deviance, 1e-13, 0);
        vx_assert_close(sums.weight_sum, 2.5, 0, 0);
        assert_int_equal(sums.count, 2);
        assert_int_equal(sums.correct, 0);
        vx_head_destroy(head);
    }
}

static void bernoulli_is_correct_when_every_output_is(void **state)
{
    const float targets[6] = { 1, 0, 1, 1, 0.2f, 0.9f };
    const double z[6] = { 1, -1, 1, -1, -3, 3 };
    const vx_batch batch = { .targets = { targets, 3, 2, 2 } };
    vx_model_spec spec = bernoulli;
    vx_evaluation sums = { 0 };
    vx_head *head = NULL;
    (void)state;

    spec.outputs_data = 2;
    head = head_create(&spec);
    vx_head_evaluate64(head, (vx_cmat){ z, 3, 2, 2 }, &batch, &sums);
    assert_int_equal(sums.correct, 2);
    assert_true(sums.deviance_sum > 0 && sums.deviance_sum < 2 * sums.nll_sum);
    vx_head_destroy(head);
}

static void predictions_are_the_outputs(void **state)
{
    const vx_model_spec spec = { .family = "linear",
                                 .features = 2,
                                 .outputs_data = 2,
                                 .likelihood = VX_LIKELIHOOD_POISSON,
                                 .batch_max = 2 };
    const float theta[6] = { 1, 2, 3, 4, 5, 6 }, x[4] = { 1, 0, 1, -1 };
    const vx_batch batch = { .features = { x, 2, 2, 2 } };
    vx_model *model = NULL;
    float outputs[2][3] = { { 0 } };
    (void)state;

    vx_assert_ok(vx_model_create(&spec, &model, NULL), NULL);
    assert_int_equal(vx_model_outputs(model), 2);
    assert_int_equal(vx_model_likelihood(model), VX_LIKELIHOOD_POISSON);
    vx_assert_ok(
        vx_model_predict(model, (vx_cvecf){ theta, 6 }, &batch, (vx_matf){ outputs[0], 2, 2, 3 }),
        NULL);
    assert_true(outputs[0][0] == 6 && outputs[0][1] == 9 && outputs[0][2] == 0);
    assert_true(outputs[1][0] == 4 && outputs[1][1] == 5);
    vx_assert_status(
        vx_model_predict(model, (vx_cvecf){ theta, 6 }, &batch, (vx_matf){ outputs[0], 1, 2, 3 }),
        VX_ERR_SHAPE, NULL);
    vx_assert_status(
        vx_model_predict(model, (vx_cvecf){ theta, 6 }, &batch, (vx_matf){ outputs[0], 2, 3, 3 }),
        VX_ERR_SHAPE, NULL);
    vx_model_destroy(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(densities_have_their_constants),
        cmocka_unit_test(laws_of_counts_sum_to_1),
        cmocka_unit_test(extreme_outputs_stay_finite_where_the_law_does),
        cmocka_unit_test(loss_and_nll_are_two_numbers),
        cmocka_unit_test(losses_stay_finite_for_extreme_logits),
        cmocka_unit_test(pairs_that_make_no_sense_are_refused_with_the_reason),
        cmocka_unit_test(numbers_out_of_range_are_refused_by_their_key),
        cmocka_unit_test(targets_outside_a_law_are_told),
        cmocka_unit_test(evaluations_sum_nll_and_deviance),
        cmocka_unit_test(bernoulli_is_correct_when_every_output_is),
        cmocka_unit_test(predictions_are_the_outputs),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
