#include "smea.h"

#include <math.h>
#include <string.h>

#include "leading.h"
#include "selection.h"
#include "spectral.h"

/* Eigenvalues of subsets that differ by less are the same: rounding would decide. */
static const double SAME = 1e-12;

/* A cut must exceed the bound by more than its rounding. */
static const double CUT_MARGIN = 1e-9;

/* An exact search is ended after so many eigenproblems, which 20 rows cannot need, or steps. */
enum { SOLVES_MAX = 400000, STEPS_MAX = 4000000 };

/* Beyond, a swap is tried only for the row that sticks out most, and no swaps any more after so
 * many additions in products with D, which take less than a second. */
enum { SWAP_ROWS_MAX = 64, SWAP_CUTS_MAX = 128 };
static const double SWAP_ADDITIONS_MAX = 1e9;

/*
 * Scatter of a subset P: S(P) = sum over i in P of (x_i - mu_P) (x_i - mu_P)^T, with largest
 * eigenvalue s(P). A row more never lessens it (interlacing), so that s of a part bounds s of the
 * whole from below. So does the scatter of P along any one direction: a cut.
 */
typedef struct search {
    const vx_geometry *g;
    vx_rule_work *work;
    size_t *member; /* (n) the subset that is looked at, ascending */
    size_t keep, solves, steps;
    double bound; /* of s: */
    bool strict;  /* a subset must be below it; else it may reach it */
    double *cut;  /* (cuts, n) each row's place along a direction; NaN: too far off to say */
    size_t cuts, next_cut;
    double largest;     /* of the last solve */
    vx_leading leading; /* of the marked rows */
    vx_status status;
} search;

static bool exceeds(const search *s, double scatter)
{
    return s->strict ? scatter >= s->bound : scatter > s->bound;
}

/* s->largest = s(P) for the first `count` members; its eigenvector is first in square_third, the
 * mean squared distances of members in values_more. */
static bool solve(search *s, size_t count)
{
    vx_rule_work *work = s->work;

    vx_centred(s->g, s->member, count, NULL, work->values_more, work->square);
    s->status = vx_eigen_solve(work->eigen, (vx_cmat){ work->square, count, count, count },
                               (vx_vec){ work->values, count },
                               (vx_mat){ work->square_third, count, count, count });
    s->largest = s->status == VX_OK ? fmax(work->values[0], 0.0) : 0.0;
    s->solves++;
    return s->status == VX_OK;
}

/*
 * The direction of the last solve becomes a cut. With e its eigenvector, whose sum is 0, row i lies
 * at sum over j of e_j (m_i + m_j - D_ij) / (2 sqrt(s)), m_i its mean squared distance to P.
 */
static void add_cut(search *s, size_t count)
{
    const double *e = s->work->square_third, *m = s->work->values_more;
    double *to = s->cut + s->next_cut * s->g->n, spread = 0.0, size = (double)count;

    VX_ASSERT(s->g->n > 0 && count > 0);
    for (size_t a = 0; a < count; a++)
        spread += m[a] / size;
    for (size_t i = 0; i < s->g->n; i++) {
        double along = 0.0, mean = 0.0;

        for (size_t a = 0; a < count; a++)
            mean += vx_d(s->g, i, s->member[a]) / size;
        for (size_t a = 0; a < count; a++)
            along += e[a] * ((mean - vx_d(s->g, i, s->member[a])) + m[a]);
        to[i] = mean - 0.5 * spread <= 100.0 * s->bound ? 0.5 * along / sqrt(s->largest) : nan("");
    }
    s->next_cut = (s->next_cut + 1) % s->g->n;
    s->cuts = s->cuts < s->g->n ? s->cuts + 1 : s->cuts;
}

/* Whether two rows alone, or the scatter along some cut, exceed the bound. */
static bool is_cut_off(const search *s, size_t count)
{
    for (size_t a = 0; a + 1 < count; a++) {
        if (exceeds(s, 0.5 * vx_d(s->g, s->member[a], s->member[count - 1]) * (1.0 - SAME)))
            return true;
    }
    for (size_t c = 0; c < s->cuts; c++) {
        const double *along = s->cut + c * s->g->n;
        double sum = 0.0, squares = 0.0, known = 0.0;

        for (size_t a = 0; a < count; a++) {
            double x = along[s->member[a]];

            if (isnan(x))
                continue;
            sum += x;
            squares += x * x;
            known += 1.0;
        }
        if (known > 0.0 && squares - sum * sum / known > s->bound * (1.0 + CUT_MARGIN))
            return true;
    }
    return false;
}

/* Whether some subset that begins with these members may be within the bound. */
static bool is_promising(search *s, size_t count)
{
    if (is_cut_off(s, count))
        return false;
    if (count < 3 && count < s->keep)
        return true;
    if (!solve(s, count) || !exceeds(s, s->largest))
        return true;
    if (s->largest > 0.0)
        add_cut(s, count);
    return false;
}

/* s->largest is of the first `keep` members, and within the bound. */
static void take(search *s)
{
    memset(s->work->marks, 0, s->g->n * sizeof(*s->work->marks));
    for (size_t a = 0; a < s->keep; a++)
        s->work->marks[s->member[a]] = true;
    s->bound = s->largest * (1.0 - SAME);
    s->strict = true;
}

static bool is_ended(const search *s)
{
    return s->solves >= SOLVES_MAX || s->steps >= STEPS_MAX;
}

/* All subsets in lexicographic order, but for those that begin with a part beyond the bound. */
static void enumerate(search *s)
{
    size_t n = s->g->n, count = 0, next = 0;

    s->cuts = s->next_cut = s->solves = s->steps = 0;
    s->bound *= 1.0 + SAME;
    s->strict = false;
    while (s->status == VX_OK && !is_ended(s)) {
        if (count == s->keep || n - next < s->keep - count) {
            if (count == 0)
                return;
            next = s->member[--count] + 1;
            continue;
        }
        s->steps++;
        s->member[count++] = next++;
        if (!is_promising(s, count))
            count--;
        else if (count == s->keep)
            take(s);
    }
}

/* The members become the marked rows. */
static void list_marked(search *s)
{
    size_t count = 0;

    for (size_t i = 0; i < s->g->n; i++) {
        if (s->work->marks[i])
            s->member[count++] = i;
    }
}

/* Squared projections of all rows about the mean of the marked ones: score; objective. */
static vx_status project_solved(search *s)
{
    vx_rule_work *work = s->work;

    for (size_t i = 0; i < s->g->n; i++)
        work->values_third[i] = work->marks[i] ? 1.0 / (double)s->keep : 0.0;
    return vx_spectral_top(s->g, work->values_third, work, &work->objective, work->score);
}

/* The same of what s->leading found. */
static void project_found(search *s)
{
    vx_leading_project(&s->leading);
    for (size_t i = 0; i < s->g->n; i++)
        s->work->score[i] = s->leading.along[i] * s->leading.along[i];
    s->work->objective = s->leading.value / (double)s->keep;
}

static bool find(search *s, double bound)
{
    return vx_leading_find(&s->leading, bound, &s->status) && s->status == VX_OK;
}

static size_t farthest_marked(const search *s)
{
    size_t far = s->g->n;

    for (size_t i = 0; i < s->g->n; i++) {
        if (s->work->marks[i] && (far == s->g->n || s->work->score[i] >= s->work->score[far]))
            far = i;
    }
    return far;
}

/* From all rows, the one that sticks out most along the top eigenvector goes, and so on. */
static vx_status remove_rows(search *s)
{
    size_t n = s->g->n;

    memset(s->leading.vector, 0, n * sizeof(*s->leading.vector));
    for (size_t i = 0; i < n; i++)
        s->work->marks[i] = true;
    for (size_t count = n; count > s->keep; count--) {
        (void)find(s, HUGE_VAL);
        if (s->status != VX_OK)
            return s->status;
        project_found(s);
        s->work->marks[farthest_marked(s)] = false;
    }
    return VX_OK;
}

/* One row for another, when that lowers s. */
static bool swap(search *s, size_t out, size_t in)
{
    bool *marks = s->work->marks;

    marks[out] = false;
    marks[in] = true;
    list_marked(s);
    if (!is_cut_off(s, s->keep) && solve(s, s->keep)) {
        if (!exceeds(s, s->largest)) {
            s->bound = s->largest * (1.0 - SAME);
            return true;
        }
        if (s->largest > 0.0)
            add_cut(s, s->keep);
    }
    marks[out] = true;
    marks[in] = false;
    return false;
}

static bool swap_any(search *s)
{
    size_t n = s->g->n;

    for (size_t out = 0; out < n; out++) {
        for (size_t in = 0; s->work->marks[out] && in < n && s->status == VX_OK; in++) {
            if (!s->work->marks[in] && swap(s, out, in))
                return true;
        }
    }
    return false;
}

/* Swaps until none lowers s; at most n. */
static vx_status improve(search *s)
{
    list_marked(s);
    if (!solve(s, s->keep))
        return s->status;
    s->bound = s->largest * (1.0 - SAME);
    s->strict = true;
    for (size_t k = 0; k < s->g->n && swap_any(s); k++)
        continue;
    return s->status;
}

/* The direction that s->leading found becomes a cut. */
static void add_found_cut(search *s)
{
    size_t n = s->g->n, most = n < SWAP_CUTS_MAX ? n : SWAP_CUTS_MAX;

    if (!(s->leading.value > 0.0))
        return;
    vx_leading_project(&s->leading);
    memcpy(s->cut + s->next_cut * n, s->leading.along, n * sizeof(double));
    s->next_cut = (s->next_cut + 1) % most;
    s->cuts = s->cuts < most ? s->cuts + 1 : s->cuts;
}

static bool may_swap(const search *s, size_t from)
{
    double n = (double)s->g->n;

    return s->status == VX_OK && (double)(s->leading.products - from) * n * n < SWAP_ADDITIONS_MAX;
}

/* The same for this row and the first other one that does; s->leading is then of the new rows. */
static bool swap_for(search *s, size_t out, size_t from)
{
    bool *marks = s->work->marks;
    double *kept = s->work->sums + 2 * s->g->n, value = s->leading.value;

    memcpy(kept, s->leading.vector, s->g->n * sizeof(*kept));
    for (size_t in = 0; in < s->g->n && may_swap(s, from); in++) {
        if (marks[in])
            continue;
        marks[out] = false;
        marks[in] = true;
        list_marked(s);
        if (!is_cut_off(s, s->keep)) {
            if (find(s, s->bound))
                return true;
            add_found_cut(s);
            memcpy(s->leading.vector, kept, s->g->n * sizeof(*kept));
        }
        marks[out] = true;
        marks[in] = false;
    }
    s->leading.value = value;
    return false;
}

/* The same among many rows: only for the row that sticks out most, and not for ever. */
static vx_status improve_many(search *s)
{
    size_t from = s->leading.products;
    bool swapped = true;

    s->cuts = s->next_cut = 0;
    s->strict = true;
    (void)find(s, HUGE_VAL);
    for (size_t k = 0; swapped && s->status == VX_OK && k < s->g->n; k++) {
        s->bound = s->leading.value * (1.0 - SAME);
        project_found(s);
        add_found_cut(s);
        swapped = swap_for(s, farthest_marked(s), from);
    }
    if (s->status == VX_OK)
        project_found(s);
    return s->status;
}

vx_status vx_smea_choose(const vx_geometry *g, size_t keep, size_t exact_rows, vx_rule_work *work)
{
    search s = {
        .g = g,
        .work = work,
        .member = work->order_more,
        .keep = keep,
        .cut = work->square_more,
        .leading = { g, work, work->marks, work->values_third, 0.0, work->values_more, 0 },
    };
    vx_status status = remove_rows(&s);

    work->method = "greedy";
    if (status == VX_OK)
        status = g->n > SWAP_ROWS_MAX ? improve_many(&s) : improve(&s);
    if (status == VX_OK && g->n <= exact_rows) {
        s.bound /= 1.0 - SAME;
        enumerate(&s);
        status = s.status;
        work->method = is_ended(&s) ? "bounded" : "exact";
    }
    if (status == VX_OK && g->n <= SWAP_ROWS_MAX)
        status = project_solved(&s);
    if (status == VX_OK)
        memcpy(work->selected, work->marks, g->n * sizeof(*work->selected));
    return status;
}

/*
 * Smallest maximum eigenvalue averaging: of all subsets of n - f rows the one whose covariance has
 * the least largest eigenvalue; its mean.
 *
 * Source: Allouah, Guerraoui, Gupta, Pinot, Stephan, "On the Privacy-Robustness-Utility Trilemma in
 * Distributed Learning", ICML 2023, SMEA; n >= 2f + 1.
 *
 * Up to options->exact_rows rows all subsets that matter are looked at: a part of a subset has no
 * larger an eigenvalue than the subset. Beyond, rows are removed one by one, the one that sticks
 * out most along the top eigenvector first, and then swapped while that lowers the eigenvalue: any
 * two rows up to 64 of them; beyond, only the row that sticks out most is swapped, for the first
 * one that will do, until 1e9 additions are done.
 *
 * work         score: squared projection on the top eigenvector; selected; objective: the
 *              eigenvalue; method: "exact", "greedy", or "bounded": an exact search that was ended.
 * ret_weights  (n), sums to 1: the shares of the selected rows.
 *
 * VX_ERR_NONFINITE  LAPACK did not converge.
 * O(f n^2) greedy with some tens of steps a row, exponential in f exact; no allocation; one thread
 * at a time for one work.
 */
vx_status vx_smea(const vx_geometry *g, const vx_aggregate_options *options, vx_rule_work *work,
                  double *ret_weights)
{
    vx_status status = vx_smea_choose(g, g->n - options->byzantine, options->exact_rows, work);

    if (status == VX_OK)
        vx_mean_of_selected(g, work->selected, ret_weights);
    return status;
}
