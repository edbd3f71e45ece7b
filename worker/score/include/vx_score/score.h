#ifndef VX_SCORE_SCORE_H
#define VX_SCORE_SCORE_H
#include <stdint.h>

#include <vx_base/span.h>
#include <vx_base/status.h>

/*
 * How good predictions are, computed from the outputs of a model and what was observed. All in
 * double, sums in the order of the observations; pure functions, any thread.
 *
 * outputs (n, k): logits of k classes (categorical), or k numbers that the link takes to means:
 * gaussian as they are, bernoulli logits, poisson and negative_binomial logarithms. What was
 * observed is labels (n), < k, for categorical, and targets (n, k) for the others.
 */
typedef enum vx_score_kind {
    VX_SCORE_CATEGORICAL,
    VX_SCORE_GAUSSIAN,
    VX_SCORE_BERNOULLI,
    VX_SCORE_POISSON,
    VX_SCORE_NEGATIVE_BINOMIAL
} vx_score_kind;

typedef struct vx_score_data {
    vx_score_kind kind;
    double variance;   /* gaussian: > 0 */
    double dispersion; /* negative_binomial: alpha > 0, variance mu + alpha mu^2 */
    vx_cmat outputs;
    const uint32_t *labels;
    vx_cmat targets;
} vx_score_data;

/* ret (n): -log p(y_i | outputs_i) in nats with all constants; columns are added. */
void vx_score_nll(const vx_score_data *data, vx_vec ret);

/*
 * ret (n): 2 (log p of a model that predicts y_i itself - log p(y_i | outputs_i)), columns added
 * (McCullagh and Nelder 1989, section 2.3). gaussian: squared error / variance; categorical: twice
 * the nll. Where y log y occurs, it is 0 for y = 0.
 */
void vx_score_deviance(const vx_score_data *data, vx_vec ret);

/* ret (n): 1 where the largest output is that of the label, else 0; ties go to the lowest class. */
void vx_score_hits(vx_cmat logits, const uint32_t *labels, vx_vec ret);

double vx_score_mean(vx_cvec values); /* n > 0 */

/*
 * The expected calibration error (Guo et al., ICML 2017): observations are put by their confidence,
 * the largest of softmax(logits / temperature), into bins ((m - 1) / bins, m / bins]; the sum over
 * bins of |accuracy - mean confidence| x share of the observations. n > 0, 1 <= bins <=
 * VX_SCORE_BINS_MAX.
 */
#define VX_SCORE_BINS_MAX 1000
double vx_score_ece(vx_cmat logits, const uint32_t *labels, double temperature, size_t bins);

/*
 * The temperature T > 0 with the least mean nll of softmax(logits / T): the nll is convex in 1 / T,
 * and its derivative there, mean(E[z] - z_label), is 0 at the result to rounding. Newton, kept
 * inside a bracket. VX_ERR_DOMAIN: there is none. Then *ret_temperature is 0 (every label has the
 * largest logit already: the nll never rises as T goes to 0), HUGE_VAL (the logits are no better
 * than chance: it falls for ever), or NaN (all logits of a row are the same: T changes nothing).
 * VX_ERR_NONFINITE: a logit is; nothing is written. O(n k) an iteration, at most 200.
 */
VX_MUST_CHECK vx_status vx_score_temperature(vx_cmat logits, const uint32_t *labels,
                                             double *ret_temperature);

/*
 * Area under the ROC curve as the count of Mann and Whitney: the share of pairs (an observation of
 * the class `positive`, one of another) in which the first has the larger score; a tie counts half.
 * VX_ERR_DOMAIN: one of the two is missing; VX_ERR_NONFINITE: a score is NaN; VX_ERR_NOMEM.
 * O(n log n).
 */
VX_MUST_CHECK vx_status vx_score_auroc(vx_cvec scores, const uint32_t *labels, uint32_t positive,
                                       double *ret_auroc);

/*
 * One class against the rest, averaged over the classes that have both; the score of class k is its
 * log odds, z_k - log sum of exp z_j over j != k. Of two classes it is their AUROC. Statuses as
 * above; k >= 2.
 */
VX_MUST_CHECK vx_status vx_score_auroc_macro(vx_cmat logits, const uint32_t *labels,
                                             double *ret_auroc);

/*
 * An interval for the mean of values by the bootstrap (Efron and Tibshirani 1993, chapter 13): the
 * means of `replicates` samples of n drawn with replacement; their (1 - level) / 2 and (1 + level)
 * / 2 quantiles, between order statistics in a line. Replicate r draws the stream (seed, bootstrap,
 * r): the same for every list of n values. VX_ERR_DOMAIN: no values, no replicates, level outside
 * (0, 1); VX_ERR_NOMEM. O(n replicates).
 */
VX_MUST_CHECK vx_status vx_score_bootstrap(vx_cvec values, size_t replicates, uint64_t seed,
                                           double level, double *ret_low, double *ret_high);
#endif
