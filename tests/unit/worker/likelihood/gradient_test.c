#include <vx_test/check.h>

#include <vx_base/alloc.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "net.h"

#define FEATURES 6
#define CLASSES  3
#define BATCH    7
#define SEED     11

/*
 * The difference is taken on the plain network in double: with h = 1e-6 it is wrong by about
 * h^2 = 1e-12 of the curve and 2e-16 / h = 2e-10 of rounding. What is left is the float32 of the
 * model: sums of at most 9 products in 4 layers, so a few dozen times 2^-24 = 6e-8 of the largest
 * entry. Every entry must agree within 1e-5 of the largest.
 */
#define H         1e-6
#define TOLERANCE 1e-5

static double largest_of(const float *v, size_t n)
{
    double largest = 0;

    for (size_t i = 0; i < n; i++)
        largest = fmax(largest, fabs((double)v[i]));
    return largest;
}

static void expect_slopes(const vx_model_spec *spec, vx_model *model, const float *theta,
                          const vx_batch *batch)
{
    size_t d = vx_model_dimension(model);
    float gradient[NET_THETA_MAX];
    double plain[NET_THETA_MAX], nll = 0, bound = 0;
    net_result expected;

    for (size_t i = 0; i < d; i++)
        plain[i] = (double)theta[i];
    expected = net_evaluate(spec, plain, batch);
    if (spec->activation == VX_ACTIVATION_RELU) /* no step of H crosses a kink */
        assert_true(expected.kink > 100 * H);
    memset(gradient, 0x7f, sizeof(gradient)); /* it is overwritten, not added to */
    vx_assert_ok(
        vx_model_nll_gradient(model, (vx_cvecf){ theta, d }, batch, (vx_vecf){ gradient, d }, &nll),
        NULL);
    vx_assert_close(nll, expected.nll, 1e-6, 0);
    bound = TOLERANCE * largest_of(gradient, d);
    assert_true(bound > 0);
    for (size_t i = 0; i < d; i++)
        vx_assert_close((double)gradient[i], net_slope(spec, theta, d, batch, i, H), 0, bound);
}

/* At the first parameters and at random ones, with weights and without. */
static void check_model(const vx_model_spec *spec)
{
    vx_model *model = net_create(spec);
    size_t d = vx_model_dimension(model);
    vx_rng rng = vx_rng_stream(SEED, VX_RNG_TEST, 0, 0);
    float theta[NET_THETA_MAX];
    net_sample sample;

    print_message("%s, %zu hidden layers, activation %d, seed %d\n", spec->family,
                  spec->widths_count, (int)spec->activation, SEED);
    net_sample_fill(&sample, &rng, BATCH, FEATURES, CLASSES);
    for (int k = 0; k < 4; k++) {
        vx_batch batch = net_batch(&sample, 0, BATCH, FEATURES, k % 2 == 1);

        if (k < 2)
            vx_model_initialise(model, SEED, (vx_vecf){ theta, d });
        else if (k == 2)
            net_random(&rng, 0.7, theta, d);
        expect_slopes(spec, model, theta, &batch);
    }
    vx_model_destroy(model);
}

static void the_linear_family_has_the_slopes_of_its_nll(void **state)
{
    const vx_model_spec spec = {
        .family = "linear", .features = FEATURES, .outputs_data = CLASSES, .batch_max = BATCH
    };
    (void)state;

    check_model(&spec);
}

static void check_activation(vx_activation activation)
{
    static const size_t widths[4][3] = { { 0 }, { 7 }, { 9, 7 }, { 9, 7, 9 } };

    for (size_t layers = 0; layers < 4; layers++) {
        const vx_model_spec spec = { .family = "mlp",
                                     .features = FEATURES,
                                     .outputs_data = CLASSES,
                                     .widths = widths[layers],
                                     .widths_count = layers,
                                     .activation = activation,
                                     .batch_max = BATCH };

        check_model(&spec);
    }
}

static void relu_networks_have_the_slopes_of_their_nll(void **state)
{
    (void)state;
    check_activation(VX_ACTIVATION_RELU);
}

static void tanh_networks_have_the_slopes_of_their_nll(void **state)
{
    (void)state;
    check_activation(VX_ACTIVATION_TANH);
}

static void gelu_networks_have_the_slopes_of_their_nll(void **state)
{
    (void)state;
    check_activation(VX_ACTIVATION_GELU);
}

static const size_t small_widths[] = { 5, 3 };
static const vx_model_spec small = { .family = "mlp",
                                     .features = FEATURES,
                                     .outputs_data = CLASSES,
                                     .widths = small_widths,
                                     .widths_count = 2,
                                     .activation = VX_ACTIVATION_GELU,
                                     .batch_max = NET_BATCH_MAX };

static void a_batch_of_one_has_the_slopes_of_its_nll(void **state)
{
    vx_model *model = net_create(&small);
    vx_rng rng = vx_rng_stream(SEED, VX_RNG_TEST, 1, 0);
    float theta[NET_THETA_MAX];
    net_sample sample;
    vx_batch batch;
    (void)state;

    net_sample_fill(&sample, &rng, 1, FEATURES, CLASSES);
    net_random(&rng, 0.7, theta, vx_model_dimension(model));
    batch = net_batch(&sample, 0, 1, FEATURES, false);
    expect_slopes(&small, model, theta, &batch);
    vx_model_destroy(model);
}

static void the_parts_of_a_batch_sum_to_the_whole(void **state)
{
    enum { WHOLE = 13, FIRST = 4 };
    vx_model *model = net_create(&small);
    size_t d = vx_model_dimension(model);
    vx_rng rng = vx_rng_stream(SEED, VX_RNG_TEST, 2, 0);
    float theta[NET_THETA_MAX], whole[NET_THETA_MAX], parts[2][NET_THETA_MAX];
    net_sample sample;
    (void)state;

    net_sample_fill(&sample, &rng, WHOLE, FEATURES, CLASSES);
    net_random(&rng, 0.7, theta, d);
    for (int weighted = 0; weighted < 2; weighted++) {
        vx_batch batches[] = { net_batch(&sample, 0, FIRST, FEATURES, weighted),
                               net_batch(&sample, FIRST, WHOLE - FIRST, FEATURES, weighted),
                               net_batch(&sample, 0, WHOLE, FEATURES, weighted) };
        double nll[3], weight[2] = { FIRST, WHOLE - FIRST };

        for (size_t b = 0; b < 3; b++)
            vx_assert_ok(vx_model_nll_gradient(model, (vx_cvecf){ theta, d }, &batches[b],
                                               (vx_vecf){ b < 2 ? parts[b] : whole, d }, &nll[b]),
                         NULL);
        for (size_t b = 0; weighted && b < 2; b++) {
            weight[b] = 0;
            for (size_t i = 0; i < batches[b].features.rows; i++)
                weight[b] += (double)batches[b].weights[i];
        }
        vx_assert_close((nll[0] * weight[0] + nll[1] * weight[1]) / (weight[0] + weight[1]), nll[2],
                        1e-6, 0);
        for (size_t i = 0; i < d; i++)
            vx_assert_close(((double)parts[0][i] * weight[0] + (double)parts[1][i] * weight[1]) /
                                (weight[0] + weight[1]),
                            (double)whole[i], 0, TOLERANCE * largest_of(whole, d));
    }
    vx_model_destroy(model);
}

static void a_weight_of_2_is_the_observation_twice(void **state)
{
    vx_model *model = net_create(&small);
    size_t d = vx_model_dimension(model);
    vx_rng rng = vx_rng_stream(SEED, VX_RNG_TEST, 3, 0);
    float theta[NET_THETA_MAX], twice[NET_THETA_MAX], weighted[NET_THETA_MAX];
    net_sample sample;
    vx_batch batch;
    double nll[2];
    (void)state;

    net_sample_fill(&sample, &rng, 3, FEATURES, CLASSES);
    memcpy(sample.features + 2 * FEATURES, sample.features + FEATURES, FEATURES * sizeof(float));
    sample.labels[2] = sample.labels[1];
    net_random(&rng, 0.7, theta, d);
    batch = net_batch(&sample, 0, 3, FEATURES, false);
    vx_assert_ok(vx_model_nll_gradient(model, (vx_cvecf){ theta, d }, &batch, (vx_vecf){ twice, d },
                                       &nll[0]),
                 NULL);
    sample.weights[0] = 1;
    sample.weights[1] = 2;
    batch = net_batch(&sample, 0, 2, FEATURES, true);
    vx_assert_ok(vx_model_nll_gradient(model, (vx_cvecf){ theta, d }, &batch,
                                       (vx_vecf){ weighted, d }, &nll[1]),
                 NULL);
    vx_assert_close(nll[0], nll[1], 1e-6, 0);
    for (size_t i = 0; i < d; i++)
        vx_assert_close((double)weighted[i], (double)twice[i], 0, TOLERANCE * largest_of(twice, d));
    vx_model_destroy(model);
}

static void declared_classes_that_no_label_has_are_learnt_away(void **state)
{
    const vx_model_spec spec = {
        .family = "linear", .features = FEATURES, .outputs_data = 9, .batch_max = BATCH
    };
    vx_model *model = net_create(&spec);
    size_t d = vx_model_dimension(model);
    vx_rng rng = vx_rng_stream(SEED, VX_RNG_TEST, 4, 0);
    float theta[NET_THETA_MAX] = { 0 }, gradient[NET_THETA_MAX];
    net_sample sample;
    vx_batch batch;
    double nll = 0;
    (void)state;

    net_sample_fill(&sample, &rng, BATCH, FEATURES, CLASSES); /* labels 0..2 of 9 */
    batch = net_batch(&sample, 0, BATCH, FEATURES, false);
    assert_int_equal(d, 9 * (FEATURES + 1));
    expect_slopes(&spec, model, theta, &batch);
    vx_assert_ok(vx_model_nll_gradient(model, (vx_cvecf){ theta, d }, &batch,
                                       (vx_vecf){ gradient, d }, &nll),
                 NULL);
    vx_assert_close(nll, log(9), 1e-6, 0);
    for (size_t k = CLASSES; k < 9; k++) /* at 0 each class has 1/9: their biases go down by that */
        vx_assert_close((double)gradient[9 * FEATURES + k], 1.0 / 9, 1e-6, 0);
    vx_model_destroy(model);
}

static void what_a_larger_batch_left_behind_is_not_seen(void **state)
{
    vx_model *model = net_create(&small);
    size_t d = vx_model_dimension(model);
    vx_rng rng = vx_rng_stream(SEED, VX_RNG_TEST, 5, 0);
    float theta[NET_THETA_MAX], fresh[NET_THETA_MAX], used[NET_THETA_MAX];
    net_sample sample;
    vx_batch large, little;
    double nll = 0;
    (void)state;

    net_sample_fill(&sample, &rng, NET_BATCH_MAX, FEATURES, CLASSES);
    net_random(&rng, 0.7, theta, d);
    large = net_batch(&sample, 0, NET_BATCH_MAX, FEATURES, true);
    little = net_batch(&sample, 3, 2, FEATURES, false);
    vx_assert_ok(
        vx_model_nll_gradient(model, (vx_cvecf){ theta, d }, &little, (vx_vecf){ fresh, d }, &nll),
        NULL);
    vx_assert_ok(
        vx_model_nll_gradient(model, (vx_cvecf){ theta, d }, &large, (vx_vecf){ used, d }, &nll),
        NULL);
    vx_assert_ok(
        vx_model_nll_gradient(model, (vx_cvecf){ theta, d }, &little, (vx_vecf){ used, d }, &nll),
        NULL);
    assert_memory_equal(fresh, used, d * sizeof(float));
    vx_model_destroy(model);
}

static void a_gradient_allocates_nothing(void **state)
{
    vx_model *model = net_create(&small);
    size_t d = vx_model_dimension(model);
    vx_rng rng = vx_rng_stream(SEED, VX_RNG_TEST, 6, 0);
    float theta[NET_THETA_MAX], gradient[NET_THETA_MAX];
    net_sample sample;
    vx_batch batch;
    uint64_t before = 0;
    double nll = 0;
    (void)state;

    net_sample_fill(&sample, &rng, NET_BATCH_MAX, FEATURES, CLASSES);
    net_random(&rng, 0.7, theta, d);
    batch = net_batch(&sample, 0, NET_BATCH_MAX, FEATURES, true);
    before = vx_alloc_count();
    vx_assert_ok(vx_model_nll_gradient(model, (vx_cvecf){ theta, d }, &batch,
                                       (vx_vecf){ gradient, d }, &nll),
                 NULL);
    assert_int_equal(vx_alloc_count(), before);
    vx_model_destroy(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_linear_family_has_the_slopes_of_its_nll),
        cmocka_unit_test(relu_networks_have_the_slopes_of_their_nll),
        cmocka_unit_test(tanh_networks_have_the_slopes_of_their_nll),
        cmocka_unit_test(gelu_networks_have_the_slopes_of_their_nll),
        cmocka_unit_test(a_batch_of_one_has_the_slopes_of_its_nll),
        cmocka_unit_test(the_parts_of_a_batch_sum_to_the_whole),
        cmocka_unit_test(a_weight_of_2_is_the_observation_twice),
        cmocka_unit_test(declared_classes_that_no_label_has_are_learnt_away),
        cmocka_unit_test(what_a_larger_batch_left_behind_is_not_seen),
        cmocka_unit_test(a_gradient_allocates_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
