#include "chain.h"

#include <vx_test/check.h>

#include <math.h>
#include <string.h>

#include <vx_base/alloc.h>
#include <vx_base/rng.h>

#define STEP 1e-3

static vx_vec random_vector(vx_rng *rng, size_t n)
{
    vx_vec v = { vx_calloc(n > 0 ? n : 1, sizeof(double)), n };

    assert_non_null(v.at);
    for (size_t i = 0; i < n; i++)
        v.at[i] = vx_rng_normal(rng);
    return v;
}

static vx_mat random_matrix(vx_rng *rng, size_t rows, size_t cols)
{
    return (vx_mat){ random_vector(rng, rows * cols).at, rows, cols, cols };
}

chain chain_create(vx_shape in, const vx_layer64 *layers, size_t count, size_t rows)
{
    chain c = { .pass = { .rows = rows, .training = true, .seed = 9, .round = 4, .slot = 2 } };
    vx_rng rng = vx_rng_stream(3, VX_RNG_TEST, 0, 0);
    vx_error err = { 0 };
    size_t outputs = 0;

    vx_assert_ok(vx_network_create64(in, rows, &c.network), NULL);
    for (size_t i = 0; i < count; i++)
        vx_assert_ok(vx_network_add64(c.network, layers[i], &err), &err);
    vx_assert_ok(vx_network_finish64(c.network, &err), &err);
    outputs = vx_shape_size(vx_network_out64(c.network));
    c.features = random_matrix(&rng, rows, vx_shape_size(in));
    c.outputs = random_matrix(&rng, rows, outputs);
    c.delta = random_matrix(&rng, rows, outputs);
    c.theta = random_vector(&rng, vx_network_dimension64(c.network));
    c.gradient = random_vector(&rng, c.theta.n);
    return c;
}

void chain_destroy(chain *c)
{
    vx_network_destroy64(c->network);
    vx_free(c->features.at);
    vx_free(c->outputs.at);
    vx_free(c->delta.at);
    vx_free(c->theta.at);
    vx_free(c->gradient.at);
}

static vx_mat forward(chain *c)
{
    vx_mat outputs = { 0 };

    vx_assert_ok(vx_network_forward64(c->network, &c->pass, vx_vec_const(c->theta),
                                      vx_mat_const(c->features), &outputs),
                 NULL);
    return outputs;
}

void chain_forward(chain *c)
{
    memcpy(c->outputs.at, forward(c).at, c->outputs.rows * c->outputs.cols * sizeof(double));
}

void chain_backward(chain *c)
{
    vx_mat outputs = forward(c);

    memcpy(outputs.at, c->delta.at, outputs.rows * outputs.cols * sizeof(double));
    vx_assert_ok(vx_network_backward64(c->network, &c->pass, vx_vec_const(c->theta),
                                       vx_mat_const(c->features), outputs, c->gradient, NULL),
                 NULL);
}

static double loss(chain *c, size_t coordinate, double step)
{
    double before = c->theta.at[coordinate];
    double sum = 0;
    vx_mat outputs = { 0 };

    c->theta.at[coordinate] = before + step;
    outputs = forward(c);
    for (size_t i = 0; i < outputs.rows * outputs.cols; i++)
        sum += outputs.at[i] * c->delta.at[i];
    c->theta.at[coordinate] = before;
    return sum;
}

void chain_check_slopes(chain *c)
{
    double largest = 0;

    chain_backward(c);
    for (size_t i = 0; i < c->gradient.n; i++)
        largest = fmax(largest, fabs(c->gradient.at[i]));
    assert_true(largest > 0);
    for (size_t i = 0; i < c->gradient.n; i++) {
        double near = loss(c, i, STEP) - loss(c, i, -STEP);
        double far = loss(c, i, 2 * STEP) - loss(c, i, -2 * STEP);

        vx_assert_close(c->gradient.at[i], (8 * near - far) / (12 * STEP), 0, 1e-9 * largest);
    }
}
