#include <vx_test/check.h>

#include <math.h>
#include <pthread.h>
#include <string.h>

#include <vx_base/alloc.h>
#include <vx_base/rng.h>
#include <vx_linalg/blas.h>
#include <vx_linalg/eigen.h>

enum { N = 9, LARGE = 250 /* rows: OpenBLAS shares them out to its threads */ };

/* a = b b^T of a random (n, rank) b. */
static void gram(size_t n, size_t rank, double *a)
{
    vx_rng rng = vx_rng_stream(5, VX_RNG_TEST, (uint32_t)n, rank);
    double b[N * N];

    for (size_t i = 0; i < n * rank; i++)
        b[i] = vx_rng_normal(&rng);
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < n; j++) {
            a[i * n + j] = 0.0;
            for (size_t k = 0; k < rank; k++)
                a[i * n + j] += b[i * rank + k] * b[j * rank + k];
        }
    }
}

static void check_pairs(size_t n, const double *a, const double *values, const double *vectors)
{
    for (size_t k = 0; k < n; k++) {
        double largest = 0.0;

        assert_true(k == 0 || values[k] <= values[k - 1]);
        for (size_t i = 0; i < n; i++) {
            double image = 0.0, inner = 0.0;

            for (size_t j = 0; j < n; j++) {
                image += a[i * n + j] * vectors[k * n + j];
                inner += vectors[k * n + j] * vectors[i * n + j];
            }
            vx_assert_close(image, values[k] * vectors[k * n + i], 0.0, 1e-12 * values[0]);
            vx_assert_close(inner, i == k ? 1.0 : 0.0, 0.0, 1e-13);
            if (fabs(vectors[k * n + i]) > fabs(largest))
                largest = vectors[k * n + i];
        }
        assert_true(largest > 0.0);
    }
}

static void pairs_satisfy_the_definition_for_every_size(void **state)
{
    vx_eigen *eigen = NULL;
    double a[N * N], lower[N * N], values[N], vectors[N * N];

    (void)state;
    vx_assert_ok(vx_eigen_create(N, &eigen), NULL);
    for (size_t n = 1; n <= N; n++) {
        gram(n, n > 4 ? 4 : n, a); /* rank 4: repeated eigenvalues too */
        memcpy(lower, a, sizeof(a));
        for (size_t i = 0; i < n; i++) {
            for (size_t j = i + 1; j < n; j++)
                lower[i * n + j] = nan(""); /* only the lower triangle is read */
        }
        vx_assert_ok(vx_eigen_solve(eigen, (vx_cmat){ lower, n, n, n }, (vx_vec){ values, n },
                                    (vx_mat){ vectors, n, n, n }),
                     NULL);
        check_pairs(n, a, values, vectors);
    }
    eigen = vx_eigen_destroy(eigen);
    assert_null(eigen);
}

static void known_pairs_come_out(void **state)
{
    /* By hand: [2 1; 1 2] has 3 along (1, 1) and 1 along (1, -1). */
    const double a[] = { 2.0, 0.0, 1.0, 2.0 };
    double values[2], vectors[4], h = sqrt(0.5);
    vx_eigen *eigen = NULL;

    (void)state;
    vx_assert_ok(vx_eigen_create(2, &eigen), NULL);
    vx_assert_ok(vx_eigen_solve(eigen, (vx_cmat){ a, 2, 2, 2 }, (vx_vec){ values, 2 },
                                (vx_mat){ vectors, 2, 2, 2 }),
                 NULL);
    vx_assert_close(values[0], 3.0, 1e-15, 0.0);
    vx_assert_close(values[1], 1.0, 1e-15, 0.0);
    vx_assert_close(vectors[0], h, 1e-15, 0.0);
    vx_assert_close(vectors[1], h, 1e-15, 0.0);
    vx_assert_close(fabs(vectors[2] - vectors[3]), 2.0 * h, 1e-15, 0.0);
    vx_eigen_destroy(eigen);
}

static void what_is_not_finite_or_does_not_fit_is_refused(void **state)
{
    double a[] = { 1.0, 0.0, nan(""), 1.0 }, values[3], vectors[9];
    vx_eigen *eigen = NULL;

    (void)state;
    vx_assert_ok(vx_eigen_create(2, &eigen), NULL);
    vx_assert_status(vx_eigen_solve(eigen, (vx_cmat){ a, 2, 2, 2 }, (vx_vec){ values, 2 },
                                    (vx_mat){ vectors, 2, 2, 2 }),
                     VX_ERR_NONFINITE, NULL);
    a[2] = HUGE_VAL;
    vx_assert_status(vx_eigen_solve(eigen, (vx_cmat){ a, 2, 2, 2 }, (vx_vec){ values, 2 },
                                    (vx_mat){ vectors, 2, 2, 2 }),
                     VX_ERR_NONFINITE, NULL);
    vx_assert_status(vx_eigen_solve(eigen, (vx_cmat){ vectors, 3, 3, 3 }, (vx_vec){ values, 3 },
                                    (vx_mat){ vectors, 3, 3, 3 }),
                     VX_ERR_SHAPE, NULL);
    vx_assert_status(vx_eigen_solve(eigen, (vx_cmat){ a, 2, 2, 2 }, (vx_vec){ values, 1 },
                                    (vx_mat){ vectors, 2, 2, 2 }),
                     VX_ERR_SHAPE, NULL);
    vx_eigen_destroy(eigen);
    vx_assert_status(vx_eigen_create(0, &eigen), VX_ERR_SHAPE, NULL);
}

static void cholesky_restores_the_matrix_in_place_too(void **state)
{
    double a[N * N], factor[N * N], value;

    (void)state;
    gram(N, N, a);
    vx_assert_ok(vx_cholesky((vx_cmat){ a, N, N, N }, (vx_mat){ factor, N, N, N }), NULL);
    for (size_t i = 0; i < N; i++) {
        for (size_t j = 0; j < N; j++) {
            value = 0.0;
            for (size_t k = 0; k < N; k++)
                value += factor[i * N + k] * factor[j * N + k];
            vx_assert_close(value, a[i * N + j], 1e-13, 1e-13);
            assert_true(j <= i || factor[i * N + j] == 0.0);
        }
    }
    vx_assert_ok(vx_cholesky((vx_cmat){ a, N, N, N }, (vx_mat){ a, N, N, N }), NULL);
    assert_memory_equal(a, factor, sizeof(a));
}

static void cholesky_refuses_what_is_not_positive_definite(void **state)
{
    const double indefinite[] = { 1.0, 2.0, 2.0, 1.0 }, broken[] = { 1.0, 0.0, nan(""), 1.0 };
    double factor[4];

    (void)state;
    vx_assert_status(vx_cholesky((vx_cmat){ indefinite, 2, 2, 2 }, (vx_mat){ factor, 2, 2, 2 }),
                     VX_ERR_DOMAIN, NULL);
    vx_assert_status(vx_cholesky((vx_cmat){ broken, 2, 2, 2 }, (vx_mat){ factor, 2, 2, 2 }),
                     VX_ERR_DOMAIN, NULL);
    vx_assert_status(vx_cholesky((vx_cmat){ broken, 2, 2, 2 }, (vx_mat){ factor, 1, 2, 2 }),
                     VX_ERR_SHAPE, NULL);
}

static void create_survives_the_failure_of_every_allocation(void **state)
{
    vx_eigen *eigen = NULL;
    int k = 0;

    (void)state;
    for (vx_status status = VX_ERR_NOMEM; status != VX_OK; k++) {
        int left = k;

        vx_alloc_set_hook(vx_test_fail_at_zero, &left);
        status = vx_eigen_create(N, &eigen);
        vx_alloc_set_hook(NULL, NULL);
        assert_true(status == VX_OK || (status == VX_ERR_NOMEM && eigen == NULL));
    }
    assert_int_equal(k, 6); /* five allocations, each tried, then the run that succeeds */
    vx_eigen_destroy(eigen);
}

/* From the smallest on, and on both sides of the change of method. */
static void every_size_is_solved(void **state)
{
    (void)state;
    for (size_t n = 1; n <= 200; n = n < 5 ? n + 1 : 2 * n) {
        vx_mat a = { vx_calloc(n * n, sizeof(double)), n, n, n };
        vx_mat vectors = { vx_calloc(n * n, sizeof(double)), n, n, n };
        vx_vec values = { vx_calloc(n, sizeof(double)), n };
        vx_eigen *eigen = NULL;

        assert_non_null(a.at);
        assert_non_null(vectors.at);
        assert_non_null(values.at);
        for (size_t i = 0; i < n * n; i++)
            a.at[i] = 1.0 / (double)(1 + (i / n > i % n ? i / n - i % n : i % n - i / n));
        vx_assert_ok(vx_eigen_create(n, &eigen), NULL);
        vx_assert_ok(vx_eigen_solve(eigen, vx_mat_const(a), values, vectors), NULL);
        for (size_t k = 0; k < n; k++) {
            for (size_t i = 0; i < n; i++) {
                double image = 0.0;

                for (size_t j = 0; j < n; j++)
                    image += a.at[i * n + j] * vectors.at[k * n + j];
                vx_assert_close(image, values.at[k] * vectors.at[k * n + i], 0.0, 1e-12);
            }
        }
        vx_eigen_destroy(eigen);
        vx_free(a.at);
        vx_free(vectors.at);
        vx_free(values.at);
    }
}

static void solving_allocates_nothing(void **state)
{
    double a[N * N], values[N], vectors[N * N];
    vx_eigen *eigen = NULL;
    uint64_t before;

    (void)state;
    gram(N, N, a);
    vx_assert_ok(vx_eigen_create(N, &eigen), NULL);
    before = vx_alloc_count();
    vx_assert_ok(vx_eigen_solve(eigen, (vx_cmat){ a, N, N, N }, (vx_vec){ values, N },
                                (vx_mat){ vectors, N, N, N }),
                 NULL);
    assert_int_equal(vx_alloc_count(), before);
    vx_eigen_destroy(eigen);
}

typedef struct large {
    double a[LARGE * LARGE], values[LARGE], vectors[LARGE * LARGE];
    vx_eigen *eigen;
} large;

static large *make_large(void)
{
    vx_rng rng = vx_rng_stream(5, VX_RNG_TEST, LARGE, 0);
    large *l = vx_calloc(1, sizeof(*l));

    assert_non_null(l);
    for (size_t i = 0; i < (size_t)LARGE * LARGE; i++)
        l->a[i] = vx_rng_normal(&rng);
    vx_assert_ok(vx_eigen_create(LARGE, &l->eigen), NULL);
    return l;
}

static void solve_large(large *l)
{
    vx_assert_ok(vx_eigen_solve(l->eigen, (vx_cmat){ l->a, LARGE, LARGE, LARGE },
                                (vx_vec){ l->values, LARGE },
                                (vx_mat){ l->vectors, LARGE, LARGE, LARGE }),
                 NULL);
}

static void free_large(large *l)
{
    vx_eigen_destroy(l->eigen);
    vx_free(l);
}

static void the_bits_do_not_depend_on_the_threads_of_the_blas(void **state)
{
    int before = vx_blas_threads();
    large *one = make_large(), *two = make_large();

    (void)state;
    vx_blas_set_threads(1);
    solve_large(one);
    vx_blas_set_threads(2);
    solve_large(two);
    assert_int_equal(vx_blas_threads(), 2);
    assert_memory_equal(one->values, two->values, sizeof(one->values));
    assert_memory_equal(one->vectors, two->vectors, sizeof(one->vectors));
    vx_blas_set_threads(before);
    free_large(one);
    free_large(two);
}

static void *solve_often(void *at)
{
    for (int k = 0; k < 4; k++)
        solve_large(at);
    return NULL;
}

static void threads_that_solve_at_once_do_not_disturb_each_other(void **state)
{
    int before = vx_blas_threads();
    large *one = make_large(), *other[2] = { make_large(), make_large() };
    pthread_t threads[2];

    (void)state;
    vx_blas_set_threads(1);
    solve_large(one);
    vx_blas_set_threads(2);
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, solve_often, other[i]), 0);
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_int_equal(vx_blas_threads(), 2);
    for (size_t i = 0; i < 2; i++) {
        assert_memory_equal(one->vectors, other[i]->vectors, sizeof(one->vectors));
        free_large(other[i]);
    }
    vx_blas_set_threads(before);
    free_large(one);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pairs_satisfy_the_definition_for_every_size),
        cmocka_unit_test(known_pairs_come_out),
        cmocka_unit_test(what_is_not_finite_or_does_not_fit_is_refused),
        cmocka_unit_test(cholesky_restores_the_matrix_in_place_too),
        cmocka_unit_test(cholesky_refuses_what_is_not_positive_definite),
        cmocka_unit_test(create_survives_the_failure_of_every_allocation),
        cmocka_unit_test(every_size_is_solved),
        cmocka_unit_test(solving_allocates_nothing),
        cmocka_unit_test(the_bits_do_not_depend_on_the_threads_of_the_blas),
        cmocka_unit_test(threads_that_solve_at_once_do_not_disturb_each_other),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
