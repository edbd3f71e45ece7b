#ifndef VX_ORACLE_SVD_H
#define VX_ORACLE_SVD_H
#include <vx_base/span.h>

/*
 * Left singular vectors by one-sided Jacobi (Hestenes 1958). columns (q, d): row k is the k-th
 * column of the matrix; overwritten by sigma_k times the k-th left singular vector, largest sigma
 * first. ret_sigma (q).
 */
void vx_oracle_svd(vx_mat columns, double *ret_sigma);
#endif
