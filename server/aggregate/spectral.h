#ifndef VX_AGGREGATE_SPECTRAL_H
#define VX_AGGREGATE_SPECTRAL_H
#include "rule.h"

/*
 * The largest eigenvalue of sum over i of c_i (x_i - mu) (x_i - mu)^T, mu = sum of c_i x_i, and
 * with its eigenvector v the squared projections ((x_i - mu)^T v)^2 of all rows; both from the
 * weighted centred products, v is never formed. c (n) >= 0, summing to 1. All projections are 0
 * where the eigenvalue is. ret_projection (n). Overwrites values, values_more, order and the three
 * squares of work. VX_ERR_NONFINITE: LAPACK did not converge.
 *
 * O(n^2 + m^3) for m rows of weight.
 */
VX_MUST_CHECK vx_status vx_spectral_top(const vx_geometry *g, const double *c, vx_rule_work *work,
                                        double *ret_largest, double *ret_projection);
#endif
