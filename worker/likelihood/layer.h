#ifndef VX_LIKELIHOOD_LAYER_H
#define VX_LIKELIHOOD_LAYER_H
#include <stdbool.h>
#include <stdint.h>

#include <vx_base/status.h>
#include <vx_likelihood/model.h>

#include "real.h"

/* One call of a network: what a layer may want to know of it. */
typedef struct vx_pass {
    size_t rows;          /* observations of the batch */
    const vx_csr *sparse; /* the features, when the first layer takes them as they are; its in.at is
                             NULL then */
    bool training;        /* false: dropout lets everything through */
    uint64_t seed, round; /* with slot and observation the key of dropout */
    uint32_t slot;
    const uint32_t *observations; /* (rows) their numbers; NULL: 0, 1, ... */
} vx_pass;

typedef enum vx_layer_start { /* first weights; biases start at 0 but for the last */
                              VX_START_ZERO,
                              VX_START_GLOROT, /* uniform in +-sqrt(6 / (fan_in + fan_out)) */
                              VX_START_HE,     /* uniform in +-sqrt(6 / fan_in) */
                              VX_START_FAN_IN  /* in +-sqrt(1 / fan_in), biases too */
} vx_layer_start;

typedef struct VX_R(vx_layer_kind) VX_R(vx_layer_kind);

/*
 * A layer of a network: what a family says of it (the options), what plan makes of that, and what
 * the network gives it. An observation is a row of channels x height x width numbers; (n, 1, 1)
 * when it is no image. Data and dense layers see an image channel by channel (planar); conv, pool,
 * affine, across and mean have the channels of a pixel together (height x width x channels:
 * interleaved), the layers interleave and planar are between them.
 */
typedef struct VX_R(vx_layer) {
    const VX_R(vx_layer_kind) * kind;

    /* options, by the family */
    size_t units;             /* dense: outputs; conv: channels out */
    vx_activation activation; /* activation */
    vx_layer_start start;     /* of the weights */
    size_t kernel, padding;   /* conv; pool: kernel = stride */
    size_t stride;            /* conv; >= 1 */
    vx_pool pool;             /* pool */
    double rate;              /* dropout: share that is dropped; affine: first scale */
    size_t skip;              /* index + 1 of an earlier layer whose output is added to this one's
                                 (of the same size); 0 = none */

    /* by the network */
    char name[VX_TENSOR_NAME_MAX / 2]; /* "layer1": layers with parameters are counted */
    uint32_t index;                    /* place in the network, from 0 */
    uint32_t stream;                   /* layers with parameters before this one: the slot of its
                                          stream of first weights */
    size_t offset;                     /* of its parameters in theta */
    size_t batch_max;
    vx_shape in;
    vx_real *after;   /* (batch_max, out) what forward wrote, skip added */
    vx_real *pending; /* (batch_max, out) deltas that skips bring; NULL: no skip starts here */
    bool has_pending;
    bool in_place; /* after is that of the layer before */
    void *work;    /* work_bytes of it, zeroed, aligned to 64 bytes */

    /* by plan */
    vx_shape out;
    size_t parameters, tensors;
} VX_R(vx_layer);

/*
 * What a kind of layer can do. theta and gradient are the slices (parameters) of this layer. in
 * (rows, size of in) and out (rows, size of out) have ld = cols, but for in of the first layer.
 * No function takes memory.
 */
struct VX_R(vx_layer_kind) {
    const char *name;
    bool sparse;         /* takes pass->sparse when it is the first layer */
    bool reads_out;      /* backward reads out: no later layer may write over it */
    bool delta_in_place; /* backward takes ret_delta that is delta (elementwise) */

    /* Fills out, parameters, tensors from in and the options. VX_ERR_CONFIG: they do not fit; a
     * product that overflows is VX_ERR_LIMIT. */
    vx_status (*plan)(VX_R(vx_layer) * layer, vx_error *err);
    size_t (*work_bytes)(const VX_R(vx_layer) * layer, size_t batch_max); /* NULL: 0 */
    /* May forward write over its input? Then in is out, here and in backward. NULL: no. */
    bool (*overwrites)(const VX_R(vx_layer) * layer);
    /* index < tensors; offset within this layer, name without that of the layer. NULL without
     * parameters, like initialise. */
    vx_model_tensor (*tensor_at)(const VX_R(vx_layer) * layer, size_t index);
    void (*initialise)(const VX_R(vx_layer) * layer, uint64_t seed, vx_rvec theta);
    vx_status (*forward)(VX_R(vx_layer) * layer, const vx_pass *pass, vx_rcvec theta, vx_rcmat in,
                         vx_rmat out);
    /* delta = d loss / d out, may be overwritten. ret_delta = d loss / d in, overwritten; its at is
     * NULL when nobody asks (first layer). gradient is overwritten. out holds what a skip has added
     * too: a layer with skip != 0 cannot use it. */
    vx_status (*backward)(VX_R(vx_layer) * layer, const vx_pass *pass, vx_rcvec theta, vx_rcmat in,
                          vx_rcmat out, vx_rmat delta, vx_rmat ret_delta, vx_rvec gradient);
};

extern const VX_R(vx_layer_kind) VX_R(vx_layer_dense);
extern const VX_R(vx_layer_kind) VX_R(vx_layer_activation);
extern const VX_R(vx_layer_kind) VX_R(vx_layer_conv);
extern const VX_R(vx_layer_kind) VX_R(vx_layer_pool);
extern const VX_R(vx_layer_kind) VX_R(vx_layer_layer_norm);
extern const VX_R(vx_layer_kind) VX_R(vx_layer_dropout);
extern const VX_R(vx_layer_kind) VX_R(vx_layer_affine);
extern const VX_R(vx_layer_kind) VX_R(vx_layer_across);
extern const VX_R(vx_layer_kind) VX_R(vx_layer_mean);
extern const VX_R(vx_layer_kind) VX_R(vx_layer_interleave);
extern const VX_R(vx_layer_kind) VX_R(vx_layer_planar);

/* ret_sums (cols) = sums of the columns, in double, each from the first row to the last. */
void VX_R(vx_column_sums)(vx_rcmat m, vx_real *ret_sums);
/* theta, the weights and behind them `biases` biases, as layer->start says, from its stream. */
void VX_R(vx_start)(const VX_R(vx_layer) * layer, uint64_t seed, size_t fan_in, size_t fan_out,
                    size_t biases, vx_rvec theta);

static inline size_t vx_shape_size(vx_shape shape)
{
    return shape.channels * shape.height * shape.width;
}
#endif
