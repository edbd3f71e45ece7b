#include <vx_test/check.h>

#include <sys/mman.h>

#include <vx_linalg/path.h>
#include <vx_linalg/products.h>

/*
 * Rows of 1e8 columns that overlap: row i is the same memory from number i on. Pages that were
 * never written are read as zeros and cost no memory.
 */
enum { COLUMNS = 100000000, N = 3 };

static const size_t places[] = { 0, 1, 255, 256, 1 << 20, (1 << 24) + 1, 67108863, COLUMNS - 1 };
enum { PLACES = sizeof(places) / sizeof(places[0]) };

static void *zeros(size_t bytes)
{
    void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    assert_true(at != MAP_FAILED);
    return at;
}

/* x is 1, 2, 3, ... at its places, all more than N apart but 0 and 1, 255 and 256. By hand. */
static void check(vx_rowset rows, vx_real v)
{
    /* Row 1 has x_1 = 2 at 0 and 256's 4 at 255, row 2 nothing of that: neighbours multiply. */
    static const double k[N * N] = { 204, 1 * 2 + 3 * 4, 0, 1 * 2 + 3 * 4, 203, 0, 0, 0, 0 };
    vx_products *products = NULL;
    vx_parallel *parallel = NULL;
    double got_k[N * N], got_d[N * N], dots[N];

    vx_assert_ok(vx_parallel_create(2, &parallel), NULL);
    vx_assert_ok(vx_products_create(parallel, N, &products), NULL);
    vx_products_run(products, rows, (vx_mat){ got_k, N, N, N }, (vx_mat){ got_d, N, N, N });
    vx_products_with(products, rows, v, dots);
    for (size_t i = 0; i < 2; i++) {
        for (size_t j = 0; j < 2; j++) {
            double far = k[i * N + i] + k[j * N + j] - 2.0 * k[i * N + j];

            vx_assert_close(got_k[i * N + j], k[i * N + j], 0.0, 0.0);
            vx_assert_close(got_d[i * N + j], i == j ? 0.0 : far, 0.0, 0.0);
        }
        vx_assert_close(dots[i], k[i], 0.0, 0.0);
    }
    vx_assert_close(got_k[2 * N + 2], 199.0, 0.0, 0.0);
    vx_products_destroy(products);
    vx_parallel_destroy(parallel);
}

static void a_hundred_million_float_columns_are_all_counted(void **state)
{
    float *at = zeros((COLUMNS + N) * sizeof(float));
    const float *rows[N] = { at, at + 1, at + 2 };

    (void)state;
    for (size_t i = 0; i < PLACES; i++)
        at[places[i]] = (float)(i + 1);
    check((vx_rowset){ rows, NULL, N, COLUMNS }, (vx_real){ at, NULL, COLUMNS });
    assert_int_equal(munmap(at, (COLUMNS + N) * sizeof(float)), 0);
}

static void a_hundred_million_double_columns_are_all_counted(void **state)
{
    double *at = zeros((COLUMNS + N) * sizeof(double));
    const double *rows[N] = { at, at + 1, at + 2 };

    (void)state;
    for (size_t i = 0; i < PLACES; i++)
        at[places[i]] = (double)(i + 1);
    check((vx_rowset){ NULL, rows, N, COLUMNS }, (vx_real){ NULL, at, COLUMNS });
    assert_int_equal(munmap(at, (COLUMNS + N) * sizeof(double)), 0);
}

static void the_weighted_sum_reaches_the_last_of_them(void **state)
{
    static const double weights[] = { 2.0, -1.0 };
    float *at = zeros((COLUMNS + N) * sizeof(float)), *sum = zeros(COLUMNS * sizeof(float));
    const float *rows[] = { at, at };

    (void)state;
    for (size_t i = 0; i < PLACES; i++)
        at[places[i]] = (float)(i + 1);
    vx_combine(NULL, (vx_rowset){ rows, NULL, 2, COLUMNS }, weights,
               (vx_real){ sum, NULL, COLUMNS });
    for (size_t i = 0; i < PLACES; i++)
        assert_true(sum[places[i]] == (float)(i + 1));
    assert_true(sum[COLUMNS - 2] == 0.0f && sum[2] == 0.0f);
    assert_int_equal(munmap(at, (COLUMNS + N) * sizeof(float)), 0);
    assert_int_equal(munmap(sum, COLUMNS * sizeof(float)), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_hundred_million_float_columns_are_all_counted),
        cmocka_unit_test(a_hundred_million_double_columns_are_all_counted),
        cmocka_unit_test(the_weighted_sum_reaches_the_last_of_them),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
