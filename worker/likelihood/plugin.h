#ifndef VX_LIKELIHOOD_PLUGIN_H
#define VX_LIKELIHOOD_PLUGIN_H
#include <vx_likelihood/model.h>

/* A model that a shared library makes, behind vexil/model.h. Nothing that it says is believed
 * before it is checked. */
typedef struct vx_plugin vx_plugin;

/*
 * Loads spec->plugin and makes its model. in_double: the library must have gradient64.
 * VX_ERR_NOT_FOUND: no such file; VX_ERR_CONFIG: not a plugin, of another interface version, or
 * what it says of itself is impossible; VX_ERR_LIMIT: too many parameters or tensors; VX_ERR_NOMEM.
 * Runs code of the library.
 */
VX_MUST_CHECK vx_status vx_plugin_create(const vx_model_spec *spec, bool in_double,
                                         vx_plugin **ret_plugin, vx_error *err);
vx_plugin *vx_plugin_destroy(vx_plugin *plugin);

size_t vx_plugin_dimension(const vx_plugin *plugin);
size_t vx_plugin_outputs(const vx_plugin *plugin); /* 0: it predicts nothing */
size_t vx_plugin_tensor_count(const vx_plugin *plugin);
vx_model_tensor vx_plugin_tensor_at(const vx_plugin *plugin, size_t index);
void vx_plugin_initialise(const vx_plugin *plugin, uint64_t seed, vx_vecf theta);
void vx_plugin_initialise64(const vx_plugin *plugin, uint64_t seed, vx_vec theta);

/* features: those of the batch as rows. VX_ERR_NONFINITE: the library failed; the gradient is NaN.
 * ret_gradient.at is NULL when only the value is asked for. */
VX_MUST_CHECK vx_status vx_plugin_gradient(vx_plugin *plugin, vx_cvecf theta, vx_cmatf features,
                                           const vx_batch *batch, vx_vecf ret_gradient,
                                           double *ret_nll);
VX_MUST_CHECK vx_status vx_plugin_gradient64(vx_plugin *plugin, vx_cvec theta, vx_cmatf features,
                                             const vx_batch *batch, vx_vec ret_gradient,
                                             double *ret_nll);
/* VX_ERR_USAGE: it predicts nothing; VX_ERR_NONFINITE: the library failed, the outputs are NaN. */
VX_MUST_CHECK vx_status vx_plugin_predict(vx_plugin *plugin, vx_cvecf theta, vx_cmatf features,
                                          const vx_batch *batch, vx_matf ret_outputs);
/* Adds to the sums; the deviance is twice the nll. */
VX_MUST_CHECK vx_status vx_plugin_evaluate(vx_plugin *plugin, vx_cvecf theta, vx_cmatf features,
                                           const vx_batch *batch, vx_evaluation *evaluation);
#endif
