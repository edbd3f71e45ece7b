#include "head_rows.h"

#include <math.h>
#include <tgmath.h>

#include <vx_base/assert.h>
#include <vx_base/rng.h>

/* Of a row: largest z, and log of the sum of exp(z - largest). */
typedef struct normaliser {
    vx_real largest;
    double sum, log_sum;
} normaliser;

static vx_real largest_of(const vx_real *z, size_t n)
{
    vx_real largest = z[0];

    for (size_t k = 1; k < n; k++)
        largest = z[k] > largest ? z[k] : largest;
    return largest;
}

/* z becomes softmax(z). */
static normaliser softmax(vx_real *z, size_t n)
{
    normaliser all = { largest_of(z, n), 0.0, 0.0 };

    for (size_t k = 0; k < n; k++) {
        z[k] = exp(z[k] - all.largest);
        all.sum += (double)z[k];
    }
    for (size_t k = 0; k < n; k++)
        z[k] = (vx_real)((double)z[k] / all.sum);
    all.log_sum = log(all.sum);
    return all;
}

/* nll of the label; z becomes softmax(z) - e_y. */
static double nll(vx_real *z, size_t n, uint32_t label)
{
    double own = (double)z[label];
    normaliser all = softmax(z, n);

    z[label] -= 1;
    return all.log_sum - (own - (double)all.largest);
}

/* mean_k -log p_k = log sum exp(z) - mean z. */
static vx_model_value smoothing(const vx_head *head, uint32_t label, vx_real *z)
{
    size_t n = head->outputs;
    double epsilon = head->loss.epsilon;
    double share = epsilon / (double)n;
    double own = (double)z[label];
    double sum = 0.0;
    vx_model_value value;
    normaliser all;

    for (size_t k = 0; k < n; k++)
        sum += (double)z[k];
    all = softmax(z, n);
    for (size_t k = 0; k < n; k++)
        z[k] = (vx_real)((double)z[k] - share - (k == label ? 1.0 - epsilon : 0.0));
    value.nll = all.log_sum - (own - (double)all.largest);
    value.loss = (1.0 - epsilon) * value.nll +
                 epsilon * (all.log_sum + (double)all.largest - sum / (double)n);
    return value;
}

static vx_model_value weighted(const vx_head *head, uint32_t label, vx_real *z)
{
    size_t n = head->outputs;
    double own = (double)z[label];
    double rest = 0.0; /* of what is small: 1 - q would lose its digits */
    normaliser all = softmax(z, n);
    double value = all.log_sum - (own - (double)all.largest);
    vx_weighting weighting;

    for (size_t k = 0; k < n; k++)
        rest += k == label ? 0.0 : (double)z[k];
    weighting = vx_weighting_of(&head->loss, exp(-value), rest, value);
    z[label] = (vx_real)-rest;
    for (size_t k = 0; k < n; k++)
        z[k] = (vx_real)(weighting.weight * (double)z[k]);
    return (vx_model_value){ weighting.loss, value };
}

/*
 * -log(1 - q) = log sum exp(z) - log sum_(k != y) exp(z_k). With s the softmax over the others:
 * derivative q for y, -q s_k for the others.
 */
static vx_model_value unlikelihood(const vx_head *head, uint32_t label, vx_real *z)
{
    size_t n = head->outputs;
    double own = (double)z[label];
    double others = (double)z[label == 0 ? 1 : 0];
    double sum = 0.0;
    double largest = 0.0;
    double log_all = 0.0;
    double q = 0.0;

    for (size_t k = 0; k < n; k++)
        others = k != label && (double)z[k] > others ? (double)z[k] : others;
    for (size_t k = 0; k < n; k++)
        sum += k != label ? exp((double)z[k] - others) : 0.0;
    largest = own > others ? own : others;
    log_all = largest + log(exp(own - largest) + sum * exp(others - largest));
    q = exp(own - log_all);
    for (size_t k = 0; k < n; k++)
        z[k] = (vx_real)(k == label ? q : -q * exp((double)z[k] - others) / sum);
    return (vx_model_value){ log_all - others - log(sum), log_all - own };
}

/* log sum exp(x / temperature), x in float or double. */
static double log_sum_of(const vx_real *z, size_t n, double temperature)
{
    double largest = (double)largest_of(z, n) / temperature;
    double sum = 0.0;

    for (size_t k = 0; k < n; k++)
        sum += exp((double)z[k] / temperature - largest);
    return largest + log(sum);
}

static double teacher_log_sum(const float *t, size_t n, double temperature)
{
    double largest = (double)t[0];
    double sum = 0.0;

    for (size_t k = 1; k < n; k++)
        largest = (double)t[k] > largest ? (double)t[k] : largest;
    for (size_t k = 0; k < n; k++)
        sum += exp(((double)t[k] - largest) / temperature);
    return largest / temperature + log(sum);
}

static vx_model_value distillation(const vx_head *head, const vx_target *target, vx_real *z)
{
    size_t n = head->outputs;
    double mix = head->loss.mix;
    double temperature = head->loss.temperature;
    double log_hard = log_sum_of(z, n, 1.0);
    double log_soft = log_sum_of(z, n, temperature);
    double log_teacher = teacher_log_sum(target->teacher, n, temperature);
    double cross = 0.0;
    vx_model_value value = { .nll = log_hard - (double)z[target->label] };

    for (size_t k = 0; k < n; k++) {
        double p = exp((double)target->teacher[k] / temperature - log_teacher);
        double log_q = (double)z[k] / temperature - log_soft;
        double hard = exp((double)z[k] - log_hard) - (k == target->label ? 1.0 : 0.0);

        cross -= p * log_q;
        z[k] = (vx_real)((1.0 - mix) * hard + mix * temperature * (exp(log_q) - p));
    }
    value.loss = (1.0 - mix) * value.nll + mix * temperature * temperature * cross;
    return value;
}

/* A pure function of seed, slot, round and observation: each observation has 256 blocks of the
 * stream. */
static vx_rng noise_of(const vx_target *target)
{
    vx_rng rng = vx_rng_stream(target->seed, VX_RNG_NOISE, target->slot, target->round);

    rng.counter[0] = target->observation << 8;
    rng.counter[3] |= target->observation >> 24;
    return rng;
}

/* The first class whose probability up to it exceeds a uniform number. */
static size_t draw(const vx_head *head, vx_rng *rng)
{
    double u = vx_rng_uniform(rng) * head->noise_up_to[head->outputs - 1];
    size_t low = 0;
    size_t high = head->outputs - 1;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (head->noise_up_to[middle] > u)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

static vx_model_value nce(vx_head *head, const vx_target *target, vx_real *z)
{
    size_t n = head->outputs;
    vx_rng rng = noise_of(target);
    double d = (double)z[target->label] - head->noise_log[target->label];
    vx_model_value value = { vx_softplus(-d), log_sum_of(z, n, 1.0) - (double)z[target->label] };

    for (size_t k = 0; k < n; k++)
        head->scratch[k] = 0.0;
    head->scratch[target->label] = -vx_sigmoid(-d);
    for (size_t j = 0; j < head->loss.noise; j++) {
        size_t c = draw(head, &rng);

        d = (double)z[c] - head->noise_log[c];
        value.loss += vx_softplus(d);
        head->scratch[c] += vx_sigmoid(d);
    }
    for (size_t k = 0; k < n; k++)
        z[k] = (vx_real)head->scratch[k];
    return value;
}

vx_model_value VX_R(vx_head_categorical)(vx_head *head, const vx_target *target, vx_real *z)
{
    double plain = 0.0;

    VX_ASSERT(target->label < head->outputs);
    switch (head->loss.kind) {
    case VX_LOSS_SMOOTHING:
        return smoothing(head, target->label, z);
    case VX_LOSS_FOCAL:
    case VX_LOSS_POWER:
    case VX_LOSS_MIXCE:
        return weighted(head, target->label, z);
    case VX_LOSS_UNLIKELIHOOD:
        return unlikelihood(head, target->label, z);
    case VX_LOSS_DISTILLATION:
        return distillation(head, target, z);
    case VX_LOSS_NCE:
        return nce(head, target, z);
    case VX_LOSS_NLL:
        break;
    }
    plain = nll(z, head->outputs, target->label);
    return (vx_model_value){ plain, plain };
}
