#include "model_private.h"

#include <stdio.h>
#include <string.h>

#include <vx_base/alloc.h>
#include <vx_base/assert.h>

#ifndef VX_REAL_DOUBLE
size_t vx_model_family_count(void)
{
    size_t count = 0;

    while (vx_families[count].name != NULL)
        count++;
    return count;
}

const char *vx_model_family_name(size_t index)
{
    VX_ASSERT(index < vx_model_family_count());
    return vx_families[index].name;
}
#endif

static vx_status no_family(const char *name, vx_error *err)
{
    char list[256] = "";
    size_t used = 0;

    for (const VX_R(vx_family) *family = VX_R(vx_families); family->name != NULL; family++) {
        bool last = family[1].name == NULL;
        int size = snprintf(list + used, sizeof(list) - used, "%s%s",
                            used == 0 ? "" : (last ? " or " : ", "), family->name);

        VX_ASSERT(size > 0 && used + (size_t)size < sizeof(list));
        used += (size_t)size;
    }
    return vx_fail(err, VX_ERR_CONFIG, "model.family: expected %s, found '%s'", list, name);
}

static const VX_R(vx_family) * find_family(const char *name)
{
    for (const VX_R(vx_family) *family = VX_R(vx_families); family->name != NULL; family++)
        if (strcmp(family->name, name) == 0)
            return family;
    return NULL;
}

static vx_status build_network(VX_R(vx_model) * model, const vx_model_spec *spec, vx_error *err)
{
    const VX_R(vx_family) *family = find_family(spec->family);
    vx_shape image = spec->image;
    vx_status status = VX_OK;

    if (family == NULL)
        return no_family(spec->family, err);
    if (family->build == NULL)
        return vx_plugin_create(spec, sizeof(vx_real) != sizeof(float), &model->plugin, err);
    if (vx_shape_size(image) != spec->features)
        image = (vx_shape){ spec->features, 1, 1 };
    if (VX_R(vx_network_create)(image, spec->batch_max, &model->network) != VX_OK)
        return vx_fail(err, VX_ERR_NOMEM, "out of memory");
    status = family->build(spec, model->network, err);
    if (status != VX_OK)
        return status;
    VX_ASSERT(vx_shape_size(VX_R(vx_network_out)(model->network)) == vx_spec_outputs(spec));
    return VX_R(vx_network_finish)(model->network, err);
}

/* Are batches turned into rows of vx_real before the first layer? */
static bool needs_rows(const VX_R(vx_model) * model, const vx_model_spec *spec)
{
    return sizeof(vx_real) != sizeof(float) ||
           (spec->sparse && !VX_R(vx_model_takes_sparse)(model));
}

static vx_status check_spec(const vx_model_spec *spec, vx_error *err)
{
    if (!(spec->l2 >= 0.0 && spec->l2 <= 1e6))
        return vx_fail(err, VX_ERR_CONFIG, "model.l2: expected 0..1000000, found %g", spec->l2);
    if (spec->columns > 1 && strcmp(spec->family, "linear") != 0)
        return vx_fail(err, VX_ERR_CONFIG,
                       "model.columns: many models at once need family linear, found %s",
                       spec->family);
    if (spec->columns > VX_COLUMNS_MAX)
        return vx_fail(err, VX_ERR_LIMIT, "model.columns: expected at most %d, found %zu",
                       VX_COLUMNS_MAX, spec->columns);
    return VX_OK;
}

static vx_status take_weights(VX_R(vx_model) * model)
{
    size_t count = VX_R(vx_model_tensor_count)(model);

    model->weights = vx_calloc(count, sizeof(*model->weights));
    if (model->weights == NULL)
        return VX_ERR_NOMEM;
    for (size_t t = 0; t < count; t++) {
        vx_model_tensor tensor = VX_R(vx_model_tensor_at)(model, t);
        size_t size = 1;

        for (size_t k = 0; k < tensor.rank; k++)
            size *= tensor.shape[k];
        if (tensor.is_weight)
            model->weights[model->weights_count++] = (vx_range){ tensor.offset, size };
    }
    return VX_OK;
}

static vx_status take_memory(VX_R(vx_model) * model, const vx_model_spec *spec, vx_error *err)
{
    vx_status status = take_weights(model);

    model->columns = vx_calloc(model->head->columns, sizeof(*model->columns));
    if (needs_rows(model, spec))
        model->rows = vx_aligned_calloc(spec->batch_max, spec->features * sizeof(vx_real));
    if (status != VX_OK || model->columns == NULL ||
        (needs_rows(model, spec) && model->rows == NULL))
        return vx_fail(err, VX_ERR_NOMEM, "no memory for a batch of %zu x %zu", spec->batch_max,
                       spec->features);
    return VX_OK;
}

vx_status VX_R(vx_model_create)(const vx_model_spec *spec, VX_R(vx_model) * *ret_model,
                                vx_error *err)
{
    VX_R(vx_model) *model = NULL;
    vx_status status = check_spec(spec, err);

    VX_ASSERT(spec->batch_max >= 1);
    if (status != VX_OK)
        return status;
    model = vx_calloc(1, sizeof(*model));
    if (model == NULL)
        return vx_fail(err, VX_ERR_NOMEM, "out of memory");
    model->l2 = spec->l2;
    model->features = spec->features;
    model->targets = vx_spec_outputs(spec);
    model->batch_max = spec->batch_max;
    status = build_network(model, spec, err);
    if (status == VX_OK)
        status = vx_head_create(spec, &model->head, err);
    if (status == VX_OK)
        status = take_memory(model, spec, err);
    if (status != VX_OK) {
        VX_R(vx_model_destroy)(model);
        return status;
    }
    model->outputs = model->plugin != NULL ? vx_plugin_outputs(model->plugin) : model->targets;
    model->dimension = model->plugin != NULL ? vx_plugin_dimension(model->plugin)
                                             : VX_R(vx_network_dimension)(model->network);
    *ret_model = model;
    return VX_OK;
}

VX_R(vx_model) * VX_R(vx_model_destroy)(VX_R(vx_model) * model)
{
    if (model == NULL)
        return NULL;
    VX_R(vx_network_destroy)(model->network);
    vx_plugin_destroy(model->plugin);
    vx_head_destroy(model->head);
    vx_free(model->weights);
    vx_free(model->columns);
    vx_free(model->rows);
    vx_free(model);
    return NULL;
}

size_t VX_R(vx_model_dimension)(const VX_R(vx_model) * model)
{
    return model->dimension;
}

size_t VX_R(vx_model_outputs)(const VX_R(vx_model) * model)
{
    return model->outputs;
}

vx_likelihood VX_R(vx_model_likelihood)(const VX_R(vx_model) * model)
{
    return model->head->likelihood;
}

size_t VX_R(vx_model_tensor_count)(const VX_R(vx_model) * model)
{
    return model->plugin != NULL ? vx_plugin_tensor_count(model->plugin)
                                 : VX_R(vx_network_tensor_count)(model->network);
}

vx_model_tensor VX_R(vx_model_tensor_at)(const VX_R(vx_model) * model, size_t index)
{
    return model->plugin != NULL ? vx_plugin_tensor_at(model->plugin, index)
                                 : VX_R(vx_network_tensor_at)(model->network, index);
}

void VX_R(vx_model_initialise)(const VX_R(vx_model) * model, uint64_t seed, vx_rvec theta)
{
    VX_ASSERT(theta.n == model->dimension);
    if (model->plugin != NULL)
        VX_R(vx_plugin_initialise)(model->plugin, seed, theta);
    else
        VX_R(vx_network_initialise)(model->network, seed, theta);
}
