#ifndef VX_LIKELIHOOD_LOSS_H
#define VX_LIKELIHOOD_LOSS_H
#include <stdint.h>

#include <vx_base/span.h>

/*
 * A loss head: (logits, targets) -> loss and d loss / d logits. All families that end in logits
 * share these.
 *
 * logits  (b, classes) in; out: w_i (softmax(logits_i) - onehot(y_i)) / sum w, the derivative of
 * the weighted mean. weights (b) or NULL. Returns the weighted mean loss in nats; log-sum-exp is
 * shifted by the row's maximum, sums in double. A row of weight 0 is not looked at, its derivative
 * is 0; so are loss and derivatives when every weight is 0.
 */
double vx_loss_categorical(vx_matf logits, const uint32_t *labels, const float *weights);
#endif
