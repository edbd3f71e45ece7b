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

/* dense, layer_norm, activation, dropout; skip: of the last of them. */
static vx_status add_hidden(const vx_model_spec *spec, size_t width, vx_layer_start start,
                            bool layer_norm, size_t skip, VX_R(vx_network) * network, vx_error *err)
{
    bool drops = spec->dropout > 0.0;
    VX_R(vx_layer)
    dense = { .kind = &VX_R(vx_layer_dense), .units = width, .start = start };
    VX_R(vx_layer)
    activation = { .kind = &VX_R(vx_layer_activation),
                   .activation = spec->activation,
                   .skip = drops ? 0 : skip };
    VX_R(vx_layer)
    dropout = { .kind = &VX_R(vx_layer_dropout), .rate = spec->dropout, .skip = skip };
    vx_status status = VX_R(vx_network_add)(network, dense, err);

    if (status == VX_OK && layer_norm)
        status = VX_R(vx_network_add)(network,
                                      (VX_R(vx_layer)){ .kind = &VX_R(vx_layer_layer_norm) }, err);
    if (status == VX_OK)
        status = VX_R(vx_network_add)(network, activation, err);
    if (status == VX_OK && drops)
        status = VX_R(vx_network_add)(network, dropout, err);
    return status;
}

static vx_status add_outputs(const vx_model_spec *spec, vx_layer_start start,
                             VX_R(vx_network) * network, vx_error *err)
{
    return VX_R(vx_network_add)(network,
                                (VX_R(vx_layer)){ .kind = &VX_R(vx_layer_dense),
                                                  .units = vx_spec_outputs(spec),
                                                  .start = start },
                                err);
}

/* Weights before this activation. */
static vx_layer_start start_before(vx_activation activation)
{
    return activation != VX_ACTIVATION_TANH ? VX_START_HE : VX_START_GLOROT;
}

static vx_status check_dropout(const vx_model_spec *spec, vx_error *err)
{
    if (spec->dropout >= 0.0 && spec->dropout < 1.0)
        return VX_OK;
    return vx_fail(err, VX_ERR_CONFIG, "model.dropout: expected at least 0 and below 1, found %g",
                   spec->dropout);
}

vx_status VX_R(vx_add_dense)(const vx_model_spec *spec, const size_t *widths, size_t count,
                             vx_layer_start start, VX_R(vx_network) * network, vx_error *err)
{
    vx_status status = check_dropout(spec, err);

    for (size_t l = 0; status == VX_OK && l < count; l++)
        status = add_hidden(spec, widths[l], start, false, 0, network, err);
    return status == VX_OK ? add_outputs(spec, start, network, err) : status;
}

static vx_status check_residual(const vx_model_spec *spec, vx_error *err)
{
    if (!spec->residual)
        return VX_OK;
    if (spec->widths_count < 2)
        return vx_fail(err, VX_ERR_CONFIG,
                       "model.residual: expected at least 2 hidden layers, model.widths has %zu",
                       spec->widths_count);
    for (size_t l = 1; l < spec->widths_count; l++)
        if (spec->widths[l] != spec->widths[0])
            return vx_fail(err, VX_ERR_CONFIG,
                           "model.residual: expected model.widths all the same, found %zu and %zu",
                           spec->widths[0], spec->widths[l]);
    return VX_OK;
}

/*
 * A_l = dropout(activation(norm(A_(l-1) W_l^T + b_l))), A_0 the features; norm and dropout when the
 * job has them. With residual, A_(l-1) is added to A_l from the second hidden layer on. The last
 * layer is W A + b alone.
 */
static vx_status build_mlp(const vx_model_spec *spec, VX_R(vx_network) * network, vx_error *err)
{
    vx_status status = check_dropout(spec, err);

    if (status == VX_OK)
        status = check_residual(spec, err);
    for (size_t l = 0; status == VX_OK && l < spec->widths_count; l++) {
        size_t skip = spec->residual ? VX_R(vx_network_layers)(network) : 0; /* 0 at the first */

        status = add_hidden(spec, spec->widths[l], start_before(spec->activation), spec->layer_norm,
                            skip, network, err);
    }
    return status == VX_OK ? add_outputs(spec, VX_START_GLOROT, network, err) : status;
}

const VX_R(vx_family) VX_R(vx_families)[] = {
    { "linear", build_linear },
    { "mlp", build_mlp },
    { "cnn", VX_R(vx_build_cnn) },
    { "lenet5", VX_R(vx_build_lenet5) },
    { "cnn_mnist", VX_R(vx_build_cnn_mnist) },
    { "resmlp", VX_R(vx_build_resmlp) },
    { "plugin", NULL },
    { NULL, NULL },
};
