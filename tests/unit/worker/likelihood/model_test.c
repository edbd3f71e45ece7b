#include <vx_test/check.h>

#include <vx_base/alloc.h>

#include <math.h>
#include <string.h>

#include "net.h"

static const size_t widths[] = { 5, 3 };
static const vx_model_spec spec = { .family = "mlp",
                                    .features = 4,
                                    .outputs_data = 2,
                                    .widths = widths,
                                    .widths_count = 2,
                                    .activation = VX_ACTIVATION_RELU,
                                    .batch_max = 8 };

/*
 * Two inputs, two relu units, two classes:
 *     z = (1 x_1 + 2 x_2 + 0.5, -1 x_1 + 0 x_2 + 0), a = max(z, 0)
 *     logits = (a_1, 0)
 * With x = (1, -1): z = (-0.5, -1), a = (0, 0): logits equal, nll log 2, only the biases of the
 * logits learn. With x = (log 3 - 0.5, 0): z_1 = log 3, z_2 < 0, logits (log 3, 0): softmax 3/4.
 */
static void a_network_by_hand(void **state)
{
    static const size_t two[] = { 2 };
    const vx_model_spec hand = { .family = "mlp",
                                 .features = 2,
                                 .outputs_data = 2,
                                 .widths = two,
                                 .widths_count = 1,
                                 .activation = VX_ACTIVATION_RELU,
                                 .batch_max = 1 };
    const float theta[12] = { 1, 2, -1, 0, 0.5f, 0, 1, 0, 0, 0, 0, 0 };
    const float x = logf(3) - 0.5f;
    const struct {
        float x[2];
        uint32_t label;
        double nll, gradient[12];
    } cases[] = {
        { { 1, -1 }, 0, log(2), { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, -0.5, 0.5 } },
        { { x, 0 },
          1, /* delta = (3/4, -3/4); below: only unit 1 lives, delta_1 = 3/4 */
          log(4),
          { 0.75 * (double)x, 0, 0, 0, 0.75, 0, 0.75 * log(3), 0, -0.75 * log(3), 0, 0.75,
            -0.75 } },
    };
    vx_model *model = net_create(&hand);
    (void)state;

    assert_int_equal(vx_model_dimension(model), 12);
    for (size_t c = 0; c < 2; c++) {
        const vx_batch batch = { .features = { cases[c].x, 1, 2, 2 }, .labels = &cases[c].label };
        float gradient[12];
        double nll = 0;

        vx_assert_ok(vx_model_nll_gradient(model, (vx_cvecf){ theta, 12 }, &batch,
                                           (vx_vecf){ gradient, 12 }, &nll),
                     NULL);
        vx_assert_close(nll, cases[c].nll, 1e-6, 0);
        for (size_t i = 0; i < 12; i++)
            vx_assert_close((double)gradient[i], cases[c].gradient[i], 1e-6, 0);
    }
    vx_model_destroy(model);
}

static void the_tensors_follow_each_other_without_gaps(void **state)
{
    static const struct {
        const char *name;
        size_t rank, shape[2];
    } expected[] = {
        { "layer1.weight", 2, { 5, 4 } }, { "layer1.bias", 1, { 5, 0 } },
        { "layer2.weight", 2, { 3, 5 } }, { "layer2.bias", 1, { 3, 0 } },
        { "layer3.weight", 2, { 2, 3 } }, { "layer3.bias", 1, { 2, 0 } },
    };
    vx_model *model = net_create(&spec);
    size_t offset = 0;
    (void)state;

    assert_int_equal(vx_model_tensor_count(model), 6);
    for (size_t t = 0; t < 6; t++) {
        vx_model_tensor tensor = vx_model_tensor_at(model, t);

        assert_string_equal(tensor.name, expected[t].name);
        assert_int_equal(tensor.rank, expected[t].rank);
        assert_int_equal(tensor.shape[0], expected[t].shape[0]);
        assert_int_equal(tensor.offset, offset);
        offset += tensor.shape[0] * (tensor.rank == 2 ? expected[t].shape[1] : 1);
        assert_true(tensor.rank == 1 || tensor.shape[1] == expected[t].shape[1]);
    }
    assert_int_equal(offset, vx_model_dimension(model));
    vx_model_destroy(model);
}

static void the_linear_family_has_no_hidden_layer_whatever_the_widths(void **state)
{
    vx_model_spec linear = spec;
    vx_model *model = NULL;
    (void)state;

    linear.family = "linear";
    model = net_create(&linear);
    assert_int_equal(vx_model_tensor_count(model), 2);
    assert_int_equal(vx_model_dimension(model), 2 * (4 + 1));
    vx_model_destroy(model);
}

static void check_refused(vx_model_spec bad, vx_status expected, const char *text)
{
    vx_model *model = NULL;
    vx_error err = { 0 };

    vx_assert_status(vx_model_create(&bad, &model, &err), expected, &err);
    assert_null(model);
    if (strstr(err.message, text) == NULL)
        fail_msg("'%s' is not in: %s", text, err.message);
}

static void a_spec_that_makes_no_model_is_refused_with_the_reason(void **state)
{
    static const size_t zero[] = { 3, 0 }, huge[] = { (size_t)1 << 31, (size_t)1 << 31 };
    static const size_t sum[] = { 1u << 16, 1u << 16 }; /* each layer fits, both together do not */
    vx_model_spec bad = spec;
    (void)state;

    bad.family = "transformer";
    check_refused(bad, VX_ERR_CONFIG, "resmlp or plugin, found 'transformer'");
    for (size_t i = 0; i < vx_model_family_count(); i++) /* the message names every family */
        check_refused(bad, VX_ERR_CONFIG, vx_model_family_name(i));
    bad = spec;
    bad.widths = zero;
    check_refused(bad, VX_ERR_CONFIG, "layer 2 has width 0");
    bad = spec;
    bad.outputs_data = 0;
    check_refused(bad, VX_ERR_CONFIG, "width 0");
    bad = spec;
    bad.features = 0;
    check_refused(bad, VX_ERR_CONFIG, "width 0");
    bad = spec;
    bad.widths = huge;
    check_refused(bad, VX_ERR_LIMIT, "4294967296 parameters");
    bad.widths = sum;
    check_refused(bad, VX_ERR_LIMIT, "4294967296 parameters");
    bad.features = SIZE_MAX;
    check_refused(bad, VX_ERR_LIMIT, "4294967296 parameters");
}

static void what_does_not_fit_is_refused(void **state)
{
    vx_model *model = net_create(&spec);
    size_t d = vx_model_dimension(model);
    float theta[NET_THETA_MAX] = { 0 }, gradient[NET_THETA_MAX];
    net_sample sample = { 0 };
    vx_batch good = net_batch(&sample, 0, 8, 4, false);
    const vx_batch bad[] = { net_batch(&sample, 0, 9, 4, false), net_batch(&sample, 0, 0, 4, false),
                             net_batch(&sample, 0, 2, 3, false),
                             net_batch(&sample, 0, 2, 5, false) };
    double nll = 77;
    (void)state;

    for (size_t b = 0; b < 4; b++)
        vx_assert_status(vx_model_nll_gradient(model, (vx_cvecf){ theta, d }, &bad[b],
                                               (vx_vecf){ gradient, d }, &nll),
                         VX_ERR_SHAPE, NULL);
    for (size_t k = 0; k < 3; k += 2) {
        vx_assert_status(vx_model_nll_gradient(model, (vx_cvecf){ theta, d - 1 + k }, &good,
                                               (vx_vecf){ gradient, d }, &nll),
                         VX_ERR_SHAPE, NULL);
        vx_assert_status(vx_model_nll_gradient(model, (vx_cvecf){ theta, d }, &good,
                                               (vx_vecf){ gradient, d - 1 + k }, &nll),
                         VX_ERR_SHAPE, NULL);
    }
    vx_assert_close(nll, 77, 0, 0);
    vx_assert_ok(
        vx_model_nll_gradient(model, (vx_cvecf){ theta, d }, &good, (vx_vecf){ gradient, d }, &nll),
        NULL);
    vx_model_destroy(model);
}

static void parameters_that_overflow_are_told_and_written_all_the_same(void **state)
{
    vx_model *model = net_create(&spec);
    size_t d = vx_model_dimension(model), bad = 0;
    vx_rng rng = vx_rng_stream(3, VX_RNG_TEST, 0, 0);
    float theta[NET_THETA_MAX], gradient[NET_THETA_MAX] = { 0 };
    net_sample sample;
    vx_batch batch;
    double nll = 0;
    (void)state;

    net_sample_fill(&sample, &rng, 8, 4, 2);
    batch = net_batch(&sample, 0, 8, 4, false);
    for (size_t i = 0; i < d; i++)
        theta[i] = i % 2 == 0 ? 3e38f : -3e38f;
    vx_assert_status(vx_model_nll_gradient(model, (vx_cvecf){ theta, d }, &batch,
                                           (vx_vecf){ gradient, d }, &nll),
                     VX_ERR_NONFINITE, NULL);
    for (size_t i = 0; i < d; i++)
        bad += isfinite(gradient[i]) ? 0 : 1;
    assert_true(bad > 0 || !isfinite(nll));
    theta[0] = (float)nan(""); /* one is enough */
    for (size_t i = 1; i < d; i++)
        theta[i] = 0.1f;
    vx_assert_status(vx_model_nll_gradient(model, (vx_cvecf){ theta, d }, &batch,
                                           (vx_vecf){ gradient, d }, &nll),
                     VX_ERR_NONFINITE, NULL);
    vx_model_destroy(model);
}

/* tanh(0) = 0 keeps the logits at 0; what goes back through the weights of 3e38 overflows. */
static void a_gradient_that_overflows_is_told_though_the_nll_is_finite(void **state)
{
    static const size_t one[] = { 1 };
    const vx_model_spec narrow = { .family = "mlp",
                                   .features = 1,
                                   .outputs_data = 2,
                                   .widths = one,
                                   .widths_count = 1,
                                   .activation = VX_ACTIVATION_TANH,
                                   .batch_max = 1 };
    const float theta[6] = { 0, 0, 3e38f, -3e38f, 0, 0 }, x = 4;
    const uint32_t label = 0;
    const vx_batch batch = { .features = { &x, 1, 1, 1 }, .labels = &label };
    vx_model *model = net_create(&narrow);
    float gradient[6];
    double nll = 0;
    (void)state;

    vx_assert_status(vx_model_nll_gradient(model, (vx_cvecf){ theta, 6 }, &batch,
                                           (vx_vecf){ gradient, 6 }, &nll),
                     VX_ERR_NONFINITE, NULL);
    vx_assert_close(nll, log(2), 1e-7, 0);
    assert_true(isinf(gradient[0]) && gradient[4] == -0.5f && gradient[5] == 0.5f);
    vx_model_destroy(model);
}

static void create_survives_the_failure_of_every_allocation(void **state)
{
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
    /* model, network, layers, a buffer of each dense layer (relu is in place), two of deltas; head
     * with totals and scratch; weights, columns; then the success */
    assert_int_equal(k, 3 + 3 + 2 + 3 + 2 + 1);
    assert_null(vx_model_destroy(model));
    assert_null(vx_model_destroy(NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_network_by_hand),
        cmocka_unit_test(the_tensors_follow_each_other_without_gaps),
        cmocka_unit_test(the_linear_family_has_no_hidden_layer_whatever_the_widths),
        cmocka_unit_test(a_spec_that_makes_no_model_is_refused_with_the_reason),
        cmocka_unit_test(what_does_not_fit_is_refused),
        cmocka_unit_test(parameters_that_overflow_are_told_and_written_all_the_same),
        cmocka_unit_test(a_gradient_that_overflows_is_told_though_the_nll_is_finite),
        cmocka_unit_test(create_survives_the_failure_of_every_allocation),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
