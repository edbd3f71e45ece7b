#ifndef VX_LIKELIHOOD_HEAD_H
#define VX_LIKELIHOOD_HEAD_H
#include <vx_likelihood/model.h>

/*
 * A head is what stands on the outputs of a network: likelihood and loss. (outputs, target,
 * weights)
 * -> weighted mean loss and nll in nats, constants included, and d loss / d outputs, in one pass.
 *
 * z outputs, y target, m = exp(z), p = softmax(z), q = p_y, e_y the unit vector:
 *
 *   categorical        nll = log sum exp(z) - z_y                               p - e_y
 *   gaussian           (z - y)^2 / (2 v) + log(2 pi v) / 2                      (z - y) / v
 *   bernoulli          log(1 + exp(z)) - y z                                    sigma(z) - y
 *   poisson            m - y z + log y!                                         m - y
 *   negative_binomial  (y + r) log(1 + a m) - y log(a m)                        (y + r) sigma(z +
 *                      - log G(y + r) + log G(r) + log y!, a = dispersion,        log a) - y
 *                      r = 1 / a
 *
 * An observation with several outputs (not categorical) has the sum of theirs. Losses other than
 * nll (categorical; smoothing and distillation also bernoulli, where 1 / classes is 1/2):
 *
 *   smoothing          the target is (1 - epsilon) y + epsilon / classes
 *   focal, power, mixce, by q: f(q), with the derivative w(q) (p - e_y), w = -q f'(q):
 *                      focal -(1 - q)^g log q; power (1 - q^a) / a, w = q^a; threshold
 *                      -log max(q, t), w = 1[q > t]; mixce -eta log q - (1 - eta) q,
 *                      w = eta + (1 - eta) q
 *   unlikelihood       -log(1 - q): the label names the class that is unlikely
 *   distillation       (1 - l) nll + l T^2 CE(softmax(teacher / T), softmax(z / T))
 *   nce                k noise classes j from the law P: with d_c = z_c - log(k P_c),
 *                      -log sigma(d_y) - sum_j log sigma(-d_j); z are log probabilities that nobody
 *                      has normalised (Gutmann, Hyvarinen 2010)
 *
 * The value's nll is always that of the likelihood.
 */
typedef struct vx_head vx_head; /* scratch of one row: one thread at a time */

/* Looks at likelihood, outputs_data, columns, variance, dispersion and loss of the spec.
 * VX_ERR_CONFIG: a number out of its range, or a loss that does not go with the likelihood; the
 * message says why. VX_ERR_NOMEM. */
VX_MUST_CHECK vx_status vx_head_create(const vx_model_spec *spec, vx_head **ret_head,
                                       vx_error *err);
vx_head *vx_head_destroy(vx_head *head);

/* NULL when a target is in the domain of the likelihood, else what is expected: "0..1". */
const char *vx_head_target_expected(vx_likelihood likelihood, double target);

/*
 * outputs (b, K o) in; out: the derivative of the value's loss. Labels or targets, weights and
 * teacher are those of the batch. A column's weights are weights x column_weights; the value is the
 * sum of the columns' weighted means, of a part of a batch its share of them. Sums in double. A row
 * of weight 0 is not looked at, its derivative is 0; so are value and derivatives when every weight
 * is 0.
 */
vx_model_value vx_head_gradient(vx_head *head, vx_matf outputs, const vx_batch *batch);
vx_model_value vx_head_gradient64(vx_head *head, vx_mat outputs, const vx_batch *batch);

/* Adds the batch to evaluations (K), one a column. outputs (b, K o) are kept. */
void vx_head_evaluate(vx_head *head, vx_cmatf outputs, const vx_batch *batch,
                      vx_evaluation *evaluations);
void vx_head_evaluate64(vx_head *head, vx_cmat outputs, const vx_batch *batch,
                        vx_evaluation *evaluations);
#endif
