#include <math.h>
#include <string.h>

#include <vx_linalg/gram.h>

#include "aggregator.h"
#include "distance.h"

/* Coordinate rules have no weights to compute distances from: one more pass. Eight partial sums, as
 * everywhere. */
static double distance_to(vx_cvecf row, vx_cvecf update)
{
    double lane[8] = { 0.0 }, sum = 0.0;
    size_t k = 0;

    for (; k + 8 <= row.n; k += 8) {
        for (size_t l = 0; l < 8; l++) {
            double apart = (double)row.at[k + l] - (double)update.at[k + l];

            lane[l] += apart * apart;
        }
    }
    for (size_t l = 0; k < row.n; k++, l++) {
        double apart = (double)row.at[k] - (double)update.at[k];

        lane[l] += apart * apart;
    }
    for (size_t l = 0; l < 8; l++)
        sum += lane[l];
    return sqrt(sum);
}

static void measure_distances(vx_aggregator *a, vx_cmatf rows, vx_cvecf update)
{
    for (size_t i = 0; i < a->present; i++)
        a->distance[a->slot[i]] = distance_to(vx_cmatf_row(rows, a->slot[i]), update);
}

/* ||g_i - G^T w||^2 = K_ii - 2 (K w)_i + w^T K w, clamped at 0. */
static void derive_distances(vx_aggregator *a)
{
    size_t p = a->present;
    double *product = a->work.values, of_update = 0.0;

    for (size_t i = 0; i < p; i++) {
        product[i] = 0.0;
        for (size_t j = 0; j < p; j++)
            product[i] += a->gram[i * p + j] * a->raw_weights[j];
        of_update += a->raw_weights[i] * product[i];
    }
    for (size_t i = 0; i < p; i++) {
        double squared = a->gram[i * p + i] - 2.0 * product[i] + of_update;

        a->distance[a->slot[i]] = sqrt(fmax(squared, 0.0));
        a->weight[a->slot[i]] = a->raw_weights[i];
    }
}

/*
 * v_i of the raw rows in the subspace fitted to the rows that the rule saw: with Y = S^T D^-1 B and
 * S = M G, Y^T g_i = (M^T D^-1 B)^T K e_i.
 */
static void project_raw_rows(vx_aggregator *a)
{
    const vx_flag_fit *fit = a->work.fit;
    size_t p = a->present, q = fit->count;
    double *on_seen = a->work.values, *on_raw = a->work.values_more, *inside = a->scratch;

    memset(inside, 0, p * sizeof(*inside));
    for (size_t k = 0; k < fit->at.rank; k++) {
        memset(on_seen, 0, p * sizeof(*on_seen));
        for (size_t i = 0; i < q; i++)
            on_seen[fit->active[i]] = fit->at.basis[k * q + i] / fit->norm[i];
        vx_chain_pull_back(a, on_seen, on_raw);
        for (size_t i = 0; i < p; i++) {
            double along = 0.0, norm = sqrt(a->gram[i * p + i]);

            for (size_t j = 0; j < p; j++)
                along += a->gram[i * p + j] * on_raw[j];
            if (norm > 0.0)
                inside[i] += along / norm * (along / norm);
        }
    }
    for (size_t i = 0; i < p; i++) {
        if (a->gram[i * p + i] > 0.0)
            a->reconstruction[a->slot[i]] = fmin(inside[i], 1.0);
    }
}

static void fill_reconstruction(vx_aggregator *a)
{
    size_t p = a->present;
    vx_cmat gram = { a->gram, p, p, p };
    vx_cmat none = { NULL, 0, 0, 0 };
    vx_flag_options standard = vx_aggregate_options_default().flag;

    if (a->rule->weights == vx_flag) {
        a->report.eigengap = a->work.fit->at.eigengap;
        a->report.objective = a->work.fit->at.objective;
        project_raw_rows(a);
        return;
    }
    /* Of interest only: without it the update stands. */
    if (vx_flag_fit_run(a->work.fit, gram, &standard, none) != VX_OK)
        return;
    for (size_t i = 0; i < p; i++)
        a->reconstruction[a->slot[i]] = fmin(a->work.fit->ratio[i], 1.0);
}

void vx_report_fill(vx_aggregator *a, vx_cmatf rows, vx_cvecf update)
{
    size_t p = a->present;
    bool weighed = a->rule->weights != NULL;

    for (size_t i = 0; i < a->slots; i++) {
        a->norm[i] = a->reconstruction[i] = a->distance[i] = nan("");
        a->weight[i] = weighed ? 0.0 : nan("");
    }
    a->report = (vx_aggregate_report){
        .present = p,
        .update_norm = vx_norm_f32(update),
        .eigengap = nan(""),
        .objective = nan(""),
        .iterations = a->work.iterations,
        .norm = a->norm,
        .weight = a->weight,
        .reconstruction = a->reconstruction,
        .distance = a->distance,
    };
    fill_reconstruction(a);
    if (weighed)
        derive_distances(a);
    else
        measure_distances(a, rows, update);
    a->report.median_norm =
        vx_median_norm((vx_cmat){ a->gram, p, p, p }, a->work.values, a->work.order);
    for (size_t i = 0; i < p; i++)
        a->norm[a->slot[i]] = a->work.values[i];
}
