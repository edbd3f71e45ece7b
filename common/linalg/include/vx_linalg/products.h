#ifndef VX_LINALG_PRODUCTS_H
#define VX_LINALG_PRODUCTS_H
#include <vx_linalg/parallel.h>
#include <vx_linalg/rowset.h>

/*
 * What a rule needs of n rows x_i of length d:
 *
 *     K_ij = <x_i, x_j>,   D_ij = ||x_i - x_j||^2,   both (n, n), symmetric to the bit, in double.
 *
 * With u = 2^-53 and to the first order, whatever d is, while no square of a double under- or
 * overflows (squares of float32 do neither):
 *
 *     |error of K_ij| <= 36 u sum over k of |x_ik x_jk|,
 *     |error of D_ij| <= 2^17 u D_ij < 1.5e-11 D_ij
 *
 * (shown in products.c). Where rows share a large common part, D is summed from differences, block
 * of columns by block, and not taken as K_ii + K_jj - 2 K_ij: so rules that look at distances keep
 * their digits when the rows differ in the last bits only.
 *
 * The order of all sums is fixed by d alone: the bits do not depend on threads or processor.
 * An entry depends on its two rows alone. Squares beyond double give infinity or NaN in the
 * entries of such a row, and only there. D of equal rows is 0.
 *
 * The work memory is taken once, for n_max rows and the threads of `parallel` (borrowed; NULL is
 * one thread).
 */
typedef struct vx_products vx_products;
VX_MUST_CHECK vx_status vx_products_create(vx_parallel *parallel, size_t n_max,
                                           vx_products **ret_products);
vx_products *vx_products_destroy(vx_products *products); /* takes NULL, returns NULL */

/* ret_k, ret_d (count, count). O(n^2 d / 2) with a factor of up to 3 where D is summed from
 * differences. Up to 32 rows are read once, n beyond that n / 32 + 1 times. No allocation; one
 * caller at a time. */
void vx_products_run(vx_products *products, vx_rowset rows, vx_mat ret_k, vx_mat ret_d);

/*
 * The same over vectors that come in parts (buckets of columns): begin, add each part once in a
 * fixed order, end. The bits depend on how the columns are cut, and on nothing else.
 */
void vx_products_begin(vx_products *products, size_t count);
void vx_products_add(vx_products *products, vx_rowset part);
void vx_products_end(vx_products *products, vx_mat ret_k, vx_mat ret_d);

/* ret_dots_i = <x_i, v>, with the bits that K has; also between vx_products_begin() and _end(). */
void vx_products_with(vx_products *products, vx_rowset rows, vx_real v, double *ret_dots);
/* sqrt <v, v>, as K. */
double vx_products_norm(vx_products *products, vx_real v);

/* ret_sum = sum over i of weights_i x_i, in double in the order of the rows, rounded once. A row of
 * weight 0 is not read. The bits depend neither on threads nor on the processor. O(n d), no
 * allocation. */
void vx_combine(vx_parallel *parallel, vx_rowset rows, const double *weights, vx_real ret_sum);

/* count such sums of the same rows, each with the bits of vx_combine: ret_rows[i] by the weights
 * map[i ld .. i ld + rows.count]. For short rows that stay in the cache; in this thread. */
void vx_combine_all(vx_rowset rows, const double *map, size_t ld, size_t count,
                    const vx_real *ret_rows);
#endif
