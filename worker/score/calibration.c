#include <vx_score/score.h>

#include <math.h>

#include <vx_base/assert.h>

#include "logits.h"

#define ITERATIONS_MAX 200

double vx_score_ece(vx_cmat logits, const uint32_t *labels, double temperature, size_t bins)
{
    double confidence[VX_SCORE_BINS_MAX] = { 0 };
    double hits[VX_SCORE_BINS_MAX] = { 0 };
    double error = 0;

    VX_ASSERT(bins >= 1 && bins <= VX_SCORE_BINS_MAX);
    VX_ASSERT(logits.rows > 0 && temperature > 0);
    for (size_t i = 0; i < logits.rows; i++) {
        vx_cvec z = vx_cmat_row(logits, i);
        double most = exp(-vx_logits_log_sum(z, 1 / temperature));
        double place = ceil(most * (double)bins) - 1;
        size_t bin = !(place > 0) ? 0 : place < (double)bins ? (size_t)place : bins - 1;

        confidence[bin] += most;
        hits[bin] += vx_logits_largest(z) == labels[i] ? 1 : 0;
    }
    for (size_t m = 0; m < bins; m++)
        error += fabs(hits[m] - confidence[m]);
    return error / (double)logits.rows;
}

/* Derivatives in b of the mean nll of softmax(b z): E[z] - z_label and the variance of z. */
typedef struct slope {
    double first, second;
} slope;

static slope slope_at(vx_cmat logits, const uint32_t *labels, double b)
{
    slope sum = { 0, 0 };

    for (size_t i = 0; i < logits.rows; i++) {
        vx_cvec z = vx_cmat_row(logits, i);
        double label = z.at[labels[i]];
        double largest = z.at[vx_logits_largest(z)];
        double weights = 0, first = 0, second = 0;

        for (size_t k = 0; k < z.n; k++) {
            double weight = exp(b * (z.at[k] - largest));
            double gap = z.at[k] - label;

            weights += weight;
            first += weight * gap;
            second += weight * gap * gap;
        }
        first /= weights;
        sum.first += first;
        sum.second += second / weights - first * first;
    }
    return (slope){ sum.first / (double)logits.rows, sum.second / (double)logits.rows };
}

/* Is some label not the one with the largest logit? Else the nll falls with b for ever. */
static bool has_an_error(vx_cmat logits, const uint32_t *labels)
{
    for (size_t i = 0; i < logits.rows; i++) {
        vx_cvec z = vx_cmat_row(logits, i);

        if (z.at[labels[i]] < z.at[vx_logits_largest(z)])
            return true;
    }
    return false;
}

/* Are the logits of each observation all the same, as those of a model that is 0? */
static bool is_level(vx_cmat logits)
{
    for (size_t i = 0; i < logits.rows; i++) {
        vx_cvec z = vx_cmat_row(logits, i);

        for (size_t k = 1; k < z.n; k++)
            if (z.at[k] < z.at[0] || z.at[k] > z.at[0])
                return false;
    }
    return true;
}

static bool is_finite(vx_cmat logits)
{
    for (size_t i = 0; i < logits.rows; i++)
        for (size_t k = 0; k < logits.cols; k++)
            if (!isfinite(logits.at[i * logits.ld + k]))
                return false;
    return true;
}

/* The root of the slope in (low, high): Newton, or half of the bracket where that leaves it. */
static double find_root(vx_cmat logits, const uint32_t *labels, double low, double high)
{
    double b = low > 0 ? 0.5 * (low + high) : 0.5 * high;

    for (int i = 0; i < ITERATIONS_MAX; i++) {
        slope at = slope_at(logits, labels, b);
        double next = b - at.first / at.second;

        if (at.first == 0)
            return b;
        if (at.first < 0)
            low = b;
        else
            high = b;
        if (!(next > low && next < high)) /* NaN too */
            next = low + 0.5 * (high - low);
        if (fabs(next - b) <= 1e-16 * b || !(next > low && next < high))
            return next;
        b = next;
    }
    return b;
}

vx_status vx_score_temperature(vx_cmat logits, const uint32_t *labels, double *ret_temperature)
{
    double low = 0;
    double high = 1;

    VX_ASSERT(logits.rows > 0);
    if (!is_finite(logits))
        return VX_ERR_NONFINITE;
    if (is_level(logits)) {
        *ret_temperature = (double)NAN;
        return VX_ERR_DOMAIN;
    }
    if (!has_an_error(logits, labels)) {
        *ret_temperature = 0;
        return VX_ERR_DOMAIN;
    }
    if (!(slope_at(logits, labels, 0).first < 0)) {
        *ret_temperature = HUGE_VAL;
        return VX_ERR_DOMAIN;
    }
    while (slope_at(logits, labels, high).first < 0 && high < 1e150) {
        low = high;
        high *= 4;
    }
    *ret_temperature = 1 / find_root(logits, labels, low, high);
    return VX_OK;
}
