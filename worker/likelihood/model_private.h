#ifndef VX_LIKELIHOOD_MODEL_PRIVATE_H
#define VX_LIKELIHOOD_MODEL_PRIVATE_H
#include <vx_likelihood/model.h>
#ifdef VX_REAL_DOUBLE
#include <vx_likelihood/model64.h>
#endif

#include "family.h"
#include "head_rows.h"
#include "plugin.h"

typedef struct vx_range {
    size_t from, count;
} vx_range;

struct VX_R(vx_model) {
    VX_R(vx_network) * network; /* or */
    vx_plugin *plugin;          /* family plugin */
    vx_head *head;
    double l2;
    size_t dimension, features, outputs, batch_max;
    size_t targets;    /* columns of the target */
    vx_range *weights; /* (weights_count) where l2 holds */
    size_t weights_count;
    vx_evaluation *columns; /* (columns) */
    vx_real *rows; /* (batch_max, features) of a batch that does not come in vx_real; or NULL */
};

static inline bool VX_R(vx_model_takes_sparse)(const VX_R(vx_model) * model)
{
    return model->network != NULL && VX_R(vx_network_takes_sparse)(model->network);
}
#endif
