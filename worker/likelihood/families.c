#include "family.h"

/* outputs = x W^T + b. It starts at 0. */
static vx_status build_linear(const vx_model_spec *spec, VX_R(vx_network) * network, vx_error *err)
{
    return VX_R(vx_network_add)(network,
                                (VX_R(vx_layer)){ .kind = &VX_R(vx_layer_dense),
                                                  .units = vx_spec_outputs(spec),
                                                  .start = VX_START_ZERO },
                                err);
}

/* A_l = activation(A_(l-1) W_l^T + b_l), A_0 the features; the last layer has no activation. */
static vx_status build_mlp(const vx_model_spec *spec, VX_R(vx_network) * network, vx_error *err)
{
    bool he = spec->activation != VX_ACTIVATION_TANH;
    vx_status status = VX_OK;

    for (size_t l = 0; status == VX_OK && l < spec->widths_count; l++) {
        VX_R(vx_layer)
        dense = { .kind = &VX_R(vx_layer_dense),
                  .units = spec->widths[l],
                  .start = he ? VX_START_HE : VX_START_GLOROT };
        VX_R(vx_layer)
        activation = { .kind = &VX_R(vx_layer_activation), .activation = spec->activation };

        status = VX_R(vx_network_add)(network, dense, err);
        if (status == VX_OK)
            status = VX_R(vx_network_add)(network, activation, err);
    }
    if (status != VX_OK)
        return status;
    return VX_R(vx_network_add)(network,
                                (VX_R(vx_layer)){ .kind = &VX_R(vx_layer_dense),
                                                  .units = vx_spec_outputs(spec),
                                                  .start = VX_START_GLOROT },
                                err);
}

const VX_R(vx_family) VX_R(vx_families)[] = {
    { "linear", build_linear },
    { "mlp", build_mlp },
    { "plugin", NULL },
    { NULL, NULL },
};
