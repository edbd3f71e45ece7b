#include "family.h"

typedef VX_R(vx_layer) layer;
typedef VX_R(vx_network) network_of;

static vx_status check_image(const vx_model_spec *spec, vx_error *err)
{
    vx_shape image = spec->image;

    if (image.channels == 0 || image.height == 0 || image.width == 0)
        return vx_fail(err, VX_ERR_CONFIG,
                       "model.family: %s takes images; the observations of data are %zu numbers "
                       "without channels, height and width",
                       spec->family, spec->features);
    if (image.height > VX_DIMENSION_MAX / image.width ||
        image.channels > VX_DIMENSION_MAX / (image.height * image.width) ||
        vx_shape_size(image) != spec->features)
        return vx_fail(err, VX_ERR_CONFIG,
                       "model.family: %s takes images; %zu x %zu x %zu numbers are not the %zu of "
                       "an observation",
                       spec->family, image.channels, image.height, image.width, spec->features);
    return VX_OK;
}

/* Channels together at the start, apart again before dense layers; where there is something to do.
 */
static vx_status reorder(const VX_R(vx_layer_kind) * kind, network_of *network, vx_error *err)
{
    vx_shape shape = VX_R(vx_network_out)(network);

    if (shape.channels == 1 || shape.height * shape.width == 1)
        return VX_OK;
    return VX_R(vx_network_add)(network, (layer){ .kind = kind }, err);
}

static vx_status begin_image(const vx_model_spec *spec, network_of *network, vx_error *err)
{
    vx_status status = check_image(spec, err);

    return status == VX_OK ? reorder(&VX_R(vx_layer_interleave), network, err) : status;
}

/*
 * Pooling by the largest lets the larger half of the signals through. With the starts that keep the
 * variance before plain activations (He, Glorot) the first gradients of these networks were up to
 * 68 long, and step sizes that are published for them ended in outputs that did not depend on the
 * image. So all their weights and biases start uniform in +-1 / sqrt(fan_in), as in PyTorch, in
 * which those step sizes were found.
 */
static vx_status add_conv(size_t channels, size_t kernel, size_t padding, network_of *network,
                          vx_error *err)
{
    return VX_R(vx_network_add)(network,
                                (layer){ .kind = &VX_R(vx_layer_conv),
                                         .units = channels,
                                         .kernel = kernel,
                                         .stride = 1,
                                         .padding = padding,
                                         .start = VX_START_FAN_IN },
                                err);
}

/*
 * Activation, then pooling by 2. The largest of the activations is the activation of the largest
 * when that grows (relu, tanh): then pooling comes first, with a quarter of the activations.
 */
static vx_status add_pool(const vx_model_spec *spec, network_of *network, vx_error *err)
{
    bool first = spec->pool == VX_POOL_MAX && spec->activation != VX_ACTIVATION_GELU;
    layer pool = { .kind = &VX_R(vx_layer_pool), .kernel = 2, .pool = spec->pool };
    layer activation = { .kind = &VX_R(vx_layer_activation), .activation = spec->activation };
    vx_status status = VX_R(vx_network_add)(network, first ? pool : activation, err);

    return status == VX_OK ? VX_R(vx_network_add)(network, first ? activation : pool, err) : status;
}

static vx_status add_block(const vx_model_spec *spec, size_t channels, size_t kernel,
                           size_t padding, network_of *network, vx_error *err)
{
    vx_status status = add_conv(channels, kernel, padding, network, err);

    return status == VX_OK ? add_pool(spec, network, err) : status;
}

static vx_status end_image(const vx_model_spec *spec, const size_t *widths, size_t count,
                           network_of *network, vx_error *err)
{
    vx_status status = reorder(&VX_R(vx_layer_planar), network, err);

    return status == VX_OK ? VX_R(vx_add_dense)(spec, widths, count, VX_START_FAN_IN, network, err)
                           : status;
}

/* Convolutions with kernel / 2 zeros around the image (an odd kernel keeps its size), each with
 * activation and pooling by 2; dense layers of the widths. */
vx_status VX_R(vx_build_cnn)(const vx_model_spec *spec, network_of *network, vx_error *err)
{
    vx_status status = begin_image(spec, network, err);

    if (status == VX_OK && spec->channels_count == 0)
        return vx_fail(err, VX_ERR_CONFIG, "model.channels: expected at least 1 convolution");
    for (size_t l = 0; status == VX_OK && l < spec->channels_count; l++)
        status = add_block(spec, spec->channels[l], spec->kernel, spec->kernel / 2, network, err);
    if (status != VX_OK)
        return status;
    return end_image(spec, spec->widths, spec->widths_count, network, err);
}

/*
 * LeCun, Bottou, Bengio, Haffner, 1998, as it is commonly built: each map of the second convolution
 * sees all maps of the first, pooling has no parameters, the outputs are a softmax. The original's
 * images are 32 x 32; smaller ones of 28 x 28 get 2 zeros around.
 */
vx_status VX_R(vx_build_lenet5)(const vx_model_spec *spec, network_of *network, vx_error *err)
{
    static const size_t widths[] = { 120, 84 };
    size_t edge = spec->image.height;
    vx_status status = begin_image(spec, network, err);

    if (status == VX_OK && (edge != spec->image.width || (edge != 28 && edge != 32)))
        return vx_fail(err, VX_ERR_CONFIG,
                       "model.family: lenet5 takes images of 28 x 28 or 32 x 32, found %zu x %zu",
                       edge, spec->image.width);
    if (status == VX_OK)
        status = add_block(spec, 6, 5, edge == 28 ? 2 : 0, network, err);
    if (status == VX_OK)
        status = add_block(spec, 16, 5, 0, network, err);
    return status == VX_OK ? end_image(spec, widths, 2, network, err) : status;
}

/* The network of the benchmark of ByzFL (Gonzalez et al., 2025): 431,080 parameters. */
vx_status VX_R(vx_build_cnn_mnist)(const vx_model_spec *spec, network_of *network, vx_error *err)
{
    static const size_t width = 500;
    vx_shape image = spec->image;
    vx_status status = begin_image(spec, network, err);

    if (status == VX_OK && (image.channels != 1 || image.height != 28 || image.width != 28))
        return vx_fail(err, VX_ERR_CONFIG,
                       "model.family: cnn_mnist takes images of 1 x 28 x 28, found %zu x %zu x %zu",
                       image.channels, image.height, image.width);
    if (status == VX_OK)
        status = add_block(spec, 20, 5, 0, network, err);
    if (status == VX_OK)
        status = add_block(spec, 50, 5, 0, network, err);
    return status == VX_OK ? end_image(spec, &width, 1, network, err) : status;
}

static vx_status add_affine(double scale, size_t skip, network_of *network, vx_error *err)
{
    return VX_R(vx_network_add)(
        network, (layer){ .kind = &VX_R(vx_layer_affine), .rate = scale, .skip = skip }, err);
}

/* A linear map of each patch by itself. */
static vx_status add_pointwise(size_t units, vx_layer_start start, network_of *network,
                               vx_error *err)
{
    return VX_R(vx_network_add)(network,
                                (layer){ .kind = &VX_R(vx_layer_conv),
                                         .units = units,
                                         .kernel = 1,
                                         .stride = 1,
                                         .start = start },
                                err);
}

#define EXPANSION 4 /* hidden numbers of a patch for each of its embedding: that of the paper */

/* Z = X + A_z(W1 across patches of Aff(X)). */
static vx_status add_mixing(const vx_model_spec *spec, network_of *network, vx_error *err)
{
    size_t skip = VX_R(vx_network_layers)(network);
    vx_status status = add_affine(1.0, 0, network, err);

    if (status == VX_OK)
        status = VX_R(vx_network_add)(
            network, (layer){ .kind = &VX_R(vx_layer_across), .start = VX_START_GLOROT }, err);
    return status == VX_OK ? add_affine(spec->residual_scale, skip, network, err) : status;
}

/* Y = Z + A_y(W3 GELU(W2 Aff(Z))). */
static vx_status add_channels(const vx_model_spec *spec, network_of *network, vx_error *err)
{
    size_t skip = VX_R(vx_network_layers)(network);
    layer gelu = { .kind = &VX_R(vx_layer_activation), .activation = VX_ACTIVATION_GELU };
    vx_status status = add_affine(1.0, 0, network, err);

    if (status == VX_OK)
        status = add_pointwise(EXPANSION * spec->hidden, VX_START_HE, network, err);
    if (status == VX_OK)
        status = VX_R(vx_network_add)(network, gelu, err);
    if (status == VX_OK)
        status = add_pointwise(spec->hidden, VX_START_GLOROT, network, err);
    return status == VX_OK ? add_affine(spec->residual_scale, skip, network, err) : status;
}

static vx_status check_resmlp(const vx_model_spec *spec, vx_error *err)
{
    size_t patch = spec->patch;

    if (spec->hidden == 0 || spec->hidden > VX_DIMENSION_MAX)
        return vx_fail(err, VX_ERR_CONFIG, "model.hidden: expected 1 to %llu, found %zu",
                       VX_DIMENSION_MAX, spec->hidden);
    if (patch == 0 || spec->image.height % patch != 0 || spec->image.width % patch != 0)
        return vx_fail(err, VX_ERR_CONFIG,
                       "model.patch: %zu does not divide the image of %zu x %zu", patch,
                       spec->image.height, spec->image.width);
    return VX_OK;
}

/*
 * Touvron et al., "ResMLP: feedforward networks for image classification with data-efficient
 * training", 2021: patches embedded linearly in `hidden` numbers, blocks of the two maps above, the
 * mean over patches, softmax. A_z and A_y start with the scale residual_scale.
 */
vx_status VX_R(vx_build_resmlp)(const vx_model_spec *spec, network_of *network, vx_error *err)
{
    layer embed = { .kind = &VX_R(vx_layer_conv),
                    .units = spec->hidden,
                    .kernel = spec->patch,
                    .stride = spec->patch,
                    .start = VX_START_GLOROT };
    vx_status status = check_image(spec, err);

    if (status == VX_OK)
        status = check_resmlp(spec, err);
    if (status == VX_OK)
        status = begin_image(spec, network, err);
    if (status == VX_OK)
        status = VX_R(vx_network_add)(network, embed, err);
    for (size_t l = 0; status == VX_OK && l < spec->blocks; l++) {
        status = add_mixing(spec, network, err);
        if (status == VX_OK)
            status = add_channels(spec, network, err);
    }
    if (status == VX_OK)
        status = VX_R(vx_network_add)(network, (layer){ .kind = &VX_R(vx_layer_mean) }, err);
    return status == VX_OK ? VX_R(vx_add_dense)(spec, NULL, 0, VX_START_GLOROT, network, err)
                           : status;
}
