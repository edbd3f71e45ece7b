#include "descent.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include <vx_base/rng.h>

enum { KINDS = 3 }; /* all but adamw */

/* Inside a block, over a border of blocks, to the end. */
static const vx_optimiser_part parts[] = { { 3, 2 }, { 500, 120 }, { 620, 1 }, { 1299, 1 } };

static bool is_exempt(size_t k)
{
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
        if (k >= parts[i].from && k < parts[i].from + parts[i].count)
            return true;
    return false;
}

static bool same_bits(float a, float b)
{
    uint32_t bits[2];

    memcpy(&bits[0], &a, sizeof(a));
    memcpy(&bits[1], &b, sizeof(b));
    return bits[0] == bits[1];
}

static vx_optimiser_options options_of(int kind, double l1)
{
    vx_optimiser_options options = vx_optimiser_options_default();

    options.kind = (vx_optimiser_kind)kind;
    options.step_size = 0.25;
    options.momentum = 0.5;
    options.l1 = l1;
    return options;
}

static double momentum_of(vx_optimiser *optimiser)
{
    return (double)vx_optimiser_state_at(optimiser, 0).at[0];
}

static void sgd_shrinks_by_the_step_size_times_l1(void **state)
{
    const vx_optimiser_options options = options_of(VX_OPTIMISER_SGD, 0.5); /* by 0.125 */
    vx_optimiser *optimiser = create(&options, 6);
    float theta[] = { 1.0f, -1.0f, 0.125f, -0.0625f, 0.0f, 1.0f };
    const float update[] = { 2.0f, 0.0f, 0.0f, 0.0f, -1.0f, 4.25f };
    const float expected[] = { 0.375f, -0.875f, 0.0f, 0.0f, 0.125f, 0.0f };

    (void)state;
    step(optimiser, 0, update, theta, 6);
    assert_memory_equal(theta, expected, sizeof(theta)); /* the bits of +0 */
    vx_optimiser_destroy(optimiser);
}

static void the_threshold_follows_the_schedule(void **state)
{
    vx_optimiser_options options = options_of(VX_OPTIMISER_SGD, 0.5);
    vx_optimiser *optimiser;
    float theta = 1.0f;
    const float update = 0.0f;

    (void)state;
    options.schedule = (vx_schedule){ .kind = VX_SCHEDULE_STEP, .every = 1, .factor = 0.5 };
    optimiser = create(&options, 1);
    step(optimiser, 0, &update, &theta, 1);
    vx_assert_close((double)theta, 0.875, 0.0, 0.0);
    step(optimiser, 2, &update, &theta, 1);
    vx_assert_close((double)theta, 0.84375, 0.0, 0.0);
    vx_optimiser_destroy(optimiser);
}

static void heavy_ball_carries_what_the_threshold_did(void **state)
{
    const vx_optimiser_options options = options_of(VX_OPTIMISER_HEAVY_BALL, 1.0); /* by 0.25 */
    vx_optimiser *optimiser = create(&options, 1);
    const float updates[] = { 2.0f, 1.0f, -0.5f, 0.0f };
    /* z = 0.5, -0.375, -0.1875, 0.0625; s = 1, -1, -0.75, 0.25 */
    const double thetas[] = { 0.25, -0.125, 0.0, 0.0 }, momenta[] = { 3.0, 1.5, -0.5, 0.0 };
    float theta = 1.0f;

    (void)state;
    for (uint64_t round = 0; round < 4; round++) {
        step(optimiser, round, &updates[round], &theta, 1);
        vx_assert_close((double)theta, thetas[round], 0.0, 0.0);
        vx_assert_close(momentum_of(optimiser), momenta[round], 0.0, 0.0);
    }
    vx_optimiser_destroy(optimiser);
}

static void nesterov_shrinks_by_the_weight_of_the_gradient_in_the_step(void **state)
{
    const vx_optimiser_options options = options_of(VX_OPTIMISER_NESTEROV, 1.0); /* by 0.375 */
    vx_optimiser *optimiser = create(&options, 1);
    const float updates[] = { 1.0f, 0.0f };
    float theta = 1.0f;

    (void)state;
    step(optimiser, 0, &updates[0], &theta, 1); /* b = 1, z = 0.625, s = 1 */
    vx_assert_close((double)theta, 0.25, 0.0, 0.0);
    vx_assert_close(momentum_of(optimiser), 2.0, 0.0, 0.0);
    step(optimiser, 1, &updates[1], &theta, 1); /* b = 1, z = 0.125, s = 0.125 / 0.375 */
    vx_assert_close((double)theta, 0.0, 0.0, 0.0);
    vx_assert_close(momentum_of(optimiser), 4.0 / 3.0, 1.2e-7, 0.0);
    vx_optimiser_destroy(optimiser);
}

/* y = X w + 0.7 + noise with correlated features; f = |X theta + c - y|^2 / 2n. */
enum { N = 80, P = 14 }; /* the last parameter is the intercept c */

typedef struct regression {
    double x[N][P], y[N];
} regression;

static void draw(regression *r)
{
    static const double truth[P] = { 1.5, 0, -2, 0, 0, 0.8, 0, 0, 0, -0.3, 0, 0, 0, 0.7 };
    vx_rng rng = vx_rng_stream(11, VX_RNG_TEST, 0, 0);

    for (size_t i = 0; i < N; i++) {
        double before = 0.0;

        r->y[i] = 0.4 * (2.0 * vx_rng_uniform(&rng) - 1.0);
        for (size_t k = 0; k < P; k++) {
            before = 0.5 * before + 2.0 * vx_rng_uniform(&rng) - 1.0;
            r->x[i][k] = k + 1 == P ? 1.0 : before;
            r->y[i] += r->x[i][k] * truth[k];
        }
    }
}

static void gradient_of(const regression *r, const float *theta, double *ret_gradient)
{
    memset(ret_gradient, 0, P * sizeof(*ret_gradient));
    for (size_t i = 0; i < N; i++) {
        double residual = -r->y[i];

        for (size_t k = 0; k < P; k++)
            residual += r->x[i][k] * (double)theta[k];
        for (size_t k = 0; k < P; k++)
            ret_gradient[k] += residual * r->x[i][k] / N;
    }
}

/* The conditions of Karush, Kuhn and Tucker, in units of the gradient at 0. */
static void assert_optimal(const float *theta, const double *gradient, double decay, double l1,
                           double scale)
{
    size_t zeros = 0;

    for (size_t k = 0; k < P; k++) {
        double g = gradient[k] + decay * (double)theta[k];

        if (k + 1 == P)
            assert_true(fabs(g) < 1e-6 * scale);
        else if (theta[k] == 0.0f)
            assert_true(fabs(g) <= l1 + 1e-6);
        else
            assert_true(fabs(g + copysign(l1, (double)theta[k])) < 1e-6 * scale);
        zeros += theta[k] == 0.0f;
    }
    assert_in_range(zeros, 5, 11);
}

static void every_kind_rests_where_the_loss_with_l1_is_least(void **state)
{
    static const double decays[] = { 0.0, 0.05 };
    const vx_optimiser_part intercept = { P - 1, 1 };
    regression r;

    (void)state;
    draw(&r);
    for (int i = 0; i < KINDS * 2; i++) {
        vx_optimiser_options options = options_of(i / 2, 0.08);
        vx_optimiser *optimiser;
        float theta[P] = { 0 }, update[P];
        double gradient[P], scale = 0.0;

        options.momentum = 0.9;
        options.step_size = i / 2 == VX_OPTIMISER_SGD ? 0.25 : 0.05;
        options.weight_decay = decays[i % 2];
        options.exempt = &intercept;
        options.exempt_count = 1;
        optimiser = create(&options, P);
        gradient_of(&r, theta, gradient);
        for (size_t k = 0; k < P; k++)
            scale = fmax(scale, fabs(gradient[k]));
        for (uint64_t round = 0; round < 3000; round++) {
            gradient_of(&r, theta, gradient);
            for (size_t k = 0; k < P; k++)
                update[k] = (float)gradient[k];
            step(optimiser, round, update, theta, P);
        }
        gradient_of(&r, theta, gradient);
        assert_optimal(theta, gradient, options.weight_decay, options.l1, scale);
        vx_optimiser_destroy(optimiser);
    }
}

/* The plain step, written once more. */
static void plain_step(const vx_optimiser_options *o, float update, float *theta, float *b)
{
    double g = (double)update + o->weight_decay * (double)*theta;
    double moved = o->momentum * (double)*b + g;
    double along = g;

    if (o->kind != VX_OPTIMISER_SGD)
        along = o->kind == VX_OPTIMISER_NESTEROV ? g + o->momentum * moved : moved;
    *b = (float)moved;
    *theta = (float)((double)*theta - o->step_size * along);
}

/* Without l1, and of exempt parameters with it. */
static void a_step_that_does_not_shrink_has_the_bits_of_the_plain_one(void **state)
{
    (void)state;
    for (int i = 0; i < KINDS * 2; i++) {
        vx_optimiser_options options = options_of(i / 2, i % 2 == 0 ? 0.0 : 0.3);
        vx_optimiser *optimiser;
        float theta[D] = { 0 }, update[D], plain[D] = { 0 }, b[D] = { 0 };
        size_t differ = 0;

        options.weight_decay = 0.01;
        options.exempt = parts;
        options.exempt_count = sizeof(parts) / sizeof(parts[0]);
        plain[7] = theta[7] = -0.0f;
        optimiser = create(&options, D);
        for (uint64_t round = 0; round < 10; round++) {
            fill(round, update);
            step(optimiser, round, update, theta, D);
            for (size_t k = 0; k < D; k++)
                plain_step(&options, update[k], &plain[k], &b[k]);
        }
        for (size_t k = 0; k < D; k++) {
            bool same = same_bits(theta[k], plain[k]);

            if (options.l1 == 0.0 || is_exempt(k))
                assert_true(same);
            differ += !same;
        }
        assert_true(options.l1 == 0.0 ? differ == 0 : differ > D / 2);
        vx_optimiser_destroy(optimiser);
    }
}

static void every_coordinate_that_shrinks_makes_the_same_steps(void **state)
{
    (void)state;
    for (int kind = 0; kind < KINDS; kind++) {
        vx_optimiser_options options = options_of(kind, 0.5);
        vx_optimiser *one = create(&options, 1), *many;
        float theta = 1.0f, thetas[D], updates[D];

        options.exempt = parts;
        options.exempt_count = sizeof(parts) / sizeof(parts[0]);
        many = create(&options, D);
        for (size_t k = 0; k < D; k++)
            thetas[k] = 1.0f;
        for (uint64_t round = 0; round < 8; round++) {
            for (size_t k = 0; k < D; k++)
                updates[k] = 0.9f - 0.3f * (float)round;
            step(one, round, updates, &theta, 1);
            step(many, round, updates, thetas, D);
            for (size_t k = 0; k < D; k++)
                assert_true(is_exempt(k) || same_bits(thetas[k], theta));
        }
        vx_optimiser_destroy(one);
        vx_optimiser_destroy(many);
    }
}

static void a_restored_state_goes_on_with_the_same_bits(void **state)
{
    (void)state;
    for (int kind = 0; kind < KINDS; kind++) {
        const vx_optimiser_options options = options_of(kind, 0.2);

        expect_resumed(&options);
    }
}

static void a_threshold_hides_no_number_that_is_not_finite(void **state)
{
    const float bad[] = { nanf(""), HUGE_VALF, -HUGE_VALF };

    (void)state;
    for (int kind = 0; kind < KINDS; kind++) {
        const vx_optimiser_options options = options_of(kind, 1e6);
        vx_optimiser *optimiser = create(&options, D);
        float theta[D] = { 0 }, before[D] = { 0 }, update[D];

        fill(0, update);
        for (size_t i = 0; i < 3; i++) {
            update[D - 1] = bad[i];
            vx_assert_status(
                vx_optimiser_step(optimiser, 0, (vx_cvecf){ update, D }, (vx_vecf){ theta, D }),
                VX_ERR_NONFINITE, NULL);
        }
        assert_memory_equal(before, theta, sizeof(theta));
        for (size_t i = 0; i < vx_optimiser_state_count(optimiser); i++)
            assert_memory_equal(vx_optimiser_state_at(optimiser, i).at, before, sizeof(before));
        vx_optimiser_destroy(optimiser);
    }
}

static void a_threshold_out_of_the_finite_numbers_is_refused(void **state)
{
    vx_optimiser_options options = options_of(VX_OPTIMISER_SGD, DBL_MAX);
    vx_optimiser *optimiser;
    float theta = 1.0f;
    const float update = 0.0f;

    (void)state;
    options.step_size = 2.0;
    optimiser = create(&options, 1);
    vx_assert_status(
        vx_optimiser_step(optimiser, 0, (vx_cvecf){ &update, 1 }, (vx_vecf){ &theta, 1 }),
        VX_ERR_NONFINITE, NULL);
    assert_true(theta == 1.0f);
    vx_optimiser_destroy(optimiser);
}

/* The last round of a cosine to 0. */
static void a_round_without_a_step_moves_nothing(void **state)
{
    (void)state;
    for (int kind = 0; kind < KINDS; kind++) {
        vx_optimiser_options options = options_of(kind, 0.5);
        vx_optimiser *optimiser;
        float theta[] = { 1.0f, 0.0f };
        const float update[] = { 1.0f, 1.0f }, expected[] = { 1.0f, 0.0f };

        options.schedule = (vx_schedule){ .kind = VX_SCHEDULE_COSINE, .rounds = 5 };
        optimiser = create(&options, 2);
        assert_true(vx_optimiser_step_size(optimiser, 4) == 0.0);
        step(optimiser, 4, update, theta, 2);
        assert_memory_equal(theta, expected, sizeof(theta));
        vx_optimiser_destroy(optimiser);
    }
}

static void refuse(const vx_optimiser_options *options, vx_status code, const char *word)
{
    vx_optimiser *optimiser = NULL;
    vx_error err;

    vx_assert_status(vx_optimiser_create(options, 10, &optimiser, &err), code, &err);
    assert_null(optimiser);
    assert_non_null(strstr(err.message, word));
}

static void an_l1_out_of_range_is_named(void **state)
{
    vx_optimiser_options options = options_of(VX_OPTIMISER_SGD, -0.1);

    (void)state;
    refuse(&options, VX_ERR_DOMAIN, "l1 -0.1 ");
    options.l1 = nan("");
    refuse(&options, VX_ERR_DOMAIN, "l1 ");
    options.l1 = (double)HUGE_VALF;
    refuse(&options, VX_ERR_DOMAIN, "l1 inf ");
    options = options_of(VX_OPTIMISER_ADAMW, 0.1);
    refuse(&options, VX_ERR_DOMAIN, "l1 0.1 must be 0 with adamw");
}

static void exempt_parts_that_do_not_fit_are_refused(void **state)
{
    static const vx_optimiser_part wrong[][2] = { { { 4, 2 }, { 5, 1 } },
                                                  { { 4, 2 }, { 1, 1 } },
                                                  { { 0, 1 }, { 8, 3 } },
                                                  { { 0, 1 }, { 11, 0 } },
                                                  { { 1, SIZE_MAX }, { 2, 1 } } };
    vx_optimiser_options options = options_of(VX_OPTIMISER_SGD, 0.1);

    (void)state;
    options.exempt_count = 2;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        options.exempt = wrong[i];
        refuse(&options, VX_ERR_SHAPE, "does not fit");
    }
}

static void only_creation_takes_memory_and_survives_its_failure(void **state)
{
    vx_optimiser_options options = options_of(VX_OPTIMISER_HEAVY_BALL, 0.1);

    (void)state;
    options.exempt = parts;
    options.exempt_count = sizeof(parts) / sizeof(parts[0]);
    assert_int_equal(fail_each_allocation(&options), 3); /* itself, the parts, the momentum */
    expect_no_allocation(&options);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sgd_shrinks_by_the_step_size_times_l1),
        cmocka_unit_test(the_threshold_follows_the_schedule),
        cmocka_unit_test(heavy_ball_carries_what_the_threshold_did),
        cmocka_unit_test(nesterov_shrinks_by_the_weight_of_the_gradient_in_the_step),
        cmocka_unit_test(every_kind_rests_where_the_loss_with_l1_is_least),
        cmocka_unit_test(a_step_that_does_not_shrink_has_the_bits_of_the_plain_one),
        cmocka_unit_test(every_coordinate_that_shrinks_makes_the_same_steps),
        cmocka_unit_test(a_restored_state_goes_on_with_the_same_bits),
        cmocka_unit_test(a_threshold_hides_no_number_that_is_not_finite),
        cmocka_unit_test(a_threshold_out_of_the_finite_numbers_is_refused),
        cmocka_unit_test(a_round_without_a_step_moves_nothing),
        cmocka_unit_test(an_l1_out_of_range_is_named),
        cmocka_unit_test(exempt_parts_that_do_not_fit_are_refused),
        cmocka_unit_test(only_creation_takes_memory_and_survives_its_failure),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
