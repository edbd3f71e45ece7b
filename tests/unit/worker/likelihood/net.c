#include <vx_test/check.h>

#include "net.h"

#include <math.h>
#include <string.h>

static double activate(vx_activation activation, double z)
{
    switch (activation) {
    case VX_ACTIVATION_RELU:
        return z > 0 ? z : 0;
    case VX_ACTIVATION_TANH:
        return tanh(z);
    case VX_ACTIVATION_GELU:
        return 0.5 * z * (1 + erf(z / sqrt(2)));
    }
    fail();
    return 0;
}

/* Logits of one observation; returns the smallest |z| of the hidden layers. */
static double forward(const vx_model_spec *spec, const double *theta, const float *x,
                      double logits[NET_WIDTH_MAX])
{
    bool hidden = strcmp(spec->family, "mlp") == 0;
    size_t layers = (hidden ? spec->widths_count : 0) + 1;
    size_t in = spec->features;
    double before[NET_WIDTH_MAX], kink = HUGE_VAL;

    for (size_t i = 0; i < in; i++)
        before[i] = (double)x[i];
    for (size_t l = 0; l < layers; l++) {
        size_t out = l + 1 < layers ? spec->widths[l] : spec->outputs_data;

        for (size_t o = 0; o < out; o++) {
            logits[o] = theta[in * out + o];
            for (size_t i = 0; i < in; i++)
                logits[o] += theta[o * in + i] * before[i];
        }
        for (size_t o = 0; l + 1 < layers && o < out; o++) {
            kink = fmin(kink, fabs(logits[o]));
            before[o] = activate(spec->activation, logits[o]);
        }
        theta += (in + 1) * out;
        in = out;
    }
    return kink;
}

static double nll_of(const double *logits, size_t classes, uint32_t label)
{
    double largest = logits[0], sum = 0;

    for (size_t k = 1; k < classes; k++)
        largest = fmax(largest, logits[k]);
    for (size_t k = 0; k < classes; k++)
        sum += exp(logits[k] - largest);
    return log(sum) + largest - logits[label];
}

static size_t first_largest(const double *logits, size_t classes)
{
    size_t best = 0;

    for (size_t k = 1; k < classes; k++)
        best = logits[k] > logits[best] ? k : best;
    return best;
}

net_result net_evaluate(const vx_model_spec *spec, const double *theta, const vx_batch *batch)
{
    net_result result = { .kink = HUGE_VAL };
    double total = 0;

    for (size_t b = 0; b < batch->features.rows; b++) {
        double weight = batch->weights != NULL ? (double)batch->weights[b] : 1;
        const float *x = batch->features.at + b * batch->features.ld;
        double logits[NET_WIDTH_MAX];

        result.kink = fmin(result.kink, forward(spec, theta, x, logits));
        result.nll += weight * nll_of(logits, spec->outputs_data, batch->labels[b]);
        result.correct += first_largest(logits, spec->outputs_data) == batch->labels[b];
        total += weight;
    }
    result.nll /= total;
    return result;
}

double net_slope(const vx_model_spec *spec, const float *theta, size_t dimension,
                 const vx_batch *batch, size_t i, double h)
{
    double moved[NET_THETA_MAX], up = 0;

    for (size_t j = 0; j < dimension; j++)
        moved[j] = (double)theta[j];
    moved[i] += h;
    up = net_evaluate(spec, moved, batch).nll;
    moved[i] = (double)theta[i] - h;
    return (up - net_evaluate(spec, moved, batch).nll) / (2 * h);
}

void net_sample_fill(net_sample *sample, vx_rng *rng, size_t count, size_t features, size_t labels)
{
    for (size_t i = 0; i < count * features; i++)
        sample->features[i] = (float)vx_rng_normal(rng);
    for (size_t b = 0; b < count; b++) {
        sample->labels[b] = (uint32_t)vx_rng_below(rng, labels);
        sample->weights[b] = b == 1 ? 0.0f : (float)(0.25 + 3.75 * vx_rng_uniform(rng));
    }
}

vx_batch net_batch(const net_sample *sample, size_t from, size_t count, size_t features,
                   bool weighted)
{
    return (vx_batch){
        .features = { sample->features + from * features, count, features, features },
        .labels = sample->labels + from,
        .weights = weighted ? sample->weights + from : NULL,
    };
}

vx_model *net_create(const vx_model_spec *spec)
{
    vx_model *model = NULL;
    vx_error err = { 0 };

    vx_assert_ok(vx_model_create(spec, &model, &err), &err);
    assert_true(vx_model_dimension(model) <= NET_THETA_MAX);
    return model;
}

void net_random(vx_rng *rng, double deviation, float *ret_theta, size_t dimension)
{
    for (size_t i = 0; i < dimension; i++)
        ret_theta[i] = (float)(deviation * vx_rng_normal(rng));
}
