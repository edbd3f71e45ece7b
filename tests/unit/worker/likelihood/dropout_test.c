#include "chain.h"

#include <vx_test/check.h>

#include <math.h>
#include <string.h>

#include <vx_base/alloc.h>

#define N    101
#define ROWS 400

static chain create(double rate)
{
    const vx_layer64 layer = { .kind = &vx_layer_dropout64, .rate = rate };
    chain c = chain_create((vx_shape){ N, 1, 1 }, &layer, 1, ROWS);

    for (size_t i = 0; i < N * ROWS; i++)
        c.features.at[i] = 1;
    return c;
}

static void dropped_numbers_are_0_and_the_others_make_up_for_them(void **state)
{
    static const double rates[] = { 0.1, 0.5, 0.9 };
    (void)state;

    for (size_t k = 0; k < 3; k++) {
        chain c = create(rates[k]);
        double kept = 1 / (1 - rates[k]);
        double sum = 0;

        chain_forward(&c);
        for (size_t i = 0; i < N * ROWS; i++) {
            assert_true(c.outputs.at[i] == 0 || fabs(c.outputs.at[i] - kept) < 1e-12);
            sum += c.outputs.at[i];
        }
        /* each has mean 1 and variance rate / (1 - rate): within five standard errors */
        vx_assert_close(sum / (N * ROWS), 1, 0, 5 * sqrt(rates[k] * kept / (N * ROWS)));
        chain_destroy(&c);
    }
}

static void nothing_is_dropped_in_evaluation_or_at_rate_0(void **state)
{
    chain c = create(0.5), none = create(0);
    (void)state;

    c.pass.training = false;
    chain_forward(&c);
    assert_memory_equal(c.outputs.at, c.features.at, N * ROWS * sizeof(double));
    chain_forward(&none);
    assert_memory_equal(none.outputs.at, none.features.at, N * ROWS * sizeof(double));
    chain_destroy(&c);
    chain_destroy(&none);
}

/* How many of the numbers of an observation agree. */
static size_t agreement(const double *a, const double *b)
{
    size_t count = 0;

    for (size_t k = 0; k < N; k++)
        count += a[k] == b[k] ? 1 : 0;
    return count;
}

/* Observation 7 is treated alike wherever it stands, and unlike all others. */
static void what_is_dropped_follows_the_observation(void **state)
{
    const uint32_t numbers[] = { 3, 9, 7, 4 };
    chain c = create(0.5);
    double alone[N];
    (void)state;

    c.pass.rows = c.features.rows = c.outputs.rows = 1;
    c.pass.observations = &numbers[2];
    chain_forward(&c);
    memcpy(alone, c.outputs.at, sizeof(alone));
    c.pass.rows = c.features.rows = c.outputs.rows = 4;
    c.pass.observations = numbers;
    chain_forward(&c);
    for (size_t b = 0; b < 4; b++)
        if (numbers[b] == 7)
            assert_int_equal(agreement(alone, c.outputs.at + b * N), N);
        else /* 101 coins: six standard deviations */
            assert_in_range(agreement(alone, c.outputs.at + b * N), 21, 80);
    chain_destroy(&c);
}

static void each_part_of_the_key_counts(void **state)
{
    chain c = create(0.5);
    double first[N];
    const vx_pass before = c.pass;
    (void)state;

    chain_forward(&c);
    memcpy(first, c.outputs.at, sizeof(first));
    for (int part = 0; part < 4; part++) {
        c.pass = before;
        c.pass.seed += part == 0 ? 1 : 0;
        c.pass.slot += part == 1 ? 1 : 0;
        c.pass.round += part == 2 ? 1 : 0;
        c.pass.round += part == 3 ? 1ULL << 32 : 0;
        chain_forward(&c);
        assert_in_range(agreement(first, c.outputs.at), 21, 80);
    }
    c.pass = before;
    chain_forward(&c);
    assert_int_equal(agreement(first, c.outputs.at), N);
    chain_destroy(&c);
}

static void two_layers_drop_differently(void **state)
{
    const vx_layer64 layers[] = { { .kind = &vx_layer_dropout64, .rate = 0.5 },
                                  { .kind = &vx_layer_dropout64, .rate = 0.5 } };
    chain c = chain_create((vx_shape){ N, 1, 1 }, layers, 2, ROWS);
    double sum = 0;
    (void)state;

    for (size_t i = 0; i < N * ROWS; i++)
        c.features.at[i] = 1;
    chain_forward(&c);
    for (size_t i = 0; i < N * ROWS; i++)
        sum += c.outputs.at[i];
    vx_assert_close(sum / (N * ROWS), 1, 0, 5 * sqrt(3.0 / (N * ROWS))); /* 4 at 1 in 4: mean 1 */
    chain_destroy(&c);
}

static void a_rate_outside_its_range_is_refused(void **state)
{
    static const double rates[] = { -0.1, 1, 2, (double)NAN };
    (void)state;

    for (size_t k = 0; k < 4; k++) {
        vx_layer64 layer = { .kind = &vx_layer_dropout64, .rate = rates[k] };
        vx_error err = { 0 };

        vx_assert_status(layer.kind->plan(&layer, &err), VX_ERR_CONFIG, NULL);
        assert_non_null(strstr(err.message, "model.dropout"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dropped_numbers_are_0_and_the_others_make_up_for_them),
        cmocka_unit_test(nothing_is_dropped_in_evaluation_or_at_rate_0),
        cmocka_unit_test(what_is_dropped_follows_the_observation),
        cmocka_unit_test(each_part_of_the_key_counts),
        cmocka_unit_test(two_layers_drop_differently),
        cmocka_unit_test(a_rate_outside_its_range_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
