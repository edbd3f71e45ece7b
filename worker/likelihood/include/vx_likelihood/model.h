#ifndef VX_LIKELIHOOD_MODEL_H
#define VX_LIKELIHOOD_MODEL_H
#include <stdbool.h>
#include <stdint.h>

#include <vx_base/limits.h>
#include <vx_base/span.h>
#include <vx_base/status.h>

/*
 * A model is a network (theta (d), features (b, features) -> outputs (b, outputs)), a likelihood
 * (how outputs and target give a negative log-likelihood in nats) and a loss (what of it is
 * minimised). theta is one vector of named tensors. The same in double, to check this one:
 * vx_likelihood/model64.h.
 */
typedef struct vx_model vx_model; /* holds the work memory of one batch: one thread at a time */

typedef enum vx_activation {
    VX_ACTIVATION_RELU,
    VX_ACTIVATION_TANH,
    VX_ACTIVATION_GELU
} vx_activation;

typedef enum vx_pool { VX_POOL_MAX, VX_POOL_AVERAGE } vx_pool;

/* z the outputs of an observation, y its target. */
typedef enum vx_likelihood {
    VX_LIKELIHOOD_CATEGORICAL,      /* softmax(z), y a class */
    VX_LIKELIHOOD_GAUSSIAN,         /* y ~ N(z, variance), each output */
    VX_LIKELIHOOD_BERNOULLI,        /* P(y = 1) = 1 / (1 + exp(-z)), each output; 0 <= y <= 1 */
    VX_LIKELIHOOD_POISSON,          /* y ~ Poisson(exp(z)), each output */
    VX_LIKELIHOOD_NEGATIVE_BINOMIAL /* mean m = exp(z), variance m + dispersion m^2 */
} vx_likelihood;

typedef enum vx_loss_kind {
    VX_LOSS_NLL,
    VX_LOSS_SMOOTHING,    /* target (1 - epsilon) y + epsilon / classes */
    VX_LOSS_FOCAL,        /* -(1 - p)^gamma log p */
    VX_LOSS_POWER,        /* (1 - p^exponent) / exponent; exponent 0: -log max(p, threshold) */
    VX_LOSS_MIXCE,        /* -eta log p - (1 - eta) p */
    VX_LOSS_UNLIKELIHOOD, /* -log(1 - p) */
    VX_LOSS_DISTILLATION, /* (1 - mix) nll + mix temperature^2 cross-entropy with the teacher */
    VX_LOSS_NCE           /* noise contrastive estimation against `noise` drawn classes */
} vx_loss_kind;

typedef struct vx_loss_spec {
    vx_loss_kind kind;
    double epsilon;          /* smoothing: 0 <= epsilon < 1 */
    double gamma;            /* focal: >= 0 */
    double exponent;         /* power: > 0; 0 takes threshold instead */
    double threshold;        /* power: 0 <= threshold < 1 */
    double eta;              /* mixce: 0..1 */
    double mix, temperature; /* distillation: 0..1, > 0 */
    size_t noise;            /* nce: classes drawn an observation, >= 1 */
    const double *noise_law; /* nce: (classes) their probabilities, > 0, borrowed during create;
                                NULL: all the same */
} vx_loss_spec;

#define VX_COLUMNS_MAX 4096

/* What is not used by a family or likelihood is not looked at. Pointers are borrowed during create.
 */
typedef struct vx_model_spec {
    const char *family;   /* one of vx_model_family_name() */
    size_t features;      /* of the data */
    size_t outputs_data;  /* of the data: classes (categorical), else columns of the target */
    vx_shape image;       /* of an observation; all 0: it is none */
    const size_t *widths; /* hidden widths, input side first */
    size_t widths_count;
    vx_activation activation;
    double dropout; /* share of the hidden units that is dropped in training, 0 <= . < 1 */
    bool layer_norm, residual; /* mlp; residual: widths all the same */
    const size_t *channels;    /* cnn: of the convolutions, input side first */
    size_t channels_count;
    size_t kernel;                /* cnn */
    vx_pool pool;                 /* cnn */
    size_t patch, blocks, hidden; /* resmlp; hidden: numbers a patch is embedded in */
    double residual_scale;        /* resmlp: first value */
    vx_likelihood likelihood;
    double variance;   /* gaussian: > 0 */
    double dispersion; /* negative_binomial: > 0 */
    vx_loss_spec loss;
    double l2;           /* l2 / 2 |W|^2 over the weights, not the biases, is added to the loss */
    size_t columns;      /* models at once over the same features, family linear; 0 or 1: one */
    const char *plugin;  /* plugin: path of the shared library, see vexil/model.h */
    const char *options; /* plugin: text for it; NULL: none */
    bool sparse;         /* batches may come sparse */
    size_t batch_max;    /* observations of the largest batch that will come */
} vx_model_spec;

/* Told during a call that numbers offset .. offset + count of its gradient are final: nobody
 * touches them afterwards. Every number is told once, from the last layer to the first, or all at
 * the end where there are no layers; before the call returns VX_OK or VX_ERR_NONFINITE. */
typedef struct vx_flow {
    void (*ready)(void *context, size_t offset, size_t count);
    void *context;
} vx_flow;

/* Observations for one call. K columns and o outputs of each: outputs and targets are (b, K o),
 * those of a column next to each other. */
typedef struct vx_batch {
    vx_cmatf features;       /* (b, features), 1 <= b <= batch_max */
    const vx_csr *sparse;    /* (b, features) instead, when not NULL */
    const uint32_t *labels;  /* categorical: (b, K), < classes: checked where data is loaded */
    vx_cmatf targets;        /* the other likelihoods: (b, K o) */
    const float *weights;    /* (b) >= 0, sample weights; NULL = all 1 */
    vx_cmatf column_weights; /* (b, K) >= 0, times weights; at NULL = all 1 */
    vx_cmatf teacher;        /* (b, K o) logits of the teacher: distillation */
    bool training;           /* dropout is on */
    uint64_t seed, round;    /* with slot and observation the key of what is drawn: dropout, nce */
    uint32_t slot;
    const uint32_t *observations; /* (b) their numbers; NULL = 0, 1, ... */

    /* A gradient may be the sum of those of parts of a larger batch. */
    const double *totals; /* (K) sums of the larger batch's weights; NULL = this is all of it */
    bool without_l2;      /* another part has the l2 term */
    const vx_flow *flow;  /* NULL: nobody asks */
} vx_batch;

/* VX_ERR_CONFIG: unknown family (the message lists them), width 0, a loss that does not go with the
 * likelihood, a number out of its range, a library that is no plugin; VX_ERR_NOT_FOUND: no such
 * library; VX_ERR_LIMIT: d above VX_DIMENSION_MAX. Takes all memory that later calls need. */
VX_MUST_CHECK vx_status vx_model_create(const vx_model_spec *spec, vx_model **ret_model,
                                        vx_error *err);
vx_model *vx_model_destroy(vx_model *model);

size_t vx_model_dimension(const vx_model *model); /* d */
size_t vx_model_outputs(const vx_model *model);   /* K o */
vx_likelihood vx_model_likelihood(const vx_model *model);

typedef struct vx_model_tensor {
    char name[VX_TENSOR_NAME_MAX]; /* "layer1.weight" */
    size_t rank;
    size_t shape[VX_TENSOR_RANK_MAX];
    size_t offset;  /* in theta, in numbers; tensors are contiguous, in order, without gaps */
    bool is_weight; /* l2 and the like hold for it: no bias, no scale */
} vx_model_tensor;
size_t vx_model_tensor_count(const vx_model *model);
vx_model_tensor vx_model_tensor_at(const vx_model *model, size_t index);

/* theta (d) = the family's usual first parameters, a pure function of the seed: weights uniform in
 * +-sqrt(6 / fan_in) before relu and gelu (He et al. 2015), +-sqrt(6 / (fan_in + fan_out)) before
 * tanh and the last layer (Glorot, Bengio 2010), biases and shifts 0, scales 1 or residual_scale.
 * cnn, lenet5, cnn_mnist: weights and biases uniform in +-1 / sqrt(fan_in), as in PyTorch. A
 * convolution's fans count the pixels of its kernel. The linear family starts at 0. */
void vx_model_initialise(const vx_model *model, uint64_t seed, vx_vecf theta);

/* With K columns the sums of the K means. */
typedef struct vx_model_value {
    double loss; /* what is minimised: weighted mean of the loss, and the l2 term */
    double nll;  /* weighted mean negative log-likelihood, nats an observation */
} vx_model_value;

/*
 * loss = sum_i w_i l(y_i, f(x_i; theta)) / sum_i w_i + l2 / 2 |W|^2 and its gradient in theta; of a
 * part of a batch, what it adds to loss, nll and gradient: sum_i w_i in the divisor is totals.
 * ret_gradient (d), overwritten. Products in float32 by GEMM, loss sums in double. No allocation.
 * Finite theta may overflow: the result then holds infinity or NaN and the status is
 * VX_ERR_NONFINITE (both outputs written all the same). VX_ERR_SHAPE: theta or ret_gradient is not
 * (d), the batch does not fit or lacks what the likelihood and the loss need.
 */
VX_MUST_CHECK vx_status vx_model_loss_gradient(vx_model *model, vx_cvecf theta,
                                               const vx_batch *batch, vx_vecf ret_gradient,
                                               vx_model_value *ret_value);
/* The same, telling the nll alone. */
VX_MUST_CHECK vx_status vx_model_nll_gradient(vx_model *model, vx_cvecf theta,
                                              const vx_batch *batch, vx_vecf ret_gradient,
                                              double *ret_nll);

/* ret_outputs (b, K o) = f(x_i; theta): logits, or linear predictors before the link. Labels,
 * targets and weights of the batch are not looked at. VX_ERR_SHAPE; of a plugin VX_ERR_USAGE: it
 * predicts nothing, and VX_ERR_NONFINITE: it failed, the outputs are NaN. */
VX_MUST_CHECK vx_status vx_model_predict(vx_model *model, vx_cvecf theta, const vx_batch *batch,
                                         vx_matf ret_outputs);

/*
 * Adds a batch to running sums; mean nll = nll_sum / weight_sum, accuracy = correct / count.
 * Correct is, categorical: the largest output is the label's, ties go to the lowest class;
 * bernoulli: every output is on its target's side of 1/2; other likelihoods: nothing. The deviance
 * of an observation is twice its nll above that of the best output there can be. With K columns: of
 * all together. VX_ERR_SHAPE, nothing is added; VX_ERR_NONFINITE, added all the same.
 */
typedef struct vx_evaluation {
    double nll_sum, weight_sum, deviance_sum; /* nats x weight; weights */
    uint64_t correct, count;                  /* observations, whatever their weight */
} vx_evaluation;
VX_MUST_CHECK vx_status vx_model_evaluate(vx_model *model, vx_cvecf theta, const vx_batch *batch,
                                          vx_evaluation *evaluation);

/* The same for each column: evaluations (K). */
VX_MUST_CHECK vx_status vx_model_evaluate_columns(vx_model *model, vx_cvecf theta,
                                                  const vx_batch *batch,
                                                  vx_evaluation *evaluations);

/* Names of the families, for messages and lists. */
size_t vx_model_family_count(void);
const char *vx_model_family_name(size_t index);
#endif
