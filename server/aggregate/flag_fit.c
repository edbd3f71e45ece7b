#include "flag_fit.h"

#include <math.h>
#include <string.h>

#include <vx_base/alloc.h>

static const double FLOOR = 1e-7;     /* epsilon of the reweighting, as in the released code */
static const double RANK_CUT = 1e-13; /* eigenvalues below this share of the largest are noise */
static const double PAIR_RESOLVED =
    1e-10;                             /* pairs nearer than this share are one row (paper loss) */
static const double CANCELLED = 1e-12; /* a sum shorter than this per row is rounding */

static bool subspace_create(size_t n_max, vx_flag_subspace *ret_subspace)
{
    ret_subspace->basis = vx_calloc(n_max, n_max * sizeof(double));
    ret_subspace->projector = vx_calloc(n_max, n_max * sizeof(double));
    return ret_subspace->basis != NULL && ret_subspace->projector != NULL;
}

static void subspace_destroy(vx_flag_subspace *subspace)
{
    vx_free(subspace->basis);
    vx_free(subspace->projector);
}

static bool reserve(vx_flag_fit *fit, size_t n)
{
    fit->n_max = n;
    fit->active = vx_calloc(n, sizeof(*fit->active));
    fit->norm = vx_calloc(n, sizeof(double));
    fit->share = vx_calloc(n, sizeof(double));
    fit->unit = vx_calloc(n, n * sizeof(double));
    fit->ratio = vx_calloc(n, sizeof(double));
    fit->weight = vx_calloc(n, n * sizeof(double));
    fit->product = vx_calloc(n, n * sizeof(double));
    fit->moment = vx_calloc(n, n * sizeof(double));
    fit->values = vx_calloc(n, sizeof(double));
    fit->vectors = vx_calloc(n, n * sizeof(double));
    return subspace_create(n, &fit->at) && subspace_create(n, &fit->next) && fit->active != NULL &&
           fit->norm != NULL && fit->share != NULL && fit->unit != NULL && fit->ratio != NULL &&
           fit->weight != NULL && fit->product != NULL && fit->moment != NULL &&
           fit->values != NULL && fit->vectors != NULL;
}

vx_status vx_flag_fit_create(size_t n_max, vx_flag_fit **ret_fit)
{
    vx_status status = VX_ERR_NOMEM;
    vx_flag_fit *fit = vx_calloc(1, sizeof(*fit));

    if (fit == NULL || !reserve(fit, n_max))
        goto out;
    status = vx_eigen_create(n_max, &fit->eigen);
    if (status != VX_OK)
        goto out;
    *ret_fit = fit;
    fit = NULL; /* moved to the caller */
out:
    vx_flag_fit_destroy(fit);
    return status;
}

vx_flag_fit *vx_flag_fit_destroy(vx_flag_fit *fit)
{
    if (fit == NULL)
        return NULL;
    vx_eigen_destroy(fit->eigen);
    subspace_destroy(&fit->at);
    subspace_destroy(&fit->next);
    vx_free(fit->active);
    vx_free(fit->norm);
    vx_free(fit->share);
    vx_free(fit->unit);
    vx_free(fit->ratio);
    vx_free(fit->weight);
    vx_free(fit->product);
    vx_free(fit->moment);
    vx_free(fit->values);
    vx_free(fit->vectors);
    vx_free(fit);
    return NULL;
}

/* Leaves out zero rows, whose unit row does not exist; fills count, active, norm. */
static void find_active(vx_flag_fit *fit, const vx_geometry *g)
{
    fit->rows = g->n;
    fit->count = 0;
    for (size_t i = 0; i < g->n; i++) {
        double squared = vx_k(g, i, i);

        fit->ratio[i] = nan("");
        if (!(squared > 0.0))
            continue;
        fit->norm[fit->count] = sqrt(squared);
        fit->active[fit->count++] = i;
    }
}

static void begin(vx_flag_fit *fit, const vx_geometry *g)
{
    double sum = 0.0;

    find_active(fit, g);
    for (size_t i = 0; i < fit->count; i++) {
        for (size_t j = 0; j < fit->count; j++)
            fit->unit[i * fit->count + j] =
                vx_k(g, fit->active[i], fit->active[j]) / (fit->norm[i] * fit->norm[j]);
        sum += g->share != NULL ? g->share[fit->active[i]] : 0.0;
    }
    for (size_t i = 0; i < fit->count; i++)
        fit->share[i] =
            g->share != NULL ? (double)fit->count * g->share[fit->active[i]] / sum : 1.0;
}

static double pair_length(const double *inner, size_t q, size_t i, size_t j, double ri, double rj)
{
    return (ri * ri * inner[i * q + i] + rj * rj * inner[j * q + j]) -
           2.0 * ri * rj * inner[i * q + j];
}

/* 1 - ||Y^T (g_i - g_j)||^2 / ||g_i - g_j||^2, and that length; false when g_i and g_j are one row.
 * Norms are taken relative to the longer one: squares of norms stay far from overflow. */
static bool pair_residual(const vx_flag_fit *fit, const double *projector, size_t i, size_t j,
                          double *ret_residual, double *ret_squared)
{
    double longer = fmax(fit->norm[i], fit->norm[j]);
    double ri = fit->norm[i] / longer, rj = fit->norm[j] / longer;
    double squared = pair_length(fit->unit, fit->count, i, j, ri, rj);
    double inside = pair_length(projector, fit->count, i, j, ri, rj);

    if (squared <= PAIR_RESOLVED)
        return false;
    *ret_residual = fmax(1.0 - inside / squared, 0.0);
    *ret_squared = squared;
    return true;
}

/*
 * What a row of ratio v costs: -log of the Beta density, with log x ~ 2 sqrt(x) - 2 as in the
 * paper, constants dropped: 2 (1 - beta) sqrt(1 - v) - 2 (alpha - 1) sqrt(v). The paper's alpha =
 * 1, beta = 1/2 give sqrt(1 - v).
 */
static double loss_of(const vx_flag_options *options, double v)
{
    return 2.0 * (1.0 - options->beta) * sqrt(fmax(1.0 - v, 0.0)) -
           2.0 * (options->alpha - 1.0) * sqrt(fmax(v, 0.0));
}

/* -2 d loss / d v, floored: what the row weighs in the next subspace. */
static double weight_of(const vx_flag_options *options, double v)
{
    double outside = 2.0 * (1.0 - options->beta) / sqrt(fabs(1.0 - v) + FLOOR);

    return options->alpha > 1.0 ? outside + 2.0 * (options->alpha - 1.0) / sqrt(fabs(v) + FLOOR)
                                : outside;
}

static double objective_of(const vx_flag_fit *fit, const double *projector,
                           const vx_flag_options *options)
{
    size_t q = fit->count;
    double sum = 0.0, pairs = 0.0, residual, squared;

    for (size_t i = 0; i < q; i++)
        sum += fit->share[i] * loss_of(options, projector[i * q + i]);
    if (!options->paper_loss || options->lambda <= 0.0 || q < 2)
        return sum; /* the released code watches the data terms only */
    for (size_t i = 0; i < q; i++) {
        for (size_t j = 0; j < i; j++) {
            if (pair_residual(fit, projector, i, j, &residual, &squared))
                pairs += 2.0 * sqrt(residual);
        }
    }
    return sum + options->lambda / (double)(q - 1) * pairs;
}

/* Adds a (e_i x_i - e_j x_j)(...)^T, both orders of the pair, to weight. */
static void pair_add(vx_flag_fit *fit, size_t i, size_t j, double a, double xi, double xj)
{
    size_t q = fit->count;

    fit->weight[i * q + i] += 2.0 * a * xi * xi;
    fit->weight[j * q + j] += 2.0 * a * xj * xj;
    fit->weight[i * q + j] -= 2.0 * a * xi * xj;
    fit->weight[j * q + i] -= 2.0 * a * xi * xj;
}

static void pairs_add(vx_flag_fit *fit, const vx_flag_options *options)
{
    size_t q = fit->count;
    const double *p = fit->at.projector;
    double released = options->lambda / ((double)q * (double)(q - 1));
    double paper = options->lambda / (double)(q - 1);
    double residual, squared;

    for (size_t i = 0; i < q; i++) {
        for (size_t j = 0; j < i; j++) {
            if (!options->paper_loss) {
                residual = fabs(1.0 - pair_length(p, q, i, j, 1.0, 1.0));
                pair_add(fit, i, j, released * released / sqrt(residual + FLOOR), 1.0, 1.0);
            } else if (pair_residual(fit, p, i, j, &residual, &squared)) {
                double longer = fmax(fit->norm[i], fit->norm[j]);

                pair_add(fit, i, j, paper / sqrt(residual + FLOOR) / squared, fit->norm[i] / longer,
                         fit->norm[j] / longer);
            }
        }
    }
}

/* W = diag(w) + L of the reweighting at the present subspace. */
static void reweigh(vx_flag_fit *fit, const vx_flag_options *options)
{
    size_t q = fit->count;

    memset(fit->weight, 0, q * q * sizeof(*fit->weight));
    for (size_t i = 0; i < q; i++)
        fit->weight[i * q + i] = fit->share[i] * weight_of(options, fit->at.projector[i * q + i]);
    if (options->lambda > 0.0 && q > 1)
        pairs_add(fit, options);
}

/* Without pairs W is diagonal, and so is F. */
static bool has_pairs(const vx_flag_fit *fit, const vx_flag_options *options)
{
    return options->lambda > 0.0 && fit->count > 1;
}

/* W -> F in place, W = F F^T. */
static vx_status factor(vx_flag_fit *fit, bool pairs)
{
    size_t q = fit->count;
    vx_mat weight = { fit->weight, q, q, q };

    if (pairs)
        return vx_cholesky(vx_mat_const(weight), weight);
    for (size_t i = 0; i < q; i++) {
        double at = fit->weight[i * q + i];

        if (!(at > 0.0 && isfinite(at)))
            return VX_ERR_DOMAIN;
        fit->weight[i * q + i] = sqrt(at);
    }
    return VX_OK;
}

/* moment = F^T Kh F, F diagonal. */
static void scale_moment(vx_flag_fit *fit)
{
    size_t q = fit->count;

    for (size_t i = 0; i < q; i++) {
        for (size_t j = 0; j <= i; j++)
            fit->moment[i * q + j] =
                fit->weight[i * q + i] * (fit->unit[i * q + j] * fit->weight[j * q + j]);
    }
}

/* moment = F^T Kh F with F (in weight) lower triangular; lower triangle only. */
static void form_moment(vx_flag_fit *fit)
{
    size_t q = fit->count;

    for (size_t i = 0; i < q; i++) {
        double *row = fit->product + i * q; /* Kh F */

        memset(row, 0, q * sizeof(*row));
        for (size_t k = 0; k < q; k++) {
            for (size_t j = 0; j <= k; j++)
                row[j] += fit->unit[i * q + k] * fit->weight[k * q + j];
        }
    }
    memset(fit->moment, 0, q * q * sizeof(*fit->moment));
    for (size_t k = 0; k < q; k++) {
        for (size_t i = 0; i <= k; i++) {
            for (size_t j = 0; j <= i; j++)
                fit->moment[i * q + j] += fit->weight[k * q + i] * fit->product[k * q + j];
        }
    }
}

/* B = F V_m Lambda_m^{-1/2}. */
static void form_basis(vx_flag_fit *fit, size_t subspace, bool pairs, vx_flag_subspace *ret)
{
    size_t q = fit->count;
    double beyond = subspace < q ? fmax(fit->values[subspace], 0.0) : 0.0;

    ret->rank = 0;
    while (ret->rank < subspace && fit->values[ret->rank] > RANK_CUT * fit->values[0])
        ret->rank++;
    ret->eigengap = (fit->values[subspace - 1] - beyond) / fit->values[0];
    for (size_t k = 0; k < ret->rank; k++) {
        double scale = 1.0 / sqrt(fit->values[k]);

        for (size_t i = 0; i < q; i++) {
            double sum = 0.0;

            for (size_t j = pairs ? 0 : i; j <= i; j++)
                sum += fit->weight[i * q + j] * fit->vectors[k * q + j];
            ret->basis[k * q + i] = sum * scale;
        }
    }
}

/* Rows of a matrix that is read again and again are taken so many at a time: they stay near. */
enum { TOGETHER = 8 };

static size_t end_of(size_t first, size_t count)
{
    return count - first < TOGETHER ? count : first + TOGETHER;
}

/* Row k of Z = B^T Kh: the coordinates of the unit rows along Y's column k, first <= k < end. */
static void coordinates(const vx_flag_fit *fit, const double *basis, size_t first, size_t end,
                        double *ret_z)
{
    size_t q = fit->count;

    memset(ret_z + first * q, 0, (end - first) * q * sizeof(*ret_z));
    for (size_t j = 0; j < q; j++) {
        for (size_t k = first; k < end; k++) {
            for (size_t i = 0; i < q; i++)
                ret_z[k * q + i] += basis[k * q + j] * fit->unit[j * q + i];
        }
    }
}

/* P = Z^T Z. */
static void form_projector(vx_flag_fit *fit, vx_flag_subspace *subspace)
{
    size_t q = fit->count;
    double *z = fit->product, *p = subspace->projector;

    for (size_t first = 0; first < subspace->rank; first += TOGETHER)
        coordinates(fit, subspace->basis, first, end_of(first, subspace->rank), z);
    memset(p, 0, q * q * sizeof(*p));
    for (size_t first = 0; first < q; first += TOGETHER) {
        size_t end = end_of(first, q);

        for (size_t k = 0; k < subspace->rank; k++) {
            for (size_t i = first; i < end; i++) {
                for (size_t j = 0; j <= i; j++)
                    p[i * q + j] += z[k * q + i] * z[k * q + j];
            }
        }
    }
    for (size_t i = 0; i < q; i++) {
        for (size_t j = 0; j < i; j++)
            p[j * q + i] = p[i * q + j];
    }
}

/* One reweighting: fit->at -> fit->next. */
static vx_status iterate(vx_flag_fit *fit, const vx_flag_options *options, size_t subspace)
{
    size_t q = fit->count;
    vx_cmat moment = { fit->moment, q, q, q };
    bool pairs = has_pairs(fit, options);
    vx_status status;

    reweigh(fit, options);
    if (factor(fit, pairs) != VX_OK)
        return VX_ERR_NONFINITE;
    if (pairs)
        form_moment(fit);
    else
        scale_moment(fit);
    status = vx_eigen_solve(fit->eigen, moment, (vx_vec){ fit->values, q },
                            (vx_mat){ fit->vectors, q, q, q });
    if (status != VX_OK)
        return status;
    form_basis(fit, subspace, pairs, &fit->next);
    form_projector(fit, &fit->next);
    fit->next.objective = objective_of(fit, fit->next.projector, options);
    return VX_OK;
}

static void start_from(vx_flag_fit *fit, const vx_flag_options *options, vx_cmat start)
{
    size_t q = fit->count;

    memset(fit->at.projector, 0, q * q * sizeof(*fit->at.projector));
    for (size_t i = 0; start.at != NULL && i < q; i++) {
        for (size_t j = 0; j < q; j++)
            fit->at.projector[i * q + j] = start.at[fit->active[i] * start.ld + fit->active[j]];
    }
    fit->at.rank = 0;
    fit->at.eigengap = nan("");
    fit->at.objective = objective_of(fit, fit->at.projector, options);
    fit->iterations = 0;
}

/* Keeps the new subspace unless it is no better; the first one is always kept. */
static bool accept(vx_flag_fit *fit)
{
    vx_flag_subspace before = fit->at;

    if (fit->iterations > 0 && fit->next.objective >= fit->at.objective)
        return false;
    fit->at = fit->next;
    fit->next = before;
    if (fit->iterations < VX_AGGREGATE_TRACE_MAX)
        fit->trace[fit->iterations] = fit->at.objective;
    fit->iterations++;
    return true;
}

/* m, never more than there are rows. */
static size_t dimension_of(const vx_flag_fit *fit, const vx_flag_options *options)
{
    size_t wanted = options->subspace > 0 ? options->subspace : (fit->count + 2) / 2;

    return wanted < fit->count ? wanted : fit->count;
}

vx_status vx_flag_fit_run(vx_flag_fit *fit, const vx_geometry *g, const vx_flag_options *options,
                          vx_cmat start)
{
    size_t subspace;

    VX_ASSERT(g->n <= fit->n_max);
    begin(fit, g);
    start_from(fit, options, start);
    if (fit->count == 0)
        return VX_OK;
    subspace = dimension_of(fit, options);
    while (fit->iterations < options->iterations) {
        double before = fit->at.objective;
        vx_status status = iterate(fit, options, subspace);

        if (status != VX_OK && fit->iterations == 0)
            return status;
        if (status != VX_OK || !accept(fit))
            break; /* the last good subspace stands */
        if (before - fit->at.objective <= options->tolerance ||
            fit->at.objective <= options->tolerance)
            break;
    }
    for (size_t i = 0; i < fit->count; i++)
        fit->ratio[fit->active[i]] = fit->at.projector[i * fit->count + i];
    return VX_OK;
}

static double scale_of(const vx_flag_fit *fit, const vx_flag_options *options, double length,
                       double median_norm)
{
    switch (options->scale) {
    case VX_FLAG_SCALE_SUBSPACE:
        return 1.0 / (double)dimension_of(fit, options);
    case VX_FLAG_SCALE_COUNT:
        return 1.0 / (double)fit->count;
    case VX_FLAG_SCALE_MEDIAN_NORM:
        break;
    }
    return median_norm / length;
}

void vx_flag_fit_weights(const vx_flag_fit *fit, const vx_flag_options *options, double median_norm,
                         vx_vec ret_weights)
{
    size_t q = fit->count;
    double *z = fit->values;
    double length_squared = 0.0, size = 0.0, length, scale;

    for (size_t i = 0; i < ret_weights.n; i++)
        ret_weights.at[i] = 0.0;
    for (size_t i = 0; i < q; i++)
        size += fit->share[i] * (options->raw ? fit->norm[i] : 1.0);
    for (size_t k = 0; k < fit->at.rank; k++) {
        double sum = 0.0; /* of the rows' coordinates along Y's column k */

        coordinates(fit, fit->at.basis + k * q, 0, 1, z);
        for (size_t i = 0; i < q; i++)
            sum += fit->share[i] * (options->raw ? z[i] * fit->norm[i] : z[i]);
        length_squared += sum * sum;
        for (size_t i = 0; i < q; i++)
            ret_weights.at[fit->active[i]] += sum * fit->at.basis[k * q + i] / fit->norm[i];
    }
    length = sqrt(length_squared);
    scale = length > CANCELLED * size ? scale_of(fit, options, length, median_norm) : 0.0;
    for (size_t i = 0; i < ret_weights.n; i++)
        ret_weights.at[i] *= scale;
}
