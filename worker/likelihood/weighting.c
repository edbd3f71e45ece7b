#include "head_rows.h"

#include <math.h>

/* Compiled once: losses that look at the probability q of the label only. */

static vx_weighting focal(const vx_loss_spec *loss, double q, double rest, double nll)
{
    double factor = pow(rest, loss->gamma);
    double pull = rest > 0.0 ? loss->gamma * q * pow(rest, loss->gamma - 1.0) * nll : 0.0;

    return (vx_weighting){ factor * nll, factor + pull };
}

static vx_weighting power(const vx_loss_spec *loss, double q, double rest, double nll)
{
    (void)rest;
    (void)q;
    return (vx_weighting){ -expm1(-loss->exponent * nll) / loss->exponent,
                           exp(-loss->exponent * nll) };
}

static vx_weighting above_threshold(const vx_loss_spec *loss, double q, double rest, double nll)
{
    bool above = q > loss->threshold;

    (void)rest;
    return (vx_weighting){ above ? nll : -log(loss->threshold), above ? 1.0 : 0.0 };
}

static vx_weighting power_or_threshold(const vx_loss_spec *loss, double q, double rest, double nll)
{
    return (loss->exponent > 0.0 ? power : above_threshold)(loss, q, rest, nll);
}

static vx_weighting mixce(const vx_loss_spec *loss, double q, double rest, double nll)
{
    (void)rest;
    return (vx_weighting){ loss->eta * nll - (1.0 - loss->eta) * q,
                           loss->eta + (1.0 - loss->eta) * q };
}

typedef vx_weighting (*function)(const vx_loss_spec *, double, double, double);
static const function functions[] = {
    [VX_LOSS_FOCAL] = focal,
    [VX_LOSS_POWER] = power_or_threshold,
    [VX_LOSS_MIXCE] = mixce,
};

bool vx_weighting_has(vx_loss_kind kind)
{
    return kind == VX_LOSS_FOCAL || kind == VX_LOSS_POWER || kind == VX_LOSS_MIXCE;
}

vx_weighting vx_weighting_of(const vx_loss_spec *loss, double q, double rest, double nll)
{
    return functions[loss->kind](loss, q, rest, nll);
}

double vx_softplus(double x)
{
    return (x > 0.0 ? x : 0.0) + log1p(exp(-fabs(x)));
}

double vx_sigmoid(double x)
{
    double small = exp(-fabs(x));

    return (x >= 0.0 ? 1.0 : small) / (1.0 + small);
}

static double log_gamma(double x)
{
    int sign = 0;

    return lgamma_r(x, &sign);
}

double vx_head_constant(const vx_head *head, double y)
{
    double shape = 0.0;

    switch (head->likelihood) {
    case VX_LIKELIHOOD_GAUSSIAN:
        return 0.5 * log(2.0 * M_PI * head->variance);
    case VX_LIKELIHOOD_POISSON:
        return log_gamma(y + 1.0);
    case VX_LIKELIHOOD_NEGATIVE_BINOMIAL:
        shape = 1.0 / head->dispersion;
        return log_gamma(y + 1.0) + log_gamma(shape) - log_gamma(y + shape);
    case VX_LIKELIHOOD_CATEGORICAL:
    case VX_LIKELIHOOD_BERNOULLI:
        break;
    }
    return 0.0;
}

/* Counts are mostly small. */
static double constant_of(const vx_head *head, double y)
{
    if (head->likelihood == VX_LIKELIHOOD_GAUSSIAN)
        return head->constants[0];
    if (y >= 0.0 && y < VX_HEAD_CONSTANTS && y == floor(y))
        return head->constants[(size_t)y];
    return vx_head_constant(head, y);
}

double vx_head_nll(const vx_head *head, double z, double y, double *ret_slope)
{
    double shape = 0.0;
    double mean = 0.0;

    switch (head->likelihood) {
    case VX_LIKELIHOOD_GAUSSIAN:
        *ret_slope = (z - y) / head->variance;
        return 0.5 * (z - y) * *ret_slope + constant_of(head, y);
    case VX_LIKELIHOOD_BERNOULLI:
        *ret_slope = vx_sigmoid(z) - y;
        return vx_softplus(z) - y * z;
    case VX_LIKELIHOOD_POISSON:
        mean = exp(z);
        *ret_slope = mean - y;
        return mean - y * z + constant_of(head, y);
    case VX_LIKELIHOOD_NEGATIVE_BINOMIAL:
        shape = 1.0 / head->dispersion;
        z += log(head->dispersion);
        *ret_slope = (y + shape) * vx_sigmoid(z) - y;
        return (y + shape) * vx_softplus(z) - y * z + constant_of(head, y);
    case VX_LIKELIHOOD_CATEGORICAL:
        break;
    }
    *ret_slope = 0.0;
    return 0.0;
}

double vx_head_saturated(const vx_head *head, double y)
{
    double slope = 0.0;

    switch (head->likelihood) {
    case VX_LIKELIHOOD_GAUSSIAN:
        return constant_of(head, y);
    case VX_LIKELIHOOD_BERNOULLI:
        return (y > 0.0 ? -y * log(y) : 0.0) + (y < 1.0 ? -(1.0 - y) * log1p(-y) : 0.0);
    case VX_LIKELIHOOD_POISSON:
    case VX_LIKELIHOOD_NEGATIVE_BINOMIAL:
        return y > 0.0 ? vx_head_nll(head, log(y), y, &slope) : 0.0;
    case VX_LIKELIHOOD_CATEGORICAL:
        break;
    }
    return 0.0;
}
