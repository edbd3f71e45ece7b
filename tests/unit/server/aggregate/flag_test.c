#include <vx_test/check.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

#include <vx_base/alloc.h>
#include <vx_oracle/rules.h>

#include "rule.h"
#include "sample.h"

enum { D = 60 };

static const vx_cmat no_start = { NULL, 0, 0, 0 };

static vx_flag_options options_of(size_t subspace, unsigned iterations, double lambda)
{
    return (vx_flag_options){ .subspace = subspace,
                              .iterations = iterations,
                              .lambda = lambda,
                              .tolerance = 1e-10,
                              .alpha = 1.0,
                              .beta = 0.5,
                              .scale = VX_FLAG_SCALE_COUNT };
}

static vx_flag_fit *fit_of(const sample *s, const vx_flag_options *options, double *ret_weights)
{
    vx_mat gram = sample_gram(s);
    vx_flag_fit *fit = NULL;

    vx_assert_ok(vx_flag_fit_create(s->n, &fit), NULL);
    vx_assert_ok(vx_flag_fit_run(fit, &(vx_geometry){ .n = s->n, .k = vx_mat_const(gram) }, options,
                                 no_start),
                 NULL);
    vx_flag_fit_weights(fit, options, 1.0, (vx_vec){ ret_weights, s->n });
    vx_free(gram.at);
    return fit;
}

/* G^T w in double. */
static void sum_of(const sample *s, const double *weights, double *ret)
{
    memset(ret, 0, s->d * sizeof(*ret));
    for (size_t i = 0; i < s->n; i++) {
        for (size_t k = 0; k < s->d; k++)
            ret[k] += weights[i] * (double)s->at[i * s->d + k];
    }
}

static double apart(const double *a, const double *b, size_t n)
{
    double sum = 0.0;

    for (size_t k = 0; k < n; k++)
        sum += (a[k] - b[k]) * (a[k] - b[k]);
    return sqrt(sum / vx_oracle_dot(b, b, n));
}

/* Compares with explicit SVDs; returns the larger of the errors of direction and ratios. */
static double error_of(const sample *s, const vx_flag_options *options)
{
    double weights[SAMPLE_ROWS_MAX], got[D], expected[D], ratio[SAMPLE_ROWS_MAX], worst;
    vx_mat x = sample_present(s);
    vx_oracle_flag oracle = { .subspace = options->subspace,
                              .iterations = options->iterations,
                              .lambda = options->lambda,
                              .paper_loss = options->paper_loss,
                              .raw = options->raw,
                              .ret_direction = expected,
                              .ret_ratio = ratio };
    vx_flag_fit *fit = fit_of(s, options, weights);

    vx_oracle_flag_fit(vx_mat_const(x), &oracle);
    sum_of(s, weights, got);
    for (size_t k = 0; k < s->d; k++)
        got[k] *= (double)s->n;
    worst = apart(got, expected, s->d);
    for (size_t i = 0; i < s->n; i++)
        worst = fmax(worst, fabs(fit->ratio[i] - ratio[i]));
    vx_assert_close(fit->at.objective, oracle.objective, 1e-6, 1e-6);
    vx_flag_fit_destroy(fit);
    vx_free(x.at);
    return worst;
}

static void the_fit_is_that_of_explicit_singular_vectors(void **state)
{
    double worst = 0.0;

    (void)state;
    for (uint32_t seed = 0; seed < 16; seed++) {
        sample s = sample_make(seed, 4 + seed % 5, D, 0.6);
        vx_flag_options options =
            options_of(2 + seed % 3, seed % 2 == 0 ? 1 : 5, seed % 4 < 2 ? 0.5 * (seed % 4) : 3.0);

        options.paper_loss = (seed & 4) != 0;
        options.raw = (seed & 8) != 0;
        worst = fmax(worst, error_of(&s, &options));
        sample_set_row(&s, 0, 1e4f);
        worst = fmax(worst, error_of(&s, &options));
        sample_copy_row(&s, 2, 1);
        worst = fmax(worst, error_of(&s, &options));
        sample_free(&s);
    }
    print_message("worst %.2g\n", worst);
    assert_true(worst < 1e-7);
}

static void a_full_subspace_of_raw_rows_gives_the_mean(void **state)
{
    sample s = sample_make(3, 7, D, 0.5);
    vx_flag_options options = options_of(7, 5, 0.0);
    double weights[7];
    vx_flag_fit *fit;

    (void)state;
    options.raw = true;
    fit = fit_of(&s, &options, weights);
    for (size_t i = 0; i < 7; i++) {
        vx_assert_close(weights[i], 1.0 / 7.0, 1e-10, 0.0);
        vx_assert_close(fit->ratio[i], 1.0, 1e-12, 0.0);
    }
    vx_flag_fit_destroy(fit);
    sample_free(&s);
}

static void the_objective_never_increases(void **state)
{
    (void)state;
    for (uint32_t seed = 0; seed < 30; seed++) {
        sample s = sample_make(seed, 5 + seed % 6, D, 0.1 * seed);
        double before = HUGE_VAL, weights[SAMPLE_ROWS_MAX];

        for (unsigned iterations = 1; iterations <= 8; iterations++) {
            vx_flag_options options = options_of(3, iterations, seed % 3 == 0 ? 1.0 : 0.0);
            vx_flag_fit *fit;

            options.paper_loss = seed % 2 == 0;
            fit = fit_of(&s, &options, weights);
            assert_true(fit->at.objective <= before);
            assert_true(fit->iterations <= iterations);
            before = fit->at.objective;
            vx_flag_fit_destroy(fit);
        }
        sample_free(&s);
    }
}

static void a_zero_row_is_left_out_and_changes_nothing(void **state)
{
    sample s = sample_make(3, 7, D, 0.5), without = sample_make(3, 7, D, 0.5);
    double weights[7], expected[7];
    vx_flag_options options = options_of(3, 3, 0.5);
    vx_flag_fit *fit, *of_others;

    (void)state;
    sample_set_row(&s, 6, 0.0f); /* the last one: the others keep their places */
    without.n = 6;
    fit = fit_of(&s, &options, weights);
    of_others = fit_of(&without, &options, expected);
    for (size_t i = 0; i < 6; i++) {
        vx_assert_close(weights[i], expected[i], 1e-12, 0.0);
        vx_assert_close(fit->ratio[i], of_others->ratio[i], 1e-12, 0.0);
    }
    vx_assert_close(weights[6], 0.0, 0.0, 0.0);
    assert_true(isnan(fit->ratio[6]));
    vx_flag_fit_destroy(fit);
    vx_flag_fit_destroy(of_others);
    sample_free(&s);
    sample_free(&without);
}

static void rows_that_are_almost_one_row_do_not_break_the_paper_loss(void **state)
{
    sample s = sample_make(3, 7, D, 0.5);
    vx_flag_options options = options_of(4, 5, 7.0);

    (void)state;
    options.paper_loss = true;
    for (int power = 1; power < 24; power++) {
        float step = ldexpf(1.0f, -power);
        double weights[7];
        vx_flag_fit *fit;

        for (size_t i = 1; i < 4; i++) {
            sample_copy_row(&s, i, 0);
            sample_row(&s, i)[i] += step;
        }
        fit = fit_of(&s, &options, weights);
        for (size_t i = 0; i < 7; i++)
            assert_true(isfinite(weights[i]) && fit->ratio[i] < 1.0 + 1e-6);
        vx_flag_fit_destroy(fit);
    }
    sample_free(&s);
}

static void the_norm_of_a_row_gives_it_no_weight(void **state)
{
    sample s = sample_make(3, 7, D, 0.5), huge = sample_make(3, 7, D, 0.5);
    vx_flag_options options = options_of(4, 1, 0.0);
    double weights[7], huge_weights[7];
    vx_flag_fit *fit, *huge_fit;

    (void)state;
    for (size_t k = 0; k < D; k++)
        sample_row(&huge, 2)[k] *= 0x1p60f;
    fit = fit_of(&s, &options, weights);
    huge_fit = fit_of(&huge, &options, huge_weights);
    for (size_t i = 0; i < 7; i++)
        vx_assert_close(huge_weights[i] * (i == 2 ? 0x1p60 : 1.0), weights[i], 1e-10, 0.0);
    vx_flag_fit_destroy(fit);
    vx_flag_fit_destroy(huge_fit);
    sample_free(&s);
    sample_free(&huge);
}

static void scales_are_one_over_m_one_over_n_and_the_median_norm(void **state)
{
    sample s = sample_make(3, 9, D, 0.5);
    vx_flag_options options = options_of(0, 1, 0.0); /* m = ceil((9 + 1) / 2) = 5 */
    double by_count[9], by_subspace[9], by_norm[9], sum[D];
    vx_flag_fit *fit;

    (void)state;
    vx_flag_fit_destroy(fit_of(&s, &options, by_count));
    options.scale = VX_FLAG_SCALE_SUBSPACE;
    vx_flag_fit_destroy(fit_of(&s, &options, by_subspace));
    options.scale = VX_FLAG_SCALE_MEDIAN_NORM; /* fit_of() says the median norm is 1 */
    fit = fit_of(&s, &options, by_norm);
    assert_int_equal(fit->at.rank, 5);
    sum_of(&s, by_norm, sum);
    vx_assert_close(sqrt(vx_oracle_dot(sum, sum, D)), 1.0, 1e-12, 0.0);
    for (size_t i = 0; i < 9; i++) {
        vx_assert_close(by_subspace[i] * 5.0, by_count[i] * 9.0, 1e-12, 1e-15);
        vx_assert_close(by_norm[i] / by_norm[0], by_count[i] / by_count[0], 1e-12, 1e-15);
    }
    vx_flag_fit_destroy(fit);
    sample_free(&s);
}

static void rows_that_cancel_give_no_direction(void **state)
{
    sample s = sample_make(3, 4, D, 0.0);
    vx_flag_options options = options_of(2, 1, 0.0);
    double weights[4];
    vx_flag_fit *fit;

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        for (size_t k = 0; k < D; k++)
            sample_row(&s, i + 2)[k] = -sample_row(&s, i)[k];
    }
    options.scale = VX_FLAG_SCALE_MEDIAN_NORM;
    fit = fit_of(&s, &options, weights);
    for (size_t i = 0; i < 4; i++)
        vx_assert_close(weights[i], 0.0, 0.0, 0.0);
    vx_flag_fit_destroy(fit);
    sample_free(&s);
}

static void the_eigengap_of_orthogonal_rows_is_zero(void **state)
{
    sample s = { NULL, 0, 0, { false } };
    vx_flag_options options = options_of(2, 1, 0.0);
    double weights[4];
    vx_flag_fit *fit;

    (void)state;
    s = sample_make(1, 4, 4, 0.0);
    for (size_t i = 0; i < 4; i++) {
        for (size_t k = 0; k < 4; k++)
            sample_row(&s, i)[k] = i == k ? 3.0f : 0.0f;
    }
    fit = fit_of(&s, &options, weights);
    vx_assert_close(fit->at.eigengap, 0.0, 0.0, 1e-14);
    vx_flag_fit_destroy(fit);
    /* By hand: cosines 1, 1 between rows 0..2 and 0 to row 3: eigenvalues 3, 1, 0, 0. */
    sample_copy_row(&s, 1, 0);
    sample_copy_row(&s, 2, 0);
    options.subspace = 1;
    fit = fit_of(&s, &options, weights);
    vx_assert_close(fit->at.eigengap, 2.0 / 3.0, 1e-14, 0.0);
    vx_flag_fit_destroy(fit);
    sample_free(&s);
}

static void a_large_lambda_destroys_the_common_direction(void **state)
{
    /* The pairs win when lambda > rho (n - 1); rho is about 0.2 here, n - 1 = 8. */
    sample s = sample_make(3, 9, D, 0.5);
    double weights[9], with[D], without[D], mean[D], even[9];
    vx_flag_options options = options_of(5, 5, 0.0);
    double size, cosine, cosine_without;

    (void)state;
    for (size_t i = 0; i < 9; i++)
        even[i] = 1.0 / 9.0;
    sum_of(&s, even, mean);
    options.paper_loss = true;
    vx_flag_fit_destroy(fit_of(&s, &options, weights));
    sum_of(&s, weights, without);
    options.lambda = 9.0;
    vx_flag_fit_destroy(fit_of(&s, &options, weights));
    sum_of(&s, weights, with);
    size = sqrt(vx_oracle_dot(mean, mean, D));
    cosine = vx_oracle_dot(with, mean, D) / size / sqrt(vx_oracle_dot(with, with, D));
    cosine_without =
        vx_oracle_dot(without, mean, D) / size / sqrt(vx_oracle_dot(without, without, D));
    assert_true(cosine_without > 0.7);
    assert_true(cosine < 0.5 * cosine_without);
    sample_free(&s);
}

static void create_survives_the_failure_of_every_allocation(void **state)
{
    vx_flag_fit *fit = NULL;
    int k = 0;

    (void)state;
    for (vx_status status = VX_ERR_NOMEM; status != VX_OK; k++) {
        int left = k;

        vx_alloc_set_hook(vx_test_fail_at_zero, &left);
        status = vx_flag_fit_create(5, &fit);
        vx_alloc_set_hook(NULL, NULL);
        assert_true(status == VX_OK || (status == VX_ERR_NOMEM && fit == NULL));
    }
    assert_true(k > 14);
    vx_flag_fit_destroy(fit);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_fit_is_that_of_explicit_singular_vectors),
        cmocka_unit_test(a_full_subspace_of_raw_rows_gives_the_mean),
        cmocka_unit_test(the_objective_never_increases),
        cmocka_unit_test(a_zero_row_is_left_out_and_changes_nothing),
        cmocka_unit_test(rows_that_are_almost_one_row_do_not_break_the_paper_loss),
        cmocka_unit_test(the_norm_of_a_row_gives_it_no_weight),
        cmocka_unit_test(scales_are_one_over_m_one_over_n_and_the_median_norm),
        cmocka_unit_test(rows_that_cancel_give_no_direction),
        cmocka_unit_test(the_eigengap_of_orthogonal_rows_is_zero),
        cmocka_unit_test(a_large_lambda_destroys_the_common_direction),
        cmocka_unit_test(create_survives_the_failure_of_every_allocation),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
