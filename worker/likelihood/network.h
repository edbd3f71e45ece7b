#ifndef VX_LIKELIHOOD_NETWORK_H
#define VX_LIKELIHOOD_NETWORK_H
#include "layer.h"

/*
 * A network: layers one after the other, theta (d) -> outputs (rows, outputs). It owns activations
 * and deltas of one batch; all memory is taken in create and finish.
 */
typedef struct VX_R(vx_network) VX_R(vx_network);

/* An empty one for observations of this shape. VX_ERR_NOMEM. */
VX_MUST_CHECK vx_status VX_R(vx_network_create)(vx_shape in, size_t batch_max,
                                                VX_R(vx_network) * *ret_network);
VX_R(vx_network) * VX_R(vx_network_destroy)(VX_R(vx_network) * network);

/* Appends a layer with these options; the network fills in the rest. VX_ERR_CONFIG: it does not fit
 * to the layer before, or its skip does not; VX_ERR_LIMIT: more than VX_DIMENSION_MAX parameters or
 * VX_TENSORS_MAX tensors; VX_ERR_NOMEM. */
VX_MUST_CHECK vx_status VX_R(vx_network_add)(VX_R(vx_network) * network, VX_R(vx_layer) options,
                                             vx_error *err);
size_t VX_R(vx_network_layers)(const VX_R(vx_network) * network); /* so far: for skips */
vx_shape VX_R(vx_network_out)(const VX_R(vx_network) * network);  /* of the last layer so far */

/* Takes the memory of a batch. VX_ERR_NOMEM. */
VX_MUST_CHECK vx_status VX_R(vx_network_finish)(VX_R(vx_network) * network, vx_error *err);

size_t VX_R(vx_network_dimension)(const VX_R(vx_network) * network);
size_t VX_R(vx_network_tensor_count)(const VX_R(vx_network) * network);
vx_model_tensor VX_R(vx_network_tensor_at)(const VX_R(vx_network) * network, size_t index);
void VX_R(vx_network_initialise)(const VX_R(vx_network) * network, uint64_t seed, vx_rvec theta);
bool VX_R(vx_network_takes_sparse)(const VX_R(vx_network) * network);

/* features (rows, in); its at is NULL when pass->sparse is used. *ret_outputs (rows, outputs) is
 * the network's own, until the next call; its caller may write d loss / d outputs over it. */
VX_MUST_CHECK vx_status VX_R(vx_network_forward)(VX_R(vx_network) * network, const vx_pass *pass,
                                                 vx_rcvec theta, vx_rcmat features,
                                                 vx_rmat *ret_outputs);
/* After a forward of the same pass: delta (rows, outputs) = d loss / d outputs, overwritten;
 * gradient (d), overwritten; flow, when not NULL, is told of the parameters of each layer. */
VX_MUST_CHECK vx_status VX_R(vx_network_backward)(VX_R(vx_network) * network, const vx_pass *pass,
                                                  vx_rcvec theta, vx_rcmat features, vx_rmat delta,
                                                  vx_rvec gradient, const vx_flow *flow);
#endif
