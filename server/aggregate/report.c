#include <math.h>
#include <string.h>

#include "aggregator.h"

/* Coordinate rules have no weights to compute distances from: each part of the columns left its
 * share of them. */
static void sum_distances(vx_aggregator *a)
{
    size_t parts = vx_parts(a->dimension);

    for (size_t i = 0; i < a->raw.n; i++) {
        double sum = 0.0;

        for (size_t part = 0; part < parts; part++)
            sum += a->squares[part * a->raw.n + i];
        a->distance[a->slot[i]] = sqrt(sum);
    }
}

static void derive_distances(vx_aggregator *a)
{
    double *squared = a->work.values;

    for (size_t i = 0; i < a->raw.n; i++)
        a->weight[a->slot[i]] = a->raw_weights[i];
    if (!vx_chain_needs_products(a))
        return;
    vx_distances_to(&a->raw, a->raw.n + (a->raw.reference ? 1 : 0), a->raw_weights, squared);
    for (size_t i = 0; i < a->raw.n; i++)
        a->distance[a->slot[i]] = sqrt(squared[i]);
}

/*
 * v_i of the raw rows in the subspace fitted to the rows that the rule saw: with Y = S^T D^-1 B and
 * S = M G, Y^T g_i = (M^T D^-1 B)^T K e_i.
 */
static void project_raw_rows(vx_aggregator *a)
{
    const vx_flag_fit *fit = a->work.fit;
    size_t p = a->raw.n, q = fit->count;
    double *on_seen = a->work.values, *on_raw = a->work.values_more, *inside = a->work.values_third;

    memset(inside, 0, p * sizeof(*inside));
    for (size_t k = 0; k < fit->at.rank; k++) {
        memset(on_seen, 0, a->seen.n * sizeof(*on_seen));
        for (size_t i = 0; i < q; i++)
            on_seen[fit->active[i]] = fit->at.basis[k * q + i] / fit->norm[i];
        vx_chain_pull_back(a, on_seen, on_raw);
        for (size_t i = 0; i < p; i++) {
            double along = 0.0, norm = sqrt(vx_k(&a->raw, i, i));

            for (size_t j = 0; j < p; j++)
                along += vx_k(&a->raw, i, j) * on_raw[j];
            if (norm > 0.0)
                inside[i] += along / norm * (along / norm);
        }
    }
    for (size_t i = 0; i < p; i++) {
        if (vx_k(&a->raw, i, i) > 0.0)
            a->reconstruction[a->slot[i]] = fmin(inside[i], 1.0);
    }
}

/* Mean of <u_i, u_j> over the pairs of rows that the subspace was fitted to. */
static double mean_cosine(const vx_flag_fit *fit)
{
    double sum = 0.0, pairs = (double)fit->count * (double)(fit->count - 1) / 2.0;

    for (size_t i = 0; i < fit->count; i++) {
        for (size_t j = 0; j < i; j++)
            sum += fit->unit[i * fit->count + j];
    }
    return fit->count > 1 ? sum / pairs : nan("");
}

static void fill_fit(vx_aggregator *a)
{
    const vx_flag_fit *fit = a->work.fit;

    a->report.eigengap = fit->at.eigengap;
    a->report.lambda_limit = mean_cosine(fit) * (double)(fit->count - 1);
    a->report.trace_count =
        fit->iterations < VX_AGGREGATE_TRACE_MAX ? fit->iterations : VX_AGGREGATE_TRACE_MAX;
    memcpy(a->report.trace, fit->trace, a->report.trace_count * sizeof(double));
}

static void fill_reconstruction(vx_aggregator *a)
{
    vx_cmat none = { NULL, 0, 0, 0 };
    vx_flag_options standard = vx_aggregate_options_default().flag;

    if (a->rule->weights == vx_flag || a->rule->weights == vx_trimmed_flag)
        fill_fit(a);
    if (a->rule->weights == vx_flag) {
        project_raw_rows(a);
        return;
    }
    if (a->rule->weights == vx_trimmed_flag) { /* held out, of the rows that the rule saw */
        for (size_t i = 0; a->seen.n == a->raw.n && i < a->raw.n; i++)
            a->reconstruction[a->slot[i]] = a->work.score[i];
        return;
    }
    /* Of interest only: without it the update stands. */
    if (vx_flag_fit_run(a->work.fit, &a->raw, &standard, none) != VX_OK)
        return;
    for (size_t i = 0; i < a->raw.n; i++) {
        if (!isnan(a->work.fit->ratio[i]))
            a->reconstruction[a->slot[i]] = fmin(a->work.fit->ratio[i], 1.0);
    }
}

/* Scores and selection are of seen rows: they are of slots where these are the same rows. */
static void fill_scores(vx_aggregator *a)
{
    for (size_t i = 0; i < a->raw.n; i++) {
        bool same = a->seen.n == a->raw.n;

        a->selected[a->slot[i]] = !same || a->work.selected[i];
        a->score[a->slot[i]] = same ? a->work.score[i] : nan("");
    }
}

static void fill_from_products(vx_aggregator *a)
{
    a->report.median_norm = nan("");
    if (!vx_chain_needs_products(a))
        return;
    fill_reconstruction(a);
    a->report.median_norm = vx_median_norm(&a->raw, a->work.values, a->work.order);
    for (size_t i = 0; i < a->raw.n; i++)
        a->norm[a->slot[i]] = a->work.values[i];
}

static bool has_weights(const vx_aggregator *a)
{
    return a->rule->way == VX_WAY_WEIGHTS || a->rule->way == VX_WAY_MEMORY ||
           a->rule->way == VX_WAY_COLUMNS_WEIGHTS;
}

/* ||sum of w_i g_i||, from the products. */
static double norm_of_weights(const vx_aggregator *a)
{
    size_t n = a->raw.n + (a->raw.reference ? 1 : 0);
    double squared = 0.0;

    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < n; j++)
            squared += a->raw_weights[i] * a->raw_weights[j] * vx_k(&a->raw, i, j);
    }
    return sqrt(fmax(squared, 0.0));
}

static double norm_of(vx_aggregator *a, vx_real update, bool weighed)
{
    if (update.n > 0)
        return vx_products_norm(a->products, update);
    return weighed ? norm_of_weights(a) : nan("");
}

void vx_report_fill(vx_aggregator *a, vx_real update)
{
    bool weighed = has_weights(a);

    for (size_t i = 0; i < a->slots; i++) {
        a->norm[i] = a->reconstruction[i] = a->distance[i] = a->score[i] = nan("");
        a->weight[i] = weighed ? 0.0 : nan("");
        a->selected[i] = false;
    }
    a->report.present = a->raw.n;
    a->report.update_norm = norm_of(a, update, weighed);
    a->report.eigengap = nan("");
    a->report.lambda_limit = nan("");
    a->report.trace_count = 0;
    a->report.objective = a->work.objective;
    a->report.iterations = a->work.iterations;
    a->report.method = a->work.method;
    a->report.norm = a->norm;
    a->report.weight = a->weight;
    a->report.score = a->score;
    a->report.reconstruction = a->reconstruction;
    a->report.distance = a->distance;
    a->report.selected = a->selected;
    fill_scores(a);
    if (weighed)
        derive_distances(a);
    else if (vx_update_measures(a))
        sum_distances(a);
    fill_from_products(a);
}
