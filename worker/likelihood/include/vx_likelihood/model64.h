#ifndef VX_LIKELIHOOD_MODEL64_H
#define VX_LIKELIHOOD_MODEL64_H
#include <vx_likelihood/model.h>

/*
 * The models of vx_likelihood/model.h from the same sources in double: what their gradients are
 * checked with. Batches are the same (floats are exact in double); theta, gradient and outputs are
 * double. Each call is that of model.h without the 64.
 */
typedef struct vx_model64 vx_model64;

VX_MUST_CHECK vx_status vx_model_create64(const vx_model_spec *spec, vx_model64 **ret_model,
                                          vx_error *err);
vx_model64 *vx_model_destroy64(vx_model64 *model);
size_t vx_model_dimension64(const vx_model64 *model);
size_t vx_model_outputs64(const vx_model64 *model);
vx_likelihood vx_model_likelihood64(const vx_model64 *model);
size_t vx_model_tensor_count64(const vx_model64 *model);
vx_model_tensor vx_model_tensor_at64(const vx_model64 *model, size_t index);
void vx_model_initialise64(const vx_model64 *model, uint64_t seed, vx_vec theta);
VX_MUST_CHECK vx_status vx_model_loss_gradient64(vx_model64 *model, vx_cvec theta,
                                                 const vx_batch *batch, vx_vec ret_gradient,
                                                 vx_model_value *ret_value);
VX_MUST_CHECK vx_status vx_model_nll_gradient64(vx_model64 *model, vx_cvec theta,
                                                const vx_batch *batch, vx_vec ret_gradient,
                                                double *ret_nll);
VX_MUST_CHECK vx_status vx_model_predict64(vx_model64 *model, vx_cvec theta, const vx_batch *batch,
                                           vx_mat ret_outputs);
VX_MUST_CHECK vx_status vx_model_evaluate64(vx_model64 *model, vx_cvec theta, const vx_batch *batch,
                                            vx_evaluation *evaluation);
VX_MUST_CHECK vx_status vx_model_evaluate_columns64(vx_model64 *model, vx_cvec theta,
                                                    const vx_batch *batch,
                                                    vx_evaluation *evaluations);
#endif
