#ifndef VX_LINALG_EIGEN_H
#define VX_LINALG_EIGEN_H
#include <vx_base/span.h>
#include <vx_base/status.h>

/*
 * Eigenpairs of a symmetric matrix, largest eigenvalue first, by LAPACK's dsyev, beyond 128 rows
 * dsyevd, with work memory taken at creation: no allocation in a round. Signs of eigenvectors are
 * fixed (largest component positive, lowest index on a tie).
 */
typedef struct vx_eigen vx_eigen;
VX_MUST_CHECK vx_status vx_eigen_create(size_t n_max, vx_eigen **ret_eigen);
vx_eigen *vx_eigen_destroy(vx_eigen *eigen); /* takes NULL, returns NULL */

/* a (n, n), only its lower triangle is read; ret_values (n); ret_vectors (n, n): row k is the k-th
 * eigenvector. VX_ERR_SHAPE; VX_ERR_NONFINITE when a holds infinity or NaN or LAPACK does not
 * converge. O(n^3). The bits do not depend on the threads of OpenBLAS: it has one meanwhile, in the
 * whole process, and then as many as before. */
VX_MUST_CHECK vx_status vx_eigen_solve(vx_eigen *eigen, vx_cmat a, vx_vec ret_values,
                                       vx_mat ret_vectors);

/* Lower Cholesky factor F with a = F F^T in place of ret_factor (n, n), upper part zeroed.
 * VX_ERR_DOMAIN when a is not positive definite. */
VX_MUST_CHECK vx_status vx_cholesky(vx_cmat a, vx_mat ret_factor);
#endif
