#include <vx_test/check.h>

#include <math.h>
#include <string.h>

#include <vx_base/alloc.h>
#include <vx_linalg/path.h>

#include "rows.h"

static const double UNIT = 0x1p-53;
static const size_t ns[] = { 1, 2, 3, 4, 5, 7, 10, 15, 20, 32, 33, 65 };
static const size_t ds[] = { 1, 7, 8, 9, 255, 256, 257, 700, 1024, 1025, 5000 };
enum { NS = sizeof(ns) / sizeof(ns[0]), DS = sizeof(ds) / sizeof(ds[0]), N_MAX = 65 };

static double k[N_MAX * N_MAX], d[N_MAX * N_MAX], k_other[N_MAX * N_MAX], d_other[N_MAX * N_MAX];

/* The next path that this processor has, from *path on. */
static bool next_path(size_t *path)
{
    for (; *path < vx_kernel_path_count(); (*path)++) {
        if (vx_kernel_path_use(vx_kernel_path_name(*path))) {
            (*path)++;
            return true;
        }
        print_message("skipped: this processor has no %s\n", vx_kernel_path_name(*path));
    }
    return false;
}

static void check_bounds(const rows *r)
{
    for (size_t i = 0; i < r->n; i++) {
        for (size_t j = 0; j < r->n; j++) {
            long double of_k, size, of_d;
            double slack = (double)r->d * 0x1p-63; /* of the oracle */

            rows_oracle(r, i, j, &of_k, &size, &of_d);
            vx_assert_close(k[i * r->n + j], (double)of_k, 0.0,
                            (37.0 * UNIT + slack) * (double)size);
            vx_assert_close(d[i * r->n + j], (double)of_d, 0x1p17 * UNIT + slack, 0.0);
            assert_true(k[i * r->n + j] == k[j * r->n + i]);
            assert_true(d[i * r->n + j] == d[j * r->n + i]);
        }
    }
}

/* Shape number `index` of all, narrow and then wide, when it has at most `work` products. */
static bool make_shape(size_t index, size_t work, rows *ret_rows)
{
    size_t n = ns[index % NS], columns = ds[index / NS % DS];

    if (n * n * columns > work)
        return false;
    *ret_rows = rows_make(n, columns, index >= NS * DS, index % 3 == 0 ? 1000.0 : 20.0);
    return true;
}

static void every_entry_is_within_the_stated_bound(void **state)
{
    rows r;

    (void)state;
    for (size_t path = 0; next_path(&path);) {
        for (size_t i = 0; i < NS * DS * 2; i++) {
            if (!make_shape(i, 60000, &r))
                continue;
            rows_products(&r, NULL, k, d);
            check_bounds(&r);
            rows_free(&r);
        }
    }
}

/* value + rest, exactly. */
static void two_sum(double value, double *sum, double *rest)
{
    double total = *sum + value, part = total - *sum;

    *rest += (*sum - (total - part)) + (value - part);
    *sum = total;
}

static double lanes(const rows *r, size_t i, size_t j, size_t from, bool apart)
{
    double lane[8] = { 0.0 };

    for (size_t c = from; c < r->d && c < from + 256; c++) {
        double a = rows_at(r, i, c), b = rows_at(r, j, c), difference = a - b;
        double product = apart ? difference * difference : a * b;

        lane[c % 8] += product;
    }
    for (size_t half = 4; half > 0; half /= 2) {
        for (size_t l = 0; l < half; l++)
            lane[l] += lane[l + half];
    }
    return lane[0];
}

/* The contract, line by line, for at most four blocks, which are one stripe: blocks of 256 columns,
 * 8 lanes, lanes added pairwise, blocks in order. */
static void promised(const rows *r, size_t i, size_t j, double *ret_k, double *ret_d)
{
    double sum = 0.0, rest = 0.0, far = 0.0, far_rest = 0.0;

    for (size_t from = 0; from < r->d; from += 256) {
        double product = lanes(r, i, j, from, false);
        double squares = lanes(r, i, i, from, false) + lanes(r, j, j, from, false);
        double of_block = squares - 2.0 * product;

        if (of_block < squares / 1024.0)
            of_block = lanes(r, i, j, from, true);
        two_sum(product, &sum, &rest);
        two_sum(of_block, &far, &far_rest);
    }
    *ret_k = sum + rest;
    *ret_d = far + far_rest;
}

static void check_promise(const rows *r)
{
    for (size_t i = 0; i < r->n; i++) {
        for (size_t j = 0; j <= i; j++) {
            double of_k, of_d;

            promised(r, i, j, &of_k, &of_d);
            assert_true(rows_same_bits(&k[i * r->n + j], &of_k, 1));
            assert_true(rows_same_bits(&d[i * r->n + j], &of_d, 1));
        }
    }
}

static void every_entry_has_the_bits_of_the_promised_order_on_every_path(void **state)
{
    rows r;

    (void)state;
    for (size_t path = 0; next_path(&path);) {
        for (size_t i = 0; i < NS * DS * 2; i++) {
            if (ds[i / NS % DS] > 1024 || !make_shape(i, 280000, &r))
                continue;
            rows_products(&r, NULL, k, d);
            check_promise(&r);
            rows_free(&r);
        }
    }
}

static void the_bits_depend_neither_on_threads_nor_on_path(void **state)
{
    static const unsigned threads[] = { 1, 2, 4 };
    static const size_t shapes[][2] = { { 10, 30000 }, { 65, 9011 }, { 3, 140000 }, { 1, 99999 } };

    (void)state;
    for (size_t s = 0; s < 8; s++) {
        rows r = rows_make(shapes[s / 2][0], shapes[s / 2][1], s % 2 != 0, 31.0);
        bool first = true;

        for (size_t path = 0; next_path(&path);) {
            for (size_t t = 0; t < 3; t++) {
                vx_parallel *parallel = NULL;

                vx_assert_ok(vx_parallel_create(threads[t], &parallel), NULL);
                rows_products(&r, parallel, first ? k : k_other, first ? d : d_other);
                assert_true(first || rows_same_bits(k, k_other, r.n * r.n));
                assert_true(first || rows_same_bits(d, d_other, r.n * r.n));
                first = false;
                vx_parallel_destroy(parallel);
            }
        }
        rows_free(&r);
    }
}

/* Absent rows are those that are not in the set: they change no bit of the others. */
static void an_entry_does_not_depend_on_the_other_rows_or_their_number(void **state)
{
    static const size_t chosen[] = { 64, 0, 31, 32, 17 };
    rows all = rows_make(65, 3000, false, 10.0), some = { .n = 5, .d = 3000 };

    (void)state;
    rows_products(&all, NULL, k, d);
    for (size_t i = 0; i < 5; i++)
        some.f32[i] = all.f32[chosen[i]];
    rows_put(&all, 5, 7, nan(""));
    rows_products(&some, NULL, k_other, d_other);
    for (size_t i = 0; i < 5; i++) {
        for (size_t j = 0; j < 5; j++) {
            size_t at = chosen[i] * 65 + chosen[j];

            assert_true(rows_same_bits(&k_other[i * 5 + j], &k[at], 1));
            assert_true(rows_same_bits(&d_other[i * 5 + j], &d[at], 1));
        }
    }
    rows_free(&all);
}

static void dots_and_norm_have_the_bits_of_k(void **state)
{
    (void)state;
    for (size_t i = 0; i < NS * 2; i++) {
        rows r = rows_make(ns[i % NS], 30001, i >= NS, 5.0);
        vx_parallel *parallel = NULL;
        vx_products *products = NULL;
        double dots[N_MAX];

        vx_assert_ok(vx_parallel_create(2, &parallel), NULL);
        vx_assert_ok(vx_products_create(parallel, N_MAX, &products), NULL);
        rows_products(&r, parallel, k, d);
        for (size_t path = 0; next_path(&path);) {
            size_t row = path % r.n;

            vx_products_with(products, rows_set(&r), rows_real(&r, row), dots);
            assert_true(rows_same_bits(dots, k + row * r.n, r.n));
            assert_true(vx_products_norm(products, rows_real(&r, row)) == sqrt(k[row * r.n + row]));
        }
        vx_products_destroy(products);
        vx_parallel_destroy(parallel);
        rows_free(&r);
    }
}

static void a_vector_of_the_other_precision_gives_its_dots_too(void **state)
{
    rows r = rows_make(4, 1000, false, 0.0), v = rows_make(1, 1000, true, 0.0);
    vx_products *products = NULL;
    double dots[4];

    (void)state;
    vx_assert_ok(vx_products_create(NULL, 4, &products), NULL);
    vx_products_with(products, rows_set(&r), rows_real(&v, 0), dots);
    for (size_t i = 0; i < 4; i++) {
        double expected = 0.0;

        for (size_t c = 0; c < 1000; c++)
            expected += rows_at(&r, i, c) * rows_at(&v, 0, c);
        vx_assert_close(dots[i], expected, 1e-12, 1e-10);
    }
    vx_products_destroy(products);
    rows_free(&r);
    rows_free(&v);
}

static vx_rowset part_of(const rows *r, size_t from, size_t to, const float **f32)
{
    for (size_t i = 0; i < r->n; i++)
        f32[i] = r->f32[i] + from;
    return (vx_rowset){ f32, NULL, r->n, to - from };
}

static void parts_add_up_and_a_sum_may_be_begun_again(void **state)
{
    rows r = rows_make(15, 9000, false, 0.0);
    vx_products *products = NULL;
    const float *part[15];
    double dots[15];

    (void)state;
    vx_assert_ok(vx_products_create(NULL, 20, &products), NULL);
    for (int turn = 0; turn < 2; turn++) {
        vx_products_begin(products, 15);
        vx_products_add(products, part_of(&r, 0, 1, part));
        vx_products_add(products, part_of(&r, 1, 5003, part));
        /* Dots in between are no matter of the sums that were begun. */
        vx_products_with(products, rows_set(&r), rows_real(&r, 1), dots);
        vx_products_add(products, part_of(&r, 5003, 5003, part));
        vx_products_add(products, part_of(&r, 5003, 9000, part));
        vx_products_end(products, (vx_mat){ turn ? k : k_other, 15, 15, 15 },
                        (vx_mat){ turn ? d : d_other, 15, 15, 15 });
    }
    check_bounds(&r);
    assert_true(rows_same_bits(k, k_other, 15 * 15));
    assert_true(rows_same_bits(d, d_other, 15 * 15));
    vx_products_destroy(products);
    rows_free(&r);
}

static void no_rows_give_no_entries_and_no_columns_give_zeros(void **state)
{
    rows r = rows_make(3, 0, false, 0.0);

    (void)state;
    k[0] = d[8] = 1.0;
    rows_products(&r, NULL, k, d);
    for (size_t i = 0; i < 9; i++)
        assert_true(k[i] == 0.0 && d[i] == 0.0);
    rows_free(&r);
}

static void running_allocates_nothing_and_leaves_the_gaps_of_its_matrices(void **state)
{
    rows r = rows_make(5, 2000, false, 0.0);
    vx_products *products = NULL;
    double wide_k[5 * 7], wide_d[5 * 7], dots[5];
    uint64_t before;

    (void)state;
    for (size_t i = 0; i < 35; i++)
        wide_k[i] = wide_d[i] = 42.0;
    vx_assert_ok(vx_products_create(NULL, 5, &products), NULL);
    before = vx_alloc_count();
    vx_products_run(products, rows_set(&r), (vx_mat){ wide_k, 5, 5, 7 },
                    (vx_mat){ wide_d, 5, 5, 7 });
    vx_products_with(products, rows_set(&r), rows_real(&r, 0), dots);
    assert_int_equal(vx_alloc_count(), before);
    rows_products(&r, NULL, k, d);
    for (size_t i = 0; i < 35; i++) {
        assert_true(wide_k[i] == (i % 7 < 5 ? k[i / 7 * 5 + i % 7] : 42.0));
        assert_true(wide_d[i] == (i % 7 < 5 ? d[i / 7 * 5 + i % 7] : 42.0));
    }
    vx_products_destroy(products);
    rows_free(&r);
}

static void create_survives_the_failure_of_every_allocation(void **state)
{
    vx_products *products = NULL;
    int allocations = 0;

    (void)state;
    for (vx_status status = VX_ERR_NOMEM; status != VX_OK; allocations++) {
        int left = allocations;

        vx_alloc_set_hook(vx_test_fail_at_zero, &left);
        status = vx_products_create(NULL, 40, &products);
        vx_alloc_set_hook(NULL, NULL);
        assert_true(status == VX_OK || (status == VX_ERR_NOMEM && products == NULL));
    }
    assert_int_equal(allocations, 6); /* five allocations, each tried, then the run that succeeds */
    vx_products_destroy(products);
}

static void a_path_that_is_not_there_is_refused(void **state)
{
    (void)state;
    assert_false(vx_kernel_path_use("abacus"));
    assert_true(vx_kernel_path_use("portable"));
    assert_string_equal(vx_kernel_path_in_use(), "portable");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_entry_is_within_the_stated_bound),
        cmocka_unit_test(every_entry_has_the_bits_of_the_promised_order_on_every_path),
        cmocka_unit_test(the_bits_depend_neither_on_threads_nor_on_path),
        cmocka_unit_test(an_entry_does_not_depend_on_the_other_rows_or_their_number),
        cmocka_unit_test(dots_and_norm_have_the_bits_of_k),
        cmocka_unit_test(a_vector_of_the_other_precision_gives_its_dots_too),
        cmocka_unit_test(parts_add_up_and_a_sum_may_be_begun_again),
        cmocka_unit_test(no_rows_give_no_entries_and_no_columns_give_zeros),
        cmocka_unit_test(running_allocates_nothing_and_leaves_the_gaps_of_its_matrices),
        cmocka_unit_test(create_survives_the_failure_of_every_allocation),
        cmocka_unit_test(a_path_that_is_not_there_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
