#include "chain.h"

#include <vx_test/check.h>

#include <math.h>

typedef struct sizes {
    vx_shape in;
    size_t units, kernel, stride, padding;
} sizes;

static const sizes cases[] = {
    { { 1, 5, 5 }, 1, 3, 1, 0 }, { { 1, 6, 5 }, 3, 3, 1, 1 }, { { 2, 5, 6 }, 3, 2, 1, 0 },
    { { 3, 7, 5 }, 2, 3, 2, 1 }, { { 2, 4, 4 }, 5, 4, 1, 0 }, { { 3, 6, 4 }, 2, 2, 2, 0 },
    { { 2, 3, 5 }, 4, 1, 1, 0 }, { { 2, 5, 5 }, 3, 1, 2, 0 }, { { 2, 2, 2 }, 3, 5, 1, 2 },
    { { 1, 3, 8 }, 2, 3, 3, 2 }, { { 5, 1, 1 }, 7, 1, 1, 0 }, { { 4, 3, 3 }, 2, 2, 3, 1 },
};
#define CASES (sizeof(cases) / sizeof(cases[0]))

static vx_layer64 conv_of(const sizes *s)
{
    return (vx_layer64){ .kind = &vx_layer_conv64,
                         .units = s->units,
                         .kernel = s->kernel,
                         .stride = s->stride,
                         .padding = s->padding };
}

/* The pixel (y, x) of channel c of an image with the channels together; 0 outside. */
static double pixel(const double *image, vx_shape shape, long y, long x, size_t c)
{
    if (y < 0 || x < 0 || y >= (long)shape.height || x >= (long)shape.width)
        return 0;
    return image[((size_t)y * shape.width + (size_t)x) * shape.channels + c];
}

/* Output (y, x, o) of one image by the definition. */
static double plain(const sizes *s, const double *image, const double *theta, size_t y, size_t x,
                    size_t o)
{
    size_t k = s->kernel;
    double sum = theta[s->units * s->in.channels * k * k + o];

    for (size_t c = 0; c < s->in.channels; c++)
        for (size_t v = 0; v < k; v++)
            for (size_t u = 0; u < k; u++)
                sum += theta[((o * s->in.channels + c) * k + v) * k + u] *
                       pixel(image, s->in, (long)(y * s->stride + v) - (long)s->padding,
                             (long)(x * s->stride + u) - (long)s->padding, c);
    return sum;
}

static void expect_plain(const sizes *s, size_t rows)
{
    vx_layer64 layer = conv_of(s);
    chain c = chain_create(s->in, &layer, 1, rows);
    size_t height = (s->in.height + 2 * s->padding - s->kernel) / s->stride + 1;
    size_t width = (s->in.width + 2 * s->padding - s->kernel) / s->stride + 1;
    size_t at = 0;

    assert_int_equal(c.outputs.cols, height * width * s->units);
    chain_forward(&c);
    for (size_t b = 0; b < rows; b++)
        for (size_t y = 0; y < height; y++)
            for (size_t x = 0; x < width; x++)
                for (size_t o = 0; o < s->units; o++)
                    vx_assert_close(
                        c.outputs.at[at++],
                        plain(s, c.features.at + b * c.features.cols, c.theta.at, y, x, o), 1e-12,
                        1e-12);
    chain_destroy(&c);
}

static void a_convolution_is_the_sum_of_its_definition(void **state)
{
    (void)state;
    for (size_t i = 0; i < CASES; i++)
        expect_plain(&cases[i], 3);
}

/* With a layer before it, so that deltas pass through too, and one image for all of those before
 * it. */
static void a_convolution_has_the_slopes_of_its_outputs(void **state)
{
    (void)state;
    for (size_t i = 0; i < CASES; i++) {
        vx_layer64 layers[] = {
            { .kind = &vx_layer_conv64, .units = cases[i].in.channels, .kernel = 1, .stride = 1 },
            conv_of(&cases[i])
        };
        chain c = chain_create(cases[i].in, layers, 2, 3);

        chain_check_slopes(&c);
        chain_destroy(&c);
    }
}

/* More rows than one chunk of the lowered images holds. */
static const sizes large = { { 2, 28, 28 }, 2, 5, 1, 2 };
#define MANY 150

static void images_of_several_chunks_are_convolved_all(void **state)
{
    (void)state;
    expect_plain(&large, MANY);
}

/* Each chunk recomputes what it needs: the gradient of all is the sum of those of each image. */
static void the_gradient_of_several_chunks_is_that_of_the_images(void **state)
{
    vx_layer64 layers[] = { { .kind = &vx_layer_conv64, .units = 2, .kernel = 1, .stride = 1 },
                            conv_of(&large) };
    chain c = chain_create(large.in, layers, 2, MANY);
    double sums[2 * 2 * 25 + 2 + 6] = { 0 };
    double *features = c.features.at, *delta = c.delta.at;
    (void)state;

    assert_int_equal(c.gradient.n, sizeof(sums) / sizeof(sums[0]));
    c.pass.rows = c.outputs.rows = c.features.rows = 1;
    for (size_t b = 0; b < MANY; b++) {
        c.features.at = features + b * c.features.cols;
        c.delta.at = delta + b * c.delta.cols;
        chain_backward(&c);
        for (size_t i = 0; i < c.gradient.n; i++)
            sums[i] += c.gradient.at[i];
    }
    c.features.at = features;
    c.delta.at = delta;
    c.pass.rows = c.outputs.rows = c.features.rows = MANY;
    chain_backward(&c);
    for (size_t i = 0; i < c.gradient.n; i++)
        vx_assert_close(c.gradient.at[i], sums[i], 1e-10, 1e-9);
    chain_destroy(&c);
}

/* The zeros around an image are not written: a smaller batch, then the same again. */
static void padding_stays_zero_from_batch_to_batch(void **state)
{
    vx_layer64 layer = conv_of(&cases[1]);
    chain c = chain_create(cases[1].in, &layer, 1, 4);
    double first[4 * 6 * 5 * 3];
    (void)state;

    chain_forward(&c);
    assert_int_equal(c.outputs.rows * c.outputs.cols, sizeof(first) / sizeof(first[0]));
    for (size_t i = 0; i < sizeof(first) / sizeof(first[0]); i++)
        first[i] = c.outputs.at[i];
    c.pass.rows = c.outputs.rows = c.features.rows = 2;
    chain_backward(&c);
    c.pass.rows = c.outputs.rows = c.features.rows = 4;
    chain_forward(&c);
    for (size_t i = 0; i < sizeof(first) / sizeof(first[0]); i++)
        assert_true(c.outputs.at[i] == first[i]);
    chain_destroy(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_convolution_is_the_sum_of_its_definition),
        cmocka_unit_test(a_convolution_has_the_slopes_of_its_outputs),
        cmocka_unit_test(images_of_several_chunks_are_convolved_all),
        cmocka_unit_test(the_gradient_of_several_chunks_is_that_of_the_images),
        cmocka_unit_test(padding_stays_zero_from_batch_to_batch),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
