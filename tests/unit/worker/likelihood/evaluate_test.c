#include <vx_test/check.h>

#include <math.h>
#include <string.h>

#include "net.h"

#define FEATURES 5
#define CLASSES  4

static const size_t widths[] = { 7, 3 };
static const vx_model_spec spec = { .family = "mlp",
                                    .features = FEATURES,
                                    .outputs_data = CLASSES,
                                    .widths = widths,
                                    .widths_count = 2,
                                    .activation = VX_ACTIVATION_TANH,
                                    .batch_max = NET_BATCH_MAX };

static void batches_add_up_to_what_the_plain_network_says(void **state)
{
    vx_model *model = net_create(&spec);
    size_t d = vx_model_dimension(model);
    vx_rng rng = vx_rng_stream(5, VX_RNG_TEST, 0, 0);
    float theta[NET_THETA_MAX];
    double plain[NET_THETA_MAX];
    (void)state;

    net_random(&rng, 1.5, theta, d);
    for (size_t i = 0; i < d; i++)
        plain[i] = (double)theta[i];
    for (int weighted = 0; weighted < 2; weighted++) {
        vx_evaluation sums = { 0 };
        double nll_sum = 0, weight_sum = 0;
        uint64_t correct = 0;

        for (size_t k = 0; k < 5; k++) {
            size_t count = k == 2 ? 1 : NET_BATCH_MAX - k;
            net_sample sample;
            vx_batch batch;
            net_result expected;
            double weight = 0;

            net_sample_fill(&sample, &rng, count, FEATURES, CLASSES);
            batch = net_batch(&sample, 0, count, FEATURES, weighted);
            expected = net_evaluate(&spec, plain, &batch);
            vx_assert_ok(vx_model_evaluate(model, (vx_cvecf){ theta, d }, &batch, &sums), NULL);
            for (size_t b = 0; b < count; b++)
                weight += weighted ? (double)sample.weights[b] : 1;
            nll_sum += weight * expected.nll;
            weight_sum += weight;
            correct += expected.correct;
        }
        vx_assert_close(sums.nll_sum, nll_sum, 1e-5, 0);
        vx_assert_close(sums.weight_sum, weight_sum, 1e-12, 0);
        assert_int_equal(sums.correct, correct); /* no logits of this seed are as good as equal */
        assert_int_equal(sums.count, 16 + 15 + 1 + 13 + 12);
        assert_in_range(correct, 1, sums.count - 1);
    }
    vx_model_destroy(model);
}

static void a_tie_goes_to_the_lowest_class(void **state)
{
    const vx_model_spec linear = { .family = "linear",
                                   .features = FEATURES,
                                   .outputs_data = CLASSES,
                                   .batch_max = NET_BATCH_MAX };
    vx_model *model = net_create(&linear);
    size_t d = vx_model_dimension(model);
    vx_rng rng = vx_rng_stream(6, VX_RNG_TEST, 0, 0);
    float theta[NET_THETA_MAX] = { 0 };
    net_sample sample;
    vx_batch batch;
    (void)state;

    net_sample_fill(&sample, &rng, 4, FEATURES, CLASSES);
    memcpy(sample.labels, (uint32_t[]){ 0, 1, 2, 0 }, 4 * sizeof(uint32_t));
    batch = net_batch(&sample, 0, 4, FEATURES, false);
    for (size_t k = 0; k < 2; k++) {
        vx_evaluation sums = { 0 };

        vx_assert_ok(vx_model_evaluate(model, (vx_cvecf){ theta, d }, &batch, &sums), NULL);
        assert_int_equal(sums.correct, k == 0 ? 2 : 1);
        theta[d - 2] = theta[d - 3] = 1; /* the biases of the classes 2 and 1 */
    }
    vx_model_destroy(model);
}

static void a_model_that_overflows_says_so(void **state)
{
    vx_model *model = net_create(&spec);
    size_t d = vx_model_dimension(model);
    vx_rng rng = vx_rng_stream(7, VX_RNG_TEST, 0, 0);
    float theta[NET_THETA_MAX];
    vx_evaluation sums = { 0 };
    net_sample sample;
    vx_batch batch;
    (void)state;

    net_sample_fill(&sample, &rng, 4, FEATURES, CLASSES);
    batch = net_batch(&sample, 0, 4, FEATURES, false);
    for (size_t i = 0; i < d; i++)
        theta[i] = 3e38f;
    vx_assert_status(vx_model_evaluate(model, (vx_cvecf){ theta, d }, &batch, &sums),
                     VX_ERR_NONFINITE, NULL);
    assert_true(!isfinite(sums.nll_sum));
    vx_model_destroy(model);
}

static void what_does_not_fit_is_refused_and_adds_nothing(void **state)
{
    vx_model *model = net_create(&spec);
    size_t d = vx_model_dimension(model);
    float theta[NET_THETA_MAX] = { 0 };
    net_sample sample = { 0 };
    vx_batch good = net_batch(&sample, 0, 2, FEATURES, false);
    vx_batch wide = net_batch(&sample, 0, 2, FEATURES + 1, false);
    vx_batch empty = net_batch(&sample, 0, 0, FEATURES, false);
    vx_batch large = net_batch(&sample, 0, NET_BATCH_MAX + 1, FEATURES, false);
    const vx_evaluation none = { 0 };
    vx_evaluation sums = { 0 };
    (void)state;

    vx_assert_status(vx_model_evaluate(model, (vx_cvecf){ theta, d - 1 }, &good, &sums),
                     VX_ERR_SHAPE, NULL);
    vx_assert_status(vx_model_evaluate(model, (vx_cvecf){ theta, d }, &wide, &sums), VX_ERR_SHAPE,
                     NULL);
    vx_assert_status(vx_model_evaluate(model, (vx_cvecf){ theta, d }, &empty, &sums), VX_ERR_SHAPE,
                     NULL);
    vx_assert_status(vx_model_evaluate(model, (vx_cvecf){ theta, d }, &large, &sums), VX_ERR_SHAPE,
                     NULL);
    assert_memory_equal(&sums, &none, sizeof(sums));
    vx_model_destroy(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(batches_add_up_to_what_the_plain_network_says),
        cmocka_unit_test(a_tie_goes_to_the_lowest_class),
        cmocka_unit_test(a_model_that_overflows_says_so),
        cmocka_unit_test(what_does_not_fit_is_refused_and_adds_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
