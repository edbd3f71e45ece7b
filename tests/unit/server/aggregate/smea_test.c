#include <vx_test/check.h>

#include <math.h>
#include <string.h>

#include <vx_base/alloc.h>

#include "aggregator.h"
#include "sample.h"
#include "smea.h"
#include "spectral.h"

enum { D = 40, MOST = 90, ANY = 64 /* up to so many rows any two may be swapped */ };

/* What smea documents, with a whole eigenproblem for each look at a subset. */
typedef struct plain {
    vx_geometry g;
    vx_rule_work *work;
    size_t keep;
    bool marks[MOST];
    double score[MOST];
} plain;

static double largest(plain *p)
{
    double c[MOST], value = 0.0;
    size_t count = 0;

    for (size_t i = 0; i < p->g.n; i++)
        count += p->marks[i] ? 1 : 0;
    for (size_t i = 0; i < p->g.n; i++)
        c[i] = p->marks[i] ? 1.0 / (double)count : 0.0;
    vx_assert_ok(vx_spectral_top(&p->g, c, p->work, &value, p->score), NULL);
    return value;
}

static size_t farthest(const plain *p)
{
    size_t far = p->g.n;

    for (size_t i = 0; i < p->g.n; i++) {
        if (p->marks[i] && (far == p->g.n || p->score[i] >= p->score[far]))
            far = i;
    }
    return far;
}

static void remove_rows(plain *p)
{
    for (size_t i = 0; i < p->g.n; i++)
        p->marks[i] = true;
    for (size_t count = p->g.n; count > p->keep; count--) {
        (void)largest(p);
        p->marks[farthest(p)] = false;
    }
}

static bool swap_any(plain *p, double *least)
{
    size_t n = p->g.n, only;

    *least = largest(p);
    only = farthest(p);
    for (size_t out = 0; out < n; out++) {
        for (size_t in = 0; p->marks[out] && (n <= ANY || out == only) && in < n; in++) {
            if (p->marks[in])
                continue;
            p->marks[out] = false;
            p->marks[in] = true;
            if (largest(p) < *least * (1.0 - 1e-11))
                return true;
            p->marks[out] = true;
            p->marks[in] = false;
        }
    }
    return false;
}

/* The products of rows that are made in the memory of an aggregator. */
static vx_aggregator *geometry_of(uint32_t seed, size_t n, size_t far, vx_geometry *ret_g)
{
    vx_aggregate_options options = sample_options("mean", 0, false);
    float *rows = vx_calloc(n * D, sizeof(*rows)), update[D];
    bool present[MOST];
    vx_aggregator *a = NULL;

    assert_non_null(rows);
    for (size_t i = 0; i < n; i++) {
        sample s = sample_make(seed * MOST + (uint32_t)i, 1, D, i < far ? 2.0 : 0.0);

        present[i] = true;
        memcpy(rows + i * D, s.at, D * sizeof(*rows));
        sample_free(&s);
    }
    vx_assert_ok(vx_aggregator_create(&options, n, D, &a, NULL), NULL);
    vx_assert_ok(vx_aggregator_run(a, (vx_cmatf){ rows, n, D, D }, present, (vx_vecf){ update, D },
                                   NULL, NULL),
                 NULL);
    vx_free(rows);
    *ret_g = (vx_geometry){ .n = n, .k = a->raw.k, .d = a->raw.d, .pivot = n };
    return a;
}

static void compare(uint32_t seed, size_t n, size_t f)
{
    plain p = { .keep = n - f };
    vx_aggregator *a = geometry_of(seed, n, seed % 2 == 0 ? 0 : f / 2, &p.g);
    double least = 0.0;

    p.work = &a->work;
    remove_rows(&p);
    for (size_t k = 0; k < n && swap_any(&p, &least); k++)
        continue;
    vx_assert_ok(vx_smea_choose(&p.g, p.keep, 0, &a->work), NULL);
    assert_string_equal(a->work.method, "greedy");
    vx_assert_close(a->work.objective, least, 1e-9, 0.0);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(a->work.selected[i], p.marks[i]);
    vx_aggregator_destroy(a);
}

static void many_rows_are_chosen_as_by_whole_eigenproblems(void **state)
{
    (void)state;
    for (uint32_t seed = 1; seed <= 11; seed++)
        compare(seed, 20 + 4 * seed, (20 + 4 * seed) / (2 + seed % 4) - 1);
    compare(30, 65, 20);
    compare(31, 70, 34);
    compare(32, MOST, 30);
}

/* Five places on a line: three neighbours have the same scatter whichever three they are. */
static void of_equal_subsets_the_first_is_taken(void **state)
{
    static const double at[][5] = { { 2, 4, 0, 3, 1 }, { 0, 4, 2, 1, 3 }, { 4, 3, 1, 0, 2 } };
    static const bool first[][5] = { { true, true, false, true, false },
                                     { true, false, true, true, false },
                                     { true, true, false, false, true } };

    (void)state;
    for (size_t k = 0; k < 3; k++) {
        vx_aggregate_options options = sample_options("smea", 2, false);
        sample s = sample_make(1, 5, 1, 0.0);
        float update;
        vx_aggregate_report report;
        vx_aggregator *a;

        for (size_t i = 0; i < 5; i++)
            s.at[i] = (float)at[k][i];
        a = sample_run(&s, &options, &update, &report);
        assert_string_equal(report.method, "exact");
        vx_assert_close(report.objective, 2.0 / 3.0, 1e-12, 0.0);
        for (size_t i = 0; i < 5; i++)
            assert_int_equal(report.selected[i], first[k][i]);
        vx_aggregator_destroy(a);
        sample_free(&s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(many_rows_are_chosen_as_by_whole_eigenproblems),
        cmocka_unit_test(of_equal_subsets_the_first_is_taken),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
