/* The shared library's whole use with the k-th allocation failing, for each k. Leaks are seen by
 * the build with asan. */
#include <vx_test/check.h>

#include <stdio.h>
#include <string.h>

#include <vexil/aggregate.h>
#include <vx_base/alloc.h>

enum { N = 11, D = 12, HALF = 6 };

static float rows[N][D];
static double rows_f64[N][D];

static int make_rows(void **state)
{
    (void)state;
    for (size_t i = 0; i < N; i++) {
        for (size_t k = 0; k < D; k++) {
            rows_f64[i][k] = 1.0 + 0.01 * (double)((i * i + 3 * i * k) % 17);
            rows[i][k] = (float)rows_f64[i][k];
        }
    }
    return 0;
}

/* What a use ends with. */
typedef struct result {
    float f32[D], parts[D];
    double f64[D], weight[N];
} result;

typedef struct use {
    const char *rule, *pre;
    vexil_aggregator *aggregator;
    result got;
} use;

static int create(use *u)
{
    static const double share[N] = { 1, 2, 1, 2, 1, 2, 1, 2, 1, 2, 1 };

    char options[96];

    (void)snprintf(options, sizeof(options), "threads=%d report=full exact_rows=6 bucket_size=1",
                   strcmp(u->rule, "median") == 0 ? 2 : 1); /* one rule is enough for threads */
    return vexil_create(u->rule, u->pre, 1, options, share, N, D, &u->aggregator);
}

static int run_f32(use *u)
{
    return vexil_run_f32(u->aggregator, rows[0], N, D, D, NULL, u->got.f32);
}

static int run_f64(use *u)
{
    return vexil_run_f64(u->aggregator, rows_f64[0], N, D, D, NULL, u->got.f64);
}

/* In floats, so that a rule with a memory has one of each kind. */
static int run_buckets(use *u)
{
    int code = vexil_begin(u->aggregator, N, NULL);

    for (size_t at = 0; code == VEXIL_OK && at < D; at += HALF)
        code = vexil_add_f32(u->aggregator, rows[0] + at, HALF, D, at);
    if (code == VEXIL_OK)
        code = vexil_decide(u->aggregator);
    for (size_t at = 0; code == VEXIL_OK && at < D; at += HALF)
        code = vexil_combine_f32(u->aggregator, rows[0] + at, HALF, D, at, u->got.parts + at);
    return code;
}

static int report(use *u)
{
    double used = 0.0;
    size_t count = 0;
    int code = vexil_report_number(u->aggregator, "rows_used", &used);

    if (code == VEXIL_OK)
        code = vexil_report_list(u->aggregator, "weight", u->got.weight, N, &count);
    return code;
}

typedef int step(use *u);
static step *const steps[] = { create, run_f32, report, run_f64, run_buckets };
enum { STEPS = sizeof(steps) / sizeof(steps[0]) };

static bool works_in_buckets(const use *u)
{
    return strcmp(u->rule, "aksel") != 0 || u->pre == NULL;
}

/* One use; the k-th allocation fails, k < 0: none. A step that fails is made again without, and the
 * rest is as if nothing had happened. Returns how many steps failed. */
static int go(use *u, int k)
{
    int left = k, failed = 0;

    for (size_t i = 0; i < STEPS; i++) {
        vexil_aggregator *before = u->aggregator;
        int code;

        if (steps[i] == run_buckets && !works_in_buckets(u))
            continue;
        vx_alloc_set_hook(k >= 0 ? vx_test_fail_at_zero : NULL, &left);
        code = steps[i](u);
        vx_alloc_set_hook(NULL, NULL);
        if (code == VEXIL_OK)
            continue;
        if (code != VEXIL_MEMORY)
            fail_msg("%s, allocation %d, step %zu: %d, %s", u->rule, k, i, code, vexil_error());
        failed++;
        assert_ptr_equal(u->aggregator, before);
        assert_non_null(strstr(vexil_error(), "no memory"));
        assert_int_equal(steps[i](u), VEXIL_OK);
    }
    vexil_destroy(u->aggregator);
    u->aggregator = NULL;
    return failed;
}

/* Each allocation of one use; returns how many there were. */
static int try_each(const char *rule, const char *pre)
{
    use sound = { .rule = rule, .pre = pre };
    int k = 0;

    assert_int_equal(go(&sound, -1), 0);
    for (;; k++) {
        use u = { .rule = rule, .pre = pre };
        int failed = go(&u, k);

        if (memcmp(&u.got, &sound.got, sizeof(u.got)) != 0)
            fail_msg("%s: another result after the failure of allocation %d", rule, k);
        if (failed == 0)
            return k;
        assert_int_equal(failed, 1);
    }
}

static void each_allocation_may_fail_and_the_rest_goes_on(void **state)
{
    (void)state;
    for (size_t i = 0; vexil_rule_name(i) != NULL; i++)
        assert_true(try_each(vexil_rule_name(i), NULL) > 40);
    assert_true(try_each("krum", "clipping,bucketing,nnm") > 40);
    assert_true(try_each("median", "clipping,bucketing,nnm") > 40);
}

/* A use that was left where it failed. */
static void what_failed_can_be_destroyed_at_once(void **state)
{
    (void)state;
    for (int k = 0;; k++) {
        use u = { .rule = "centered_clipping" };
        int left = k, code = VEXIL_OK;

        vx_alloc_set_hook(vx_test_fail_at_zero, &left);
        for (size_t i = 0; code == VEXIL_OK && i < STEPS; i++)
            code = steps[i](&u);
        vx_alloc_set_hook(NULL, NULL);
        vexil_destroy(u.aggregator);
        if (code == VEXIL_OK)
            return;
        assert_int_equal(code, VEXIL_MEMORY);
    }
}

/* Wrong options are told as such, or the lack of memory is; never anything else. */
static void refusals_survive_the_failure_of_each_allocation(void **state)
{
    static const struct {
        const char *rule, *pre, *options;
        int code;
    } wrong[] = {
        { "krumm", NULL, NULL, VEXIL_CONFIG },    { "krum", "mix", NULL, VEXIL_CONFIG },
        { "krum", NULL, "taus=1", VEXIL_CONFIG }, { "krum", NULL, "tau=x", VEXIL_CONFIG },
        { "krum", NULL, "tau", VEXIL_CONFIG },    { "bulyan", NULL, NULL, VEXIL_DOMAIN },
        { NULL, NULL, NULL, VEXIL_CONFIG },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        int code = VEXIL_MEMORY;

        for (int k = 0; code == VEXIL_MEMORY; k++) {
            vexil_aggregator *aggregator = NULL;
            int left = k;

            vx_alloc_set_hook(vx_test_fail_at_zero, &left);
            code = vexil_create(wrong[i].rule, wrong[i].pre, 3, wrong[i].options, NULL, N, D,
                                &aggregator);
            vx_alloc_set_hook(NULL, NULL);
            assert_null(aggregator);
            assert_true(vexil_error()[0] != '\0');
        }
        assert_int_equal(code, wrong[i].code);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_allocation_may_fail_and_the_rest_goes_on),
        cmocka_unit_test(what_failed_can_be_destroyed_at_once),
        cmocka_unit_test(refusals_survive_the_failure_of_each_allocation),
    };

    return cmocka_run_group_tests(tests, make_rows, NULL);
}
