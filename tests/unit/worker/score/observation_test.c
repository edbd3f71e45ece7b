#include <vx_test/check.h>

#include <vx_score/score.h>

#include <math.h>

/* One observation of one number under a likelihood. */
static double nll_of(vx_score_kind kind, double y, double x, double variance, double dispersion)
{
    double at[1] = { nan("") };
    vx_score_data data = { .kind = kind,
                           .variance = variance,
                           .dispersion = dispersion,
                           .outputs = { &x, 1, 1, 1 },
                           .targets = { &y, 1, 1, 1 } };

    vx_score_nll(&data, (vx_vec){ at, 1 });
    return at[0];
}

static double deviance_of(vx_score_kind kind, double y, double x, double variance,
                          double dispersion)
{
    double at[1] = { nan("") };
    vx_score_data data = { .kind = kind,
                           .variance = variance,
                           .dispersion = dispersion,
                           .outputs = { &x, 1, 1, 1 },
                           .targets = { &y, 1, 1, 1 } };

    vx_score_deviance(&data, (vx_vec){ at, 1 });
    return at[0];
}

static void likelihoods_have_their_values_by_hand(void **state)
{
    (void)state;
    /* N(0; 0, 1) = 1 / sqrt(2 pi); N(3; 1, 4) = exp(-1/2) / sqrt(8 pi) */
    vx_assert_close(nll_of(VX_SCORE_GAUSSIAN, 0, 0, 1, 0), 0.91893853320467274, 1e-15, 0);
    vx_assert_close(nll_of(VX_SCORE_GAUSSIAN, 3, 1, 4, 0), 0.5 + 0.91893853320467274 + log(2.0),
                    1e-15, 0);
    /* sigmoid(log 3) = 3/4 */
    vx_assert_close(nll_of(VX_SCORE_BERNOULLI, 1, log(3.0), 0, 0), log(4.0 / 3), 1e-14, 0);
    vx_assert_close(nll_of(VX_SCORE_BERNOULLI, 0, log(3.0), 0, 0), log(4.0), 1e-14, 0);
    /* Poisson(2; 3) = 9/2 exp(-3) */
    vx_assert_close(nll_of(VX_SCORE_POISSON, 2, log(3.0), 0, 0), 3 - log(4.5), 1e-14, 0);
    vx_assert_close(nll_of(VX_SCORE_POISSON, 0, log(3.0), 0, 0), 3, 1e-14, 0);
    /* alpha = 1 is the geometric law: mu = 3 gives (1/4) (3/4)^y */
    vx_assert_close(nll_of(VX_SCORE_NEGATIVE_BINOMIAL, 2, log(3.0), 0, 1), log(64.0 / 9), 1e-14, 0);
    /* alpha = 1/2, mu = 2: C(y + 1, y) / 2^(y + 2) */
    vx_assert_close(nll_of(VX_SCORE_NEGATIVE_BINOMIAL, 3, log(2.0), 0, 0.5), log(8.0), 1e-14, 0);
}

static void the_mass_of_counts_is_one(void **state)
{
    (void)state;
    for (int c = 0; c < 3; c++) {
        double sum = 0;

        for (int y = 0; y < 2000; y++)
            sum += c == 0 ? exp(-nll_of(VX_SCORE_POISSON, y, 1.3, 0, 0))
                          : exp(-nll_of(VX_SCORE_NEGATIVE_BINOMIAL, y, 1.3, 0, c == 1 ? 0.3 : 2));
        vx_assert_close(sum, 1, 1e-12, 0);
    }
}

static void large_outputs_do_not_overflow(void **state)
{
    (void)state;
    vx_assert_close(nll_of(VX_SCORE_BERNOULLI, 1, -800, 0, 0), 800, 1e-15, 0);
    vx_assert_close(nll_of(VX_SCORE_BERNOULLI, 1, 800, 0, 0), 0, 0, 1e-300);
    assert_true(isfinite(nll_of(VX_SCORE_NEGATIVE_BINOMIAL, 3, 900, 0, 0.5)));
    assert_true(isfinite(nll_of(VX_SCORE_NEGATIVE_BINOMIAL, 3, -900, 0, 0.5)));
}

/* The output at which the mean is y. */
static double output_at(vx_score_kind kind, double y)
{
    if (kind == VX_SCORE_GAUSSIAN)
        return y;
    return kind == VX_SCORE_BERNOULLI ? log(y / (1 - y)) : log(y);
}

static void deviance_is_twice_what_the_nll_is_above_its_least(void **state)
{
    static const struct {
        vx_score_kind kind;
        double y;
    } cases[] = { { VX_SCORE_GAUSSIAN, -1.5 },
                  { VX_SCORE_BERNOULLI, 0.3 },
                  { VX_SCORE_POISSON, 4 },
                  { VX_SCORE_NEGATIVE_BINOMIAL, 4 } };
    (void)state;

    for (size_t i = 0; i < 4; i++) {
        vx_score_kind kind = cases[i].kind;
        double y = cases[i].y;
        double least = nll_of(kind, y, output_at(kind, y), 2.5, 0.7);
        double there = nll_of(kind, y, 0.4, 2.5, 0.7);

        vx_assert_close(deviance_of(kind, y, 0.4, 2.5, 0.7), 2 * (there - least), 1e-12, 0);
        vx_assert_close(deviance_of(kind, y, output_at(kind, y), 2.5, 0.7), 0, 0, 1e-13);
    }
    /* y = 0: the saturated count has mean 0 and mass 1 */
    vx_assert_close(deviance_of(VX_SCORE_POISSON, 0, log(3.0), 0, 0), 6, 1e-14, 0);
    vx_assert_close(deviance_of(VX_SCORE_NEGATIVE_BINOMIAL, 0, log(3.0), 0, 1), 2 * log(4.0), 1e-14,
                    0);
    vx_assert_close(deviance_of(VX_SCORE_BERNOULLI, 1, log(3.0), 0, 0), 2 * log(4.0 / 3), 1e-14, 0);
}

static void columns_are_added_and_rows_may_be_apart(void **state)
{
    const double outputs[6] = { 1, 2, nan(""), 3, 4, nan("") };
    const double targets[4] = { 1, 0, 5, 4 };
    double at[2] = { 0 };
    vx_score_data data = { .kind = VX_SCORE_GAUSSIAN,
                           .variance = 1,
                           .outputs = { outputs, 2, 2, 3 },
                           .targets = { targets, 2, 2, 2 } };
    (void)state;

    vx_score_deviance(&data, (vx_vec){ at, 2 });
    assert_true(at[0] == 4 && at[1] == 4);
    vx_score_nll(&data, (vx_vec){ at, 2 });
    vx_assert_close(at[0], 2 * 0.91893853320467274 + 2, 1e-15, 0);
}

static void classes_have_their_values_by_hand(void **state)
{
    /* softmax (1/6, 1/3, 1/2), a tie, and logits that overflow exp */
    const double logits[9] = { log(1.0), log(2.0), log(3.0), 5, 5, 1, 1000, 0, -1000 };
    const uint32_t labels[3] = { 1, 0, 0 };
    double at[3] = { 0 };
    vx_score_data data = { .kind = VX_SCORE_CATEGORICAL,
                           .outputs = { logits, 3, 3, 3 },
                           .labels = labels };
    (void)state;

    vx_score_nll(&data, (vx_vec){ at, 3 });
    vx_assert_close(at[0], log(3.0), 1e-14, 0);
    vx_assert_close(at[1], log(2 + exp(-4.0)), 1e-14, 0);
    vx_assert_close(at[2], 0, 0, 0);
    vx_score_deviance(&data, (vx_vec){ at, 3 });
    vx_assert_close(at[0], 2 * log(3.0), 1e-14, 0);
    vx_score_hits(data.outputs, labels, (vx_vec){ at, 3 });
    assert_true(at[0] == 0 && at[1] == 1 && at[2] == 1);
    vx_assert_close(vx_score_mean((vx_cvec){ at, 3 }), 2.0 / 3, 1e-15, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(likelihoods_have_their_values_by_hand),
        cmocka_unit_test(the_mass_of_counts_is_one),
        cmocka_unit_test(large_outputs_do_not_overflow),
        cmocka_unit_test(deviance_is_twice_what_the_nll_is_above_its_least),
        cmocka_unit_test(columns_are_added_and_rows_may_be_apart),
        cmocka_unit_test(classes_have_their_values_by_hand),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
