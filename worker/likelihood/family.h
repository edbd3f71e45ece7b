#ifndef VX_LIKELIHOOD_FAMILY_H
#define VX_LIKELIHOOD_FAMILY_H
#include <vx_likelihood/model.h>

/* One table a family. self is the family's own object. Shapes are checked by model.c before a call.
 */
typedef struct vx_family {
    const char *name;
    vx_status (*create)(const vx_model_spec *spec, void **ret_self, vx_error *err);
    void (*destroy)(void *self);
    size_t (*tensor_count)(const void *self);
    vx_model_tensor (*tensor_at)(const void *self, size_t index);
    void (*initialise)(const void *self, uint64_t seed, vx_vecf theta);
    /* logits (b, classes) of the batch, borrowed until the next call; what backward needs is kept.
     */
    vx_status (*forward)(void *self, vx_cvecf theta, vx_cmatf features, vx_matf *ret_logits);
    /* logits now hold d loss / d logits: adds nothing, overwrites gradient (d). */
    vx_status (*backward)(void *self, vx_cvecf theta, vx_cmatf features, vx_vecf gradient);
} vx_family;

extern const vx_family vx_family_linear; /* an mlp without hidden layers */
extern const vx_family vx_family_mlp;

/* after = activation(before), elementwise. */
void vx_activation_forward(vx_activation activation, const float *before, float *ret_after,
                           size_t n);
/* before = activation'(before), elementwise; after = activation(before). */
void vx_activation_slope(vx_activation activation, float *before, const float *after, size_t n);
#endif
