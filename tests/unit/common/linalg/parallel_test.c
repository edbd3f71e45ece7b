#include <vx_test/check.h>

#include <stdatomic.h>
#include <string.h>
#include <time.h>

#include <vx_base/alloc.h>
#include <vx_linalg/parallel.h>

enum { PARTS_MAX = 1000 };

typedef struct count {
    unsigned plain[PARTS_MAX]; /* written by the part alone: a race is for TSan to see */
    unsigned by_thread[VX_THREADS_MAX];
    unsigned threads;
    atomic_uint inside; /* parts under way */
    atomic_bool wrong;
} count;

static void take(void *context, size_t part, unsigned thread)
{
    count *c = context;

    if (thread >= c->threads || atomic_fetch_add(&c->inside, 1) >= c->threads)
        atomic_store(&c->wrong, true);
    c->plain[part]++;
    c->by_thread[thread]++;
    atomic_fetch_sub(&c->inside, 1);
}

static void run_many(unsigned threads)
{
    static const size_t parts[] = { 0, 1, 2, 3, 7, 64, PARTS_MAX };
    vx_parallel *parallel = NULL;
    static count c;

    vx_assert_ok(vx_parallel_create(threads, &parallel), NULL);
    assert_int_equal(vx_parallel_threads(parallel), threads);
    for (size_t turn = 0; turn < 300; turn++) {
        size_t due = parts[turn % (sizeof(parts) / sizeof(parts[0]))], by_threads = 0;

        memset(&c, 0, sizeof(c));
        c.threads = threads;
        vx_parallel_run(parallel, due, take, &c);
        for (size_t part = 0; part < PARTS_MAX; part++)
            assert_int_equal(c.plain[part], part < due ? 1 : 0);
        for (size_t thread = 0; thread < VX_THREADS_MAX; thread++)
            by_threads += c.by_thread[thread];
        assert_int_equal(by_threads, due);
        assert_false(atomic_load(&c.wrong));
    }
    parallel = vx_parallel_destroy(parallel);
    assert_null(parallel);
}

static void every_part_runs_once_at_any_number_of_threads(void **state)
{
    static const unsigned threads[] = { 1, 2, 3, 4, 17, VX_THREADS_MAX };

    (void)state;
    for (size_t i = 0; i < sizeof(threads) / sizeof(threads[0]); i++)
        run_many(threads[i]);
}

typedef struct order {
    size_t next;
    bool wrong;
} order;

static void in_order(void *context, size_t part, unsigned thread)
{
    order *o = context;

    o->wrong = o->wrong || part != o->next || thread != 0;
    o->next++;
}

static void without_threads_the_parts_run_here_in_their_order(void **state)
{
    order o = { 0 };

    (void)state;
    assert_int_equal(vx_parallel_threads(NULL), 1);
    vx_parallel_run(NULL, 100, in_order, &o);
    assert_int_equal(o.next, 100);
    assert_false(o.wrong);
}

static void meet(void *context, size_t part, unsigned thread)
{
    atomic_uint *here = context;

    (void)part;
    (void)thread;
    atomic_fetch_add(here, 1);
    while (atomic_load(here) < 2)
        ;
}

/* Each part waits for the other: one thread alone would never end. */
static void two_parts_run_at_the_same_time(void **state)
{
    vx_parallel *parallel = NULL;

    (void)state;
    vx_assert_ok(vx_parallel_create(2, &parallel), NULL);
    for (int turn = 0; turn < 50; turn++) {
        atomic_uint here;

        atomic_init(&here, 0);
        vx_parallel_run(parallel, 2, meet, &here);
        assert_int_equal(atomic_load(&here), 2);
    }
    vx_parallel_destroy(parallel);
}

static double cpu_s(void)
{
    struct timespec t;

    assert_int_equal(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t), 0);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void idle_threads_use_no_processor_time(void **state)
{
    const struct timespec rest = { 0, 200 * 1000 * 1000 };
    vx_parallel *parallel = NULL;
    order o = { 0 };
    double before;

    (void)state;
    vx_assert_ok(vx_parallel_create(8, &parallel), NULL);
    vx_parallel_run(parallel, 1, in_order, &o);
    before = cpu_s();
    assert_int_equal(nanosleep(&rest, NULL), 0);
    assert_true(cpu_s() - before < 0.1);
    vx_parallel_destroy(parallel);
}

static void create_survives_the_failure_of_its_allocation(void **state)
{
    vx_parallel *parallel = NULL;
    int left = 0;

    (void)state;
    vx_alloc_set_hook(vx_test_fail_at_zero, &left);
    vx_assert_status(vx_parallel_create(4, &parallel), VX_ERR_NOMEM, NULL);
    vx_alloc_set_hook(NULL, NULL);
    assert_null(parallel);
    assert_null(vx_parallel_destroy(NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_part_runs_once_at_any_number_of_threads),
        cmocka_unit_test(without_threads_the_parts_run_here_in_their_order),
        cmocka_unit_test(two_parts_run_at_the_same_time),
        cmocka_unit_test(idle_threads_use_no_processor_time),
        cmocka_unit_test(create_survives_the_failure_of_its_allocation),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
