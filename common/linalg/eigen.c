#include <vx_linalg/eigen.h>

#include <limits.h>
#include <math.h>
#include <string.h>

#include <vx_base/alloc.h>
#include <vx_linalg/blas.h>

#include <lapacke.h>

enum { DIRECT_MAX = 128 /* rows */ };

struct vx_eigen {
    size_t n_max;
    double *a;      /* (n, n) column-major: the input, then the eigenvectors */
    double *values; /* (n) smallest first, as LAPACK gives them */
    double *work;
    lapack_int *more_work;
    lapack_int work_size, more_size;
};

static vx_status work_size_of(size_t n, lapack_int *ret_size, lapack_int *ret_more_size)
{
    double best = 0.0, none = 0.0;
    lapack_int more = 0;
    lapack_int info = LAPACKE_dsyevd_work(LAPACK_COL_MAJOR, 'V', 'L', (lapack_int)n, &none,
                                          (lapack_int)n, &none, &best, -1, &more, -1);

    if (info != 0 || best > (double)(INT_MAX - 3 * (lapack_int)n))
        return VX_ERR_SHAPE;
    *ret_size = (lapack_int)best + 3 * (lapack_int)n; /* of one row dsyev wants more */
    *ret_more_size = more;
    return VX_OK;
}

vx_status vx_eigen_create(size_t n_max, vx_eigen **ret_eigen)
{
    vx_status status = VX_ERR_SHAPE;
    vx_eigen *eigen = NULL;

    if (n_max == 0 || n_max > INT_MAX / 4)
        goto out;
    status = VX_ERR_NOMEM;
    eigen = vx_calloc(1, sizeof(*eigen));
    if (eigen == NULL)
        goto out;
    eigen->n_max = n_max;
    status = work_size_of(n_max, &eigen->work_size, &eigen->more_size);
    if (status != VX_OK)
        goto out;
    status = VX_ERR_NOMEM;
    eigen->a = vx_calloc(n_max, n_max * sizeof(*eigen->a));
    eigen->values = eigen->a != NULL ? vx_calloc(n_max, sizeof(*eigen->values)) : NULL;
    eigen->work =
        eigen->values != NULL ? vx_calloc((size_t)eigen->work_size, sizeof(*eigen->work)) : NULL;
    eigen->more_work =
        eigen->work != NULL ? vx_calloc((size_t)eigen->more_size, sizeof(*eigen->more_work)) : NULL;
    if (eigen->more_work == NULL)
        goto out;
    status = VX_OK;
    *ret_eigen = eigen;
    eigen = NULL; /* moved to the caller */
out:
    vx_eigen_destroy(eigen);
    return status;
}

vx_eigen *vx_eigen_destroy(vx_eigen *eigen)
{
    if (eigen == NULL)
        return NULL;
    vx_free(eigen->a);
    vx_free(eigen->values);
    vx_free(eigen->work);
    vx_free(eigen->more_work);
    vx_free(eigen);
    return NULL;
}

/* The lower triangle, row-major to column-major. False when it holds infinity or NaN. */
static bool copy_lower(vx_cmat a, double *ret_to)
{
    bool finite = true;

    for (size_t i = 0; i < a.rows; i++) {
        for (size_t j = 0; j <= i; j++) {
            double value = a.at[i * a.ld + j];

            finite = finite && isfinite(value);
            ret_to[j * a.rows + i] = value;
        }
    }
    return finite;
}

/* Copies with the sign that makes the component of largest magnitude positive. */
static void copy_signed(const double *from, size_t n, double *ret_to)
{
    size_t largest = 0;

    for (size_t i = 1; i < n; i++) {
        if (fabs(from[i]) > fabs(from[largest]))
            largest = i;
    }
    for (size_t i = 0; i < n; i++)
        ret_to[i] = from[largest] < 0.0 ? -from[i] : from[i];
}

/* Divide and conquer is several times as fast for many rows, and loses some digits of the small
 * eigenvalues. The work memory of the one is enough for the other. */
static lapack_int solve_in_place(vx_eigen *eigen, lapack_int n)
{
    if (n <= DIRECT_MAX)
        return LAPACKE_dsyev_work(LAPACK_COL_MAJOR, 'V', 'L', n, eigen->a, n, eigen->values,
                                  eigen->work, eigen->work_size);
    return LAPACKE_dsyevd_work(LAPACK_COL_MAJOR, 'V', 'L', n, eigen->a, n, eigen->values,
                               eigen->work, eigen->work_size, eigen->more_work, eigen->more_size);
}

vx_status vx_eigen_solve(vx_eigen *eigen, vx_cmat a, vx_vec ret_values, vx_mat ret_vectors)
{
    size_t n = a.rows;
    lapack_int info;

    if (n == 0 || n > eigen->n_max || a.cols != n || a.ld < n || ret_values.n != n ||
        ret_vectors.rows != n || ret_vectors.cols != n || ret_vectors.ld < n)
        return VX_ERR_SHAPE;
    if (!copy_lower(a, eigen->a))
        return VX_ERR_NONFINITE;
    vx_blas_pin();
    info = solve_in_place(eigen, (lapack_int)n);
    vx_blas_unpin();
    if (info != 0)
        return VX_ERR_NONFINITE;
    for (size_t k = 0; k < n; k++) {
        ret_values.at[k] = eigen->values[n - 1 - k];
        copy_signed(eigen->a + (n - 1 - k) * n, n, ret_vectors.at + k * ret_vectors.ld);
    }
    return VX_OK;
}

vx_status vx_cholesky(vx_cmat a, vx_mat ret_factor)
{
    size_t n = a.rows;

    if (a.cols != n || a.ld < n || ret_factor.rows != n || ret_factor.cols != n ||
        ret_factor.ld < n)
        return VX_ERR_SHAPE;
    for (size_t i = 0; i < n; i++) {
        double *row = ret_factor.at + i * ret_factor.ld;

        for (size_t j = 0; j <= i; j++) {
            const double *other = ret_factor.at + j * ret_factor.ld;
            double rest = a.at[i * a.ld + j];

            for (size_t k = 0; k < j; k++)
                rest -= row[k] * other[k];
            if (i == j && !(rest > 0.0 && isfinite(rest)))
                return VX_ERR_DOMAIN;
            row[j] = i == j ? sqrt(rest) : rest / other[j];
        }
        for (size_t j = i + 1; j < n; j++)
            row[j] = 0.0;
    }
    return VX_OK;
}
