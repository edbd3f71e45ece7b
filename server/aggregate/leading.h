#ifndef VX_AGGREGATE_LEADING_H
#define VX_AGGREGATE_LEADING_H
#include "rule.h"

/*
 * The leading eigenpair of the scatter S(P) = sum over i in P of (x_i - mu_P) (x_i - mu_P)^T of
 * some rows P, by way of -1/2 H D_PP H, which has the same eigenvalue: Lanczos' method with every
 * vector kept orthogonal, from the eigenvector before on. A product with D is all that a step
 * costs.
 *
 * Golub and Van Loan, "Matrix Computations", 10.3: an eigenvalue of the small matrix is never above
 * the true one, and off by at most its residual.
 */
typedef struct vx_leading {
    const vx_geometry *g;
    vx_rule_work *work; /* overwrites values, values_more, square, square_third, two n of sums */
    const bool *marks;  /* (n) P */
    double *vector;     /* (n) unit, of sum 0, 0 beyond P; at first all 0. In and out */
    double value;       /* out, >= 0 */
    double *along;      /* (n) out of vx_leading_project */
    size_t products;    /* with D, of all calls so far */
} vx_leading;

/* Ends early, and returns false, once the eigenvalue is known to be at least `bound`. *ret_status
 * VX_ERR_NONFINITE: LAPACK did not converge. O(n^2) a step, at most 160 of them. */
bool vx_leading_find(vx_leading *leading, double bound, vx_status *ret_status);

/* along_i = <x_i - mu_P, d> for all rows, d the unit direction of the vector; 0 when value is. */
void vx_leading_project(vx_leading *leading);
#endif
