#include <vx_test/check.h>

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include <vx_base/alloc.h>
#include <vx_data/augment.h>

#define SIDE   8
#define PIXELS (2 * SIDE * SIDE)
#define BATCH  4

static const vx_shape image = { 2, SIDE, SIDE };
static float rows[BATCH][PIXELS];
static float before[BATCH][PIXELS];
static const uint32_t observations[BATCH] = { 10, 11, 500, 4000000000u };

/* Bit by bit. */
static bool are_same(const void *a, const void *b, size_t size)
{
    return memcmp(a, b, size) == 0;
}

static void fill(void)
{
    for (size_t b = 0; b < BATCH; b++)
        for (size_t k = 0; k < PIXELS; k++)
            before[b][k] = rows[b][k] = (float)(1 + (b * PIXELS + k) * 7 % 997) / 1000.0f;
}

static vx_augment_step always(vx_augment_kind kind, double scale)
{
    return (vx_augment_step){ .kind = kind, .share = 1, .scale = scale, .to_round = UINT64_MAX };
}

static vx_augment *create(const vx_augment_step *steps, size_t count)
{
    vx_augment *augment = NULL;
    vx_error err = { 0 };

    vx_assert_ok(vx_augment_create(steps, count, image, PIXELS, &augment, &err), &err);
    return augment;
}

static void apply_at(const vx_augment_step *steps, size_t count, uint64_t seed, uint32_t slot,
                     uint64_t round)
{
    vx_augment *augment = create(steps, count);
    uint64_t allocations = vx_alloc_count();

    vx_augment_apply(augment, seed, slot, round, observations,
                     (vx_matf){ &rows[0][0], BATCH, PIXELS, PIXELS });
    assert_int_equal(vx_alloc_count(), allocations);
    vx_augment_destroy(augment);
}

static void apply(vx_augment_step step)
{
    apply_at(&step, 1, 1, 2, 3);
}

static float pixel(size_t b, size_t c, size_t y, size_t x)
{
    return before[b][(c * SIDE + y) * SIDE + x];
}

static void nothing_changes_where_nothing_is_to_change(void **state)
{
    static const vx_augment_step idle[] = {
        { VX_AUGMENT_FLIP, 0, 0, 0, UINT64_MAX },
        { VX_AUGMENT_GAUSSIAN_NOISE, 0, 5, 0, UINT64_MAX },
        { VX_AUGMENT_GAUSSIAN_NOISE, 1, 0, 0, UINT64_MAX },
        { VX_AUGMENT_SHIFT, 1, 0, 0, UINT64_MAX },
        { VX_AUGMENT_CAT_MAP, 1, 0, 0, UINT64_MAX },
        { VX_AUGMENT_CAT_MAP, 0, 1, 0, UINT64_MAX },
        { VX_AUGMENT_LOTKA_VOLTERRA, 1, 0, 0, UINT64_MAX },
        { VX_AUGMENT_FLIP, 1, 0, 0, 2 }, /* in other rounds */
        { VX_AUGMENT_FLIP, 1, 0, 4, UINT64_MAX },
    };
    (void)state;

    for (size_t k = 0; k < sizeof(idle) / sizeof(idle[0]); k++) {
        fill();
        apply(idle[k]);
        assert_memory_equal(rows, before, sizeof(rows));
    }
}

static void a_flip_mirrors_and_twice_is_nothing(void **state)
{
    vx_augment_step twice[2] = { always(VX_AUGMENT_FLIP, 0), always(VX_AUGMENT_FLIP, 0) };
    (void)state;

    fill();
    apply(twice[0]);
    for (size_t y = 0; y < SIDE; y++)
        for (size_t x = 0; x < SIDE; x++)
            vx_assert_close((double)rows[1][(SIDE + y) * SIDE + x],
                            (double)pixel(1, 1, y, SIDE - 1 - x), 0, 0);
    fill();
    apply_at(twice, 2, 1, 2, 3);
    assert_memory_equal(rows, before, sizeof(rows));
}

/* By which shift row b was made, or -1000 when by none up to 2. */
static int shift_of(size_t b)
{
    for (int down = -2; down <= 2; down++) {
        for (int right = -2; right <= 2; right++) {
            bool same = true;

            for (int i = 0; same && i < PIXELS; i++) {
                int c = i / (SIDE * SIDE), y = i / SIDE % SIDE - down, x = i % SIDE - right;
                bool inside = y >= 0 && y < SIDE && x >= 0 && x < SIDE;
                float expected = inside ? pixel(b, (size_t)c, (size_t)y, (size_t)x) : 0.0f;

                same = !(rows[b][i] < expected) && !(rows[b][i] > expected);
            }
            if (same)
                return 5 * (down + 2) + right + 2;
        }
    }
    return -1000;
}

static void a_shift_moves_the_image_and_leaves_black(void **state)
{
    size_t found[25] = { 0 };
    double statistic = 0;
    (void)state;

    for (uint64_t round = 0; round < 500; round++) {
        vx_augment_step step = always(VX_AUGMENT_SHIFT, 2);

        fill();
        apply_at(&step, 1, 9, 0, round);
        for (size_t b = 0; b < BATCH; b++) {
            assert_in_range(shift_of(b), 0, 24);
            found[shift_of(b)]++;
        }
    }
    for (size_t k = 0; k < 25; k++)
        statistic += ((double)found[k] - 80) * ((double)found[k] - 80) / 80;
    assert_true(statistic < 51.2); /* chi-square, 24 degrees: 1 in 1000 */
}

static void the_cat_map_permutes_pixels_with_its_period(void **state)
{
    static const struct {
        size_t side, period;
    } known[] = { { 1, 1 }, { 2, 3 }, { 3, 4 }, { 4, 3 }, { 5, 10 }, { 8, 6 }, { 10, 30 } };
    (void)state;

    for (size_t k = 0; k < sizeof(known) / sizeof(known[0]); k++) {
        size_t side = known[k].side, pixels = side * side;
        float start[100], row[100];

        for (size_t p = 0; p < pixels; p++)
            start[p] = (float)p;
        for (size_t times = 1; times <= known[k].period; times++) {
            vx_augment_step step = always(VX_AUGMENT_CAT_MAP, (double)times);
            vx_augment *augment = NULL;
            uint8_t seen[100] = { 0 };
            bool same = false;

            vx_assert_ok(
                vx_augment_create(&step, 1, (vx_shape){ 1, side, side }, pixels, &augment, NULL),
                NULL);
            memcpy(row, start, sizeof(row));
            vx_augment_apply(augment, 0, 0, 0, observations, (vx_matf){ row, 1, pixels, pixels });
            for (size_t p = 0; p < pixels; p++)
                assert_int_equal(seen[(size_t)row[p]]++, 0);
            same = are_same(row, start, pixels * sizeof(*row));
            assert_int_equal(same, times == known[k].period);
            vx_augment_destroy(augment);
        }
    }
    fill();
    apply(always(VX_AUGMENT_CAT_MAP, 1)); /* (x, y) goes to (2 x + y, x + y) */
    vx_assert_close((double)rows[0][((3 + 2) % SIDE) * SIDE + (2 * 3 + 2) % SIDE],
                    (double)pixel(0, 0, 2, 3), 0, 0);
}

static void the_smooth_cat_map_ends_in_the_cat_map(void **state)
{
    static float sharp[BATCH][PIXELS];
    float least = 1, most = 0;
    double distance[3] = { 0 };
    (void)state;

    fill();
    for (size_t k = 0; k < PIXELS; k++) {
        least = fminf(least, before[0][k]);
        most = fmaxf(most, before[0][k]);
    }
    apply(always(VX_AUGMENT_CAT_MAP, 1));
    memcpy(sharp, rows, sizeof(rows));
    for (int i = 0; i < 3; i++) {
        fill();
        apply(always(VX_AUGMENT_SMOOTH_CAT_MAP, (double[]){ 1, 0.95, 0.3 }[i]));
        for (size_t k = 0; k < PIXELS; k++) {
            assert_true(rows[0][k] > least - 1e-6f && rows[0][k] < most + 1e-6f);
            distance[i] += fabs((double)rows[0][k] - (double)sharp[0][k]);
        }
    }
    assert_true(distance[0] < 1e-4);
    assert_true(distance[1] > 10 * distance[0] && distance[2] > distance[1]);
    fill();
    apply(always(VX_AUGMENT_SMOOTH_CAT_MAP, 0)); /* the middle everywhere */
    for (size_t k = 0; k < SIDE * SIDE; k++)
        vx_assert_close((double)rows[0][k], (double)rows[0][0], 1e-6, 0);
}

/* On its axes the flow is known: y = y0 exp(-t) where x = 0, x = x0 exp(2 t / 3) where y = 0. */
static void the_flow_of_lotka_and_volterra_is_exact_on_its_axes(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++) {
        double time = (double[]){ 0.01, 0.1, 0.3, 0.8 }[i];

        fill();
        apply(always(VX_AUGMENT_LOTKA_VOLTERRA, time));
        for (size_t k = 0; k < SIDE; k++) {
            double from_column = floor(4 - (4 - (double)k) * exp(-time) + 0.5);
            double from_row = floor(4 - (4 - (double)k) * exp(2 * time / 3) + 0.5);
            bool inside = from_row >= 0 && from_row < SIDE;

            vx_assert_close((double)rows[0][4 * SIDE + k],
                            (double)pixel(0, 0, 4, (size_t)from_column), 0, 0);
            vx_assert_close((double)rows[0][k * SIDE + 4],
                            inside ? (double)pixel(0, 0, (size_t)from_row, 4) : 0, 0, 0);
        }
    }
}

/* Euler's method with tiny steps, away from the axes. */
static void the_flow_of_lotka_and_volterra_agrees_with_tiny_steps(void **state)
{
    const double time = 0.02;
    size_t compared = 0;
    (void)state;

    fill();
    apply(always(VX_AUGMENT_LOTKA_VOLTERRA, time));
    for (size_t row = 0; row < SIDE; row++) {
        for (size_t column = 0; column < SIDE; column++) {
            double x = 4 - (double)row, y = 4 - (double)column, edge = 0;
            const int steps = 100000;

            for (int i = 0; i < steps; i++) {
                double dx = 2.0 / 3 * x - 4.0 / 3 * x * y, dy = x * y - y;

                x += time / steps * dx;
                y += time / steps * dy;
            }
            x = 4 - x + 0.5;
            y = 4 - y + 0.5;
            edge = fmin(fabs(x - round(x)), fabs(y - round(y)));
            if (edge < 1e-3 || x < 0 || y < 0 || x >= SIDE || y >= SIDE)
                continue;
            compared++;
            vx_assert_close((double)rows[2][row * SIDE + column],
                            (double)pixel(2, 0, (size_t)x, (size_t)y), 0, 0);
        }
    }
    assert_true(compared > 40);
}

static void noise_has_its_deviation(void **state)
{
    double sum = 0, squares = 0;
    const double n = 50 * BATCH * PIXELS;
    (void)state;

    for (uint64_t round = 0; round < 50; round++) {
        vx_augment_step step = always(VX_AUGMENT_GAUSSIAN_NOISE, 0.25);

        fill();
        apply_at(&step, 1, 4, 4, round);
        for (size_t i = 0; i < BATCH * PIXELS; i++) {
            double d =
                (double)rows[i / PIXELS][i % PIXELS] - (double)before[i / PIXELS][i % PIXELS];

            sum += d;
            squares += d * d;
        }
    }
    vx_assert_close(sum / n, 0, 0, 4 * 0.25 / sqrt(n));
    vx_assert_close(squares / n, 0.0625, 0.03, 0);
}

static void what_changes_is_a_function_of_seed_slot_round_and_observation(void **state)
{
    static float first[BATCH][PIXELS];
    const vx_augment_step step = always(VX_AUGMENT_GAUSSIAN_NOISE, 1);
    vx_augment *augment = create(&step, 1);
    (void)state;

    fill();
    apply_at(&step, 1, 1, 2, 3);
    memcpy(first, rows, sizeof(rows));
    for (int k = 0; k < 4; k++) { /* the same, then another seed, slot, round */
        fill();
        apply_at(&step, 1, k == 1 ? 7 : 1, k == 2 ? 7 : 2, k == 3 ? 7 : 3);
        assert_int_equal(are_same(rows, first, sizeof(rows)), k == 0);
    }
    fill(); /* alone in its batch */
    vx_augment_apply(augment, 1, 2, 3, &observations[2],
                     (vx_matf){ &rows[2][0], 1, PIXELS, PIXELS });
    assert_memory_equal(rows[2], first[2], sizeof(rows[2]));
    vx_augment_destroy(augment);
}

static void a_share_changes_that_share(void **state)
{
    size_t changed = 0;
    vx_augment_step step = always(VX_AUGMENT_FLIP, 0);
    (void)state;

    step.share = 0.3;
    for (uint64_t round = 0; round < 1000; round++) {
        fill();
        apply_at(&step, 1, 1, 2, round);
        for (size_t b = 0; b < BATCH; b++)
            changed += !are_same(rows[b], before[b], sizeof(rows[b]));
    }
    vx_assert_close((double)changed / 4000, 0.3, 0, 4 * sqrt(0.21 / 4000));
}

static void steps_that_make_no_sense_are_refused(void **state)
{
    static const struct {
        vx_augment_step step;
        vx_shape image;
        const char *text;
    } bad[] = {
        { { VX_AUGMENT_FLIP, -0.1, 0, 0, 9 }, { 1, 2, 2 }, "share -0.1" },
        { { VX_AUGMENT_FLIP, 1.5, 0, 0, 9 }, { 1, 2, 2 }, "share 1.5" },
        { { VX_AUGMENT_FLIP, 1, 0, 0, 9 }, { 0, 0, 0 }, "(flip) is for images" },
        { { VX_AUGMENT_SHIFT, 1, 1.5, 0, 9 }, { 1, 2, 2 }, "whole number" },
        { { VX_AUGMENT_SHIFT, 1, -1, 0, 9 }, { 1, 2, 2 }, "scale -1" },
        { { VX_AUGMENT_CAT_MAP, 1, 1, 0, 9 }, { 1, 1, 4 }, "square images, found 1 x 4" },
        { { VX_AUGMENT_CAT_MAP, 1, 1e9, 0, 9 }, { 1, 2, 2 }, "expected 0 to 1000" },
        { { VX_AUGMENT_SMOOTH_CAT_MAP, 1, 1.01, 0, 9 }, { 1, 2, 2 }, "expected 0 to 1" },
        { { VX_AUGMENT_GAUSSIAN_NOISE, 1, (double)NAN, 0, 9 }, { 0, 0, 0 }, "scale nan" },
    };
    (void)state;

    for (size_t k = 0; k < sizeof(bad) / sizeof(bad[0]); k++) {
        vx_augment *augment = NULL;
        vx_error err = { 0 };

        vx_assert_status(vx_augment_create(&bad[k].step, 1, bad[k].image, 4, &augment, &err),
                         VX_ERR_DOMAIN, &err);
        assert_null(augment);
        if (strstr(err.message, bad[k].text) == NULL)
            fail_msg("'%s' is not in: %s", bad[k].text, err.message);
    }
}

static void kinds_have_names(void **state)
{
    vx_augment_kind kind = VX_AUGMENT_FLIP;
    (void)state;

    for (int k = 0; k <= VX_AUGMENT_SMOOTH_CAT_MAP; k++) {
        vx_assert_ok(vx_augment_kind_parse(vx_augment_kind_name((vx_augment_kind)k), &kind), NULL);
        assert_int_equal(kind, k);
    }
    assert_int_equal(vx_augment_kind_parse("dog_map", &kind), VX_ERR_NOT_FOUND);
}

static void creation_survives_the_failure_of_every_allocation(void **state)
{
    const vx_augment_step steps[3] = { always(VX_AUGMENT_CAT_MAP, 1),
                                       always(VX_AUGMENT_SMOOTH_CAT_MAP, 1),
                                       always(VX_AUGMENT_LOTKA_VOLTERRA, 0.1) };
    vx_augment *augment = NULL;
    int k = 0;
    (void)state;

    for (vx_status status = VX_ERR_NOMEM; status != VX_OK; k++) {
        int left = k;

        vx_alloc_set_hook(vx_test_fail_at_zero, &left);
        status = vx_augment_create(steps, 3, image, PIXELS, &augment, NULL);
        vx_alloc_set_hook(NULL, NULL);
        assert_true(status == VX_OK || (status == VX_ERR_NOMEM && augment == NULL));
    }
    assert_int_equal(k, 7);
    vx_augment_destroy(augment);
    assert_null(vx_augment_destroy(NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_changes_where_nothing_is_to_change),
        cmocka_unit_test(a_flip_mirrors_and_twice_is_nothing),
        cmocka_unit_test(a_shift_moves_the_image_and_leaves_black),
        cmocka_unit_test(the_cat_map_permutes_pixels_with_its_period),
        cmocka_unit_test(the_smooth_cat_map_ends_in_the_cat_map),
        cmocka_unit_test(the_flow_of_lotka_and_volterra_is_exact_on_its_axes),
        cmocka_unit_test(the_flow_of_lotka_and_volterra_agrees_with_tiny_steps),
        cmocka_unit_test(noise_has_its_deviation),
        cmocka_unit_test(what_changes_is_a_function_of_seed_slot_round_and_observation),
        cmocka_unit_test(a_share_changes_that_share),
        cmocka_unit_test(steps_that_make_no_sense_are_refused),
        cmocka_unit_test(kinds_have_names),
        cmocka_unit_test(creation_survives_the_failure_of_every_allocation),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
