#include <vx_test/check.h>

#include <math.h>
#include <string.h>

#include <vx_base/alloc.h>
#include <vx_base/rng.h>

#include "aggregator.h"

/* Unit-like rows in d dimensions: honest ones share a direction, hostile ones are given. */
enum { N = 12, D = 300, F = 3 };

typedef struct world {
    double at[N * D];
    bool present[N];
    double honest[D]; /* mean of the honest rows, which are the last N - F */
} world;

static double dot(const double *a, const double *b)
{
    double sum = 0.0;

    for (size_t k = 0; k < D; k++)
        sum += a[k] * b[k];
    return sum;
}

static double cosine(const double *a, const double *b)
{
    return dot(a, b) / sqrt(dot(a, a) * dot(b, b));
}

/* rho: mean cosine of two honest rows. */
static world world_make(uint32_t seed, double rho)
{
    vx_rng rng = vx_rng_stream(seed, VX_RNG_TEST, 1, 0);
    double common[D];
    world w = { 0 };

    for (size_t k = 0; k < D; k++)
        common[k] = vx_rng_normal(&rng) * sqrt(rho);
    for (size_t i = 0; i < N; i++) {
        w.present[i] = true;
        for (size_t k = 0; k < D; k++)
            w.at[i * D + k] = common[k] + vx_rng_normal(&rng) * sqrt(1.0 - rho);
    }
    for (size_t i = F; i < N; i++) {
        for (size_t k = 0; k < D; k++)
            w.honest[k] += w.at[i * D + k] / (double)(N - F);
    }
    return w;
}

static vx_aggregator *run(const world *w, const vx_aggregate_options *options, double *ret_update,
                          vx_aggregate_report *ret_report)
{
    vx_aggregator *a = NULL;
    vx_error err;

    vx_assert_ok(vx_aggregator_create(options, N, D, &a, &err), &err);
    vx_assert_ok(vx_aggregator_run_f64(a, (vx_cmat){ w->at, N, D, D }, w->present,
                                       (vx_vec){ ret_update, D }, ret_report, &err),
                 &err);
    return a;
}

static vx_aggregate_options options_of(const char *rule)
{
    vx_aggregate_options options = vx_aggregate_options_default();

    options.rule = rule;
    options.byzantine = F;
    return options;
}

/* A row that agrees with nobody explains itself in the plain rule, and not in the trimmed one. */
static void an_outlier_cannot_vouch_for_itself_in_trimmed_flag(void **state)
{
    world w = world_make(1, 0.3);
    vx_rng rng = vx_rng_stream(1, VX_RNG_TEST, 2, 0);
    vx_aggregate_options options = options_of("flag");
    vx_aggregate_report plain, trimmed;
    double update[D];
    vx_aggregator *a, *b;

    (void)state;
    for (size_t i = 0; i < F; i++) {
        for (size_t k = 0; k < D; k++)
            w.at[i * D + k] = 1e6 * vx_rng_normal(&rng);
    }
    a = run(&w, &options, update, &plain);
    options.rule = "trimmed_flag";
    b = run(&w, &options, update, &trimmed);
    for (size_t i = 0; i < F; i++) {
        assert_true(plain.reconstruction[i] > 0.9);
        assert_true(trimmed.reconstruction[i] < 0.08);
        assert_false(trimmed.selected[i]);
        vx_assert_close(trimmed.weight[i], 0.0, 0.0, 0.0);
    }
    for (size_t i = F; i < N; i++) {
        assert_true(trimmed.selected[i]);
        assert_true(trimmed.reconstruction[i] > 0.1);
    }
    assert_true(cosine(update, w.honest) > 0.97);
    assert_string_equal(trimmed.method, "exact");
    vx_aggregator_destroy(a);
    vx_aggregator_destroy(b);
}

/* f copies of minus the honest mean turn the plain rule and the unit mean, not the trimmed one. */
static void colluders_cannot_turn_trimmed_flag(void **state)
{
    world w = world_make(2, 0.05);
    vx_aggregate_options options = options_of("flag");
    double plain[D], trimmed[D];

    (void)state;
    for (size_t i = 0; i < F; i++) {
        for (size_t k = 0; k < D; k++)
            w.at[i * D + k] = -0.1 * w.honest[k];
    }
    vx_aggregator_destroy(run(&w, &options, plain, NULL));
    options.rule = "trimmed_flag";
    vx_aggregator_destroy(run(&w, &options, trimmed, NULL));
    assert_true(cosine(trimmed, w.honest) > 0.9);
    assert_true(dot(plain, w.honest) < 0.6 * dot(trimmed, w.honest) * sqrt(dot(plain, plain)) /
                                           sqrt(dot(trimmed, trimmed)) ||
                cosine(plain, w.honest) < cosine(trimmed, w.honest));
}

/* v of a kept row is that of a fit without it. */
static void a_kept_row_is_judged_without_its_own_vote(void **state)
{
    world w = world_make(3, 0.4);
    vx_aggregate_options options = options_of("trimmed_flag");
    vx_aggregate_report trimmed, rest;
    double update[D];
    vx_aggregator *a = run(&w, &options, update, &trimmed), *b;
    size_t held = 0;

    (void)state;
    while (!trimmed.selected[held])
        held++;
    /* The plain rule on the other kept rows: the held one is projected on its subspace by hand. */
    for (size_t i = 0; i < N; i++)
        w.present[i] = trimmed.selected[i] && i != held;
    options.rule = "flag";
    options.byzantine = 0;
    b = run(&w, &options, update, &rest);
    {
        const vx_flag_fit *fit = b->work.fit;
        double inside = 0.0, norm = sqrt(dot(w.at + held * D, w.at + held * D));

        for (size_t k = 0; k < fit->at.rank; k++) {
            double along = 0.0;

            for (size_t j = 0; j < fit->count; j++) {
                const double *row = w.at + b->slot[fit->active[j]] * D;

                along += fit->at.basis[k * fit->count + j] * dot(row, w.at + held * D) /
                         (fit->norm[j] * norm);
            }
            inside += along * along;
        }
        vx_assert_close(trimmed.reconstruction[held], inside, 1e-10, 1e-10);
    }
    vx_aggregator_destroy(a);
    vx_aggregator_destroy(b);
}

static void the_objective_never_rises_whatever_the_beta_density(void **state)
{
    static const double densities[][2] = {
        { 1.0, 0.5 }, { 1.0, 0.1 }, { 2.0, 0.5 }, { 5.0, 0.9 }, { 1.0, 0.9 }
    };

    (void)state;
    for (size_t i = 0; i < 5 * sizeof(densities) / sizeof(densities[0]); i++) {
        world w = world_make((uint32_t)i, 0.02 * (double)(i % 7));
        vx_aggregate_options options = options_of(i % 2 == 0 ? "flag" : "trimmed_flag");
        vx_aggregate_report report;
        double update[D];
        vx_aggregator *a;

        options.flag.alpha = densities[i / 5][0];
        options.flag.beta = densities[i / 5][1];
        options.flag.iterations = 40;
        options.flag.lambda = i % 3 == 0 ? 0.4 : 0.0;
        options.flag.paper_loss = true;
        a = run(&w, &options, update, &report);
        assert_true(report.trace_count >= 1 && report.trace_count <= 40);
        for (size_t k = 1; k < report.trace_count; k++)
            assert_true(report.trace[k] < report.trace[k - 1]);
        vx_assert_close(report.objective, report.trace[report.trace_count - 1], 0.0, 0.0);
        vx_aggregator_destroy(a);
    }
}

/* A row of share 2 is two rows of share 1. */
static void a_share_of_two_is_a_row_twice(void **state)
{
    static const char *const rules[] = { "mean", "unit_mean", "geometric_median", "flag" };
    double share[N];

    (void)state;
    for (size_t i = 0; i < N; i++)
        share[i] = i == 4 ? 2.0 : 1.0;
    for (size_t r = 0; r < sizeof(rules) / sizeof(rules[0]); r++) {
        world w = world_make(9, 0.3);
        vx_aggregate_options options = options_of(rules[r]);
        double twice[D], weighted[D], plain[D];

        options.geometric_tolerance = 1e-14;
        options.geometric_iterations = 20000;
        options.flag.subspace = 5;
        options.flag.scale = VX_FLAG_SCALE_SUBSPACE;
        w.present[7] = false;
        options.share = share;
        vx_aggregator_destroy(run(&w, &options, weighted, NULL));
        options.share = NULL;
        vx_aggregator_destroy(run(&w, &options, plain, NULL));
        w.present[7] = true;
        memcpy(w.at + 7 * D, w.at + 4 * D, sizeof(w.honest));
        vx_aggregator_destroy(run(&w, &options, twice, NULL));
        /* The median of the norms counts rows, not shares: directions are compared. */
        vx_assert_close(cosine(weighted, twice), 1.0, 1e-9, 0.0);
        assert_true(1.0 - cosine(weighted, plain) > 1e-6);
    }
}

static void lambda_beyond_the_limit_is_told(void **state)
{
    world w = world_make(5, 0.3);
    vx_aggregate_options options = options_of("flag");
    vx_aggregate_report report;
    double update[D], sum = 0.0;
    vx_aggregator *a = run(&w, &options, update, &report);

    (void)state;
    for (size_t i = 0; i < N; i++) {
        for (size_t j = 0; j < i; j++)
            sum += cosine(w.at + i * D, w.at + j * D);
    }
    vx_assert_close(report.lambda_limit, sum / (N * (N - 1) / 2.0) * (N - 1), 1e-11, 0.0);
    vx_aggregator_destroy(a);
    /* At the paper's lambda = n the direction that the rows agree on is gone. */
    options.flag.lambda = (double)N;
    options.flag.paper_loss = true;
    a = run(&w, &options, update, &report);
    assert_true(options.flag.lambda > report.lambda_limit);
    assert_true(fabs(cosine(update, w.honest)) < 0.5);
    vx_aggregator_destroy(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_outlier_cannot_vouch_for_itself_in_trimmed_flag),
        cmocka_unit_test(colluders_cannot_turn_trimmed_flag),
        cmocka_unit_test(a_kept_row_is_judged_without_its_own_vote),
        cmocka_unit_test(the_objective_never_rises_whatever_the_beta_density),
        cmocka_unit_test(a_share_of_two_is_a_row_twice),
        cmocka_unit_test(lambda_beyond_the_limit_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
