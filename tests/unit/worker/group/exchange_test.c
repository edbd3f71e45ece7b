#include <vx_test/check.h>

#include <string.h>
#include <time.h>

#include <mpi.h>

#include <vx_base/alloc.h>
#include <vx_base/clock.h>
#include <vx_base/limits.h>
#include <vx_base/sum.h>

#include "exchange.h"
#include "space.h"

/* The sum of the ranks that mpirun has started, without anything that computes. Each test runs on
 * all of them; what one finds wrong fails it on all, so that none waits for another. */

static int rank_here, ranks;

typedef enum chunking { WHOLE, EQUAL, UNEQUAL, FORWARD, CHUNKINGS } chunking;

typedef struct sum_case {
    vx_exchange_path path;
    vx_exchange_mode mode;
    size_t dimension;
} sum_case;

static const sum_case cases[] = {
    { VX_EXCHANGE_MEMORY, VX_EXCHANGE_OVERLAPPED, 1 },
    { VX_EXCHANGE_MEMORY, VX_EXCHANGE_OVERLAPPED, 65536 },
    { VX_EXCHANGE_MEMORY, VX_EXCHANGE_OVERLAPPED, 200003 },
    { VX_EXCHANGE_MEMORY, VX_EXCHANGE_AFTER, 200003 },
    { VX_EXCHANGE_MESSAGES, VX_EXCHANGE_OVERLAPPED, 1 },
    { VX_EXCHANGE_MESSAGES, VX_EXCHANGE_OVERLAPPED, 65536 },
    { VX_EXCHANGE_MESSAGES, VX_EXCHANGE_OVERLAPPED, 200003 },
    { VX_EXCHANGE_MESSAGES, VX_EXCHANGE_AFTER, 200003 },
};
#define CASES   (sizeof(cases) / sizeof(cases[0]))
#define ROUNDS  (2 * CHUNKINGS)
#define D_MAX   200003
#define SEED    UINT64_C(0x5eed)
#define JITTERS 8

#define SMALL_MEMORY ((uint64_t)24 << 20) /* of /dev/shm, see CMakeLists.txt */
#define D_TOO_LARGE  ((size_t)4 << 20)

static float expected[2][D_MAX];
static float parts[VX_BLOCKS_MAX][D_MAX];

/* SplitMix64 (Steele, Lea, Flood, OOPSLA 2014). */
static uint64_t mix(uint64_t x)
{
    x += UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

/* Of many sizes, so that another order gives other bits. */
static float number(size_t round, size_t rank, size_t i)
{
    uint64_t bits = mix(mix(SEED + round * VX_BLOCKS_MAX + rank) + i);
    float size = (float)(UINT64_C(1) << (bits & 15));

    return size * ((float)(bits >> 40) / 16777216.0F - 0.5F);
}

static void fill(float *part, size_t round, size_t rank, size_t from, size_t count)
{
    for (size_t i = from; i < from + count; i++)
        part[i] = number(round, rank, i);
}

/* What another rank reads too early has the values of another round. */
static void compute(vx_exchange *exchange, size_t d, size_t round, chunking how, uint64_t seed)
{
    float *part = vx_exchange_part(exchange);
    struct timespec pause = { 0, 100000 };

    for (size_t done = 0, count = 0; done < d; done += count, seed = mix(seed)) {
        size_t size = how == EQUAL ? 1000 : 1 + (size_t)(seed % 30000);
        size_t from = 0;

        count = how == WHOLE || size > d - done ? d - done : size;
        from = how == FORWARD ? done : d - done - count;
        fill(part, round, (size_t)rank_here, from, count);
        if (mix(seed + (uint64_t)rank_here) % JITTERS == 0)
            nanosleep(&pause, NULL);
        vx_exchange_announce(exchange, from, count);
    }
}

static void expect(size_t d, size_t round, float *ret_sum)
{
    const float *of_ranks[VX_BLOCKS_MAX];

    for (size_t r = 0; r < (size_t)ranks; r++) {
        fill(parts[r], round, r, 0, d);
        of_ranks[r] = parts[r];
    }
    vx_sum_parts_f32(of_ranks, (size_t)ranks, d, ret_sum);
}

/* Everybody hears whether all is well on each: rank 0 among them, which has ended its round. */
static bool all_well(bool well)
{
    int own = well ? 1 : 0;
    int all = 0;

    MPI_Allreduce(&own, &all, 1, MPI_INT, MPI_MIN, MPI_COMM_WORLD);
    return all == 1;
}

static vx_exchange *begin(const sum_case *c)
{
    vx_exchange *exchange = NULL;

    vx_assert_ok(vx_exchange_create(MPI_COMM_WORLD, c->dimension, c->path, c->mode, &exchange),
                 NULL);
    vx_assert_ok(vx_exchange_connect(exchange, MPI_COMM_WORLD), NULL);
    return exchange;
}

/* The sum that is not asked for may be on its way to a server: it stays as it was. */
static bool round_is_right(vx_exchange *exchange, const sum_case *c, size_t round)
{
    int which = (int)(round % 2);
    float *sum = vx_exchange_sum(exchange, which);
    /* By messages all announce alike; here each as it likes. */
    uint64_t seed = mix(round) + (c->path == VX_EXCHANGE_MEMORY ? (uint64_t)rank_here : 0);
    bool right = true;

    if (rank_here == 0)
        expect(c->dimension, round, expected[which]);
    vx_exchange_begin(exchange, sum);
    compute(exchange, c->dimension, round, (chunking)(round % CHUNKINGS), seed);
    vx_exchange_end(exchange);
    for (int i = 0; rank_here == 0 && i < 2; i++)
        right = right && (i > (int)round || memcmp(vx_exchange_sum(exchange, i), expected[i],
                                                   c->dimension * sizeof(float)) == 0);
    return all_well(right);
}

static void the_sum_has_the_bits_of_one_process_however_it_is_announced(void **state)
{
    (void)state;
    for (size_t i = 0; i < CASES; i++) {
        vx_exchange *exchange = begin(&cases[i]);

        for (size_t round = 0; round < ROUNDS; round++)
            if (!round_is_right(exchange, &cases[i], round))
                fail_msg("case %zu, round %zu", i, round);
        assert_null(vx_exchange_destroy(exchange));
    }
}

static void vectors_begin_with_a_line_of_the_cache(void **state)
{
    (void)state;
    for (size_t i = 0; i < CASES; i++) {
        vx_exchange *exchange = begin(&cases[i]);
        bool well = (uintptr_t)vx_exchange_part(exchange) % 64 == 0;

        for (int which = 0; which < 2; which++) {
            const float *sum = vx_exchange_sum(exchange, which);

            well = well && (uintptr_t)sum % 64 == 0 && (sum != NULL) == (rank_here == 0);
        }
        assert_true(all_well(well));
        assert_null(vx_exchange_destroy(exchange));
    }
}

static double processor_seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static void who_waits_for_a_slow_rank_sleeps(void **state)
{
    const sum_case c = { VX_EXCHANGE_MEMORY, VX_EXCHANGE_OVERLAPPED, 1000 };
    struct timespec second = { 1, 0 };
    vx_exchange *exchange = begin(&c);
    double used = 0.0;

    (void)state;
    MPI_Barrier(MPI_COMM_WORLD);
    vx_exchange_begin(exchange, vx_exchange_sum(exchange, 0));
    used = processor_seconds();
    if (rank_here == ranks - 1)
        nanosleep(&second, NULL);
    vx_exchange_end(exchange);
    used = processor_seconds() - used;
    assert_true(all_well(used < 0.15));
    assert_null(vx_exchange_destroy(exchange));
}

static void without_memory_there_is_no_exchange_and_nothing_is_kept(void **state)
{
    (void)state;
    for (size_t i = 0; i < CASES; i++)
        for (int k = 0;; k++) {
            vx_exchange *exchange = NULL;
            int left = k;
            vx_status status = VX_OK;

            vx_alloc_set_hook(vx_test_fail_at_zero, &left);
            status = vx_exchange_create(MPI_COMM_WORLD, cases[i].dimension, cases[i].path,
                                        cases[i].mode, &exchange);
            vx_alloc_set_hook(NULL, NULL);
            if (status == VX_OK) {
                assert_true(k > 0);
                assert_null(vx_exchange_destroy(exchange));
                break;
            }
            assert_int_equal(status, VX_ERR_NOMEM);
            assert_null(exchange);
        }
}

/* Other workers of the host, whose clock is the same. */
static void one_worker_of_a_host_takes_room_at_a_time(void **state)
{
    struct timespec pause = { 0, 100000000 };
    vx_clock clock = vx_clock_system();
    uint64_t given_back = 0;
    uint64_t got = UINT64_MAX;
    int lock = rank_here == 0 ? vx_space_lock() : -1;

    (void)state;
    MPI_Barrier(MPI_COMM_WORLD);
    if (rank_here == 0) {
        nanosleep(&pause, NULL);
        given_back = vx_clock_monotonic_ns(&clock);
        vx_space_unlock(lock);
    } else {
        lock = vx_space_lock();
        got = vx_clock_monotonic_ns(&clock);
        vx_space_unlock(lock);
    }
    MPI_Bcast(&given_back, 1, MPI_UINT64_T, 0, MPI_COMM_WORLD);
    assert_true(all_well(lock >= 0 && got >= given_back));
}

/* Started with little of /dev/shm, and an MPI that does not look at it itself: what is promised
 * there and missing would be SIGBUS. */
static void where_a_window_has_no_room_all_ranks_hear_of_it(void **state)
{
    static const sum_case sent = { VX_EXCHANGE_MESSAGES, VX_EXCHANGE_OVERLAPPED, 200003 };
    vx_exchange *exchange = NULL;
    vx_status status = VX_OK;

    (void)state;
    vx_assert_ok(vx_exchange_create(MPI_COMM_WORLD, D_TOO_LARGE, VX_EXCHANGE_MEMORY,
                                    VX_EXCHANGE_OVERLAPPED, &exchange),
                 NULL);
    status = vx_exchange_connect(exchange, MPI_COMM_WORLD);
    assert_true(all_well(status == VX_ERR_SPACE));
    assert_null(vx_exchange_destroy(exchange));
    exchange = begin(&sent);
    assert_true(round_is_right(exchange, &sent, 0));
    assert_null(vx_exchange_destroy(exchange));
}

static void free_bytes_are_those_of_the_folder_of_windows(void **state)
{
    char folder[VX_PATH_MAX];
    uint64_t all = 0;

    (void)state;
    vx_space_folder(folder);
    all = vx_space_free(folder, 0);
    assert_int_equal(strncmp(folder, "/dev/shm", 8), 0);
    assert_true(all > 0 && all < SMALL_MEMORY);
    assert_true(vx_space_free(folder, 1) < all);
    assert_int_equal(vx_space_free(folder, VX_BLOCKS_MAX), 0);
    assert_int_equal(vx_space_free("/no/such/folder", 0), 0);
}

static int run_small(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(free_bytes_are_those_of_the_folder_of_windows),
        cmocka_unit_test(where_a_window_has_no_room_all_ranks_hear_of_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_sum_has_the_bits_of_one_process_however_it_is_announced),
        cmocka_unit_test(vectors_begin_with_a_line_of_the_cache),
        cmocka_unit_test(who_waits_for_a_slow_rank_sleeps),
        cmocka_unit_test(one_worker_of_a_host_takes_room_at_a_time),
        cmocka_unit_test(without_memory_there_is_no_exchange_and_nothing_is_kept),
    };
    int failed = 0;

    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank_here);
    MPI_Comm_size(MPI_COMM_WORLD, &ranks);
    failed = argc > 1 ? run_small() : cmocka_run_group_tests(tests, NULL, NULL);
    MPI_Finalize();
    return failed;
}
