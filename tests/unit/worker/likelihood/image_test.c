#include <vx_test/check.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

#include <vx_base/alloc.h>

#include "image.h"

static const size_t channels[] = { 3, 4 };
static const size_t widths[] = { 6 };
static const vx_model_spec cnn = { .family = "cnn",
                                   .features = 2 * 7 * 6,
                                   .outputs_data = 3,
                                   .image = { 2, 7, 6 },
                                   .channels = channels,
                                   .channels_count = 2,
                                   .kernel = 3,
                                   .widths = widths,
                                   .widths_count = 1,
                                   .batch_max = IMAGE_ROWS_MAX };

/* A named network on images of data sets. */
static vx_model_spec named(const char *family, size_t planes, size_t edge)
{
    return (vx_model_spec){ .family = family,
                            .features = planes * edge * edge,
                            .outputs_data = 10,
                            .image = { planes, edge, edge },
                            .batch_max = IMAGE_ROWS_MAX };
}

static void every_cnn_has_the_slopes_of_its_loss(void **state)
{
    (void)state;
    for (int activation = 0; activation < 3; activation++)
        for (int pool = 0; pool < 2; pool++) {
            vx_model_spec spec = cnn;

            spec.activation = (vx_activation)activation;
            spec.pool = (vx_pool)pool;
            image_check_slopes(&spec, 5, 0);
            spec.kernel = 2;
            spec.dropout = 0.3;
            image_check_slopes(&spec, 5, 60);
        }
}

static void the_named_networks_have_the_slopes_of_their_loss(void **state)
{
    vx_model_spec lenet5 = named("lenet5", 1, 28), mnist = named("cnn_mnist", 1, 28);
    (void)state;

    image_check_slopes(&lenet5, 3, 20);
    lenet5.activation = VX_ACTIVATION_TANH;
    lenet5.pool = VX_POOL_AVERAGE;
    image_check_slopes(&lenet5, 3, 20);
    image_check_slopes(&mnist, 2, 6);
}

static vx_model *create(const vx_model_spec *spec)
{
    vx_model *model = NULL;
    vx_error err = { 0 };

    vx_assert_ok(vx_model_create(spec, &model, &err), &err);
    return model;
}

static void expect_dimension(vx_model_spec spec, size_t d)
{
    vx_model *model = create(&spec);

    assert_int_equal(vx_model_dimension(model), d);
    vx_model_destroy(model);
}

static void the_named_networks_have_the_parameters_they_are_known_for(void **state)
{
    (void)state;
    expect_dimension(named("cnn_mnist", 1, 28), 431080);
    expect_dimension(named("lenet5", 1, 28), 61706);
    expect_dimension(named("lenet5", 1, 32), 61706);
    expect_dimension(named("lenet5", 3, 32), 62006);
}

static void tensors_are_those_of_the_layers_in_their_order(void **state)
{
    static const struct {
        const char *name;
        size_t rank, shape[4];
        bool is_weight;
    } expected[] = {
        { "layer1.weight", 4, { 20, 1, 5, 5 }, true },  { "layer1.bias", 1, { 20 }, false },
        { "layer2.weight", 4, { 50, 20, 5, 5 }, true }, { "layer2.bias", 1, { 50 }, false },
        { "layer3.weight", 2, { 500, 800 }, true },     { "layer3.bias", 1, { 500 }, false },
        { "layer4.weight", 2, { 10, 500 }, true },      { "layer4.bias", 1, { 10 }, false },
    };
    vx_model_spec spec = named("cnn_mnist", 1, 28);
    vx_model *model = create(&spec);
    size_t offset = 0;
    (void)state;

    assert_int_equal(vx_model_tensor_count(model), sizeof(expected) / sizeof(expected[0]));
    for (size_t i = 0; i < vx_model_tensor_count(model); i++) {
        vx_model_tensor tensor = vx_model_tensor_at(model, i);
        size_t size = 1;

        assert_string_equal(tensor.name, expected[i].name);
        assert_int_equal(tensor.rank, expected[i].rank);
        assert_int_equal(tensor.offset, offset);
        assert_int_equal(tensor.is_weight, expected[i].is_weight);
        for (size_t k = 0; k < tensor.rank; k++) {
            assert_int_equal(tensor.shape[k], expected[i].shape[k]);
            size *= tensor.shape[k];
        }
        offset += size;
    }
    assert_int_equal(offset, vx_model_dimension(model));
    vx_model_destroy(model);
}

/* Uniform in +-bound: nothing outside, something near it, mean 0 within five standard errors. */
static void expect_uniform(const float *at, size_t n, double bound)
{
    double sum = 0, largest = 0;

    for (size_t i = 0; i < n; i++) {
        sum += (double)at[i];
        largest = fmax(largest, fabs((double)at[i]));
    }
    assert_true(largest <= bound * (1 + 1e-7) && largest > bound * (1 - 20 / (double)n));
    vx_assert_close(sum / (double)n, 0, 0, 5 * bound / sqrt(3 * (double)n));
}

static void first_weights_and_biases_have_the_spread_of_what_comes_in(void **state)
{
    vx_model_spec spec = named("cnn_mnist", 1, 28);
    static float theta[431080];
    (void)state;

    for (int tanh_too = 0; tanh_too < 2; tanh_too++) {
        vx_model *model = NULL;

        spec.activation = tanh_too ? VX_ACTIVATION_TANH : VX_ACTIVATION_RELU;
        model = create(&spec);
        vx_model_initialise(model, 2, (vx_vecf){ theta, 431080 });
        expect_uniform(theta, 520, sqrt(1 / 25.0));
        expect_uniform(theta + 520, 25050, sqrt(1 / 500.0));
        expect_uniform(theta + 25570, 400500, sqrt(1 / 800.0));
        expect_uniform(theta + 426070, 5010, sqrt(1 / 500.0));
        vx_model_destroy(model);
    }
}

/* A step of 0.2, which is published for such networks, must not throw them far away. */
static void first_gradients_are_short(void **state)
{
    static const char *const families[] = { "lenet5", "cnn_mnist" };
    static float theta[431080], gradient[431080];
    static image_data data;
    (void)state;

    for (size_t f = 0; f < 2; f++) {
        vx_model_spec spec = named(families[f], 1, 28);
        vx_model *model = create(&spec);
        size_t d = vx_model_dimension(model);

        image_fill(&data, &spec, 11, 1);
        for (uint64_t seed = 1; seed <= 5; seed++) {
            double nll = 0, squares = 0;

            vx_model_initialise(model, seed, (vx_vecf){ theta, d });
            vx_assert_ok(vx_model_nll_gradient(model, (vx_cvecf){ theta, d }, &data.batch,
                                               (vx_vecf){ gradient, d }, &nll),
                         NULL);
            for (size_t i = 0; i < d; i++)
                squares += (double)gradient[i] * (double)gradient[i];
            assert_true(sqrt(squares) < 6);
            assert_true(nll < 1.2 * log(10));
        }
        vx_model_destroy(model);
    }
}

/* Two parts, weighted by their weights, are the whole. */
static void the_parts_of_a_batch_sum_to_the_whole(void **state)
{
    enum { WHOLE = 11, FIRST = 4, D = 61706 };
    static float theta[D], whole[D], parts[2][D];
    static image_data data;
    vx_model_spec spec = named("lenet5", 1, 28);
    vx_model *model = create(&spec);
    double nll[3], weight[3] = { 0 }, largest = 0;
    (void)state;

    image_fill(&data, &spec, WHOLE, 1);
    vx_model_initialise(model, 2, (vx_vecf){ theta, D });
    for (size_t k = 0; k < 3; k++) {
        vx_batch batch = data.batch;
        size_t from = k == 1 ? FIRST : 0, to = k == 0 ? FIRST : WHOLE;

        batch.features.at += from * spec.features;
        batch.features.rows = to - from;
        batch.labels += from;
        batch.weights += from;
        for (size_t i = from; i < to; i++)
            weight[k] += (double)data.weights[i];
        vx_assert_ok(vx_model_nll_gradient(model, (vx_cvecf){ theta, D }, &batch,
                                           (vx_vecf){ k < 2 ? parts[k] : whole, D }, &nll[k]),
                     NULL);
    }
    vx_assert_close((nll[0] * weight[0] + nll[1] * weight[1]) / weight[2], nll[2], 1e-6, 0);
    for (size_t i = 0; i < D; i++)
        largest = fmax(largest, fabs((double)whole[i]));
    for (size_t i = 0; i < D; i++)
        vx_assert_close(((double)parts[0][i] * weight[0] + (double)parts[1][i] * weight[1]) /
                            weight[2],
                        (double)whole[i], 0, 1e-5 * largest);
    vx_model_destroy(model);
}

static void a_gradient_of_images_allocates_nothing(void **state)
{
    static float theta[431080], gradient[431080];
    static image_data data;
    vx_model_spec spec = named("cnn_mnist", 1, 28);
    vx_model *model = create(&spec);
    uint64_t before = vx_alloc_count();
    double nll = 0;
    (void)state;

    image_fill(&data, &spec, 7, 1);
    vx_model_initialise(model, 2, (vx_vecf){ theta, 431080 });
    vx_assert_ok(vx_model_nll_gradient(model, (vx_cvecf){ theta, 431080 }, &data.batch,
                                       (vx_vecf){ gradient, 431080 }, &nll),
                 NULL);
    assert_int_equal(vx_alloc_count(), before);
    vx_model_destroy(model);
}

static void an_image_network_without_memory_is_not_made(void **state)
{
    vx_status status = VX_ERR_NOMEM;
    int tries = 0;
    (void)state;

    for (; status == VX_ERR_NOMEM; tries++) {
        vx_model *model = NULL;
        vx_error err = { 0 };
        int left = tries;

        vx_alloc_set_hook(vx_test_fail_at_zero, &left);
        status = vx_model_create(&cnn, &model, &err);
        vx_alloc_set_hook(NULL, NULL);
        vx_model_destroy(model);
    }
    assert_int_equal(status, VX_OK);
    assert_true(tries > 10);
}

static void images_that_do_not_fit_are_refused(void **state)
{
    static const char *const families[] = { "cnn", "lenet5", "cnn_mnist", "resmlp" };
    static const size_t zero[] = { 3, 0 };
    static const size_t deep[] = { 2, 2, 2 };
    static const size_t huge[] = { (size_t)1 << 32 };
    vx_model_spec bad = cnn;
    (void)state;

    for (size_t i = 0; i < 4; i++) {
        bad = cnn;
        bad.family = families[i];
        bad.image = (vx_shape){ 0 };
        image_expect_refused(&bad, VX_ERR_CONFIG, "84 numbers without channels, height and width");
        bad.image = (vx_shape){ 2, 7, 7 };
        image_expect_refused(&bad, VX_ERR_CONFIG, "2 x 7 x 7 numbers are not the 84");
        bad.image = (vx_shape){ 1, SIZE_MAX, 3 };
        image_expect_refused(&bad, VX_ERR_CONFIG, "are not the 84");
    }
    bad = cnn;
    bad.channels_count = 0;
    image_expect_refused(&bad, VX_ERR_CONFIG, "model.channels: expected at least 1 convolution");
    bad.channels = zero;
    bad.channels_count = 2;
    image_expect_refused(&bad, VX_ERR_CONFIG, "model.channels: layer 2 has 0 channels");
    bad.channels = deep;
    bad.channels_count = 3;
    image_expect_refused(&bad, VX_ERR_CONFIG, "windows of 2 x 2 on an image of 1 x 1");
    bad.channels = huge;
    bad.channels_count = 1;
    image_expect_refused(&bad, VX_ERR_LIMIT, "4294967296");
    bad = cnn;
    bad.kernel = 0;
    image_expect_refused(&bad, VX_ERR_CONFIG, "model.kernel: expected at least 1, found 0");
    bad.kernel = SIZE_MAX;
    image_expect_refused(&bad, VX_ERR_CONFIG, "model.kernel");
    bad = named("lenet5", 1, 27);
    image_expect_refused(&bad, VX_ERR_CONFIG, "28 x 28 or 32 x 32, found 27 x 27");
    bad = named("cnn_mnist", 3, 28);
    image_expect_refused(&bad, VX_ERR_CONFIG, "1 x 28 x 28, found 3 x 28 x 28");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_cnn_has_the_slopes_of_its_loss),
        cmocka_unit_test(the_named_networks_have_the_slopes_of_their_loss),
        cmocka_unit_test(the_named_networks_have_the_parameters_they_are_known_for),
        cmocka_unit_test(tensors_are_those_of_the_layers_in_their_order),
        cmocka_unit_test(first_weights_and_biases_have_the_spread_of_what_comes_in),
        cmocka_unit_test(first_gradients_are_short),
        cmocka_unit_test(the_parts_of_a_batch_sum_to_the_whole),
        cmocka_unit_test(a_gradient_of_images_allocates_nothing),
        cmocka_unit_test(an_image_network_without_memory_is_not_made),
        cmocka_unit_test(images_that_do_not_fit_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
