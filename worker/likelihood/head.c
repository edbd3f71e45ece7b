#include "head.h"

#include <math.h>
#include <tgmath.h>

#include <vx_base/assert.h>

/* Loss of one row; the row becomes softmax(logits). */
static double row_loss(vx_rvec logits, uint32_t label)
{
    vx_real largest = logits.at[0];
    double sum = 0.0;
    double shifted = 0.0;

    for (size_t k = 1; k < logits.n; k++)
        largest = logits.at[k] > largest ? logits.at[k] : largest;
    shifted = (double)logits.at[label] - (double)largest;
    for (size_t k = 0; k < logits.n; k++) {
        logits.at[k] = exp(logits.at[k] - largest);
        sum += (double)logits.at[k];
    }
    for (size_t k = 0; k < logits.n; k++)
        logits.at[k] = (vx_real)((double)logits.at[k] / sum);
    return log(sum) - shifted;
}

double VX_R(vx_loss_categorical)(vx_rmat logits, const uint32_t *labels, const float *weights)
{
    double loss = 0.0;
    double total = 0.0;

    for (size_t i = 0; i < logits.rows; i++)
        total += weights != NULL ? (double)weights[i] : 1.0;
    for (size_t i = 0; i < logits.rows; i++) {
        vx_rvec row = vx_rmat_row(logits, i);
        double weight = weights != NULL ? (double)weights[i] : 1.0;
        double share = total > 0.0 ? weight / total : 0.0;
        double own = 0.0;

        VX_ASSERT(labels[i] < row.n);
        own = row_loss(row, labels[i]);
        loss += weight > 0.0 ? share * own : 0.0;
        row.at[labels[i]] -= 1;
        for (size_t k = 0; k < row.n; k++)
            row.at[k] = weight > 0.0 ? (vx_real)(share * (double)row.at[k]) : 0;
    }
    return loss;
}
