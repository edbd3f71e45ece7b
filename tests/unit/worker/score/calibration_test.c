#include <vx_test/check.h>

#include <vx_base/rng.h>
#include <vx_score/score.h>

#include <math.h>

/* Two classes: the logit of class 0 over class 1 whose probability is p. */
static double odds(double p)
{
    return log(p / (1 - p));
}

static void calibration_error_is_that_of_a_table_by_hand(void **state)
{
    /* confidences .95 hit, .85 miss | .65 hit, .65 hit, .61 miss; bins of a fifth:
     * (.8, 1]: |1 - 1.8| = .8, (.6, .8]: |2 - 1.91| = .09 */
    const double p[5] = { 0.95, 0.85, 0.65, 0.65, 0.61 };
    const uint32_t labels[5] = { 0, 1, 0, 0, 1 };
    double logits[10] = { 0 };
    (void)state;

    for (size_t i = 0; i < 5; i++)
        logits[2 * i] = odds(p[i]);
    vx_assert_close(vx_score_ece((vx_cmat){ logits, 5, 2, 2 }, labels, 1, 5), 0.89 / 5, 1e-13, 0);
    /* one bin: |accuracy - mean confidence| */
    vx_assert_close(vx_score_ece((vx_cmat){ logits, 5, 2, 2 }, labels, 1, 1),
                    fabs(3.0 / 5 - 3.71 / 5), 1e-13, 0);
}

static void a_confidence_on_a_border_belongs_to_the_bin_below(void **state)
{
    /* equal logits: confidence 1/2 exactly. Bins (0, 1/2] and (1/2, 1] */
    const double logits[4] = { 0, 0, 30, 0 };
    const uint32_t labels[2] = { 0, 1 };
    (void)state;

    vx_assert_close(vx_score_ece((vx_cmat){ logits, 2, 2, 2 }, labels, 1, 2), (0.5 + 1) / 2, 1e-12,
                    0);
    /* a confidence of 1 is in the last bin */
    vx_assert_close(vx_score_ece((vx_cmat){ logits + 2, 1, 2, 2 }, labels, 1, VX_SCORE_BINS_MAX), 0,
                    0, 1e-12);
}

static void calibration_error_takes_the_temperature(void **state)
{
    const double cold[2] = { 4, 0 };
    const double warm[2] = { 2, 0 };
    const uint32_t label = 0;
    (void)state;

    vx_assert_close(vx_score_ece((vx_cmat){ cold, 1, 2, 2 }, &label, 2, 15),
                    vx_score_ece((vx_cmat){ warm, 1, 2, 2 }, &label, 1, 15), 1e-14, 0);
}

#define N 400
#define K 4

/* Logits of a model that is sure `sharp` times too much: labels are drawn from softmax(z). */
static void draw(double sharp, double logits[N * K], uint32_t labels[N])
{
    vx_rng rng = vx_rng_stream(7, VX_RNG_TEST, 0, 0);

    for (size_t i = 0; i < N; i++) {
        double z[K], sum = 0, at = 0;
        uint32_t label = 0;

        for (size_t k = 0; k < K; k++) {
            z[k] = 1.5 * vx_rng_normal(&rng);
            sum += exp(z[k]);
            logits[i * K + k] = sharp * z[k];
        }
        at = vx_rng_uniform(&rng) * sum;
        while (label + 1 < K && at > exp(z[label]))
            at -= exp(z[label++]);
        labels[i] = label;
    }
}

static double nll_at(const double *logits, const uint32_t *labels, double temperature)
{
    double sum = 0;

    for (size_t i = 0; i < N; i++) {
        double total = 0;

        for (size_t k = 0; k < K; k++)
            total += exp(logits[i * K + k] / temperature);
        sum += log(total) - logits[i * K + labels[i]] / temperature;
    }
    return sum / N;
}

/* d nll / d (1 / T), written again. */
static double slope_at(const double *logits, const uint32_t *labels, double temperature)
{
    double sum = 0;

    for (size_t i = 0; i < N; i++) {
        double total = 0, mean = 0;

        for (size_t k = 0; k < K; k++) {
            double weight = exp(logits[i * K + k] / temperature);

            total += weight;
            mean += weight * logits[i * K + k];
        }
        sum += mean / total - logits[i * K + labels[i]];
    }
    return sum / N;
}

static void the_temperature_has_a_zero_derivative_and_the_least_nll(void **state)
{
    static const double sharps[] = { 1e-3, 0.2, 1, 3, 1e4 };
    double logits[N * K];
    uint32_t labels[N];
    double first = 0;
    (void)state;

    for (size_t i = 0; i < sizeof(sharps) / sizeof(sharps[0]); i++) {
        double t = 0;

        draw(sharps[i], logits, labels);
        vx_assert_ok(vx_score_temperature((vx_cmat){ logits, N, K, K }, labels, &t), NULL);
        vx_assert_close(slope_at(logits, labels, t) / sharps[i], 0, 0, 1e-13);
        assert_true(nll_at(logits, labels, t) <= nll_at(logits, labels, 1.01 * t));
        assert_true(nll_at(logits, labels, t) <= nll_at(logits, labels, t / 1.01));
        if (i == 0)
            first = t / sharps[0];
        vx_assert_close(t / sharps[i], first, 1e-11, 0); /* it scales with the logits */
    }
    vx_assert_close(first, 1, 0.15, 0); /* the labels were drawn at 1 */
}

static void a_single_error_gives_a_temperature_by_hand(void **state)
{
    /* Three right, one wrong by the same gap: sigmoid(g / T) = 3/4 */
    const double logits[8] = { 5, 0, 5, 0, 0, 5, 5, 0 };
    const uint32_t labels[4] = { 0, 0, 1, 1 };
    double t = 0;
    (void)state;

    vx_assert_ok(vx_score_temperature((vx_cmat){ logits, 4, 2, 2 }, labels, &t), NULL);
    vx_assert_close(t, 5 / log(3.0), 1e-13, 0);
}

static void logits_without_a_best_temperature_are_named(void **state)
{
    const double right[4] = { 5, 0, 0, 1 };
    const double wrong[4] = { 0, 5, 1, 0 };
    const double level[4] = { 2, 2, -1, -1 };
    const double broken[4] = { 0, nan(""), 1, 0 };
    const uint32_t labels[2] = { 0, 1 };
    double t = -1;
    (void)state;

    vx_assert_status(vx_score_temperature((vx_cmat){ broken, 2, 2, 2 }, labels, &t),
                     VX_ERR_NONFINITE, NULL);
    assert_true(t < 0);
    vx_assert_status(vx_score_temperature((vx_cmat){ right, 2, 2, 2 }, labels, &t), VX_ERR_DOMAIN,
                     NULL);
    assert_true(t >= 0 && t <= 0);
    vx_assert_status(vx_score_temperature((vx_cmat){ wrong, 2, 2, 2 }, labels, &t), VX_ERR_DOMAIN,
                     NULL);
    assert_true(isinf(t) && t > 0);
    vx_assert_status(vx_score_temperature((vx_cmat){ level, 2, 2, 2 }, labels, &t), VX_ERR_DOMAIN,
                     NULL);
    assert_true(isnan(t));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(calibration_error_is_that_of_a_table_by_hand),
        cmocka_unit_test(a_confidence_on_a_border_belongs_to_the_bin_below),
        cmocka_unit_test(calibration_error_takes_the_temperature),
        cmocka_unit_test(the_temperature_has_a_zero_derivative_and_the_least_nll),
        cmocka_unit_test(a_single_error_gives_a_temperature_by_hand),
        cmocka_unit_test(logits_without_a_best_temperature_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
