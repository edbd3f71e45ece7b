#ifndef VX_LIKELIHOOD_FAMILY_H
#define VX_LIKELIHOOD_FAMILY_H
#include <vx_likelihood/model.h>

#include "network.h"

/* A family says how a network is made of layers. */
typedef struct VX_R(vx_family) {
    const char *name;
    /* Adds the layers to an empty network; the last has vx_spec_outputs(spec) outputs. NULL: a
     * shared library is the model. */
    vx_status (*build)(const vx_model_spec *spec, VX_R(vx_network) * network, vx_error *err);
} VX_R(vx_family);

extern const VX_R(vx_family) VX_R(vx_families)[]; /* ends with a name of NULL */

/* families_image.c: networks over images. */
vx_status VX_R(vx_build_cnn)(const vx_model_spec *spec, VX_R(vx_network) * network, vx_error *err);
vx_status VX_R(vx_build_lenet5)(const vx_model_spec *spec, VX_R(vx_network) * network,
                                vx_error *err);
vx_status VX_R(vx_build_cnn_mnist)(const vx_model_spec *spec, VX_R(vx_network) * network,
                                   vx_error *err);
vx_status VX_R(vx_build_resmlp)(const vx_model_spec *spec, VX_R(vx_network) * network,
                                vx_error *err);

/* Adds dense, activation and, when the job says so, dropout for each width, then the outputs; all
 * weights with this start. */
vx_status VX_R(vx_add_dense)(const vx_model_spec *spec, const size_t *widths, size_t count,
                             vx_layer_start start, VX_R(vx_network) * network, vx_error *err);
static inline size_t vx_spec_outputs(const vx_model_spec *spec)
{
    return spec->outputs_data * (spec->columns > 1 ? spec->columns : 1);
}
#endif
