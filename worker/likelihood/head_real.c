#include "head_rows.h"

/*
 * Likelihoods with a target of numbers, each output on its own. exp and log are those of double in
 * both builds: an output has one each.
 */
static vx_model_value nll(const vx_head *head, const vx_target *target, vx_real *z)
{
    vx_model_value value = { 0 };

    for (size_t k = 0; k < head->outputs; k++) {
        double slope = 0.0;

        value.nll += vx_head_nll(head, (double)z[k], (double)target->values[k], &slope);
        z[k] = (vx_real)slope;
    }
    value.loss = value.nll;
    return value;
}

/* bernoulli: the target is (1 - epsilon) y + epsilon / 2. */
static vx_model_value smoothing(const vx_head *head, const vx_target *target, vx_real *z)
{
    vx_model_value value = { 0 };

    for (size_t k = 0; k < head->outputs; k++) {
        double y = (double)target->values[k];
        double smooth = (1.0 - head->loss.epsilon) * y + head->loss.epsilon / 2.0;
        double slope = 0.0;

        value.nll += vx_head_nll(head, (double)z[k], y, &slope);
        value.loss += vx_head_nll(head, (double)z[k], smooth, &slope);
        z[k] = (vx_real)slope;
    }
    return value;
}

/* bernoulli: (1 - l) nll(z, y) + l T^2 nll(z / T, sigma(teacher / T)). */
static vx_model_value distillation(const vx_head *head, const vx_target *target, vx_real *z)
{
    double mix = head->loss.mix;
    double temperature = head->loss.temperature;
    vx_model_value value = { 0 };

    for (size_t k = 0; k < head->outputs; k++) {
        double soft = vx_sigmoid((double)target->teacher[k] / temperature);
        double own = 0.0;
        double slope = 0.0;
        double soft_slope = 0.0;
        double hard = vx_head_nll(head, (double)z[k], (double)target->values[k], &slope);

        own = vx_head_nll(head, (double)z[k] / temperature, soft, &soft_slope);
        value.nll += hard;
        value.loss += (1.0 - mix) * hard + mix * temperature * temperature * own;
        z[k] = (vx_real)((1.0 - mix) * slope + mix * temperature * soft_slope);
    }
    return value;
}

vx_model_value VX_R(vx_head_real)(const vx_head *head, const vx_target *target, vx_real *z)
{
    if (head->loss.kind == VX_LOSS_SMOOTHING)
        return smoothing(head, target, z);
    if (head->loss.kind == VX_LOSS_DISTILLATION)
        return distillation(head, target, z);
    return nll(head, target, z);
}
