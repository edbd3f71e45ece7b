#include <math.h>
#include <string.h>

#include "order.h"
#include "rule.h"

/* ret_map = diag(min(1, longest / norm_i)). */
static void shorten(const double *norm, double longest, vx_mat ret_map)
{
    for (size_t i = 0; i < ret_map.rows; i++) {
        memset(ret_map.at + i * ret_map.ld, 0, ret_map.cols * sizeof(double));
        ret_map.at[i * ret_map.ld + i] = norm[i] > longest ? longest / norm[i] : 1.0;
    }
}

static void norms_of(const vx_geometry *g, double *ret_norm)
{
    for (size_t i = 0; i < g->n; i++)
        ret_norm[i] = sqrt(vx_k(g, i, i));
}

/*
 * Unit rows: y_i = x_i / ||x_i||; a zero row stays zero. Every row then has one vote whatever its
 * length; the step size has to fit updates of norm up to 1.
 *
 * Source: the normalisation of the flag rule's released code. O(n^2), thread safe.
 */
size_t vx_unit(const vx_geometry *g, const vx_aggregate_options *options, vx_rule_work *work,
               vx_mat ret_map)
{
    (void)options;
    norms_of(g, work->values);
    for (size_t i = 0; i < g->n; i++) {
        memset(ret_map.at + i * ret_map.ld, 0, g->n * sizeof(double));
        ret_map.at[i * ret_map.ld + i] = work->values[i] > 0.0 ? 1.0 / work->values[i] : 0.0;
    }
    return g->n;
}

/* The value at quantile q of n sorted keys, between two of them in proportion (type 7 of Hyndman
 * and Fan, The American Statistician 1996; NumPy's default). */
static double quantile(const double *key, const size_t *order, size_t n, double q)
{
    double place = q * (double)(n - 1);
    size_t below = (size_t)place;
    double low = key[order[below]], high = key[order[below + 1 < n ? below + 1 : below]];

    return low + (place - (double)below) * (high - low);
}

/*
 * Clipping: y_i = x_i min(1, c / ||x_i||), c = clip_norm, or, when clip_quantile > 0, that quantile
 * of the norms. A fixed c helps against some attacks and hurts under others (Allouah et al., ICLR
 * 2025); a quantile needs no knowledge of the scale, and f < (1 - q) n rows cannot raise it.
 *
 * Source: ByzFL's Clipping; for the quantile the same definition. O(n^2), thread safe.
 */
size_t vx_clipping(const vx_geometry *g, const vx_aggregate_options *options, vx_rule_work *work,
                   vx_mat ret_map)
{
    double longest = options->clip_norm;

    norms_of(g, work->values);
    if (options->clip_quantile > 0.0) {
        vx_order_ascending(work->values, g->n, work->order);
        longest = quantile(work->values, work->order, g->n, options->clip_quantile);
    }
    shorten(work->values, longest, (vx_mat){ ret_map.at, g->n, g->n, ret_map.ld });
    return g->n;
}

/*
 * Adaptive robust clipping: the k = floor(2 f (n - f) / n) longest rows are shortened to the
 * (n - k)-th smallest norm. f = 0: nothing.
 *
 * Source: Allouah, Guerraoui, Gupta, Jellouli, Rizk, Stephan, "Adaptive Gradient Clipping for
 * Robust Federated Learning", ICLR 2025, ARC. Integers: no rounding decides k. O(n^2), thread safe.
 */
size_t vx_arc(const vx_geometry *g, const vx_aggregate_options *options, vx_rule_work *work,
              vx_mat ret_map)
{
    size_t f = options->byzantine, n = g->n;
    size_t clipped = 2 * f * (n - f) / n;

    norms_of(g, work->values);
    vx_order_ascending(work->values, n, work->order);
    shorten(work->values, work->values[work->order[n - clipped - 1]],
            (vx_mat){ ret_map.at, n, n, ret_map.ld });
    return n;
}
