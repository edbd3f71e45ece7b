#ifndef VX_LIKELIHOOD_MODEL_H
#define VX_LIKELIHOOD_MODEL_H
#include <stdint.h>

#include <vx_base/limits.h>
#include <vx_base/span.h>
#include <vx_base/status.h>

/*
 * A likelihood family with its parameters theta (d) as one vector of named tensors. One table of
 * operations a family; callers see only these functions.
 */
typedef struct vx_model vx_model; /* holds the work memory of one batch: one thread at a time */

typedef enum vx_activation {
    VX_ACTIVATION_RELU,
    VX_ACTIVATION_TANH,
    VX_ACTIVATION_GELU
} vx_activation;

typedef struct vx_model_spec {
    const char *family;       /* "linear" (softmax regression) or "mlp"; borrowed during create */
    size_t features, classes; /* of the data */
    const size_t *widths;     /* mlp: hidden widths, input side first; borrowed during create */
    size_t widths_count;
    vx_activation activation; /* mlp */
    size_t batch_max;         /* observations of the largest batch that will come */
} vx_model_spec;

/* Observations for one call. */
typedef struct vx_batch {
    vx_cmatf features;      /* (b, features), b <= batch_max */
    const uint32_t *labels; /* (b), < classes: checked where data is loaded, asserted here */
    const float *weights;   /* (b) >= 0, sample weights; NULL = all 1 */
} vx_batch;

/* VX_ERR_CONFIG: unknown family (the message lists them), width 0; VX_ERR_LIMIT: d above
 * VX_DIMENSION_MAX. Takes all memory that later calls need. */
VX_MUST_CHECK vx_status vx_model_create(const vx_model_spec *spec, vx_model **ret_model,
                                        vx_error *err);
vx_model *vx_model_destroy(vx_model *model);

size_t vx_model_dimension(const vx_model *model); /* d */

typedef struct vx_model_tensor {
    char name[VX_TENSOR_NAME_MAX]; /* "layer1.weight" */
    size_t rank;
    size_t shape[VX_TENSOR_RANK_MAX];
    size_t offset; /* in theta, in numbers; tensors are contiguous, in order, without gaps */
} vx_model_tensor;
size_t vx_model_tensor_count(const vx_model *model);
vx_model_tensor vx_model_tensor_at(const vx_model *model, size_t index);

/* theta (d) = the family's usual first parameters, a pure function of the seed: weights uniform in
 * +-sqrt(6 / fan_in) before relu and gelu (He et al. 2015), +-sqrt(6 / (fan_in + fan_out)) before
 * tanh and the last layer (Glorot, Bengio 2010), biases 0. The linear family starts at 0. */
void vx_model_initialise(const vx_model *model, uint64_t seed, vx_vecf theta);

/*
 * nll = sum_i w_i l(y_i, f(x_i; theta)) / sum_i w_i in nats an observation, and its gradient in
 * theta. ret_gradient (d), overwritten; *ret_nll. Products in float32 by GEMM, loss sums in double.
 * No allocation. Finite theta may overflow: the result then holds infinity or NaN and the status is
 * VX_ERR_NONFINITE (both outputs written all the same). VX_ERR_SHAPE: theta or ret_gradient is not
 * (d), the batch does not fit.
 */
VX_MUST_CHECK vx_status vx_model_nll_gradient(vx_model *model, vx_cvecf theta,
                                              const vx_batch *batch, vx_vecf ret_gradient,
                                              double *ret_nll);

/* Adds a batch to running sums; mean nll = nll_sum / weight_sum, accuracy = correct / count. Ties
 * of the largest logit go to the lowest class. */
typedef struct vx_evaluation {
    double nll_sum, weight_sum;
    uint64_t correct, count;
} vx_evaluation;
VX_MUST_CHECK vx_status vx_model_evaluate(vx_model *model, vx_cvecf theta, const vx_batch *batch,
                                          vx_evaluation *evaluation);

/* Names of the families, for messages and lists. */
size_t vx_model_family_count(void);
const char *vx_model_family_name(size_t index);
#endif
