#include <vx_test/check.h>

#include <math.h>
#include <string.h>

#include "net.h"

#define D ((301 + 1) * 41 + (41 + 1) * 29 + (29 + 1) * 7)

static const size_t widths[] = { 41, 29 };

static vx_model *create(vx_activation activation)
{
    const vx_model_spec spec = { .family = "mlp",
                                 .features = 301,
                                 .outputs_data = 7,
                                 .widths = widths,
                                 .widths_count = 2,
                                 .activation = activation,
                                 .batch_max = 1 };
    vx_model *model = NULL;

    vx_assert_ok(vx_model_create(&spec, &model, NULL), NULL);
    assert_int_equal(vx_model_dimension(model), D);
    return model;
}

/* Uniform in +-bound: nothing outside, mean 0, variance bound^2 / 3, within five standard errors;
 * of the square u^2 of a uniform u in [-1, 1] the variance is 4/45. */
static void expect_uniform(const float *at, size_t n, double bound)
{
    double sum = 0, squares = 0, largest = 0;

    for (size_t i = 0; i < n; i++) {
        double u = (double)at[i] / bound;

        largest = fmax(largest, fabs(u));
        sum += u;
        squares += u * u;
    }
    assert_true(largest <= 1 + 1e-7); /* rounding to float */
    assert_true(largest > 1 - 20 / (double)n);
    vx_assert_close(sum / (double)n, 0, 0, 5 * sqrt(1 / 3.0 / (double)n));
    vx_assert_close(squares / (double)n, 1 / 3.0, 0, 5 * sqrt(4 / 45.0 / (double)n));
}

static void weights_have_the_spread_of_their_fans_and_biases_are_0(void **state)
{
    static const vx_activation activations[] = { VX_ACTIVATION_RELU, VX_ACTIVATION_TANH,
                                                 VX_ACTIVATION_GELU };
    static const size_t in[] = { 301, 41, 29 }, out[] = { 41, 29, 7 };
    (void)state;

    for (size_t a = 0; a < 3; a++) {
        static float theta[D];
        vx_model *model = create(activations[a]);

        memset(theta, 0x7f, sizeof(theta));
        vx_model_initialise(model, 4, (vx_vecf){ theta, D });
        for (size_t l = 0; l < 3; l++) {
            bool he = activations[a] != VX_ACTIVATION_TANH && l < 2;
            double fans = (double)in[l] + (he ? 0 : (double)out[l]);
            const float *weight = theta + vx_model_tensor_at(model, 2 * l).offset;
            const float *bias = theta + vx_model_tensor_at(model, 2 * l + 1).offset;

            expect_uniform(weight, in[l] * out[l], sqrt(6 / fans));
            for (size_t k = 0; k < out[l]; k++)
                assert_true(bias[k] == 0);
        }
        vx_model_destroy(model);
    }
}

static void the_first_parameters_are_a_function_of_the_seed(void **state)
{
    static float first[D], again[D];
    vx_model *model = create(VX_ACTIVATION_RELU), *other = create(VX_ACTIVATION_RELU);
    (void)state;

    vx_model_initialise(model, 9, (vx_vecf){ first, D });
    memset(again, 0x7f, sizeof(again));
    vx_model_initialise(other, 9, (vx_vecf){ again, D });
    assert_memory_equal(first, again, sizeof(first));
    vx_model_initialise(model, (uint64_t)9 << 32, (vx_vecf){ again, D });
    assert_memory_not_equal(first, again, sizeof(first));
    vx_model_initialise(model, 10, (vx_vecf){ again, D });
    assert_memory_not_equal(first, again, sizeof(first));
    vx_model_destroy(model);
    vx_model_destroy(other);
}

static void layers_of_one_shape_differ(void **state)
{
    static const size_t square[] = { 8, 8 };
    const vx_model_spec spec = { .family = "mlp",
                                 .features = 8,
                                 .outputs_data = 2,
                                 .widths = square,
                                 .widths_count = 2,
                                 .activation = VX_ACTIVATION_RELU,
                                 .batch_max = 1 };
    vx_model *model = net_create(&spec);
    float theta[NET_THETA_MAX];
    (void)state;

    vx_model_initialise(model, 1, (vx_vecf){ theta, vx_model_dimension(model) });
    assert_memory_not_equal(theta, theta + 8 * 8 + 8, 8 * 8 * sizeof(float));
    vx_model_destroy(model);
}

static void the_linear_family_starts_at_0(void **state)
{
    const vx_model_spec spec = {
        .family = "linear", .features = 5, .outputs_data = 3, .batch_max = 1
    };
    vx_model *model = net_create(&spec);
    float theta[3 * (5 + 1)];
    (void)state;

    memset(theta, 0x7f, sizeof(theta));
    vx_model_initialise(model, 1, (vx_vecf){ theta, 18 });
    for (size_t i = 0; i < 18; i++)
        assert_true(theta[i] == 0);
    vx_model_destroy(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(weights_have_the_spread_of_their_fans_and_biases_are_0),
        cmocka_unit_test(the_first_parameters_are_a_function_of_the_seed),
        cmocka_unit_test(layers_of_one_shape_differ),
        cmocka_unit_test(the_linear_family_starts_at_0),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
