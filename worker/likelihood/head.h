#ifndef VX_LIKELIHOOD_HEAD_H
#define VX_LIKELIHOOD_HEAD_H
#include <vx_likelihood/model.h>

#include "real.h"

/*
 * outputs (b, classes) in; out: w_i (softmax(outputs_i) - onehot(y_i)) / sum w, the derivative of
 * the weighted mean. weights (b) or NULL. Returns the weighted mean loss in nats; log-sum-exp is
 * shifted by the row's maximum, sums in double. A row of weight 0 is not looked at, its derivative
 * is 0; so are loss and derivatives when every weight is 0.
 */
double VX_R(vx_loss_categorical)(vx_rmat outputs, const uint32_t *labels, const float *weights);
#endif
