#include <vx_test/check.h>

#include <math.h>
#include <string.h>

#include <vx_likelihood/model64.h>

#include "batch.h"
#include "minimise.h"

/* Generalised linear models have an optimum that Newton's method, written plainly here from the
 * mean and the variance of each law, finds in a few steps: our gradient must lead there. */

#define FEATURES  5
#define D         (FEATURES + 1)
#define ROWS      200
#define VARIANCE  1.7
#define DISPERSED 0.4

/* Derivatives of the nll of one observation in z. */
static void slopes_of(vx_likelihood likelihood, double z, double y, double *ret_first,
                      double *ret_second)
{
    double m = exp(z), p = 1 / (1 + exp(-z));

    switch (likelihood) {
    case VX_LIKELIHOOD_GAUSSIAN:
        *ret_first = (z - y) / VARIANCE;
        *ret_second = 1 / VARIANCE;
        return;
    case VX_LIKELIHOOD_BERNOULLI:
        *ret_first = p - y;
        *ret_second = p * (1 - p);
        return;
    case VX_LIKELIHOOD_POISSON:
        *ret_first = m - y;
        *ret_second = m;
        return;
    case VX_LIKELIHOOD_NEGATIVE_BINOMIAL:
        *ret_first = (m - y) / (1 + DISPERSED * m);
        *ret_second = m * (1 + DISPERSED * y) / ((1 + DISPERSED * m) * (1 + DISPERSED * m));
        return;
    case VX_LIKELIHOOD_CATEGORICAL:
        break;
    }
    fail();
}

/* Newton's optimum of sum w l / sum w + l2 / 2 |W|^2 for one output. */
static void newton(const vx_model_spec *spec, const batch_data *data, double *ret_theta)
{
    double total = 0;

    memset(ret_theta, 0, D * sizeof(double));
    for (size_t i = 0; i < ROWS; i++)
        total += (double)data->weights[i];
    for (int k = 0; k < 60; k++) {
        double h[D * D] = { 0 }, g[D] = { 0 }, longest = 0;

        for (size_t j = 0; j < FEATURES; j++) {
            g[j] = spec->l2 * ret_theta[j];
            h[j * D + j] = spec->l2;
        }
        for (size_t i = 0; i < ROWS; i++) {
            double x[D], z = 0, first = 0, second = 0, share = (double)data->weights[i] / total;

            for (size_t j = 0; j < D; j++) {
                x[j] = j < FEATURES ? (double)data->features[i * FEATURES + j] : 1;
                z += x[j] * ret_theta[j];
            }
            slopes_of(spec->likelihood, z, (double)data->targets[i], &first, &second);
            for (size_t j = 0; j < D; j++) {
                g[j] += share * first * x[j];
                for (size_t c = 0; c < D; c++)
                    h[j * D + c] += share * second * x[j] * x[c];
            }
        }
        minimise_solve(h, g, D);
        for (size_t j = 0; j < D; j++)
            longest = fmax(longest, fabs(g[j]));
        for (size_t j = 0; j < D; j++)
            ret_theta[j] -= g[j] * fmin(1, 1 / longest);
    }
}

static vx_model_spec spec_of(vx_likelihood likelihood, double l2)
{
    return (vx_model_spec){ .family = "linear",
                            .features = FEATURES,
                            .outputs_data = 1,
                            .likelihood = likelihood,
                            .variance = VARIANCE,
                            .dispersion = DISPERSED,
                            .l2 = l2,
                            .batch_max = ROWS };
}

static void expect_newton(vx_likelihood likelihood)
{
    for (int k = 0; k < 2; k++) {
        vx_model_spec spec = spec_of(likelihood, k == 0 ? 0 : 0.1);
        batch_data *data =
            batch_create(&spec, (batch_options){ .rows = ROWS, .weighted = true }, 3);
        double expected[D], found[D], slope[D];
        vx_model64 *model = NULL;
        vx_model_value value;

        newton(&spec, data, expected);
        vx_assert_ok(vx_model_create64(&spec, &model, NULL), NULL);
        vx_assert_ok(vx_model_loss_gradient64(model, (vx_cvec){ expected, D }, &data->batch,
                                              (vx_vec){ slope, D }, &value),
                     NULL);
        vx_model_destroy64(model);
        for (size_t j = 0; j < D; j++)
            vx_assert_close(slope[j], 0, 0, 1e-12);
        assert_true(minimise_model(&spec, &data->batch, found, 1e-11) <= 1e-10);
        for (size_t j = 0; j < D; j++)
            vx_assert_close(found[j], expected[j], 0, 1e-8);
        batch_free(data);
    }
}

/* One step of Newton from anywhere: the normal equations. */
static void least_squares_end_at_the_normal_equations(void **state)
{
    (void)state;
    expect_newton(VX_LIKELIHOOD_GAUSSIAN);
}

static void logistic_regression_ends_where_newton_does(void **state)
{
    (void)state;
    expect_newton(VX_LIKELIHOOD_BERNOULLI);
}

static void poisson_regression_ends_where_newton_does(void **state)
{
    (void)state;
    expect_newton(VX_LIKELIHOOD_POISSON);
}

static void negative_binomial_regression_ends_where_newton_does(void **state)
{
    (void)state;
    expect_newton(VX_LIKELIHOOD_NEGATIVE_BINOMIAL);
}

/* Softmax over two classes is logistic regression on the difference of their outputs. */
static void two_classes_are_a_logistic_regression(void **state)
{
    vx_model_spec logistic = spec_of(VX_LIKELIHOOD_BERNOULLI, 0);
    vx_model_spec softmax = spec_of(VX_LIKELIHOOD_CATEGORICAL, 0);
    batch_data *data =
        batch_create(&logistic, (batch_options){ .rows = ROWS, .weighted = true }, 4);
    double expected[D], found[2 * D];
    (void)state;

    softmax.outputs_data = 2;
    for (size_t i = 0; i < ROWS; i++) {
        data->targets[i] = (float)(i % 3 == 0 || data->features[i * FEATURES] > 0.5f);
        data->labels[i] = (uint32_t)data->targets[i];
    }
    newton(&logistic, data, expected);
    assert_true(minimise_model(&softmax, &data->batch, found, 1e-11) <= 1e-10);
    for (size_t j = 0; j < FEATURES; j++)
        vx_assert_close(found[FEATURES + j] - found[j], expected[j], 0, 1e-8);
    vx_assert_close(found[2 * FEATURES + 1] - found[2 * FEATURES], expected[FEATURES], 0, 1e-8);
    batch_free(data);
}

/* A small dispersion is the Poisson law, constants included. */
static void the_negative_binomial_tends_to_the_poisson_law(void **state)
{
    vx_model_spec poisson = spec_of(VX_LIKELIHOOD_POISSON, 0);
    vx_model_spec binomial = spec_of(VX_LIKELIHOOD_NEGATIVE_BINOMIAL, 0);
    batch_data *data = batch_create(&poisson, (batch_options){ .rows = 50 }, 4);
    const double theta[D] = { 0.3, -0.2, 0.1, 0.2, -0.3, 0.5 };
    vx_model_spec *specs[2] = { &poisson, &binomial };
    double slopes[2][D];
    vx_model_value values[2];
    (void)state;

    binomial.dispersion = 1e-6;
    for (size_t i = 0; i < 50; i++)
        data->targets[i] = (float)(i % 7);
    for (size_t k = 0; k < 2; k++) {
        vx_model64 *model = NULL;

        vx_assert_ok(vx_model_create64(specs[k], &model, NULL), NULL);
        vx_assert_ok(vx_model_loss_gradient64(model, (vx_cvec){ theta, D }, &data->batch,
                                              (vx_vec){ slopes[k], D }, &values[k]),
                     NULL);
        vx_model_destroy64(model);
    }
    vx_assert_close(values[1].nll, values[0].nll, 0, 1e-4);
    for (size_t j = 0; j < D; j++)
        vx_assert_close(slopes[1][j], slopes[0][j], 0, 1e-4);
    batch_free(data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(least_squares_end_at_the_normal_equations),
        cmocka_unit_test(logistic_regression_ends_where_newton_does),
        cmocka_unit_test(poisson_regression_ends_where_newton_does),
        cmocka_unit_test(negative_binomial_regression_ends_where_newton_does),
        cmocka_unit_test(two_classes_are_a_logistic_regression),
        cmocka_unit_test(the_negative_binomial_tends_to_the_poisson_law),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
