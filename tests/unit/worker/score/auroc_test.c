#include <vx_test/check.h>

#include <vx_base/alloc.h>
#include <vx_base/rng.h>
#include <vx_score/score.h>

#include <math.h>

/* Every pair. */
static double brute(const double *scores, const uint32_t *labels, size_t n, uint32_t positive)
{
    double count = 0, pairs = 0;

    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++) {
            if (labels[i] != positive || labels[j] == positive)
                continue;
            pairs += 1;
            count += scores[i] > scores[j] ? 1 : scores[i] < scores[j] ? 0 : 0.5;
        }
    return count / pairs;
}

static void the_area_is_the_count_of_pairs_by_hand(void **state)
{
    const double scores[5] = { 0.1, 0.4, 0.35, 0.8, 0.4 };
    const uint32_t labels[5] = { 0, 0, 1, 1, 1 };
    double auroc = 0;
    (void)state;

    /* .35 beats .1; .8 beats both; .4 beats .1 and ties with .4: (1 + 2 + 1.5) / 6 */
    vx_assert_ok(vx_score_auroc((vx_cvec){ scores, 5 }, labels, 1, &auroc), NULL);
    vx_assert_close(auroc, 0.75, 1e-15, 0);
    vx_assert_ok(vx_score_auroc((vx_cvec){ scores, 5 }, labels, 0, &auroc), NULL);
    vx_assert_close(auroc, 0.25, 1e-15, 0);
}

static void the_area_agrees_with_every_pair_with_many_ties(void **state)
{
    vx_rng rng = vx_rng_stream(3, VX_RNG_TEST, 0, 0);
    double scores[300];
    uint32_t labels[300];
    (void)state;

    for (int trial = 0; trial < 20; trial++) {
        double auroc = 0;

        for (size_t i = 0; i < 300; i++) {
            scores[i] = (double)vx_rng_below(&rng, 1 + (uint64_t)trial * 5);
            labels[i] = (uint32_t)vx_rng_below(&rng, 3);
        }
        scores[7] = HUGE_VAL;
        scores[8] = -HUGE_VAL;
        vx_assert_ok(vx_score_auroc((vx_cvec){ scores, 300 }, labels, 2, &auroc), NULL);
        vx_assert_close(auroc, brute(scores, labels, 300, 2), 1e-13, 0);
    }
}

static void equal_scores_are_worth_one_half_and_perfect_ones_one(void **state)
{
    const double same[4] = { 1, 1, 1, 1 };
    const double perfect[4] = { -1, 2, -3, 4 };
    const uint32_t labels[4] = { 0, 1, 0, 1 };
    double auroc = 0;
    (void)state;

    vx_assert_ok(vx_score_auroc((vx_cvec){ same, 4 }, labels, 1, &auroc), NULL);
    vx_assert_close(auroc, 0.5, 0, 0);
    vx_assert_ok(vx_score_auroc((vx_cvec){ perfect, 4 }, labels, 1, &auroc), NULL);
    vx_assert_close(auroc, 1, 0, 0);
}

static void an_area_without_both_sides_is_refused(void **state)
{
    const double scores[2] = { 1, 2 };
    const double broken[2] = { 1, nan("") };
    const uint32_t labels[2] = { 1, 1 };
    double auroc = 0;
    (void)state;

    vx_assert_status(vx_score_auroc((vx_cvec){ scores, 2 }, labels, 1, &auroc), VX_ERR_DOMAIN,
                     NULL);
    vx_assert_status(vx_score_auroc((vx_cvec){ scores, 2 }, labels, 0, &auroc), VX_ERR_DOMAIN,
                     NULL);
    vx_assert_status(vx_score_auroc((vx_cvec){ scores, 0 }, labels, 1, &auroc), VX_ERR_DOMAIN,
                     NULL);
    vx_assert_status(vx_score_auroc((vx_cvec){ broken, 2 }, labels, 1, &auroc), VX_ERR_NONFINITE,
                     NULL);
}

static double probability(const double *z, size_t k)
{
    return exp(z[k]) / (exp(z[0]) + exp(z[1]) + exp(z[2]) + exp(z[3]));
}

static void classes_against_the_rest_are_averaged(void **state)
{
    vx_rng rng = vx_rng_stream(4, VX_RNG_TEST, 0, 0);
    double logits[4 * 60], scores[60];
    uint32_t labels[60];
    double auroc = 0, expected = 0;
    (void)state;

    for (size_t i = 0; i < 60; i++) {
        labels[i] = (uint32_t)vx_rng_below(&rng, 3); /* class 3 is nobody's */
        for (size_t k = 0; k < 4; k++)
            logits[4 * i + k] = vx_rng_normal(&rng) + (labels[i] == k ? 1 : 0);
    }
    for (size_t k = 0; k < 3; k++) {
        for (size_t i = 0; i < 60; i++)
            scores[i] = probability(logits + 4 * i, k);
        expected += brute(scores, labels, 60, (uint32_t)k) / 3;
    }
    vx_assert_ok(vx_score_auroc_macro((vx_cmat){ logits, 60, 4, 4 }, labels, &auroc), NULL);
    vx_assert_close(auroc, expected, 1e-13, 0);
}

static void of_two_classes_both_have_the_same_area(void **state)
{
    /* so far apart that probabilities would all be 1 */
    const double logits[8] = { 0, 900, 0, 800, 0, 950, 0, 40 };
    const uint32_t labels[4] = { 1, 0, 1, 0 };
    double auroc = 0;
    (void)state;

    vx_assert_ok(vx_score_auroc_macro((vx_cmat){ logits, 4, 2, 2 }, labels, &auroc), NULL);
    vx_assert_close(auroc, 1, 0, 0);
    vx_assert_status(vx_score_auroc_macro((vx_cmat){ logits, 1, 2, 2 }, labels, &auroc),
                     VX_ERR_DOMAIN, NULL);
    vx_assert_status(vx_score_auroc_macro((vx_cmat){ logits, 0, 2, 2 }, labels, &auroc),
                     VX_ERR_DOMAIN, NULL);
}

static void missing_memory_is_told(void **state)
{
    const double logits[8] = { 0, 900, 0, 800, 0, 950, 0, 40 };
    const uint32_t labels[4] = { 1, 0, 1, 0 };
    double auroc = 5;
    (void)state;

    for (int k = 0; k < 2; k++) {
        int left = k;

        vx_alloc_set_hook(vx_test_fail_at_zero, &left);
        vx_assert_status(vx_score_auroc_macro((vx_cmat){ logits, 4, 2, 2 }, labels, &auroc),
                         VX_ERR_NOMEM, NULL);
        vx_alloc_set_hook(NULL, NULL);
        vx_assert_close(auroc, 5, 0, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_area_is_the_count_of_pairs_by_hand),
        cmocka_unit_test(the_area_agrees_with_every_pair_with_many_ties),
        cmocka_unit_test(equal_scores_are_worth_one_half_and_perfect_ones_one),
        cmocka_unit_test(an_area_without_both_sides_is_refused),
        cmocka_unit_test(classes_against_the_rest_are_averaged),
        cmocka_unit_test(of_two_classes_both_have_the_same_area),
        cmocka_unit_test(missing_memory_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
