#include <vx_test/check.h>

#include <math.h>
#include <string.h>

#include <vx_base/alloc.h>
#include <vx_base/rng.h>
#include <vx_likelihood/model64.h>

#include "image.h"

/* 2 channels, 3 x 2 patches of 2 x 2 pixels: 6 patches of 8 numbers, 5 of embedding. */
enum { PLANES = 2, HEIGHT = 6, WIDTH = 4, EDGE = 2, PATCHES = 6, NUMBERS = 8, HIDDEN = 5 };
enum { FEATURES = PLANES * HEIGHT * WIDTH, CLASSES = 3, ROWS = 7 };

static const vx_model_spec spec = { .family = "resmlp",
                                    .features = FEATURES,
                                    .outputs_data = CLASSES,
                                    .image = { PLANES, HEIGHT, WIDTH },
                                    .patch = EDGE,
                                    .blocks = 2,
                                    .hidden = HIDDEN,
                                    .residual_scale = 0.3,
                                    .batch_max = IMAGE_ROWS_MAX };

typedef struct model {
    vx_model64 *own;
    vx_vec theta;
} model;

static model create(const vx_model_spec *of)
{
    model m = { NULL, { NULL, 0 } };
    vx_error err = { 0 };

    vx_assert_ok(vx_model_create64(of, &m.own, &err), &err);
    m.theta.n = vx_model_dimension64(m.own);
    m.theta.at = vx_calloc(m.theta.n, sizeof(double));
    assert_non_null(m.theta.at);
    vx_model_initialise64(m.own, 2, m.theta);
    return m;
}

static void destroy(model *m)
{
    vx_free(m->theta.at);
    vx_model_destroy64(m->own);
}

static void predict(const model *m, const vx_batch *batch, double *ret_outputs)
{
    vx_assert_ok(
        vx_model_predict64(m->own, vx_vec_const(m->theta), batch,
                           (vx_mat){ ret_outputs, batch->features.rows, CLASSES, CLASSES }),
        NULL);
}

static void every_parameter_has_the_slope_of_the_loss(void **state)
{
    (void)state;
    image_check_slopes(&spec, ROWS, 0);
}

/* theta: 8 x 5 + 5 of the embedding, in each block 2 x 5, 6 x 6 + 6, 2 x 5, 2 x 5, 20 (5 + 1), 5
 * (20 + 1), 2 x 5, and 3 (5 + 1) of the outputs. */
static void its_parameters_are_counted(void **state)
{
    model m = create(&spec);
    (void)state;

    assert_int_equal(m.theta.n, 45 + 2 * (4 * 10 + 42 + 120 + 105) + 18);
    destroy(&m);
}

/* First pixel of patch p in channel c. */
static size_t corner(size_t p, size_t c)
{
    return (c * HEIGHT + p / (WIDTH / EDGE) * EDGE) * WIDTH + p % (WIDTH / EDGE) * EDGE;
}

/* Mean over the patches of W x + b, the numbers of a patch by channel, row, column. */
static void pool_embedded(const double *theta, const float *image, double *ret_mean)
{
    memset(ret_mean, 0, HIDDEN * sizeof(double));
    for (size_t h = 0; h < HIDDEN; h++)
        for (size_t p = 0; p < PATCHES; p++) {
            double sum = theta[HIDDEN * NUMBERS + h];

            for (size_t k = 0; k < NUMBERS; k++)
                sum += theta[h * NUMBERS + k] *
                       (double)image[corner(p, k / 4) + k % 4 / 2 * WIDTH + k % 2];
            ret_mean[h] += sum / PATCHES;
        }
}

/* -log softmax at the label of the last layer of theta on these inputs. */
static double softmax_loss(const double *last, const double *inputs, uint32_t label)
{
    double outputs[CLASSES], sum = 0;

    for (size_t o = 0; o < CLASSES; o++) {
        outputs[o] = last[CLASSES * HIDDEN + o];
        for (size_t h = 0; h < HIDDEN; h++)
            outputs[o] += last[o * HIDDEN + h] * inputs[h];
        sum += exp(outputs[o]);
    }
    return log(sum) - outputs[label];
}

static void without_residuals_it_is_softmax_regression_on_pooled_inputs(void **state)
{
    static image_data data;
    vx_model_spec flat = spec;
    model m;
    vx_model_value value;
    double *gradient = NULL;
    double sum = 0, weight = 0;
    (void)state;

    flat.residual_scale = 0;
    m = create(&flat);
    gradient = vx_calloc(m.theta.n, sizeof(double));
    assert_non_null(gradient);
    image_fill(&data, &flat, ROWS, 3);
    vx_assert_ok(vx_model_loss_gradient64(m.own, vx_vec_const(m.theta), &data.batch,
                                          (vx_vec){ gradient, m.theta.n }, &value),
                 NULL);
    for (size_t i = 0; i < ROWS; i++) {
        double inputs[HIDDEN];

        pool_embedded(m.theta.at, data.features + i * FEATURES, inputs);
        sum +=
            (double)data.weights[i] *
            softmax_loss(m.theta.at + m.theta.n - (HIDDEN + 1) * CLASSES, inputs, data.labels[i]);
        weight += (double)data.weights[i];
    }
    vx_assert_close(value.loss, sum / weight, 1e-12, 0);
    vx_free(gradient);
    destroy(&m);
}

static const size_t order[PATCHES] = { 3, 0, 5, 1, 2, 4 }; /* patch p comes from order[p] */

/* W[p][q] = W[order p][order q], b[p] = b[order p] of the map across patches. */
static void conjugate(double *at)
{
    double before[PATCHES * PATCHES + PATCHES];

    memcpy(before, at, sizeof(before));
    for (size_t p = 0; p < PATCHES; p++) {
        for (size_t q = 0; q < PATCHES; q++)
            at[p * PATCHES + q] = before[order[p] * PATCHES + order[q]];
        at[PATCHES * PATCHES + p] = before[PATCHES * PATCHES + order[p]];
    }
}

static void permute_patches(const float *from, float *ret_to)
{
    for (size_t p = 0; p < PATCHES; p++)
        for (size_t k = 0; k < NUMBERS; k++) {
            size_t within = k % 4 / 2 * WIDTH + k % 2;

            ret_to[corner(p, k / 4) + within] = from[corner(order[p], k / 4) + within];
        }
}

static void permuted_patches_with_a_conjugated_map_give_the_same(void **state)
{
    static image_data data, permuted;
    model m = create(&spec);
    vx_rng rng = vx_rng_stream(8, VX_RNG_TEST, 0, 0);
    double before[ROWS * CLASSES], other[ROWS * CLASSES], after[ROWS * CLASSES], moved = 0;
    (void)state;

    for (size_t i = 0; i < m.theta.n; i++)
        m.theta.at[i] += 0.3 * vx_rng_normal(&rng);
    image_fill(&data, &spec, ROWS, 3);
    image_fill(&permuted, &spec, ROWS, 3);
    for (size_t i = 0; i < ROWS; i++)
        permute_patches(data.features + i * FEATURES, permuted.features + i * FEATURES);
    predict(&m, &data.batch, before);
    predict(&m, &permuted.batch, other);
    for (size_t t = 0; t < vx_model_tensor_count64(m.own); t++) {
        vx_model_tensor tensor = vx_model_tensor_at64(m.own, t);

        if (tensor.rank == 2 && tensor.shape[0] == PATCHES && tensor.shape[1] == PATCHES)
            conjugate(m.theta.at + tensor.offset);
    }
    predict(&m, &permuted.batch, after);
    for (size_t i = 0; i < ROWS * CLASSES; i++) {
        vx_assert_close(after[i], before[i], 1e-12, 1e-12);
        moved = fmax(moved, fabs(other[i] - before[i]));
    }
    assert_true(moved > 1e-3); /* the map across patches does see their order */
    destroy(&m);
}

static void first_parameters_are_scales_and_bounded_weights(void **state)
{
    model m = create(&spec);
    size_t scales = 0;
    (void)state;

    for (size_t t = 0; t < vx_model_tensor_count64(m.own); t++) {
        vx_model_tensor tensor = vx_model_tensor_at64(m.own, t);
        const double *at = m.theta.at + tensor.offset;

        if (strstr(tensor.name, ".scale") != NULL) {
            vx_assert_close(at[0], scales % 2 == 0 ? 1 : 0.3, 0, 0); /* before, after a map */
            scales++;
        } else if (!tensor.is_weight) {
            assert_true(at[0] == 0);
        } else {
            assert_true(at[0] != 0 && fabs(at[0]) < sqrt(6.0 / HIDDEN));
        }
    }
    assert_int_equal(scales, 8);
    destroy(&m);
}

static void shapes_that_do_not_fit_are_refused(void **state)
{
    vx_model_spec bad = spec;
    (void)state;

    bad.patch = 4;
    image_expect_refused(&bad, VX_ERR_CONFIG, "model.patch: 4 does not divide the image of 6 x 4");
    bad.patch = 0;
    image_expect_refused(&bad, VX_ERR_CONFIG, "model.patch: 0 does not divide");
    bad = spec;
    bad.hidden = 0;
    image_expect_refused(&bad, VX_ERR_CONFIG, "model.hidden: expected 1 to 4294967296, found 0");
    bad.hidden = (size_t)1 << 31;
    image_expect_refused(&bad, VX_ERR_LIMIT, "4294967296");
    bad = spec;
    bad.blocks = 1000;
    image_expect_refused(&bad, VX_ERR_LIMIT, "512 layers or tensors");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_parameter_has_the_slope_of_the_loss),
        cmocka_unit_test(its_parameters_are_counted),
        cmocka_unit_test(without_residuals_it_is_softmax_regression_on_pooled_inputs),
        cmocka_unit_test(permuted_patches_with_a_conjugated_map_give_the_same),
        cmocka_unit_test(first_parameters_are_scales_and_bounded_weights),
        cmocka_unit_test(shapes_that_do_not_fit_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
