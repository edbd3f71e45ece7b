#include "plugin_private.h"

#include <dlfcn.h>
#include <string.h>

#include <vx_base/alloc.h>
#include <vx_base/file.h>

/* Compiled once. */

_Static_assert(sizeof((vexil_model_tensor){ 0 }.name) == VX_TENSOR_NAME_MAX, "vexil/model.h");
_Static_assert(VX_TENSOR_RANK_MAX == 4, "vexil/model.h");

typedef const vexil_model_table *entry_function(void);

static bool is_name(const char *name, size_t size_max, const char *also)
{
    size_t length = strnlen(name, size_max);

    if (length == 0 || length == size_max)
        return false;
    for (size_t i = 0; i < length; i++)
        if (!(name[i] >= 'a' && name[i] <= 'z') && !(name[i] >= '0' && name[i] <= '9') &&
            strchr(also, name[i]) == NULL)
            return false;
    return true;
}

static vx_status open_library(vx_plugin *plugin, const char *path, vx_error *err)
{
    const uint32_t *abi = NULL;

    if (path == NULL || strchr(path, '/') == NULL)
        return vx_fail(err, VX_ERR_CONFIG,
                       "model.plugin: expected the path of a shared library, "
                       "with a slash, found '%s'",
                       path != NULL ? path : "");
    if (!vx_file_exists(path))
        return vx_fail(err, VX_ERR_NOT_FOUND, "model.plugin: no such file: %s", path);
    plugin->library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (plugin->library == NULL)
        return vx_fail(err, VX_ERR_CONFIG, "model.plugin: %s", dlerror());
    abi = dlsym(plugin->library, "vexil_model_abi");
    if (abi == NULL)
        return vx_fail(err, VX_ERR_CONFIG,
                       "model.plugin: %s has no symbol vexil_model_abi; see vexil/model.h", path);
    if (*abi != VEXIL_MODEL_ABI)
        return vx_fail(err, VX_ERR_CONFIG,
                       "model.plugin: %s is made for interface version %u, this Vexil has %u; "
                       "compile it anew",
                       path, (unsigned)*abi, VEXIL_MODEL_ABI);
    return VX_OK;
}

/* ISO C has no way from an object's address to a function's. */
static entry_function *entry_of(void *library)
{
    void *symbol = dlsym(library, "vexil_model_entry");
    entry_function *entry = NULL;

    memcpy(&entry, &symbol, sizeof(entry));
    return entry;
}

static vx_status take_table(vx_plugin *plugin, const char *path, vx_error *err)
{
    entry_function *entry = entry_of(plugin->library);
    const vexil_model_table *table = NULL;

    if (entry == NULL)
        return vx_fail(err, VX_ERR_CONFIG,
                       "model.plugin: %s has no symbol vexil_model_entry; see vexil/model.h", path);
    table = entry();
    if (table == NULL || table->size < sizeof(*table))
        return vx_fail(err, VX_ERR_CONFIG, "model.plugin: %s gives no table of %zu bytes", path,
                       sizeof(*table));
    if (table->name == NULL || !is_name(table->name, VX_NAME_MAX, "_"))
        return vx_fail(err, VX_ERR_CONFIG,
                       "model.plugin: %s: its name is not 1..63 bytes of [a-z0-9_]", path);
    if (table->create == NULL || table->destroy == NULL || table->dimension == NULL ||
        table->tensor_count == NULL || table->tensor_at == NULL || table->initialise == NULL ||
        table->gradient == NULL)
        return vx_fail(err, VX_ERR_CONFIG,
                       "model.plugin: %s lacks a function that is required: create, destroy, "
                       "dimension, tensor_count, tensor_at, initialise, gradient",
                       table->name);
    if ((table->outputs == NULL) != (table->predict == NULL))
        return vx_fail(err, VX_ERR_CONFIG,
                       "model.plugin: %s has one of outputs and predict; expected both or none",
                       table->name);
    plugin->table = table;
    return VX_OK;
}

static vx_status make_model(vx_plugin *plugin, const vx_model_spec *spec, vx_error *err)
{
    const vexil_model_data data = { spec->features, spec->outputs_data, plugin->classes,
                                    spec->batch_max };
    const char *options = spec->options != NULL ? spec->options : "";
    char message[200] = "";

    if (plugin->table->create(&data, options, &plugin->self, message, sizeof(message)) != 0) {
        message[sizeof(message) - 1] = '\0';
        for (char *at = message; *at != '\0'; at++)
            *at = *at >= ' ' && *at <= '~' ? *at : '?';
        plugin->self = NULL;
        return vx_fail(err, VX_ERR_CONFIG, "model.plugin: %s: %s", plugin->table->name,
                       message[0] != '\0' ? message : "it does not say why it fails");
    }
    if (plugin->self == NULL)
        return vx_fail(err, VX_ERR_CONFIG, "model.plugin: %s gives no model", plugin->table->name);
    return VX_OK;
}

/* A checkpoint is a safetensors file: it has each name once, and takes one for its notes. */
static vx_status check_name(const vx_plugin *plugin, size_t index, const char *name, vx_error *err)
{
    if (strcmp(name, "__metadata__") == 0)
        return vx_fail(err, VX_ERR_CONFIG,
                       "model.plugin: %s: tensor %zu cannot be called __metadata__",
                       plugin->table->name, index);
    for (size_t t = 0; t < index; t++)
        if (strcmp(plugin->tensors[t].name, name) == 0)
            return vx_fail(err, VX_ERR_CONFIG,
                           "model.plugin: %s: tensors %zu and %zu are both called %s",
                           plugin->table->name, t, index, name);
    return VX_OK;
}

/* One tensor, at offset; *ret_size its numbers. */
static vx_status take_tensor(vx_plugin *plugin, size_t index, size_t offset, size_t *ret_size,
                             vx_error *err)
{
    const char *name = plugin->table->name;
    vexil_model_tensor given = { .rank = 0 };
    vx_model_tensor *own = &plugin->tensors[index];
    size_t size = 1;
    vx_status status = VX_OK;

    if (plugin->table->tensor_at(plugin->self, index, &given) != 0)
        return vx_fail(err, VX_ERR_CONFIG, "model.plugin: %s does not tell tensor %zu", name,
                       index);
    if (!is_name(given.name, sizeof(given.name), "_.ABCDEFGHIJKLMNOPQRSTUVWXYZ"))
        return vx_fail(err, VX_ERR_CONFIG,
                       "model.plugin: %s: the name of tensor %zu is not 1..95 bytes of "
                       "[A-Za-z0-9_.]",
                       name, index);
    status = check_name(plugin, index, given.name, err);
    if (status != VX_OK)
        return status;
    if (given.rank < 1 || given.rank > VX_TENSOR_RANK_MAX)
        return vx_fail(err, VX_ERR_CONFIG, "model.plugin: %s: %s has rank %zu, expected 1..4", name,
                       given.name, given.rank);
    *own = (vx_model_tensor){ .rank = given.rank,
                              .offset = offset,
                              .is_weight = given.is_weight != 0 };
    memcpy(own->name, given.name, sizeof(own->name));
    for (size_t k = 0; k < given.rank; k++) {
        if (given.shape[k] == 0 || given.shape[k] > (plugin->dimension - offset) / size)
            return vx_fail(err, VX_ERR_CONFIG,
                           "model.plugin: %s: %s does not fit into %zu parameters", name,
                           given.name, plugin->dimension);
        size *= given.shape[k];
        own->shape[k] = given.shape[k];
    }
    *ret_size = size;
    return VX_OK;
}

static vx_status take_tensors(vx_plugin *plugin, vx_error *err)
{
    const char *name = plugin->table->name;
    size_t offset = 0;

    plugin->dimension = plugin->table->dimension(plugin->self);
    plugin->tensors_count = plugin->table->tensor_count(plugin->self);
    if (plugin->dimension == 0)
        return vx_fail(err, VX_ERR_CONFIG, "model.plugin: %s has no parameters", name);
    if (plugin->dimension > VX_DIMENSION_MAX)
        return vx_fail(err, VX_ERR_LIMIT, "model.plugin: %s has more than %llu parameters", name,
                       VX_DIMENSION_MAX);
    if (plugin->tensors_count == 0 || plugin->tensors_count > VX_TENSORS_MAX)
        return vx_fail(err, VX_ERR_LIMIT, "model.plugin: %s has %zu tensors, expected 1..%d", name,
                       plugin->tensors_count, VX_TENSORS_MAX);
    plugin->tensors = vx_calloc(plugin->tensors_count, sizeof(*plugin->tensors));
    if (plugin->tensors == NULL)
        return vx_fail(err, VX_ERR_NOMEM, "out of memory");
    for (size_t t = 0; t < plugin->tensors_count; t++) {
        size_t size = 0;
        vx_status status = take_tensor(plugin, t, offset, &size, err);

        if (status != VX_OK)
            return status;
        offset += size;
    }
    if (offset != plugin->dimension)
        return vx_fail(err, VX_ERR_CONFIG,
                       "model.plugin: %s has %zu parameters, its tensors hold %zu", name,
                       plugin->dimension, offset);
    return VX_OK;
}

static vx_status take_outputs(vx_plugin *plugin, const vx_model_spec *spec, vx_error *err)
{
    size_t outputs = 0;

    if (plugin->table->predict == NULL)
        return VX_OK;
    outputs = plugin->table->outputs(plugin->self);
    if (outputs == 0 || outputs > VX_DIMENSION_MAX ||
        (plugin->classes && outputs != spec->outputs_data))
        return vx_fail(err, VX_ERR_CONFIG, "model.plugin: %s predicts %zu numbers, expected %s",
                       plugin->table->name, outputs,
                       plugin->classes ? "one a class" : "at least 1");
    plugin->outputs = outputs;
    plugin->predicted = vx_aligned_calloc(spec->batch_max, outputs * sizeof(float));
    return plugin->predicted != NULL ? VX_OK : vx_fail(err, VX_ERR_NOMEM, "out of memory");
}

static vx_status check_spec(const vx_model_spec *spec, vx_error *err)
{
    if (spec->loss.kind != VX_LOSS_NLL)
        return vx_fail(err, VX_ERR_CONFIG,
                       "model.loss: a plugin has its own; expected nll with family plugin");
    return VX_OK;
}

vx_status vx_plugin_create(const vx_model_spec *spec, bool in_double, vx_plugin **ret_plugin,
                           vx_error *err)
{
    vx_plugin *plugin = NULL;
    vx_status status = check_spec(spec, err);

    if (status != VX_OK)
        return status;
    plugin = vx_calloc(1, sizeof(*plugin));
    if (plugin == NULL)
        return vx_fail(err, VX_ERR_NOMEM, "out of memory");
    plugin->classes = spec->likelihood == VX_LIKELIHOOD_CATEGORICAL;
    plugin->batch_max = spec->batch_max;
    status = open_library(plugin, spec->plugin, err);
    if (status == VX_OK)
        status = take_table(plugin, spec->plugin, err);
    if (status == VX_OK && in_double && plugin->table->gradient64 == NULL)
        status =
            vx_fail(err, VX_ERR_CONFIG, "model.plugin: %s has no gradient64; a check needs one",
                    plugin->table->name);
    if (status == VX_OK)
        status = make_model(plugin, spec, err);
    if (status == VX_OK)
        status = take_tensors(plugin, err);
    if (status == VX_OK)
        status = take_outputs(plugin, spec, err);
    if (status == VX_OK && in_double) {
        plugin->theta = vx_calloc(plugin->dimension, sizeof(float));
        if (plugin->theta == NULL)
            status = vx_fail(err, VX_ERR_NOMEM, "no memory for %zu parameters", plugin->dimension);
    }
    if (status != VX_OK) {
        vx_plugin_destroy(plugin);
        return status;
    }
    *ret_plugin = plugin;
    return VX_OK;
}

vx_plugin *vx_plugin_destroy(vx_plugin *plugin)
{
    if (plugin == NULL)
        return NULL;
    if (plugin->self != NULL)
        plugin->table->destroy(plugin->self);
    if (plugin->library != NULL)
        dlclose(plugin->library);
    vx_free(plugin->tensors);
    vx_free(plugin->theta);
    vx_free(plugin->predicted);
    vx_free(plugin);
    return NULL;
}
