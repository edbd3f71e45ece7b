#include <math.h>
#include <string.h>

#include "rule.h"
#include "smea.h"

/* Held-out fits are made for so many groups of the kept rows: one row each up to here. */
enum { FOLDS = 32 };

/* Geometry of some rows of g, in work->square (k) alone: the flag fit reads k and shares. */
static vx_geometry part_of(const vx_geometry *g, const size_t *member, size_t count,
                           vx_rule_work *work)
{
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < count; j++)
            work->square[i * count + j] = vx_k(g, member[i], member[j]);
        if (g->share != NULL)
            work->values[i] = g->share[member[i]];
    }
    return (vx_geometry){ .n = count,
                          .k = { work->square, count, count, count },
                          .share = g->share != NULL ? work->values : NULL,
                          .pivot = count };
}

/* v of row i of g in the subspace of the fit to member's rows: Y^T x = B^T (Kh row of x). */
static double ratio_outside(const vx_geometry *g, const size_t *member, const vx_flag_fit *fit,
                            size_t i)
{
    double norm = sqrt(vx_k(g, i, i)), inside = 0.0;

    if (!(norm > 0.0))
        return nan("");
    for (size_t k = 0; k < fit->at.rank; k++) {
        double along = 0.0;

        for (size_t j = 0; j < fit->count; j++)
            along += fit->at.basis[k * fit->count + j] *
                     (vx_k(g, member[fit->active[j]], i) / (fit->norm[j] * norm));
        inside += along * along;
    }
    return fmin(inside, 1.0);
}

/* v of the kept rows of one group, in the subspace fitted to the kept rows that are not in it. */
static vx_status hold_out(const vx_geometry *g, const vx_aggregate_options *options,
                          vx_rule_work *work, const size_t *kept, size_t count, size_t group)
{
    vx_cmat none = { NULL, 0, 0, 0 };
    size_t rest = 0;
    vx_geometry part;
    vx_status status;

    for (size_t i = 0; i < count; i++) {
        if (i % FOLDS != group)
            work->order_more[rest++] = kept[i];
    }
    if (rest == 0)
        return VX_OK;
    part = part_of(g, work->order_more, rest, work);
    status = vx_flag_fit_run(work->fit, &part, &options->flag, none);
    for (size_t i = group; status == VX_OK && i < count; i += FOLDS)
        work->score[kept[i]] = ratio_outside(g, work->order_more, work->fit, kept[i]);
    return status;
}

/* The rows scaled by 1 / ||x_i||: their distances are in work->square_fourth. */
static vx_geometry unit_rows(const vx_geometry *g, vx_rule_work *work)
{
    size_t n = g->n;
    vx_cmat k = { g->k.at, n, n, g->k.ld }, d = { g->d.at, n, n, g->d.ld };
    vx_mat map = { work->square_more, n, n, n }, unit_k = { work->square, n, n, n };
    vx_mat unit_d = { work->square_fourth, n, n, n };

    memset(map.at, 0, n * n * sizeof(*map.at));
    for (size_t i = 0; i < n; i++)
        map.at[i * n + i] = vx_k(g, i, i) > 0.0 ? 1.0 / sqrt(vx_k(g, i, i)) : 0.0;
    vx_geometry_map(k, d, vx_mat_const(map), work->square_third, work->sums, unit_k, unit_d);
    return (
        vx_geometry){ .n = n, .k = vx_mat_const(unit_k), .d = vx_mat_const(unit_d), .pivot = n };
}

/* The n - f rows; work->order holds them in their order. */
static vx_status choose(const vx_geometry *g, const vx_aggregate_options *options,
                        vx_rule_work *work, size_t *ret_count)
{
    vx_geometry unit = unit_rows(g, work);
    vx_status status = vx_smea_choose(&unit, g->n - options->byzantine, options->exact_rows, work);

    *ret_count = 0;
    for (size_t i = 0; status == VX_OK && i < g->n; i++) {
        if (work->selected[i])
            work->order[(*ret_count)++] = i;
    }
    return status;
}

/*
 * Trimmed flag: the flag rule on the n - f rows that agree best, and the reconstruction ratio of
 * every row in a subspace that it did not help to fit.
 *
 *     S = the n - f rows whose unit rows have the least largest eigenvalue of their centred Gram
 *         matrix (as SMEA; ties to the first subset in lexicographic order),
 *     update = flag(S),   v_i = ||Y_i^T u_i||^2,  Y_i fitted to S without i's group.
 *
 * A group is one row up to 32 kept rows, beyond that every 32nd. Source: Vexil. Plain flag lets a
 * row that agrees with nobody reconstruct itself (v = 1), and f rows that agree with each other
 * take the subspace; a subset chosen before anything is fitted, on unit rows, repairs both. The
 * search is exact up to exact_rows rows, else greedy; work->method says which. n >= 2f + 1.
 *
 * work         score: v_i held out; selected: S; fit: the fit to S, of S's rows in their order.
 * ret_weights  (n) on the rows; 0 beyond S.
 *
 * O(C(n, f) n^3) at worst up to exact_rows rows, O(32 n^3 + f n^2) beyond; no allocation of ours.
 */
vx_status vx_trimmed_flag(const vx_geometry *g, const vx_aggregate_options *options,
                          vx_rule_work *work, double *ret_weights)
{
    vx_cmat none = { NULL, 0, 0, 0 };
    size_t count = 0;
    vx_geometry part;
    vx_status status = choose(g, options, work, &count);

    for (size_t group = 0; status == VX_OK && group < FOLDS && group < count; group++)
        status = hold_out(g, options, work, work->order, count, group);
    if (status != VX_OK)
        return status;
    part = part_of(g, work->order, count, work);
    status = vx_flag_fit_run(work->fit, &part, &options->flag, none);
    if (status != VX_OK)
        return status;
    for (size_t i = 0; i < g->n; i++) {
        ret_weights[i] = 0.0;
        if (!work->selected[i])
            work->score[i] = ratio_outside(g, work->order, work->fit, i);
    }
    work->iterations = work->fit->iterations;
    work->objective = work->fit->at.objective;
    vx_flag_fit_weights(work->fit, &options->flag,
                        vx_median_norm(g, work->values_more, work->order_more),
                        (vx_vec){ work->values_third, count });
    for (size_t i = 0; i < count; i++)
        ret_weights[work->order[i]] = work->values_third[i];
    return VX_OK;
}
