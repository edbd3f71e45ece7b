/*
 * mpirun -n RANKS group_bench JOB [ROUNDS]: how long one gradient of the job takes: by one process
 * with 1 and with RANKS BLAS threads; by all ranks, without their sum, with the sum afterwards, and
 * with the sum while they compute, by memory that they share and by messages. In turn, so that what
 * else the machine does touches all alike. All ranks are on one host.
 */
#include <math.h>
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <vx_base/alloc.h>
#include <vx_base/limits.h>
#include <vx_linalg/blas.h>
#include <vx_task/task.h>

#include "exchange.h"

#define ROUNDS_MAX 1000

enum { ALONE, THREADS, APART, AFTER, OVERLAPPED, SENT_AFTER, SENT_OVERLAPPED, WAYS };
static const char *const names[WAYS] = {
    "one process, 1 thread",     "one process, RANKS threads", "ranks, no sum",
    "ranks, sum afterwards",     "ranks, sum meanwhile",       "ranks, sent, sum afterwards",
    "ranks, sent, sum meanwhile"
};

typedef struct bench {
    int rank, size;
    vx_task whole, own; /* of rank 0 alone; a share of it */
    vx_exchange *exchanges[WAYS];
    float *theta, *part; /* part: of ways without a sum */
    size_t d;
    uint64_t round;
    double seconds[WAYS][ROUNDS_MAX];
} bench;

static void must(vx_status status, const vx_error *err)
{
    if (status == VX_OK)
        return;
    fprintf(stderr, "group_bench: %s\n",
            err->message[0] != '\0' ? err->message : vx_status_text(status));
    MPI_Abort(MPI_COMM_WORLD, vx_status_exit_code(status));
}

/* Asleep, so that whoever waits takes no core from whoever computes. */
static void meet(void)
{
    struct timespec nap = { 0, 200000 };
    MPI_Request request = MPI_REQUEST_NULL;
    int done = 0;

    MPI_Ibarrier(MPI_COMM_WORLD, &request);
    while (MPI_Test(&request, &done, MPI_STATUS_IGNORE) == MPI_SUCCESS && done == 0)
        nanosleep(&nap, NULL);
}

static void load(const char *path, uint32_t rank, uint32_t ranks, vx_task *ret_task)
{
    vx_task_place place = { .data_dir = "", .local_workers = 1, .rank = rank, .ranks = ranks };
    vx_job *job = NULL;
    vx_error err = { 0 };

    must(vx_job_load(path, NULL, 0, &job, &err), &err);
    must(vx_task_create_worker(job, &place, ret_task, &err), &err);
}

static void on_ready(void *exchange, size_t offset, size_t count)
{
    vx_exchange_announce(exchange, offset, count);
}

static void compute(bench *b, int way)
{
    vx_cvecf theta = { b->theta, b->d };
    vx_exchange *exchange = b->exchanges[way];
    vx_vecf part = { exchange != NULL ? vx_exchange_part(exchange) : b->part, b->d };
    vx_flow flow = { on_ready, exchange };
    size_t count = b->own.blocks / (size_t)b->size;
    vx_task_partial about;

    if (way == ALONE || way == THREADS) {
        vx_blas_set_threads(way == ALONE ? 1 : b->size);
        if (b->rank == 0)
            vx_task_partial_at(&b->whole, theta, b->round, 0, b->whole.blocks, NULL, part, &about);
        vx_blas_set_threads(1);
        return;
    }
    if (exchange != NULL)
        vx_exchange_begin(exchange, vx_exchange_sum(exchange, 0));
    vx_task_partial_at(&b->own, theta, b->round, (size_t)b->rank * count, count,
                       exchange != NULL ? &flow : NULL, part, &about);
    if (exchange != NULL)
        vx_exchange_end(exchange);
}

static void measure(bench *b, int rounds)
{
    for (int i = -1; i < rounds; i++) /* the first one warms up */
        for (int way = 0; way < WAYS; way++) {
            double began = 0.0;

            b->round = (uint64_t)i + 1;
            meet();
            MPI_Barrier(MPI_COMM_WORLD);
            began = MPI_Wtime();
            compute(b, way);
            if (way == APART) /* until the slowest one is ready, as with a sum */
                MPI_Barrier(MPI_COMM_WORLD);
            if (i >= 0)
                b->seconds[way][i] = MPI_Wtime() - began;
        }
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static double quantile_ms(const bench *b, int way, int at)
{
    return 1e3 * b->seconds[way][at];
}

/* A sum that costs less than its ways differ between the median and the quarter is noise. */
static void report_sum(const bench *b, int rounds, int after)
{
    double median = quantile_ms(b, after, rounds / 2);
    double sum = median - quantile_ms(b, APART, rounds / 2);
    double noise = fmax(median - quantile_ms(b, after, rounds / 4),
                        quantile_ms(b, APART, rounds / 2) - quantile_ms(b, APART, rounds / 4));

    if (sum > noise)
        printf("%s costs %.3f ms (noise %.3f), meanwhile %.3f\n", names[after], sum, noise,
               sum - (median - quantile_ms(b, after + 1, rounds / 2)));
    else
        printf("%s costs less than can be seen (noise %.3f ms)\n", names[after], noise);
}

static void report(bench *b, int rounds)
{
    for (int way = 0; way < WAYS; way++) {
        qsort(b->seconds[way], (size_t)rounds, sizeof(double), compare);
        printf("%-28s %9.3f ms  (quarter %9.3f, best %9.3f)\n", names[way],
               quantile_ms(b, way, rounds / 2), quantile_ms(b, way, rounds / 4),
               quantile_ms(b, way, 0));
    }
    printf("parameters %zu, blocks %zu, ranks %d\n", b->d, b->own.blocks, b->size);
    for (int after = AFTER; after < WAYS; after += 2)
        report_sum(b, rounds, after);
}

int main(int argc, char **argv)
{
    static bench b;
    vx_error err = { 0 };
    int rounds = 30;

    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &b.rank);
    MPI_Comm_size(MPI_COMM_WORLD, &b.size);
    if (argc > 2)
        rounds = (int)strtol(argv[2], NULL, 10);
    if (argc < 2 || rounds < 1 || rounds > ROUNDS_MAX)
        must(vx_fail(&err, VX_ERR_USAGE, "mpirun -n RANKS group_bench JOB [ROUNDS]"), &err);
    if (b.rank == 0)
        load(argv[1], 0, 1, &b.whole);
    load(argv[1], (uint32_t)b.rank, (uint32_t)b.size, &b.own);
    b.d = vx_model_dimension(b.own.model);
    b.theta = vx_aligned_calloc(b.d, sizeof(float));
    b.part = vx_aligned_calloc(b.d, sizeof(float));
    if (b.theta == NULL || b.part == NULL)
        must(VX_ERR_NOMEM, &err);
    vx_model_initialise(b.own.model, 1, (vx_vecf){ b.theta, b.d });
    for (int way = AFTER; way < WAYS; way++) {
        bool after = way == AFTER || way == SENT_AFTER;

        must(vx_exchange_create(
                 MPI_COMM_WORLD, b.d, way < SENT_AFTER ? VX_EXCHANGE_MEMORY : VX_EXCHANGE_MESSAGES,
                 after ? VX_EXCHANGE_AFTER : VX_EXCHANGE_OVERLAPPED, &b.exchanges[way]),
             &err);
        must(vx_exchange_connect(b.exchanges[way], MPI_COMM_WORLD), &err);
    }
    measure(&b, rounds);
    if (b.rank == 0)
        report(&b, rounds);
    for (int way = 0; way < WAYS; way++)
        (void)vx_exchange_destroy(b.exchanges[way]);
    vx_task_destroy(&b.own);
    vx_task_destroy(&b.whole);
    vx_free(b.theta);
    vx_free(b.part);
    MPI_Finalize();
    return 0;
}
