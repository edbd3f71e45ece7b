#include <vx_test/check.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <vx_base/alloc.h>
#include <vx_base/rng.h>
#include <vx_linalg/gram.h>

/* n rows of d in a matrix whose gaps hold NaN. */
typedef struct rows_of {
    float *at;
    size_t n, d, ld;
    bool present[64];
} rows_of;

static rows_of make(size_t n, size_t d)
{
    rows_of r = { vx_calloc(n * (d + 3), sizeof(float)), n, d, d + 3, { false } };
    vx_rng rng = vx_rng_stream(7, VX_RNG_TEST, (uint32_t)n, d);

    assert_non_null(r.at);
    for (size_t i = 0; i < n; i++) {
        r.present[i] = true;
        for (size_t k = 0; k < r.ld; k++)
            r.at[i * r.ld + k] = k < d ? (float)vx_rng_normal(&rng) : nanf("");
    }
    return r;
}

static vx_cmatf view(const rows_of *r)
{
    return (vx_cmatf){ r->at, r->n, r->d, r->ld };
}

static vx_cvecf row(const rows_of *r, size_t i)
{
    return (vx_cvecf){ r->at + i * r->ld, r->d };
}

static bool same_bits(double a, double b)
{
    uint64_t of_a, of_b;

    memcpy(&of_a, &a, sizeof(a));
    memcpy(&of_b, &b, sizeof(b));
    return of_a == of_b;
}

/* The contract, line by line: blocks of 256 columns, 8 lanes, lanes added pairwise, blocks in
 * order. */
static double promised_dot(const float *a, const float *b, size_t d)
{
    double sum = 0.0;

    for (size_t from = 0; from < d; from += 256) {
        double lane[8] = { 0.0 };

        for (size_t k = from; k < d && k < from + 256; k++)
            lane[k % 8] += (double)a[k] * (double)b[k];
        for (size_t half = 4; half > 0; half /= 2) {
            for (size_t l = 0; l < half; l++)
                lane[l] += lane[l + half];
        }
        sum += lane[0];
    }
    return sum;
}

static void gram_of(const rows_of *r, double *gram)
{
    vx_assert_ok(vx_gram_f32(view(r), r->present, (vx_mat){ gram, r->n, r->n, r->n }), NULL);
}

static void check_bits(size_t n, size_t d)
{
    rows_of r = make(n, d);
    double *gram = vx_calloc(n * n, sizeof(double));

    assert_non_null(gram);
    gram_of(&r, gram);
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < n; j++) {
            double promised = promised_dot(row(&r, i).at, row(&r, j).at, d);

            assert_true(same_bits(gram[i * n + j], promised));
            assert_true(same_bits(vx_dot_f32(row(&r, i), row(&r, j)), promised));
        }
    }
    vx_free(gram);
    vx_free(r.at);
}

static void every_entry_has_the_bits_of_the_promised_order(void **state)
{
    static const size_t ns[] = { 1, 2, 3, 8, 15, 16, 17, 33, 50 };
    static const size_t ds[] = { 1, 7, 8, 255, 256, 257, 700, 1030 };

    (void)state;
    for (size_t i = 0; i < sizeof(ns) / sizeof(ns[0]); i++) {
        for (size_t j = 0; j < sizeof(ds) / sizeof(ds[0]); j++)
            check_bits(ns[i], ds[j]);
    }
}

static void absent_rows_are_not_read_and_change_no_other_bit(void **state)
{
    rows_of r = make(21, 600);
    double all[21 * 21], some[21 * 21];

    (void)state;
    gram_of(&r, all);
    for (size_t i = 0; i < r.n; i += 3) {
        r.present[i] = false;
        r.at[i * r.ld + 5] = nanf("");
        r.at[i * r.ld + 6] = HUGE_VALF;
    }
    gram_of(&r, some);
    for (size_t i = 0; i < r.n; i++) {
        for (size_t j = 0; j < r.n; j++) {
            double expected = r.present[i] && r.present[j] ? all[i * r.n + j] : 0.0;

            assert_true(same_bits(some[i * r.n + j], expected));
        }
    }
    vx_free(r.at);
}

static void the_sum_is_exact_where_float_would_cancel(void **state)
{
    /* By hand: 1e7 * 1e7 + 1 - 1e7 * 1e7 = 1; in float the 1 is lost. */
    float x[16] = { 1e7f, 1.0f }, y[16] = { 1e7f, 1.0f };

    (void)state;
    x[8] = 1e7f; /* the lane of x[0] */
    y[8] = -1e7f;
    vx_assert_close(vx_dot_f32((vx_cvecf){ x, 16 }, (vx_cvecf){ y, 16 }), 1.0, 0.0, 0.0);
}

static void huge_rows_do_not_overflow(void **state)
{
    float x[300];

    (void)state;
    for (size_t k = 0; k < 300; k++)
        x[k] = 3e38f;
    vx_assert_close(vx_norm_f32((vx_cvecf){ x, 300 }), 3e38 * sqrt(300.0), 1e-7, 0.0);
}

static void wrong_shapes_are_refused_and_nothing_is_written(void **state)
{
    rows_of r = make(4, 10);
    double gram[16] = { 42.0 };

    (void)state;
    vx_assert_status(vx_gram_f32(view(&r), r.present, (vx_mat){ gram, 3, 3, 3 }), VX_ERR_SHAPE,
                     NULL);
    vx_assert_status(vx_gram_f32(view(&r), r.present, (vx_mat){ gram, 4, 4, 3 }), VX_ERR_SHAPE,
                     NULL);
    vx_assert_close(gram[0], 42.0, 0.0, 0.0);
    vx_free(r.at);
}

static void no_rows_give_no_entries_and_no_columns_give_zeros(void **state)
{
    rows_of r = make(2, 1);
    double gram[4] = { 1.0, 1.0, 1.0, 1.0 };

    (void)state;
    r.d = 0;
    gram_of(&r, gram);
    for (size_t i = 0; i < 4; i++)
        vx_assert_close(gram[i], 0.0, 0.0, 0.0);
    r.n = 0;
    gram_of(&r, gram);
    vx_free(r.at);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_entry_has_the_bits_of_the_promised_order),
        cmocka_unit_test(absent_rows_are_not_read_and_change_no_other_bit),
        cmocka_unit_test(the_sum_is_exact_where_float_would_cancel),
        cmocka_unit_test(huge_rows_do_not_overflow),
        cmocka_unit_test(wrong_shapes_are_refused_and_nothing_is_written),
        cmocka_unit_test(no_rows_give_no_entries_and_no_columns_give_zeros),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
