#ifndef VX_LIKELIHOOD_HEAD_ROWS_H
#define VX_LIKELIHOOD_HEAD_ROWS_H
#include <vx_likelihood/head.h>

#include "real.h"

#define VX_HEAD_CONSTANTS 256

struct vx_head {
    vx_likelihood likelihood;
    vx_loss_spec loss;       /* noise_law is not kept */
    size_t outputs, columns; /* outputs of a column */
    double variance, dispersion;
    double constants[VX_HEAD_CONSTANTS]; /* vx_head_constant() of the targets 0, 1, ... */
    double *totals;                      /* (columns) sums of weights */
    double *scratch;                     /* (outputs) */
    double *noise_up_to;                 /* (outputs) nce: P(class <= c) */
    double *noise_log;                   /* (outputs) nce: log(noise P(c)) */
};

/* The target of an observation in a column, and what draws need. */
typedef struct vx_target {
    uint32_t label;
    const float *values;  /* (outputs) */
    const float *teacher; /* (outputs) */
    uint64_t seed, round;
    uint32_t slot, observation;
} vx_target;

/* z (outputs) becomes the derivative of the loss. */
vx_model_value VX_R(vx_head_categorical)(vx_head *head, const vx_target *target, vx_real *z);
vx_model_value VX_R(vx_head_real)(const vx_head *head, const vx_target *target, vx_real *z);

/* -log of the part of the density that the outputs do not touch. */
double vx_head_constant(const vx_head *head, double y);
/* nll of an output of a real likelihood, and its derivative in z. */
double vx_head_nll(const vx_head *head, double z, double y, double *ret_slope);
/* nll of the best that any z can do: what a deviance is measured from. */
double vx_head_saturated(const vx_head *head, double y);

/* Losses by the probability q of the label; rest = 1 - q, nll = -log q, each to its own last digit.
 * weight = -q f'(q). */
typedef struct vx_weighting {
    double loss, weight;
} vx_weighting;
vx_weighting vx_weighting_of(const vx_loss_spec *loss, double q, double rest, double nll);
bool vx_weighting_has(vx_loss_kind kind);

/* log(1 + exp(x)) and 1 / (1 + exp(-x)) without overflow. */
double vx_softplus(double x);
double vx_sigmoid(double x);

/* The classes that nce draws for an observation, one a call. */
#define VX_NOISE_MAX 512 /* two words each: an observation has 1024 of its stream */
#endif
