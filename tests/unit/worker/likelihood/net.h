#ifndef VX_TEST_LIKELIHOOD_NET_H
#define VX_TEST_LIKELIHOOD_NET_H
#include <vx_base/rng.h>
#include <vx_likelihood/model.h>

#define NET_WIDTH_MAX 64
#define NET_BATCH_MAX 16
#define NET_THETA_MAX 1024

/* The network written plainly, one observation after the other, everything in double. */
typedef struct net_result {
    double nll; /* weighted mean, nats */
    size_t correct;
    double kink; /* smallest |z| before an activation: relu has no slope at 0 */
} net_result;
net_result net_evaluate(const vx_model_spec *spec, const double *theta, const vx_batch *batch);

/* d nll / d theta_i by the central difference of net_evaluate, step h. */
double net_slope(const vx_model_spec *spec, const float *theta, size_t dimension,
                 const vx_batch *batch, size_t i, double h);

/* A batch of random observations, N(0, 1), in the classes 0..labels-1. */
typedef struct net_sample {
    float features[NET_BATCH_MAX * NET_WIDTH_MAX];
    uint32_t labels[NET_BATCH_MAX];
    float weights[NET_BATCH_MAX]; /* 0.25 to 4; the second is 0 */
} net_sample;
void net_sample_fill(net_sample *sample, vx_rng *rng, size_t count, size_t features, size_t labels);
vx_batch net_batch(const net_sample *sample, size_t from, size_t count, size_t features,
                   bool weighted);

vx_model *net_create(const vx_model_spec *spec);
void net_random(vx_rng *rng, double deviation, float *ret_theta, size_t dimension);
#endif
