#ifndef VX_GRADIENT_GRADIENT_H
#define VX_GRADIENT_GRADIENT_H
#include <stdbool.h>
#include <stdint.h>

#include <vx_base/span.h>
#include <vx_base/status.h>

/*
 * What a worker does to its gradient before it is sent.
 *
 * Momentum in the worker: m_t = beta m_s + (1 - beta) g_t with m_1 = g_1 (Karimireddy, He, Jaggi,
 * ICML 2021, algorithm 2), s the newest round whose m entered an aggregate: it is m that is sent.
 * Without it no rule withstands small attacks that accumulate.
 *
 * A state is named by a label: 1 + its round; 0 = none yet. Two are held: the base, which the next
 * m is made of, and the other one: the newest m while it is not accepted, or the base before it. So
 * a round that is asked for again is made of the same base, and its bits are the same.
 */
typedef struct vx_momentum vx_momentum;
VX_MUST_CHECK vx_status vx_momentum_create(double beta, size_t dimension,
                                           vx_momentum **ret_momentum,
                                           vx_error *err); /* VX_ERR_DOMAIN: beta outside [0, 1) */
vx_momentum *vx_momentum_destroy(vx_momentum *momentum);

/* gradient (d): g_t in, m_t out; m_t is kept as the other state, labelled round + 1. beta = 0
 * leaves the gradient as it is and keeps nothing. A non-finite gradient is passed through and not
 * kept: one overflow does not spoil every later round. O(d), no allocation. */
void vx_momentum_apply(vx_momentum *momentum, uint64_t round, vx_vecf gradient);
/* m of this round has entered: it becomes the base, when it is held. */
void vx_momentum_accept(vx_momentum *momentum, uint64_t round);
/* The state with this label becomes the base; label 0 begins anew. False: it is not held, nothing
 * changes. Always true with beta = 0. */
bool vx_momentum_rebase(vx_momentum *momentum, uint64_t label);
/* state (d) with this label, > 0, becomes the base; nothing else is held. */
void vx_momentum_restore(vx_momentum *momentum, uint64_t label, vx_cvecf state);
uint64_t vx_momentum_base(const vx_momentum *momentum); /* labels */
uint64_t vx_momentum_other(const vx_momentum *momentum);

/* Scales v to norm_max when it is longer: v min(1, norm_max / ||v||). norm_max = 0: no limit.
 * Returns the norm before. */
double vx_clip_norm(vx_vecf v, double norm_max);
#endif
