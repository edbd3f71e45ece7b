#include "chain.h"

#include <vx_test/check.h>

#include <math.h>
#include <string.h>

static const vx_layer64 max_pool = { .kind = &vx_layer_pool64, .kernel = 2, .pool = VX_POOL_MAX };
static const vx_layer64 mean_pool = { .kind = &vx_layer_pool64,
                                      .kernel = 2,
                                      .pool = VX_POOL_AVERAGE };

static void expect_outputs(chain *c, const double *expected)
{
    chain_forward(c);
    for (size_t i = 0; i < c->outputs.rows * c->outputs.cols; i++)
        if (isnan(expected[i]))
            assert_true(isnan(c->outputs.at[i]));
        else
            vx_assert_close(c->outputs.at[i], expected[i], 0, 0);
}

/* 5 x 4 pixels, 2 channels: the last row fills no square. */
static const double image[] = {
    1, 0, /**/ 3, 0, /**/ 2, -1, /**/ 2, -5, /* row 0 */
    3, 0, /**/ 2, 0, /**/ 2, -2, /**/ 2, -1, /* row 1 */
    4, 7, /**/ 4, 6, /**/ 0, 8,  /**/ 1, 9,  /* row 2 */
    4, 8, /**/ 9, 6, /**/ 5, 9,  /**/ 5, 1,  /* row 3 */
    9, 9, /**/ 9, 9, /**/ 9, 9,  /**/ 9, 9,  /* row 4 */
};

static void the_largest_of_each_square_is_taken(void **state)
{
    const double expected[] = { 3, 0, 2, -1, 9, 8, 5, 9 };
    chain c = chain_create((vx_shape){ 2, 5, 4 }, &max_pool, 1, 1);
    (void)state;

    memcpy(c.features.at, image, sizeof(image));
    expect_outputs(&c, expected);
    chain_destroy(&c);
}

static void the_mean_of_each_square_is_taken(void **state)
{
    const double expected[] = { 2.25, 0, 2, -2.25, 5.25, 6.75, 2.75, 6.75 };
    chain c = chain_create((vx_shape){ 2, 5, 4 }, &mean_pool, 1, 1);
    (void)state;

    memcpy(c.features.at, image, sizeof(image));
    expect_outputs(&c, expected);
    chain_destroy(&c);
}

static void a_square_with_nan_gives_nan(void **state)
{
    const double expected[] = { (double)NAN, 0, 2, (double)NAN, 9, 8, 5, 9 };
    chain c = chain_create((vx_shape){ 2, 5, 4 }, &max_pool, 1, 1);
    (void)state;

    memcpy(c.features.at, image, sizeof(image));
    c.features.at[0] = (double)NAN;         /* the first of its square */
    c.features.at[2 * 7 + 1] = (double)NAN; /* the last of its square */
    expect_outputs(&c, expected);
    chain_destroy(&c);
}

/* Deltas 1 and 2 of the two squares, and the row that is in none. */
static void expect_deltas(const vx_layer64 *pool, const double *expected)
{
    const vx_pass pass = { .rows = 1, .training = true };
    vx_layer64 own = *pool;
    double work[64] = { 0 };
    double below[12] = { 0 };
    double out[2], delta[] = { 1, 2 };
    const double in[] = { 1, 3, 5, 5, 3, 2, 5, 5, 9, 9, 9, 9 };

    own.in = (vx_shape){ 1, 3, 4 };
    own.batch_max = 1;
    own.work = work;
    vx_assert_ok(own.kind->plan(&own, NULL), NULL);
    vx_assert_ok(own.kind->forward(&own, &pass, (vx_cvec){ NULL, 0 }, (vx_cmat){ in, 1, 12, 12 },
                                   (vx_mat){ out, 1, 2, 2 }),
                 NULL);
    memset(below, 0x7f, sizeof(below));
    vx_assert_ok(own.kind->backward(&own, &pass, (vx_cvec){ NULL, 0 }, (vx_cmat){ in, 1, 12, 12 },
                                    (vx_cmat){ out, 1, 2, 2 }, (vx_mat){ delta, 1, 2, 2 },
                                    (vx_mat){ below, 1, 12, 12 }, (vx_vec){ NULL, 0 }),
                 NULL);
    for (size_t i = 0; i < 12; i++)
        vx_assert_close(below[i], expected[i], 0, 0);
}

static void of_equal_numbers_the_first_gets_the_delta(void **state)
{
    const double largest[] = { 0, 1, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0 };
    const double mean[] = { 0.25, 0.25, 0.5, 0.5, 0.25, 0.25, 0.5, 0.5, 0, 0, 0, 0 };
    (void)state;

    expect_deltas(&max_pool, largest);
    expect_deltas(&mean_pool, mean);
}

/* One more layer before each, so that its deltas are seen in the gradient of that. */
static void each_layer_has_the_slopes_of_its_outputs(void **state)
{
    static const vx_shape shape = { 3, 4, 5 };
    const vx_layer64 kinds[] = {
        max_pool,
        mean_pool,
        { .kind = &vx_layer_layer_norm64 },
        { .kind = &vx_layer_dropout64, .rate = 0.4 },
        { .kind = &vx_layer_affine64 },
        { .kind = &vx_layer_across64 },
        { .kind = &vx_layer_mean64 },
        { .kind = &vx_layer_interleave64 },
        { .kind = &vx_layer_planar64 },
    };
    (void)state;

    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        const vx_layer64 layers[] = {
            { .kind = &vx_layer_conv64, .units = 3, .kernel = 3, .stride = 1, .padding = 1 },
            kinds[i]
        };
        chain c = chain_create(shape, layers, 2, 4);

        chain_check_slopes(&c);
        chain_destroy(&c);
    }
}

static void interleaved_and_planar_undo_each_other(void **state)
{
    const vx_layer64 layers[] = { { .kind = &vx_layer_interleave64 },
                                  { .kind = &vx_layer_planar64 } };
    chain one = chain_create((vx_shape){ 2, 2, 3 }, layers, 1, 2);
    chain two = chain_create((vx_shape){ 2, 2, 3 }, layers, 2, 2);
    const double first[] = { 0, 6, 1, 7, 2, 8, 3, 9, 4, 10, 5, 11 };
    (void)state;

    for (size_t i = 0; i < 12; i++)
        one.features.at[i] = (double)i;
    chain_forward(&one);
    for (size_t i = 0; i < 12; i++)
        vx_assert_close(one.outputs.at[i], first[i], 0, 0);
    chain_forward(&two);
    assert_memory_equal(two.outputs.at, two.features.at, 24 * sizeof(double));
    chain_destroy(&one);
    chain_destroy(&two);
}

static void normalised_observations_have_mean_0_and_variance_1(void **state)
{
    enum { N = 37, ROWS = 3 };
    const vx_layer64 layer = { .kind = &vx_layer_layer_norm64 };
    chain c = chain_create((vx_shape){ N, 1, 1 }, &layer, 1, ROWS);
    (void)state;

    vx_network_initialise64(c.network, 1, c.theta);
    for (size_t i = 0; i < N * ROWS; i++)
        c.features.at[i] = 100 + 7 * c.features.at[i];
    chain_forward(&c);
    for (size_t b = 0; b < ROWS; b++) {
        double sum = 0, squares = 0;

        for (size_t k = 0; k < N; k++) {
            sum += c.outputs.at[b * N + k];
            squares += c.outputs.at[b * N + k] * c.outputs.at[b * N + k];
        }
        vx_assert_close(sum / N, 0, 0, 1e-12);
        vx_assert_close(squares / N, 1, 0, 1e-6); /* less the 1e-5 beside a variance of 49 */
    }
    for (size_t k = 0; k < N; k++) {
        c.theta.at[k] = (double)k;
        c.theta.at[N + k] = 5;
    }
    memcpy(c.delta.at, c.outputs.at, N * ROWS * sizeof(double));
    chain_forward(&c);
    for (size_t i = 0; i < N * ROWS; i++)
        vx_assert_close(c.outputs.at[i], (double)(i % N) * c.delta.at[i] + 5, 1e-12, 1e-12);
    chain_destroy(&c);
}

static void equal_numbers_normalise_to_0(void **state)
{
    const vx_layer64 layer = { .kind = &vx_layer_layer_norm64 };
    chain c = chain_create((vx_shape){ 4, 1, 1 }, &layer, 1, 1);
    (void)state;

    vx_network_initialise64(c.network, 1, c.theta);
    for (size_t i = 0; i < 4; i++)
        c.features.at[i] = 3;
    expect_outputs(&c, (const double[]){ 0, 0, 0, 0 });
    chain_destroy(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_largest_of_each_square_is_taken),
        cmocka_unit_test(the_mean_of_each_square_is_taken),
        cmocka_unit_test(a_square_with_nan_gives_nan),
        cmocka_unit_test(of_equal_numbers_the_first_gets_the_delta),
        cmocka_unit_test(each_layer_has_the_slopes_of_its_outputs),
        cmocka_unit_test(interleaved_and_planar_undo_each_other),
        cmocka_unit_test(normalised_observations_have_mean_0_and_variance_1),
        cmocka_unit_test(equal_numbers_normalise_to_0),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
