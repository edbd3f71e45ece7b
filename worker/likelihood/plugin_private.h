#ifndef VX_LIKELIHOOD_PLUGIN_PRIVATE_H
#define VX_LIKELIHOOD_PLUGIN_PRIVATE_H
#include <vexil/model.h>

#include "plugin.h"

struct vx_plugin {
    void *library;
    const vexil_model_table *table;
    void *self;
    size_t dimension, tensors_count, outputs, batch_max;
    bool classes;
    vx_model_tensor *tensors; /* (tensors_count) */
    float *theta;             /* (dimension) for initialise64 */
    float *predicted;         /* (batch_max, outputs) */
};
#endif
