#ifndef VX_GRADIENT_GRADIENT_H
#define VX_GRADIENT_GRADIENT_H
#include <stdbool.h>
#include <stdint.h>

#include <vx_base/span.h>
#include <vx_base/status.h>

/*
 * What a worker does to its gradient before it is sent.
 *
 * Momentum in the worker: m_t = beta m_(t-1) + (1 - beta) g_t with m_1 = g_1 (Karimireddy, He,
 * Jaggi, ICML 2021, algorithm 2): it is m that is sent. Without it no rule withstands small attacks
 * that accumulate. A new incarnation begins anew with its first gradient.
 */
typedef struct vx_momentum vx_momentum;
VX_MUST_CHECK vx_status vx_momentum_create(double beta, size_t dimension,
                                           vx_momentum **ret_momentum,
                                           vx_error *err); /* VX_ERR_DOMAIN: beta outside [0, 1) */
vx_momentum *vx_momentum_destroy(vx_momentum *momentum);
/* gradient (d): g_t in, m_t out. beta = 0 leaves it as it is. A non-finite gradient is passed
 * through and does not enter the state: one overflow does not spoil every later round. O(d), no
 * allocation. */
void vx_momentum_apply(vx_momentum *momentum, vx_vecf gradient);

/* Scales v to norm_max when it is longer: v min(1, norm_max / ||v||). norm_max = 0: no limit.
 * Returns the norm before. */
double vx_clip_norm(vx_vecf v, double norm_max);
#endif
