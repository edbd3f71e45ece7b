#include <vx_score/score.h>

#include <math.h>
#include <stdlib.h>

#include <vx_base/alloc.h>
#include <vx_base/assert.h>

#include "logits.h"

typedef struct scored {
    double score;
    uint32_t label;
} scored;

static int by_score(const void *a, const void *b)
{
    const scored *x = a;
    const scored *y = b;

    return (x->score > y->score) - (x->score < y->score);
}

/* Sorted runs of equal scores: each positive beats the others below its run, and ties with those in
 * it. */
static vx_status count_pairs(scored *list, size_t n, uint32_t positive, double *ret_auroc)
{
    double below = 0; /* others so far */
    double pairs = 0;
    double positives = 0;

    qsort(list, n, sizeof(*list), by_score);
    for (size_t from = 0; from < n;) {
        size_t to = from;
        double in = 0;

        for (; to < n && !(list[to].score > list[from].score); to++)
            in += list[to].label == positive ? 1 : 0;
        pairs += in * (below + 0.5 * ((double)(to - from) - in));
        below += (double)(to - from) - in;
        positives += in;
        from = to;
    }
    if (positives <= 0 || below <= 0)
        return VX_ERR_DOMAIN;
    *ret_auroc = pairs / positives / below;
    return VX_OK;
}

vx_status vx_score_auroc(vx_cvec scores, const uint32_t *labels, uint32_t positive,
                         double *ret_auroc)
{
    scored *list = NULL;
    vx_status status = VX_OK;

    if (scores.n == 0)
        return VX_ERR_DOMAIN;
    for (size_t i = 0; i < scores.n; i++)
        if (isnan(scores.at[i]))
            return VX_ERR_NONFINITE;
    list = vx_calloc(scores.n, sizeof(*list));
    if (list == NULL)
        return VX_ERR_NOMEM;
    for (size_t i = 0; i < scores.n; i++)
        list[i] = (scored){ scores.at[i], labels[i] };
    status = count_pairs(list, scores.n, positive, ret_auroc);
    vx_free(list);
    return status;
}

static double log_odds(vx_cvec z, size_t class)
{
    double largest = -HUGE_VAL;
    double sum = 0;

    for (size_t k = 0; k < z.n; k++)
        if (k != class && z.at[k] > largest)
            largest = z.at[k];
    for (size_t k = 0; k < z.n; k++)
        if (k != class)
            sum += exp(z.at[k] - largest);
    return z.at[class] - largest - log(sum);
}

vx_status vx_score_auroc_macro(vx_cmat logits, const uint32_t *labels, double *ret_auroc)
{
    vx_vec scores = { vx_calloc(logits.rows > 0 ? logits.rows : 1, sizeof(double)), logits.rows };
    double sum = 0;
    double classes = 0;
    vx_status status = scores.at != NULL ? VX_OK : VX_ERR_NOMEM;

    VX_ASSERT(logits.cols >= 2);
    for (size_t class = 0; status == VX_OK && class < logits.cols; class ++) {
        double auroc = 0;

        for (size_t i = 0; i < logits.rows; i++)
            scores.at[i] = log_odds(vx_cmat_row(logits, i), class);
        status = vx_score_auroc(vx_vec_const(scores), labels, (uint32_t) class, &auroc);
        if (status == VX_OK) {
            sum += auroc;
            classes += 1;
        } else if (status == VX_ERR_DOMAIN) {
            status = VX_OK; /* a class that nobody has */
        }
    }
    vx_free(scores.at);
    if (status == VX_OK && classes <= 0)
        status = VX_ERR_DOMAIN;
    if (status == VX_OK)
        *ret_auroc = sum / classes;
    return status;
}
