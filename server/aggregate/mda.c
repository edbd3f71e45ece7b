#include <math.h>
#include <stdint.h>
#include <string.h>

#include "order.h"
#include "selection.h"

/* Words that a search beyond options->exact_rows may look at: some tenths of a second. */
static const double WORDS_MAX = 3e8;

/*
 * Which rows can go so that no two of the rest are further apart than a threshold? Rows are
 * vertices, pairs that are too far apart edges: at most `budget` vertices must cover all edges.
 * Sets of rows are bits.
 */
typedef struct search {
    const vx_geometry *g;
    size_t words;       /* of a set */
    uint64_t *conflict; /* (n, words) */
    uint64_t *pending;  /* (n, words) sets that are still to be tried */
    size_t *budget;     /* (n) of the pending sets */
    uint64_t *kept;     /* (words) the rows that the last success left */
    uint64_t *trial;    /* (words) */
    uint64_t *left;     /* (words) */
    double looked_at, limit;
    bool exhausted;
} search;

static bool has(const uint64_t *set, size_t i)
{
    return (set[i / 64] >> (i % 64) & 1) != 0;
}

static void take_out(uint64_t *set, size_t i)
{
    set[i / 64] &= ~((uint64_t)1 << (i % 64));
}

static void fill(const search *s, uint64_t *ret_set)
{
    memset(ret_set, 0, s->words * sizeof(*ret_set));
    for (size_t i = 0; i < s->g->n; i++)
        ret_set[i / 64] |= (uint64_t)1 << (i % 64);
}

static void copy(const search *s, uint64_t *to, const uint64_t *from)
{
    memcpy(to, from, s->words * sizeof(*to));
}

static size_t common(const search *s, const uint64_t *a, const uint64_t *b)
{
    size_t count = 0;

    for (size_t w = 0; w < s->words; w++)
        count += (size_t)__builtin_popcountll(a[w] & b[w]);
    return count;
}

/* Returns how many rows went. */
static size_t take_out_neighbours(const search *s, uint64_t *set, size_t i)
{
    const uint64_t *near = s->conflict + i * s->words;
    size_t count = common(s, set, near);

    for (size_t w = 0; w < s->words; w++)
        set[w] &= ~near[w];
    return count;
}

typedef struct degrees {
    size_t sum, most, at_most; /* the greatest degree and its first vertex */
    size_t at_one;             /* the first vertex of degree 1, or n */
} degrees;

static degrees look_at(search *s, const uint64_t *set)
{
    degrees found = { 0, 0, 0, s->g->n };

    for (size_t i = 0; i < s->g->n; i++) {
        size_t degree;

        if (!has(set, i))
            continue;
        degree = common(s, set, s->conflict + i * s->words);
        found.sum += degree;
        if (degree > found.most) {
            found.most = degree;
            found.at_most = i;
        }
        if (degree == 1 && found.at_one == s->g->n)
            found.at_one = i;
    }
    s->looked_at += (double)(s->g->n * s->words);
    return found;
}

typedef enum verdict { COVERED, IMPOSSIBLE, OPEN } verdict;

/*
 * Takes out what some least cover holds: the neighbour of a vertex of degree 1; a vertex with more
 * neighbours than may go; and, when all degrees are 2, so that only cycles are left, any vertex.
 */
static verdict reduce(search *s, uint64_t *set, size_t *budget, size_t *ret_vertex)
{
    for (;;) {
        degrees found = look_at(s, set);

        if (found.most == 0)
            return COVERED;
        if (found.sum > 2 * *budget * found.most)
            return IMPOSSIBLE;
        if (found.at_one < s->g->n) {
            *budget -= take_out_neighbours(s, set, found.at_one);
        } else if (found.most == 2 || found.most > *budget) {
            take_out(set, found.at_most);
            *budget -= 1;
        } else {
            *ret_vertex = found.at_most;
            return OPEN;
        }
    }
}

/* Whether at most `budget` rows of `from` can go; s->kept then holds the others. False, too, when
 * the search is exhausted. */
static bool can_cover(search *s, const uint64_t *from, size_t budget)
{
    size_t depth = 1;

    copy(s, s->pending, from);
    s->budget[0] = budget;
    while (depth > 0) {
        size_t vertex = 0, rest = s->budget[depth - 1], gone;
        uint64_t *set = s->pending + (depth - 1) * s->words;
        verdict found;

        s->exhausted = s->exhausted || s->looked_at > s->limit;
        if (s->exhausted)
            return false;
        copy(s, s->left, set);
        found = reduce(s, s->left, &rest, &vertex);
        if (found == COVERED) {
            copy(s, s->kept, s->left);
            return true;
        }
        depth--;
        if (found == IMPOSSIBLE)
            continue;
        copy(s, set, s->left); /* the later branch: all neighbours go */
        gone = take_out_neighbours(s, set, vertex);
        if (gone <= rest)
            s->budget[depth++] = rest - gone;
        copy(s, s->pending + depth * s->words, s->left); /* the first one: the vertex goes */
        take_out(s->pending + depth * s->words, vertex);
        s->budget[depth++] = rest - 1;
    }
    return false;
}

static void draw_conflicts(search *s, double threshold)
{
    size_t n = s->g->n;

    memset(s->conflict, 0, n * s->words * sizeof(*s->conflict));
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < n; j++) {
            if (vx_d(s->g, i, j) > threshold)
                s->conflict[i * s->words + j / 64] |= (uint64_t)1 << (j % 64);
        }
    }
}

static void sift_down(double *values, size_t at, size_t count)
{
    for (size_t child; (child = 2 * at + 1) < count; at = child) {
        double kept = values[at];

        if (child + 1 < count && values[child + 1] > values[child])
            child++;
        if (values[child] <= kept)
            return;
        values[at] = values[child];
        values[child] = kept;
    }
}

/* Heapsort: there may be half a million pairs. */
static void sort(double *values, size_t count)
{
    for (size_t i = count / 2; i-- > 0;)
        sift_down(values, i, count);
    for (size_t end = count; end-- > 1;) {
        double last = values[end];

        values[end] = values[0];
        values[0] = last;
        sift_down(values, 0, end);
    }
}

/* Squared diameter of the rows of a set. */
static double widest(const search *s, const uint64_t *set)
{
    double most = 0.0;

    for (size_t i = 0; i < s->g->n; i++) {
        for (size_t j = 0; has(set, i) && j < i; j++)
            most = has(set, j) ? fmax(most, vx_d(s->g, i, j)) : most;
    }
    return most;
}

/*
 * With r_i the distance of row i to its keep-th nearest, itself included: each row of the best
 * subset has r_i <= its diameter, so that at least keep rows have: *ret_least. And the keep nearest
 * of the row of least r_i are at most twice as wide as the best subset: s->kept.
 */
static void bracket(search *s, size_t keep, vx_rule_work *work, double *ret_least)
{
    size_t n = s->g->n;

    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < n; j++)
            work->values[j] = vx_d(s->g, i, j);
        vx_order_ascending(work->values, n, work->order);
        work->values_more[i] = work->values[work->order[keep - 1]];
    }
    vx_order_ascending(work->values_more, n, work->order);
    *ret_least = work->values_more[work->order[keep - 1]];
    for (size_t j = 0, i = work->order[0]; j < n; j++)
        work->values[j] = vx_d(s->g, i, j);
    vx_order_ascending(work->values, n, work->order);
    memset(s->kept, 0, s->words * sizeof(*s->kept));
    for (size_t k = 0; k < keep; k++)
        s->kept[work->order[k] / 64] |= (uint64_t)1 << (work->order[k] % 64);
}

/* The least threshold that leaves `keep` rows, by bisection over the distances that come into
 * question. */
static double least_threshold(search *s, size_t keep, vx_rule_work *work)
{
    double least, most, *candidates = work->square;
    size_t n = s->g->n, low = 0, high = 0;

    bracket(s, keep, work, &least);
    most = widest(s, s->kept);
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < i; j++) {
            if (vx_d(s->g, i, j) >= least && vx_d(s->g, i, j) < most)
                candidates[high++] = vx_d(s->g, i, j);
        }
    }
    sort(candidates, high);
    while (low < high) {
        size_t middle = low + (high - low) / 2;

        draw_conflicts(s, candidates[middle]);
        fill(s, s->trial);
        if (can_cover(s, s->trial, n - keep)) {
            most = candidates[middle];
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return most;
}

/* Of all subsets within the threshold the first in lexicographic order: row by row, a row is taken
 * when the others can be found beside it. s->kept holds one such subset. */
static void select_first(search *s, size_t keep, vx_rule_work *work)
{
    size_t n = s->g->n, taken = 0, budget = n - keep;
    uint64_t *within = s->pending + n * s->words; /* one set behind those of a search */

    fill(s, within);
    for (size_t i = 0; i < n; i++) {
        size_t gone;

        work->selected[i] = false;
        if (taken == keep || !has(within, i))
            continue;
        copy(s, s->trial, within);
        gone = take_out_neighbours(s, s->trial, i);
        if (has(s->kept, i) || (gone <= budget && can_cover(s, s->trial, budget - gone))) {
            copy(s, within, s->trial);
            budget -= gone;
            work->selected[i] = true;
            taken++;
        } else {
            take_out(within, i);
            budget--;
        }
    }
}

static void tell(const vx_geometry *g, const search *s, vx_rule_work *work)
{
    double most = 0.0;

    for (size_t i = 0; i < g->n; i++) {
        work->score[i] = 0.0;
        for (size_t j = 0; j < g->n; j++)
            work->score[i] = fmax(work->score[i], work->selected[j] ? sqrt(vx_d(g, i, j)) : 0.0);
        most = fmax(most, work->selected[i] ? work->score[i] : 0.0);
    }
    work->objective = most;
    work->method = s->exhausted ? "bounded" : "exact";
}

/*
 * Minimum diameter averaging: of all subsets of n - f rows the one whose largest distance is least;
 * its mean.
 *
 * Source: Rousseeuw 1985, minimum volume estimators; El Mhamdi, Guerraoui, Guirguis, Hoang,
 * Rouault, "Genuinely Distributed Byzantine Machine Learning", PODC 2020, MDA; n >= 2f + 1.
 *
 * The diameter is one of the distances: bisection over them, each decided as a vertex cover by
 * branching on a row of greatest degree (1.47^f sets at worst), and the first subset in
 * lexicographic order among those of least diameter. Up to options->exact_rows rows to the end,
 * beyond for a bounded number of steps: method is then "bounded" when they did not suffice, and the
 * diameter at most twice the least one.
 *
 * work         score: largest distance to a selected row; selected; objective: the diameter;
 *              method: "exact" or "bounded".
 * ret_weights  (n), sums to 1: the shares of the selected rows.
 *
 * O(n^2 log n) + the search, no allocation, thread safe.
 */
vx_status vx_mda(const vx_geometry *g, const vx_aggregate_options *options, vx_rule_work *work,
                 double *ret_weights)
{
    size_t n = g->n, keep = n - options->byzantine, words = (n + 63) / 64;
    uint64_t *sets = (uint64_t *)(void *)work->square_more;
    search s = { .g = g,
                 .words = words,
                 .conflict = sets,
                 .pending = (uint64_t *)(void *)work->square_third,
                 .budget = work->order_more,
                 .kept = (uint64_t *)(void *)work->values_third,
                 .trial = (uint64_t *)(void *)work->values,
                 .left = sets + n * words,
                 .limit = n <= options->exact_rows ? HUGE_VAL : WORDS_MAX };

    draw_conflicts(&s, least_threshold(&s, keep, work));
    select_first(&s, keep, work);
    tell(g, &s, work);
    vx_mean_of_selected(g, work->selected, ret_weights);
    return VX_OK;
}
