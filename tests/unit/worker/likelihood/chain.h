#ifndef VX_TEST_LIKELIHOOD_CHAIN_H
#define VX_TEST_LIKELIHOOD_CHAIN_H
/* Layers in a row, in double, without a family around them: include before other headers of the
 * room. */
#define VX_REAL_DOUBLE
#include <layer.h>
#include <network.h>

typedef struct chain {
    vx_network64 *network;
    vx_pass pass;
    vx_mat features, outputs,
        delta; /* delta: random, d loss / d outputs of loss = delta . outputs */
    vx_vec theta, gradient;
} chain;

/* Random features, theta and delta, all N(0, 1). training is on; observations are 0, 1, ... */
chain chain_create(vx_shape in, const vx_layer64 *layers, size_t count, size_t rows);
void chain_destroy(chain *c);
/* outputs = those of features and theta. */
void chain_forward(chain *c);
/* gradient = d (delta . outputs) / d theta, after a forward. */
void chain_backward(chain *c);
/* The gradient is what differences of fourth order say, within 1e-9 of its largest entry. */
void chain_check_slopes(chain *c);
#endif
