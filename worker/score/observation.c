#include <vx_score/score.h>

#include <math.h>

#include <vx_base/assert.h>

#include "logits.h"

#define LOG_2PI 1.8378770664093454836

/* log(1 + exp(x)) without overflow. */
static double softplus(double x)
{
    return x > 0 ? x + log1p(exp(-x)) : log1p(exp(x));
}

static double y_log_y(double y)
{
    return y > 0 ? y * log(y) : 0;
}

/* alpha = 1 / r: log Gamma(y + 1) + log Gamma(r) - log Gamma(y + r) + y log(1 + 1 / (alpha mu))
 * + r log(1 + alpha mu). */
static double negative_binomial_nll(double y, double x, double alpha)
{
    double r = 1 / alpha;
    double odds = x + log(alpha);

    return lgamma(y + 1) + lgamma(r) - lgamma(y + r) + y * softplus(-odds) + r * softplus(odds);
}

static double nll_of(const vx_score_data *data, double y, double x)
{
    switch (data->kind) {
    case VX_SCORE_GAUSSIAN:
        return 0.5 * (LOG_2PI + log(data->variance) + (y - x) * (y - x) / data->variance);
    case VX_SCORE_BERNOULLI:
        return softplus(x) - y * x;
    case VX_SCORE_POISSON:
        return exp(x) - y * x + lgamma(y + 1);
    case VX_SCORE_NEGATIVE_BINOMIAL:
        return negative_binomial_nll(y, x, data->dispersion);
    case VX_SCORE_CATEGORICAL:
        break;
    }
    VX_ASSERT(false && "a likelihood of one number");
    return 0;
}

static double deviance_of(const vx_score_data *data, double y, double x)
{
    double alpha = data->dispersion;

    switch (data->kind) {
    case VX_SCORE_GAUSSIAN:
        return (y - x) * (y - x) / data->variance;
    case VX_SCORE_BERNOULLI:
        return 2 * (softplus(x) - y * x + y_log_y(y) + y_log_y(1 - y));
    case VX_SCORE_POISSON:
        return 2 * (y_log_y(y) - y * x - (y - exp(x)));
    case VX_SCORE_NEGATIVE_BINOMIAL:
        return 2 * (y_log_y(y) - y * x -
                    (y + 1 / alpha) * (log1p(alpha * y) - softplus(x + log(alpha))));
    case VX_SCORE_CATEGORICAL:
        break;
    }
    VX_ASSERT(false && "a likelihood of one number");
    return 0;
}

static double sum_of(const vx_score_data *data, size_t i,
                     double (*one)(const vx_score_data *data, double y, double x))
{
    vx_cvec x = vx_cmat_row(data->outputs, i);
    vx_cvec y = vx_cmat_row(data->targets, i);
    double sum = 0;

    VX_ASSERT(x.n == y.n);
    for (size_t k = 0; k < x.n; k++)
        sum += one(data, y.at[k], x.at[k]);
    return sum;
}

void vx_score_nll(const vx_score_data *data, vx_vec ret)
{
    VX_ASSERT(ret.n == data->outputs.rows);
    for (size_t i = 0; i < ret.n; i++)
        ret.at[i] = data->kind == VX_SCORE_CATEGORICAL
                        ? vx_logits_nll(vx_cmat_row(data->outputs, i), data->labels[i], 1)
                        : sum_of(data, i, nll_of);
}

void vx_score_deviance(const vx_score_data *data, vx_vec ret)
{
    VX_ASSERT(ret.n == data->outputs.rows);
    for (size_t i = 0; i < ret.n; i++)
        ret.at[i] = data->kind == VX_SCORE_CATEGORICAL
                        ? 2 * vx_logits_nll(vx_cmat_row(data->outputs, i), data->labels[i], 1)
                        : sum_of(data, i, deviance_of);
}

void vx_score_hits(vx_cmat logits, const uint32_t *labels, vx_vec ret)
{
    VX_ASSERT(ret.n == logits.rows);
    for (size_t i = 0; i < ret.n; i++)
        ret.at[i] = vx_logits_largest(vx_cmat_row(logits, i)) == labels[i] ? 1 : 0;
}

double vx_score_mean(vx_cvec values)
{
    double sum = 0;

    VX_ASSERT(values.n > 0);
    for (size_t i = 0; i < values.n; i++)
        sum += values.at[i];
    return sum / (double)values.n;
}
