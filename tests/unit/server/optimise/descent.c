#include "descent.h"

#include <math.h>
#include <string.h>

#include <vx_base/alloc.h>

vx_optimiser *create(const vx_optimiser_options *options, size_t dimension)
{
    vx_optimiser *optimiser = NULL;
    vx_error err;

    vx_assert_ok(vx_optimiser_create(options, dimension, &optimiser, &err), &err);
    return optimiser;
}

void step(vx_optimiser *optimiser, uint64_t round, const float *update, float *theta, size_t d)
{
    vx_assert_ok(
        vx_optimiser_step(optimiser, round, (vx_cvecf){ update, d }, (vx_vecf){ theta, d }), NULL);
}

void expect_steps(vx_optimiser *optimiser, const float *updates, const double *thetas,
                  size_t rounds)
{
    float theta = 1.0f;

    for (size_t round = 0; round < rounds; round++) {
        step(optimiser, round, &updates[round], &theta, 1);
        vx_assert_close((double)theta, thetas[round], 0.0, 0.0);
    }
}

void fill(uint64_t round, float *update)
{
    for (size_t k = 0; k < D; k++)
        update[k] = sinf((float)k + 3.0f * (float)round);
}

int fail_each_allocation(const vx_optimiser_options *options)
{
    vx_optimiser *optimiser = NULL;
    int count = -1;

    for (vx_status status = VX_ERR_NOMEM; status != VX_OK; count++) {
        int left = count + 1;

        vx_alloc_set_hook(vx_test_fail_at_zero, &left);
        status = vx_optimiser_create(options, D, &optimiser, NULL);
        vx_alloc_set_hook(NULL, NULL);
        assert_true(status == VX_OK || (status == VX_ERR_NOMEM && optimiser == NULL));
    }
    vx_optimiser_destroy(optimiser);
    return count;
}

void expect_no_allocation(const vx_optimiser_options *options)
{
    vx_optimiser *optimiser = create(options, D);
    float theta[D] = { 0 }, update[D];
    uint64_t before = vx_alloc_count();

    fill(0, update);
    step(optimiser, 0, update, theta, D);
    assert_int_equal(vx_alloc_count(), before);
    vx_optimiser_destroy(optimiser);
}

void expect_resumed(const vx_optimiser_options *options)
{
    vx_optimiser *whole = create(options, D), *resumed = create(options, D);
    float theta[D] = { 0 }, theta_resumed[D], update[D];

    for (uint64_t round = 0; round < 20; round++) {
        fill(round, update);
        if (round == 9) { /* a checkpoint */
            memcpy(theta_resumed, theta, sizeof(theta));
            for (size_t i = 0; i < vx_optimiser_state_count(whole); i++)
                memcpy(vx_optimiser_state_at(resumed, i).at, vx_optimiser_state_at(whole, i).at,
                       sizeof(theta));
        }
        step(whole, round, update, theta, D);
        if (round >= 9)
            step(resumed, round, update, theta_resumed, D);
    }
    assert_memory_equal(theta, theta_resumed, sizeof(theta));
    vx_optimiser_destroy(whole);
    vx_optimiser_destroy(resumed);
}
