#include <vx_likelihood/loss.h>

#include <math.h>

#include <vx_base/assert.h>

/* Loss of one row; the row becomes softmax(logits). */
static double row_loss(vx_vecf logits, uint32_t label)
{
    float largest = logits.at[0];
    double sum = 0.0;
    double shifted = 0.0;

    for (size_t k = 1; k < logits.n; k++)
        largest = logits.at[k] > largest ? logits.at[k] : largest;
    shifted = (double)logits.at[label] - (double)largest;
    for (size_t k = 0; k < logits.n; k++) {
        logits.at[k] = expf(logits.at[k] - largest);
        sum += (double)logits.at[k];
    }
    for (size_t k = 0; k < logits.n; k++)
        logits.at[k] = (float)((double)logits.at[k] / sum);
    return log(sum) - shifted;
}

double vx_loss_categorical(vx_matf logits, const uint32_t *labels, const float *weights)
{
    double loss = 0.0;
    double total = 0.0;

    for (size_t i = 0; i < logits.rows; i++)
        total += weights != NULL ? (double)weights[i] : 1.0;
    for (size_t i = 0; i < logits.rows; i++) {
        vx_vecf row = vx_matf_row(logits, i);
        double weight = weights != NULL ? (double)weights[i] : 1.0;
        double share = total > 0.0 ? weight / total : 0.0;
        double own = 0.0;

        VX_ASSERT(labels[i] < row.n);
        own = row_loss(row, labels[i]);
        loss += weight > 0.0 ? share * own : 0.0;
        row.at[labels[i]] -= 1.0f;
        for (size_t k = 0; k < row.n; k++)
            row.at[k] = weight > 0.0 ? (float)(share * (double)row.at[k]) : 0.0f;
    }
    return loss;
}
